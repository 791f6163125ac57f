//! Puts together what a sweep has measured so far.

use std::collections::HashSet;

use perforate_base::units::Seconds;
use perforate_engine::SegmentId;
use perforate_routing::fit::temperature;

use crate::curve::{CurveFigures, figures};
use crate::dense::dense_curve;
use crate::point::Point;
use crate::quality::{self, Quality};
use crate::record::argmax;
use crate::results::{PathAnswers, PathScaling, Results};
use crate::segments::SegmentTimes;
use crate::setting::Setting;
use crate::stats::{Interval, interval};
use crate::subject::CostBasis;

use super::certificate::{certified, path_seconds, segment_times};
use super::checks::{impossible_doubt, unequal_doubt};
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
        let segments = segment_times(setup, found);
        let path_seconds = segments.as_ref().map(|times| path_seconds(found, times));
        let (certificate, alternatives) = certified(setup, found, path_seconds.as_deref());
        let (gate_overhead, gate_alone) = self.overheads().unzip();
        let gate_alone = gate_alone.filter(|_| subject.light_always_runs);
        let [oracle, agreement_oracle] =
            [false, true].map(|agreement| self.oracle(agreement, path_seconds.as_deref()));
        let full = self.alone(Contender::Full);
        let light = self.alone(Contender::Light);
        let (statics, rivals) = self.others();
        let range = (subject.knob.as_str(), subject.range);
        let values: Vec<f32> = found.grid.iter().map(|setting| setting.0).collect();
        let samples = self.batch1.samples();
        Results {
            figures: self.figures(&curve, &random, (&full.quality, &light.quality)),
            warnings: self.warnings(&curve, gate_alone),
            full,
            light,
            statics,
            rivals,
            curve,
            random,
            oracle,
            agreement_oracle,
            dense: dense_curve(test, range, &values, truth, path_seconds.as_deref()),
            router_share: segments.as_ref().and_then(|times| self.router_share(times)),
            segments,
            path_seconds,
            scalings: self.scalings(),
            cost: setup.options.cost,
            certificate,
            alternatives,
            target: setup.options.target,
            is_input_dependent: subject.routed.is_input_dependent(),
            path_answers: self.path_answers(),
            robustness: found.robustness.as_ref().map_or_else(Vec::new, |own| own.results(subject)),
            gate_overhead,
            gate_alone,
            path_labels: test.paths.iter().map(|p| subject.routed.path_label(p.path)).collect(),
            rounds: samples.rounds(),
            launches: samples.launches().len(),
            tick: setup.tick,
        }
    }

    fn times(&self, contender: Contender) -> Times {
        let seed = self.setup.options.seed;
        Times {
            batch1: self.batch1.timing(contender, seed),
            batch_n: self.batch_n.and_then(|timer| timer.timing(contender, seed)),
        }
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

    /// Static models, and routed ones of other strategies by name, as far as they are judged.
    fn others(&self) -> (Vec<Point>, Vec<(String, Point)>) {
        let (mut statics, mut rivals) = (vec![], vec![]);
        for ix in 0..self.found.others.len() {
            let times = self.times(Contender::Other(ix));
            let Some(point) = points::other(self.setup, self.found, ix, times) else { continue };
            let program = Model::Other(ix).program(&self.setup.subject);
            if program.gates().is_empty() {
                statics.push(point);
            } else {
                rivals.push((program.name().to_string(), point));
            }
        }
        (statics, rivals)
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
        warnings.extend(self.batch1.advice(subject, 1, options.seed));
        if let Some(timer) = self.batch_n {
            warnings.extend(timer.advice(subject, options.batch, options.seed));
        }
        let always = curve.last().filter(|point| point.knob == Some(subject.range.full));
        let times = always.map(|point| [(point.batch1, 1), (point.batch_n, options.batch)]);
        warnings.extend(times.into_iter().flatten().filter_map(|(timing, batch)| {
            timing.and_then(|timing| impossible_doubt(timing.speedup, batch))
        }));
        // What the gate costs where only the light model runs, as a share of the full model.
        let median = |contender: Contender| {
            self.batch1.timing(contender, options.seed).map_or(f64::NAN, |own| own.latency.median)
        };
        let never = Contender::Routed(Setting(subject.range.light));
        let gate = (median(never) - median(Contender::Light)) / median(Contender::Full);
        warnings.extend(gate_alone.and_then(|alone| unequal_doubt(alone, gate)));
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
        // Gates that do not look at the rows do not claim to beat lots.
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
        let always = Contender::Routed(Setting(self.setup.subject.range.full));
        let [full, routed, light] =
            [Contender::Full, always, Contender::Light].map(|contender| timer.seconds(contender));
        let share = |without: &dyn Fn(usize) -> f64| {
            let shares: Vec<f64> =
                (0..full.len()).map(|ix| (routed[ix] - without(ix)) / full[ix] - 1.0).collect();
            interval(&shares, &timer.samples().launches(), self.setup.options.seed)
        };
        Some((share(&|_| 0.0), share(&|ix| light[ix])))
    }

    /// Temperatures of the paths' answers, fitted on their own split and judged on the test samples.
    fn scalings(&self) -> Vec<PathScaling> {
        let (subject, answers) = (&self.setup.subject, &self.found.answers);
        let Some((split, recording)) = subject.scaling.as_ref().zip(answers.scaling.as_ref())
        else {
            return vec![];
        };
        let (Some(own), Some(labels)) = (split.0.labels(), subject.test.0.labels()) else {
            return vec![];
        };
        let n = answers.test.len();
        let paths = recording.paths.iter().zip(&answers.test.paths);
        paths
            .filter(|(fitted, _)| fitted.outputs.len() == own.len())
            .map(|(fitted, judged)| {
                let temperature = temperature::fit(&fitted.outputs, own);
                let judge = |t| temperature::judge(&judged.outputs[..n], &labels[..n], t);
                PathScaling { temperature, before: judge(1.0), after: judge(temperature) }
            })
            .collect()
    }

    fn path_answers(&self) -> Vec<PathAnswers> {
        let (subject, answers) = (&self.setup.subject, &self.found.answers);
        let splits = (subject.calibration.0.labels(), subject.test.0.labels());
        let (Some(calibration), Some(test)) = splits else { return vec![] };
        if !self.done || subject.routed.is_input_dependent() {
            return vec![];
        }
        let right = |outputs: &[Vec<f32>], labels: &[usize]| -> Vec<bool> {
            outputs.iter().zip(labels).map(|(own, &label)| argmax(own) == label).collect()
        };
        let share = |right: &[bool]| {
            right.iter().filter(|&&right| right).count() as f64 / right.len().max(1) as f64
        };
        let paths = answers.calibration.paths.iter().zip(&answers.test.paths);
        paths
            .map(|(chosen, judged)| PathAnswers {
                calibration_accuracy: share(&right(&chosen.outputs, calibration)),
                right: right(&judged.outputs, test),
            })
            .collect()
    }
}
