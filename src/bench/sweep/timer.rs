//! Timers: the contenders of one measurement taking turns, and what each of them takes.

use perforate_base::Result;
use perforate_engine::{Batch, Order};

use crate::clock::Clock;
use crate::contender::ContenderId;
use crate::contenders::Contenders;
use crate::point::Timing;
use crate::samples::Samples;
use crate::segments::{SegmentRuns, SegmentTimes};
use crate::stats::interval;
use crate::subject::BenchTarget;
use crate::timing::{Interleaved, Workload};
use crate::warning::MeasurementWarning;

use super::checks::wide_warning;
use super::model::{Contender, Model};
use super::setup::Setup;

/// Models against each other, on the same batches.
#[derive(Debug)]
pub(super) struct Timer {
    timing: Interleaved,
    entrants: Contenders,
    contenders: Vec<(Contender, ContenderId)>,
}

impl Timer {
    /// Nothing timed yet of `contenders` on `batches`, for so many rounds; each model runs its
    /// segments in the order that `orders` gives.
    pub fn new<'a>(
        setup: &Setup,
        batches: Vec<Batch>,
        contenders: &[Contender],
        rounds: usize,
        orders: impl Fn(Model) -> &'a [Order],
    ) -> Timer {
        let subject = &setup.subject;
        let mut entrants = Contenders::new(batches);
        let (mut models, mut known) = (vec![], vec![]);
        for &contender in contenders {
            let own = contender.model();
            let loaded = models.iter().find(|(model, _)| *model == own).map(|(_, id)| *id);
            let id = loaded.unwrap_or_else(|| {
                let id = entrants.model(own.program(subject), orders(own));
                models.push((own, id));
                id
            });
            known.push((contender, entrants.contender(id, contender.knobs(subject))));
        }
        let timing = Interleaved::new(known.len(), rounds, setup.tick, setup.options.slice);
        Timer { timing, entrants, contenders: known }
    }

    /// Times for one slice; returns whether a round was completed.
    pub fn step(&mut self, clock: &impl Clock) -> Result<bool> {
        self.timing.step(clock, &mut self.entrants)
    }

    /// Whether all rounds are done.
    pub fn is_done(&self) -> bool {
        self.timing.is_done()
    }

    /// The share of the turns that is done.
    pub fn share(&self) -> f64 {
        let (done, all) = self.timing.progress();
        done as f64 / all as f64
    }

    /// The seconds so far.
    pub fn samples(&self) -> &Samples {
        self.timing.samples()
    }

    /// Adds another launch's rounds, once this one's are done; false if that timed others.
    pub fn absorb(&mut self, samples: &Samples) -> bool {
        self.timing.absorb(samples)
    }

    /// Seconds per pass of a contender in each complete round; nothing if it does not compete.
    pub fn seconds(&self, contender: Contender) -> Vec<f64> {
        self.id(contender).map_or_else(Vec::new, |id| self.samples().of(id))
    }

    /// What a row takes a contender, and how much faster it is than the full model; none before
    /// the first round.
    pub fn timing(&self, contender: Contender, seed: u64) -> Option<Timing> {
        self.timing_of(self.id(contender)?, seed)
    }

    fn timing_of(&self, id: ContenderId, seed: u64) -> Option<Timing> {
        let samples = self.samples();
        if samples.rounds() == 0 {
            return None;
        }
        let rows = self.entrants.rows() as f64;
        let seconds: Vec<f64> = samples.of(id).iter().map(|s| s / rows).collect();
        let launches = samples.launches();
        let over = |values: &[f64]| interval(values, &launches, seed);
        let full = self.id(Contender::Full)?;
        Some(Timing { latency: over(&seconds), speedup: over(&samples.speedups(id, full)) })
    }

    fn id(&self, contender: Contender) -> Option<ContenderId> {
        self.contenders.iter().find(|(own, _)| *own == contender).map(|(_, id)| *id)
    }

    /// Warnings so far as advice, with the contenders' names; `at` says at which batch size.
    pub fn advice(&self, subject: &BenchTarget, at: usize, seed: u64) -> Vec<String> {
        let mut warnings: Vec<MeasurementWarning> = self.timing.warnings();
        if self.is_done() {
            // The full model's speed-up is one; the light model is no setting.
            let speedups = self.contenders.iter().filter_map(|(contender, id)| {
                let counts = !matches!(contender, Contender::Full | Contender::Light);
                let timing = counts.then(|| self.timing_of(*id, seed)).flatten()?;
                Some((*id, timing.speedup))
            });
            warnings.extend(wide_warning(speedups));
        }
        let name = |id: ContenderId| {
            let own = self.contenders.iter().find(|(_, own)| *own == id);
            let name = own.map_or_else(String::new, |(contender, _)| contender.name(subject));
            format!("{name} at batch {at}")
        };
        warnings.iter().map(|warning| warning.advice(name)).collect()
    }
}

/// The segments of the routed model, each by itself.
#[derive(Debug)]
pub(super) struct SegmentTimer {
    timing: Interleaved,
    runs: SegmentRuns,
}

impl SegmentTimer {
    /// Nothing timed yet of `runs`.
    pub fn new(setup: &Setup, runs: SegmentRuns) -> SegmentTimer {
        let rounds = setup.options.rounds;
        let timing = Interleaved::new(runs.contenders(), rounds, setup.tick, setup.options.slice);
        SegmentTimer { timing, runs }
    }

    /// Times for one slice.
    pub fn step(&mut self, clock: &impl Clock) -> Result<()> {
        self.timing.step(clock, &mut self.runs).map(drop)
    }

    /// Whether all rounds are done.
    pub fn is_done(&self) -> bool {
        self.timing.is_done()
    }

    /// The seconds so far.
    pub fn samples(&self) -> &Samples {
        self.timing.samples()
    }

    /// Adds another launch's rounds, once this one's are done; false if that timed others.
    pub fn absorb(&mut self, samples: &Samples) -> bool {
        self.timing.absorb(samples)
    }

    /// What each segment takes.
    pub fn times(&self, seed: u64) -> SegmentTimes {
        self.runs.table(self.samples(), seed)
    }
}
