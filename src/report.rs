//! Versioned results, as JSON, CSV and Markdown. The field names are a contract: others read them.

use serde::{Deserialize, Serialize};

use crate::bench::quality::Quality;
use crate::bench::stats::Interval;
use crate::bench::sweep::{Active, Options, Point, Results, Subject, Timing};
use crate::energy::EnergyModel;
use crate::error::{Error, ErrorKind, Result};
use crate::fit::calibrate::Loss;
use crate::units::{Bytes, Macs, Seconds, three_digits};

/// Version of the report's format.
pub const SCHEMA: u32 = 1;

/// A whole report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of this crate.
    pub version: String,
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
    /// What the curve is to be held against.
    pub references: References,
    /// Cheapest setting first.
    pub curve: Vec<PointReport>,
    /// The curve as a whole.
    #[serde(default)]
    pub figures: FiguresReport,
    /// The chosen setting.
    pub operating_point: OperatingPoint,
    /// (all computation active, gates included) / (full model) − 1.
    pub gate_overhead: Option<Interval>,
    /// The same without the light model, where the gate reads what that computes.
    pub gate_alone: Option<Interval>,
    /// Operators whose cost is unknown.
    pub uncosted_ops: Vec<String>,
    /// Doubts, as advice.
    pub warnings: Vec<String>,
    /// The finding in one sentence.
    pub summary: String,
    /// The routed model against the static one of about its cost, in one sentence.
    #[serde(default)]
    pub comparison: Option<String>,
    /// What "active" is a share of.
    #[serde(default)]
    pub active_means: Active,
}

/// References of a scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct References {
    /// The full model alone.
    pub full: PointReport,
    /// The light model alone.
    pub light: PointReport,
    /// A static model of about the operating point's cost, where one was trained.
    pub matched: Option<PointReport>,
    /// All static models that were trained for costs between light and full; `active` is their share
    /// of the full model's operations.
    #[serde(default)]
    pub statics: Vec<PointReport>,
    /// A random router, point by point of the curve.
    pub random: Vec<PointReport>,
    /// Cheapest path that is right.
    pub oracle: PointReport,
    /// Cheapest path that agrees with the full model.
    pub agreement_oracle: PointReport,
}

/// Figures of the whole curve; see [`crate::bench::curve::CurveFigures`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FiguresReport {
    /// Indices of the settings on the Pareto front of operations and quality.
    pub front: Vec<usize>,
    /// Share of the box between light and full that the front dominates.
    pub hypervolume: f64,
    /// Mean quality over the operations that the curve spans.
    pub area: f64,
    /// Share of the oracle's gain over drawing lots.
    pub oracle_share: Option<f64>,
    /// Whether that is beyond chance; none where too few samples can tell.
    pub beats_lots: Option<bool>,
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

/// One setting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PointReport {
    /// Knob values.
    pub knob: std::collections::BTreeMap<String, f32>,
    /// Share of rows on the full path.
    pub active: f64,
    /// Share of rows by path.
    pub paths: std::collections::BTreeMap<String, f64>,
    /// Operations a sample, gates included.
    pub macs: f64,
    /// Full model's operations / `macs`.
    pub ideal_speedup: f64,
    /// One row at a time.
    pub batch1: Option<TimingReport>,
    /// In batches of 32.
    pub batch32: Option<TimingReport>,
    /// Share of right answers.
    pub accuracy: Option<f64>,
    /// Accuracy minus the full model's, in percentage points.
    pub accuracy_delta_pp: Option<f64>,
    /// Share of answers equal to the full model's.
    pub agreement: f64,
    /// Largest absolute difference from the full model's outputs.
    pub deviation_max: f64,
    /// Mean absolute difference from the full model's outputs.
    pub deviation_mean: f64,
    /// Estimated energy of one inference.
    pub energy_j: EnergyReport,
    /// Estimated, by time.
    pub gco2e_per_million: Option<f64>,
    /// Estimated, by time.
    pub usd_per_million: Option<f64>,
}

