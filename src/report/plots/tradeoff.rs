//! The trade-off curves: the routed model over its knob, beside every reference.

use crate::point::PointReport;
use crate::schema::{MixtureReport, ScenarioReport};
use crate::text::{dash, percent, speedup_within, times};
use perforate_base::units::Seconds;
use perforate_bench::pareto;
use perforate_bench::sweep::Active;
use perforate_bench::verdict::RivalKind;
use perforate_chart::{Axis, NumberFormat, Plot, Point, Role, Scale, Series, Unit};
use perforate_routing::fit::calibrate::Loss;

use super::selected::Selected;

/// One quantity over another, for the routed model and its references.
pub fn plot(
    title: &str,
    (x, y): (Measure, Measure),
    report: Option<&ScenarioReport>,
    selected: Selected,
) -> Plot {
    let labelled = report.is_some_and(|r| r.references.full.accuracy.is_some());
    let mut plot =
        Plot { title: title.into(), x: x.axis(labelled), y: y.axis(labelled), ..Plot::default() };
    for (measure, axis) in [(x, &mut plot.x), (y, &mut plot.y)] {
        if measure == Measure::Active {
            *axis = active_axis(report);
        }
    }
    let Some(report) = report else { return plot };
    let single = |name: &str, role, p: &PointReport| {
        series(name, role, [point((x, y), p, None, name)].into_iter().flatten().collect())
    };
    let curve =
        report.curve.iter().enumerate().filter_map(|(ix, p)| point((x, y), p, Some(ix), "routed"));
    plot.series.push(Series { name: "routed".into(), role: Role::Curve, points: curve.collect() });
    plot.series.push(single("full model", Role::Full, &report.references.full));
    let rivals = report.evidence.iter().flat_map(|evidence| &evidence.rivals);
    let first_exit = rivals.into_iter().any(|rival| rival.kind == RivalKind::FirstExit);
    let light = if first_exit { "first exit alone" } else { "light model alone" };
    plot.series.push(single(light, Role::Light, &report.references.light));
    if let Some(certified) = &report.operating_point.point {
        let what = match report.operating_point.risk.loss {
            Loss::Error => "lost",
            Loss::Disagreement => "changed",
        };
        let epsilon = (1e6 * report.operating_point.risk.epsilon).round() / 1e4;
        let mut series = single("certified", Role::Certified, certified);
        series.name = format!("certified: ≤ {epsilon}\u{a0}% {what}");
        plot.series.push(series);
    }
    let statics: Vec<Point> = report
        .references
        .statics
        .iter()
        .filter_map(|p| point((x, y), p, None, "smaller model"))
        .collect();
    if !statics.is_empty() {
        plot.series.push(Series {
            name: "smaller models".into(),
            role: Role::Static,
            points: statics,
        });
    }
    let other_strategies: Vec<Point> = report
        .references
        .other_strategies
        .iter()
        .filter_map(|r| point((x, y), &r.point, None, &r.name))
        .collect();
    if !other_strategies.is_empty() {
        let name = "other strategies".into();
        plot.series.push(Series { name, role: Role::Reference, points: other_strategies });
    }
    plot.series.extend(mixture(report, (x, y)));
    plot.series.extend(computed(report, (x, y)));
    let oracles = [
        ("oracle", Role::Oracle, &report.references.oracle),
        ("agreement oracle", Role::Agreement, &report.references.agreement_oracle),
    ];
    for (name, role, p) in oracles {
        plot.series.push(Series {
            name: format!("{name}, predicted"),
            role,
            points: bound(report, p, name, (x, y)).into_iter().collect(),
        });
    }
    plot.selected = match selected {
        Selected::Nothing => None,
        Selected::Full => Some((1, 0)),
        Selected::Knob(index) => {
            let shown = plot.series[0].points.iter().position(|p| p.knob == Some(index));
            shown.map(|ix| (0, ix))
        }
    };
    if y == Measure::Quality {
        plot.series.push(front(&plot.series));
        uncertain(&mut plot, report);
    }
    plot
}

