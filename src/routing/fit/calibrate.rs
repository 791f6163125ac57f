//! Chooses an operating point with a statistical guarantee, by Learn-then-Test.
//!
//! Angelopoulos et al., "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk
//! Control" (2021). The candidates stand in a fixed order, from the safest on; each is tested with
//! the exact binomial p-value of its losses; the last one before the first failure is chosen. Then
//! the risk exceeds ε with probability at most δ over the draw of the calibration samples.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

use perforate_base::{Error, ErrorKind, Named, Result};

/// What counts as a loss of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The full model is right and the routed one wrong; needs labels.
    Error,
    /// The routed model answers otherwise than the full one.
    Disagreement,
}

impl Named for Loss {
    const ALL: &'static [Loss] = &[Loss::Error, Loss::Disagreement];

    fn name(&self) -> &'static str {
        match self {
            Loss::Error => "error",
            Loss::Disagreement => "disagreement",
        }
    }
}

/// The guarantee asked for: risk ≤ `epsilon` with confidence 1 − `delta`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskTarget {
    /// What is controlled.
    pub loss: Loss,
    /// Largest risk, in 0…1.
    pub epsilon: f64,
    /// Probability that the guarantee fails, in 0…1.
    pub delta: f64,
}

impl RiskTarget {
    /// Checks that both levels lie strictly between 0 and 1.
    pub fn new(loss: Loss, epsilon: f64, delta: f64) -> Result<RiskTarget> {
        for (name, level) in [("epsilon", epsilon), ("delta", delta)] {
            if !(level > 0.0 && level < 1.0) {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!("{level} must lie between 0 and 1, both excluded"),
                )
                .node(name));
            }
        }
        Ok(RiskTarget { loss, epsilon, delta })
    }

    /// The p-value of the hypothesis "risk > ε" after `losses` among `n`: P(Bin(n, ε) ≤ losses).
    pub fn p_value(&self, losses: u64, n: u64) -> f64 {
        if n == 0 {
            return 1.0;
        }
        Binomial::new(self.epsilon, n).map_or(1.0, |binomial| binomial.cdf(losses))
    }

    /// Smallest number of calibration samples with which no loss at all would suffice.
    pub fn smallest_n(&self) -> u64 {
        (self.delta.ln() / (1.0 - self.epsilon).ln()).ceil() as u64
    }
}

/// The outcome of the choice.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Certificate {
    /// Index of the chosen candidate: the last that passes, in the order given.
    pub chosen: Option<usize>,
    /// p-value of the chosen candidate, or of the first one if none passes.
    pub p_value: f64,
    /// Number of calibration samples.
    pub n: u64,
}

/// Tests candidates in their order, safest first; `losses[i]` among `n` samples each.
pub fn certify(target: &RiskTarget, losses: &[u64], n: u64) -> Certificate {
    let p_values: Vec<f64> = losses.iter().map(|&k| target.p_value(k, n)).collect();
    let passing = p_values.iter().take_while(|&&p| p <= target.delta).count();
    let chosen = passing.checked_sub(1);
    let p_value = p_values.get(chosen.unwrap_or(0)).copied().unwrap_or(1.0);
    Certificate { chosen, p_value, n }
}

/// What rules without this guarantee would choose, to stand beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alternatives {
    /// The last candidate before the observed risk first exceeds ε: no guarantee at all.
    pub empirical: Option<usize>,
    /// Conformal risk control (Angelopoulos et al. 2022): the last candidate before
    /// `(losses + 1) / (n + 1)` first exceeds ε. The *mean* risk over calibration draws is at most ε.
    pub conformal: Option<usize>,
}

