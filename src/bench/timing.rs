//! Interleaved timing: A B C, A B C … in rounds, so that what drifts, drifts for all contenders alike.
//!
//! A *unit* is one call (a row, or a batch); a *chunk* is a quarter of a contender's units, repeated until
//! it spans [`MIN_TICKS`] ticks of the clock; a *sample* is all chunks of an contender; a *round* is one
//! sample of every contender. Within a round the contenders take turns chunk by chunk, forwards and backwards
//! (A B C C B A …), so that a slow tenth of a second is shared by all of them. Only ratios within a
//! round are compared. [`Interleaved::step`] does one slice of work, so that a page can breathe.

use std::ops::Range;

use crate::clock::Clock;
use perforate_base::Result;
use perforate_base::units::Seconds;

use super::contender::ContenderId;
use super::samples::Samples;
pub use super::slice::{MIN_TICKS, TimeSlice, measure_tick, time_call};
use super::warning::MeasurementWarning;

/// Shortest chunk, however fine the clock: the first calls after another contender's find cold caches.
const MIN_SPAN: Seconds = Seconds(1e-3);
/// How long a contender runs before it is timed, whenever its turn begins. The first call after another model's takes up to
/// three times as long as those that follow, and the caches need several to settle: five of a tenth of a millisecond each
/// for a small CNN.
const SETTLING: Seconds = Seconds(1.5e-3);
/// Calls that last longer settle in a small part of their time, so that none is spent on that.
const LONG_CALL: Seconds = Seconds(20e-3);
/// Turns that every contender takes in a round.
const CHUNKS: usize = 4;
/// A warm-up pass is stable if it differs from the one before by less than this share.
const STABLE: f64 = 0.1;
/// Passes after which a warm-up ends although it is not stable; the result then says so.
const MAX_WARM_UP: usize = 8;
/// Time after which a pass of the warm-up ends, however many units are left: slow models need no more of them.
const WARM_UP_SPAN: Seconds = Seconds(50e-3);
const WARM_UP: Phase =
    Phase::WarmUp { contender: ContenderId::new(0), passes: 0, last: f64::NAN, units: None };

/// Fewer rounds than this give no interval worth the name.
const FEW_ROUNDS: usize = 5;

