//! One setting of a routed model, or a reference: its answers and its times.

use super::quality::Quality;
use super::stats::Interval;

/// One timed setting at one batch size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Seconds a sample.
    pub latency: Interval,
    /// Times faster than the full model at the same batch size.
    pub speedup: Interval,
}

/// One point of the curve, or a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Value of the knob, for points of the curve.
    pub knob: Option<f32>,
    /// Share of rows on the full path, in the test samples.
    pub active: f64,
    /// Cost as a share of the full model's, by [`Options::cost`](crate::subject::Options::cost).
    pub cost: f64,
    /// Answers on the test samples.
    pub quality: Quality,
    /// Timing one row at a time.
    pub batch1: Option<Timing>,
    /// Timing in batches of [`Options::batch`](crate::subject::Options::batch).
    pub batch_n: Option<Timing>,
}
