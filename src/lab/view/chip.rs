//! The quality chip: how well this machine measures, how narrow the headline is, and what to do about it. Warnings stand
//! here and nowhere else.

use serde::Serialize;

use perforate_bench::self_check::TimingQuality;
use perforate_report::ScenarioReport;
use perforate_report::text::percent;

/// The chip and what it unfolds to.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct ChipState {
    pub(super) label: String,
    /// `good`, `fair`, `noisy`, or `open` as long as that is not known.
    pub(super) level: &'static str,
    /// Plain advice.
    pub(super) advice: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// What is going on beside the results.
#[derive(Debug, Clone, Copy)]
pub(super) struct Activity {
    pub running: bool,
    /// Whether all was measured that was to be.
    pub done: bool,
}

/// The chip of a report so far; `complaints` are about the address.
pub(super) fn chip(
    report: Option<&ScenarioReport>,
    activity: Activity,
    complaints: &[String],
) -> ChipState {
    let warnings = complaints.iter().chain(report.iter().flat_map(|r| &r.warnings));
    let warnings = warnings.cloned().collect();
    let speedup = report.and_then(|report| report.evidence.as_ref()?.speedup);
    let half = speedup.map(|own| 50.0 * own.relative_width());
    let width =
        half.map_or(String::new(), |half| format!(" · ±{:.0}\u{a0}%", half.ceil().max(1.0)));
    let quality = report.and_then(|report| report.quality);
    let (word, level) = match quality {
        Some(TimingQuality::Good) => ("Timing good", "good"),
        Some(TimingQuality::Fair) => ("Timing fair", "fair"),
        Some(TimingQuality::Noisy) => ("Noisy", "noisy"),
        None if activity.running => ("Measuring", "open"),
        None => ("Timing unchecked", "open"),
    };
    ChipState {
        label: format!("{word}{width}"),
        level,
        advice: advice(report, quality, half, activity),
        warnings,
    }
}

fn advice(
    report: Option<&ScenarioReport>,
    quality: Option<TimingQuality>,
    half: Option<f64>,
    activity: Activity,
) -> Vec<String> {
    let mut lines = vec![];
    if let Some(half) = half {
        let rounds = report.map_or(0, |report| report.rounds);
        lines.push(format!(
            "The headline’s speed-up is known to ±{:.1}\u{a0}% (95\u{a0}% interval, {rounds} rounds, batch 1).",
            half
        ));
    }
    if let Some(check) = report.and_then(|report| report.self_check) {
        let planted = percent(check.planted);
        let found = if check.found_planted() { "was found" } else { "was missed" };
        lines.push(format!(
            "Self-check: the full model against itself runs at {:.3}× ({:.3} to {:.3}); a planted slow-down of {planted} {found}.",
            check.same.median, check.same.lo, check.same.hi
        ));
    }
    lines.push(
        match quality {
            Some(TimingQuality::Good) => "Nothing to do: identical runs agree here.",
            Some(TimingQuality::Fair) => {
                "Differences of a few percent are not certain here. Close other programs and tabs, plug the charger in, and measure again."
            }
            Some(TimingQuality::Noisy) => {
                "Something else uses this machine. Close other programs and tabs, plug the charger in, and measure again."
            }
            None if activity.running => {
                "Leave this tab in front while it measures; other programs slow some of the runs."
            }
            None if activity.done => "This measurement was too short to check itself.",
            None => "The measurement stopped before it could check itself. Press “Go on”.",
        }
        .into(),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_anything_is_measured_only_the_address_is_complained_of() {
        let activity = Activity { running: true, done: false };
        let chip = chip(None, activity, &["The address: x=1 is ignored.".into()]);
        assert_eq!((chip.label.as_str(), chip.level), ("Measuring", "open"));
        assert_eq!(chip.warnings.len(), 1);
        assert_eq!(chip.advice.len(), 1);
    }
}
