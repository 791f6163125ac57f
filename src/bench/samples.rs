//! The samples of a measurement: seconds by arm, round and launch, and what they give away about the machine.

use serde::{Deserialize, Serialize};

use perforate_base::units::Seconds;

use super::doubt::Doubt;
use super::stats::median;

/// Share of slow rounds, change of speed and scatter of an arm that are worth a word.
const THROTTLED: f64 = 0.1;
const DRIFT: f64 = 1.3;
const UNSTEADY: f64 = 1.5;

/// Seconds per pass of every arm, by round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// `arms[arm][round]`.
    arms: Vec<Vec<Seconds>>,
    /// Rounds of each launch that is complete; rounds beyond them are this launch's own.
    launches: Vec<usize>,
}

impl Samples {
    /// No sample yet of this many arms.
    pub fn new(arms: usize) -> Samples {
        Samples { arms: vec![vec![]; arms], launches: vec![] }
    }

    /// Number of arms.
    pub fn arms(&self) -> usize {
        self.arms.len()
    }

    /// Rounds of each launch.
    pub fn launches(&self) -> Vec<usize> {
        let own = self.rounds() - self.launches.iter().sum::<usize>();
        let own = (own > 0).then_some(own);
        self.launches.iter().copied().chain(own).collect()
    }

    /// Adds the rounds that another launch measured of the same arms; false if its arms are others.
    pub fn absorb(&mut self, other: &Samples) -> bool {
        if self.arms() != other.arms() {
            return false;
        }
        self.launches = [self.launches(), other.launches()].concat();
        let (own, rounds) = (self.rounds(), other.rounds());
        for (arm, more) in self.arms.iter_mut().zip(&other.arms) {
            arm.truncate(own);
            arm.extend(&more[..rounds]);
        }
        true
    }

    /// Adds a round: the seconds of every arm, which are taken.
    pub fn push(&mut self, seconds: &mut [f64]) {
        for (arm, seconds) in self.arms.iter_mut().zip(seconds) {
            arm.push(Seconds(std::mem::take(seconds)));
        }
    }

    /// Number of complete rounds.
    pub fn rounds(&self) -> usize {
        self.arms.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// Seconds per pass of `arm` in the complete rounds.
    pub fn of(&self, arm: usize) -> Vec<f64> {
        self.arms[arm][..self.rounds()].iter().map(|s| s.0).collect()
    }

    /// What the complete rounds give away about the machine and the arms.
    pub fn doubts(&self) -> Vec<Doubt> {
        let rounds = self.rounds();
        // Thirds of fewer rounds say nothing.
        if rounds < 9 {
            return vec![];
        }
        let mut doubts = vec![];
        let arms: Vec<Vec<f64>> = (0..self.arms.len()).map(|arm| self.of(arm)).collect();
        let whole: Vec<f64> = (0..rounds).map(|ix| arms.iter().map(|arm| arm[ix]).sum()).collect();
        let usual = median(&whole);
        let slow = whole.iter().filter(|&&s| s > 2.0 * usual).count() as f64 / rounds as f64;
        if slow >= THROTTLED {
            doubts.push(Doubt::Throttled(slow));
        }
        let third = rounds / 3;
        let change = median(&whole[rounds - third..]) / median(&whole[..third]);
        let factor = change.max(1.0 / change);
        if factor > DRIFT {
            doubts.push(Doubt::Drift(factor));
        }
        // How each arm scatters beside what befalls most of them in the same round.
        let usuals: Vec<f64> = arms.iter().map(|arm| median(arm)).collect();
        let common: Vec<f64> = (0..rounds)
            .map(|ix| {
                let relative: Vec<f64> =
                    arms.iter().zip(&usuals).map(|(arm, usual)| arm[ix] / usual).collect();
                median(&relative)
            })
            .collect();
        let scatters: Vec<f64> = arms
            .iter()
            .map(|arm| {
                let mut own: Vec<f64> = arm.iter().zip(&common).map(|(s, c)| s / c).collect();
                own.sort_unstable_by(f64::total_cmp);
                own[rounds * 9 / 10] / own[rounds / 10]
            })
            .collect();
        let usual = median(&scatters);
        for (arm, &scatter) in scatters.iter().enumerate() {
            if scatter > UNSTEADY && scatter > 2.0 * usual {
                doubts.push(Doubt::Unsteady(arm, scatter));
            }
        }
        doubts
    }

    /// `arm`'s speed relative to `baseline` in each complete round; above 1 is faster.
    pub fn speedups(&self, arm: usize, baseline: usize) -> Vec<f64> {
        self.of(baseline).iter().zip(self.of(arm)).map(|(base, own)| base / own).collect()
    }
}
