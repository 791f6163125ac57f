//! What an observer has counted, as it is written to JSON. `src/runtime/npm/report.schema.json` describes it.

use std::collections::BTreeMap;

use serde::Serialize;

/// Version of the format; it changes when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// What was run while somebody watched.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// Rows that were run.
    pub rows: u64,
    /// Multiply-accumulates of all of them.
    pub macs: f64,
    /// Rows by path.
    pub paths: BTreeMap<String, u64>,
    /// The gates, in the order in which a row meets them.
    pub gates: Vec<GateReport>,
    /// The segments that ran, in the program's order.
    pub segments: Vec<SegmentReport>,
}

/// What a gate saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GateReport {
    /// Name of the `If` node.
    pub name: String,
    /// What its branches are called, `[then, else]`.
    pub labels: [String; 2],
    /// Rows that took each.
    pub taken: [u64; 2],
    /// Upper ends of the classes of scores but the last, rising: quantiles of the calibration, or of the first scores.
    pub edges: Vec<f32>,
    /// Scores in each class; one more than edges. Rows without a score are in none.
    pub counts: Vec<u32>,
    /// Scores of the calibration in the same classes, where the file has them.
    pub calibration: Option<Vec<u32>>,
    /// The alarm, where the file has scores of a calibration.
    pub drift: Option<Drift>,
}

/// Whether inputs are still like those of the calibration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Drift {
    /// Probability that the alarm sounds without need, however long one looks.
    pub delta: f64,
    /// Scores that it has heard: those of runs at the knobs' defaults.
    pub heard: u64,
    /// The most that the evidence against the calibration has been; the alarm sounds at 1/δ.
    pub evidence: f64,
    /// After how many scores it sounded.
    #[serde(rename = "soundedAfter")]
    pub sounded_after: Option<u64>,
}

/// What a segment took.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SegmentReport {
    /// Its name.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// Rows in these runs.
    pub rows: u64,
    /// Milliseconds in all.
    pub ms: f64,
}
