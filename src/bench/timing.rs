//! Interleaved timing: A B C, A B C … in rounds, so that what drifts, drifts for all arms alike.
//!
//! A *unit* is one call (a row, or a batch); a *chunk* is an eighth of an arm's units, repeated until
//! it spans [`MIN_TICKS`] ticks of the clock; a *sample* is all chunks of an arm; a *round* is one
//! sample of every arm. Within a round the arms take turns chunk by chunk, forwards and backwards
//! (A B C C B A …), so that a slow tenth of a second is shared by all of them. Only ratios within a
//! round are compared. [`Interleaved::step`] does one slice of work, so that a page can breathe.

use crate::clock::Clock;
use crate::error::Result;
use crate::units::Seconds;

/// Fewest ticks of the clock that a chunk, and so a sample, must span.
pub const MIN_TICKS: f64 = 100.0;
/// Shortest chunk, however fine the clock: the first calls after another arm's find cold caches.
const MIN_SPAN: Seconds = Seconds(1e-3);
/// Turns that every arm takes in a round.
const CHUNKS: usize = 8;
/// A warm-up pass is stable if it differs from the one before by less than this share.
const STABLE: f64 = 0.1;
/// Passes after which a warm-up ends although it is not stable; the result then says so.
const MAX_WARM_UP: usize = 8;

/// The smallest step that the clock is seen to make.
pub fn measure_tick(clock: &impl Clock) -> Seconds {
    let mut smallest = f64::INFINITY;
    let mut last = clock.now();
    // Coarse clocks need many readings for one step; the bound only ends a clock that stands still.
    let (mut steps, mut readings) = (0, 0);
    while steps < 20 && readings < 5_000_000 {
        let now = clock.now();
        readings += 1;
        if now.0 > last.0 {
            smallest = smallest.min(now.0 - last.0);
            steps += 1;
            last = now;
        }
    }
    Seconds(if smallest.is_finite() { smallest } else { 0.0 })
}

/// What is timed: arms, each of some units.
pub trait Workload {
    /// Number of arms.
    fn arms(&self) -> usize;
    /// Number of units of one pass through an arm.
    fn units(&self, arm: usize) -> usize;
    /// Does one unit.
    fn run(&mut self, arm: usize, unit: usize) -> Result<()>;
}

/// A doubt about a measurement, phrased as advice.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// The clock is coarse.
    CoarseClock(Seconds),
    /// An arm did not become stable in its warm-up.
    NotStable(usize),
}

impl Doubt {
    /// The doubt as a sentence; `arm` names the arms.
    pub fn advice(&self, arm: impl Fn(usize) -> String) -> String {
        match self {
            Doubt::CoarseClock(tick) => format!(
                "The clock ticks only every {tick}, so samples are made long: serve the page cross-origin isolated for a finer one."
            ),
            Doubt::NotStable(ix) => format!(
                "“{}” was still changing speed after its warm-up: close other programs and tabs and run again.",
                arm(*ix)
            ),
        }
    }
}

/// Seconds per pass of every arm, by round: `samples[arm][round]`.
#[derive(Debug, Clone, Default)]
pub struct Samples(pub Vec<Vec<Seconds>>);

