//! The section of a battery: its finding, and its charts.

use perforate_report::Section;

use super::plots;
use super::report::BatteryReport;

/// The section of this report.
pub fn section(battery: &BatteryReport) -> Section {
    Section::new("battery", "A battery, run down")
        .with_finding(Some(battery.finding.clone()))
        .with_plot("answers", plots::answers("Right answers against the battery’s size", battery))
        .with_plot("battery", plots::drains("A battery run down, policy by policy", battery))
        .with_data(battery)
}
