//! What was found, in sentences.

use crate::bench::sweep::{Active, Point, Results};
use crate::fit::calibrate::Loss;
use crate::units::three_digits;

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
    if !results.reads_rows && active_means != Active::Energy {
        // Which model answers is then the battery's matter, and its finding the one that counts.
        return "A battery is run down once every model has answered all samples.".into();
    }
    if results.figures.beats_lots == Some(false) {
        return "Routing does not pay here: this router chooses no better than drawing lots, so its curve lies on the random reference.".into();
    }
    let (epsilon, delta) = (results.target.epsilon * 100.0, results.target.delta * 100.0);
    let Some(ix) = results.certificate.chosen else {
        let n = results.certificate.n;
        if n < all as u64 {
            return format!(
                "Not certifiable yet: with the first {n} of {all} inputs no setting holds {risk} under {epsilon}\u{a0}% with {}\u{a0}% confidence.",
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

/// The setting that is reported: the certified one, else the middle of the curve.
fn reported(results: &Results) -> Option<&Point> {
    let middle = results.curve.len() / 2;
    results.curve.get(results.certificate.chosen.unwrap_or(middle))
}

/// Index of the static model whose cost is nearest to the reported setting's, as a ratio.
pub(super) fn matched(results: &Results) -> Option<usize> {
    let own = reported(results)?.cost;
    let distance = |ix: &usize| (results.statics[*ix].cost / own).ln().abs();
    (0..results.statics.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// The two beside each other, in speed and accuracy: neither may be the better one in both.
pub(super) fn comparison(active_means: Active, results: &Results) -> Option<String> {
    let (own, other) = (reported(results)?, &results.statics[matched(results)?]);
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
