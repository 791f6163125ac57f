//! The charts of a scenario's report: which series stand in which, and in what units.
//!
//! | room | charts |
//! |---|---|
//! | `tradeoff` | quality, latency and speed-up, the routed model beside every reference |
//! | `spread` | inputs by path, deviation of the outputs |
//! | `segments` | time of each segment, beside what its operations would take |
//! | `precision` | the precision of each stage, over the budget |
//! | `layers` | what is left out before each layer, over the share asked for |
//! | `lengths` | perforated attention by length, memory, and what blocks are chosen by |
//! | `battery` | answers by the battery's size, and how it runs down |

mod battery;
mod layers;
mod lengths;
mod precision;
mod segments;
mod spread;
mod tradeoff;

use perforate_chart::{Axis, NumberFormat, Plot};
use perforate_report::{LengthsReport, ScenarioReport};

use tradeoff::Measure;

/// Charts of every scenario, by id and title.
const CURVES: [(&str, &str); 6] = [
    ("quality", "Quality against speed-up"),
    ("latency", "Latency against active computation"),
    ("speedup", "Speed-up against active computation"),
    ("paths", "Inputs by path"),
    ("deviation", "Deviation of the outputs"),
    ("segments", "Time by segment"),
];
/// More charts of a scenario on a battery.
const BATTERY: [(&str, &str); 2] = [
    ("answers", "Right answers against the battery’s size"),
    ("battery", "A battery run down, policy by policy"),
];

/// More charts of a network that switches its precision.
const PRECISION: [(&str, &str); 3] = [
    ("energy", "Quality against energy"),
    ("bytes", "Weights read against energy"),
    ("mix", "Precision of each stage"),
];

/// One more of a model that tells what each layer computes on.
const LAYERS: (&str, &str) = ("layers", "Tokens left out, layer by layer");
/// More charts once perforated attention is measured by length.
const LENGTHS: [(&str, &str); 3] = [
    ("lengths", "Perforated attention by length"),
    ("memory", "Memory by length"),
    ("ablations", "Blocks chosen in other ways"),
];

/// The charts of a report, by id and title, in the page's order.
pub fn charts(
    report: Option<&ScenarioReport>,
    lengths: Option<&LengthsReport>,
) -> Vec<(&'static str, &'static str)> {
    let mut charts = CURVES.to_vec();
    if report.is_some_and(|report| report.precision.is_some()) {
        // Every input takes the same path there.
        charts.retain(|(id, _)| *id != "paths");
        charts.splice(1..1, PRECISION);
    }
    if report.is_some_and(|report| report.battery.is_some()) {
        charts.extend(BATTERY);
    }
    let tells = |report: &ScenarioReport| report.curve.iter().any(|point| !point.kept.is_empty());
    if report.is_some_and(tells) {
        charts.push(LAYERS);
    }
    if let Some(lengths) = lengths {
        let some = |id: &str| id != "ablations" || !lengths.ablations.is_empty();
        charts.extend(LENGTHS.into_iter().filter(|(id, _)| some(id)));
    }
    charts
}

/// An axis of shares, in percent.
fn share_axis(label: &str) -> Axis {
    Axis { label: label.into(), format: NumberFormat::Percent, ..Axis::default() }
}

/// The point that a plot marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// None.
    Nothing,
    /// The full model.
    Full,
    /// This point of the curve.
    Knob(usize),
}

/// The plot of a chart of perforated attention by length.
pub fn plot_lengths(id: &str, lengths: &LengthsReport) -> Option<Plot> {
    let &(id, title) = LENGTHS.iter().find(|(known, _)| *known == id)?;
    Some(match id {
        "lengths" => lengths::speedups(title, lengths),
        "memory" => lengths::memory(title, lengths),
        _ => lengths::ablations(title, lengths),
    })
}

/// The plot of this chart; `report` is none as long as nothing is measured.
pub fn plot(id: &str, report: Option<&ScenarioReport>, selected: Selected) -> Option<Plot> {
    let &(id, title) = CURVES
        .iter()
        .chain(&BATTERY)
        .chain(&PRECISION)
        .chain([&LAYERS])
        .find(|(known, _)| *known == id)?;
    let curve = |x, y| tradeoff::plot(title, (x, y), report, selected);
    Some(match id {
        "answers" => battery::answers(title, report?.battery.as_ref()?),
        "battery" => battery::drains(title, report?.battery.as_ref()?),
        "layers" => layers::plot(title, report),
        "mix" => precision::plot(title, report),
        "energy" => curve(Measure::Active, Measure::Quality),
        "bytes" => curve(Measure::Active, Measure::Bytes),
        "paths" => spread::paths(title, report, selected),
        "deviation" => spread::deviation(title, report, selected),
        "segments" => segments::plot(title, report),
        "quality" => curve(Measure::Speedup, Measure::Quality),
        "latency" => curve(Measure::Active, Measure::Latency),
        _ => curve(Measure::Active, Measure::Speedup),
    })
}
