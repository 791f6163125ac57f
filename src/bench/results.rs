//! What a sweep takes and what it gives.

use perforate_base::Named;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::energy::EnergyModel;
use perforate_base::units::Seconds;
use perforate_data::perturb::Variant;
use perforate_data::{Calibration, Scaling, Test};
use perforate_engine::{Program, Work};
use perforate_onnx::KnobRange;
use perforate_routing::fit::calibrate::{Alternatives, Certificate, RiskTarget};
use perforate_routing::fit::temperature::Fit;

use super::curve::CurveFigures;
use super::dense::DensePoint;
use super::quality::Quality;
use super::robustness::Robustness;
use super::samples::Samples;
use super::segments::SegmentTimes;
use super::stats::Interval;

/// What "active" means for a routed model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Active {
    /// The share of rows that take the full path, where there are two.
    #[default]
    FullPath,
    /// Operations, as a share of the full model's, where paths have several lengths.
    Operations,
    /// Energy by operations and bytes, as a share of the full model's, where paths do the same operations in other
    /// precisions.
    Energy,
}

impl Active {
    /// What work counts as, where shares of it are compared.
    pub fn weight(self, energy: &EnergyModel, work: Work) -> f64 {
        match self {
            Active::FullPath | Active::Operations => work.macs.0,
            Active::Energy => energy.by_operations(work).0,
        }
    }
}

/// What counts as cost where settings, paths or models are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostBasis {
    /// Multiply-accumulates, or their energy where precisions differ: the same everywhere.
    #[default]
    Operations,
    /// Seconds as measured on this device.
    Time,
}

impl Named for CostBasis {
    const ALL: &'static [CostBasis] = &[CostBasis::Operations, CostBasis::Time];

    fn name(&self) -> &'static str {
        match self {
            CostBasis::Operations => "operations",
            CostBasis::Time => "time",
        }
    }
}

/// What a sweep measures.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The model to be replaced.
    pub full: Arc<Program>,
    /// The cheap model alone.
    pub light: Arc<Program>,
    /// The routed model.
    pub routed: Arc<Program>,
    /// Other models to compare with: static ones that were trained for costs between light and full, and routed ones of
    /// other strategies, at the settings that are their knobs' defaults.
    pub others: Vec<Arc<Program>>,
    /// What "active" means.
    pub active: Active,
    /// Whether the light model runs for every row, because the gate reads it, and none of it is part
    /// of the full one: then it is the router's cost.
    pub light_always_runs: bool,
    /// Name and range of the knob that is swept.
    pub knob: String,
    /// Its ends.
    pub range: KnobRange,
    /// Labelled samples on which temperatures are fitted.
    pub scaling: Option<Scaling>,
    /// Samples on which the operating point is chosen.
    pub calibration: Calibration,
    /// Samples on which everything is reported.
    pub test: Test,
    /// The same, disturbed, to see what that does to the full and to the routed model.
    pub variants: Vec<Variant>,
    /// Where outputs are numbers and no scores of classes: how far from the full model's an answer that agrees may lie.
    pub tolerance: Option<f32>,
}

/// How much to measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Rounds of timing, for each batch size.
    pub rounds: usize,
    /// Settings of the knob that are measured, its ends included.
    pub settings: usize,
    /// Rows in one timing pass at batch 1.
    pub timed_rows: usize,
    /// The larger batch size.
    pub batch: usize,
    /// Length of a slice between two looks at the outside world.
    pub slice: Seconds,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// The guarantee that the operating point must carry.
    pub target: RiskTarget,
    /// What counts as cost.
    pub cost: CostBasis,
    /// Constants by which energy is a cost.
    pub energy: EnergyModel,
    /// Whether only times are wanted, for another launch's results: not every sample is judged then.
    pub timing_only: bool,
}

/// The times that one launch measured, for the results of another one of the same experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The knob values that were timed.
    pub grid: Vec<f32>,
    /// By measurement: batch 1, segments, router, larger batches.
    pub samples: [Samples; 4],
}

