//! The verdict in words: a headline, and the line below it.

use perforate_base::units::{grouped, three_digits};
use perforate_bench::stats::Interval;
use perforate_bench::sweep::{Active, Results};
use perforate_bench::verdict::{Better, Evidence, Open, Rival, RivalKind, Verdict};
use perforate_routing::fit::calibrate::{Loss, RiskTarget};

use crate::chosen::effective_loss;
use crate::text::points;

/// A verdict, as a person reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// What was found.
    pub headline: String,
    /// What that rests on, or what to do.
    pub line: Option<String>,
}

/// What the words are made from.
#[derive(Debug, Clone)]
struct Facts<'a> {
    verdict: &'a Verdict,
    evidence: &'a Evidence,
    target: RiskTarget,
    /// The loss that counts.
    loss: Loss,
    active_means: Active,
    /// What is active at the operating point.
    active: Option<f64>,
    /// Accuracy there minus the full model's.
    difference: Option<Interval>,
    /// Whether that is the full end of the knob.
    at_full_end: bool,
    /// Calibration samples so far, and in the end.
    calibration: [usize; 2],
}

/// The verdict of `results` in words; `all` is the number of calibration samples in the end.
pub fn words(active_means: Active, results: &Results, all: usize) -> Words {
    let ix = results.certificate.chosen.or(results.alternatives.empirical);
    let point = ix.map(|ix| &results.curve[ix]);
    let facts = Facts {
        verdict: &results.verdict,
        evidence: &results.evidence,
        target: results.target,
        loss: effective_loss(results),
        active_means,
        active: point.map(|point| point.active),
        difference: point.and_then(|point| point.quality.difference(&results.full.quality)),
        at_full_end: ix == Some(results.curve.len() - 1),
        calibration: [results.certificate.n as usize, all],
    };
    facts.words()
}

impl Facts<'_> {
    fn words(&self) -> Words {
        let evidence = self.evidence;
        let (headline, line) = match self.verdict {
            Verdict::PaysCertified => self.certified(),
            Verdict::PaysUncertified => self.uncertified(),
            Verdict::DoesNotPay { by } => self.better(*by),
            Verdict::FirstExitSuffices { rival } => first_exit(&evidence.rivals[*rival], evidence),
            Verdict::Undecided { open } => open_question(*open, evidence),
            Verdict::Noisy => noisy(evidence),
            Verdict::Measuring => self.measuring(),
        };
        Words { headline, line }
    }

    /// What the router spends at the operating point.
    fn spends(&self) -> Option<String> {
        let active = 100.0 * self.active?;
        let digits = usize::from(active < 9.95);
        Some(match self.active_means {
            Active::FullPath => {
                format!("Only {active:.digits$}\u{a0}% of inputs need the full model.")
            }
            Active::Operations => {
                format!("It spends {active:.digits$}\u{a0}% of the full model’s operations.")
            }
            Active::Energy => format!(
                "Its operations take {active:.digits$}\u{a0}% of the full model’s energy, estimated."
            ),
        })
    }

    fn certified(&self) -> (String, Option<String>) {
        let faster = format!("{} faster.", times(speedup(self.evidence)));
        let headline = match self.spends() {
            Some(spends) => format!("{faster} {spends}"),
            None => faster,
        };
        let what = match self.loss {
            Loss::Error => "of right answers lost",
            Loss::Disagreement => "of answers changed",
        };
        let line = format!(
            "Certified: at most {}\u{a0}% {what} ({:.0}\u{a0}% confidence, n\u{a0}=\u{a0}{}). No static model tested is both as fast and as accurate.",
            percent(self.target.epsilon),
            100.0 * (1.0 - self.target.delta),
            grouped(self.calibration[0]),
        );
        (headline, Some(line))
    }

    fn uncertified(&self) -> (String, Option<String>) {
        let headline = format!(
            "{} faster on these {} inputs, but without a guarantee.",
            times(speedup(self.evidence)),
            grouped(self.evidence.n)
        );
        let accuracy = self.difference.map(|own| format!("Accuracy {}. ", within(own)));
        let lacking = (self.target.smallest_n() as usize).saturating_sub(self.calibration[0]);
        let more = match lacking {
            0 => "Add calibration inputs or allow more loss.".into(),
            lacking => format!(
                "{} more calibration inputs could be enough; add inputs or allow more loss.",
                grouped(lacking)
            ),
        };
        (headline, Some(accuracy.unwrap_or_default() + &more))
    }

    fn better(&self, by: Better) -> (String, Option<String>) {
        let evidence = self.evidence;
        let none = "Routing does not pay here.";
        let router = times(speedup(evidence));
        match by {
            Better::Rival(ix) => {
                let rival = &evidence.rivals[ix];
                let (subject, object) = called(rival.kind);
                let headline = format!(
                    "{none} {subject} is {} faster; the router, {router}.",
                    times(rival.speedup.median)
                );
                let (most, n) = (at_most(rival.behind.hi), n(evidence));
                let line = format!(
                    "Its accuracy is at most {most} points below the router’s (95\u{a0}%, {n}). Use {object}."
                );
                (headline, Some(line))
            }
            Better::Full => {
                let headline =
                    format!("{none} The router runs at {router} the full model’s speed.");
                let line = format!(
                    "No faster setting keeps the loss under {}\u{a0}% on the calibration inputs.",
                    percent(self.target.epsilon)
                );
                (headline, self.at_full_end.then_some(line))
            }
            Better::Mixture => {
                let headline =
                    format!("{none} A random mixture of static models is as good and as fast.");
                let line = evidence.above_mixtures.map(|above| {
                    let (apart, n) = (within(above), n(evidence));
                    format!("At equal cost, the router’s accuracy is {apart} against the mixture’s, {n}.")
                });
                (headline, line)
            }
            Better::Random => {
                (format!("{none} This router chooses no better than a random one."), None)
            }
        }
    }

    fn measuring(&self) -> (String, Option<String>) {
        let headline = match self.evidence.speedup {
            None => "Measuring…".into(),
            Some(own) => format!("{} faster so far.", between(own, "Between")),
        };
        let [n, all] = self.calibration;
        let line = if self.evidence.calibrating {
            let least = self.target.smallest_n() as usize;
            let needs = format!(" Certification needs at least {}.", grouped(least));
            let needs = if n < least && least <= all { needs } else { String::new() };
            format!("Calibrating: {} of {} inputs.{needs}", grouped(n), grouped(all))
        } else {
            "Answers are in. Timing on this device.".into()
        };
        (headline, Some(line))
    }
}

