//! Puts together what a sweep has measured so far.

use std::collections::HashSet;

use perforate_base::units::Seconds;
use perforate_engine::SegmentId;
use perforate_routing::fit::temperature;

use crate::curve::{CurveFigures, figures};
use crate::dense::dense_curve;
use crate::point::Point;
use crate::quality::{self, Quality};
use crate::record::{PathRecord, argmax};
use crate::recorded::AnswersCheck;
use crate::results::{PathAnswers, PathResult, PathScaling, Reference, Results};
use crate::segments::SegmentTimes;
use crate::setting::Setting;
use crate::stats::Interval;
use crate::subject::{CostBasis, LightRole};

use super::certificate::{certified, path_seconds, segment_times};
use super::checks::{impossible_warning, unequal_warning};
use super::evidence::Chosen;
use super::findings::Findings;
use super::model::{Contender, Model};
use super::points::{self, Times};
use super::setup::Setup;
use super::timer::Timer;

/// What is measured so far, at least a round of it.
pub(super) struct Measured<'a> {
    pub setup: &'a Setup,
    pub found: &'a Findings,
    /// Has a round.
    pub batch1: &'a Timer,
    /// The timer of the operating point and its rivals, if it runs.
    pub headline: Option<&'a Timer>,
    /// Whether that timer has finished.
    pub is_headline_done: bool,
    pub batch_n: Option<&'a Timer>,
    /// Whether that is everything.
    pub done: bool,
}

