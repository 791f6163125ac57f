//! Two models' answers to the same samples: how much more often one is right than the other, and how sure that is.
//!
//! Only the samples on which exactly one of them is right tell the two apart (McNemar, "Note on the sampling error of the
//! difference between correlated proportions or percentages", Psychometrika 1947).

use statrs::distribution::{Binomial, DiscreteCDF};

use super::stats::Interval;

/// Of a standard normal variable: 97.5 % lie below.
pub const Z95: f64 = 1.959_963_984_540_054;
/// The same for 80 %: how likely a test with [`Paired::enough`] samples is to tell.
const Z80: f64 = 0.841_621_233_572_914;
/// Bisection steps over −1…1: finer than any figure that is shown.
const HALVINGS: usize = 50;

/// Samples, and those on which exactly one of two models is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paired {
    /// All samples.
    pub n: u64,
    /// Right by the first model alone.
    pub gained: u64,
    /// Right by the second model alone.
    pub lost: u64,
}

impl Paired {
    /// Counts over samples: whether the first and the second model are right.
    pub fn count(pairs: impl Iterator<Item = (bool, bool)>) -> Paired {
        pairs.fold(Paired::default(), |counted, (first, second)| Paired {
            n: counted.n + 1,
            gained: counted.gained + u64::from(first && !second),
            lost: counted.lost + u64::from(second && !first),
        })
    }

    /// Accuracy of the first model minus that of the second, in −1…1.
    pub fn estimate(self) -> f64 {
        (self.gained as f64 - self.lost as f64) / self.n as f64
    }

    /// The difference with its 95 % score interval (Tango, "Equivalence test and confidence interval for the difference
    /// in proportions for the paired-sample design", Statistics in Medicine 1998); NaN without samples.
    pub fn difference(self) -> Interval {
        let median = self.estimate();
        if self.n == 0 {
            return Interval { median, lo: f64::NAN, hi: f64::NAN };
        }
        // The score falls as the difference that it tests grows, and is 0 at the estimate.
        let border = |mut inside: f64, mut outside: f64| {
            for _ in 0..HALVINGS {
                let middle = f64::midpoint(inside, outside);
                if self.score(middle).abs() <= Z95 { inside = middle } else { outside = middle }
            }
            inside
        };
        Interval { median, lo: border(median, -1.0), hi: border(median, 1.0) }
    }

    /// Tango's score for a difference of `delta`: standard normal if that is the true one.
    fn score(self, delta: f64) -> f64 {
        let [n, gained, lost] = [self.n, self.gained, self.lost].map(|count| count as f64);
        // The share of samples that only the second model gets right, as likely as possible given the difference.
        let (a, c) = (2.0 * n, -lost * delta * (1.0 - delta));
        let b = -gained - lost + (2.0 * n - gained + lost) * delta;
        let share = ((b * b - 4.0 * a * c).max(0.0).sqrt() - b) / (2.0 * a);
        let variance = n * (2.0 * share + delta * (1.0 - delta));
        let distance = gained - lost - n * delta;
        if distance == 0.0 { 0.0 } else { distance / variance.max(f64::MIN_POSITIVE).sqrt() }
    }

    /// McNemar's exact test: how likely a difference as large as this one is by chance, if the models are equally accurate.
    pub fn p_value(self) -> f64 {
        let (all, fewer) = (self.gained + self.lost, self.gained.min(self.lost));
        Binomial::new(0.5, all).map_or(1.0, |coin| (2.0 * coin.cdf(fewer)).min(1.0))
    }

    /// How many samples like these would tell, four times in five, which of the models is the more accurate one (Connor,
    /// "Sample size for testing differences in proportions for the paired-sample design", Biometrics 1987). None where
    /// these show no difference at all.
    pub fn enough(self) -> Option<u64> {
        let (difference, n) = (self.estimate(), self.n as f64);
        let discordant = (self.gained + self.lost) as f64 / n;
        let spread =
            Z95 * discordant.sqrt() + Z80 * (discordant - difference.powi(2)).max(0.0).sqrt();
        (difference != 0.0 && self.n > 0).then(|| (spread / difference).powi(2).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn pairs_are_counted() {
        let pairs = [(true, true), (true, false), (true, false), (false, true), (false, false)];
        let counted = Paired::count(pairs.into_iter());
        assert_eq!(counted, Paired { n: 5, gained: 2, lost: 1 });
        assert!((counted.estimate() - 0.2).abs() < 1e-12);
    }

    /// Tango's own example: 44 pairs of which 43 are equal, and one is not.
    #[test]
    fn the_interval_is_tangos() {
        let own = Paired { n: 44, gained: 0, lost: 1 }.difference();
        assert!((own.lo + 0.1181).abs() < 1e-3 && (own.hi - 0.0591).abs() < 2e-3, "{own:?}");
        let none = Paired { n: 100, gained: 0, lost: 0 }.difference();
        // Nothing seen in n samples: z² / (n + z²) either way.
        let most = Z95.powi(2) / (100.0 + Z95.powi(2));
        assert!((none.hi - most).abs() < 1e-9 && (none.lo + most).abs() < 1e-9, "{none:?}");
    }

    #[test]
    fn mcnemars_test_is_exact() {
        // Of 10 that differ, 1: 2 · (1 + 10) / 1024.
        assert!((Paired { n: 50, gained: 9, lost: 1 }.p_value() - 22.0 / 1024.0).abs() < 1e-12);
        assert_eq!(Paired { n: 50, gained: 0, lost: 0 }.p_value(), 1.0);
        assert_eq!(Paired { n: 50, gained: 4, lost: 4 }.p_value(), 1.0);
    }

    fn draw(rng: &mut ChaCha8Rng, n: u64, gained: f64, lost: f64) -> Paired {
        let pairs = (0..n).map(|_| {
            let lot: f64 = rng.random();
            (lot < gained, (gained..gained + lost).contains(&lot))
        });
        Paired::count(pairs)
    }

    #[test]
    fn the_interval_covers_as_often_as_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for (n, gained, lost) in [(750, 0.03, 0.02), (750, 0.01, 0.01), (4000, 0.004, 0.012)] {
            let experiments = 3000;
            let covered = (0..experiments).filter(|_| {
                let own = draw(&mut rng, n, gained, lost).difference();
                (own.lo..=own.hi).contains(&(gained - lost))
            });
            let share = covered.count() as f64 / f64::from(experiments);
            assert!((0.93..=0.97).contains(&share), "{n}, {gained}, {lost}: {share}");
        }
    }

    #[test]
    fn with_enough_samples_four_of_five_tests_tell() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let (gained, lost) = (0.03, 0.02);
        let seen = Paired { n: 100_000, gained: 3000, lost: 2000 };
        let n = seen.enough().unwrap();
        let told = (0..1000).filter(|_| draw(&mut rng, n, gained, lost).p_value() < 0.05).count();
        assert!((750..=850).contains(&told), "{told} of 1,000 with {n} samples");
        assert_eq!(Paired { n: 10, gained: 2, lost: 2 }.enough(), None);
    }
}