impl Samples {
    /// Number of complete rounds.
    pub fn rounds(&self) -> usize {
        self.0.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// Seconds per pass of `arm` in the complete rounds.
    pub fn of(&self, arm: usize) -> Vec<f64> {
        self.0[arm][..self.rounds()].iter().map(|s| s.0).collect()
    }

    /// `arm`'s speed relative to `baseline` in each complete round; above 1 is faster.
    pub fn speedups(&self, arm: usize, baseline: usize) -> Vec<f64> {
        self.of(baseline).iter().zip(self.of(arm)).map(|(base, own)| base / own).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    WarmUp { arm: usize, passes: usize, last: f64 },
    Measure { chunk: usize, turn: usize },
    Done,
}

/// The state of a measurement; advanced slice by slice.
#[derive(Debug)]
pub struct Interleaved {
    tick: Seconds,
    slice: Seconds,
    rounds: usize,
    phase: Phase,
    /// The next unit of the arm at hand, and what was done and spent since its turn began.
    unit: usize,
    repeats: usize,
    spent: f64,
    /// Seconds of each arm in the chunks of this round.
    partial: Vec<f64>,
    samples: Samples,
    doubts: Vec<Doubt>,
}

impl Interleaved {
    /// A measurement of `rounds` rounds over `arms` arms, in slices of about `slice`.
    pub fn new(arms: usize, rounds: usize, tick: Seconds, slice: Seconds) -> Interleaved {
        let doubts = if tick.0 >= 5e-4 { vec![Doubt::CoarseClock(tick)] } else { vec![] };
        Interleaved {
            tick,
            slice,
            rounds,
            phase: if arms == 0 || rounds == 0 {
                Phase::Done
            } else {
                Phase::WarmUp { arm: 0, passes: 0, last: f64::NAN }
            },
            unit: 0,
            repeats: 0,
            spent: 0.0,
            partial: vec![0.0; arms],
            samples: Samples(vec![vec![]; arms]),
            doubts,
        }
    }

    /// Whether all rounds are done.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// The samples so far.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Doubts so far.
    pub fn doubts(&self) -> &[Doubt] {
        &self.doubts
    }

    /// Turns taken and to take.
    pub fn progress(&self) -> (usize, usize) {
        let arms = self.partial.len();
        let turns = match self.phase {
            Phase::Measure { chunk, turn } => chunk * arms + turn,
            _ => 0,
        };
        (self.samples.rounds() * CHUNKS * arms + turns, self.rounds * CHUNKS * arms)
    }

    /// Runs turns for one slice, or until a round is complete; returns whether one is.
    pub fn step(&mut self, clock: &impl Clock, work: &mut dyn Workload) -> Result<bool> {
        let start = clock.now();
        loop {
            if self.turn(clock, work)? {
                return Ok(true);
            }
            if self.is_done() || (clock.now() - start).0 >= self.slice.0 {
                return Ok(false);
            }
        }
    }

    /// Runs units of the arm at hand for one slice, or until its turn is over. Returns whether a
    /// round was completed.
    fn turn(&mut self, clock: &impl Clock, work: &mut dyn Workload) -> Result<bool> {
        let arms = work.arms();
        let (arm, from, to) = match self.phase {
            Phase::WarmUp { arm, .. } => (arm, 0, work.units(arm)),
            Phase::Measure { chunk, turn } => {
                let arm = if chunk % 2 == 0 { turn } else { arms - 1 - turn };
                let units = work.units(arm);
                let chunks = CHUNKS.min(units);
                let end = |chunk: usize| chunk.min(chunks) * units / chunks.max(1);
                (arm, end(chunk), end(chunk + 1))
            }
            Phase::Done => return Ok(false),
        };
        if from == to {
            // Fewer units than chunks: this chunk holds none of them.
            return Ok(self.turn_over(arm, arms));
        }
        if self.repeats == 0 && self.unit == 0 {
            // The turn begins. This run is not counted: it finds what the other arms left in the caches.
            self.unit = from;
            work.run(arm, from)?;
        }
        let shortest = MIN_SPAN.0.max(MIN_TICKS * self.tick.0);
        let start = clock.now();
        let before = self.spent;
        loop {
            work.run(arm, self.unit)?;
            self.unit += 1;
            let elapsed = (clock.now() - start).0;
            self.spent = before + elapsed;
            if self.unit >= to {
                self.unit = from;
                self.repeats += 1;
                if self.spent >= shortest {
                    return Ok(self.turn_over(arm, arms));
                }
            }
            // A slice that is too short to be timed would add the clock's error once more.
            if elapsed >= self.slice.0.max(shortest) {
                return Ok(false);
            }
        }
    }

    /// Books what the arm at hand spent; returns whether that completes a round.
    fn turn_over(&mut self, arm: usize, arms: usize) -> bool {
        let seconds = if self.repeats == 0 { 0.0 } else { self.spent / self.repeats as f64 };
        (self.unit, self.spent, self.repeats) = (0, 0.0, 0);
        match self.phase {
            Phase::WarmUp { passes, last, .. } => {
                let stable = (seconds / last - 1.0).abs() < STABLE;
                if !stable && passes + 1 < MAX_WARM_UP {
                    self.phase = Phase::WarmUp { arm, passes: passes + 1, last: seconds };
                    return false;
                }
                if !stable {
                    self.doubts.push(Doubt::NotStable(arm));
                }
                self.phase = if arm + 1 < arms {
                    Phase::WarmUp { arm: arm + 1, passes: 0, last: f64::NAN }
                } else {
                    Phase::Measure { chunk: 0, turn: 0 }
                };
                false
            }
            Phase::Measure { chunk, turn } => {
                self.partial[arm] += seconds;
                let (next_turn, next_chunk) =
                    if turn + 1 < arms { (turn + 1, chunk) } else { (0, chunk + 1) };
                if next_chunk < CHUNKS {
                    self.phase = Phase::Measure { chunk: next_chunk, turn: next_turn };
                    return false;
                }
                for (samples, seconds) in self.samples.0.iter_mut().zip(&mut self.partial) {
                    samples.push(Seconds(std::mem::take(seconds)));
                }
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
mod tests {
    use super::*;
    use crate::clock::FakeClock;

    /// Arms that spend fake time; all slow down together by `drift` a call.
    struct Fake {
        clock: FakeClock,
        cost: Vec<f64>,
        drift: f64,
        calls: usize,
        order: Vec<usize>,
    }

    impl Workload for Fake {
        fn arms(&self) -> usize {
            self.cost.len()
        }
        fn units(&self, _: usize) -> usize {
            4
        }
        fn run(&mut self, arm: usize, _: usize) -> Result<()> {
            self.calls += 1;
            self.order.push(arm);
            self.clock.advance(Seconds(self.cost[arm] * (1.0 + self.drift * self.calls as f64)));
            Ok(())
        }
    }

    fn measure(cost: &[f64], drift: f64, tick: f64, rounds: usize) -> (Interleaved, Fake) {
        let clock = FakeClock::new(Seconds(tick), Seconds(0.0));
        let mut work =
            Fake { clock: clock.clone(), cost: cost.to_vec(), drift, calls: 0, order: vec![] };
        let mut timing = Interleaved::new(cost.len(), rounds, Seconds(tick), Seconds(0.01));
        while !timing.is_done() {
            timing.step(&clock, &mut work).unwrap();
        }
        (timing, work)
    }

    #[test]
    fn ratios_are_exact_without_drift() {
        let (timing, _) = measure(&[3e-3, 1e-3], 0.0, 1e-6, 5);
        assert_eq!(timing.samples().rounds(), 5);
        for ratio in timing.samples().speedups(1, 0) {
            assert!((ratio - 3.0).abs() < 1e-2, "{ratio}");
        }
        assert!((timing.samples().of(0)[0] - 4.0 * 3e-3).abs() < 1e-5);
    }

    #[test]
    fn drift_cancels_in_the_ratio() {
        // Speed halves over the run; the ratio must not.
        let (timing, work) = measure(&[3e-3, 1e-3], 1e-3, 1e-6, 40);
        let first = timing.samples().of(0)[0];
        let last = *timing.samples().of(0).last().unwrap();
        assert!(last / first > 1.2, "the fake did not drift: {}", work.calls);
        let ratio = crate::bench::stats::median(&timing.samples().speedups(1, 0));
        assert!((ratio / 3.0 - 1.0).abs() < 0.03, "{ratio}");
    }

    #[test]
    fn a_coarse_clock_makes_long_samples_and_a_doubt() {
        let (timing, work) = measure(&[1e-3, 1e-3], 0.0, 1e-3, 3);
        assert!(timing.doubts().contains(&Doubt::CoarseClock(Seconds(1e-3))));
        // 100 ticks of 1 ms at 1 ms a unit: at least 100 units a sample.
        assert!(work.order.iter().filter(|&&arm| arm == 0).count() >= 300);
        for ratio in timing.samples().speedups(1, 0) {
            assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
        }
    }

    #[test]
    fn arms_take_turns() {
        let (_, work) = measure(&[0.02, 0.02], 0.0, 1e-6, 2);
        // Forwards and backwards, so that the arm at a turning point has two turns in a row.
        // Each turn begins with a run that is not counted.
        let last_round: Vec<_> = work.order[work.order.len() - 16..].chunks(2).collect();
        let turns = [0, 1, 1, 0, 0, 1, 1, 0].map(|arm| [arm; 2]);
        assert_eq!(last_round, turns);
    }

    #[test]
    fn the_tick_is_seen() {
        let clock = FakeClock::new(Seconds(1e-4), Seconds(3e-6));
        assert!((measure_tick(&clock).0 - 1e-4).abs() < 1e-9);
    }

    #[test]
    fn a_clock_that_stands_still_ends() {
        let clock = FakeClock::new(Seconds(0.0), Seconds(0.0));
        assert_eq!(measure_tick(&clock), Seconds(0.0));
    }
}
