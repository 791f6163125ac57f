//! A network that switches its precision: what the controller goes by, and what it makes of a budget.

use serde::{Deserialize, Serialize};

use perforate_base::units::{percent, three_digits};
use perforate_report::{PointReport, References, ScenarioReport};

use super::compose::{Plan, Policy, VARIANTS};

/// What the controller goes by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrecisionReport {
    /// How it spends a budget.
    pub policy: String,
    /// Energy with every stage at its cheapest, as a share of that with every stage in f32.
    pub base: f64,
    /// The stages, in order.
    pub stages: Vec<StageReport>,
    /// For each setting of the curve, the variant of each stage.
    pub mixes: Vec<Vec<String>>,
    /// What the precisions are worth here, in sentences.
    pub finding: Option<String>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// Energy of its dearer variants beyond the cheapest: shares of the energy with every stage in f32.
    #[serde(rename = "extra")]
    pub energy: [f64; 2],
    /// Mean squared difference of the outputs with this stage alone in each variant, cheapest first.
    #[serde(rename = "harm")]
    pub error: [f64; 3],
    /// What must be left for each dearer variant; none for one that is never taken for itself.
    pub needs: [Option<f64>; 2],
}

impl StageReport {
    /// Titles and texts of stage `ix`.
    pub fn cells(&self, ix: usize) -> Vec<(&'static str, String)> {
        let share = |value: f64| percent(value, 2);
        let needs = |value: Option<f64>| value.map_or("–".into(), share);
        vec![
            ("stage", (ix + 1).to_string()),
            ("int8: more energy", share(self.energy[0])),
            ("f32: more energy", share(self.energy[1])),
            ("int4: squared error", three_digits(self.error[0])),
            ("int8: squared error", three_digits(self.error[1])),
            ("int8 from left", needs(self.needs[0])),
            ("f32 from left", needs(self.needs[1])),
        ]
    }
}

/// What the controller of a measured scenario goes by. `scenario` holds the figures; what is found is told once all samples are `judged`.
pub fn report(plan: &Plan, knob: &str, scenario: &ScenarioReport, judged: bool) -> PrecisionReport {
    let References { full, light, statics, .. } = &scenario.references;
    let thresholds = plan.policy.thresholds(&plan.costs_by_stage);
    let stages = plan.costs_by_stage.iter().zip(thresholds).map(|(cost, needs)| StageReport {
        energy: cost.energy.map(f64::from),
        error: cost.error.map(f64::from),
        needs: needs.map(|needed| needed.is_finite().then_some(f64::from(needed))),
    });
    let mix = |point: &PointReport| -> Vec<String> {
        let budget = point.knob.get(knob).copied().unwrap_or(0.0);
        plan.mix(budget).into_iter().map(|variant| VARIANTS[variant].to_string()).collect()
    };
    PrecisionReport {
        policy: match plan.policy {
            Policy::Greedy => "greedy".into(),
            Policy::LookAhead => "look-ahead".into(),
        },
        base: f64::from(plan.base),
        stages: stages.collect(),
        mixes: scenario.curve.iter().map(mix).collect(),
        finding: if judged { finding(full, light, statics.first()) } else { None },
    }
}

/// The network in four bits, and in eight, beside f32: energy by operations alone, since by time it would only be the
/// time again.
fn finding(full: &PointReport, light: &PointReport, eight: Option<&PointReport>) -> Option<String> {
    let told = |name: &str, point: &PointReport| -> Option<String> {
        let lost = -point.accuracy_delta_pp?;
        let loss = match lost {
            lost if lost.abs() < 0.005 => "loses nothing".to_string(),
            lost if lost > 0.0 => format!("loses {lost:.2}\u{a0}pp"),
            lost => format!("gains {:.2}\u{a0}pp", -lost),
        };
        Some(format!(
            "In {name} bits the network takes {} of the energy by operations, an estimate, reads {} of the bytes, is {}× as fast and {loss}.",
            percent(point.energy_j.operations / full.energy_j.operations, 0),
            percent(point.bytes / full.bytes, 0),
            three_digits(point.batch1?.speedup.median),
        ))
    };
    let four = told("four", light)?;
    let Some(eight) = eight else { return Some(four) };
    let mut text = format!("{} {four}", told("eight", eight)?);
    if eight.batch1?.speedup.median > light.batch1?.speedup.median {
        text += " Four bits save bytes and no operations: they are multiplied in eight, and unpacking takes time.";
    }
    Some(text)
}
