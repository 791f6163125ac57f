//! What a guarantee is worth when inputs change: the full and the routed model on changed samples.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use perforate_base::units::percent;
use perforate_bench::robustness::{Robustness, SOON};
use perforate_bench::stats::Interval;
use perforate_bench::sweep::Results;
use perforate_chart::{Axis, Plot, Point, Role, Series};
use perforate_routing::fit::calibrate::Loss;

use crate::plots::share_axis;
use crate::section::Section;
use crate::table::Table;

/// Strength from which on a change is told in sentences.
const TOLD: usize = 3;

/// The test samples after one change, at the operating point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RobustnessReport {
    /// What was done to the samples; none for the samples as they are.
    #[serde(default)]
    pub kind: Option<String>,
    /// How much of it, from 1 to 5; 0 for the samples as they are.
    #[serde(default)]
    pub strength: usize,
    /// Share of the tokens or words that it touched.
    pub changed: Option<f64>,
    /// Number of samples.
    #[serde(default)]
    pub n: usize,
    /// Share of right answers of the full model.
    pub full_accuracy: f64,
    /// The same of the routed model.
    pub routed_accuracy: f64,
    /// Share of samples whose answer routing loses, with its 95 % interval.
    pub risk: Interval,
    /// Share of samples by path.
    pub paths: BTreeMap<String, f64>,
    /// Mean operations of the routed model.
    pub macs: f64,
    /// The same as a share of the full model's.
    pub cost: f64,
    /// What the routed model loses beyond what the full one loses, in percentage points, and half the width of its
    /// 95 % interval.
    pub extra_loss_pp: f64,
    /// See there.
    pub extra_loss_half_width_pp: f64,
    /// Share of the orders of these samples in which an alarm sounds that hears scores alone.
    pub alarm_sounds: Option<f64>,
    /// Inputs after which it sounds in half of them.
    pub alarm_after: Option<u64>,
}

/// The section; none where nothing was changed.
pub(super) fn section(results: &Results) -> Option<Section> {
    let all: Vec<RobustnessReport> = results.robustness.iter().map(report).collect();
    let (before, changed) = all.split_first()?;
    let caption = format!(
        "The operating point on {} test samples, as they are and changed, at five strengths of each kind. The alarm compares scores with those of the calibration, and needs no labels",
        before.n
    );
    let table = Table::of("variant", &caption, all.iter().map(RobustnessReport::cells))?;
    let finding = finding(results, before, changed);
    let section = Section::new("robustness", "When inputs change").with_finding(Some(finding));
    let plot = plot(results, before, changed);
    Some(section.with_table(Some(table)).with_plot("shift", plot).with_data(&all).folded_at_first())
}

fn report(own: &Robustness) -> RobustnessReport {
    RobustnessReport {
        kind: own.change.as_ref().map(|(kind, _)| kind.clone()),
        strength: own.change.as_ref().map_or(0, |(_, strength)| *strength),
        changed: own.changed,
        n: own.n,
        full_accuracy: own.full,
        routed_accuracy: own.routed,
        risk: own.risk,
        paths: own.paths.iter().cloned().collect(),
        macs: own.macs.0,
        cost: own.cost,
        extra_loss_pp: 100.0 * own.extra_loss.0,
        extra_loss_half_width_pp: 100.0 * own.extra_loss.1,
        alarm_sounds: own.alarm.map(|alarm| alarm.sounds),
        alarm_after: own.alarm.and_then(|alarm| alarm.median),
    }
}

/// Kinds of changes, in order.
fn kinds(changed: &[RobustnessReport]) -> Vec<&str> {
    let mut kinds: Vec<&str> = vec![];
    for kind in changed.iter().filter_map(|own| own.kind.as_deref()) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// What the guarantee counts.
fn lost(results: &Results) -> &'static str {
    match results.target.loss {
        Loss::Error => "of the answers lost",
        Loss::Disagreement => "of the answers changed",
    }
}

/// A paragraph on the guarantee, one for each kind of change, one on the alarm.
fn finding(results: &Results, before: &RobustnessReport, changed: &[RobustnessReport]) -> String {
    let (epsilon, certified) = (results.target.epsilon, results.certificate.chosen.is_some());
    let guarantee = match certified {
        true => "The guarantee holds for inputs like those of the calibration",
        false => "No setting was certified; this is the one that the sweep chose",
    };
    let mut told = vec![format!(
        "{guarantee}: at most {} {}. As they are, it is {} of {} test samples ({}).",
        percent(epsilon, 1),
        lost(results),
        percent(before.risk.median, 1),
        before.n,
        within(before.risk)
    )];
    for kind in kinds(changed) {
        let of_kind = || changed.iter().filter(|own| own.kind.as_deref() == Some(kind));
        let exceeded = of_kind().find(|own| own.risk.lo > epsilon);
        let Some(at) = of_kind().find(|own| own.strength == TOLD) else { continue };
        let figures = format!(
            "{} ({}) at strength {TOLD}, at {} of the full model’s operations; accuracy {} routed, {} full",
            percent(at.risk.median, 1),
            within(at.risk),
            percent(at.cost, 0),
            percent(at.routed_accuracy, 1),
            percent(at.full_accuracy, 1)
        );
        let name = capitalised(kind);
        told.push(match exceeded {
            Some(first) => format!(
                "{name}: the limit is exceeded from strength {} on. It is {figures}.",
                first.strength
            ),
            None => format!("{name}: not above the limit beyond chance. It is {figures}."),
        });
    }
    told.extend(alarms(before, changed));
    told.join("\n")
}

