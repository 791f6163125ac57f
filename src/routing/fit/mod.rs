//! Fits in closed form, and the choice of an operating point on calibration data.

pub mod calibrate;
pub mod classes;
pub mod dendritic;
pub mod layer;
pub mod quantise;
pub mod ridge;
pub mod temperature;
