//! The samples of a measurement: seconds by contender, round and launch, and what they give away about the machine.

use serde::{Deserialize, Serialize};

use perforate_base::units::Seconds;

use super::contender::ContenderId;
use super::stats::median;
use super::warning::MeasurementWarning;

/// Share of slow rounds, change of speed and scatter of an contender that are worth a word.
const THROTTLED: f64 = 0.1;
const DRIFT: f64 = 1.3;
const UNSTEADY: f64 = 1.5;

/// Seconds per pass of every contender, by round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// `times[contender][round]`.
    times: Vec<Vec<Seconds>>,
    /// Rounds of each launch that is complete; rounds beyond them are this launch's own.
    launches: Vec<usize>,
}

impl Samples {
    /// No sample yet of this many contenders.
    pub fn new(contenders: usize) -> Samples {
        Samples { times: vec![vec![]; contenders], launches: vec![] }
    }

    /// Number of contenders.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// Whose seconds they are, in order.
    pub fn contenders(&self) -> impl DoubleEndedIterator<Item = ContenderId> + use<> {
        ContenderId::first(self.count())
    }

    /// Rounds of each launch.
    pub fn launches(&self) -> Vec<usize> {
        let own = self.rounds() - self.launches.iter().sum::<usize>();
        let own = (own > 0).then_some(own);
        self.launches.iter().copied().chain(own).collect()
    }

    /// Adds the rounds that another launch measured of the same contenders; false if its contenders are others.
    pub fn absorb(&mut self, other: &Samples) -> bool {
        if self.count() != other.count() {
            return false;
        }
        self.launches = [self.launches(), other.launches()].concat();
        let (own, rounds) = (self.rounds(), other.rounds());
        for (contender, more) in self.times.iter_mut().zip(&other.times) {
            contender.truncate(own);
            contender.extend(&more[..rounds]);
        }
        true
    }

    /// Adds a round: the seconds of every contender, which are taken.
    pub fn push(&mut self, seconds: &mut [f64]) {
        for (contender, seconds) in self.times.iter_mut().zip(seconds) {
            contender.push(Seconds(std::mem::take(seconds)));
        }
    }

    /// Number of complete rounds.
    pub fn rounds(&self) -> usize {
        self.times.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// Seconds per pass of `contender` in the complete rounds.
    pub fn of(&self, contender: ContenderId) -> Vec<f64> {
        self.times[contender.index()][..self.rounds()].iter().map(|s| s.0).collect()
    }

    /// What the complete rounds give away about the machine and the contenders.
    pub fn warnings(&self) -> Vec<MeasurementWarning> {
        let rounds = self.rounds();
        // Thirds of fewer rounds say nothing.
        if rounds < 9 {
            return vec![];
        }
        let mut warnings = vec![];
        let seconds: Vec<Vec<f64>> =
            self.contenders().map(|contender| self.of(contender)).collect();
        let whole: Vec<f64> =
            (0..rounds).map(|ix| seconds.iter().map(|contender| contender[ix]).sum()).collect();
        let usual = median(&whole);
        let slow = whole.iter().filter(|&&s| s > 2.0 * usual).count() as f64 / rounds as f64;
        if slow >= THROTTLED {
            warnings.push(MeasurementWarning::Throttled(slow));
        }
        let third = rounds / 3;
        let change = median(&whole[rounds - third..]) / median(&whole[..third]);
        let factor = change.max(1.0 / change);
        if factor > DRIFT {
            warnings.push(MeasurementWarning::Drift(factor));
        }
        // How each contender scatters beside what befalls most of them in the same round.
        let usuals: Vec<f64> = seconds.iter().map(|contender| median(contender)).collect();
        let common: Vec<f64> = (0..rounds)
            .map(|ix| {
                let relative: Vec<f64> = seconds
                    .iter()
                    .zip(&usuals)
                    .map(|(contender, usual)| contender[ix] / usual)
                    .collect();
                median(&relative)
            })
            .collect();
        let scatters: Vec<f64> = seconds
            .iter()
            .map(|contender| {
                let mut own: Vec<f64> = contender.iter().zip(&common).map(|(s, c)| s / c).collect();
                own.sort_unstable_by(f64::total_cmp);
                own[rounds * 9 / 10] / own[rounds / 10]
            })
            .collect();
        let usual = median(&scatters);
        for (contender, &scatter) in self.contenders().zip(&scatters) {
            if scatter > UNSTEADY && scatter > 2.0 * usual {
                warnings.push(MeasurementWarning::Unsteady(contender, scatter));
            }
        }
        warnings
    }

    /// `contender`'s speed relative to `baseline` in each complete round; above 1 is faster.
    pub fn speedups(&self, contender: ContenderId, baseline: ContenderId) -> Vec<f64> {
        self.of(baseline).iter().zip(self.of(contender)).map(|(base, own)| base / own).collect()
    }
}
