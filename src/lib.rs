//! Perforate, a laboratory for routed inference.
pub mod bench;
pub mod chart;
pub mod clock;
pub mod data;
pub mod energy;
pub mod engine;
pub mod error;
pub mod fit;
pub mod lab;
pub mod onnx;
pub mod report;
pub mod route;
pub mod units;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use error::{Error, ErrorKind, Result};
