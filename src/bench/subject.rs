//! What a sweep takes: the models, the samples, and how much to measure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use perforate_base::Named;
use perforate_base::units::Seconds;
use perforate_data::perturb::Perturbation;
use perforate_data::{Calibration, Scaling, Test};
use perforate_engine::{Program, Work};
use perforate_onnx::KnobRange;
use perforate_routing::fit::calibrate::RiskTarget;

use super::energy::EnergyModel;
use super::recorded::RecordedAnswers;
use super::sequential::Stopping;

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

/// What the light model is to the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LightRole {
    /// One of the models that it chooses from.
    #[default]
    Choice,
    /// It runs for every row, because the gate reads it, and none of it is part of the full one: it is the router's cost.
    GateReads,
    /// The full network, cut at its first exit.
    FirstExit,
}

/// What a sweep measures.
#[derive(Debug, Clone)]
pub struct BenchTarget {
    /// The model to be replaced.
    pub full: Arc<Program>,
    /// The light model alone.
    pub light: Arc<Program>,
    /// The routed model.
    pub routed: Arc<Program>,
    /// Models to compare with: static ones that were trained for costs between light and full, and routed ones of
    /// other strategies, at the settings that are their knobs' defaults.
    pub references: Vec<Arc<Program>>,
    /// What "active" means.
    pub active: Active,
    /// What the light model is to the router.
    pub light_role: LightRole,
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
    /// Changes of the test samples, to measure the guarantee's risk on inputs unlike the calibration's.
    pub perturbations: Vec<Perturbation>,
    /// Where outputs are numbers and no scores of classes: how far from the full model's an answer that agrees may lie.
    pub tolerance: Option<f32>,
    /// What all paths and references answer, if that was recorded before; some rows run again to see that it holds here.
    pub recorded: Option<Arc<RecordedAnswers>>,
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
    /// Test samples that are perturbed in each way.
    pub perturbed_rows: usize,
    /// Length of a slice between two looks at the outside world.
    pub slice: Seconds,
    /// Seed of the rows that are timed.
    pub seed: u64,
    /// The guarantee that the operating point must carry.
    pub target: RiskTarget,
    /// What counts as cost.
    pub cost: CostBasis,
    /// Constants by which energy is a cost.
    pub energy: EnergyModel,
    /// When to stop timing the operating point beside its rivals; none skips that, as where several processes time the
    /// whole curve.
    pub headline: Option<Stopping>,
    /// Whether only times are wanted, for another launch's results: not every sample is judged then.
    pub timing_only: bool,
}
