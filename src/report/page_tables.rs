//! The tables of the page: all numbers, and the segments with what they cost anywhere and here.

use perforate_base::units::{Bytes, Macs, Seconds, three_digits};
use perforate_bench::sweep::Active;
use perforate_chart::{Axis, NumberFormat, Plot, Role};

use super::text::{dash, knob, percent, points, speedup, speedup_within, times};
use crate::models::ModelReport;
use crate::parts::SegmentReport;
use crate::point::PointReport;
use crate::schema::ScenarioReport;
use crate::table::{Column, Row, Table};
use crate::tables::PointRow;

/// A column of a constant table: id, title, unit.
type Heading = (&'static str, &'static str, &'static str);

const fn column(id: &'static str, title: &'static str, unit: &'static str) -> Heading {
    (id, title, unit)
}

fn headings(all: &[Heading]) -> Vec<Column> {
    let of = |&(id, title, unit): &Heading| Column {
        id: id.into(),
        title: title.into(),
        unit: unit.into(),
    };
    all.iter().map(of).collect()
}

const COLUMNS: [Heading; 12] = [
    column("kind", "Model", ""),
    column("knob", "Threshold", ""),
    column("active", "Active", "rows on the full path"),
    column("latency", "Latency", "batch 1"),
    column("throughput", "Throughput", "per second"),
    column("speed_up", "Speed-up", "batch 1, 95 %"),
    column("speed_up_32", "Speed-up", "batch 32"),
    column("ideal", "Ideal", "from MACs"),
    column("accuracy", "Accuracy", ""),
    column("difference", "Difference", "points, 95 %"),
    column("agreement", "Agreement", "with full"),
    column("deviation", "Deviation", "max, mean"),
];

const SEGMENT_COLUMNS: [Heading; 8] = [
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
        Row { cells: cells(&row), selected, kind: kind.into() }
    });
    Table {
        caption: format!(
            "{}: {} test samples; threshold chosen on {} others",
            report.data.name, report.data.test_n, report.data.calibration_n
        ),
        columns: headings(&COLUMNS.map(|heading| match (heading.0, report.active_means) {
            ("active", Active::Operations) => column("active", heading.1, "of full operations"),
            ("active", Active::Energy) => column("active", heading.1, "of full energy"),
            _ => heading,
        })),
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
        times(point.ideal_speedup),
        dash(point.accuracy.map(percent)),
        dash(difference(point)),
        percent(point.agreement),
        format!("{}, {}", three_digits(point.deviation_max), three_digits(point.deviation_mean)),
    ]
}

/// Accuracy minus the full model's, in points, with its interval.
pub fn difference(point: &PointReport) -> Option<String> {
    let own = point.accuracy_difference?;
    let [median, lo, hi] = [own.median, own.lo, own.hi].map(|pp| points(pp / 100.0));
    Some(format!("{median} ({lo} to {hi})"))
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
        kind: "point".into(),
    });
    let column =
        |id: &str, title: &str| Column { id: id.into(), title: title.into(), unit: String::new() };
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
    let timed = |s: &SegmentReport| s.latency_s.map(|t| t.median);
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
            kind: "segment".into(),
        });
    (seconds > 0.0).then(|| Table {
        caption: "Segments of the routed model: what each costs anywhere, and on this device"
            .into(),
        columns: headings(&SEGMENT_COLUMNS),
        rows: rows.collect(),
    })
}

/// The models beside each other; none before they are timed.
pub fn models(report: &ScenarioReport) -> Option<Table> {
    let caption = "What each model is made of, costs and answers; tables are such as word embeddings, of which a run looks up a few rows; the routed model stands at its operating point";
    Table::of("model", caption, report.models.iter().map(ModelReport::cells))
}
