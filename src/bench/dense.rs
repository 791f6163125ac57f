//! Dense curves: many settings of the knob, computed from recorded scores without running anything again.
//!
//! Their quality and operations are exact for the samples recorded. Their latency is predicted, as the mean of
//! the paths' times; the measured points of the sweep lie among them and show how far that holds.

use perforate_base::units::Seconds;
use perforate_engine::{Knobs, Work};
use perforate_onnx::KnobRange;

use super::quality::{self, Quality};
use super::record::Recording;
use super::reference_answers::ReferenceAnswers;

/// Settings of a dense curve between its ends.
const STEPS: usize = 96;
/// Settings among which those of given operations are looked for.
const CANDIDATES: usize = 256;
/// A setting before the last that costs less than this share of it stands before a leap.
const LEAP: f64 = 0.5;

/// One setting of a dense curve.
#[derive(Debug, Clone, PartialEq)]
pub struct DensePoint {
    /// Value of the knob.
    pub knob: f32,
    /// Answers on the samples.
    pub quality: Quality,
    /// Predicted seconds a sample: the paths' times, weighted by their shares.
    pub latency: Option<Seconds>,
}

/// Knob values at which about these shares of the samples pass the first gate, cheapest first; the ends of
/// the range are always among them. `scores` are those of the first gate.
pub fn knob_values(
    scores: impl Iterator<Item = f32>,
    range: KnobRange,
    shares: impl IntoIterator<Item = f64>,
) -> Vec<f32> {
    let scores = in_order(scores, range);
    let n = scores.len();
    let ranks = shares.into_iter().map(|share| (share * n as f64).round() as usize);
    let middles = ranks
        .filter(|&rank| rank > 0 && rank < n)
        .map(|rank| (scores[rank - 1] + scores[rank]) / 2.0)
        .collect();
    between_ends(middles, range)
}

/// Knob values at which the mean cost over the first `n` recorded samples stands at about these shares of the way from
/// the least to the most, cheapest first, ends included: for programs with several gates. `weight` is the cost of work.
pub fn knob_values_by_cost(
    recording: &Recording,
    n: usize,
    (knob, range): (&str, KnobRange),
    shares: impl IntoIterator<Item = f64>,
    weight: impl Fn(Work) -> f64,
) -> Vec<f32> {
    let candidates = knob_values(
        recording.all_scores(n),
        range,
        (1..CANDIDATES).map(|step| step as f64 / CANDIDATES as f64),
    );
    let cost = |value: f32| -> f64 {
        let knobs = Knobs::new().with(knob, value);
        (0..n).map(|row| weight(recording.at(row, &knobs).work)).sum()
    };
    let costs: Vec<f64> = candidates.iter().map(|&value| cost(value)).collect();
    let (Some(&least), Some(&last)) = (costs.first(), costs.last()) else { return candidates };
    // Where cost leaps at the very end, as to a model that nothing else comes near, the settings are spread below that.
    let inner = costs[1..costs.len().max(2) - 1].iter().copied().fold(0.0, f64::max);
    let most = if inner < LEAP * last { inner } else { last };
    let nearest = |share: f64| {
        let wanted = least + (most - least) * share;
        let distance = |ix: &usize| (costs[*ix] - wanted).abs();
        (1..candidates.len() - 1).min_by(|a, b| distance(a).total_cmp(&distance(b)))
    };
    let middles = shares.into_iter().filter_map(nearest).map(|ix| candidates[ix]).collect();
    between_ends(middles, range)
}

/// From the score that turns first as the knob moves from the light end to the full one.
fn in_order(scores: impl Iterator<Item = f32>, range: KnobRange) -> Vec<f32> {
    let mut scores: Vec<f32> = scores.filter(|score| !score.is_nan()).collect();
    scores.sort_by(f32::total_cmp);
    if range.light > range.full {
        scores.reverse();
    }
    scores
}

fn between_ends(mut middles: Vec<f32>, range: KnobRange) -> Vec<f32> {
    middles.dedup();
    middles.retain(|value| ![range.light, range.full].contains(value));
    [vec![range.light], middles, vec![range.full]].concat()
}

/// Shares for a dense curve: closer together at the cheap end, where routers are used.
fn shares() -> impl Iterator<Item = f64> {
    (1..STEPS).map(|step| (step as f64 / STEPS as f64).powf(1.5))
}

/// The dense curve over the first `n` recorded samples, `measured` knob values included. `path_seconds` is the time of
/// each path, if known.
pub fn dense_curve(
    recording: &Recording,
    (knob, range): (&str, KnobRange),
    measured: &[f32],
    truth: ReferenceAnswers,
    path_seconds: Option<&[Seconds]>,
) -> Vec<DensePoint> {
    let n = recording.len();
    // Between settings that a knob alone distinguishes there is nothing more to see.
    let mut values = match recording.follows_settings() {
        true => vec![],
        false => knob_values(recording.all_scores(n), range, shares()),
    };
    values.extend(measured);
    values.sort_by(f32::total_cmp);
    values.dedup();
    if range.light > range.full {
        values.reverse();
    }
    let point = |value: f32| {
        let knobs = Knobs::new().with(knob, value);
        let quality = quality::routed(recording, &knobs, truth, n);
        let latency = path_seconds.map(|seconds| mean_seconds(&quality.paths, seconds));
        DensePoint { knob: value, quality, latency }
    };
    values.into_iter().map(point).collect()
}

/// Seconds a sample when `shares` of them take the paths.
pub fn mean_seconds(shares: &[f64], seconds: &[Seconds]) -> Seconds {
    shares.iter().zip(seconds).map(|(&share, &path)| path * share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_between_scores_and_ends_are_kept() {
        let range = KnobRange { light: 2.0, full: 0.0, default: 0.5 };
        let scores = [0.125, 0.875, 0.5, 0.75];
        let values = knob_values(scores.into_iter(), range, [0.0, 0.25, 0.5, 0.51, 1.0]);
        assert_eq!(values, [2.0, 0.8125, 0.625, 0.0]);
        let rising = KnobRange { light: 0.0, full: 2.0, default: 0.5 };
        assert_eq!(knob_values(scores.into_iter(), rising, [0.25]), [0.0, 0.3125, 2.0]);
    }

    #[test]
    fn latency_is_the_mean_over_paths() {
        assert_eq!(mean_seconds(&[0.75, 0.25], &[Seconds(1.0), Seconds(5.0)]), Seconds(2.0));
    }
}
