//! Routers made of a pool: any models that read the same inputs, asked one after the other, cheapest first.
//!
//! Each stage runs one more model. Its answer is the average of all models so far, which costs nothing and lifts accuracy
//! above that of any of them; and a gate predicts whether that answer is lost if it stands. The odds of a loss, divided by
//! what going on costs, meet the knob.
//!
//! | module | does |
//! |---|---|
//! | [`blend`] | averages of answers |
//! | [`failure`] | predicts losses from the answers so far |
//! | [`judge`] | both for one stage, as ONNX operators; all of a router's in one small file |
//! | [`compose`] | models and judges become a routed model |
//! | [`search`] | which models, and what the judges weigh |

pub mod blend;
pub mod compose;
pub mod failure;
pub mod judge;
pub mod search;
