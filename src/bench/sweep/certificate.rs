//! The operating point: chosen on the calibration samples, with a guarantee.

use perforate_base::units::Seconds;
use perforate_routing::fit::calibrate::{Alternatives, Certificate, Loss, alternatives, certify};

use crate::dense::mean_seconds;
use crate::quality::{self, Quality};
use crate::segments::SegmentTimes;
use crate::setting::Setting;
use crate::subject::CostBasis;

use super::findings::Findings;
use super::grid;
use super::setup::Setup;
use super::timer::SegmentTimer;

/// A setting is worth its time if the cheapest one of the grid that passes costs so much more.
const WORTH_TIMING: f64 = 1.01;

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

/// Chooses the operating point on the calibration samples: of the settings that pass, from the full end on, the cheapest
/// that is timed. Indices count along the grid.
pub(super) fn certified(
    setup: &Setup,
    found: &Findings,
    path_seconds: Option<&[Seconds]>,
) -> (Certificate, Alternatives) {
    let Setup { subject, options, .. } = setup;
    let n = found.answers.calibration.len() as u64;
    let sequence = match &found.tested[..] {
        [] => test(setup, found, &found.grid),
        tested => tested.to_vec(),
    };
    // The sequence starts at the full end, the curve at the light one.
    let losses: Vec<u64> = sequence.iter().rev().map(|own| own.losses(setup)).collect();
    let mut certificate = certify(&options.target, &losses, n);
    let timed = |ix: usize| {
        let setting = sequence[sequence.len() - 1 - ix].setting;
        found.grid.iter().position(|own| *own == setting)
    };
    // A test that passed holds for every setting before it in the sequence.
    let last_timed = |last: Option<usize>| (0..=last?).rev().find_map(timed);
    let passed = 0..certificate.chosen.map_or(0, |last| last + 1);
    let chosen = match path_seconds.filter(|_| options.cost == CostBasis::Time) {
        Some(seconds) => {
            let cost = |ix: usize| {
                let knobs = found.grid[ix].knobs(&subject.knob);
                let recording = &found.answers.calibration;
                let truth = found.answers.calibration_truth(subject);
                let paths = quality::routed(recording, &knobs, truth, n as usize).paths;
                mean_seconds(&paths, seconds).0
            };
            let costs = passed.filter_map(timed).map(|ix| (ix, cost(ix)));
            costs.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))).map(|(ix, _)| ix)
        }
        None => last_timed(certificate.chosen),
    };
    certificate.chosen = chosen;
    if let Some(own) =
        chosen.and_then(|ix| sequence.iter().find(|own| own.setting == found.grid[ix]))
    {
        certificate.p_value = options.target.p_value(own.losses(setup), n);
    }
    let other = alternatives(&options.target, &losses, n);
    let [empirical, conformal] = [other.empirical, other.conformal].map(last_timed);
    (certificate, Alternatives { empirical, conformal })
}

/// A setting that is tested for the guarantee, with its losses on the calibration samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tested {
    pub setting: Setting,
    errors: u64,
    disagreements: u64,
    /// What they cost there on average, as work is weighed.
    cost: f64,
}

impl Tested {
    fn losses(&self, setup: &Setup) -> u64 {
        let labelled = setup.subject.calibration.0.labels().is_some();
        match setup.options.target.loss {
            Loss::Error if labelled => self.errors,
            _ => self.disagreements,
        }
    }
}

/// What these settings lose.
fn test(setup: &Setup, found: &Findings, settings: &[Setting]) -> Vec<Tested> {
    let recording = &found.answers.calibration;
    let truth = found.answers.calibration_truth(&setup.subject);
    let own = |&setting: &Setting| {
        let knobs = setting.knobs(&setup.subject.knob);
        let Quality { errors, disagreements, work, .. } =
            quality::routed(recording, &knobs, truth, recording.len());
        Tested { setting, errors, disagreements, cost: setup.weight(work) }
    };
    settings.iter().map(own).collect()
}

/// Once all calibration samples are recorded: tests many more settings than the grid has, and adds to the grid the one at
/// which the guarantee just holds, so that it is timed too.
pub(super) fn refine_grid(setup: &Setup, found: &mut Findings) {
    let answers = &found.answers;
    let complete = answers.calibration.len() == setup.subject.calibration.0.len();
    // Where the knob alone decides, only the paths that the grid reaches are recorded.
    if !complete || !found.tested.is_empty() || answers.test.follows_settings() {
        return;
    }
    let range = setup.subject.range;
    let mut settings = [found.grid.clone(), grid::tested(setup, answers)].concat();
    settings.sort_by(|a, b| (a.0 - range.light).abs().total_cmp(&(b.0 - range.light).abs()));
    settings.dedup();
    found.tested = test(setup, found, &settings);
    let n = found.answers.calibration.len() as u64;
    let losses: Vec<u64> = found.tested.iter().rev().map(|own| own.losses(setup)).collect();
    let Some(last) = certify(&setup.options.target, &losses, n).chosen else { return };
    let chosen = found.tested[found.tested.len() - 1 - last];
    // One that costs no less than a setting of the grid that passes too is not worth its time.
    let timed = found.tested.iter().rev().take(last + 1);
    let timed = timed.filter(|own| found.grid.contains(&own.setting)).map(|own| own.cost);
    if timed.fold(f64::INFINITY, f64::min) < chosen.cost * WORTH_TIMING {
        return;
    }
    let setting = chosen.setting;
    let place = |own: &Setting| (own.0 - range.light).abs() < (setting.0 - range.light).abs();
    found.grid.insert(found.grid.partition_point(place), setting);
}