/// How far the accuracy of a single mark may be from the full model's, by pairs of answers; on the line itself such
/// intervals would hide it.
fn uncertain(plot: &mut Plot, report: &ScenarioReport) {
    let Some(full) = report.references.full.accuracy else { return };
    let within = |p: &PointReport| {
        let apart = p.accuracy_difference?;
        Some((full + apart.lo / 100.0, full + apart.hi / 100.0))
    };
    let references = &report.references;
    let certified: Vec<&PointReport> = report.operating_point.point.iter().collect();
    let statics: Vec<&PointReport> = references.statics.iter().collect();
    for series in &mut plot.series {
        let points = match series.role {
            Role::Light => &[&references.light][..],
            Role::Certified => &certified,
            Role::Static => &statics,
            _ => continue,
        };
        if points.len() == series.points.len() {
            for (mark, point) in series.points.iter_mut().zip(points) {
                mark.y_interval = within(point);
            }
        }
    }
}

/// The routed model's place or a reference's.
fn point(
    (x, y): (Measure, Measure),
    p: &PointReport,
    knob: Option<usize>,
    name: &str,
) -> Option<Point> {
    let ((x, x_interval), (y, y_interval)) = (x.of(p)?, y.of(p)?);
    let label = format!(
        "{name}: {} active, {}, {}, {}",
        percent(p.active),
        dash(p.batch1.map(|t| Seconds(t.latency_s.median).to_string())),
        dash(p.batch1.map(speedup_within)),
        quality(p)
    );
    Some(Point { x, y, x_interval, y_interval, label, knob })
}

fn series(name: &str, role: Role, points: Vec<Point>) -> Series {
    Series { name: name.into(), role, points }
}

/// What nobody timed: the curve predicted from segments, the ideal from operations, the random router.
fn computed(report: &ScenarioReport, (x, y): (Measure, Measure)) -> Vec<Series> {
    let mut all = vec![];
    let predicted = report.dense.iter().filter_map(|p| {
        let of = |measure: Measure| match measure {
            Measure::Active => Some(p.active),
            Measure::Latency => p.latency_s,
            Measure::Speedup => p.speedup,
            Measure::Quality => Some(p.accuracy.unwrap_or(p.agreement)),
            Measure::Bytes => None,
        };
        Some(Point { x: of(x)?, y: of(y)?, ..Point::default() })
    });
    let predicted: Vec<Point> = predicted.collect();
    if !predicted.is_empty() {
        all.push(Series {
            name: "predicted from segments".into(),
            role: Role::Dense,
            points: predicted,
        });
    }
    if (x, y) == (Measure::Active, Measure::Speedup) {
        let ideal = report.curve.iter().map(|p| Point {
            x: p.active,
            y: p.ideal_speedup,
            ..Point::default()
        });
        all.push(Series {
            name: "ideal, from MACs".into(),
            role: Role::Ideal,
            points: ideal.collect(),
        });
    }
    // The random router runs the same work as the routed model, so its time is that one's.
    let random = report.references.random.iter().zip(&report.curve).filter_map(|(r, p)| {
        let of = |measure: Measure| match measure {
            Measure::Quality => measure.of(r),
            _ => measure.of(p),
        };
        Some(Point { x: of(x)?.0, y: of(y)?.0, ..Point::default() })
    });
    all.push(Series { name: "random router".into(), role: Role::Random, points: random.collect() });
    all
}

/// Points drawn from one corner of the line of mixtures to the next, which is straight in costs alone.
const STEPS: usize = 16;

/// What random mixtures of static models give.
fn mixture(report: &ScenarioReport, (x, y): (Measure, Measure)) -> Option<Series> {
    let corners = &report.references.mixture;
    if corners.len() < 2 || (x, y) != (Measure::Speedup, Measure::Quality) {
        return None;
    }
    let between = |pair: &[MixtureReport]| -> Vec<Point> {
        let (from, to) = (pair[0], pair[1]);
        let at = |step: usize| {
            let share = step as f64 / STEPS as f64;
            let mix = |a: f64, b: f64| a + share * (b - a);
            let x = 1.0 / mix(1.0 / from.speedup, 1.0 / to.speedup);
            Point { x, y: mix(from.accuracy, to.accuracy), ..Point::default() }
        };
        (0..=STEPS).map(at).collect()
    };
    let points = corners.windows(2).flat_map(between).collect();
    Some(series("random mixture", Role::Mixture, points))
}

