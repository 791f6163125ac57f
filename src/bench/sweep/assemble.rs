//! Puts together what a sweep has measured so far.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::arms::Arms;
use crate::clock::Clock;
use crate::costs::Costs;
use crate::curve::{CurveFigures, figures};
use crate::dense::{dense_curve, mean_seconds};
use crate::quality::{self, Quality};
use crate::record::{Recording, argmax};
use crate::results::{Active, CostBasis, PathAnswers, PathScaling, Point, Results, Timing};
use crate::segments::SegmentTimes;
use crate::stats::{Interval, interval};
use crate::timing::Interleaved;
use crate::truth::Truth;
use perforate_base::units::Seconds;
use perforate_data::Samples;
use perforate_engine::{Knobs, Work};
use perforate_routing::fit::calibrate::{Alternatives, Certificate, Loss, alternatives, certify};
use perforate_routing::fit::temperature;

use super::Sweep;
use super::checks::{impossible_doubt, unequal_doubt, wide_doubt};

impl<C: Clock> Sweep<C> {
    /// The results so far; none before the first round is timed.
    pub fn results(&self) -> Option<Results> {
        let (timing1, arms1) = self.batch1.as_ref().filter(|(t, _)| t.samples().rounds() > 0)?;
        let n = self.test.len();
        let truth = self.truth();
        let timed = |arm: usize| Some(self.timing_of(timing1, arms1, arm));
        let timed_n = |arm: usize| {
            let (timing, arms) = self.batch_n.as_ref().filter(|(t, _)| t.samples().rounds() > 0)?;
            Some(self.timing_of(timing, arms, arm))
        };
        let curve: Vec<Point> = self
            .grid
            .iter()
            .enumerate()
            .map(|(ix, &knob)| {
                let knobs = Knobs::new().with(&self.subject.knob, knob);
                let quality = quality::routed(&self.test, &knobs, truth, n);
                self.point(Some(knob), quality, timed(ix + 2), timed_n(ix + 2))
            })
            .collect();
        let random: Vec<Quality> = curve
            .iter()
            .map(|point| quality::random(&self.test, &point.quality.paths, truth, n))
            .collect();
        let segments = self.segment_times();
        let path_seconds = segments.as_ref().map(|times| self.path_seconds(times));
        let (certificate, alternatives) = self.certify(path_seconds.as_deref());
        let (gate_overhead, gate_alone) = self.overheads().unzip();
        let gate_alone = gate_alone.filter(|_| self.subject.light_always_runs);
        let mut warnings = self.warnings.clone();
        for (timing, batch) in self
            .batch1
            .iter()
            .map(|t| (t, 1))
            .chain(self.batch_n.iter().map(|t| (t, self.options.batch)))
        {
            let name = |arm: usize| format!("{} at batch {batch}", self.arm_name(arm));
            let mut doubts = timing.0.doubts();
            if timing.0.is_done() {
                let arms = 2..timing.0.samples().arms();
                let speedup = |arm| (arm, self.timing_of(&timing.0, &timing.1, arm).speedup);
                doubts.extend(wide_doubt(arms.map(speedup)));
            }
            warnings.extend(doubts.iter().map(|doubt| doubt.advice(name)));
        }
        let always = curve.last().filter(|point| point.knob == Some(self.subject.range.always));
        let times = always.map(|point| [(point.batch1, 1), (point.batch_n, self.options.batch)]);
        warnings.extend(times.into_iter().flatten().filter_map(|(timing, batch)| {
            timing.and_then(|timing| impossible_doubt(timing.speedup, batch))
        }));
        // What the gate costs where only the light model runs, as a share of the full model.
        let [full_s, light_s, never_s] =
            [0, 1, 2].map(|arm| self.timing_of(timing1, arms1, arm).latency.median);
        warnings.extend(gate_alone.and_then(|g| unequal_doubt(g, (never_s - light_s) / full_s)));
        let mut told = HashSet::new();
        warnings.retain(|warning| told.insert(warning.clone()));
        // Operations until times are known.
        let by_time = path_seconds.as_deref().filter(|_| self.options.cost == CostBasis::Time);
        let path_cost = |path: usize, row: usize| match by_time {
            Some(seconds) => seconds[path].0,
            None => self.weight(self.test.paths[path].work[row]),
        };
        let full_point = self.alone(self.dear, &self.costs[0], timed(0), timed_n(0));
        let light_point = self.alone(self.cheap, &self.costs[1], timed(1), timed_n(1));
        let others: Vec<(bool, &str, Point)> = (0..self.others.len())
            .filter_map(|ix| {
                let (arm, program) = (2 + self.grid.len() + ix, &self.subject.others[ix]);
                let point = self.other_point(ix, timed(arm), timed_n(arm))?;
                Some((!program.gates().is_empty(), program.name(), point))
            })
            .collect();
        Some(Results {
            figures: self.figures(&curve, &random, (&full_point.quality, &light_point.quality)),
            full: full_point,
            light: light_point,
            statics: others
                .iter()
                .filter(|(rival, ..)| !rival)
                .map(|(_, _, point)| point.clone())
                .collect(),
            rivals: others
                .iter()
                .filter(|(rival, ..)| *rival)
                .map(|(_, name, point)| (name.to_string(), point.clone()))
                .collect(),
            curve,
            random,
            oracle: quality::oracle(&self.test, truth, false, n, path_cost),
            agreement_oracle: quality::oracle(&self.test, truth, true, n, path_cost),
            dense: dense_curve(
                &self.test,
                (&self.subject.knob, self.subject.range),
                &self.grid,
                truth,
                path_seconds.as_deref(),
            ),
            router_share: segments.as_ref().and_then(|times| self.router_share(times)),
            segments,
            path_seconds: path_seconds.clone(),
            scalings: self.scalings(),
            cost: self.options.cost,
            certificate,
            alternatives,
            target: self.options.target,
            reads_rows: self.subject.routed.reads_rows(),
            path_answers: self.path_answers(),
            robustness: self
                .disturbance
                .as_ref()
                .map_or_else(Vec::new, |disturbance| disturbance.results(&self.subject)),
            gate_overhead,
            gate_alone,
            path_labels: self
                .test
                .paths
                .iter()
                .map(|p| self.subject.routed.path_label(p.path))
                .collect(),
            rounds: timing1.samples().rounds(),
            launches: timing1.samples().launches().len(),
            tick: self.tick,
            warnings,
        })
    }

