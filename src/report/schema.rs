//! The report: one entry a scenario, of a core and sections.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::energy::EnergyModel;
use perforate_bench::recorded::AnswersCheck;
use perforate_bench::self_check::{SelfCheck, TimingQuality};
use perforate_bench::stats::Interval;
use perforate_bench::sweep::{Active, CostBasis};
use perforate_bench::verdict::{Evidence, VerdictClass};
use perforate_routing::fit::calibrate::Loss;

use crate::models::ModelReport;
use crate::parts::{MemoryReport, SegmentReport, TemperatureReport};
use crate::point::{DenseReport, PointReport};
use crate::section::Section;
use crate::targets::TargetReport;

/// Version of the report's format.
pub const SCHEMA: u32 = 2;

/// Version of the runtime that executes the segments, as Cargo.toml pins it.
pub const TRACT: &str = "0.23.9";

/// A whole report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of this crate.
    pub version: String,
    /// Versions of what the figures depend on, this crate included.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Seed of everything random.
    pub seed: u64,
    /// Whether less than usual was measured.
    pub quick: bool,
    /// What was left out, in words, if `quick`.
    pub left_out: Option<String>,
    /// Where it was measured.
    pub host: Host,
    /// One entry a scenario.
    pub scenarios: Vec<ScenarioReport>,
}

impl Report {
    /// A report about `host` without scenarios.
    pub fn new(seed: u64, quick: bool, host: Host) -> Report {
        let left_out = quick.then(|| {
            "Fewer rounds of timing and fewer samples: intervals are wider and the guarantee is weaker.".into()
        });
        let version = env!("CARGO_PKG_VERSION").to_string();
        let versions = [("perforate", version.as_str()), ("tract-onnx", TRACT)];
        let versions = versions.map(|(name, version)| (name.into(), version.into())).into();
        Report { schema: SCHEMA, version, versions, seed, quick, left_out, host, scenarios: vec![] }
    }

    /// Reads a report of this version or an earlier one.
    ///
    /// # Errors
    /// `Config` where the text is no report.
    pub fn from_json(text: &str) -> Result<Report> {
        serde_json::from_str(text).map_err(|e| {
            let text = format!("this is no report ({})", perforate_base::error::one_line(e));
            Error::new(ErrorKind::Config, text)
        })
    }

    /// The experiments alone, as JSON that repeats them: one, or a list.
    pub fn experiments(&self) -> Result<String> {
        let all: Vec<_> = self.scenarios.iter().map(|scenario| &scenario.experiment).collect();
        let text = match &all[..] {
            [one] => serde_json::to_string_pretty(one),
            all => serde_json::to_string_pretty(all),
        };
        text.map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
    }
}

/// Where a report was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Target triple, or the browser's name.
    pub target: String,
    /// Name of the processor, if it is known.
    pub cpu: Option<String>,
    /// Threads that the engine uses.
    pub threads: u32,
    /// Vector instructions in use.
    pub simd: String,
    /// Smallest step of the clock.
    pub clock_tick_s: f64,
}

/// Data of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataReport {
    /// Name of the data set.
    pub name: String,
    /// Samples for choosing.
    pub calibration_n: usize,
    /// Samples for reporting.
    pub test_n: usize,
    /// Samples for fitting temperatures.
    #[serde(default)]
    pub scaling_n: usize,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileReport {
    /// Name, relative to the project.
    pub name: String,
    /// Its content's SHA-256, in hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: usize,
}

