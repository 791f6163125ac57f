//! What a sweep gives.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use perforate_base::units::Seconds;
use perforate_engine::{Path, Program};
use perforate_routing::fit::calibrate::{Alternatives, Certificate, RiskTarget};
use perforate_routing::fit::temperature::Fit;

use super::curve::CurveFigures;
use super::dense::{DensePoint, mean_seconds};
use super::point::Point;
use super::quality::Quality;
use super::recorded::AnswersCheck;
use super::robustness::Robustness;
use super::samples::Samples;
use super::segments::SegmentTimes;
use super::self_check::SelfCheck;
use super::setting::Setting;
use super::stats::Interval;
use super::subject::CostBasis;
use super::verdict::{Evidence, Verdict};

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

/// A path through the routed model.
#[derive(Debug, Clone)]
pub struct PathResult {
    /// Which branches it takes.
    pub path: Path,
    /// Its name, for people.
    pub label: String,
    /// What a sample takes on it here, once the segments are measured.
    pub seconds: Option<Seconds>,
    /// Temperature of its answers; none without labels.
    pub scaling: Option<PathScaling>,
    /// Its answers, where the gates do not look at the rows, so that somebody else has to choose; none without labels,
    /// and before all samples are judged.
    pub answers: Option<PathAnswers>,
}

/// A model beside the routed one.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The model.
    pub program: Arc<Program>,
    /// How it fares.
    pub point: Point,
}

/// What kind of model a reference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceRole {
    /// It computes the same for every input.
    Static,
    /// Another strategy's, at one setting.
    OtherStrategy,
}

impl Reference {
    /// Its kind.
    pub fn role(&self) -> ReferenceRole {
        match self.program.gates().is_empty() {
            true => ReferenceRole::Static,
            false => ReferenceRole::OtherStrategy,
        }
    }
}

/// Everything measured so far.
#[derive(Debug, Clone)]
pub struct Results {
    /// The full model alone.
    pub full: Point,
    /// The light model alone.
    pub light: Point,
    /// The references that are judged so far.
    pub references: Vec<Reference>,
    /// The routed model, cheapest setting first.
    pub curve: Vec<Point>,
    /// The routed model at many more settings, computed from what was recorded, cheapest first.
    pub dense: Vec<DensePoint>,
    /// What each segment takes here, once measured.
    pub segments: Option<SegmentTimes>,
    /// The paths that the knob can lead to; [`Quality::paths`] has their shares, in this order.
    pub paths: Vec<PathResult>,
    /// What runs beside the full model's own segments when all computation is active, relative to them,
    /// by the segments' times; none where no segment of the routed model is the full model's own.
    pub router_share: Option<Interval>,
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
    /// Full and routed model on the test samples as they are, and after each perturbation; empty without
    /// perturbations, and before all are judged.
    pub robustness: Vec<Robustness>,
    /// Whether routing pays.
    pub verdict: Verdict,
    /// What that rests on.
    pub evidence: Evidence,
    /// The measurement's test of itself, once it is made.
    pub self_check: Option<SelfCheck>,
    /// What running some rows again shows of answers that were recorded before; none where all were run here.
    pub answers_check: Option<AnswersCheck>,
    /// (routed, all computation active) / (full model) − 1, at batch 1.
    pub gate_overhead: Option<Interval>,
    /// The same without the light model that the gate reads: (routed − light) / full − 1.
    pub gate_alone: Option<Interval>,
    /// Complete rounds of timing at batch 1.
    pub rounds: usize,
    /// Launches that they came from.
    pub launches: usize,
    /// The clock's tick.
    pub tick: Seconds,
    /// Warnings, as advice.
    pub warnings: Vec<String>,
}

impl Results {
    /// The references of this kind.
    pub fn references_of(&self, role: ReferenceRole) -> impl Iterator<Item = &Reference> {
        self.references.iter().filter(move |reference| reference.role() == role)
    }

    /// The mean over samples that take the paths in these shares; none before the segments are measured, or for a model
    /// without paths.
    pub fn mean_seconds(&self, shares: &[f64]) -> Option<Seconds> {
        let seconds = self.paths.iter().map(|path| path.seconds).collect::<Option<Vec<_>>>()?;
        (shares.len() == seconds.len()).then(|| mean_seconds(shares, &seconds))
    }
}

/// Progress for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub text: String,
    /// Share done, in 0…1.
    pub share: f64,
}