/// How soon an alarm tells.
fn alarms(before: &RobustnessReport, changed: &[RobustnessReport]) -> Option<String> {
    let quiet = before.alarm_sounds?;
    let heard = changed.iter().filter(|own| own.strength == TOLD).filter_map(|own| {
        let share = own.alarm_sounds?;
        let when = own.alarm_after.map_or(String::new(), |n| format!(", usually after {n} inputs"));
        Some(format!("{} in {}{when}", own.kind.as_deref()?, percent(share, 0)))
    });
    Some(format!(
        "An alarm that hears the gates’ scores and no labels sounds, at strength {TOLD} and within {} inputs, for {}; without any change, in {}.",
        before.n.min(SOON),
        heard.collect::<Vec<_>>().join(", "),
        percent(quiet, 0)
    ))
}

fn within(interval: Interval) -> String {
    format!("{}–{}", percent(interval.lo, 1), percent(interval.hi, 1))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Risk over strength, a line for each kind, and the limit.
fn plot(results: &Results, before: &RobustnessReport, changed: &[RobustnessReport]) -> Plot {
    let point = |own: &RobustnessReport, kind: &str| Point {
        x: own.strength as f64,
        y: own.risk.median,
        y_interval: Some((own.risk.lo, own.risk.hi)),
        label: format!(
            "{kind}, strength {}: {} {} ({})",
            own.strength,
            percent(own.risk.median, 1),
            lost(results),
            within(own.risk)
        ),
        ..Point::default()
    };
    let mut series: Vec<Series> = kinds(changed)
        .into_iter()
        .map(|kind| {
            let of_kind = changed.iter().filter(|own| own.kind.as_deref() == Some(kind));
            let points = std::iter::once(before).chain(of_kind).map(|own| point(own, kind));
            Series { name: kind.into(), role: Role::Curve, points: points.collect() }
        })
        .collect();
    let strongest = changed.iter().map(|own| own.strength).max().unwrap_or(1) as f64;
    let limit = |x: f64| Point { x, y: results.target.epsilon, ..Point::default() };
    series.push(Series {
        name: format!("limit, {}", percent(results.target.epsilon, 1)),
        role: Role::Ideal,
        points: vec![limit(0.0), limit(strongest)],
    });
    let y = match results.target.loss {
        Loss::Error => "Answers lost by routing",
        Loss::Disagreement => "Answers changed by routing",
    };
    Plot {
        title: "Risk when inputs change".into(),
        x: Axis { label: "Strength of the change; 0 is none".into(), ..Axis::default() },
        y: share_axis(y),
        series,
        note: Some(format!("certified setting, {} samples each, 95\u{a0}% intervals", before.n)),
        ..Plot::default()
    }
}

impl RobustnessReport {
    /// Title and cells of a table's columns.
    pub fn cells(&self) -> Vec<(&'static str, String)> {
        let paths: Vec<String> = self
            .paths
            .iter()
            .filter(|(_, share)| **share > 0.0)
            .map(|(name, share)| format!("{name} {}", percent(*share, 0)))
            .collect();
        let kind = self.kind.as_deref().map_or("as they are".into(), |kind| match self.changed {
            Some(changed) => format!("{kind} ({})", percent(changed, 0)),
            None => kind.to_string(),
        });
        let alarm = match (self.alarm_sounds, self.alarm_after) {
            (Some(share), Some(after)) => format!("{}, after {after}", percent(share, 0)),
            (Some(share), None) => percent(share, 0),
            (None, _) => "–".into(),
        };
        vec![
            ("samples", kind),
            ("strength", self.strength.to_string()),
            ("risk", format!("{} ({})", percent(self.risk.median, 1), within(self.risk))),
            ("operations", percent(self.cost, 1)),
            ("full", percent(self.full_accuracy, 2)),
            ("routed", percent(self.routed_accuracy, 2)),
            (
                "extra loss",
                format!(
                    "{:+.2}\u{a0}±\u{a0}{:.2}\u{a0}pp",
                    self.extra_loss_pp, self.extra_loss_half_width_pp
                ),
            ),
            ("alarm sounds", alarm),
            ("paths", paths.join(", ")),
        ]
    }
}
