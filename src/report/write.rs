//! From measurements to the report of a scenario.

use std::collections::BTreeMap;

use perforate_base::units::{Bytes, Seconds};
use perforate_bench::dense::DensePoint;
use perforate_bench::energy::EnergyModel;
use perforate_bench::mixture::hull;
use perforate_bench::quality::Quality;
use perforate_bench::results::PathScaling;
use perforate_bench::stats::median;
use perforate_bench::sweep::{
    Active, BenchTarget, PathResult, Point, Reference, ReferenceRole, Results, Timing,
};
use perforate_engine::Program;

use crate::chosen::{cost_matched, effective_loss};
use crate::models;
use crate::parts::{MemoryReport, SegmentReport, TemperatureReport};
use crate::point::{DenseReport, EnergyReport, PerCorrect, PointReport, TimingReport};
use crate::robustness;
use crate::schema::{
    DataReport, FiguresReport, FileReport, MixtureReport, OperatingPoint, OtherStrategyReport,
    References, RiskReport, ScenarioReport,
};
use crate::targets::Targets;
use crate::verdict::words;

/// What a report says of a scenario beside the measurements: its names, and what was asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// `strategy/task`.
    pub scenario: String,
    /// The composer.
    pub strategy: String,
    /// File of the routed model, or how it is made.
    pub model: String,
    /// Name of the data set.
    pub data: String,
    /// The experiment, as it can be repeated.
    pub experiment: serde_json::Value,
    /// The files that it read.
    pub files: Vec<FileReport>,
    /// Constants of the estimates.
    pub energy: EnergyModel,
    /// What is asked of the operating point.
    pub targets: Targets,
}

/// Turns measurements into the core of a scenario's report.
pub fn core_report(context: &Context, subject: &BenchTarget, results: &Results) -> ScenarioReport {
    let writer = Writer::new(subject, results, &context.energy);
    let memory: BTreeMap<String, MemoryReport> =
        [("full", &subject.full), ("light", &subject.light), ("routed", &subject.routed)]
            .map(|(role, program)| (role.to_string(), memory(program)))
            .into();
    let point = results.certificate.chosen.map(|ix| writer.point(&results.curve[ix]));
    let active_means = subject.active;
    let words = words(active_means, results, subject.calibration.0.len());
    let operating_point = writer.operating_point(point.clone());
    ScenarioReport {
        models: models::report(subject, results),
        name: context.scenario.clone(),
        strategy: context.strategy.clone(),
        model: context.model.clone(),
        data: DataReport {
            name: context.data.clone(),
            calibration_n: results.certificate.n as usize,
            test_n: results.full.quality.n,
            scaling_n: subject.scaling.as_ref().map_or(0, |split| split.0.len()),
        },
        experiment: context.experiment.clone(),
        files: context.files.clone(),
        references: writer.references(),
        curve: results.curve.iter().map(|point| writer.point(point)).collect(),
        dense: writer.dense(),
        prediction_error: prediction_error(results),
        segments: segments(&subject.routed, results),
        targets: context.targets.judge(point.as_ref(), &memory["routed"]),
        memory,
        temperatures: temperatures(results),
        cost: results.cost,
        energy_model: context.energy,
        energy_sources: EnergyModel::sources(),
        figures: FiguresReport {
            front: results.figures.front.clone(),
            hypervolume: Some(results.figures.hypervolume).filter(|share| share.is_finite()),
            area: results.figures.area,
            oracle_share: results.figures.oracle_share,
            beats_random: results.figures.beats_random,
        },
        operating_point,
        gate_overhead: results.gate_overhead,
        gate_alone: results.gate_alone,
        router_share: results.router_share,
        uncosted_ops: subject.routed.uncosted_operators(),
        rounds: results.rounds,
        launches: results.launches,
        warnings: results.warnings.clone(),
        summary: words.headline,
        comparison: words.line,
        verdict: results.verdict.class(),
        quality: results.evidence.quality,
        self_check: results.self_check,
        answers_check: results.answers_check,
        evidence: Some(results.evidence.clone()),
        sections: robustness::section(results).into_iter().collect(),
        active_means,
    }
}

