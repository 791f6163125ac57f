//! Sections: what a strategy or a scenario adds to a report. Report, page and command line render them without
//! knowing them.

use serde::{Deserialize, Serialize};

use perforate_chart::Plot;

use super::table::Table;

/// A part of a report that not every scenario has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Differs from those of the other sections of the scenario; lower case with hyphens.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What it is about, where the heading is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What was found, a paragraph a line.
    #[serde(default)]
    pub finding: Option<String>,
    /// Its numbers, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// Its charts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plots: Vec<SectionPlot>,
    /// Whether the page folds it at first, since it only adds detail to the answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub folded: bool,
    /// Charts of the core that say nothing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hides: Vec<String>,
    /// A control that takes single inputs through the model, where the strategy has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveLabels>,
    /// Its numbers, for programs.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub data: serde_json::Value,
}

/// What a live control is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveLabels {
    /// The knob.
    pub knob: String,
    /// The button that starts it.
    pub run: String,
    /// What it does, until something has happened.
    pub told: String,
}

/// A chart of a section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SectionPlot {
    /// Differs from those of all charts of the scenario.
    pub id: String,
    /// What it shows; its title is the chart's.
    pub plot: Plot,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Section {
    /// A section with a heading, and nothing yet.
    pub fn new(id: &str, title: &str) -> Section {
        Section { id: id.into(), title: title.into(), ..Section::default() }
    }

    /// The same with a finding.
    pub fn with_finding(self, finding: Option<String>) -> Section {
        Section { finding, ..self }
    }

    /// The same with a table.
    pub fn with_table(self, table: Option<Table>) -> Section {
        Section { table, ..self }
    }

    /// The same with one more chart.
    pub fn with_plot(mut self, id: &str, plot: Plot) -> Section {
        self.plots.push(SectionPlot { id: id.into(), plot });
        self
    }

    /// The same with its numbers for programs.
    pub fn with_data(self, data: &impl Serialize) -> Section {
        Section { data: serde_json::to_value(data).unwrap_or_default(), ..self }
    }

    /// The same, folded at first.
    pub fn folded_at_first(self) -> Section {
        Section { folded: true, ..self }
    }

    /// The paragraphs of the finding.
    pub fn findings(&self) -> impl Iterator<Item = &str> {
        self.finding.iter().flat_map(|finding| finding.lines())
    }

    /// The section as Markdown, under a heading of the third level.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("\n### {}\n", self.title);
        for finding in self.findings() {
            text += &format!("\n{finding}\n");
        }
        if let Some(table) = &self.table {
            text += &format!("\n{}", table.to_markdown());
        }
        text
    }
}
