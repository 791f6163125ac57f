//! The sweep: a grid of knob values from "never" to "always", each timed and judged, with references.
//!
//! It is a state machine that does one slice of work a call, so that the page and the command line
//! run the very same code.

use std::sync::Arc;

use crate::clock::Clock;
use crate::data::Samples;
use crate::engine::{Knobs, Order, Program, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::fit::calibrate::{Alternatives, Certificate, Loss, alternatives, certify};
use crate::units::{Macs, Seconds};

use super::alone::Alone;
use super::arms::{Arms, stratified_rows};
use super::curve::figures;
use super::order::Chooser;
use super::quality::{self, Quality};
use super::record::Recording;
pub use super::results::{Active, Options, Point, Progress, Results, Subject, Timing};
use super::stats::{Interval, bootstrap};
use super::timing::{Interleaved, Stretch, measure_tick};

/// Shares of rows that should take the full path at the grid's knob values, cheapest first.
/// They are denser where routers are used, and whole 64ths, which the rows that are timed can show.
const ACTIVE_SHARES: [f64; 13] = [
    0.0,
    1.0 / 64.0,
    3.0 / 64.0,
    5.0 / 64.0,
    8.0 / 64.0,
    10.0 / 64.0,
    13.0 / 64.0,
    16.0 / 64.0,
    20.0 / 64.0,
    26.0 / 64.0,
    32.0 / 64.0,
    45.0 / 64.0,
    1.0,
];
/// Rows on which the routed file's full path is held against the full model.
const CHECKED_ROWS: usize = 8;

/// Rows of a pass, and rounds for each round of the curve, when the router is timed by itself.
const OVERHEAD_ROWS: usize = 8;
const OVERHEAD_ROUNDS: usize = 8;

/// Larger differences between the router's cost at "always" and at "never" are not the router's.
const UNEQUAL: f64 = 0.05;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Scores,
    First,
    Batch1,
    Statics,
    Overhead,
    Orders(usize),
    BatchN,
    Rest,
    Done,
}

/// A running sweep.
#[derive(Debug)]
pub struct Sweep<C: Clock> {
    subject: Subject,
    options: Options,
    clock: C,
    tick: Seconds,
    phase: Phase,
    session: Session,
    calibration: Recording,
    test: Recording,
    statics: Vec<Alone>,
    /// Index of the path at "never" and at "always".
    cheap: usize,
    dear: usize,
    grid: Vec<f32>,
    orders: Vec<Vec<Order>>,
    chooser: Option<Chooser>,
    batch1: Option<(Interleaved, Arms)>,
    overhead: Option<(Interleaved, Arms)>,
    batch_n: Option<(Interleaved, Arms)>,
    warnings: Vec<String>,
}

impl<C: Clock> Sweep<C> {
    /// Prepares a sweep; checks that the routed model's ends are what they claim to be.
    pub fn new(subject: Subject, options: Options, clock: C) -> Result<Sweep<C>> {
        let tick = measure_tick(&clock);
        let mut session = Session::new(subject.routed.clone());
        let calibration = Recording::new(subject.routed.clone())?;
        let test = calibration.clone();
        let row = subject.test.0.inputs().slice(0..1)?;
        let mut path_at = |value: f32| -> Result<usize> {
            let knobs = Knobs::new().with(&subject.knob, value);
            let path = session.run(&row, &knobs)?.trace.rows[0].path;
            Ok(test.paths.iter().position(|record| record.path == path).unwrap_or(0))
        };
        let (cheap, dear) = (path_at(subject.range.never)?, path_at(subject.range.always)?);
        if cheap == dear {
            return Err(Error::new(
                ErrorKind::Model,
                format!(
                    "the knob `{}` does not change the path, so there is nothing to sweep",
                    subject.knob
                ),
            ));
        }
        let warnings = check_ends(&subject)?;
        let statics = subject.statics.iter().cloned().map(Alone::new).collect::<Result<_>>()?;
        Ok(Sweep {
            subject,
            options,
            clock,
            tick,
            phase: Phase::Scores,
            session,
            calibration,
            test,
            statics,
            cheap,
            dear,
            grid: vec![],
            orders: vec![],
            chooser: None,
            batch1: None,
            overhead: None,
            batch_n: None,
            warnings,
        })
    }

    /// Whether everything is measured.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// What is measured.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The knob values, cheapest first; empty before the scores are known.
    pub fn grid(&self) -> &[f32] {
        &self.grid
    }

    /// What the test samples give, as far as recorded.
    pub fn test_recording(&self) -> &Recording {
        &self.test
    }

