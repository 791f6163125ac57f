//! The sweep itself: its stages one after the other, and what may be asked of it meanwhile.

use std::collections::BTreeMap;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::Knobs;
use perforate_onnx::ScoreHistogram;

use crate::clock::Clock;
use crate::record::Recording;
use crate::results::{ProcessRun, Progress, Results};
use crate::slice::measure_tick;
use crate::subject::{BenchTarget, Options};

use super::answers::Answers;
use super::assemble::Measured;
use super::checks::check_ends;
use super::findings::Findings;
use super::setup::Setup;
use super::stage::Stage;

/// A running sweep.
#[derive(Debug)]
pub struct Sweep<C: Clock> {
    clock: C,
    setup: Setup,
    found: Findings,
    stage: Stage,
}

impl<C: Clock> Sweep<C> {
    /// Prepares a sweep; checks that the routed model's ends are what they claim to be.
    pub fn new(subject: BenchTarget, options: Options, clock: C) -> Result<Sweep<C>> {
        let tick = measure_tick(&clock);
        let answers = Answers::new(&subject)?;
        let warnings = check_ends(&subject)?;
        let found = Findings::new(&subject, answers, warnings)?;
        Ok(Sweep { clock, setup: Setup { subject, options, tick }, found, stage: Stage::first() })
    }

    /// Whether everything is measured.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// What is measured.
    pub fn subject(&self) -> &BenchTarget {
        &self.setup.subject
    }

    /// The knob values, cheapest first; empty before the scores are known.
    pub fn grid(&self) -> Vec<f32> {
        self.found.grid.iter().map(|setting| setting.0).collect()
    }

    /// The scores that each gate compares on the calibration samples at a value of the knob, by the gate's name.
    pub fn calibration_scores(&self, value: f32) -> BTreeMap<String, ScoreHistogram> {
        let knobs = Knobs::new().with(&self.setup.subject.knob, value);
        self.found.answers.calibration.score_histograms(&knobs)
    }

    /// What the test samples give, as far as recorded.
    pub fn test_recording(&self) -> &Recording {
        &self.found.answers.test
    }

    /// Where the sweep stands.
    pub fn progress(&self) -> Progress {
        self.stage.progress(&self.setup)
    }

    /// Does one slice of work. Returns whether the results changed enough to be shown anew.
    pub fn step(&mut self) -> Result<bool> {
        let Sweep { clock, setup, found, stage } = self;
        let outcome = stage.step(clock, setup, found)?;
        if outcome.finished {
            let next = stage.next(setup, found)?;
            std::mem::replace(stage, next).deposit(found);
        }
        Ok(outcome.changed)
    }

    /// The results so far; none before the first round is timed.
    pub fn results(&self) -> Option<Results> {
        let Findings { batch1, batch_n, headline, .. } = &self.found;
        let batch1 = self.stage.batch1().or(batch1.as_ref())?;
        let measured = Measured {
            setup: &self.setup,
            found: &self.found,
            batch1: Some(batch1).filter(|timer| timer.samples().rounds() > 0)?,
            headline: self.stage.headline_timer().or(headline.as_ref()),
            is_headline_done: headline.is_some(),
            batch_n: self.stage.batch_n().or(batch_n.as_ref()),
            done: self.is_done(),
        };
        Some(measured.results())
    }

    /// The times measured, for another launch; none before all are.
    pub fn launch(&self) -> Option<ProcessRun> {
        let Findings { grid, batch1, segments, router, batch_n, .. } = &self.found;
        let launch = ProcessRun {
            grid: grid.clone(),
            batch1: batch1.as_ref()?.samples().clone(),
            segments: segments.as_ref()?.samples().clone(),
            router: router.as_ref()?.samples().clone(),
            batch_n: batch_n.as_ref()?.samples().clone(),
        };
        self.is_done().then_some(launch)
    }

    /// Adds the times of another launch of the same experiment to this one's, once that is done.
    pub fn absorb(&mut self, launch: &ProcessRun) -> Result<()> {
        let Findings { grid, batch1, segments, router, batch_n, .. } = &mut self.found;
        let same = *grid == launch.grid
            && batch1.as_mut().is_some_and(|own| own.absorb(&launch.batch1))
            && segments.as_mut().is_some_and(|own| own.absorb(&launch.segments))
            && router.as_mut().is_some_and(|own| own.absorb(&launch.router))
            && batch_n.as_mut().is_some_and(|own| own.absorb(&launch.batch_n));
        if same {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Internal, "a launch did not measure what the others did"))
    }

    /// Re-evaluates the measurements under the guarantee and the cost basis of other options; times nothing anew.
    pub fn judge_by(&mut self, other: &Options) {
        let Options { target, cost, energy, .. } = *other;
        let options = &mut self.setup.options;
        *options = Options { target, cost, energy, ..*options };
        // Perturbed samples run at the chosen setting, and that may have changed.
        let under_way = matches!(self.stage, Stage::Robustness(_));
        if under_way || self.found.robustness.take().is_some() {
            self.stage = Stage::robustness(&self.setup, &self.found);
        }
    }
}
