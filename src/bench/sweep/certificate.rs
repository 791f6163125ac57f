//! The operating point: chosen on the calibration samples, with a guarantee.

use std::cmp::Reverse;

use perforate_base::units::Seconds;
use perforate_routing::fit::calibrate::{Alternatives, Certificate, Loss, alternatives, certify};

use crate::dense::mean_seconds;
use crate::quality::{self, Quality};
use crate::segments::SegmentTimes;
use crate::setting::Setting;
use crate::subject::CostBasis;

use super::findings::Findings;
use super::setup::Setup;
use super::timer::SegmentTimer;

/// The segments' times, once all rounds are done.
pub(super) fn segment_times(found: &Findings) -> Option<SegmentTimes> {
    found.segments.as_ref().map(SegmentTimer::times)
}

/// What each recorded path takes.
pub(super) fn path_seconds(found: &Findings, times: &SegmentTimes) -> Vec<Seconds> {
    found.answers.test.paths.iter().map(|record| times.path(record.path)).collect()
}

/// The operating point; else what the observed risk alone allows, or the middle of the curve.
pub(super) fn chosen_setting(setup: &Setup, found: &Findings) -> Setting {
    let seconds = segment_times(found).map(|times| path_seconds(found, &times));
    let (certificate, alternatives) = certified(setup, found, seconds.as_deref());
    let chosen = certificate.chosen.or(alternatives.empirical);
    found.grid[chosen.unwrap_or(found.grid.len() / 2)]
}

/// Chooses the operating point on the calibration samples: of the settings that pass, from the full end
/// on, the cheapest. Indices count along the grid.
pub(super) fn certified(
    setup: &Setup,
    found: &Findings,
    path_seconds: Option<&[Seconds]>,
) -> (Certificate, Alternatives) {
    let Setup { subject, options, .. } = setup;
    let recording = &found.answers.calibration;
    let n = recording.len();
    let truth = found.answers.calibration_truth(subject);
    // The sequence starts at the full end, the curve at the light one.
    let settings = found.grid.iter().rev();
    let qualities: Vec<Quality> = settings
        .map(|setting| quality::routed(recording, &setting.knobs(&subject.knob), truth, n))
        .collect();
    let losses: Vec<u64> = qualities
        .iter()
        .map(|quality| match options.target.loss {
            Loss::Error if truth.labels.is_some() => quality.errors,
            _ => quality.disagreements,
        })
        .collect();
    let mut certificate = certify(&options.target, &losses, n as u64);
    if let (CostBasis::Time, Some(seconds)) = (options.cost, path_seconds) {
        // The test of the whole sequence holds for every setting in it that passed.
        let cost = |ix: &usize| mean_seconds(&qualities[*ix].paths, seconds).0;
        let passed = 0..certificate.chosen.map_or(0, |last| last + 1);
        certificate.chosen =
            passed.min_by(|a, b| cost(a).total_cmp(&cost(b)).then(Reverse(a).cmp(&Reverse(b))));
        if let Some(ix) = certificate.chosen {
            certificate.p_value = options.target.p_value(losses[ix], n as u64);
        }
    }
    let other = alternatives(&options.target, &losses, n as u64);
    let turned = |ix: Option<usize>| ix.map(|ix| found.grid.len() - 1 - ix);
    let [chosen, empirical, conformal] =
        [certificate.chosen, other.empirical, other.conformal].map(turned);
    certificate.chosen = chosen;
    (certificate, Alternatives { empirical, conformal })
}
