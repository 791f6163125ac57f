//! Dense curves: many settings of the knob, computed from recorded scores without running anything again.
//!
//! Their quality and operations are exact for the samples recorded. Their latency is predicted, as the mean of
//! the paths' times; the measured points of the sweep lie among them and show how far that holds.

use crate::data::Samples;
use crate::engine::Knobs;
use crate::onnx::KnobRange;
use crate::units::Seconds;

use super::quality::{self, Quality};
use super::record::Recording;

/// Settings of a dense curve between its ends.
const STEPS: usize = 96;

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
    let mut scores: Vec<f32> = scores.collect();
    // From the row that turns first as the knob moves from "never" to "always".
    scores.sort_by(f32::total_cmp);
    if range.never > range.always {
        scores.reverse();
    }
    let n = scores.len();
    let mut values = vec![range.never];
    for share in shares {
        let rank = (share * n as f64).round() as usize;
        if rank == 0 || rank >= n {
            continue;
        }
        let middle = (scores[rank - 1] + scores[rank]) / 2.0;
        if values.last() != Some(&middle) {
            values.push(middle);
        }
    }
    values.push(range.always);
    values
}

/// Shares for a dense curve: closer together at the cheap end, where routers are used.
fn shares() -> impl Iterator<Item = f64> {
    (1..STEPS).map(|step| (step as f64 / STEPS as f64).powf(1.5))
}

/// The dense curve over the first `n` recorded samples, `measured` knob values included. `full` are the full
/// model's outputs; `path_seconds` the time of each path, if known.
pub fn dense_curve(
    recording: &Recording,
    cheap: usize,
    (knob, range): (&str, KnobRange),
    measured: &[f32],
    (full, samples): (&[Vec<f32>], &Samples),
    path_seconds: Option<&[Seconds]>,
) -> Vec<DensePoint> {
    let n = recording.len();
    let scores = recording.paths[cheap].scores[..n].iter().map(|gates| gates[0]);
    let mut values = knob_values(scores, range, shares());
    values.extend(measured);
    values.sort_by(f32::total_cmp);
    values.dedup();
    if range.never > range.always {
        values.reverse();
    }
    let point = |value: f32| {
        let knobs = Knobs::new().with(knob, value);
        let quality = quality::routed(recording, &knobs, full, samples.labels(), n);
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
        let range = KnobRange { never: 2.0, always: 0.0, default: 0.5 };
        let scores = [0.125, 0.875, 0.5, 0.75];
        let values = knob_values(scores.into_iter(), range, [0.0, 0.25, 0.5, 0.51, 1.0]);
        assert_eq!(values, [2.0, 0.8125, 0.625, 0.0]);
        let rising = KnobRange { never: 0.0, always: 2.0, default: 0.5 };
        assert_eq!(knob_values(scores.into_iter(), rising, [0.25]), [0.0, 0.3125, 2.0]);
    }

    #[test]
    fn latency_is_the_mean_over_paths() {
        assert_eq!(mean_seconds(&[0.75, 0.25], &[Seconds(1.0), Seconds(5.0)]), Seconds(2.0));
    }
}
