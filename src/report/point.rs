//! A setting of the knob: what it computes, how fast it is and what it answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use perforate_bench::stats::Interval;

/// One setting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PointReport {
    /// Knob values.
    pub knob: BTreeMap<String, f32>,
    /// Share of rows on the full path.
    pub active: f64,
    /// Share of rows by path.
    pub paths: BTreeMap<String, f64>,
    /// Operations a sample, gates included.
    pub macs: f64,
    /// Those of them on eight-bit integers.
    pub integer_macs: f64,
    /// Bytes of weights that a sample reads, as loaded.
    pub bytes: f64,
    /// Full model's operations / `macs`.
    pub ideal_speedup: f64,
    /// One row at a time.
    pub batch1: Option<TimingReport>,
    /// In batches of 32.
    pub batch32: Option<TimingReport>,
    /// Times faster than the full model at batch 1, predicted from the times of the paths that it takes; what an
    /// oracle would gain here. None for models without paths.
    #[serde(default)]
    pub predicted_speedup: Option<f64>,
    /// Mean share of a sample that each layer computes on, where the model tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<f64>,
    /// Share of right answers.
    pub accuracy: Option<f64>,
    /// Accuracy minus the full model's, in percentage points.
    pub accuracy_delta_pp: Option<f64>,
    /// The same with its 95 % interval, by pairs of answers to the same samples.
    #[serde(default)]
    pub accuracy_difference: Option<Interval>,
    /// Share of answers equal to the full model's.
    pub agreement: f64,
    /// Largest absolute difference from the full model's outputs.
    pub deviation_max: f64,
    /// Mean absolute difference from the full model's outputs.
    pub deviation_mean: f64,
    /// Estimated energy of one inference.
    pub energy_j: EnergyReport,
    /// Kilowatt-hours for a million inferences, estimated by time.
    #[serde(default)]
    pub kwh_per_million: Option<f64>,
    /// Estimated, by time.
    pub gco2e_per_million: Option<f64>,
    /// Estimated, by time.
    pub usd_per_million: Option<f64>,
    /// What a right answer costs; none without labels.
    #[serde(default)]
    pub per_correct: Option<PerCorrect>,
}

/// Two estimates of energy, in joules; see [`EnergyModel`](perforate_bench::energy::EnergyModel).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EnergyReport {
    /// Watts × time.
    pub time: Option<f64>,
    /// Per operation and byte.
    pub operations: f64,
}

/// Timing of one setting at one batch size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimingReport {
    /// Seconds a sample.
    pub latency_s: Interval,
    /// Samples a second.
    pub throughput_per_s: Interval,
    /// Times faster than the full model.
    pub speedup: Interval,
    /// Measured speed-up / ideal speed-up.
    pub realised: f64,
}

/// What a right answer costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PerCorrect {
    /// Operations.
    pub macs: f64,
    /// Seconds, at batch 1.
    pub latency_s: Option<f64>,
    /// Joules, estimated from time.
    pub energy_j: Option<f64>,
    /// Dollars for a million of them.
    pub usd_per_million: Option<f64>,
}

/// A setting of the dense curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DenseReport {
    /// Value of the knob.
    pub knob: f32,
    /// As [`PointReport::active`].
    pub active: f64,
    /// Operations a sample, gates included.
    pub macs: f64,
    /// Share of right answers.
    pub accuracy: Option<f64>,
    /// Share of answers equal to the full model's.
    pub agreement: f64,
    /// Seconds a sample, predicted from the segments' times.
    pub latency_s: Option<f64>,
    /// The full model's latency, timed with the segments, over that.
    pub speedup: Option<f64>,
}
