//! A result card: what a measurement found, for a picture that is passed on.

use serde::Serialize;

use perforate_base::units::{grouped, three_digits};
use perforate_bench::verdict::{Evidence, Rival};

use super::chip::{Activity, chip};
use super::events::View;

/// The words on a card.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct CardText {
    pub(super) title: String,
    pub(super) headline: String,
    pub(super) line: String,
    /// Sample, timing, the strongest rival.
    pub(super) facts: Vec<String>,
    /// Device and date.
    pub(super) footer: String,
}

impl View {
    /// The card of this measurement, for this device and date; none before there is a headline.
    pub fn card(&self, device: &str, date: &str) -> Option<CardText> {
        let report = self.scenario_report()?;
        let evidence = report.evidence.as_ref()?;
        let activity = Activity { running: self.running, done: false };
        let timing = chip(Some(report), activity, &[]).label;
        let sample = format!("{} test inputs", grouped(report.data.test_n));
        let rival = strongest(evidence).map(rival_text);
        Some(CardText {
            title: format!("{} ({})", self.link.scenario.title, self.link.scenario.term),
            headline: report.summary.clone(),
            line: report.comparison.clone().unwrap_or_default(),
            facts: [Some(sample), Some(timing), rival].into_iter().flatten().collect(),
            footer: format!("Perforate · {device} · {date}"),
        })
    }
}

/// The rival that is nearest to the router in accuracy, or better, among those that are as fast; else the fastest.
fn strongest(evidence: &Evidence) -> Option<&Rival> {
    let as_fast = evidence.rivals.iter().filter(|rival| rival.faster.hi >= 1.0);
    let nearest = as_fast.min_by(|a, b| a.behind.median.total_cmp(&b.behind.median));
    let fastest = || {
        let by_speed = |a: &&Rival, b: &&Rival| a.speedup.median.total_cmp(&b.speedup.median);
        evidence.rivals.iter().max_by(by_speed)
    };
    nearest.or_else(fastest)
}

fn rival_text(rival: &Rival) -> String {
    let points = 100.0 * rival.behind.median;
    let accuracy = match points {
        p if p.abs() < 0.05 => "equal accuracy".to_string(),
        p if p > 0.0 => format!("{p:.1} points less accurate"),
        p => format!("{:.1} points more accurate", -p),
    };
    format!(
        "Strongest rival: {}, {}×, {accuracy} here",
        rival.name,
        three_digits(rival.speedup.median)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_bench::stats::Interval;
    use perforate_bench::verdict::RivalKind;

    #[test]
    fn the_strongest_rival_is_as_fast_and_nearest() {
        let near = |median: f64| Interval { median, lo: median - 0.01, hi: median + 0.01 };
        let rival = |name: &str, faster: f64, behind: f64| Rival {
            name: name.into(),
            kind: RivalKind::Static,
            speedup: near(4.0 * faster),
            faster: near(faster),
            behind: near(behind),
            behind_full: near(behind),
            enough: None,
        };
        let mut evidence = Evidence {
            quality: None,
            speedup: Some(near(4.0)),
            certified: true,
            calibrating: false,
            complete: true,
            beats_random: None,
            rivals: vec![
                rival("slow", 0.5, -0.01),
                rival("far", 2.0, 0.05),
                rival("near", 1.1, 0.002),
            ],
            above_mixtures: None,
            margin: 0.005,
            n: 100,
        };
        let text = strongest(&evidence).map(rival_text).unwrap();
        assert_eq!(text, "Strongest rival: near, 4.40×, 0.2 points less accurate here");
        evidence.rivals.truncate(1);
        assert!(
            strongest(&evidence).map(rival_text).unwrap().contains("slow, 2.00×, 1.0 points more")
        );
        evidence.rivals.clear();
        assert_eq!(strongest(&evidence), None);
    }
}
