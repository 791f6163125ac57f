//! Medians and their intervals.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, StudentsT};

use super::paired::Z95;

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

/// The least value that a share of all does not exceed (nearest rank); NaN of nothing.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// A share of `n` samples with its 95 % score interval (Wilson, "Probable inference, the law of succession, and statistical
/// inference", JASA 1927); NaN without samples.
pub fn share_interval(count: u64, n: u64) -> Interval {
    let (count, n) = (count as f64, n as f64);
    let share = count / n;
    let square = Z95 * Z95;
    let middle = (count + square / 2.0) / (n + square);
    let half = Z95 / (n + square) * (count * (1.0 - share) + square / 4.0).sqrt();
    Interval { median: share, lo: (middle - half).max(0.0), hi: (middle + half).min(1.0) }
}

/// The median with its 95 % interval, of values that are drawn independently from any one distribution.
pub fn median_interval(values: &[f64]) -> Interval {
    median_interval_at(values, 0.95)
}

/// The same at another level of confidence.
///
/// Between the k-th value from below and the k-th from above, the median lies with the probability of so many heads among
/// tosses of a coin. The ends are interpolated between the k that is too sure and the next one that is not sure enough
/// (Hettmansperger and Sheather, "Confidence intervals based on interpolated order statistics", Statistics & Probability
/// Letters 1986). Five values or fewer are never that sure: their ends are the least and the greatest.
pub fn median_interval_at(values: &[f64], confidence: f64) -> Interval {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let (Some(&least), Some(&greatest)) = (sorted.first(), sorted.last()) else {
        return Interval { median: f64::NAN, lo: f64::NAN, hi: f64::NAN };
    };
    let median = median_of_sorted(&sorted);
    let sure = |k: usize| {
        let below = Binomial::new(0.5, n as u64).map_or(0.0, |coin| coin.cdf(k as u64 - 1));
        1.0 - 2.0 * below
    };
    let Some(k) = (1..=n / 2).take_while(|&k| sure(k) >= confidence).last() else {
        return Interval { median, lo: least, hi: greatest };
    };
    let next = if k < n / 2 { sure(k + 1) } else { 0.0 };
    let surplus = (sure(k) - confidence) / (sure(k) - next);
    let share = (n - k) as f64 * surplus / (k as f64 + (n - 2 * k) as f64 * surplus);
    let between = |outer: f64, inner: f64| outer + share * (inner - outer);
    let (inner_lo, inner_hi) = (sorted[k.min(n - 1)], sorted[(n - k).saturating_sub(1)]);
    Interval {
        median,
        lo: between(sorted[k - 1], inner_lo).min(median),
        hi: between(sorted[n - k], inner_hi).max(median),
    }
}

/// Median and 95 % interval over `values`, one a round, that came in launches of these many rounds.
///
/// Rounds of one launch share where programs and data happen to lie in memory, so they are more alike than those
/// of another (Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013). With two launches or more
/// the interval is therefore widened to the one in which the result of another such run lies: mean ±
/// t(n − 1) · s · √(2/n) of the launches' medians, in logarithms where all are positive.
pub fn interval(values: &[f64], launches: &[usize]) -> Interval {
    interval_at(values, launches, 0.95)
}

/// The same at another level of confidence within a launch.
pub fn interval_at(values: &[f64], launches: &[usize], confidence: f64) -> Interval {
    let within = median_interval_at(values, confidence);
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
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_ends_are_interpolated_order_statistics() {
        let own = |n: usize| median_interval(&(1..=n).map(|i| i as f64).collect::<Vec<_>>());
        assert_eq!(own(1), Interval { median: 1.0, lo: 1.0, hi: 1.0 });
        assert_eq!(own(5), Interval { median: 3.0, lo: 1.0, hi: 5.0 });
        // Of 10 values the second and the ninth are 97.85 % sure, the third and the eighth 89.06 %.
        let surplus = (0.978_515_625 - 0.95) / (0.978_515_625 - 0.890_625);
        let share = 8.0 * surplus / (2.0 + 6.0 * surplus);
        assert!(
            (own(10).lo - (2.0 + share)).abs() < 1e-9 && (own(10).hi - (9.0 - share)).abs() < 1e-9
        );
        assert!(median_interval(&[]).median.is_nan());
    }

    /// Synthetic speed-ups with a long tail, as busy machines give, and a known median.
    #[test]
    fn the_interval_covers_the_median_as_often_as_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (experiments, truth) = (4000, 3.0);
        for rounds in [6, 9, 12, 15, 25, 60] {
            let covered = (0..experiments).filter(|_| {
                let values: Vec<f64> = (0..rounds)
                    .map(|_| {
                        let z: f64 = rng.sample(rand_distr::StandardNormal);
                        truth * (0.1 * z + 0.05 * z.max(0.0).powi(2)).exp()
                    })
                    .collect();
                let interval = median_interval(&values);
                (interval.lo..=interval.hi).contains(&truth)
            });
            let share = covered.count() as f64 / f64::from(experiments);
            assert!((0.93..=0.97).contains(&share), "{rounds}: nominal 95 %, seen {share}");
        }
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
        for _ in 0..experiments {
            let (own, other) = (run(), median(&run()));
            let holds = |i: Interval| u64::from((i.lo..=i.hi).contains(&other));
            covered += holds(interval(&own, &launches));
            within += holds(interval(&own, &[25]));
        }
        let share = covered as f64 / experiments as f64;
        assert!((0.92..=0.97).contains(&share), "nominal 95 %, seen {share}");
        assert!((within as f64) < 0.75 * experiments as f64, "one launch is too narrow: {within}");
    }

    #[test]
    fn launches_of_differences_may_be_negative() {
        let both = interval(&[-1.0, -1.0, 1.0, 1.0], &[2, 2]);
        // t(0.975, 1) = 12.706; the medians' standard error is 1, that of a difference √2.
        assert!((both.hi - 17.969).abs() < 1e-2 && (both.lo + 17.969).abs() < 1e-2, "{both:?}");
    }

    #[test]
    fn a_decreasing_map_swaps_the_ends() {
        let interval = Interval { median: 2.0, lo: 1.0, hi: 4.0 }.map(|x| 1.0 / x);
        assert_eq!(interval, Interval { median: 0.5, lo: 0.25, hi: 1.0 });
    }
}