impl Measured<'_> {
    /// The results so far.
    pub fn results(&self) -> Results {
        let Measured { setup, found, .. } = self;
        let (subject, test) = (&setup.subject, &found.answers.test);
        let (n, truth) = (test.len(), found.answers.test_truth(subject));
        let point = |&setting: &Setting| {
            let times = self.times(Contender::Routed(setting));
            points::routed(setup, found, setting, times)
        };
        let curve: Vec<Point> = found.grid.iter().map(point).collect();
        let random: Vec<Quality> = curve
            .iter()
            .map(|point| quality::random(test, &point.quality.paths, truth, n))
            .collect();
        let segments = segment_times(found);
        let path_seconds = segments.as_ref().map(|times| path_seconds(found, times));
        let (certificate, alternatives) = certified(setup, found, path_seconds.as_deref());
        let (gate_overhead, gate_alone) = self.overheads().unzip();
        let gate_alone = gate_alone.filter(|_| subject.light_role == LightRole::GateReads);
        let [oracle, agreement_oracle] =
            [false, true].map(|agreement| self.oracle(agreement, path_seconds.as_deref()));
        let full = self.alone(Contender::Full);
        let light = self.alone(Contender::Light);
        let figures = self.figures(&curve, &random, (&full.quality, &light.quality));
        // Without a guarantee, what the observed risk alone allows.
        let operating = certificate.chosen.or(alternatives.empirical).map(|ix| Chosen {
            setting: found.grid[ix],
            point: &curve[ix],
            certified: certificate.chosen.is_some(),
        });
        let evidence = self.evidence(operating, figures.beats_random);
        let range = (subject.knob.as_str(), subject.range);
        let values: Vec<f32> = found.grid.iter().map(|setting| setting.0).collect();
        let samples = self.batch1.samples();
        Results {
            figures,
            verdict: evidence.verdict(),
            evidence,
            self_check: self.self_check(),
            answers_check: found.answers_check,
            warnings: self.warnings(&curve, gate_alone),
            full,
            light,
            references: self.references(),
            curve,
            random,
            oracle,
            agreement_oracle,
            dense: dense_curve(test, range, &values, truth, path_seconds.as_deref()),
            router_share: segments.as_ref().and_then(|times| self.router_share(times)),
            segments,
            paths: self.paths(path_seconds.as_deref()),
            cost: setup.options.cost,
            certificate,
            alternatives,
            target: setup.options.target,
            is_input_dependent: subject.routed.is_input_dependent(),
            robustness: found
                .robustness
                .as_ref()
                .map_or_else(Vec::new, |own| own.results().to_vec()),
            gate_overhead,
            gate_alone,
            rounds: samples.rounds(),
            launches: samples.launches().len(),
            tick: setup.tick,
        }
    }

    fn times(&self, contender: Contender) -> Times {
        Times {
            batch1: self.best(&[contender]).timing(contender),
            batch_n: self.batch_n.and_then(|timer| timer.timing(contender)),
        }
    }

    /// The timer of single rows that has timed all of these for longest.
    pub(super) fn best(&self, contenders: &[Contender]) -> &Timer {
        let longer = |timer: &&Timer| {
            let more = timer.samples().rounds() > self.batch1.samples().rounds();
            timer.has(contenders) && (more || !self.batch1.has(contenders))
        };
        self.headline.filter(longer).unwrap_or(self.batch1)
    }

    /// The full or the light model by itself.
    fn alone(&self, contender: Contender) -> Point {
        let Findings { answers, full_costs, light_costs, .. } = self.found;
        let (path, costs) = match contender {
            Contender::Light => (answers.light, light_costs),
            _ => (answers.full, full_costs),
        };
        points::alone(self.setup, self.found, path, costs, self.times(contender))
    }

    /// The references, as far as they are judged.
    fn references(&self) -> Vec<Reference> {
        let judged = |ix: usize| {
            let times = self.times(Contender::Reference(ix));
            let point = points::reference(self.setup, self.found, ix, times)?;
            let program = Model::Reference(ix).program(&self.setup.subject).clone();
            Some(Reference { program, point })
        };
        (0..self.found.references.len()).filter_map(judged).collect()
    }

    /// The paths that the knob can lead to.
    fn paths(&self, seconds: Option<&[Seconds]>) -> Vec<PathResult> {
        let recordings = self.found.answers.test.paths.iter().enumerate();
        let result = |(ix, record): (usize, &PathRecord)| PathResult {
            path: record.path,
            label: self.setup.subject.routed.path_label(record.path),
            seconds: seconds.map(|seconds| seconds[ix]),
            scaling: self.scaling(ix),
            answers: self.path_answers(ix),
        };
        recordings.map(result).collect()
    }

    /// Cheapest path that is good enough; by operations until times are known.
    fn oracle(&self, agreement: bool, path_seconds: Option<&[Seconds]>) -> Quality {
        let (setup, test) = (self.setup, &self.found.answers.test);
        let by_time = path_seconds.filter(|_| setup.options.cost == CostBasis::Time);
        let cost = |path: usize, row: usize| match by_time {
            Some(seconds) => seconds[path].0,
            None => setup.weight(test.paths[path].work[row]),
        };
        let truth = self.found.answers.test_truth(&setup.subject);
        quality::oracle(test, truth, agreement, test.len(), cost)
    }

    fn warnings(&self, curve: &[Point], gate_alone: Option<Interval>) -> Vec<String> {
        let Setup { subject, options, .. } = self.setup;
        let mut warnings = self.found.warnings.clone();
        warnings.extend(self.found.answers_check.and_then(AnswersCheck::warning));
        warnings.extend(self.batch1.advice(subject, 1, self.headline));
        if let Some(timer) = self.batch_n {
            warnings.extend(timer.advice(subject, options.batch, None));
        }
        let full_end = curve.last().filter(|point| point.knob == Some(subject.range.full));
        let times = full_end.map(|point| [(point.batch1, 1), (point.batch_n, options.batch)]);
        warnings.extend(times.into_iter().flatten().filter_map(|(timing, batch)| {
            timing.and_then(|timing| impossible_warning(timing.speedup, batch))
        }));
        // What the gate costs where only the light model runs, as a share of the full model.
        let median = |contender: Contender| {
            self.batch1.timing(contender).map_or(f64::NAN, |own| own.latency.median)
        };
        let light_end = Contender::Routed(Setting(subject.range.light));
        let gate = (median(light_end) - median(Contender::Light)) / median(Contender::Full);
        warnings.extend(gate_alone.and_then(|alone| unequal_warning(alone, gate)));
        let mut told = HashSet::new();
        warnings.retain(|warning| told.insert(warning.clone()));
        warnings
    }

    fn figures(
        &self,
        curve: &[Point],
        random: &[Quality],
        (full, light): (&Quality, &Quality),
    ) -> CurveFigures {
        let figures = figures(curve, random, full, light);
        // Gates that do not look at the rows do not claim to beat a random router.
        let is_input_dependent = self.setup.subject.routed.is_input_dependent();
        let beats_random = figures.beats_random.filter(|_| is_input_dependent);
        CurveFigures { beats_random, ..figures }
    }

    /// What runs beside the full model's own segments when all computation is active, relative to them.
    fn router_share(&self, times: &SegmentTimes) -> Option<Interval> {
        let subject = &self.setup.subject;
        let own = |ix| subject.routed.has_segment_of(SegmentId::new(ix), &subject.full);
        times.share_beside(self.found.answers.full, own)
    }

    /// The router's cost as a share of the full model's, with and without the light model.
    fn overheads(&self) -> Option<(Interval, Interval)> {
        let timer = self.found.router.as_ref()?;
        let full_end = Contender::Routed(Setting(self.setup.subject.range.full));
        let [full, routed, light] =
            [Contender::Full, full_end, Contender::Light].map(|contender| timer.seconds(contender));
        let share = |without: &dyn Fn(usize) -> f64| {
            let shares: Vec<f64> =
                (0..full.len()).map(|ix| (routed[ix] - without(ix)) / full[ix] - 1.0).collect();
            timer.interval(&shares)
        };
        Some((share(&|_| 0.0), share(&|ix| light[ix])))
    }

    /// Temperature of a path's answers, fitted on its own split and judged on the test samples.
    fn scaling(&self, ix: usize) -> Option<PathScaling> {
        let (subject, answers) = (&self.setup.subject, &self.found.answers);
        let (split, recording) = (subject.scaling.as_ref()?, answers.scaling.as_ref()?);
        let (own, labels) = (split.0.labels()?, subject.test.0.labels()?);
        let (fitted, judged) = (recording.paths.get(ix)?, &answers.test.paths[ix]);
        let n = answers.test.len();
        (fitted.outputs.len() == own.len()).then(|| {
            let temperature = temperature::fit(&fitted.outputs, own);
            let judge = |t| temperature::judge(&judged.outputs[..n], &labels[..n], t);
            PathScaling { temperature, before: judge(1.0), after: judge(temperature) }
        })
    }

    fn path_answers(&self, ix: usize) -> Option<PathAnswers> {
        let (subject, answers) = (&self.setup.subject, &self.found.answers);
        let (calibration, test) = (subject.calibration.0.labels()?, subject.test.0.labels()?);
        if !self.done || subject.routed.is_input_dependent() {
            return None;
        }
        let right = |outputs: &[Vec<f32>], labels: &[usize]| -> Vec<bool> {
            outputs.iter().zip(labels).map(|(own, &label)| argmax(own) == label).collect()
        };
        let share = |right: &[bool]| {
            right.iter().filter(|&&right| right).count() as f64 / right.len().max(1) as f64
        };
        let (chosen, judged) = (&answers.calibration.paths[ix], &answers.test.paths[ix]);
        Some(PathAnswers {
            calibration_accuracy: share(&right(&chosen.outputs, calibration)),
            right: right(&judged.outputs, test),
        })
    }
}
