//! The charts of a scenario's report: which series stand in which, and in what units.
//!
//! | room | charts |
//! |---|---|
//! | `tradeoff` | quality, latency and speed-up, the routed model beside every reference |
//! | `hero` | the page's first chart: names at the marks, references in groups |
//! | `spread` | inputs by path, deviation of the outputs |
//! | `segments` | time of each segment, beside what its operations would take |
//!
//! Charts of sections come from their strategies.

mod hero;
mod segments;
mod selected;
mod spread;
mod tradeoff;

use crate::schema::ScenarioReport;
use perforate_chart::{Axis, NumberFormat, Plot, Role};

pub use hero::{Layer, at_marks};
pub use selected::Selected;
pub use tradeoff::{Measure, active_axis, plot as tradeoff};

/// Charts of every scenario, by id and title.
const CURVES: [(&str, &str); 6] = [
    ("quality", "Accuracy against speed-up"),
    ("latency", "Latency against active computation"),
    ("speedup", "Speed-up against active computation"),
    ("paths", "Inputs by path"),
    ("deviation", "Deviation of the outputs"),
    ("segments", "Time by segment"),
];
/// The charts of a report, by id and title, in the page's order: those of every scenario, without those that a section
/// says tell nothing.
pub fn charts(report: Option<&ScenarioReport>) -> Vec<(&'static str, &'static str)> {
    let hidden = |id: &str| {
        let sections = report.iter().flat_map(|report| &report.sections);
        sections.flat_map(|section| &section.hides).any(|hidden| hidden == id)
    };
    CURVES.into_iter().filter(|(id, _)| !hidden(id)).collect()
}

/// The chart of a section, with the selected point marked where the chart has a curve over the knob.
pub fn of_section(id: &str, report: &ScenarioReport, selected: Selected) -> Option<Plot> {
    let mut plots = report.sections.iter().flat_map(|section| &section.plots);
    let mut plot = plots.find(|plot| plot.id == id)?.plot.clone();
    let at = |role: Role, knob: Option<usize>| {
        let series = plot.series.iter().position(|series| series.role == role)?;
        let points = &plot.series[series].points;
        Some((series, points.iter().position(|point| point.knob == knob)?))
    };
    plot.selected = match selected {
        Selected::Nothing => None,
        Selected::Full => at(Role::Full, None),
        Selected::Knob(ix) => at(Role::Curve, Some(ix)),
    };
    Some(plot)
}

/// An axis of shares, in percent.
pub fn share_axis(label: &str) -> Axis {
    Axis { label: label.into(), format: NumberFormat::Percent, ..Axis::default() }
}

/// The plot of this chart; `report` is none as long as nothing is measured.
pub fn plot(id: &str, report: Option<&ScenarioReport>, selected: Selected) -> Option<Plot> {
    if let Some(plot) = report.and_then(|report| of_section(id, report, selected)) {
        return Some(plot);
    }
    let &(id, title) = CURVES.iter().find(|(known, _)| *known == id)?;
    let curve = |x, y| tradeoff(title, (x, y), report, selected);
    Some(match id {
        "paths" => spread::paths(title, report, selected),
        "deviation" => spread::deviation(title, report, selected),
        "segments" => segments::plot(title, report),
        "quality" => curve(Measure::Speedup, Measure::Quality),
        "latency" => curve(Measure::Active, Measure::Latency),
        _ => curve(Measure::Active, Measure::Speedup),
    })
}