/// A path's temperature, and how well its confidence fits the test labels without and with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathScaling {
    /// T, fitted on the scaling samples.
    pub temperature: f64,
    /// At T = 1.
    pub before: Fit,
    /// At T.
    pub after: Fit,
}

/// How a path answers the labelled samples.
#[derive(Debug, Clone, PartialEq)]
pub struct PathAnswers {
    /// Share of right answers on the calibration samples.
    pub calibration_accuracy: f64,
    /// Whether each test sample is answered right.
    pub right: Vec<bool>,
}

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
    /// Cost as a share of the full model's, by [`Options::cost`].
    pub cost: f64,
    /// Answers on the test samples.
    pub quality: Quality,
    /// Timing one row at a time.
    pub batch1: Option<Timing>,
    /// Timing in batches of [`Options::batch`].
    pub batch_n: Option<Timing>,
}

/// Everything measured so far.
#[derive(Debug, Clone)]
pub struct Results {
    /// The full model alone.
    pub full: Point,
    /// The light model alone.
    pub light: Point,
    /// The static models that are judged so far.
    pub statics: Vec<Point>,
    /// Models of other strategies, by name, that are judged so far.
    pub rivals: Vec<(String, Point)>,
    /// The routed model, cheapest setting first.
    pub curve: Vec<Point>,
    /// The routed model at many more settings, computed from what was recorded, cheapest first.
    pub dense: Vec<DensePoint>,
    /// What each segment takes here, once measured.
    pub segments: Option<SegmentTimes>,
    /// The same for each path, in the order of [`Quality::paths`].
    pub path_seconds: Option<Vec<Seconds>>,
    /// What runs beside the full model's own segments when all computation is active, relative to them,
    /// by the segments' times; none where no segment of the routed model is the full model's own.
    pub router_share: Option<Interval>,
    /// Temperatures of the paths' answers, in the order of [`Quality::paths`]; empty without labels.
    pub scalings: Vec<PathScaling>,
    /// What counts as cost.
    pub cost: CostBasis,
    /// Figures of the curve as a whole.
    pub figures: CurveFigures,
    /// A random router with the same shares, point by point.
    pub random: Vec<Quality>,
    /// Cheapest path that is right.
    pub oracle: Quality,
    /// Cheapest path that agrees with the full model.
    pub agreement_oracle: Quality,
    /// Choice of the operating point on the calibration samples; its index counts along `curve`.
    pub certificate: Certificate,
    /// What rules without this guarantee would choose; indices along `curve`.
    pub alternatives: Alternatives,
    /// The guarantee it was chosen for.
    pub target: RiskTarget,
    /// Whether the gates look at the rows; if not, the knob alone chooses, and somebody has to turn it.
    pub reads_rows: bool,
    /// Answers of each path, in the order of [`Quality::paths`], where the gates do not look at the rows, so
    /// that somebody else has to choose; empty without labels, and before all samples are judged.
    pub path_answers: Vec<PathAnswers>,
    /// Full and routed model on the test samples as they are, and on each disturbed variant; empty without
    /// variants, and before all are judged.
    pub robustness: Vec<Robustness>,
    /// (routed, all computation active) / (full model) − 1, at batch 1.
    pub gate_overhead: Option<Interval>,
    /// The same without the light model that the gate reads: (routed − light) / full − 1.
    pub gate_alone: Option<Interval>,
    /// Labels of the paths, in the order of [`Quality::paths`].
    pub path_labels: Vec<String>,
    /// Complete rounds of timing at batch 1.
    pub rounds: usize,
    /// Launches that they came from.
    pub launches: usize,
    /// The clock's tick.
    pub tick: Seconds,
    /// Doubts, as advice.
    pub warnings: Vec<String>,
}

/// Progress for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub text: String,
    /// Share done, in 0…1.
    pub share: f64,
}
