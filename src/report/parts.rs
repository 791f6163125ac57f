//! Parts of the measured models: segments, memory, temperatures of the paths.

use serde::{Deserialize, Serialize};

use perforate_bench::stats::Interval;
use perforate_routing::fit::temperature::Fit;

/// A segment of the routed model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// Its name.
    pub name: String,
    /// Operations for one row; none if they depend on sizes of the input.
    pub macs: Option<f64>,
    /// Number of weights.
    pub parameters: usize,
    /// Their bytes.
    pub bytes: f64,
    /// Most bytes of tensors alive at once inside it, for one row.
    pub peak_live_bytes: Option<f64>,
    /// Seconds for one row, by itself, on this device.
    pub latency_s: Option<Interval>,
    /// Number of operators, as the file has them.
    pub operators: usize,
}

/// Memory of a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MemoryReport {
    /// Size of the ONNX file.
    pub model_bytes: f64,
    /// Bytes of the weights, loaded.
    pub weight_bytes: f64,
    /// Most bytes of tensors alive at once, for one row on the dearest path.
    pub peak_live_bytes: Option<f64>,
}

/// A path's temperature, fitted on samples of its own, judged on the test samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TemperatureReport {
    /// T.
    pub temperature: f64,
    /// Without it.
    pub before: Fit,
    /// With it.
    pub after: Fit,
}