    /// What the test samples are judged by.
    fn truth(&self) -> Truth<'_> {
        self.truth_of(&self.test, &self.subject.test.0)
    }

    fn truth_of<'a>(&self, recording: &'a Recording, samples: &'a Samples) -> Truth<'a> {
        Truth {
            full: &recording.paths[self.dear].outputs,
            labels: samples.labels(),
            tolerance: self.subject.tolerance,
        }
    }

    fn figures(
        &self,
        curve: &[Point],
        random: &[Quality],
        (full, light): (&Quality, &Quality),
    ) -> CurveFigures {
        let figures = figures(curve, random, full, light);
        // Gates that do not look at the rows do not claim to beat lots.
        let beats_lots = figures.beats_lots.filter(|_| self.subject.routed.reads_rows());
        CurveFigures { beats_lots, ..figures }
    }

    fn point(
        &self,
        knob: Option<f32>,
        quality: Quality,
        batch1: Option<Timing>,
        batch_n: Option<Timing>,
    ) -> Point {
        let (active, cost) = (self.active(&quality), self.cost(&quality, batch1));
        Point { knob, active, cost, quality, batch1, batch_n }
    }

    /// Cost of a setting as a share of the full model's, by what was chosen to count.
    fn cost(&self, quality: &Quality, batch1: Option<Timing>) -> f64 {
        match (self.options.cost, batch1) {
            (CostBasis::Time, Some(timing)) => 1.0 / timing.speedup.median,
            _ => self.share(quality.work),
        }
    }

    /// Work as a share of the full model's for the samples recorded.
    fn share(&self, work: Work) -> f64 {
        self.weight(work) / self.weight(self.costs[0].mean(self.test.len()))
    }

    /// The segments' times, once all rounds are done.
    fn segment_times(&self) -> Option<SegmentTimes> {
        let (timing, runs) = self.segments.as_ref().filter(|(timing, _)| timing.is_done())?;
        Some(runs.table(timing.samples(), self.options.seed))
    }

    fn path_seconds(&self, times: &SegmentTimes) -> Vec<Seconds> {
        (0..self.test.paths.len()).map(|path| times.path(path)).collect()
    }

    /// What runs beside the full model's own segments when all computation is active, relative to them.
    fn router_share(&self, times: &SegmentTimes) -> Option<Interval> {
        let Sweep { subject, dear, .. } = self;
        times.share_beside(*dear, |ix| subject.routed.has_segment_of(ix, &subject.full))
    }

    /// Temperatures of the paths' answers, fitted on their own split and judged on the test samples.
    fn scalings(&self) -> Vec<PathScaling> {
        let Some((split, recording)) = self.subject.scaling.as_ref().zip(self.scaling.as_ref())
        else {
            return vec![];
        };
        let (Some(own), Some(labels)) = (split.0.labels(), self.subject.test.0.labels()) else {
            return vec![];
        };
        let n = self.test.len();
        let paths = recording.paths.iter().zip(&self.test.paths);
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
        let splits = (self.subject.calibration.0.labels(), self.subject.test.0.labels());
        let (Some(calibration), Some(test)) = splits else { return vec![] };
        if !self.is_done() || self.subject.routed.reads_rows() {
            return vec![];
        }
        let right = |outputs: &[Vec<f32>], labels: &[usize]| -> Vec<bool> {
            outputs.iter().zip(labels).map(|(own, &label)| argmax(own) == label).collect()
        };
        let share = |right: &[bool]| {
            right.iter().filter(|&&right| right).count() as f64 / right.len().max(1) as f64
        };
        let paths = self.calibration.paths.iter().zip(&self.test.paths);
        paths
            .map(|(chosen, judged)| PathAnswers {
                calibration_accuracy: share(&right(&chosen.outputs, calibration)),
                right: right(&judged.outputs, test),
            })
            .collect()
    }

    fn active(&self, quality: &Quality) -> f64 {
        match self.subject.active {
            Active::Operations | Active::Energy => self.share(quality.work),
            Active::FullPath => quality.paths[self.dear],
        }
    }

    /// Another model by itself, if it is judged on all of the first `n` test samples.
    fn other_point(
        &self,
        ix: usize,
        batch1: Option<Timing>,
        batch_n: Option<Timing>,
    ) -> Option<Point> {
        let (alone, n) = (&self.others[ix], self.test.len());
        let outputs = alone.outputs.get(..n)?;
        let answers = outputs.iter().enumerate().map(|(row, output)| quality::Answer {
            output,
            work: alone.costs.row(row),
            path: None,
        });
        let quality = quality::summarise(answers, self.truth(), 0);
        let active = self.share(alone.costs.mean(n));
        let cost = self.cost(&quality, batch1);
        Some(Point { knob: None, active, cost, quality, batch1, batch_n })
    }

    /// The router's cost as a share of the full model's, with and without the light model.
    fn overheads(&self) -> Option<(Interval, Interval)> {
        let (timing, _) = self.overhead.as_ref().filter(|(timing, _)| timing.is_done())?;
        let samples = timing.samples();
        let [full, routed, light] = [0, 1, 2].map(|arm| samples.of(arm));
        let share = |without: &dyn Fn(usize) -> f64| {
            let rounds = 0..full.len();
            let shares: Vec<f64> =
                rounds.map(|ix| (routed[ix] - without(ix)) / full[ix] - 1.0).collect();
            interval(&shares, &samples.launches(), self.options.seed)
        };
        Some((share(&|_| 0.0), share(&|ix| light[ix])))
    }

    fn timing_of(&self, timing: &Interleaved, arms: &Arms, arm: usize) -> Timing {
        let rows = arms.rows() as f64;
        let seconds: Vec<f64> = timing.samples().of(arm).iter().map(|s| s / rows).collect();
        let launches = timing.samples().launches();
        let over = |values: &[f64]| interval(values, &launches, self.options.seed);
        Timing { latency: over(&seconds), speedup: over(&timing.samples().speedups(arm, 0)) }
    }

    /// A model by itself: the answers of a path, the cost of the model without gates.
    fn alone(
        &self,
        path: usize,
        costs: &Costs,
        batch1: Option<Timing>,
        batch_n: Option<Timing>,
    ) -> Point {
        let answers = (0..self.test.len()).map(|row| quality::Answer {
            output: &self.test.paths[path].outputs[row],
            work: costs.row(row),
            path: Some(path),
        });
        let quality = quality::summarise(answers, self.truth(), self.test.paths.len());
        self.point(None, quality, batch1, batch_n)
    }

    /// The operating point; else what the observed risk alone allows, or the middle of the curve.
    pub(super) fn chosen_knob(&self) -> f32 {
        let seconds = self.segment_times().map(|times| self.path_seconds(&times));
        let (certificate, alternatives) = self.certify(seconds.as_deref());
        let chosen = certificate.chosen.or(alternatives.empirical);
        self.grid[chosen.unwrap_or(self.grid.len() / 2)]
    }

    /// Chooses the operating point on the calibration samples: of the settings that pass, from "always"
    /// on, the cheapest.
    fn certify(&self, path_seconds: Option<&[Seconds]>) -> (Certificate, Alternatives) {
        let samples: &Samples = &self.subject.calibration.0;
        let n = self.calibration.len();
        let truth = self.truth_of(&self.calibration, samples);
        // The sequence starts at "always", the curve at "never".
        let qualities: Vec<Quality> = self
            .grid
            .iter()
            .rev()
            .map(|&knob| {
                let knobs = Knobs::new().with(&self.subject.knob, knob);
                quality::routed(&self.calibration, &knobs, truth, n)
            })
            .collect();
        let losses: Vec<u64> = qualities
            .iter()
            .map(|quality| match self.options.target.loss {
                Loss::Error if truth.labels.is_some() => quality.errors,
                _ => quality.disagreements,
            })
            .collect();
        let mut certificate = certify(&self.options.target, &losses, n as u64);
        if let (CostBasis::Time, Some(seconds)) = (self.options.cost, path_seconds) {
            // The test of the whole sequence holds for every setting in it that passed.
            let cost = |ix: &usize| mean_seconds(&qualities[*ix].paths, seconds).0;
            let passed = 0..certificate.chosen.map_or(0, |last| last + 1);
            certificate.chosen =
                passed.min_by(|a, b| cost(a).total_cmp(&cost(b)).then(Reverse(a).cmp(&Reverse(b))));
            if let Some(ix) = certificate.chosen {
                certificate.p_value = self.options.target.p_value(losses[ix], n as u64);
            }
        }
        let other = alternatives(&self.options.target, &losses, n as u64);
        let turned = |ix: Option<usize>| ix.map(|ix| self.grid.len() - 1 - ix);
        let [chosen, empirical, conformal] =
            [certificate.chosen, other.empirical, other.conformal].map(turned);
        certificate.chosen = chosen;
        (certificate, Alternatives { empirical, conformal })
    }
}
