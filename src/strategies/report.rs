//! The whole report of a scenario: the core, and the sections that its strategy adds.

use perforate_bench::energy::EnergyModel;
use perforate_bench::sweep::{BenchTarget, Results};
use perforate_report::{Context, ScenarioReport, Section, core_report};

use crate::companion::{Companion, Measured};

/// Turns measurements into the report of a scenario. `more` are sections of the scenario's own.
pub fn scenario_report(
    context: &Context,
    subject: &BenchTarget,
    results: &Results,
    companion: &dyn Companion,
    more: &[fn(&ScenarioReport) -> Option<Section>],
) -> ScenarioReport {
    let mut report = core_report(context, subject, results);
    let energy: &EnergyModel = &context.energy;
    let measured = Measured { subject, results, energy, report: &report };
    let (sections, headline) = (companion.sections(&measured), companion.headline(&measured));
    let own = more.iter().filter_map(|section| section(&report)).collect::<Vec<_>>();
    report.sections.splice(0..0, sections);
    report.sections.extend(own);
    if let Some(headline) = headline {
        (report.summary, report.comparison) = (headline.summary, headline.comparison);
        report.verdict = headline.verdict;
    }
    report
}
