//! The sweep: a grid of knob values from "never" to "always", each timed and judged, with references.
//!
//! It is a state machine that does one slice of work a call, so that the page and the command line
//! run the very same code.

mod assemble;
mod checks;
mod timers;

use std::sync::Arc;

use crate::clock::Clock;
use perforate_base::units::Seconds;
use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_engine::{Knobs, Order, Program, Session, Work};

use super::alone::Alone;
use super::arms::Arms;
use super::costs::Costs;
use super::dense::{knob_values, knob_values_by_cost};
use super::order::Chooser;
use super::record::Recording;
pub use super::results::{
    Active, CostBasis, Launch, Options, Point, Progress, Results, Subject, Timing,
};
use super::robustness::Disturbance;
use super::segments::SegmentRuns;
use super::timing::{Interleaved, Stretch, measure_tick};
use checks::check_ends;

/// Settings of the knob that are measured, ends included, unless asked otherwise.
pub const USUAL_SETTINGS: usize = ACTIVE_SHARES.len();
/// Shares of rows that should take the full path at so many knob values, cheapest first.
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
/// Rows that every path is recorded for before the first round, for each timed one.
const FIRST_ROWS: usize = 2;
/// The same where all rows take the same path, so that none has to stand for others.
const FIRST_WHERE_ALL_ARE_ALIKE: usize = 16;
/// Rows from which it is known there what each path costs.
const FEW_ROWS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Scores,
    First,
    Batch1,
    Segments,
    Others,
    Overhead,
    Orders(usize),
    BatchN,
    Rest,
    Disturbed,
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
    scaling: Option<Recording>,
    others: Vec<Alone>,
    /// Of the full and the light model alone.
    costs: [Costs; 2],
    /// Index of the path at "never" and at "always".
    cheap: usize,
    dear: usize,
    grid: Vec<f32>,
    orders: Vec<Vec<Order>>,
    chooser: Option<Chooser>,
    batch1: Option<(Interleaved, Arms)>,
    segments: Option<(Interleaved, SegmentRuns)>,
    overhead: Option<(Interleaved, Arms)>,
    batch_n: Option<(Interleaved, Arms)>,
    disturbance: Option<Disturbance>,
    warnings: Vec<String>,
}

