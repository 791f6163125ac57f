//! Whether routing pays: one verdict, and the evidence that it needs.
//!
//! A router pays where it is faster than the full model and nothing simpler is as good: no static model of the same task
//! that is at least as fast and as accurate, and no random mixture of them. What the samples or the clock cannot tell is
//! said to be undecided; a claim is made only where its 95 % interval lies wholly on one side.

use serde::{Deserialize, Serialize};

use super::self_check::TimingQuality;
use super::stats::Interval;

/// What kind of simpler model a rival is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RivalKind {
    /// The network cut at its first exit.
    FirstExit,
    /// A static model.
    Static,
}

/// A simpler model beside the router, on the same samples and in the same rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: RivalKind,
    /// Times faster than the full model.
    pub speedup: Interval,
    /// The router's time over its: above 1 it is the faster one.
    pub faster: Interval,
    /// Accuracy of the router minus its, in −1…1.
    pub behind: Interval,
    /// Accuracy of the full model minus its, in −1…1.
    pub behind_full: Interval,
    /// How many samples would tell whether it is as accurate as the router.
    pub enough: Option<u64>,
}

/// How a rival stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Slower, or less accurate.
    Worse,
    /// Faster, and at most the margin less accurate.
    AsGood,
    /// Neither is shown.
    Open,
}

/// What a verdict is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// How well this machine measures just now; none before the self-check.
    pub quality: Option<TimingQuality>,
    /// Times faster than the full model at the operating point; none before it is timed.
    pub speedup: Option<Interval>,
    /// Whether the operating point carries the guarantee.
    pub certified: bool,
    /// Whether more calibration samples are still to come.
    pub calibrating: bool,
    /// Whether every model is judged on all samples.
    pub complete: bool,
    /// Whether the router beats a random one with the same shares; none if there are too few samples to tell.
    pub beats_random: Option<bool>,
    /// Simpler models.
    pub rivals: Vec<Rival>,
    /// How much more accurate the router is than a random mixture of static models at its cost; none if it costs less than all.
    pub above_mixtures: Option<Interval>,
    /// Largest difference in accuracy that counts as none: the guarantee's ε.
    pub margin: f64,
    /// Samples that accuracies are from.
    pub n: usize,
}

/// What was found, without its figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictClass {
    /// Faster, nothing simpler is as good, and the loss is bounded.
    PaysCertified,
    /// The same without a bound on the loss.
    PaysUncertified,
    /// Something simpler is as good and faster.
    DoesNotPay,
    /// The network cut at its first exit is.
    FirstExitSuffices,
    /// The samples or the clock cannot tell.
    Undecided,
    /// The machine is too busy.
    Noisy,
    /// Not enough is measured yet.
    #[default]
    Measuring,
}

/// What was found, with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum Verdict {
    /// Faster, nothing simpler is as good, and the loss is bounded.
    PaysCertified,
    /// The same without a bound on the loss.
    PaysUncertified,
    /// Something simpler is as good and faster.
    DoesNotPay {
        /// What it is.
        by: Better,
    },
    /// The network cut at its first exit is.
    FirstExitSuffices {
        /// Its place among the rivals.
        rival: usize,
    },
    /// The samples or the clock cannot tell.
    Undecided {
        /// What is open.
        open: Open,
    },
    /// The machine is too busy.
    Noisy,
    /// Not enough is measured yet.
    Measuring,
}

/// What is as good as the router, and faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// The full model.
    Full,
    /// A rival, by its place.
    Rival(usize),
    /// A random mixture of static models.
    Mixture,
    /// A router that picks paths at random.
    Random,
}

/// What cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Open {
    /// Whether the router is faster than the full model.
    Speed,
    /// Whether a rival, by its place, is as good.
    Rival(usize),
    /// Whether a random mixture of static models is as good.
    Mixture,
}

impl Rival {
    fn standing(&self, margin: f64) -> Standing {
        if self.faster.hi < 1.0 || self.behind.lo > 0.0 {
            Standing::Worse
        } else if self.faster.lo > 1.0 && self.behind.hi <= margin {
            Standing::AsGood
        } else {
            Standing::Open
        }
    }
}