fn temperatures(results: &Results) -> BTreeMap<String, TemperatureReport> {
    let of = |path: &PathResult| {
        let PathScaling { temperature, before, after } = path.scaling?;
        Some((path.label.clone(), TemperatureReport { temperature, before, after }))
    };
    results.paths.iter().filter_map(of).collect()
}

fn memory(program: &Program) -> MemoryReport {
    let paths = program.paths().ok();
    let peaks = paths.map(|all| all.into_iter().map(|path| program.peak_bytes(path)));
    let dearest = peaks.and_then(|all| all.collect::<Option<Vec<Bytes>>>());
    MemoryReport {
        model_bytes: program.file_size().0,
        weight_bytes: program.weight_bytes().0,
        peak_live_bytes: dearest.map(|all| all.iter().fold(0.0, |most, bytes| bytes.0.max(most))),
    }
}

fn segments(program: &Program, results: &Results) -> Vec<SegmentReport> {
    program
        .segments()
        .enumerate()
        .map(|(ix, segment)| SegmentReport {
            name: segment.name.to_string(),
            macs: segment.macs.map(|macs| macs.0),
            parameters: segment.cost.parameters,
            bytes: segment.cost.bytes.0,
            peak_live_bytes: segment.peak.map(|bytes| bytes.0),
            latency_s: results.segments.as_ref().and_then(|times| times.segment(ix)),
            operators: segment.operators.len(),
        })
        .collect()
}

/// Median of |measured / predicted speed-up − 1| over the curve's settings.
fn prediction_error(results: &Results) -> Option<f64> {
    let errors: Vec<f64> = results
        .curve
        .iter()
        .filter_map(|point| {
            let dense = results.dense.iter().find(|dense| Some(dense.knob) == point.knob)?;
            let predicted = results.segments.as_ref()?.full / dense.latency?;
            Some((point.batch1?.speedup.median / predicted - 1.0).abs())
        })
        .collect();
    (!errors.is_empty()).then(|| median(&errors))
}

struct Writer<'a> {
    subject: &'a BenchTarget,
    results: &'a Results,
    energy: &'a EnergyModel,
}