    /// Where the sweep stands.
    pub fn progress(&self) -> Progress {
        let timing = |timing: &Option<(Interleaved, Arms)>| {
            timing.as_ref().map_or(0.0, |(t, _)| t.progress().0 as f64 / t.progress().1 as f64)
        };
        let batch = self.options.batch;
        let (text, share) = match self.phase {
            Phase::Scores => ("Scoring all samples".to_string(), 0.02),
            Phase::First => ("Running both paths".to_string(), 0.05),
            Phase::Batch1 => {
                ("Timing one row at a time".to_string(), 0.05 + 0.6 * timing(&self.batch1))
            }
            Phase::Statics => ("Judging static models".to_string(), 0.65),
            Phase::Overhead => {
                ("Timing the router by itself".to_string(), 0.65 + 0.02 * timing(&self.overhead))
            }
            Phase::Orders(_) => (format!("Choosing how each segment runs at batch {batch}"), 0.67),
            Phase::BatchN => {
                (format!("Timing at batch {batch}"), 0.68 + 0.3 * timing(&self.batch_n))
            }
            Phase::Rest => ("Judging the remaining samples".to_string(), 0.98),
            Phase::Done => ("Done".to_string(), 1.0),
        };
        Progress { text, share }
    }

    /// Does one slice of work. Returns whether the results changed enough to be shown anew.
    pub fn step(&mut self) -> Result<bool> {
        match self.phase {
            Phase::Scores => {
                let all = self.subject.test.0.len() + self.subject.calibration.0.len();
                let (cheap, slice) = (self.cheap, self.options.slice);
                self.record(cheap, slice)?;
                if self.recorded(cheap) == all {
                    self.grid = self.choose_grid();
                    self.phase = Phase::First;
                }
                Ok(false)
            }
            Phase::First => {
                let wanted = (4 * self.options.timed_rows).min(self.pending_rows());
                if self.least_recorded() < wanted {
                    self.record_pending()?;
                    return Ok(false);
                }
                self.batch1 = Some(self.timing(1)?);
                self.phase = Phase::Batch1;
                Ok(false)
            }
            Phase::Batch1 => {
                let Some((timing, arms)) = &mut self.batch1 else { return Ok(false) };
                let round = timing.step(&self.clock, arms)?;
                if round {
                    self.record_pending()?;
                }
                if self.batch1.as_ref().is_some_and(|(timing, _)| timing.is_done()) {
                    self.phase = Phase::Statics;
                }
                Ok(round)
            }
            Phase::Statics => {
                if !self.judge_statics()? {
                    return Ok(false);
                }
                self.overhead = Some(self.overhead_timing()?);
                self.phase = Phase::Overhead;
                Ok(true)
            }
            Phase::Overhead => {
                let Some((timing, arms)) = &mut self.overhead else { return Ok(false) };
                timing.step(&self.clock, arms)?;
                if !timing.is_done() {
                    return Ok(false);
                }
                self.phase = Phase::Orders(0);
                Ok(true)
            }
            Phase::Orders(ix) => {
                let Some(program) = self.programs().nth(ix).cloned() else {
                    self.batch_n = Some(self.timing(self.options.batch)?);
                    self.phase = Phase::BatchN;
                    return Ok(false);
                };
                let chooser = match &mut self.chooser {
                    Some(chooser) => chooser,
                    none => {
                        let rows = self.options.batch.min(self.subject.test.0.len());
                        let batch = self.subject.test.0.inputs().slice(0..rows)?;
                        none.insert(Chooser::new(program, batch))
                    }
                };
                if !chooser.step(&self.clock, self.tick)? {
                    self.orders.push(chooser.orders().to_vec());
                    self.chooser = None;
                    self.phase = Phase::Orders(ix + 1);
                }
                Ok(false)
            }
            Phase::BatchN => {
                let Some((timing, arms)) = &mut self.batch_n else { return Ok(false) };
                let round = timing.step(&self.clock, arms)?;
                if timing.is_done() {
                    self.phase = Phase::Rest;
                }
                Ok(round)
            }
            Phase::Rest => {
                if self.least_recorded() < self.pending_rows() {
                    self.record_pending()?;
                    return Ok(false);
                }
                self.phase = Phase::Done;
                Ok(true)
            }
            Phase::Done => Ok(false),
        }
    }