impl Evidence {
    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        let (Some(speedup), true) = (self.speedup, self.complete && !self.calibrating) else {
            return Verdict::Measuring;
        };
        if self.quality == Some(TimingQuality::Noisy) {
            return Verdict::Noisy;
        }
        self.first_exit()
            .or_else(|| self.something_better(speedup))
            .or_else(|| self.something_open(speedup))
            .unwrap_or(match self.certified {
                true => Verdict::PaysCertified,
                false => Verdict::PaysUncertified,
            })
    }

    /// Whether the first exit alone is faster than the router and as accurate as the whole network.
    fn first_exit(&self) -> Option<Verdict> {
        let suffices = |rival: &Rival| {
            let is_as_good = rival.faster.lo > 1.0 && rival.behind_full.hi <= self.margin;
            rival.kind == RivalKind::FirstExit && is_as_good
        };
        let rival = self.rivals.iter().position(suffices)?;
        Some(Verdict::FirstExitSuffices { rival })
    }

    /// Of the rivals that stand so, the fastest.
    fn fastest(&self, standing: Standing) -> Option<usize> {
        let speed = |ix: usize| self.rivals[ix].faster.median;
        (0..self.rivals.len())
            .filter(|&ix| self.rivals[ix].standing(self.margin) == standing)
            .max_by(|&a, &b| speed(a).total_cmp(&speed(b)))
    }

    fn something_better(&self, speedup: Interval) -> Option<Verdict> {
        let by = if self.beats_random == Some(false) {
            Better::Random
        } else if speedup.hi < 1.0 {
            Better::Full
        } else if let Some(rival) = self.fastest(Standing::AsGood) {
            Better::Rival(rival)
        } else if self.above_mixtures.is_some_and(|above| above.hi <= 0.0) {
            Better::Mixture
        } else {
            return None;
        };
        Some(Verdict::DoesNotPay { by })
    }

    fn something_open(&self, speedup: Interval) -> Option<Verdict> {
        let open = if speedup.lo <= 1.0 {
            Open::Speed
        } else if let Some(rival) = self.fastest(Standing::Open) {
            Open::Rival(rival)
        } else if self.above_mixtures.is_some_and(|above| above.lo <= 0.0) {
            Open::Mixture
        } else {
            return None;
        };
        Some(Verdict::Undecided { open })
    }
}

impl Verdict {
    /// What was found, without its figures.
    pub fn class(&self) -> VerdictClass {
        match self {
            Verdict::PaysCertified => VerdictClass::PaysCertified,
            Verdict::PaysUncertified => VerdictClass::PaysUncertified,
            Verdict::DoesNotPay { .. } => VerdictClass::DoesNotPay,
            Verdict::FirstExitSuffices { .. } => VerdictClass::FirstExitSuffices,
            Verdict::Undecided { .. } => VerdictClass::Undecided,
            Verdict::Noisy => VerdictClass::Noisy,
            Verdict::Measuring => VerdictClass::Measuring,
        }
    }
}