/// Two estimates of energy, in joules; see [`EnergyModel`].
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

/// Names that a scenario gives to its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Names {
    /// `strategy/task`.
    pub scenario: String,
    /// The composer.
    pub strategy: String,
    /// File of the routed model, or how it is made.
    pub model: String,
    /// Name of the data set.
    pub data: String,
}

/// Turns measurements into the report of a scenario.
pub fn scenario_report(
    names: &Names,
    subject: &Subject,
    results: &Results,
    energy: &EnergyModel,
) -> ScenarioReport {
    let writer = Writer { subject, results, energy };
    let bare = |quality: &Quality| {
        let dear = results.full.quality.paths.iter().position(|&share| share == 1.0).unwrap_or(0);
        writer.point(&Point {
            knob: None,
            active: match subject.active {
                Active::FullPath => quality.paths[dear],
                Active::Operations => quality.macs / results.full.quality.macs,
            },
            quality: quality.clone(),
            batch1: None,
            batch_n: None,
        })
    };
    let chosen = results.certificate.chosen;
    let active_means = subject.active;
    ScenarioReport {
        name: names.scenario.clone(),
        strategy: names.strategy.clone(),
        model: names.model.clone(),
        data: DataReport {
            name: names.data.clone(),
            calibration_n: results.certificate.n as usize,
            test_n: results.full.quality.n,
        },
        references: References {
            full: writer.point(&results.full),
            light: writer.point(&results.light),
            matched: matched(results).map(|point| writer.point(point)),
            statics: results.statics.iter().map(|point| writer.point(point)).collect(),
            random: results.random.iter().map(bare).collect(),
            oracle: bare(&results.oracle),
            agreement_oracle: bare(&results.agreement_oracle),
        },
        curve: results.curve.iter().map(|point| writer.point(point)).collect(),
        figures: FiguresReport {
            front: results.figures.front.clone(),
            hypervolume: results.figures.hypervolume,
            area: results.figures.area,
            oracle_share: results.figures.oracle_share,
            beats_lots: results.figures.beats_lots,
        },
        operating_point: OperatingPoint {
            empirical: results.alternatives.empirical.map(|ix| writer.point(&results.curve[ix])),
            conformal: results.alternatives.conformal.map(|ix| writer.point(&results.curve[ix])),
            point: chosen.map(|ix| writer.point(&results.curve[ix])),
            risk: RiskReport {
                loss: effective_loss(results),
                epsilon: results.target.epsilon,
                delta: results.target.delta,
                n: results.certificate.n,
                p_value: results.certificate.p_value,
                certified: chosen.is_some(),
            },
        },
        gate_overhead: results.gate_overhead,
        gate_alone: results.gate_alone,
        uncosted_ops: subject.routed.uncosted_operators(),
        warnings: results.warnings.clone(),
        summary: summary(subject.active, results),
        comparison: comparison(results),
        active_means,
    }
}

/// Without labels only disagreement can be counted, whatever was asked for.
fn effective_loss(results: &Results) -> Loss {
    match results.full.quality.accuracy {
        Some(_) => results.target.loss,
        None => Loss::Disagreement,
    }
}

