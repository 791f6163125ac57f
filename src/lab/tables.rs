//! The tables of the page: all numbers, and the segments with what they cost anywhere and here.

use std::borrow::Cow;

use serde::Serialize;

use perforate_base::units::{Bytes, Macs, Seconds, three_digits};
use perforate_bench::sweep::Active;
use perforate_chart::{Axis, NumberFormat, Plot, Role};
use perforate_report::{
    LengthsReport, ModelReport, PointRow, RobustnessReport, ScenarioReport, exits,
};

use super::text::{dash, knob, percent, speedup, speedup_within, times};

/// One column of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    id: &'static str,
    title: Cow<'static, str>,
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

const fn column(id: &'static str, title: &'static str, unit: &'static str) -> Column {
    Column { id, title: Cow::Borrowed(title), unit }
}

const COLUMNS: [Column; 11] = [
    column("kind", "Arm", ""),
    column("knob", "Threshold", ""),
    column("active", "Active", "rows on the full path"),
    column("latency", "Latency", "batch 1"),
    column("throughput", "Throughput", "per second"),
    column("speed_up", "Speed-up", "batch 1, 95 %"),
    column("speed_up_32", "Speed-up", "batch 32"),
    column("ideal", "Ideal", "from MACs"),
    column("accuracy", "Accuracy", ""),
    column("agreement", "Agreement", "with full"),
    column("deviation", "Deviation", "max, mean"),
];

const SEGMENT_COLUMNS: [Column; 8] = [
    column("segment", "Segment", ""),
    column("operators", "Operators", ""),
    column("macs", "Operations", "for a row"),
    column("time", "Time here", "for a row, 95 %"),
    column("of_macs", "Operations", "share of all"),
    column("of_time", "Time", "share of all"),
    column("weights", "Weights", ""),
    column("live", "Live tensors", "at most"),
];

/// All points of a scenario; `selected` is the setting at hand, none if the full model is shown.
pub fn numbers(report: &ScenarioReport, selected: Option<usize>) -> Table {
    let rows = report.rows().into_iter().filter(|row| row.kind != "random");
    let mut routed = 0;
    let rows = rows.map(|row| {
        let kind = row.kind;
        let selected = match kind {
            "routed" => {
                routed += 1;
                selected == Some(routed - 1)
            }
            "full" => selected.is_none(),
            _ => false,
        };
        Row { cells: cells(&row), selected, kind }
    });
    Table {
        caption: format!(
            "{}: {} test samples; threshold chosen on {} others",
            report.data.name, report.data.test_n, report.data.calibration_n
        ),
        columns: COLUMNS
            .iter()
            .cloned()
            .map(|column| match (column.id, report.active_means) {
                ("active", Active::Operations) => Column { unit: "of full operations", ..column },
                ("active", Active::Energy) => Column { unit: "of full energy", ..column },
                _ => column,
            })
            .collect(),
        rows: rows.collect(),
    }
}

fn cells(row: &PointRow<'_>) -> Vec<String> {
    let point = row.point;
    vec![
        row.title(),
        dash(point.knob.values().next().map(|v| knob(*v))),
        percent(point.active),
        dash(point.batch1.map(|t| Seconds(t.latency_s.median).to_string())),
        dash(point.batch1.map(|t| three_digits(t.throughput_per_s.median))),
        dash(point.batch1.map(speedup_within)),
        dash(point.batch32.map(speedup)),
        format!("{}\u{a0}×", three_digits(point.ideal_speedup)),
        dash(point.accuracy.map(percent)),
        percent(point.agreement),
        format!("{}, {}", three_digits(point.deviation_max), three_digits(point.deviation_mean)),
    ]
}

/// The points of a chart, of every series but the finely predicted one.
pub fn behind(plot: &Plot) -> Table {
    let series = plot.series.iter().filter(|s| s.role != Role::Dense);
    let rows = series.flat_map(|series| series.points.iter().map(move |p| (series, p)));
    let selected = plot.selected.map(|(s, p)| &plot.series[s].points[p]);
    let within = |axis: &Axis, interval: Option<(f64, f64)>| {
        interval.map(|(lo, hi)| format!("{}–{}", written(axis, lo), written(axis, hi)))
    };
    let rows = rows.map(|(series, point)| Row {
        cells: vec![
            series.name.clone(),
            written(&plot.x, point.x),
            written(&plot.y, point.y),
            dash(within(&plot.x, point.x_interval).or_else(|| within(&plot.y, point.y_interval))),
        ],
        selected: selected.is_some_and(|chosen| std::ptr::eq(chosen, point)),
        kind: "point",
    });
    let column = |id, title: &str| Column { id, title: Cow::Owned(title.to_string()), unit: "" };
    Table {
        caption: plot.title.clone(),
        columns: vec![
            column("series", "Series"),
            column("x", &plot.x.label),
            column("y", &plot.y.label),
            column("interval", "95 %"),
        ],
        rows: rows.collect(),
    }
}

/// A value as its axis means it.
fn written(axis: &Axis, value: f64) -> String {
    if let Some(name) = axis.names.get(value.max(0.0) as usize) {
        return name.clone();
    }
    match axis.format {
        NumberFormat::Percent => percent(value),
        NumberFormat::Ratio => times(value),
        NumberFormat::Seconds => Seconds(value).to_string(),
        _ => three_digits(value),
    }
}

/// What each segment costs, anywhere and here; none before they are timed.
pub fn segments(report: &ScenarioReport) -> Option<Table> {
    let timed = |s: &perforate_report::SegmentReport| s.latency_s.map(|t| t.median);
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

/// The exits that were tried for a model that had none; none where nothing was looked for.
pub fn exits(report: &ScenarioReport) -> Option<Table> {
    let caption =
        "Places for an exit, in order of depth; agreement is on rows that no head was fitted on";
    table("exit", caption, report.exits.iter().map(exits::cells))
}

/// What a controller of precisions goes by; none where there is none.
pub fn stages(report: &ScenarioReport) -> Option<Table> {
    let precision = report.precision.as_ref()?;
    let caption = format!(
        "What each stage costs beyond its cheapest variant, as shares of the energy in f32; how far it alone puts the output off; and what must be left for a variant ({} policy). The cheapest variants of all take {}",
        precision.policy,
        percent(precision.base)
    );
    let rows = precision.stages.iter().enumerate().map(|(ix, stage)| stage.cells(ix));
    table("stage", &caption, rows)
}

/// What disturbed samples do to the full and the routed model; none without such samples.
pub fn robustness(report: &ScenarioReport) -> Option<Table> {
    let caption = "Accuracy of the full and the routed model at the operating point, on the test samples as they are and disturbed";
    table("variant", caption, report.robustness.iter().map(RobustnessReport::cells))
}

/// Perforated attention by length; none before something is measured.
pub fn lengths(lengths: &LengthsReport) -> Option<Table> {
    let caption = "Perforated attention against dense attention, by itself and in the transformer: times as fast, with 95 % intervals, with nothing and with half of the blocks to be left out; how far the answer is off then; and the most memory alive for one text";
    table("length", caption, lengths.cells())
}

/// A table of rows that are cells with their columns' titles; none without rows.
fn table(
    kind: &'static str,
    caption: &str,
    rows: impl Iterator<Item = Vec<(&'static str, String)>>,
) -> Option<Table> {
    let rows: Vec<_> = rows.collect();
    Some(Table {
        caption: caption.into(),
        columns: rows.first()?.iter().map(|(title, _)| column(title, title, "")).collect(),
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
