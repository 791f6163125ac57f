//! The section of a battery: its finding, and its charts.

use perforate_bench::sweep::Results;
use perforate_report::Section;

use super::plots;
use super::report::BatteryReport;

/// The section of this report.
pub fn section(battery: &BatteryReport, results: &Results) -> Section {
    let findings = [Some(battery.finding.clone()), battery.beside(), battery.times(results)];
    let finding = findings.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Section::new("battery", "A battery, run down")
        .with_finding(Some(finding))
        .with_plot("answers", plots::answers("Right answers against the battery’s size", battery))
        .with_plot("battery", plots::drains("A battery run down, policy by policy", battery))
        .with_data(battery)
}
