//! The tables of the page: all numbers, and the segments with what they cost anywhere and here.

use serde::Serialize;

use crate::bench::sweep::Active;
use crate::report::{ModelReport, PointReport, RobustnessReport, ScenarioReport, TimingReport};
use crate::units::{Bytes, Macs, Seconds, three_digits};

use super::text::{dash, knob, percent, speedup};

/// One column of the table.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Column {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
}

/// One row of the table.
#[derive(Debug, Serialize)]
pub struct Row {
    cells: Vec<String>,
    selected: bool,
    kind: &'static str,
}

/// The table behind the charts.
#[derive(Debug, Serialize)]
pub struct Table {
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

const COLUMNS: [Column; 11] = [
    Column { id: "kind", title: "Arm", unit: "" },
    Column { id: "knob", title: "Threshold", unit: "" },
    Column { id: "active", title: "Active", unit: "rows on the full path" },
    Column { id: "latency", title: "Latency", unit: "batch 1" },
    Column { id: "throughput", title: "Throughput", unit: "per second" },
    Column { id: "speed_up", title: "Speed-up", unit: "batch 1, 95 %" },
    Column { id: "speed_up_32", title: "Speed-up", unit: "batch 32" },
    Column { id: "ideal", title: "Ideal", unit: "from MACs" },
    Column { id: "accuracy", title: "Accuracy", unit: "" },
    Column { id: "agreement", title: "Agreement", unit: "with full" },
    Column { id: "deviation", title: "Deviation", unit: "max, mean" },
];

const SEGMENT_COLUMNS: [Column; 8] = [
    Column { id: "segment", title: "Segment", unit: "" },
    Column { id: "operators", title: "Operators", unit: "" },
    Column { id: "macs", title: "Operations", unit: "for a row" },
    Column { id: "time", title: "Time here", unit: "for a row, 95 %" },
    Column { id: "of_macs", title: "Operations", unit: "share of all" },
    Column { id: "of_time", title: "Time", unit: "share of all" },
    Column { id: "weights", title: "Weights", unit: "" },
    Column { id: "live", title: "Live tensors", unit: "at most" },
];

/// All points of a scenario; `selected` is the setting at hand, none if the full model is shown.
pub fn numbers(report: &ScenarioReport, selected: Option<usize>) -> Table {
    let rows = report.rows().into_iter().filter(|(kind, _)| *kind != "random");
    let mut routed = 0;
    let rows = rows.map(|(kind, point)| {
        let selected = match kind {
            "routed" => {
                routed += 1;
                selected == Some(routed - 1)
            }
            "full" => selected.is_none(),
            _ => false,
        };
        Row { cells: cells(kind, point), selected, kind }
    });
    Table {
        caption: format!(
            "{}: {} test samples; threshold chosen on {} others",
            report.data.name, report.data.test_n, report.data.calibration_n
        ),
        columns: COLUMNS
            .iter()
            .map(|&column| match (column.id, report.active_means) {
                ("active", Active::Operations) => Column { unit: "of full operations", ..column },
                _ => column,
            })
            .collect(),
        rows: rows.collect(),
    }
}

fn cells(kind: &str, point: &PointReport) -> Vec<String> {
    let interval = |t: TimingReport| {
        format!("{} ({}–{})", speedup(t), three_digits(t.speedup.lo), three_digits(t.speedup.hi))
    };
    vec![
        kind.to_string(),
        dash(point.knob.values().next().map(|v| knob(*v))),
        percent(point.active),
        dash(point.batch1.map(|t| Seconds(t.latency_s.median).to_string())),
        dash(point.batch1.map(|t| three_digits(t.throughput_per_s.median))),
        dash(point.batch1.map(interval)),
        dash(point.batch32.map(speedup)),
        format!("{}\u{a0}×", three_digits(point.ideal_speedup)),
        dash(point.accuracy.map(percent)),
        percent(point.agreement),
        format!("{}, {}", three_digits(point.deviation_max), three_digits(point.deviation_mean)),
    ]
}

/// What each segment costs, anywhere and here; none before they are timed.
pub fn segments(report: &ScenarioReport) -> Option<Table> {
    let timed = |s: &crate::report::SegmentReport| s.latency_s.map(|t| t.median);
    let seconds: f64 = report.segments.iter().filter_map(timed).sum();
    let macs: f64 = report.segments.iter().filter_map(|s| s.macs).sum();
    let rows =
        report.segments.iter().map(|segment| Row {
            cells: vec![
                segment.name.clone(),
                segment.operators.to_string(),
                dash(segment.macs.map(|m| Macs(m).to_string())),
                dash(segment.latency_s.map(|t| {
                    format!("{} ({}–{})", Seconds(t.median), Seconds(t.lo), Seconds(t.hi))
                })),
                dash(segment.macs.map(|m| percent(m / macs))),
                dash(timed(segment).map(|t| percent(t / seconds))),
                Bytes(segment.bytes).to_string(),
                dash(segment.peak_live_bytes.map(|b| Bytes(b).to_string())),
            ],
            selected: false,
            kind: "segment",
        });
    (seconds > 0.0).then(|| Table {
        caption: "Segments of the routed model: what each costs anywhere, and on this device"
            .into(),
        columns: SEGMENT_COLUMNS.to_vec(),
        rows: rows.collect(),
    })
}

/// The models beside each other; none before they are timed.
pub fn models(report: &ScenarioReport) -> Option<Table> {
    let caption = "What each model is made of, costs and answers; tables are such as word embeddings, of which a run looks up a few rows; the routed model stands at its operating point";
    table("model", caption, report.models.iter().map(ModelReport::cells))
}

/// What disturbed samples do to the full and the routed model; none without such samples.
pub fn robustness(report: &ScenarioReport) -> Option<Table> {
    let caption = "Accuracy of the full and the routed model at the operating point, on the test samples as they are and disturbed";
    table("variant", caption, report.robustness.iter().map(RobustnessReport::cells))
}

/// A table of rows that are cells with their columns' titles; none without rows.
fn table(
    kind: &'static str,
    caption: &str,
    rows: impl Iterator<Item = Vec<(&'static str, String)>>,
) -> Option<Table> {
    let rows: Vec<_> = rows.collect();
    let column = |title: &'static str| Column { id: title, title, unit: "" };
    Some(Table {
        caption: caption.into(),
        columns: rows.first()?.iter().map(|(title, _)| column(title)).collect(),
        rows: rows
            .iter()
            .map(|row| Row {
                cells: row.iter().map(|(_, cell)| cell.clone()).collect(),
                selected: false,
                kind,
            })
            .collect(),
    })
}