fn times(ratio: f64) -> String {
    format!("{}×", three_digits(ratio))
}

/// A difference in accuracy with its interval.
fn within(Interval { median, lo, hi }: Interval) -> String {
    format!("{} points ({} to {})", points(median), points(lo), points(hi))
}

/// The size of a bound, in points, rounded away from zero.
fn at_most(share: f64) -> String {
    format!("{:.1}", (share.max(0.0) * 1000.0).ceil() / 10.0)
}

/// How many samples accuracies are from.
fn n(evidence: &Evidence) -> String {
    format!("n\u{a0}=\u{a0}{}", grouped(evidence.n))
}

fn speedup(evidence: &Evidence) -> f64 {
    evidence.speedup.map_or(f64::NAN, |own| own.median)
}

/// A share in percent, with as many digits as it has.
fn percent(share: f64) -> String {
    format!("{}", (share * 1e6).round() / 1e4)
}

fn first_exit(rival: &Rival, evidence: &Evidence) -> (String, Option<String>) {
    let headline = format!(
        "You don’t need a router. The first exit alone is {} faster.",
        times(rival.speedup.median)
    );
    let line = format!(
        "It loses at most {} points against the whole network (95\u{a0}%, {}). Cut the model there.",
        at_most(rival.behind_full.hi),
        n(evidence)
    );
    (headline, Some(line))
}

fn open_question(open: Open, evidence: &Evidence) -> (String, Option<String>) {
    let faster = format!("{} faster than the full model.", times(speedup(evidence)));
    let close = format!("too close to call at {}", n(evidence));
    match open {
        Open::Speed => {
            let own = evidence.speedup.map_or_else(String::new, |own| between(own, "Between"));
            let headline = format!("{own} the full model’s speed: too close to call.");
            (headline, Some("Measure longer, or choose a setting that skips more.".into()))
        }
        Open::Rival(ix) => {
            let rival = &evidence.rivals[ix];
            let against = match rival.kind {
                RivalKind::FirstExit => "the first exit alone",
                RivalKind::Static => "a smaller model",
            };
            let headline = format!("{faster} Against {against}: {close}.");
            let line = match rival.enough {
                // The clock is what cannot tell.
                _ if rival.behind.lo > 0.0 || rival.faster.lo <= 1.0 => format!(
                    "{} runs at {} the router’s speed.",
                    rival.name,
                    between(rival.faster, "between")
                ),
                Some(enough) => format!(
                    "About {} test inputs would tell which is more accurate.",
                    grouped(rounded(enough))
                ),
                None => "On these inputs the two are equally accurate.".into(),
            };
            (headline, Some(line))
        }
        Open::Mixture => {
            let headline = format!("{faster} Against a random mixture of static models: {close}.");
            let line = evidence.above_mixtures.map(|above| {
                format!(
                    "At equal cost, the router’s accuracy is {} against the mixture’s.",
                    within(above)
                )
            });
            (headline, line)
        }
    }
}

