//! Timers: the contenders of one measurement taking turns, and what each of them takes.

use perforate_base::Result;
use perforate_engine::{Batch, Order};

use crate::clock::Clock;
use crate::contender::ContenderId;
use crate::contenders::Contenders;
use crate::point::Timing;
use crate::samples::Samples;
use crate::segments::{SegmentRuns, SegmentTimes};
use crate::self_check::{PLANTED, SelfCheck};
use crate::stats::{Interval, interval_at};
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
    /// Level of its intervals.
    confidence: f64,
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
            let slowed = if contender == Contender::FullSlowed { PLANTED } else { 0.0 };
            known.push((contender, entrants.slowed(id, contender.knobs(subject), slowed)));
        }
        let timing = Interleaved::new(known.len(), rounds, setup.tick, setup.options.slice);
        Timer { timing, entrants, contenders: known, confidence: 0.95 }
    }

    /// The same with intervals of this level.
    pub fn with_confidence(self, confidence: f64) -> Timer {
        Timer { confidence, ..self }
    }

    /// Times for one slice; returns whether a round was completed.
    pub fn step(&mut self, clock: &impl Clock) -> Result<bool> {
        self.timing.step(clock, &mut self.entrants)
    }

    /// Whether all rounds are done.
    pub fn is_done(&self) -> bool {
        self.timing.is_done()
    }

    /// Ends the measurement with the rounds that are complete.
    pub fn stop(&mut self) {
        self.timing.stop();
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

    /// Whether all of these compete.
    pub fn has(&self, contenders: &[Contender]) -> bool {
        contenders.iter().all(|own| self.id(*own).is_some())
    }

    /// Seconds per pass of a contender in each complete round; nothing if it does not compete.
    pub fn seconds(&self, contender: Contender) -> Vec<f64> {
        self.id(contender).map_or_else(Vec::new, |id| self.samples().of(id))
    }

    /// What a row takes a contender, and how much faster it is than the full model; none before
    /// the first round.
    pub fn timing(&self, contender: Contender) -> Option<Timing> {
        self.timing_of(self.id(contender)?)
    }

    fn timing_of(&self, id: ContenderId) -> Option<Timing> {
        let samples = self.samples();
        if samples.rounds() == 0 {
            return None;
        }
        let rows = self.entrants.rows() as f64;
        let seconds: Vec<f64> = samples.of(id).iter().map(|s| s / rows).collect();
        let over = |values: &[f64]| self.interval(values);
        let full = self.id(Contender::Full)?;
        Some(Timing { latency: over(&seconds), speedup: over(&samples.speedups(id, full)) })
    }

    /// Time of a contender over another's, round by round; nothing if one of them does not compete.
    pub fn ratios(&self, own: Contender, other: Contender) -> Vec<f64> {
        let pairs = self.seconds(own).into_iter().zip(self.seconds(other));
        pairs.map(|(own, other)| own / other).collect()
    }

    /// Median and interval of values, one a round.
    pub fn interval(&self, values: &[f64]) -> Interval {
        interval_at(values, &self.samples().launches(), self.confidence)
    }

    /// What the full model against itself shows; none before the first round, and where it does not compete so.
    /// `weight` is what a unit costs.
    pub fn self_check(&self, weight: impl Fn(usize) -> f64) -> Option<SelfCheck> {
        let over_full = |contender| {
            let ratios = self.ratios(contender, Contender::Full);
            (!ratios.is_empty()).then(|| self.interval(&ratios))
        };
        let slowed = self.id(Contender::FullSlowed)?;
        let units = self.entrants.units(slowed);
        let repeated = (0..units).filter(|&unit| self.entrants.repeats(slowed, unit));
        let planted = repeated.map(&weight).sum::<f64>() / (0..units).map(&weight).sum::<f64>();
        Some(SelfCheck {
            same: over_full(Contender::FullAgain)?,
            slowed: over_full(Contender::FullSlowed)?,
            planted,
        })
    }

    fn id(&self, contender: Contender) -> Option<ContenderId> {
        self.contenders.iter().find(|(own, _)| *own == contender).map(|(_, id)| *id)
    }

    /// Warnings so far as advice, with the contenders' names; `at` says at which batch size.
    /// Contenders that `longer` times as well are not named for their wide intervals: theirs are the ones reported.
    pub fn advice(&self, subject: &BenchTarget, at: usize, longer: Option<&Timer>) -> Vec<String> {
        let mut warnings: Vec<MeasurementWarning> = self.timing.warnings();
        if self.is_done() {
            // The full model's speed-up is one; the light model is no setting.
            let speedups = self.contenders.iter().filter_map(|(contender, id)| {
                let timed_elsewhere = longer.is_some_and(|timer| timer.has(&[*contender]));
                let counts = contender.model() != Model::Full
                    && *contender != Contender::Light
                    && !timed_elsewhere;
                let timing = counts.then(|| self.timing_of(*id)).flatten()?;
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
    pub fn times(&self) -> SegmentTimes {
        self.runs.table(self.samples())
    }
}