impl VerdictClass {
    /// Whether routing pays.
    pub fn pays(self) -> bool {
        matches!(self, VerdictClass::PaysCertified | VerdictClass::PaysUncertified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(median: f64, half: f64) -> Interval {
        Interval { median, lo: median - half, hi: median + half }
    }

    /// A model of a third of the router's time that is three points less accurate.
    fn rival() -> Rival {
        Rival {
            name: "static-s".into(),
            kind: RivalKind::Static,
            speedup: near(9.0, 0.1),
            faster: near(3.0, 0.1),
            behind: near(0.03, 0.005),
            behind_full: near(0.032, 0.005),
            enough: None,
        }
    }

    fn evidence() -> Evidence {
        Evidence {
            quality: Some(TimingQuality::Good),
            speedup: Some(near(3.0, 0.1)),
            certified: true,
            calibrating: false,
            complete: true,
            beats_random: Some(true),
            rivals: vec![rival()],
            above_mixtures: Some(near(0.01, 0.004)),
            margin: 0.005,
            n: 4000,
        }
    }

    fn with(change: impl Fn(&mut Evidence)) -> Verdict {
        let mut own = evidence();
        change(&mut own);
        own.verdict()
    }

    #[test]
    fn a_router_pays_where_nothing_simpler_is_as_good() {
        assert_eq!(evidence().verdict(), Verdict::PaysCertified);
        assert_eq!(with(|own| own.certified = false), Verdict::PaysUncertified);
        // Cheaper than every static model: no lot costs as little.
        assert_eq!(with(|own| own.above_mixtures = None), Verdict::PaysCertified);
        // A rival that is as accurate but slower.
        let slower = |own: &mut Evidence| {
            own.rivals[0].faster = near(0.9, 0.05);
            own.rivals[0].behind = near(0.0, 0.001);
        };
        assert_eq!(with(slower), Verdict::PaysCertified);
    }

    #[test]
    fn it_does_not_where_something_is() {
        let by = |by| Verdict::DoesNotPay { by };
        assert_eq!(with(|own| own.speedup = Some(near(0.9, 0.05))), by(Better::Full));
        assert_eq!(with(|own| own.beats_random = Some(false)), by(Better::Random));
        assert_eq!(with(|own| own.beats_random = None), Verdict::PaysCertified);
        let as_good = |own: &mut Evidence| own.rivals[0].behind = near(0.001, 0.004);
        assert_eq!(with(as_good), by(Better::Rival(0)));
        assert_eq!(with(|own| own.above_mixtures = Some(near(-0.01, 0.01))), by(Better::Mixture));
        // Of two that are as good, the faster one is named.
        let two = |own: &mut Evidence| {
            own.rivals[0].behind = near(0.0, 0.004);
            let faster = Rival { faster: near(4.0, 0.1), ..own.rivals[0].clone() };
            own.rivals.push(faster);
        };
        assert_eq!(with(two), by(Better::Rival(1)));
    }

    #[test]
    fn the_first_exit_suffices_where_the_whole_network_is_no_better() {
        let exit = |behind_full: Interval, faster: Interval| {
            with(|own| {
                let kind = RivalKind::FirstExit;
                own.rivals[0] = Rival { kind, behind_full, faster, ..rival() };
            })
        };
        let suffices = Verdict::FirstExitSuffices { rival: 0 };
        assert_eq!(exit(near(0.001, 0.004), near(2.0, 0.1)), suffices);
        assert_eq!(exit(near(0.001, 0.0041), near(2.0, 0.1)), Verdict::PaysCertified);
        assert_eq!(exit(near(0.001, 0.004), near(1.0, 0.1)), Verdict::PaysCertified);
    }

    #[test]
    fn what_cannot_be_told_is_undecided() {
        let open = |open| Verdict::Undecided { open };
        assert_eq!(with(|own| own.speedup = Some(near(1.02, 0.05))), open(Open::Speed));
        let close = |own: &mut Evidence| own.rivals[0].behind = near(0.004, 0.006);
        assert_eq!(with(close), open(Open::Rival(0)));
        let as_fast = |own: &mut Evidence| {
            own.rivals[0].behind = near(0.0, 0.001);
            own.rivals[0].faster = near(1.0, 0.02);
        };
        assert_eq!(with(as_fast), open(Open::Rival(0)));
        let line = |own: &mut Evidence| own.above_mixtures = Some(near(0.003, 0.004));
        assert_eq!(with(line), open(Open::Mixture));
    }

    #[test]
    fn nothing_is_said_on_a_busy_machine_or_too_early() {
        assert_eq!(with(|own| own.quality = Some(TimingQuality::Noisy)), Verdict::Noisy);
        assert_eq!(with(|own| own.speedup = None), Verdict::Measuring);
        assert_eq!(with(|own| own.calibrating = true), Verdict::Measuring);
        assert_eq!(with(|own| own.complete = false), Verdict::Measuring);
        // A busy machine takes nothing from what is not yet known.
        let both = |own: &mut Evidence| {
            own.quality = Some(TimingQuality::Noisy);
            own.complete = false;
        };
        assert_eq!(with(both), Verdict::Measuring);
    }

    #[test]
    fn only_two_classes_pay() {
        assert!(evidence().verdict().class().pays());
        assert!(with(|own| own.certified = false).class().pays());
        assert!(!with(|own| own.speedup = Some(near(0.9, 0.05))).class().pays());
        assert!(!with(|own| own.quality = Some(TimingQuality::Noisy)).class().pays());
    }
}
