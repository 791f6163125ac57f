//! What a sweep gives.

use serde::{Deserialize, Serialize};

use perforate_base::units::Seconds;
use perforate_routing::fit::calibrate::{Alternatives, Certificate, RiskTarget};
use perforate_routing::fit::temperature::Fit;

use super::curve::CurveFigures;
use super::dense::DensePoint;
use super::point::Point;
use super::quality::Quality;
use super::robustness::Robustness;
use super::samples::Samples;
use super::segments::SegmentTimes;
use super::setting::Setting;
use super::stats::Interval;
use super::subject::CostBasis;

/// The times that one launch measured, for the results of another one of the same experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessRun {
    /// The knob values that were timed.
    pub grid: Vec<Setting>,
    /// One row at a time.
    pub batch1: Samples,
    /// Each segment of the routed model.
    pub segments: Samples,
    /// The router by itself.
    pub router: Samples,
    /// In batches.
    pub batch_n: Samples,
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
    pub is_input_dependent: bool,
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
