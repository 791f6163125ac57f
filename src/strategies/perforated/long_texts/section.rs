//! The section of long texts: findings, table, charts.

use perforate_report::{Section, Table};

use super::plots;
use super::report::LengthsReport;

/// Id of the section.
pub const ID: &str = "long-texts";
/// Its title.
pub const TITLE: &str = "Long texts: blocks of attention left out";

/// The section of this report.
pub fn section(lengths: &LengthsReport) -> Section {
    let caption = "Perforated attention against dense attention, alone and in the transformer: speed-ups with 95 % intervals, with nothing and with half of the blocks left out; the error of the answer then; and peak memory for one text";
    let findings = lengths.findings();
    let mut section = Section::new(ID, TITLE)
        .with_finding((!findings.is_empty()).then(|| findings.join("\n")))
        .with_table(Table::of("length", caption, lengths.cells()))
        .with_data(lengths);
    if !lengths.attention.is_empty() || !lengths.transformer.is_empty() {
        section = section
            .with_plot("lengths", plots::speedups("Perforated attention by length", lengths))
            .with_plot("memory", plots::memory("Memory by length", lengths));
    }
    if !lengths.ablations.is_empty() {
        let title = "Blocks chosen in other ways";
        section = section.with_plot("ablations", plots::ablations(title, lengths));
    }
    section
}
