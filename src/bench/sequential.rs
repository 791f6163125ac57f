//! When a measurement may stop: as soon as its interval is narrow enough, with rounds to spare for the luck of stopping.
//!
//! Whoever looks at an interval after every round and stops once it is narrow, stops too often where the spread happens to
//! look small, and the interval then holds the truth less often than it says (Chow and Robbins, "On the asymptotic theory of
//! fixed-width sequential confidence intervals for the mean", Annals of Mathematical Statistics 1965). So each look plans
//! how many rounds the next one waits for (Stein, "A two-sample test for a linear hypothesis whose power is independent of
//! the variance", ibid. 1945): there are two or three of them, and what must be narrow is an interval of higher confidence
//! than the one that is reported.

use perforate_base::units::Seconds;

use super::stats::median_interval_at;

/// Rounds before the first look.
const FIRST_LOOK: usize = 12;
/// Confidence of the interval that must be narrow.
const CONFIDENCE: f64 = 0.97;
/// Level of the interval that is reported after a stop: it then holds the truth 95 times in 100.
pub const REPORTED: f64 = 0.96;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopping {
    /// Half the width of the interval, as a share of the median.
    pub half_width: f64,
    /// Most rounds.
    pub most_rounds: usize,
    /// Once the rounds took this long, no more than the first look's are wanted.
    pub most: Seconds,
}

impl Default for Stopping {
    fn default() -> Stopping {
        Stopping { half_width: 0.05, most_rounds: 60, most: Seconds(12.0) }
    }
}

impl Stopping {
    /// Whether these rounds are enough, which took so long.
    pub fn is_over(&self, values: &[f64], spent: Seconds) -> bool {
        let mut look = FIRST_LOOK;
        loop {
            let Some(seen) = values.get(..look) else { return false };
            let wider =
                median_interval_at(seen, CONFIDENCE).relative_width() / 2.0 / self.half_width;
            if wider <= 1.0 || look >= self.most_rounds || spent.0 >= self.most.0 {
                return true;
            }
            let planned = (look as f64 * wider * wider).ceil();
            look = (planned as usize).clamp(look + 1, self.most_rounds.max(look + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Speed-ups with a long tail, as busy machines give, stopped by their interval.
    #[test]
    fn the_interval_at_the_stop_covers_as_often_as_it_says() {
        let stopping = Stopping::default();
        for spread in [0.03, 0.08, 0.15] {
            let mut rng = ChaCha8Rng::seed_from_u64(11);
            let (experiments, truth) = (3000, 3.0);
            let mut rounds = 0;
            let covered = (0..experiments).filter(|_| {
                let mut values: Vec<f64> = vec![];
                while values.len() < stopping.most_rounds
                    && !stopping.is_over(&values, Seconds(0.0))
                {
                    let z: f64 = rng.sample(rand_distr::StandardNormal);
                    let tail = 0.5 * spread * z.max(0.0).powi(2);
                    values.push(truth * (spread * z + tail).exp());
                }
                rounds += values.len();
                let interval = median_interval_at(&values, REPORTED);
                (interval.lo..=interval.hi).contains(&truth)
            });
            let share = covered.count() as f64 / f64::from(experiments);
            println!("{spread}: {share} after {} rounds", rounds as f64 / f64::from(experiments));
            assert!(share >= 0.94, "{spread}: nominal 95 %, seen {share}");
        }
    }

    #[test]
    fn steady_rounds_stop_at_the_first_look_and_slow_ones_too() {
        let stopping = Stopping::default();
        let over = |rounds: usize, spread: f64, spent: f64| {
            let values: Vec<f64> = (0..rounds).map(|ix| 1.0 + spread * (ix % 3) as f64).collect();
            stopping.is_over(&values, Seconds(spent))
        };
        assert!(!over(11, 0.0, 0.0) && over(12, 0.0, 0.0) && over(13, 0.0, 0.0));
        assert!(!over(12, 1.0, 0.0) && over(12, 1.0, 12.0));
    }
}
