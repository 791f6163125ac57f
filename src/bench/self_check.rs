//! The measurement's own test: the full model timed against itself, as two contenders, and against itself slowed down by a
//! known share of its work.
//!
//! Where two runs of the same model differ by more than their interval, the clock sees what is not there; where it misses
//! the share that was planted, it does not see what is.

use serde::{Deserialize, Serialize};

use super::stats::Interval;

/// The share of its work that the slowed model repeats.
pub const PLANTED: f64 = 0.05;
/// Width of the headline's interval, either way, as a share of it: up to here the timing is good.
const GOOD: f64 = 0.05;
/// Beyond this nothing but a lower bound is told.
const NOISY: f64 = 0.15;
/// Difference of a model from itself that is no finding, however narrow the interval.
const LEVEL: f64 = 0.01;

/// How well a machine measures just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimingQuality {
    /// Figures hold as they stand.
    Good,
    /// They hold within their intervals, which are wide.
    Fair,
    /// The machine is busy: a speed-up is at least its lower bound.
    Noisy,
}

/// What the check found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SelfCheck {
    /// Time of the full model over that of the full model, timed as another contender.
    pub same: Interval,
    /// Time of the slowed one over that of the full model.
    pub slowed: Interval,
    /// The share of its work that it repeats.
    pub planted: f64,
}

impl SelfCheck {
    /// Whether the model differs from itself: a false alarm.
    pub fn is_false_alarm(&self) -> bool {
        !(self.same.lo..=self.same.hi).contains(&1.0)
    }

    /// Whether the planted share was seen.
    pub fn found_planted(&self) -> bool {
        self.slowed.lo > 1.0
    }

    /// How well the machine measures, with the speed-up of the headline.
    pub fn quality(&self, headline: Option<Interval>) -> TimingQuality {
        let level = !self.is_false_alarm() || (self.same.median - 1.0).abs() <= LEVEL;
        let width = headline.map_or(0.0, |own| own.relative_width() / 2.0);
        let off = (self.same.median - 1.0).abs().max(self.same.relative_width() / 2.0);
        if width > NOISY || off > NOISY || (!level && !self.found_planted()) {
            TimingQuality::Noisy
        } else if level && self.found_planted() && width <= GOOD {
            TimingQuality::Good
        } else {
            TimingQuality::Fair
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(median: f64, half: f64) -> Interval {
        Interval { median, lo: median - half, hi: median + half }
    }

    fn check(same: Interval, slowed: Interval) -> SelfCheck {
        SelfCheck { same, slowed, planted: PLANTED }
    }

    #[test]
    fn a_quiet_machine_sees_what_is_there_and_nothing_else() {
        let own = check(near(1.001, 0.002), near(1.05, 0.003));
        assert!(!own.is_false_alarm() && own.found_planted());
        assert_eq!(own.quality(Some(near(4.0, 0.1))), TimingQuality::Good);
        assert_eq!(own.quality(None), TimingQuality::Good);
        assert_eq!(own.quality(Some(near(4.0, 0.3))), TimingQuality::Fair);
        assert_eq!(own.quality(Some(near(4.0, 0.7))), TimingQuality::Noisy);
    }

    #[test]
    fn a_small_difference_with_a_narrow_interval_is_no_finding() {
        let own = check(near(1.004, 0.002), near(1.05, 0.003));
        assert!(own.is_false_alarm());
        assert_eq!(own.quality(Some(near(4.0, 0.1))), TimingQuality::Good);
    }

    #[test]
    fn a_clock_that_errs_is_not_trusted() {
        let headline = Some(near(4.0, 0.1));
        let missed = check(near(1.0, 0.03), near(1.05, 0.06));
        assert_eq!(missed.quality(headline), TimingQuality::Fair);
        let unequal = check(near(1.04, 0.01), near(1.09, 0.01));
        assert_eq!(unequal.quality(headline), TimingQuality::Fair);
        let both = check(near(1.08, 0.03), near(1.05, 0.06));
        assert_eq!(both.quality(headline), TimingQuality::Noisy);
        let wild = check(near(1.0, 0.2), near(1.05, 0.2));
        assert_eq!(wild.quality(headline), TimingQuality::Noisy);
    }
}