    /// The results so far; none before the first round is timed.
    pub fn results(&self) -> Option<Results> {
        let (timing1, arms1) = self.batch1.as_ref().filter(|(t, _)| t.samples().rounds() > 0)?;
        let n = self.test.len();
        let labels = self.subject.test.0.labels();
        let full = &self.test.paths[self.dear].outputs;
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
                let quality = quality::routed(&self.test, &knobs, full, labels, n);
                Point {
                    knob: Some(knob),
                    active: self.active(&quality),
                    quality,
                    batch1: timed(ix + 2),
                    batch_n: timed_n(ix + 2),
                }
            })
            .collect();
        let random: Vec<Quality> = curve
            .iter()
            .map(|point| quality::random(&self.test, &point.quality.paths, full, labels, n))
            .collect();
        let (certificate, alternatives) = self.certify();
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
            warnings.extend(timing.0.doubts().iter().map(|doubt| doubt.advice(name)));
        }
        // What the gate costs where only the light model runs, as a share of the full model.
        let [full_s, light_s, never_s] =
            [0, 1, 2].map(|arm| self.timing_of(timing1, arms1, arm).latency.median);
        warnings.extend(gate_alone.and_then(|g| unequal_doubt(g, (never_s - light_s) / full_s)));
        warnings.dedup();
        let full_point = self.alone(self.dear, &self.subject.full, timed(0), timed_n(0));
        let light_point = self.alone(self.cheap, &self.subject.light, timed(1), timed_n(1));
        Some(Results {
            figures: figures(&curve, &random, &full_point.quality, &light_point.quality),
            full: full_point,
            light: light_point,
            statics: (0..self.statics.len())
                .filter_map(|ix| {
                    let arm = 2 + self.grid.len() + ix;
                    self.static_point(ix, timed(arm), timed_n(arm))
                })
                .collect(),
            curve,
            random,
            oracle: quality::oracle(&self.test, full, labels, false, n),
            agreement_oracle: quality::oracle(&self.test, full, labels, true, n),
            certificate,
            alternatives,
            target: self.options.target,
            gate_overhead,
            gate_alone,
            path_labels: self
                .test
                .paths
                .iter()
                .map(|p| self.subject.routed.path_label(p.path))
                .collect(),
            rounds: timing1.samples().rounds(),
            tick: self.tick,
            warnings,
        })
    }

    fn active(&self, quality: &Quality) -> f64 {
        match (self.subject.active, model_macs(&self.subject.full)) {
            (Active::Operations, Some(full)) => quality.macs / full,
            _ => quality.paths[self.dear],
        }
    }

    /// Full, light, routed and the static ones, in the order of the arms' models.
    fn programs(&self) -> impl Iterator<Item = &Arc<Program>> {
        let Subject { full, light, routed, statics, .. } = &self.subject;
        [full, light, routed].into_iter().chain(statics)
    }

    fn arm_name(&self, arm: usize) -> String {
        match arm {
            0 => "full".into(),
            1 => "light".into(),
            arm if arm - 2 < self.grid.len() => {
                format!("{} = {}", self.subject.knob, self.grid[arm - 2])
            }
            arm => format!("static model {}", arm - 1 - self.grid.len()),
        }
    }

    /// Records rows of path `ix`, test and calibration in turn, for one slice of time.
    fn record(&mut self, ix: usize, slice: Seconds) -> Result<()> {
        let slice = Stretch::begin(&self.clock, slice);
        loop {
            let before = self.recorded(ix);
            let (test, calibration) = (&self.subject.test.0, &self.subject.calibration.0);
            self.test.extend(&mut self.session, test, ix, 1)?;
            self.calibration.extend(&mut self.session, calibration, ix, 1)?;
            if self.recorded(ix) == before || slice.is_over(&self.clock) {
                return Ok(());
            }
        }
    }

    /// Runs the static models for one slice of time; returns whether every sample is judged.
    fn judge_statics(&mut self) -> Result<bool> {
        let slice = Stretch::begin(&self.clock, self.options.slice);
        let samples: &Samples = &self.subject.test.0;
        for alone in &mut self.statics {
            while alone.outputs.len() < samples.len() {
                alone.extend(samples)?;
                if slice.is_over(&self.clock) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// A static model by itself, if it is judged on all of the first `n` test samples.
    fn static_point(
        &self,
        ix: usize,
        batch1: Option<Timing>,
        batch_n: Option<Timing>,
    ) -> Option<Point> {
        let (alone, n) = (&self.statics[ix], self.test.len());
        let outputs = alone.outputs.get(..n)?;
        let full = &self.test.paths[self.dear].outputs;
        let answers =
            outputs.iter().map(|output| quality::Answer { output, macs: alone.macs, path: None });
        let quality = quality::summarise(answers, full, self.subject.test.0.labels(), 0);
        let active = alone.macs / model_macs(&self.subject.full)?;
        Some(Point { knob: None, active, quality, batch1, batch_n })
    }

    /// Records a slice of the path that is furthest behind.
    fn record_pending(&mut self) -> Result<()> {
        let behind = (0..self.test.paths.len()).min_by_key(|&ix| self.recorded(ix));
        self.record(behind.unwrap_or(0), self.options.slice)
    }

    fn recorded(&self, ix: usize) -> usize {
        self.test.paths[ix].outputs.len() + self.calibration.paths[ix].outputs.len()
    }

    fn least_recorded(&self) -> usize {
        (0..self.test.paths.len()).map(|ix| self.recorded(ix)).min().unwrap_or(0)
    }

    fn pending_rows(&self) -> usize {
        self.subject.test.0.len() + self.subject.calibration.0.len()
    }

    /// Knob values at which about [`ACTIVE_SHARES`] of the calibration samples pass the first gate.
    fn choose_grid(&self) -> Vec<f32> {
        let mut scores = self.calibration.paths[self.cheap]
            .scores
            .iter()
            .map(|gates| gates[0])
            .collect::<Vec<f32>>();
        // From the row that turns first as the knob moves from "never" to "always".
        scores.sort_by(f32::total_cmp);
        if self.subject.range.never > self.subject.range.always {
            scores.reverse();
        }
        let n = scores.len();
        let mut grid = vec![self.subject.range.never];
        for share in &ACTIVE_SHARES[1..ACTIVE_SHARES.len() - 1] {
            let rank = (share * n as f64).round() as usize;
            if rank == 0 || rank >= n {
                continue;
            }
            let middle = (scores[rank - 1] + scores[rank]) / 2.0;
            if grid.last() != Some(&middle) {
                grid.push(middle);
            }
        }
        grid.push(self.subject.range.always);
        grid
    }

    /// The timer for (routed, all computation active) against (full model), by themselves: a
    /// difference of a few percent needs more rounds, and nearer to each other, than the curve has.
    fn overhead_timing(&self) -> Result<(Interleaved, Arms)> {
        let rows = OVERHEAD_ROWS.min(self.subject.test.0.len());
        let batches = (0..rows)
            .map(|row| self.subject.test.0.inputs().slice(row..row + 1))
            .collect::<Result<Vec<_>>>()?;
        let mut arms = Arms::new(batches);
        let full = arms.model(&self.subject.full, &[]);
        let routed = arms.model(&self.subject.routed, &[]);
        let light = arms.model(&self.subject.light, &[]);
        arms.arm(full, self.subject.full.neutral_knobs());
        arms.arm(routed, Knobs::new().with(&self.subject.knob, self.subject.range.always));
        arms.arm(light, self.subject.light.neutral_knobs());
        let rounds = OVERHEAD_ROUNDS * self.options.rounds;
        Ok((Interleaved::new(3, rounds, self.tick, self.options.slice), arms))
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
            bootstrap(&shares, self.options.seed)
        };
        Some((share(&|_| 0.0), share(&|ix| light[ix])))
    }

    /// The timer and its arms for batches of `size`.
    fn timing(&self, size: usize) -> Result<(Interleaved, Arms)> {
        let samples = &self.subject.test.0;
        let scores: Vec<f32> =
            self.test.paths[self.cheap].scores.iter().map(|gates| gates[0]).collect();
        let count = self.options.timed_rows.max(size).min(samples.len());
        let rows = stratified_rows(&scores, samples.len(), count);
        let batches = rows
            .chunks(size)
            .filter(|chunk| chunk.len() == size || rows.len() < size)
            .map(|chunk| samples.inputs().select(chunk))
            .collect::<Result<Vec<_>>>()?;
        let mut arms = Arms::new(batches);
        let orders = |ix: usize| self.orders.get(ix).map_or(&[][..], Vec::as_slice);
        let models: Vec<usize> = self
            .programs()
            .enumerate()
            .map(|(ix, program)| arms.model(program, orders(ix)))
            .collect();
        arms.arm(models[0], self.subject.full.neutral_knobs());
        arms.arm(models[1], self.subject.light.neutral_knobs());
        for &knob in &self.grid {
            arms.arm(models[2], Knobs::new().with(&self.subject.knob, knob));
        }
        for (program, &model) in self.subject.statics.iter().zip(&models[3..]) {
            arms.arm(model, program.neutral_knobs());
        }
        let count = self.grid.len() + 2 + self.subject.statics.len();
        Ok((Interleaved::new(count, self.options.rounds, self.tick, self.options.slice), arms))
    }

    fn timing_of(&self, timing: &Interleaved, arms: &Arms, arm: usize) -> Timing {
        let rows = arms.rows() as f64;
        let seconds: Vec<f64> = timing.samples().of(arm).iter().map(|s| s / rows).collect();
        Timing {
            latency: bootstrap(&seconds, self.options.seed),
            speedup: bootstrap(&timing.samples().speedups(arm, 0), self.options.seed),
        }
    }

    /// A model by itself: the answers of a path, the cost of the model without gates.
    fn alone(
        &self,
        path: usize,
        program: &Program,
        batch1: Option<Timing>,
        batch_n: Option<Timing>,
    ) -> Point {
        let full = &self.test.paths[self.dear].outputs;
        let answers = (0..self.test.len()).map(|row| quality::Answer {
            output: &self.test.paths[path].outputs[row],
            macs: model_macs(program).unwrap_or(self.test.paths[path].macs[row]),
            path: Some(path),
        });
        let labels = self.subject.test.0.labels();
        let quality = quality::summarise(answers, full, labels, self.test.paths.len());
        Point { knob: None, active: self.active(&quality), quality, batch1, batch_n }
    }

    /// Chooses the operating point on the calibration samples: from "always" on, the last setting
    /// that passes.
    fn certify(&self) -> (Certificate, Alternatives) {
        let samples: &Samples = &self.subject.calibration.0;
        let n = self.calibration.len();
        let full = &self.calibration.paths[self.dear].outputs;
        let labels = samples.labels();
        let losses: Vec<u64> = self
            .grid
            .iter()
            .rev()
            .map(|&knob| {
                let knobs = Knobs::new().with(&self.subject.knob, knob);
                let quality = quality::routed(&self.calibration, &knobs, full, labels, n);
                match self.options.target.loss {
                    Loss::Error if labels.is_some() => quality.errors,
                    _ => quality.disagreements,
                }
            })
            .collect();
        let mut certificate = certify(&self.options.target, &losses, n as u64);
        let other = alternatives(&self.options.target, &losses, n as u64);
        // The sequence starts at "always", the curve at "never".
        let turned = |ix: Option<usize>| ix.map(|ix| self.grid.len() - 1 - ix);
        let [chosen, empirical, conformal] =
            [certificate.chosen, other.empirical, other.conformal].map(turned);
        certificate.chosen = chosen;
        (certificate, Alternatives { empirical, conformal })
    }
}

/// A doubt if the router by itself costs another share of the full model at "always" than at "never":
/// the same segment then runs at different speeds in different arms, which no model is to blame for
/// (Mytkowicz et al., "Producing wrong data without doing anything obviously wrong!", ASPLOS 2009).
fn unequal_doubt(at_always: Interval, at_never: f64) -> Option<String> {
    let unexplained = (at_always.median - at_never).abs();
    (unexplained > UNEQUAL).then(|| {
        format!(
            "Equal work differs by {:.0} % here between runs of the full model alone and in the router, which the router does not explain: speeds closer than that cannot be told apart, so use the native benchmark for them.",
            unexplained * 100.0
        )
    })
}

/// Operations for a row of a model without gates, if they do not depend on the row.
fn model_macs(program: &Program) -> Option<Macs> {
    program.segments().map(|segment| segment.macs).sum()
}

/// Holds the ends of the routed model against the models alone; says so if they differ.
fn check_ends(subject: &Subject) -> Result<Vec<String>> {
    let mut warnings = vec![];
    let ends = [
        (&subject.full, subject.range.always, "full"),
        (&subject.light, subject.range.never, "light"),
    ];
    let rows = subject.test.0.len().min(CHECKED_ROWS);
    let batch = subject.test.0.inputs().slice(0..rows)?;
    for (program, knob, name) in ends {
        let alone = Session::new(program.clone()).run(&batch, &program.neutral_knobs())?.first()?;
        let knobs = Knobs::new().with(&subject.knob, knob);
        let routed = Session::new(subject.routed.clone()).run(&batch, &knobs)?.first()?;
        let differ = alone.shape() != routed.shape()
            || alone.iter().zip(&routed).any(|(a, b)| (a - b).abs() > 1e-4 + 1e-4 * b.abs());
        if differ {
            warnings.push(format!(
                "At {} = {knob} the routed model does not answer like the {name} model: compose it anew.",
                subject.knob
            ));
        }
    }
    Ok(warnings)
}