/// Applies the other rules to the same losses, safest candidate first.
pub fn alternatives(target: &RiskTarget, losses: &[u64], n: u64) -> Alternatives {
    let last = |passes: &dyn Fn(f64) -> bool| {
        losses.iter().take_while(|&&k| passes(k as f64)).count().checked_sub(1)
    };
    let n = n as f64;
    Alternatives {
        empirical: last(&|k| n > 0.0 && k / n <= target.epsilon),
        conformal: last(&|k| (k + 1.0) / (n + 1.0) <= target.epsilon),
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn target(epsilon: f64) -> RiskTarget {
        RiskTarget::new(Loss::Error, epsilon, 0.1).unwrap()
    }

    #[test]
    fn smallest_samples_for_no_loss() {
        assert_eq!(target(0.01).smallest_n(), 230);
        assert_eq!(target(0.005).smallest_n(), 460);
        assert!(target(0.01).p_value(0, 230) <= 0.1);
        assert!(target(0.01).p_value(0, 229) > 0.1);
    }

    #[test]
    fn p_value_is_the_exact_binomial_tail() {
        // P(Bin(10, ½) ≤ 2) = (1 + 10 + 45) / 1024.
        let half = RiskTarget::new(Loss::Error, 0.5, 0.1).unwrap();
        assert!((half.p_value(2, 10) - 56.0 / 1024.0).abs() < 1e-12);
    }

    #[test]
    fn the_sequence_stops_at_the_first_failure() {
        let certificate = certify(&target(0.05), &[0, 1, 40, 0], 200);
        assert_eq!(certificate.chosen, Some(1));
    }

    #[test]
    fn too_few_samples_certify_nothing() {
        let certificate = certify(&target(0.005), &[0, 0], 459);
        assert_eq!(certificate.chosen, None);
        assert!(certificate.p_value > 0.1);
    }

    #[test]
    fn the_other_rules_are_bolder() {
        let target = target(0.05);
        let losses = [2, 4, 9, 10, 11, 3];
        assert_eq!(certify(&target, &losses, 200).chosen, Some(1));
        let other = alternatives(&target, &losses, 200);
        assert_eq!((other.conformal, other.empirical), (Some(2), Some(3)));
        assert_eq!(alternatives(&target, &[0], 18).conformal, None, "1/19 is more than 5 %");
    }

    /// Over 1,000 draws of the calibration samples the chosen risk exceeds ε in at most δ of them,
    /// plus what a binomial count scatters; the empirical rule breaks its promise about half the time.
    #[test]
    fn the_guarantee_holds_over_resamples() {
        let (target, n, draws) = (target(0.05), 400usize, 1000);
        // True risks of the candidates, safest first; some lie just above ε.
        let risks: Vec<f64> = (0..30).map(|i| 0.03 + 0.001 * f64::from(i)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (mut certified, mut empirical, mut any) = (0, 0, 0);
        for _ in 0..draws {
            // A sample that is lost at one setting is lost at all cheaper ones.
            let hardness: Vec<f64> = (0..n).map(|_| rng.random()).collect();
            let losses: Vec<u64> = risks
                .iter()
                .map(|&risk| hardness.iter().filter(|&&h| h < risk).count() as u64)
                .collect();
            let broken = |ix: Option<usize>| ix.is_some_and(|ix| risks[ix] > target.epsilon);
            let chosen = certify(&target, &losses, n as u64).chosen;
            any += u64::from(chosen.is_some());
            certified += u64::from(broken(chosen));
            empirical += u64::from(broken(alternatives(&target, &losses, n as u64).empirical));
        }
        let scatter = 3.0 * (draws as f64 * 0.1 * 0.9).sqrt();
        assert!(certified as f64 <= draws as f64 * 0.1 + scatter, "{certified} of {draws}");
        assert!(certified > 10, "a rule that never errs is too timid: {certified}");
        assert!(any > 300, "hardly anything was certified: {any}");
        assert!(empirical > 300, "the empirical rule should fail often: {empirical}");
    }

    #[test]
    fn levels_out_of_range_are_refused() {
        for level in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(RiskTarget::new(Loss::Error, level, 0.1).is_err());
            assert!(RiskTarget::new(Loss::Error, 0.1, level).is_err());
        }
    }
}
