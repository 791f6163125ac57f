//! Interleaved timing: A B C, A B C … in rounds, so that what drifts, drifts for all arms alike.
//!
//! A *unit* is one call (a row, or a batch); a *sample* is all units of an arm, repeated until it
//! spans [`MIN_TICKS`] ticks of the clock; a *round* is one sample of every arm. Only ratios within
//! a round are compared. [`Interleaved::step`] does one slice of work, so that a page can breathe.

use crate::clock::Clock;
use crate::error::Result;
use crate::units::Seconds;

/// Fewest ticks of the clock that a sample must span.
pub const MIN_TICKS: f64 = 100.0;
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
    Measure { round: usize, arm: usize },
    Done,
}

/// The state of a measurement; advanced slice by slice.
#[derive(Debug)]
pub struct Interleaved {
    tick: Seconds,
    slice: Seconds,
    rounds: usize,
    phase: Phase,
    unit: usize,
    passes: usize,
    spent: f64,
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
            passes: 0,
            spent: 0.0,
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

    /// Samples taken and to take.
    pub fn progress(&self) -> (usize, usize) {
        let taken = self.samples.0.iter().map(Vec::len).sum();
        (taken, self.rounds * self.samples.0.len())
    }

    /// Runs units of the arm at hand for one slice, or until its sample is complete. Returns
    /// whether a round was completed.
    pub fn step(&mut self, clock: &impl Clock, work: &mut dyn Workload) -> Result<bool> {
        let arm = match self.phase {
            Phase::WarmUp { arm, .. } | Phase::Measure { arm, .. } => arm,
            Phase::Done => return Ok(false),
        };
        let units = work.units(arm);
        let start = clock.now();
        let before = self.spent;
        loop {
            work.run(arm, self.unit)?;
            self.unit += 1;
            let elapsed = (clock.now() - start).0;
            self.spent = before + elapsed;
            if self.unit >= units {
                self.unit = 0;
                self.passes += 1;
                if self.spent >= MIN_TICKS * self.tick.0 {
                    return Ok(self.sample_done(work.arms()));
                }
            }
            // A slice that is too short to be timed would add the clock's error once more.
            if elapsed >= self.slice.0.max(MIN_TICKS * self.tick.0) {
                return Ok(false);
            }
        }
    }

    fn sample_done(&mut self, arms: usize) -> bool {
        let seconds = self.spent / self.passes as f64;
        (self.spent, self.passes) = (0.0, 0);
        match self.phase {
            Phase::WarmUp { arm, passes, last } => {
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
                    Phase::Measure { round: 0, arm: 0 }
                };
                false
            }
            Phase::Measure { round, arm } => {
                self.samples.0[arm].push(Seconds(seconds));
                let last = arm + 1 == arms;
                self.phase = match (last, round + 1 == self.rounds) {
                    (false, _) => Phase::Measure { round, arm: arm + 1 },
                    (true, false) => Phase::Measure { round: round + 1, arm: 0 },
                    (true, true) => Phase::Done,
                };
                last
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
        let mut turns = work.order.clone();
        turns.dedup();
        assert!(turns.ends_with(&[0, 1, 0, 1]), "{turns:?}");
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