/// What was found, in one sentence.
pub fn summary(active_means: Active, results: &Results) -> String {
    let risk = match effective_loss(results) {
        Loss::Error => "lost answers",
        Loss::Disagreement => "changed answers",
    };
    if results.figures.beats_lots == Some(false) {
        return "Routing does not pay here: this router chooses no better than drawing lots, so its curve lies on the random reference.".into();
    }
    let (epsilon, delta) = (results.target.epsilon * 100.0, results.target.delta * 100.0);
    let Some(ix) = results.certificate.chosen else {
        return format!(
            "Routing is not certifiable here: with n\u{a0}=\u{a0}{} no setting holds {risk} under {epsilon}\u{a0}% with {}\u{a0}% confidence.",
            results.certificate.n,
            100.0 - delta,
        );
    };
    let point = &results.curve[ix];
    let Some(timing) = point.batch1 else {
        return "Measuring…".to_string();
    };
    let loss = match (point.quality.accuracy, results.full.quality.accuracy) {
        (Some(own), Some(full)) if ((own - full) * 1e4).abs() < 0.5 => "equal accuracy".into(),
        (Some(own), Some(full)) if own > full => {
            format!("{:.2}\u{a0}pp better accuracy", (own - full) * 100.0)
        }
        (Some(own), Some(full)) => format!("{:.2}\u{a0}pp accuracy loss", (full - own) * 100.0),
        _ => format!("{:.1}\u{a0}% agreement with the full model", point.quality.agreement * 100.0),
    };
    let active = point.active * 100.0;
    let spends = match active_means {
        Active::FullPath => format!("{active:.0}\u{a0}% of inputs need the full model"),
        Active::Operations => {
            format!("it spends {active:.0}\u{a0}% of the full model’s operations")
        }
    };
    if timing.speedup.lo > 1.0 {
        format!(
            "At {loss} this router is {}\u{a0}× faster; {spends}.",
            three_digits(timing.speedup.median)
        )
    } else {
        format!(
            "Routing does not pay here: at {loss} it runs at {}\u{a0}× the full model’s speed; {spends}.",
            three_digits(timing.speedup.median)
        )
    }
}

/// The setting that is reported: the certified one, else the middle of the curve.
fn reported(results: &Results) -> Option<&Point> {
    let middle = results.curve.len() / 2;
    results.curve.get(results.certificate.chosen.unwrap_or(middle))
}

/// The static model whose cost is nearest to the reported setting's, as a ratio.
fn matched(results: &Results) -> Option<&Point> {
    let own = reported(results)?.quality.macs;
    let distance = |point: &Point| (point.quality.macs / own).ln().abs();
    results.statics.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// The two beside each other, in speed and accuracy: neither may be the better one in both.
fn comparison(results: &Results) -> Option<String> {
    let (own, other) = (reported(results)?, matched(results)?);
    let difference = (own.quality.accuracy? - other.quality.accuracy?) * 100.0;
    let speeds = format!(
        "A static model trained for about that cost ({}, the router {}) is {}\u{a0}× faster than full, the router {}\u{a0}×",
        other.quality.macs,
        own.quality.macs,
        three_digits(other.batch1?.speedup.median),
        three_digits(own.batch1?.speedup.median),
    );
    Some(match difference {
        d if d.abs() < 0.05 => format!("{speeds}, and as accurate as the router."),
        d if d > 0.0 => format!("{speeds}, and {d:.2}\u{a0}pp less accurate than the router."),
        d => format!("{speeds}, and {:.2}\u{a0}pp more accurate than the router.", -d),
    })
}

struct Writer<'a> {
    subject: &'a Subject,
    results: &'a Results,
    energy: &'a EnergyModel,
}

