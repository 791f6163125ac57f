//! Medians and their bootstrap intervals.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

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

/// Median and 95 % interval over `values`, one a round, that came in launches of these many rounds.
///
/// Rounds of one launch share where programs and data happen to lie in memory, so they are more alike than those
/// of another (Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013). With two launches or more
/// the bootstrap's interval is therefore widened to the one in which the result of another such run lies: mean ±
/// t(n − 1) · s · √(2/n) of the launches' medians, in logarithms where all are positive.
pub fn interval(values: &[f64], launches: &[usize], seed: u64) -> Interval {
    let within = bootstrap(values, seed);
    let mut rest = values;
    let medians: Vec<f64> = launches
        .iter()
        .map(|&rounds| {
            let (own, others) = rest.split_at(rounds.min(rest.len()));
            rest = others;
            median(own)
        })
        .filter(|m| m.is_finite())
        .collect();
    if medians.len() < 2 {
        return within;
    }
    let logarithmic = medians.iter().all(|&m| m > 0.0);
    let to = |x: f64| if logarithmic { x.ln() } else { x };
    let from = |x: f64| if logarithmic { x.exp() } else { x };
    let n = medians.len() as f64;
    let mean = medians.iter().map(|&m| to(m)).sum::<f64>() / n;
    let variance = medians.iter().map(|&m| (to(m) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let quantile = StudentsT::new(0.0, 1.0, n - 1.0).map_or(f64::NAN, |t| t.inverse_cdf(0.975));
    let half = quantile * (2.0 * variance / n).sqrt();
    Interval {
        median: within.median,
        lo: within.lo.min(from(mean - half)),
        hi: within.hi.max(from(mean + half)),
    }
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

    /// Launches that differ by 2 %, rounds within them by 0.5 %: what is seen when a process is started anew.
    #[test]
    fn another_run_lies_in_the_interval_as_often_as_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let (experiments, launches) = (1000, [5; 5]);
        let mut normal = |scale: f64| scale * rng.sample::<f64, _>(rand_distr::StandardNormal);
        let mut run = || {
            let mut values = vec![];
            for rounds in launches {
                let own = 3.0 * normal(0.02).exp();
                values.extend((0..rounds).map(|_| own * normal(0.005).exp()));
            }
            values
        };
        let (mut covered, mut within) = (0, 0);
        for seed in 0..experiments {
            let (own, other) = (run(), median(&run()));
            let holds = |i: Interval| u64::from((i.lo..=i.hi).contains(&other));
            covered += holds(interval(&own, &launches, seed));
            within += holds(interval(&own, &[25], seed));
        }
        let share = covered as f64 / experiments as f64;
        assert!((0.92..=0.97).contains(&share), "nominal 95 %, seen {share}");
        assert!((within as f64) < 0.75 * experiments as f64, "one launch is too narrow: {within}");
    }

    #[test]
    fn launches_of_differences_may_be_negative() {
        let both = interval(&[-1.0, -1.0, 1.0, 1.0], &[2, 2], 1);
        // t(0.975, 1) = 12.706; the medians' standard error is 1, that of a difference √2.
        assert!((both.hi - 17.969).abs() < 1e-2 && (both.lo + 17.969).abs() < 1e-2, "{both:?}");
    }

    #[test]
    fn a_decreasing_map_swaps_the_ends() {
        let interval = Interval { median: 2.0, lo: 1.0, hi: 4.0 }.map(|x| 1.0 / x);
        assert_eq!(interval, Interval { median: 0.5, lo: 0.25, hi: 1.0 });
    }
}
