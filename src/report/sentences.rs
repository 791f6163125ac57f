//! What was found, in sentences.

use perforate_base::units::three_digits;
use perforate_bench::sweep::{Active, Point, Reference, ReferenceRole, Results};
use perforate_routing::fit::calibrate::Loss;

/// Without labels only disagreement can be counted, whatever was asked for.
pub(super) fn effective_loss(results: &Results) -> Loss {
    match results.full.quality.accuracy {
        Some(_) => results.target.loss,
        None => Loss::Disagreement,
    }
}

/// What was found, in one sentence; `all` is the number of calibration samples in the end.
pub fn summary(active_means: Active, results: &Results, all: usize) -> String {
    let risk = match effective_loss(results) {
        Loss::Error => "lost answers",
        Loss::Disagreement => "changed answers",
    };
    if results.figures.beats_random == Some(false) {
        return "Routing does not pay here: this router chooses no better than a random one."
            .into();
    }
    let (epsilon, delta) = (results.target.epsilon * 100.0, results.target.delta * 100.0);
    let Some(ix) = results.certificate.chosen else {
        let n = results.certificate.n;
        if n < all as u64 {
            return format!(
                "Calibrating: {n} of {all} inputs. No setting holds {risk} under {epsilon}\u{a0}% with {}\u{a0}% confidence yet.",
                100.0 - delta,
            );
        }
        return format!(
            "Routing is not certifiable here: with n\u{a0}=\u{a0}{} no setting holds {risk} under {epsilon}\u{a0}% with {}\u{a0}% confidence.",
            results.certificate.n,
            100.0 - delta,
        );
    };
    let point = &results.curve[ix];
    let Some(timing) = point.batch1 else {
        return "Measuring…".to_string();
    };
    let loss = match (point.quality.accuracy, results.full.quality.accuracy) {
        (Some(own), Some(full)) if ((own - full) * 1e4).abs() < 0.5 => "equal accuracy".into(),
        (Some(own), Some(full)) if own > full => {
            format!("{:.2}\u{a0}pp better accuracy", (own - full) * 100.0)
        }
        (Some(own), Some(full)) => format!("{:.2}\u{a0}pp accuracy loss", (full - own) * 100.0),
        _ => format!("{:.1}\u{a0}% agreement with the full model", point.quality.agreement * 100.0),
    };
    let active = point.active * 100.0;
    let spends = match active_means {
        Active::FullPath => format!("{active:.0}\u{a0}% of inputs need the full model"),
        Active::Operations => {
            format!("it spends {active:.0}\u{a0}% of the full model’s operations")
        }
        Active::Energy => {
            format!("its operations take {active:.0}\u{a0}% of the full model’s energy, estimated")
        }
    };
    if timing.speedup.lo > 1.0 {
        format!(
            "At {loss} this router is {}\u{a0}× faster; {spends}.",
            three_digits(timing.speedup.median)
        )
    } else {
        format!(
            "Routing does not pay here: at {loss} it runs at {}\u{a0}× the full model’s speed; {spends}.",
            three_digits(timing.speedup.median)
        )
    }
}

/// Whether routing is faster at the operating point, and chooses better than a random router.
pub(super) fn pays(results: &Results) -> bool {
    let chosen = results.certificate.chosen.map(|ix| &results.curve[ix]);
    results.figures.beats_random != Some(false)
        && chosen.and_then(|point| point.batch1).is_some_and(|timing| timing.speedup.lo > 1.0)
}

/// The setting that is reported: the certified one, else the middle of the curve.
fn reported(results: &Results) -> Option<&Point> {
    let middle = results.curve.len() / 2;
    results.curve.get(results.certificate.chosen.unwrap_or(middle))
}

/// The cost-matched static model: the one whose cost is nearest to the reported setting's, as a ratio.
pub(super) fn cost_matched(results: &Results) -> Option<&Reference> {
    let own = reported(results)?.cost;
    let distance = |reference: &&Reference| (reference.point.cost / own).ln().abs();
    let statics = results.references_of(ReferenceRole::Static);
    statics.min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// Whether a model that gets `errors` of `n` samples wrong that the full one gets right loses, net of those where it is
/// the other way round, no more than the share `epsilon`: with 97.5 % confidence, by the normal approximation of
/// McNemar's test.
fn is_as_good(n: usize, errors: u64, (own, full): (f64, f64), epsilon: f64) -> bool {
    let lost = errors as f64;
    let gained = (lost + (own - full) * n as f64).max(0.0);
    lost - gained + 1.96 * (lost + gained).max(1.0).sqrt() <= epsilon * n as f64
}

/// That the light model would do, where it would.
fn light_will_do(results: &Results) -> Option<String> {
    let (light, full) = (&results.light.quality, &results.full.quality);
    let accuracies = (light.accuracy?, full.accuracy?);
    let epsilon = results.target.epsilon;
    let chosen = &results.curve[results.certificate.chosen?];
    let speedups = (results.light.batch1?.speedup.median, chosen.batch1?.speedup.median);
    let does = is_as_good(light.n, light.errors, accuracies, epsilon) && speedups.0 > speedups.1;
    does.then(|| {
        format!(
            "The light model alone is {}\u{a0}× faster than full, and loses no more than {}\u{a0}pp of accuracy: by these samples no router is needed.",
            three_digits(speedups.0),
            epsilon * 100.0,
        )
    })
}

/// The router beside what is simpler, in speed and accuracy: the light model where that would do, else the static one
/// of about its cost, of which neither may be the better one in both.
pub(super) fn comparison(active_means: Active, results: &Results) -> Option<String> {
    light_will_do(results).or_else(|| beside_static(active_means, results))
}

fn beside_static(active_means: Active, results: &Results) -> Option<String> {
    let (own, other) = (reported(results)?, &cost_matched(results)?.point);
    let difference = (own.quality.accuracy? - other.quality.accuracy?) * 100.0;
    let (what, costs) = match active_means {
        Active::Energy => (
            "of about that energy",
            [other, own].map(|point| format!("{:.0}\u{a0}%", point.active * 100.0)),
        ),
        _ => (
            "trained for about that cost",
            [other, own].map(|point| point.quality.work.macs.to_string()),
        ),
    };
    let speeds = format!(
        "A static model {what} ({}, the router {}) is {}\u{a0}× faster than full, the router {}\u{a0}×",
        costs[0],
        costs[1],
        three_digits(other.batch1?.speedup.median),
        three_digits(own.batch1?.speedup.median),
    );
    Some(match difference {
        d if d.abs() < 0.05 => format!("{speeds}, and as accurate as the router."),
        d if d > 0.0 => format!("{speeds}, and {d:.2}\u{a0}pp less accurate than the router."),
        d => format!("{speeds}, and {:.2}\u{a0}pp more accurate than the router.", -d),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_as_good_only_by_evidence() {
        // As many gained as lost, 10 each: 1.96 × √20 = 8.8 samples may still be lost.
        assert!(is_as_good(5000, 10, (0.995, 0.995), 0.002));
        assert!(!is_as_good(1500, 10, (0.995, 0.995), 0.002), "3 of 1,500 are too few to tell");
        assert!(!is_as_good(5000, 110, (0.92, 0.94), 0.005), "2 points less");
        assert!(is_as_good(5000, 0, (1.0, 0.99), 0.002));
        assert!(!is_as_good(100, 0, (1.0, 1.0), 0.002), "100 samples show nothing of 0.2 %");
    }
}