/// What is timed: contenders, each of some units.
pub trait Workload {
    /// Number of contenders.
    fn contenders(&self) -> usize;
    /// Number of units of one pass through an contender.
    fn units(&self, contender: ContenderId) -> usize;
    /// Does one unit.
    fn run(&mut self, contender: ContenderId, unit: usize) -> Result<()>;
    /// Told when a round begins, before anything of it is timed.
    fn next_round(&mut self, _round: usize) {}
    /// Whether the next run of a contender has to take its memory anew, which is no model's doing.
    fn is_fresh(&self, _contender: ContenderId) -> bool {
        false
    }
    /// A number for the answer to a unit: equal answers, equal numbers.
    fn answer(&mut self, _arm: ContenderId, _unit: usize) -> Result<u64> {
        Ok(0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// `units` is how many make a pass, once that is known.
    WarmUp {
        contender: ContenderId,
        passes: usize,
        last: f64,
        units: Option<usize>,
    },
    Measure {
        chunk: usize,
        turn: usize,
    },
    Done,
}

/// The state of a measurement; advanced slice by slice.
#[derive(Debug)]
pub struct Interleaved {
    tick: Seconds,
    slice: Seconds,
    rounds: usize,
    phase: Phase,
    /// The next unit of the contender at hand, and what was done and spent since its turn began.
    unit: usize,
    repeats: usize,
    spent: f64,
    /// Seconds of each contender in the chunks of this round.
    partial: Vec<f64>,
    /// Contenders whose calls are long.
    long: Vec<bool>,
    samples: Samples,
    warnings: Vec<MeasurementWarning>,
}

impl Interleaved {
    /// A measurement of `rounds` rounds over `contenders` arms, in slices of about `slice`.
    pub fn new(contenders: usize, rounds: usize, tick: Seconds, slice: Seconds) -> Interleaved {
        let warnings =
            if tick.0 >= 5e-4 { vec![MeasurementWarning::CoarseClock(tick)] } else { vec![] };
        Interleaved {
            tick,
            slice,
            rounds,
            phase: if contenders == 0 || rounds == 0 { Phase::Done } else { WARM_UP },
            unit: 0,
            repeats: 0,
            spent: 0.0,
            partial: vec![0.0; contenders],
            long: vec![false; contenders],
            samples: Samples::new(contenders),
            warnings,
        }
    }

    /// Whether all rounds are done.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Ends the measurement; a round that has begun does not count.
    pub fn stop(&mut self) {
        self.phase = Phase::Done;
    }

    /// The samples so far.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Adds the rounds of another launch, once this one is done; false if it timed others.
    pub fn absorb(&mut self, other: &Samples) -> bool {
        self.is_done() && self.samples.absorb(other)
    }

    /// Warnings so far: those raised while timing, and those that the samples call for.
    pub fn warnings(&self) -> Vec<MeasurementWarning> {
        let mut warnings = self.warnings.clone();
        warnings.extend(self.samples.warnings());
        if self.is_done() && self.samples.rounds() < FEW_ROUNDS {
            warnings.push(MeasurementWarning::FewRounds(self.samples.rounds()));
        }
        warnings
    }

    /// Turns taken and to take.
    pub fn progress(&self) -> (usize, usize) {
        let contenders = self.partial.len();
        let turns = match self.phase {
            Phase::Measure { chunk, turn } => chunk * contenders + turn,
            _ => 0,
        };
        (self.samples.rounds() * CHUNKS * contenders + turns, self.rounds * CHUNKS * contenders)
    }

    /// Runs turns for one slice, or until a round is complete; returns whether one is.
    pub fn step(&mut self, clock: &impl Clock, work: &mut dyn Workload) -> Result<bool> {
        let slice = TimeSlice::begin(clock, self.slice);
        loop {
            if self.turn(clock, work)? {
                return Ok(true);
            }
            if self.is_done() || slice.is_over(clock) {
                return Ok(false);
            }
        }
    }

    /// Runs units of the contender at hand for one slice, or until its turn is over. Returns whether a
    /// round was completed.
    fn turn(&mut self, clock: &impl Clock, work: &mut dyn Workload) -> Result<bool> {
        let contenders = work.contenders();
        let (contender, from, mut to) = match self.phase {
            Phase::WarmUp { contender, units, .. } => {
                (contender, 0, units.unwrap_or_else(|| work.units(contender)))
            }
            Phase::Measure { chunk, turn } => {
                let contender =
                    ContenderId::new(if chunk % 2 == 0 { turn } else { contenders - 1 - turn });
                let units = work.units(contender);
                let chunks = CHUNKS.min(units);
                let end = |chunk: usize| chunk.min(chunks) * units / chunks.max(1);
                (contender, end(chunk), end(chunk + 1))
            }
            Phase::Done => return Ok(false),
        };
        if from == to {
            // Fewer units than chunks: this chunk holds none of them.
            return Ok(self.turn_over(contender, contenders));
        }
        if let Phase::WarmUp { passes: 0, .. } = self.phase
            && self.repeats == 0
            && self.unit == 0
            && to > 0
            && work.answer(contender, 0)? != work.answer(contender, 0)?
        {
            self.warnings.push(MeasurementWarning::NotDeterministic(contender));
        }
        if let Phase::Measure { chunk: 0, turn: 0 } = self.phase
            && self.repeats == 0
            && self.unit == 0
        {
            work.next_round(self.samples.rounds());
        }
        if self.repeats == 0 && self.unit == 0 {
            // The turn begins.
            self.unit = from;
            self.settle(clock, work, contender, from..to)?;
        }
        let shortest = MIN_SPAN.0.max(MIN_TICKS * self.tick.0);
        let start = clock.now();
        let before = self.spent;
        loop {
            work.run(contender, self.unit)?;
            self.unit += 1;
            let elapsed = (clock.now() - start).0;
            self.spent = before + elapsed;
            if let Phase::WarmUp { units, .. } = &mut self.phase
                && units.is_none()
                && (self.unit == to || self.spent >= WARM_UP_SPAN.0)
            {
                (*units, to) = (Some(self.unit), self.unit);
            }
            if self.unit >= to {
                self.unit = from;
                self.repeats += 1;
                if self.spent >= shortest {
                    let call = self.spent / (self.repeats * (to - from)) as f64;
                    self.long[contender.index()] = call > LONG_CALL.0;
                    return Ok(self.turn_over(contender, contenders));
                }
            }
            // A slice that is too short to be timed would add the clock's error once more.
            if elapsed >= self.slice.0.max(shortest) {
                return Ok(false);
            }
        }
    }

    /// Runs the units of a turn without counting, until caches and memory are this contender's own.
    fn settle(
        &self,
        clock: &impl Clock,
        work: &mut dyn Workload,
        contender: ContenderId,
        units: Range<usize>,
    ) -> Result<()> {
        if self.long[contender.index()] && !work.is_fresh(contender) {
            return Ok(());
        }
        let began = clock.now();
        for unit in units.cycle() {
            work.run(contender, unit)?;
            if (clock.now() - began).0 >= SETTLING.0 || self.long[contender.index()] {
                break;
            }
        }
        Ok(())
    }

    /// Books what the contender at hand spent; returns whether that completes a round.
    fn turn_over(&mut self, contender: ContenderId, contenders: usize) -> bool {
        let seconds = if self.repeats == 0 { 0.0 } else { self.spent / self.repeats as f64 };
        (self.unit, self.spent, self.repeats) = (0, 0.0, 0);
        match self.phase {
            Phase::WarmUp { passes, last, units, .. } => {
                let stable = (seconds / last - 1.0).abs() < STABLE;
                if !stable && passes + 1 < MAX_WARM_UP {
                    let passes = passes + 1;
                    self.phase = Phase::WarmUp { contender, passes, last: seconds, units };
                    return false;
                }
                if !stable {
                    self.warnings.push(MeasurementWarning::NotStable(contender));
                }
                let next = contender.index() + 1;
                self.phase = if next < contenders {
                    Phase::WarmUp {
                        contender: ContenderId::new(next),
                        passes: 0,
                        last: f64::NAN,
                        units: None,
                    }
                } else {
                    Phase::Measure { chunk: 0, turn: 0 }
                };
                false
            }
            Phase::Measure { chunk, turn } => {
                self.partial[contender.index()] += seconds;
                let (next_turn, next_chunk) =
                    if turn + 1 < contenders { (turn + 1, chunk) } else { (0, chunk + 1) };
                if next_chunk < CHUNKS {
                    self.phase = Phase::Measure { chunk: next_chunk, turn: next_turn };
                    return false;
                }
                self.samples.push(&mut self.partial);
                self.phase = if self.samples.rounds() == self.rounds {
                    Phase::Done
                } else {
                    Phase::Measure { chunk: 0, turn: 0 }
                };
                true
            }
            Phase::Done => false,
        }
    }
}

#[cfg(test)]
mod tests;