impl<C: Clock> Sweep<C> {
    /// Prepares a sweep; checks that the routed model's ends are what they claim to be.
    pub fn new(subject: Subject, options: Options, clock: C) -> Result<Sweep<C>> {
        let tick = measure_tick(&clock);
        let mut session = Session::new(subject.routed.clone());
        let calibration = Recording::new(subject.routed.clone())?;
        let test = calibration.clone();
        // How sure an answer is decides nothing where a knob alone does.
        let scaled = subject.scaling.as_ref().filter(|_| !calibration.follows_settings());
        let scaling = scaled.map(|_| calibration.clone());
        let row = subject.test.0.row(0)?;
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
        let samples = &subject.test.0;
        let alone = |program: &Arc<Program>| Alone::new(program.clone(), samples);
        let others = subject.others.iter().map(alone).collect::<Result<_>>()?;
        let costs = [Costs::of(&subject.full, samples)?, Costs::of(&subject.light, samples)?];
        Ok(Sweep {
            subject,
            options,
            clock,
            tick,
            phase: Phase::Scores,
            session,
            calibration,
            test,
            scaling,
            others,
            costs,
            cheap,
            dear,
            grid: vec![],
            orders: vec![],
            chooser: None,
            batch1: None,
            segments: None,
            overhead: None,
            batch_n: None,
            disturbance: None,
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
            Phase::Segments => ("Timing each segment".to_string(), 0.65),
            Phase::Others => ("Judging other models".to_string(), 0.65),
            Phase::Overhead => {
                ("Timing the router by itself".to_string(), 0.65 + 0.02 * timing(&self.overhead))
            }
            Phase::Orders(_) => (format!("Choosing how each segment runs at batch {batch}"), 0.67),
            Phase::BatchN => {
                (format!("Timing at batch {batch}"), 0.68 + 0.3 * timing(&self.batch_n))
            }
            Phase::Rest => ("Judging the remaining samples".to_string(), 0.98),
            Phase::Disturbed => ("Judging disturbed samples".to_string(), 0.99),
            Phase::Done => ("Done".to_string(), 1.0),
        };
        Progress { text, share }
    }

    /// The times measured, for another launch; none before all are.
    pub fn launch(&self) -> Option<Launch> {
        let done = self.is_done();
        let [batch1, router, batch_n] = [&self.batch1, &self.overhead, &self.batch_n]
            .map(|timing| timing.as_ref().map(|(t, _)| t.samples().clone()));
        let segments = self.segments.as_ref().map(|(t, _)| t.samples().clone());
        let samples = [batch1?, segments?, router?, batch_n?];
        done.then(|| Launch { grid: self.grid.clone(), samples })
    }

    /// Adds the times of another launch of the same experiment to this one's, once that is done.
    pub fn absorb(&mut self, launch: &Launch) -> Result<()> {
        let same = launch.grid == self.grid;
        let [of_batch1, of_segments, of_router, of_batch_n] = &launch.samples;
        let pairs = [
            (self.batch1.as_mut().map(|(t, _)| t), of_batch1),
            (self.segments.as_mut().map(|(t, _)| t), of_segments),
            (self.overhead.as_mut().map(|(t, _)| t), of_router),
            (self.batch_n.as_mut().map(|(t, _)| t), of_batch_n),
        ];
        for (own, samples) in pairs {
            if !same || !own.is_some_and(|own| own.absorb(samples)) {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "a launch did not measure what the others did",
                ));
            }
        }
        Ok(())
    }

    /// Judges what is measured by the guarantee and the notion of cost of other options.
    pub fn judge_by(&mut self, other: &Options) {
        let Options { target, cost, energy, .. } = *other;
        self.options = Options { target, cost, energy, ..self.options };
        // Another setting may now be the chosen one, which is what disturbed samples are run at.
        if self.disturbance.take().is_some() {
            self.phase = Phase::Rest;
        }
    }

    /// Does one slice of work. Returns whether the results changed enough to be shown anew.
    pub fn step(&mut self) -> Result<bool> {
        match self.phase {
            // The settings of several gates are chosen from whole rows.
            Phase::Scores if self.subject.routed.gates().len() > 1 => {
                self.phase = Phase::First;
                Ok(false)
            }
            Phase::Scores => {
                let all = self.subject.test.0.len() + self.subject.calibration.0.len();
                let (cheap, slice) = (self.cheap, self.options.slice);
                self.record(cheap, slice)?;
                if self.recorded(cheap) == all {
                    self.phase = Phase::First;
                }
                Ok(false)
            }
            Phase::First => {
                let known = self.test.len().min(self.calibration.len());
                if self.grid.is_empty() && self.test.follows_settings() && known >= FEW_ROWS {
                    self.choose_paths();
                }
                let enough = |recording: &Recording, samples: &Samples| {
                    recording.len() >= self.first_rows_recorded(samples)
                };
                if !enough(&self.test, &self.subject.test.0)
                    || !enough(&self.calibration, &self.subject.calibration.0)
                {
                    self.record_pending()?;
                    return Ok(false);
                }
                if self.grid.is_empty() {
                    self.grid = self.choose_grid();
                }
                self.batch1 = Some(self.timing(1)?);
                self.phase = Phase::Batch1;
                Ok(false)
            }
            Phase::Batch1 => {
                let Some((timing, arms)) = &mut self.batch1 else { return Ok(false) };
                let round = timing.step(&self.clock, arms)?;
                if round && !self.options.timing_only {
                    self.record_pending()?;
                }
                if self.batch1.as_ref().is_some_and(|(timing, _)| timing.is_done()) {
                    self.segments = Some(self.segment_timing()?);
                    self.phase = Phase::Segments;
                }
                Ok(round)
            }
            Phase::Segments => {
                let Some((timing, runs)) = &mut self.segments else { return Ok(false) };
                timing.step(&self.clock, runs)?;
                if !timing.is_done() {
                    return Ok(false);
                }
                self.phase = Phase::Others;
                Ok(true)
            }
            Phase::Others => {
                if !self.options.timing_only && !self.judge_others()? {
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
                if self.chooser.is_none() {
                    let mut batches = self.batches(self.options.batch)?;
                    let middle = batches.swap_remove(batches.len() / 2);
                    self.chooser = Some(Chooser::new(program, middle));
                }
                let Some(chooser) = &mut self.chooser else { return Ok(false) };
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
                let wanted = if self.options.timing_only { 0 } else { self.pending_rows() };
                if self.least_recorded() < wanted {
                    self.record_pending()?;
                    return Ok(false);
                }
                self.phase = Phase::Done;
                let labelled = self.subject.test.0.labels().is_some();
                if labelled && !self.subject.variants.is_empty() && !self.options.timing_only {
                    let knobs = Knobs::new().with(&self.subject.knob, self.chosen_knob());
                    self.disturbance = Some(Disturbance::new(&self.subject, knobs));
                    self.phase = Phase::Disturbed;
                }
                Ok(true)
            }
            Phase::Disturbed => {
                let Some(disturbance) = &mut self.disturbance else { return Ok(false) };
                let slice = Stretch::begin(&self.clock, self.options.slice);
                while disturbance.step(&self.subject)? {
                    if slice.is_over(&self.clock) {
                        return Ok(false);
                    }
                }
                self.phase = Phase::Done;
                Ok(true)
            }
            Phase::Done => Ok(false),
        }
    }

    /// Full, light, routed and the others, in the order of the arms' models.
    fn programs(&self) -> impl Iterator<Item = &Arc<Program>> {
        let Subject { full, light, routed, others, .. } = &self.subject;
        [full, light, routed].into_iter().chain(others)
    }

    fn arm_name(&self, arm: usize) -> String {
        match arm {
            0 => "full".into(),
            1 => "light".into(),
            2 => "never".into(),
            arm if arm - 1 == self.grid.len() => "always".into(),
            arm if arm - 2 < self.grid.len() => {
                format!("{} = {}", self.subject.knob, self.grid[arm - 2])
            }
            arm => self.subject.others[arm - 2 - self.grid.len()].name().to_string(),
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
            if let Some((recording, samples)) =
                self.scaling.as_mut().zip(self.subject.scaling.as_ref())
            {
                recording.extend(&mut self.session, &samples.0, ix, 1)?;
            }
            if self.recorded(ix) == before || slice.is_over(&self.clock) {
                return Ok(());
            }
        }
    }

    /// Runs the other models for one slice of time; returns whether every sample is judged.
    fn judge_others(&mut self) -> Result<bool> {
        let slice = Stretch::begin(&self.clock, self.options.slice);
        let samples: &Samples = &self.subject.test.0;
        for alone in &mut self.others {
            while alone.outputs.len() < samples.len() {
                alone.extend(samples)?;
                if slice.is_over(&self.clock) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Records, for a slice of time, the next samples on the paths that lack them.
    fn record_pending(&mut self) -> Result<()> {
        let slice = Stretch::begin(&self.clock, self.options.slice);
        loop {
            let before = self.least_recorded();
            self.test.extend_all(&mut self.session, &self.subject.test.0)?;
            self.calibration.extend_all(&mut self.session, &self.subject.calibration.0)?;
            if let Some((recording, samples)) =
                self.scaling.as_mut().zip(self.subject.scaling.as_ref())
            {
                recording.extend_all(&mut self.session, &samples.0)?;
            }
            if self.least_recorded() == before || slice.is_over(&self.clock) {
                return Ok(());
            }
        }
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

    /// Where a knob alone leads to paths: settings by what the paths cost, and only their paths from then on.
    fn choose_paths(&mut self) {
        self.grid = self.choose_grid();
        let ends = [self.cheap, self.dear].map(|ix| self.test.paths[ix].path);
        self.test.keep(&self.grid);
        self.calibration.keep(&self.grid);
        let find = |path| self.test.paths.iter().position(|record| record.path == path);
        [self.cheap, self.dear] = ends.map(|path| find(path).unwrap_or(0));
    }

    /// What work counts as where settings and paths are compared.
    fn weight(&self, work: Work) -> f64 {
        self.subject.active.weight(&self.options.energy, work)
    }

    /// How many samples are recorded before settings and timed rows are chosen.
    fn first_rows_recorded(&self, samples: &Samples) -> usize {
        if self.test.follows_settings() {
            return FIRST_WHERE_ALL_ARE_ALIKE.min(samples.len());
        }
        (FIRST_ROWS * self.options.timed_rows).min(samples.len())
    }

    /// Knob values at which about [`active_shares`] of the calibration samples pass the gate, or of the
    /// operations are spent where there are several.
    fn choose_grid(&self) -> Vec<f32> {
        let inner = active_shares(self.options.settings);
        let Subject { knob, range, .. } = &self.subject;
        if self.subject.routed.gates().len() > 1 {
            // Not all that happen to be recorded: the same experiment must choose the same settings.
            let alike = self.test.follows_settings();
            let first = self.first_rows_recorded(&self.subject.calibration.0);
            let n = if alike { FEW_ROWS.min(first) } else { first };
            let weight = |work| self.weight(work);
            return knob_values_by_cost(&self.calibration, n, (knob, *range), inner, weight);
        }
        let scores = self.calibration.paths[self.cheap].scores.iter().map(|gates| gates[0]);
        knob_values(scores, *range, inner)
    }
}

/// Shares of rows that take the full path at `settings` knob values without the ends, as dense as [`ACTIVE_SHARES`] are.
fn active_shares(settings: usize) -> impl Iterator<Item = f64> {
    let steps = settings.saturating_sub(1).max(1);
    (1..steps).map(move |step| {
        let at = (step * (ACTIVE_SHARES.len() - 1)) as f64 / steps as f64;
        let below = at as usize;
        ACTIVE_SHARES[below] + (ACTIVE_SHARES[below + 1] - ACTIVE_SHARES[below]) * at.fract()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_as_dense_as_usual_however_many() {
        let shares = |settings| active_shares(settings).collect::<Vec<_>>();
        assert_eq!(shares(USUAL_SETTINGS), ACTIVE_SHARES[1..12]);
        let [finer, usual] = [shares(25), shares(13)];
        assert_eq!(finer.len(), 23);
        assert!(finer.iter().skip(1).step_by(2).eq(&usual), "every other one is a usual one");
        assert!(finer.is_sorted() && finer[0] > 0.0 && finer[22] < 1.0);
        assert!(shares(2).is_empty() && shares(3).len() == 1);
    }
}