/// What a rival is called, at the beginning of a sentence and at its end.
fn called(kind: RivalKind) -> (&'static str, &'static str) {
    match kind {
        RivalKind::FirstExit => ("The first exit alone", "the first exit alone"),
        RivalKind::Static => ("A smaller model", "the smaller model"),
    }
}

/// A number of inputs to two digits, rounded up.
fn rounded(inputs: u64) -> usize {
    let unit = 10_u64.pow(inputs.max(1).ilog10().saturating_sub(1));
    (inputs.div_ceil(unit) * unit) as usize
}

/// `Between 0.95× and 1.1×`; one figure where the ends do not differ.
fn between(Interval { lo, median, hi }: Interval, word: &str) -> String {
    let (low, high) = (times(lo), times(hi));
    if low == high { times(median) } else { format!("{word} {low} and {high}") }
}

fn noisy(evidence: &Evidence) -> (String, Option<String>) {
    let line = "Close other programs and measure again.".to_string();
    let headline = match evidence.speedup {
        Some(own) if own.lo > 1.0 => {
            format!("At least {} faster. This machine is too busy to say more.", times(own.lo))
        }
        _ => "This machine is too busy to tell whether routing pays.".into(),
    };
    (headline, Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_bench::self_check::TimingQuality;

    fn near(median: f64, half: f64) -> Interval {
        Interval { median, lo: median - half, hi: median + half }
    }

    fn evidence() -> Evidence {
        let rival = Rival {
            name: "static-s".into(),
            kind: RivalKind::Static,
            speedup: near(4.7, 0.1),
            faster: near(1.3, 0.05),
            behind: near(0.001, 0.0015),
            behind_full: near(0.0002, 0.0007),
            enough: Some(2300),
        };
        Evidence {
            quality: Some(TimingQuality::Good),
            speedup: Some(near(3.6, 0.1)),
            certified: true,
            calibrating: false,
            complete: true,
            beats_random: Some(true),
            rivals: vec![rival],
            above_mixtures: Some(near(-0.0014, 0.004)),
            margin: 0.005,
            n: 1500,
        }
    }

    fn told(verdict: &Verdict, change: impl Fn(&mut Facts<'_>, &mut Evidence)) -> [String; 2] {
        let mut own = evidence();
        let unused = own.clone();
        let mut facts = Facts {
            verdict,
            evidence: &unused,
            target: RiskTarget::new(Loss::Error, 0.005, 0.1).unwrap(),
            loss: Loss::Error,
            active_means: Active::FullPath,
            active: Some(0.21),
            difference: Some(near(-0.001, 0.004)),
            at_full_end: false,
            calibration: [4000, 4000],
        };
        change(&mut facts, &mut own);
        let words = Facts { evidence: &own, ..facts }.words();
        [words.headline, words.line.unwrap_or_default()].map(|text| text.replace('\u{a0}', " "))
    }

    fn plainly(verdict: &Verdict) -> [String; 2] {
        told(verdict, |_, _| ())
    }

    #[test]
    fn a_router_that_pays() {
        let [headline, line] = plainly(&Verdict::PaysCertified);
        assert_eq!(headline, "3.60× faster. Only 21 % of inputs need the full model.");
        assert_eq!(
            line,
            "Certified: at most 0.5 % of right answers lost (90 % confidence, n = 4,000). No static model tested is both as fast and as accurate."
        );
        let [headline, line] = told(&Verdict::PaysCertified, |facts, _| {
            (facts.active_means, facts.active) = (Active::Operations, Some(0.034));
            facts.loss = Loss::Disagreement;
        });
        assert!(
            headline.ends_with("It spends 3.4 % of the full model’s operations."),
            "{headline}"
        );
        assert!(line.starts_with("Certified: at most 0.5 % of answers changed"), "{line}");
        let [headline, line] = plainly(&Verdict::PaysUncertified);
        assert_eq!(headline, "3.60× faster on these 1,500 inputs, but without a guarantee.");
        assert_eq!(
            line,
            "Accuracy −0.1 points (−0.5 to +0.3). Add calibration inputs or allow more loss."
        );
        let [_, line] = told(&Verdict::PaysUncertified, |facts, _| {
            (facts.calibration, facts.difference) = ([422, 422], None);
        });
        assert_eq!(
            line,
            "38 more calibration inputs could be enough; add inputs or allow more loss."
        );
    }

    #[test]
    fn a_router_that_does_not() {
        let by = |by| plainly(&Verdict::DoesNotPay { by });
        assert_eq!(
            by(Better::Rival(0)),
            [
                "Routing does not pay here. A smaller model is 4.70× faster; the router, 3.60×.",
                "Its accuracy is at most 0.3 points below the router’s (95 %, n = 1,500). Use the smaller model."
            ]
        );
        assert_eq!(
            by(Better::Mixture),
            [
                "Routing does not pay here. A random mixture of static models is as good and as fast.",
                "At equal cost, the router’s accuracy is −0.1 points (−0.5 to +0.3) against the mixture’s, n = 1,500."
            ]
        );
        let random = "Routing does not pay here. This router chooses no better than a random one.";
        assert_eq!(by(Better::Random), [random, ""]);
        let slow = told(&Verdict::DoesNotPay { by: Better::Full }, |facts, evidence| {
            facts.at_full_end = true;
            evidence.speedup = Some(near(0.97, 0.01));
        });
        assert_eq!(
            slow,
            [
                "Routing does not pay here. The router runs at 0.970× the full model’s speed.",
                "No faster setting keeps the loss under 0.5 % on the calibration inputs."
            ]
        );
        assert_eq!(
            plainly(&Verdict::FirstExitSuffices { rival: 0 }),
            [
                "You don’t need a router. The first exit alone is 4.70× faster.",
                "It loses at most 0.1 points against the whole network (95 %, n = 1,500). Cut the model there."
            ]
        );
    }

    #[test]
    fn what_cannot_be_told() {
        let open = |open| Verdict::Undecided { open };
        let head = "3.60× faster than the full model.";
        let at = "too close to call at n = 1,500.";
        let closer = |_: &mut Facts<'_>, own: &mut Evidence| {
            own.rivals[0].behind = near(0.002, 0.005);
        };
        let [headline, line] = told(&open(Open::Rival(0)), closer);
        assert_eq!(headline, format!("{head} Against a smaller model: {at}"));
        assert_eq!(line, "About 2,300 test inputs would tell which is more accurate.");
        let as_fast =
            |_: &mut Facts<'_>, own: &mut Evidence| own.rivals[0].faster = near(1.0, 0.02);
        let [_, line] = told(&open(Open::Rival(0)), as_fast);
        assert_eq!(line, "static-s runs at between 0.980× and 1.02× the router’s speed.");
        let [headline, line] = plainly(&open(Open::Mixture));
        assert_eq!(headline, format!("{head} Against a random mixture of static models: {at}"));
        assert_eq!(
            line,
            "At equal cost, the router’s accuracy is −0.1 points (−0.5 to +0.3) against the mixture’s."
        );
        let level = |_: &mut Facts<'_>, own: &mut Evidence| own.speedup = Some(near(1.0, 0.05));
        let [headline, _] = told(&open(Open::Speed), level);
        assert_eq!(headline, "Between 0.950× and 1.05× the full model’s speed: too close to call.");
    }

    #[test]
    fn a_busy_machine_and_a_measurement_under_way() {
        let [headline, _] = plainly(&Verdict::Noisy);
        assert_eq!(headline, "At least 3.50× faster. This machine is too busy to say more.");
        let slow = |_: &mut Facts<'_>, own: &mut Evidence| own.speedup = Some(near(1.0, 0.2));
        let [headline, _] = told(&Verdict::Noisy, slow);
        assert_eq!(headline, "This machine is too busy to tell whether routing pays.");
        let [headline, line] = told(&Verdict::Measuring, |facts, own| {
            own.calibrating = true;
            facts.calibration = [57, 1000];
        });
        assert_eq!(headline, "Between 3.50× and 3.70× faster so far.");
        assert_eq!(line, "Calibrating: 57 of 1,000 inputs. Certification needs at least 460.");
        let [headline, line] = told(&Verdict::Measuring, |_, own| own.speedup = None);
        assert_eq!(headline, "Measuring…");
        assert_eq!(line, "Answers are in. Timing on this device.");
    }
}
