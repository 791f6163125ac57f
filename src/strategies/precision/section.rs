//! The section of a network that switches its precision: finding, table, charts, live control.

use perforate_report::plots::{self as curves, Measure, Selected};
use perforate_report::text::percent;
use perforate_report::{LiveLabels, Section, Table};

use super::compose::Plan;
use super::plots;
use super::report::{PrecisionReport, report};
use crate::companion::Measured;

/// Id of the section.
pub const ID: &str = "precision";

/// What the controller goes by, and what it makes of a budget.
pub fn section(plan: &Plan, measured: &Measured<'_>) -> Section {
    let scenario = measured.report;
    let report = report(plan, &measured.subject.knob, scenario, measured.is_complete());
    let curve = |title: &str, y| {
        curves::tradeoff(title, (Measure::Active, y), Some(scenario), Selected::Nothing)
    };
    Section {
        // Every input takes the same path.
        hides: vec!["paths".into()],
        live: Some(LiveLabels {
            knob: "Budget".into(),
            run: "Run sentences".into(),
            told: "Sentences pass stage by stage, slowly enough to turn the budget while one is on its way.".into(),
        }),
        ..Section::new(ID, "Spend an energy budget, live")
            .with_finding(report.finding.clone())
            .with_table(table(&report))
            .with_plot("energy", curve("Quality against energy", Measure::Quality))
            .with_plot("bytes", curve("Weights read against energy", Measure::Bytes))
            .with_plot("mix", plots::plot("Precision of each stage", scenario, &report))
            .with_data(&report)
    }
}

fn table(report: &PrecisionReport) -> Option<Table> {
    let caption = format!(
        "For each stage: the energy of a variant beyond the cheapest, as a share of the energy in f32; the error that it alone adds to the output; and the energy that must be left to choose it ({} policy). The cheapest variants of all stages take {}",
        report.policy,
        percent(report.base)
    );
    let rows = report.stages.iter().enumerate().map(|(ix, stage)| stage.cells(ix));
    Table::of("stage", &caption, rows)
}
