//! A guarantee anew, for who gets labels late and one by one: it may be looked at after each of them.
//!
//! Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (JRSS-B 2024); Xu, Waudby-Smith
//! and Ramdas, "Active, anytime-valid risk controlling prediction sets" (NeurIPS 2024). For each setting of the knob, an
//! e-process bets that its risk is at most ε: the mean likelihood ratio of several smaller risks against ε. Where the
//! risk is larger than ε, it cannot be expected to grow; so it ever reaches 1/δ with probability δ at most. Settings are
//! tested in a fixed order, from the safest on, as in [`crate::fit::calibrate`]; so the whole choice errs with that
//! probability, at whatever time one looks.

use perforate_base::Result;

use crate::fit::calibrate::RiskTarget;

/// Risks that bets are on, as shares of ε.
const BETS: [f64; 8] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8];

/// An e-process against "the risk is larger than ε".
#[derive(Debug, Clone, PartialEq)]
struct Process {
    /// Logarithm of each bet's capital.
    capital: [f64; BETS.len()],
    reached: bool,
}

impl Process {
    fn new() -> Process {
        Process { capital: [0.0; BETS.len()], reached: false }
    }

    fn observe(&mut self, lost: bool, target: &RiskTarget) {
        let RiskTarget { epsilon, delta, .. } = *target;
        for (capital, share) in self.capital.iter_mut().zip(BETS) {
            let smaller = share * epsilon;
            *capital += if lost { share.ln() } else { ((1.0 - smaller) / (1.0 - epsilon)).ln() };
        }
        self.reached |= self.evidence() >= 1.0 / delta;
    }

    fn evidence(&self) -> f64 {
        self.capital.iter().map(|own| own.exp()).sum::<f64>() / BETS.len() as f64
    }
}

/// The risk of several settings, as labels come.
#[derive(Debug, Clone)]
pub struct Recalibration {
    target: RiskTarget,
    settings: Vec<Process>,
    seen: u64,
}

impl Recalibration {
    /// Begins for so many settings, safest first.
    ///
    /// # Errors
    /// `Config` where ε or δ is out of range.
    pub fn new(target: RiskTarget, settings: usize) -> Result<Recalibration> {
        let target = RiskTarget::new(target.loss, target.epsilon, target.delta)?;
        Ok(Recalibration { target, settings: vec![Process::new(); settings], seen: 0 })
    }

    /// Takes a labelled input: whether it is lost, by setting.
    ///
    /// # Panics
    /// Never; settings that `lost` says nothing of are as they were.
    pub fn observe(&mut self, lost: &[bool]) {
        self.seen += 1;
        for (process, &lost) in self.settings.iter_mut().zip(lost) {
            process.observe(lost, &self.target);
        }
    }

    /// Index of the last setting, counted from the safest, for which the risk is known to be at most ε, as for all before
    /// it; none yet where even the safest is not known to be.
    pub fn certified(&self) -> Option<usize> {
        self.settings.iter().take_while(|process| process.reached).count().checked_sub(1)
    }

    /// Labelled inputs so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Fewest labels after which a setting that loses nothing is certified.
    pub fn smallest_n(target: &RiskTarget) -> u64 {
        let mut process = Process::new();
        let mut n = 0;
        while !process.reached {
            process.observe(false, target);
            n += 1;
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::fit::calibrate::Loss;

    fn target(epsilon: f64) -> RiskTarget {
        RiskTarget::new(Loss::Error, epsilon, 0.1).unwrap()
    }

    /// Looked at after each of 3,000 labels, in 1,000 streams: a setting whose risk exceeds ε is ever certified in δ of
    /// them at most, and one whose risk is small almost always.
    #[test]
    fn it_holds_its_level_at_every_time() {
        let target = target(0.02);
        let risks: Vec<f64> = (0..20).map(|ix| 0.004 + 0.001 * f64::from(ix)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (streams, mut broken, mut useful) = (1000, 0, 0);
        for _ in 0..streams {
            let mut own = Recalibration::new(target, risks.len()).unwrap();
            let mut ever = None;
            for _ in 0..3000 {
                let hardness: f64 = rng.random();
                let lost: Vec<bool> = risks.iter().map(|&risk| hardness < risk).collect();
                own.observe(&lost);
                ever = ever.max(own.certified());
            }
            broken += usize::from(ever.is_some_and(|ix| risks[ix] > target.epsilon));
            useful += usize::from(ever.is_some_and(|ix| risks[ix] >= 0.01));
        }
        assert!(broken as f64 <= target.delta * streams as f64, "{broken} of {streams}");
        assert!(useful as f64 >= 0.9 * streams as f64, "{useful} of {streams}");
    }

    #[test]
    fn looking_at_any_time_costs_some_labels() {
        let target = target(0.01);
        let n = Recalibration::smallest_n(&target);
        assert!(n > target.smallest_n() && n < 2 * target.smallest_n(), "{n}");
        let mut own = Recalibration::new(target, 2).unwrap();
        for _ in 0..n {
            assert_eq!(own.certified(), None);
            own.observe(&[false, false]);
        }
        assert_eq!((own.certified(), own.seen()), (Some(1), n));
        assert!(Recalibration::new(RiskTarget { delta: 0.0, ..target }, 2).is_err());
    }

    #[test]
    fn a_riskier_setting_is_not_certified_before_a_safer_one() {
        let mut own = Recalibration::new(target(0.02), 2).unwrap();
        for row in 0..2000 {
            own.observe(&[row % 10 == 0, false]);
        }
        assert_eq!(own.certified(), None);
    }
}