/// One scenario's results.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScenarioReport {
    /// `strategy/task`.
    pub name: String,
    /// The composer.
    pub strategy: String,
    /// File of the routed model, or how it is made.
    pub model: String,
    /// Data and sizes of the splits.
    pub data: DataReport,
    /// What was run, so that it can be repeated; see the command line's `--config`.
    #[serde(default)]
    pub experiment: serde_json::Value,
    /// The files that it read.
    #[serde(default)]
    pub files: Vec<FileReport>,
    /// What the curve is to be held against.
    pub references: References,
    /// Cheapest setting first.
    pub curve: Vec<PointReport>,
    /// Many more settings, computed from what each path answered.
    #[serde(default)]
    pub dense: Vec<DenseReport>,
    /// Median of |measured / predicted speed-up − 1| over the measured settings of the curve.
    #[serde(default)]
    pub prediction_error: Option<f64>,
    /// The routed model's segments: costs anywhere, and times here.
    #[serde(default)]
    pub segments: Vec<SegmentReport>,
    /// Memory of the models.
    #[serde(default)]
    pub memory: BTreeMap<String, MemoryReport>,
    /// Temperatures of the paths' answers.
    #[serde(default)]
    pub temperatures: BTreeMap<String, TemperatureReport>,
    /// What was asked of the operating point, and what became of it.
    #[serde(default)]
    pub targets: Vec<TargetReport>,
    /// The models beside each other: full, light, the static ones, routed.
    #[serde(default)]
    pub models: Vec<ModelReport>,
    /// What counts as cost where settings and models are compared.
    #[serde(default)]
    pub cost: CostBasis,
    /// Constants of the energy and money estimates.
    #[serde(default)]
    pub energy_model: EnergyModel,
    /// Unit and source of each of their default values.
    #[serde(default)]
    pub energy_sources: BTreeMap<String, String>,
    /// The curve as a whole.
    #[serde(default)]
    pub figures: FiguresReport,
    /// The chosen setting.
    pub operating_point: OperatingPoint,
    /// (all computation active, gates included) / (full model) − 1.
    pub gate_overhead: Option<Interval>,
    /// The same without the light model, where the gate reads what that computes.
    pub gate_alone: Option<Interval>,
    /// What runs beside the full model's own segments when all computation is active, relative to them, by the
    /// segments' times.
    #[serde(default)]
    pub router_share: Option<Interval>,
    /// Operators whose cost is unknown.
    pub uncosted_ops: Vec<String>,
    /// Rounds of timing at batch 1, and the launches that they came from.
    #[serde(default)]
    pub rounds: usize,
    /// Times that the measuring program was started anew; one launch does not show how launches differ.
    #[serde(default)]
    pub launches: usize,
    /// Warnings, as advice.
    pub warnings: Vec<String>,
    /// The verdict in one sentence.
    pub summary: String,
    /// What it rests on, or what to do.
    #[serde(default)]
    pub comparison: Option<String>,
    /// What "active" is a share of.
    #[serde(default)]
    pub active_means: Active,
    /// Whether routing pays.
    #[serde(default)]
    pub verdict: VerdictClass,
    /// What the verdict rests on.
    #[serde(default)]
    pub evidence: Option<Evidence>,
    /// How well the machine measured; none before the self-check.
    #[serde(default)]
    pub quality: Option<TimingQuality>,
    /// The measurement's test of itself.
    #[serde(default)]
    pub self_check: Option<SelfCheck>,
    /// What running some rows again shows of answers that were recorded before; none where all were computed here.
    #[serde(default)]
    pub answers_check: Option<AnswersCheck>,
    /// What not every scenario has.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// References of a scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct References {
    /// The full model alone.
    pub full: PointReport,
    /// The light model alone.
    pub light: PointReport,
    /// The cost-matched static model: of about the operating point's cost, where one was trained.
    #[serde(rename = "matched")]
    pub cost_matched: Option<PointReport>,
    /// All static models that were trained for costs between light and full; `active` is their share
    /// of the full model's operations.
    #[serde(default)]
    pub statics: Vec<PointReport>,
    /// Models of other strategies at one setting each, named by it.
    #[serde(default, rename = "rivals")]
    pub other_strategies: Vec<OtherStrategyReport>,
    /// Corners of the line of mixtures, cheapest first: what random mixtures of static models give.
    #[serde(default)]
    pub mixture: Vec<MixtureReport>,
    /// A random router, point by point of the curve.
    pub random: Vec<PointReport>,
    /// Cheapest path that is right.
    pub oracle: PointReport,
    /// Cheapest path that agrees with the full model.
    pub agreement_oracle: PointReport,
}

/// A corner of the line of mixtures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MixtureReport {
    /// Times faster than the full model.
    pub speedup: f64,
    /// Share of right answers; without labels, of those equal to the full model's.
    pub accuracy: f64,
}

/// A model of another strategy, at one setting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OtherStrategyReport {
    /// Its strategy, and its setting.
    pub name: String,
    /// How it fares.
    pub point: PointReport,
}

/// Figures of the whole curve; see [`perforate_bench::curve::CurveFigures`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FiguresReport {
    /// Indices of the settings on the Pareto front of operations and quality.
    pub front: Vec<usize>,
    /// Share of the box between light and full that the front dominates; none where light is as good as full.
    pub hypervolume: Option<f64>,
    /// Mean quality over the operations that the curve spans.
    pub area: f64,
    /// Share of the oracle's gain over drawing lots.
    pub oracle_share: Option<f64>,
    /// Whether that is beyond chance; none where too few samples can tell.
    #[serde(alias = "beats_lots")]
    pub beats_random: Option<bool>,
}

/// The chosen setting, with its guarantee.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// The point of the curve; none if nothing can be certified.
    pub point: Option<PointReport>,
    /// What was tested.
    pub risk: RiskReport,
    /// What the observed risk alone would allow, without a guarantee.
    #[serde(default)]
    pub empirical: Option<PointReport>,
    /// What conformal risk control allows, whose guarantee is for the mean over calibration draws.
    #[serde(default)]
    pub conformal: Option<PointReport>,
}

/// What was tested for the guarantee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskReport {
    /// What counts as a loss.
    pub loss: Loss,
    /// Largest risk.
    pub epsilon: f64,
    /// Probability that the guarantee fails.
    pub delta: f64,
    /// Calibration samples.
    pub n: u64,
    /// Exact binomial p-value.
    pub p_value: f64,
    /// Whether the point carries the guarantee.
    pub certified: bool,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_runtimes_version_is_the_pinned_one() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        assert!(manifest.contains(&format!("tract-onnx = {{ version = \"={}\"", super::TRACT)));
    }
}