impl Writer<'_> {
    fn point(&self, point: &Point) -> PointReport {
        let quality = &point.quality;
        let full = &self.results.full.quality;
        let ideal_speedup = full.macs / quality.macs;
        let latency = point.batch1.map(|t| Seconds(t.latency.median));
        let estimate = self.energy.estimate(
            latency.unwrap_or_default(),
            quality.macs,
            self.bytes(quality.macs),
        );
        let timing = |timing: Timing| TimingReport {
            latency_s: timing.latency,
            throughput_per_s: timing.latency.map(|s| 1.0 / s),
            speedup: timing.speedup,
            realised: timing.speedup.median / ideal_speedup,
        };
        PointReport {
            knob: point.knob.map(|value| (self.subject.knob.clone(), value)).into_iter().collect(),
            active: point.active,
            paths: self
                .results
                .path_labels
                .iter()
                .cloned()
                .zip(quality.paths.iter().copied())
                .collect(),
            macs: quality.macs.0,
            ideal_speedup,
            batch1: point.batch1.map(timing),
            batch32: point.batch_n.map(timing),
            accuracy: quality.accuracy,
            accuracy_delta_pp: quality
                .accuracy
                .zip(full.accuracy)
                .map(|(own, full)| (own - full) * 100.0),
            agreement: quality.agreement,
            deviation_max: quality.deviation_max,
            deviation_mean: quality.deviation_mean,
            energy_j: EnergyReport {
                time: latency.map(|_| estimate.by_time.0),
                operations: estimate.by_operations.0,
            },
            gco2e_per_million: latency.map(|_| estimate.carbon_per_million.0),
            usd_per_million: latency.map(|_| estimate.usd_per_million),
        }
    }

    /// Weights read for one sample: the full model's bytes, scaled by the share of its operations.
    fn bytes(&self, macs: Macs) -> Bytes {
        let all: Bytes = self.subject.full.segments().map(|s| s.cost.bytes).sum();
        all * (macs / self.results.full.quality.macs).min(1.0)
    }
}

impl Report {
    /// A report about `host` without scenarios.
    pub fn new(seed: u64, quick: bool, host: Host) -> Report {
        let left_out = quick.then(|| {
            "Fewer rounds of timing and fewer samples: intervals are wider and the guarantee is weaker.".into()
        });
        let version = env!("CARGO_PKG_VERSION").to_string();
        Report { schema: SCHEMA, version, seed, quick, left_out, host, scenarios: vec![] }
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
    }

    /// One line a point, all scenarios.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from(
            "scenario,kind,knob,active,macs,ideal_speedup,batch1_latency_s,batch1_speedup,batch1_speedup_lo,batch1_speedup_hi,batch1_realised,batch32_latency_s,batch32_speedup,accuracy,accuracy_delta_pp,agreement,deviation_max,deviation_mean\n",
        );
        for scenario in &self.scenarios {
            for (kind, point) in scenario.rows() {
                let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
                let (one, many) = (point.batch1, point.batch32);
                let cells = [
                    point.knob.values().next().map_or(String::new(), |v| v.to_string()),
                    point.active.to_string(),
                    point.macs.to_string(),
                    point.ideal_speedup.to_string(),
                    number(one.map(|t| t.latency_s.median)),
                    number(one.map(|t| t.speedup.median)),
                    number(one.map(|t| t.speedup.lo)),
                    number(one.map(|t| t.speedup.hi)),
                    number(one.map(|t| t.realised)),
                    number(many.map(|t| t.latency_s.median)),
                    number(many.map(|t| t.speedup.median)),
                    number(point.accuracy),
                    number(point.accuracy_delta_pp),
                    point.agreement.to_string(),
                    point.deviation_max.to_string(),
                    point.deviation_mean.to_string(),
                ];
                csv += &format!("{},{kind},{}\n", scenario.name, cells.join(","));
            }
        }
        csv
    }

    /// Tables for people.
    pub fn to_markdown(&self) -> String {
        let host = &self.host;
        let mut text = format!(
            "# Perforate {} report\n\n{}, {}, {} thread, {}, clock tick {}{}\n",
            self.version,
            host.target,
            host.cpu.as_deref().unwrap_or("unknown processor"),
            host.threads,
            host.simd,
            Seconds(host.clock_tick_s),
            if self.quick { "; quick run" } else { "" },
        );
        for scenario in &self.scenarios {
            text += &scenario.to_markdown();
        }
        text
    }
}

impl ScenarioReport {
    /// Every point with its kind, references first.
    pub fn rows(&self) -> Vec<(&'static str, &PointReport)> {
        let references = &self.references;
        let mut rows = vec![("full", &references.full), ("light", &references.light)];
        rows.extend(references.statics.iter().map(|point| ("static", point)));
        rows.push(("oracle", &references.oracle));
        rows.push(("agreement oracle", &references.agreement_oracle));
        rows.extend(self.curve.iter().map(|point| ("routed", point)));
        rows.extend(references.random.iter().map(|point| ("random", point)));
        rows
    }

