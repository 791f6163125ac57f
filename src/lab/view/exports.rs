//! What can be taken away from a measurement, as text.

use perforate_base::{Error, ErrorKind, Named, Result};
use perforate_chart::{Size, Theme};

use super::events::View;
use super::state::Export;

/// Size of a chart in a file.
const CHART: Size = Size { width: 720.0, height: 450.0, device_pixel_ratio: 1.0 };

/// A file that can be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// The report, for programs.
    Json,
    /// Its points, a line each.
    Csv,
    /// The report, for people.
    Markdown,
    /// What was run, so that it can be repeated.
    Experiment,
    /// A picture of what was found; the page draws it.
    Card,
    /// The routed model with the chosen knob; the measuring side makes it.
    Onnx,
}

impl Named for ExportKind {
    const ALL: &'static [ExportKind] = &[
        ExportKind::Json,
        ExportKind::Csv,
        ExportKind::Markdown,
        ExportKind::Experiment,
        ExportKind::Card,
        ExportKind::Onnx,
    ];

    fn name(&self) -> &'static str {
        match self {
            ExportKind::Json => "json",
            ExportKind::Csv => "csv",
            ExportKind::Markdown => "markdown",
            ExportKind::Experiment => "experiment",
            ExportKind::Card => "card",
            ExportKind::Onnx => "onnx",
        }
    }
}

impl ExportKind {
    fn label(self) -> &'static str {
        match self {
            ExportKind::Json => "Report, JSON",
            ExportKind::Csv => "Table, CSV",
            ExportKind::Markdown => "Table, Markdown",
            ExportKind::Experiment => "Experiment, JSON",
            ExportKind::Card => "Result card, PNG",
            ExportKind::Onnx => "Routed model, ONNX",
        }
    }

    /// How a file's name ends.
    fn extension(self) -> &'static str {
        match self {
            ExportKind::Json | ExportKind::Experiment => "json",
            ExportKind::Csv => "csv",
            ExportKind::Markdown => "md",
            ExportKind::Card => "png",
            ExportKind::Onnx => "onnx",
        }
    }

    /// All of them, as the page offers them.
    pub(super) fn offered() -> Vec<Export> {
        let of = |kind: &ExportKind| Export { label: kind.label(), kind: kind.name() };
        ExportKind::ALL.iter().map(of).collect()
    }
}

impl View {
    /// What a file is called: an [`ExportKind`] by its name, or a chart, as `svg:CHART` or `png:CHART`.
    pub fn file_name(&self, kind: &str) -> String {
        let scenario = self.link.scenario.name.replace('/', "-");
        match (kind.split_once(':'), ExportKind::from_name(kind)) {
            (Some((extension, chart)), _) => format!("perforate-{scenario}-{chart}.{extension}"),
            (None, Ok(ExportKind::Card)) => format!("perforate-{scenario}-card.png"),
            (None, Ok(ExportKind::Experiment)) => format!("perforate-{scenario}-experiment.json"),
            (None, Ok(kind)) => format!("perforate-{scenario}.{}", kind.extension()),
            (None, Err(_)) => format!("perforate-{scenario}"),
        }
    }

    /// A file's text: an [`ExportKind`] by its name, or `svg:CHART`.
    ///
    /// # Errors
    /// `Config` where nothing is measured yet, or there is no such chart or kind.
    pub fn export(&self, kind: &str) -> Result<String> {
        let fault = |text: &str| Error::new(ErrorKind::Config, text).at("export");
        if let Some(id) = kind.strip_prefix("svg:") {
            let plot = self.plot(id).ok_or_else(|| fault("there is no such chart"))?;
            return Ok(perforate_chart::svg(&plot, &Theme::light(), CHART));
        }
        let report = self.report().ok_or_else(|| fault("nothing is measured yet"))?;
        match ExportKind::from_name(kind)? {
            ExportKind::Json => report.to_json(),
            ExportKind::Csv => report.to_csv(),
            ExportKind::Markdown => Ok(report.to_markdown()),
            ExportKind::Experiment => report.experiments(),
            ExportKind::Card => Err(fault("the page draws the card")),
            ExportKind::Onnx => Err(fault("the measuring worker makes the routed model")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_what_they_hold() {
        let mut view = View::default();
        view.choose("early-exit/mnist");
        for (kind, name) in [
            ("svg:quality", "perforate-early-exit-mnist-quality.svg"),
            ("png:paths", "perforate-early-exit-mnist-paths.png"),
            ("json", "perforate-early-exit-mnist.json"),
            ("experiment", "perforate-early-exit-mnist-experiment.json"),
            ("markdown", "perforate-early-exit-mnist.md"),
            ("card", "perforate-early-exit-mnist-card.png"),
            ("onnx", "perforate-early-exit-mnist.onnx"),
        ] {
            assert_eq!(view.file_name(kind), name);
        }
    }

    #[test]
    fn what_cannot_be_exported_is_said() {
        let view = View::default();
        for (kind, word) in
            [("json", "nothing is measured"), ("svg:x", "no such chart"), ("onnx", "nothing")]
        {
            let message = view.export(kind).unwrap_err().to_string();
            assert!(message.contains(word), "{kind}: {message}");
        }
        assert_eq!(ExportKind::offered().len(), ExportKind::ALL.len());
    }
}