impl<'a> Writer<'a> {
    fn new(subject: &'a BenchTarget, results: &'a Results, energy: &'a EnergyModel) -> Writer<'a> {
        Writer { subject, results, energy }
    }

    /// Models, oracles and the random router beside the curve.
    fn references(&self) -> References {
        let results = self.results;
        let point = |reference: &Reference| self.point(&reference.point);
        let other_strategy = |reference: &Reference| OtherStrategyReport {
            name: reference.program.name().to_string(),
            point: point(reference),
        };
        References {
            full: self.point(&results.full),
            light: self.point(&results.light),
            cost_matched: cost_matched(results).map(point),
            statics: results.references_of(ReferenceRole::Static).map(point).collect(),
            other_strategies: results
                .references_of(ReferenceRole::OtherStrategy)
                .map(other_strategy)
                .collect(),
            mixture: self.mixture(),
            random: results.random.iter().map(|quality| self.untimed(quality)).collect(),
            oracle: self.untimed(&results.oracle),
            agreement_oracle: self.untimed(&results.agreement_oracle),
        }
    }

    /// The corners of the line of mixtures.
    fn mixture(&self) -> Vec<MixtureReport> {
        let results = self.results;
        let statics = results.references_of(ReferenceRole::Static).map(|own| &own.point);
        let timed = [&results.light, &results.full].into_iter().chain(statics);
        let corner = |point: &Point| {
            let accuracy = point.quality.accuracy.unwrap_or(point.quality.agreement);
            Some(MixtureReport { speedup: point.batch1?.speedup.median, accuracy })
        };
        let all: Vec<MixtureReport> = timed.filter_map(corner).collect();
        let places: Vec<(f64, f64)> =
            all.iter().map(|own| (1.0 / own.speedup, own.accuracy)).collect();
        hull(&places).into_iter().map(|ix| all[ix]).collect()
    }

    /// A router that nobody can time.
    fn untimed(&self, quality: &Quality) -> PointReport {
        let full = &self.results.full.quality;
        let full_path = full.paths.iter().position(|&share| share == 1.0).unwrap_or(0);
        self.point(&Point {
            knob: None,
            active: match self.subject.active {
                Active::FullPath => quality.paths[full_path],
                Active::Operations | Active::Energy => self.share(quality),
            },
            cost: self.share(quality),
            quality: quality.clone(),
            batch1: None,
            batch_n: None,
        })
    }

    /// The chosen setting, if one is certified, and what was tested.
    fn operating_point(&self, point: Option<PointReport>) -> OperatingPoint {
        let results = self.results;
        let at = |ix: usize| self.point(&results.curve[ix]);
        OperatingPoint {
            empirical: results.alternatives.empirical.map(at),
            conformal: results.alternatives.conformal.map(at),
            risk: RiskReport {
                loss: effective_loss(results),
                epsilon: results.target.epsilon,
                delta: results.target.delta,
                n: results.certificate.n,
                p_value: results.certificate.p_value,
                certified: point.is_some(),
            },
            point,
        }
    }

    /// What a setting costs as a share of the full model, by operations or their energy.
    fn share(&self, quality: &Quality) -> f64 {
        let weight = |quality: &Quality| self.subject.active.weight(self.energy, quality.work);
        weight(quality) / weight(&self.results.full.quality)
    }

    /// A setting of the routed model, or a model by itself.
    fn point(&self, point: &Point) -> PointReport {
        let quality = &point.quality;
        let full = &self.results.full.quality;
        let work = quality.work;
        let ideal_speedup = full.work.macs / work.macs;
        let latency = point.batch1.map(|t| Seconds(t.latency.median));
        let estimate = self.energy.estimate(latency.unwrap_or_default(), work);
        // Energy by time knows no precision: it must not stand beside a claim about one.
        let by_time = latency.filter(|_| self.subject.active != Active::Energy);
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
                .paths
                .iter()
                .zip(&quality.paths)
                .map(|(path, &share)| (path.label.clone(), share))
                .collect(),
            macs: work.macs.0,
            integer_macs: work.integer_macs.0,
            bytes: work.bytes.0,
            ideal_speedup,
            batch1: point.batch1.map(timing),
            batch32: point.batch_n.map(timing),
            predicted_speedup: self.predicted(&quality.paths),
            kept: quality.kept.clone(),
            accuracy: quality.accuracy,
            accuracy_delta_pp: quality
                .accuracy
                .zip(full.accuracy)
                .map(|(own, full)| (own - full) * 100.0),
            accuracy_difference: quality.difference(full).map(|own| own.map(|share| 100.0 * share)),
            agreement: quality.agreement,
            deviation_max: quality.deviation_max,
            deviation_mean: quality.deviation_mean,
            energy_j: EnergyReport {
                time: by_time.map(|_| estimate.by_time.0),
                operations: estimate.by_operations.0,
            },
            kwh_per_million: by_time.map(|_| estimate.kwh_per_million),
            gco2e_per_million: by_time.map(|_| estimate.carbon_per_million.0),
            usd_per_million: latency.map(|_| estimate.usd_per_million),
            per_correct: quality.accuracy.filter(|share| *share > 0.0).map(|share| PerCorrect {
                macs: work.macs.0 / share,
                latency_s: latency.map(|l| l.0 / share),
                energy_j: by_time.map(|_| estimate.by_time.0 / share),
                usd_per_million: latency.map(|_| estimate.usd_per_million / share),
            }),
        }
    }

    /// From the segments' times, for samples that take the paths in these shares.
    fn predicted(&self, shares: &[f64]) -> Option<f64> {
        let full = self.results.segments.as_ref()?.full;
        Some(full / self.results.mean_seconds(shares)?)
    }

    fn dense(&self) -> Vec<DenseReport> {
        let full = &self.results.full;
        let full_path = full.quality.paths.iter().position(|&share| share == 1.0).unwrap_or(0);
        self.results
            .dense
            .iter()
            .map(|DensePoint { knob, quality, latency }| DenseReport {
                knob: *knob,
                active: match self.subject.active {
                    Active::FullPath => quality.paths[full_path],
                    Active::Operations | Active::Energy => self.share(quality),
                },
                macs: quality.work.macs.0,
                accuracy: quality.accuracy,
                agreement: quality.agreement,
                latency_s: latency.map(|l| l.0),
                speedup: self.predicted(&quality.paths),
            })
            .collect()
    }
}
