//! Medians and their bootstrap intervals.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2000;

/// A median with its 95 % interval, in the unit of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The median.
    pub median: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

impl Interval {
    /// The same interval with every value passed through an increasing or decreasing function.
    pub fn map(self, f: impl Fn(f64) -> f64) -> Interval {
        let (a, b) = (f(self.lo), f(self.hi));
        Interval { median: f(self.median), lo: a.min(b), hi: a.max(b) }
    }

    /// Width relative to the median.
    pub fn relative_width(&self) -> f64 {
        (self.hi - self.lo) / self.median.abs()
    }
}

/// The median; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// Median and 95 % percentile-bootstrap interval over `values`, one a round. The generator is
/// seeded, so the same samples give the same interval.
pub fn bootstrap(values: &[f64], seed: u64) -> Interval {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut resample = vec![0.0; values.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            for slot in &mut resample {
                *slot = values[rng.random_range(0..values.len())];
            }
            resample.sort_unstable_by(f64::total_cmp);
            median_of_sorted(&resample)
        })
        .collect();
    medians.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| medians[((RESAMPLES - 1) as f64 * q).round() as usize];
    Interval { median: median(values), lo: at(0.025), hi: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_interval_holds_the_median_and_is_reproducible() {
        let values: Vec<f64> = (0..25).map(|i| ((i * 7) % 25) as f64).collect();
        let interval = bootstrap(&values, 1);
        assert_eq!(interval.median, 12.0);
        assert!(interval.lo < 12.0 && 12.0 < interval.hi);
        assert_eq!(interval, bootstrap(&values, 1));
    }

    /// Synthetic speed-ups with a long tail, as busy machines give, and a known median.
    #[test]
    fn the_interval_covers_the_median_as_often_as_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (experiments, rounds, truth) = (1500, 25, 3.0);
        let covered = (0..experiments)
            .filter(|&seed| {
                let values: Vec<f64> = (0..rounds)
                    .map(|_| {
                        let z: f64 = rng.sample(rand_distr::StandardNormal);
                        truth * (0.1 * z + 0.05 * z.max(0.0).powi(2)).exp()
                    })
                    .collect();
                let interval = bootstrap(&values, seed);
                (interval.lo..=interval.hi).contains(&truth)
            })
            .count();
        let share = covered as f64 / experiments as f64;
        assert!((0.93..=0.97).contains(&share), "nominal 95 %, seen {share}");
    }

    #[test]
    fn a_decreasing_map_swaps_the_ends() {
        let interval = Interval { median: 2.0, lo: 1.0, hi: 4.0 }.map(|x| 1.0 / x);
        assert_eq!(interval, Interval { median: 0.5, lo: 0.25, hi: 1.0 });
    }
}
