//! Fits in closed form, and the choice of an operating point on calibration data.
//!
//! | module | what it does |
//! |---|---|
//! | [`calibrate`] | chooses the cheapest setting whose loss is certified to stay below a bound |
//! | [`classes`] | answers and probabilities of classes |
//! | [`dendritic`] | fits a dendritic gate |
//! | [`layer`] | a linear layer in f32, as a graph has it |
//! | [`quantise`] | weights in eight or four bits |
//! | [`ridge`] | ridge regression with cross-validation |
//! | [`temperature`] | temperature scaling of a classifier's scores |

pub mod calibrate;
pub mod classes;
pub mod dendritic;
pub mod layer;
pub mod quantise;
pub mod ridge;
pub mod temperature;
