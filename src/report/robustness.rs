//! What perturbed samples do to the full and the routed model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use perforate_base::units::percent;
use perforate_bench::robustness::Robustness;
use perforate_bench::sweep::Results;

use crate::section::Section;
use crate::table::Table;

/// The test samples after one perturbation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RobustnessReport {
    /// What was done to the samples.
    pub name: String,
    /// Share of the tokens or words that it touched.
    pub changed: f64,
    /// Share of right answers of the full model.
    pub full_accuracy: f64,
    /// The same of the routed model.
    pub routed_accuracy: f64,
    /// Share of samples by path.
    pub paths: BTreeMap<String, f64>,
    /// Mean operations of the routed model.
    pub macs: f64,
    /// What the routed model loses beyond what the full one loses, in percentage points, and half the width of its
    /// 95 % interval.
    pub extra_loss_pp: f64,
    /// See there.
    pub extra_loss_half_width_pp: f64,
}

/// The section; none where nothing was perturbed.
pub(super) fn section(results: &Results) -> Option<Section> {
    let (perturbations, finding) = report(results);
    let caption = "Accuracy of the full and the routed model at the operating point, on the test samples as they are and perturbed";
    let table = Table::of("variant", caption, perturbations.iter().map(RobustnessReport::cells))?;
    let section = Section::new("robustness", "Robustness").with_finding(finding);
    Some(section.with_table(Some(table)).with_data(&perturbations).folded_at_first())
}

/// All perturbations, the samples as they are first, and what they show.
fn report(results: &Results) -> (Vec<RobustnessReport>, Option<String>) {
    let one = |robustness: &Robustness| RobustnessReport {
        name: robustness.name.clone(),
        changed: robustness.changed,
        full_accuracy: robustness.full,
        routed_accuracy: robustness.routed,
        paths: robustness.paths.iter().cloned().collect(),
        macs: robustness.macs.0,
        extra_loss_pp: 100.0 * robustness.extra_loss.0,
        extra_loss_half_width_pp: 100.0 * robustness.extra_loss.1,
    };
    let perturbations = results.robustness.get(1..).unwrap_or_default();
    let sentences: Vec<String> = perturbations
        .iter()
        .map(|perturbation| sentence(&results.robustness[0], perturbation))
        .collect();
    let finding = (!sentences.is_empty()).then(|| sentences.join("\n"));
    (results.robustness.iter().map(one).collect(), finding)
}

fn sentence(before: &Robustness, perturbation: &Robustness) -> String {
    let points = |before: f64, after: f64| format!("{:.1}\u{a0}pp", 100.0 * (before - after));
    let extra = 100.0 * perturbation.extra_loss.0;
    let half = 100.0 * perturbation.extra_loss.1;
    let verdict = if perturbation.is_worse() {
        "routing makes it less robust"
    } else if -extra > half {
        "routing makes it more robust"
    } else {
        "no difference beyond chance"
    };
    format!(
        "{} ({:.0}\u{a0}% changed): the full model loses {}, the routed one {}: {verdict} ({extra:+.1}\u{a0}±\u{a0}{half:.1}\u{a0}pp).",
        perturbation.name,
        100.0 * perturbation.changed,
        points(before.full, perturbation.full),
        points(before.routed, perturbation.routed),
    )
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
        vec![
            ("samples", self.name.clone()),
            ("changed", percent(self.changed, 2)),
            ("full", percent(self.full_accuracy, 2)),
            ("routed", percent(self.routed_accuracy, 2)),
            (
                "lost by routing",
                format!(
                    "{:+.2}\u{a0}±\u{a0}{:.2}\u{a0}pp",
                    self.extra_loss_pp, self.extra_loss_half_width_pp
                ),
            ),
            ("paths", paths.join(", ")),
        ]
    }
}