/// What none of these settings and models is better than in both: stairs through the Pareto-optimal ones of
/// what was measured.
fn front(series: &[Series]) -> Series {
    let measured = [Role::Curve, Role::Full, Role::Light, Role::Static, Role::Reference];
    let points = series.iter().filter(|s| measured.contains(&s.role)).flat_map(|s| &s.points);
    let best = pareto::front(&points.map(|p| (p.x, p.y)).collect::<Vec<_>>());
    let mut stairs: Vec<Point> = vec![];
    for (x, y) in best {
        if let Some(last) = stairs.last().cloned() {
            stairs.push(Point { x, y: last.y, ..Point::default() });
        }
        stairs.push(Point { x, y, ..Point::default() });
    }
    Series { name: "Pareto front".into(), role: Role::Front, points: stairs }
}

/// Accuracy, or agreement where nothing is labelled.
fn quality(p: &PointReport) -> String {
    p.accuracy.map_or_else(
        || format!("{} agreement", percent(p.agreement)),
        |a| format!("{} accuracy", percent(a)),
    )
}

/// The axis of active computation, as the report means it.
pub fn active_axis(report: Option<&ScenarioReport>) -> Axis {
    let axis = Measure::Active.axis(false);
    match report.map(|report| report.active_means) {
        Some(Active::Operations) => {
            Axis { label: "Operations, of the full model’s".into(), ..axis }
        }
        Some(Active::Energy) => {
            Axis { label: "Energy by operations, of the full model’s".into(), ..axis }
        }
        _ => axis,
    }
}

/// An oracle's place: nobody can run it, so its time is predicted from its paths', or from operations
/// as long as these are not timed.
fn bound(
    report: &ScenarioReport,
    p: &PointReport,
    name: &str,
    (x, y): (Measure, Measure),
) -> Option<Point> {
    // Where paths do the same operations in other precisions, these say nothing of the time.
    let by_operations = (report.active_means != Active::Energy).then_some(p.ideal_speedup);
    let speedup = p.predicted_speedup.or(by_operations);
    let full = report.references.full.batch1;
    let of = |measure: Measure| match measure {
        Measure::Speedup => speedup,
        Measure::Latency => full.zip(speedup).map(|(t, speedup)| t.latency_s.median / speedup),
        other => other.of(p).map(|(value, _)| value),
    };
    let label = format!(
        "{name}: {} active, {}, {} predicted, {}",
        percent(p.active),
        dash(
            full.zip(speedup).map(|(t, speedup)| Seconds(t.latency_s.median / speedup).to_string())
        ),
        dash(speedup.map(times)),
        quality(p)
    );
    Some(Point { x: of(x)?, y: of(y)?, label, ..Point::default() })
}

/// A quantity that a chart shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    Active,
    Latency,
    Speedup,
    Quality,
    Bytes,
}

impl Measure {
    fn axis(self, labelled: bool) -> Axis {
        let (label, format, scale) = match self {
            Measure::Active => ("Inputs on the full path", NumberFormat::Percent, Scale::Linear),
            Measure::Latency => {
                ("Latency, batch 1 (lower is better)", NumberFormat::Seconds, Scale::Linear)
            }
            Measure::Speedup => ("Speed-up, batch 1", NumberFormat::Ratio, Scale::Log),
            Measure::Quality if labelled => ("Accuracy", NumberFormat::Percent, Scale::Linear),
            Measure::Bytes => {
                ("Weights read (lower is better)", NumberFormat::Si(Unit::Bytes), Scale::Linear)
            }
            Measure::Quality => {
                ("Agreement with the full model", NumberFormat::Percent, Scale::Linear)
            }
        };
        Axis { label: label.into(), scale, format, ..Axis::default() }
    }

    /// Value and interval.
    fn of(self, point: &PointReport) -> Option<(f64, Option<(f64, f64)>)> {
        match self {
            Measure::Active => Some((point.active, None)),
            Measure::Latency => {
                point.batch1.map(|t| (t.latency_s.median, Some((t.latency_s.lo, t.latency_s.hi))))
            }
            Measure::Speedup => {
                point.batch1.map(|t| (t.speedup.median, Some((t.speedup.lo, t.speedup.hi))))
            }
            Measure::Quality => Some((point.accuracy.unwrap_or(point.agreement), None)),
            Measure::Bytes => Some((point.bytes, None)),
        }
    }
}
