//! Composers: each makes one routed ONNX file out of component models, and knows nothing of timing.

pub mod dendritic;
pub mod early_exit;
pub mod experts;
pub mod fuzzy;
mod ladder;
pub mod refine;
pub mod score;