    /// A table for people.
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "\n## {}\n\n{} {}\n\n{}: {} calibration and {} test samples. ",
            self.name,
            self.summary,
            self.comparison.as_deref().unwrap_or_default(),
            self.data.name,
            self.data.calibration_n,
            self.data.test_n
        );
        if let Some(overhead) = self.gate_overhead {
            text += &format!(
                "Overhead with all computation active: {:.1} % ({:.1} to {:.1})",
                overhead.median * 100.0,
                overhead.lo * 100.0,
                overhead.hi * 100.0
            );
            if let Some(alone) = self.gate_alone {
                text += &format!(", {:.1} % without the light model", alone.median * 100.0);
            }
            text += ".";
        }
        if let Some(share) = self.figures.oracle_share {
            text += &format!(
                " Of the oracle's gain over drawing lots it realises {:.0} %; hypervolume {:.3}, mean quality along the curve {:.2} %.",
                share * 100.0,
                self.figures.hypervolume,
                self.figures.area * 100.0
            );
        }
        text += "\n\n| | knob | active | MACs | ideal × | batch 1 | speed-up (95 %) | realised | batch 32 | speed-up | accuracy | Δ pp | agreement | max dev | mean dev |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
        for (kind, point) in self.rows() {
            let percent = |v: f64| format!("{:.2} %", v * 100.0);
            let speedup = |t: TimingReport| {
                format!(
                    "{} ({}–{})",
                    three_digits(t.speedup.median),
                    three_digits(t.speedup.lo),
                    three_digits(t.speedup.hi)
                )
            };
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
            let cells = [
                kind.to_string(),
                or_dash(point.knob.values().next().map(|v| format!("{v:.4}"))),
                percent(point.active),
                Macs(point.macs).to_string(),
                three_digits(point.ideal_speedup),
                or_dash(point.batch1.map(|t| Seconds(t.latency_s.median).to_string())),
                or_dash(point.batch1.map(speedup)),
                or_dash(point.batch1.map(|t| format!("{:.2}", t.realised))),
                or_dash(point.batch32.map(|t| Seconds(t.latency_s.median).to_string())),
                or_dash(point.batch32.map(speedup)),
                or_dash(point.accuracy.map(percent)),
                or_dash(point.accuracy_delta_pp.map(|v| format!("{v:+.2}"))),
                percent(point.agreement),
                three_digits(point.deviation_max),
                three_digits(point.deviation_mean),
            ];
            text += &format!("| {} |\n", cells.join(" | "));
        }
        let risk = &self.operating_point.risk;
        text += &match &self.operating_point.point {
            Some(point) => format!(
                "\nOperating point: {}; risk of {:?} ≤ {} % with confidence {} %, n = {}, p = {:.3}.\n",
                point.knob.iter().map(|(k, v)| format!("{k} = {v}")).collect::<Vec<_>>().join(", "),
                risk.loss,
                risk.epsilon * 100.0,
                (1.0 - risk.delta) * 100.0,
                risk.n,
                risk.p_value
            ),
            None => format!("\nNot certifiable with n = {} (p = {:.3}).\n", risk.n, risk.p_value),
        };
        for warning in &self.warnings {
            text += &format!("\n> {warning}\n");
        }
        if !self.uncosted_ops.is_empty() {
            text += &format!("\nNot counted in MACs: {}.\n", self.uncosted_ops.join(", "));
        }
        text
    }
}

/// Whether a sweep's options make a quick run; quick runs say so.
pub fn is_quick(options: &Options, usual: &Options) -> bool {
    options.rounds < usual.rounds || options.timed_rows < usual.timed_rows
}
