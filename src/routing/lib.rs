//! Composers: each makes one routed ONNX file out of component models, and knows nothing of timing.

pub mod attention;
pub mod cascade;
pub mod dendritic;
pub mod early_exit;
pub mod energy;
pub mod experts;
pub mod features;
pub mod fit;
pub mod fuzzy;
mod ladder;
pub mod learned;
mod names;
pub mod perforated;
pub mod precision;
pub mod refine;
pub mod score;
pub mod search;
