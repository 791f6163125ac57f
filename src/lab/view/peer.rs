//! ONNX Runtime Web beside the full model, on this device: what was measured, in words and as a mark in the first chart.

use serde::{Deserialize, Serialize};

use perforate_base::units::{Seconds, three_digits};
use perforate_bench::stats::{Interval, median_interval};
use perforate_chart::{Plot, Point, Role, Series};
use perforate_report::ScenarioReport;
use perforate_report::text::{percent, times};

/// Answers further apart than this, absolutely and relative to ours, are not the same.
const TOLERANCE: f32 = 1e-4;

/// What the page measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct PeerTimes {
    /// Threads of ONNX Runtime Web.
    pub threads: u32,
    /// Seconds of a turn, ours and theirs, in each round.
    pub rounds: Vec<(f64, f64)>,
    /// Rows of a turn.
    pub rows: usize,
    /// Answers of both to the same rows.
    pub answers: Vec<(Vec<f32>, Vec<f32>)>,
}

/// The box on ONNX Runtime Web.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct PeerState {
    pub(super) button: &'static str,
    pub(super) enabled: bool,
    pub(super) findings: Vec<String>,
}

/// What is known of the other runtime.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Peer {
    pub running: bool,
    pub fault: Option<String>,
    pub times: Vec<PeerTimes>,
}

impl PeerTimes {
    /// Time of ONNX Runtime Web over that of our full model.
    pub(super) fn ratio(&self) -> Interval {
        let ratios: Vec<f64> = self.rounds.iter().map(|(own, theirs)| theirs / own).collect();
        median_interval(&ratios)
    }

    fn latency(&self) -> Seconds {
        let mut theirs: Vec<f64> = self.rounds.iter().map(|(_, theirs)| *theirs).collect();
        theirs.sort_by(f64::total_cmp);
        let middle = theirs.get(theirs.len() / 2).copied().unwrap_or(f64::NAN);
        Seconds(middle / self.rows.max(1) as f64)
    }

    /// How many answers differ by more than rounding.
    fn differing(&self) -> usize {
        let apart = |(own, theirs): &&(Vec<f32>, Vec<f32>)| {
            own.len() != theirs.len()
                || own.iter().zip(theirs).any(|(a, b)| {
                    let far = (a - b).abs() > TOLERANCE + TOLERANCE * a.abs();
                    far || a.is_nan() != b.is_nan()
                })
        };
        self.answers.iter().filter(apart).count()
    }

    fn name(&self) -> String {
        match self.threads {
            1 => "ONNX Runtime Web".into(),
            threads => format!("ONNX Runtime Web, {threads} threads"),
        }
    }

    fn sentence(&self, routed: Option<Interval>) -> String {
        let Interval { median, lo, hi } = self.ratio();
        let threads = match self.threads {
            1 => "one thread".to_string(),
            threads => format!("{threads} threads"),
        };
        let within = |ratio: f64, lo: f64, hi: f64| {
            format!("{}× ({} to {})", three_digits(ratio), three_digits(lo), three_digits(hi))
        };
        let full = within(median, lo, hi);
        let latency = self.latency();
        let mut text = format!(
            "ONNX Runtime Web with {threads} takes {latency} a sample for the full model; our full model runs at {full} its speed"
        );
        if let Some(own) = routed {
            let over = within(own.median * median, own.lo * lo, own.hi * hi);
            text += &format!(", the routed one at this setting at {over}");
        }
        let same = match self.differing() {
            0 => format!("All {} answers are the same", self.answers.len()),
            count => {
                format!("{count} of {} answers differ by more than rounding", self.answers.len())
            }
        };
        format!("{text}. {same}.")
    }
}

impl Peer {
    /// The box; `routed` is the speed-up of the setting that is shown.
    pub(super) fn state(&self, busy: bool, routed: Option<Interval>) -> PeerState {
        let mut findings: Vec<String> = self.fault.iter().cloned().collect();
        findings.extend(self.times.iter().map(|times| times.sentence(routed)));
        PeerState {
            button: if self.running { "Measuring…" } else { "Run ONNX Runtime Web here" },
            enabled: !self.running && !busy,
            findings,
        }
    }

    /// Marks in a plot of speed-up and quality.
    pub(super) fn draw(&self, plot: &mut Plot, report: &ScenarioReport) {
        let full = &report.references.full;
        let quality = full.accuracy.unwrap_or(full.agreement);
        for times_here in &self.times {
            let ratio = times_here.ratio();
            // Speed-ups are against our full model.
            let own =
                Interval { median: 1.0 / ratio.median, lo: 1.0 / ratio.hi, hi: 1.0 / ratio.lo };
            let name = times_here.name();
            let label = format!("{name}: {}, {} accuracy", times(own.median), percent(quality));
            let point = Point {
                x: own.median,
                y: quality,
                x_interval: Some((own.lo, own.hi)),
                label,
                ..Point::default()
            };
            plot.series.push(Series { name, role: Role::Reference, points: vec![point] });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(answers: Vec<(Vec<f32>, Vec<f32>)>) -> PeerTimes {
        PeerTimes { threads: 1, rounds: vec![(1.0, 2.0); 9], rows: 10, answers }
    }

    #[test]
    fn a_finding_says_how_fast_and_whether_answers_agree() {
        let own = Interval { median: 4.0, lo: 3.9, hi: 4.1 };
        let same = measured(vec![(vec![1.0, 2.0], vec![1.0, 2.0 + 1e-5])]);
        let text = same.sentence(Some(own)).replace(['\u{a0}', '\u{202f}'], " ");
        assert!(text.contains("takes 200 ms a sample"), "{text}");
        assert!(text.contains("at 2.00× (2.00 to 2.00) its speed"), "{text}");
        assert!(text.contains("at this setting at 8.00× (7.80 to 8.20)"), "{text}");
        assert!(text.ends_with("All 1 answers are the same."), "{text}");
        for other in [vec![1.0], vec![1.0, 2.1], vec![1.0, f32::NAN]] {
            let text = measured(vec![(vec![1.0, 2.0], other)]).sentence(None);
            assert!(text.ends_with("1 of 1 answers differ by more than rounding."), "{text}");
        }
    }
}
