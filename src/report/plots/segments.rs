//! Where the time goes: each segment's, beside what it would be if time followed operations.

use crate::parts::SegmentReport;
use crate::schema::ScenarioReport;
use crate::text::percent;
use perforate_base::units::{Macs, Seconds};
use perforate_chart::{Axis, NumberFormat, Plot, Point, Role, Scale, Series};

/// Bars that can be told apart.
const MOST: usize = 16;
/// Where there are more, those below this share of the time are left to the table.
const LEAST: f64 = 0.002;

/// A bar a segment, the first on top.
pub fn plot(title: &str, report: Option<&ScenarioReport>) -> Plot {
    let segments = report.map_or(&[][..], |report| &report.segments);
    let mut timed: Vec<(&SegmentReport, f64)> =
        segments.iter().filter_map(|s| Some((s, s.latency_s?.median))).collect();
    let seconds: f64 = timed.iter().map(|(_, time)| time).sum();
    let macs: f64 = timed.iter().filter_map(|(s, _)| s.macs).sum();
    let all = timed.len();
    if all > MOST {
        timed.retain(|(_, time)| *time >= LEAST * seconds);
    }
    let left = all - timed.len();
    let note = (left > 0).then(|| {
        format!("{left} more take less than {} of the time each: see the table.", percent(LEAST))
    });
    let row = |ix: usize| (timed.len() - 1 - ix) as f64;
    let measured = timed.iter().enumerate().map(|(ix, (segment, time))| Point {
        x: *time,
        y: row(ix),
        x_interval: segment.latency_s.map(|t| (t.lo, t.hi)),
        label: format!(
            "{}: {}, {} of all segments\u{2019}",
            segment.name,
            Seconds(*time),
            percent(time / seconds)
        ),
        ..Point::default()
    });
    let by_operations = timed.iter().enumerate().filter_map(|(ix, (segment, _))| {
        let share = segment.macs? / macs;
        let label = format!(
            "{}: {}, {} of all; in proportion {}",
            segment.name,
            Macs(segment.macs?),
            percent(share),
            Seconds(seconds * share)
        );
        let x = seconds * share;
        x.is_finite().then(|| Point { x, y: row(ix), label, ..Point::default() })
    });
    let series = vec![
        Series { name: "measured".into(), role: Role::Bar, points: measured.collect() },
        Series {
            name: "if time followed operations".into(),
            role: Role::Reference,
            points: by_operations.collect(),
        },
    ];
    let longest = series.iter().flat_map(|s| &s.points).map(|p| p.x).fold(0.0, f64::max);
    let x = Axis {
        label: "Time for a row, by itself".into(),
        format: NumberFormat::Seconds,
        range: (longest > 0.0).then_some((0.0, longest * 1.05)),
        ..Axis::default()
    };
    let y = Axis {
        label: "Segment".into(),
        scale: Scale::Linear,
        range: Some((-0.5, timed.len().max(1) as f64 - 0.5)),
        names: timed.iter().rev().map(|(segment, _)| segment.name.clone()).collect(),
        ..Axis::default()
    };
    Plot { title: title.into(), x, y, series, note, ..Plot::default() }
}
