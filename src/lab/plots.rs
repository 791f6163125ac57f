//! The charts of a scenario's report: which series stand in which, and in what units.

use crate::bench::battery::{Moment, Policy};
use crate::bench::sweep::Active;
use crate::chart::{Axis, NumberFormat, Plot, Point, Role, Scale, Series};
use crate::report::{BatteryReport, BudgetReport, PointReport, ScenarioReport};
use crate::units::three_digits;

use super::text::{dash, percent, speedup};

/// Charts of every scenario, by id and title.
const CURVES: [(&str, &str); 3] = [
    ("quality", "Quality against speed-up"),
    ("latency", "Latency against active computation"),
    ("speedup", "Speed-up against active computation"),
];
/// More charts of a scenario on a battery.
const BATTERY: [(&str, &str); 2] = [
    ("answers", "Right answers against the battery’s size"),
    ("battery", "A battery run down, policy by policy"),
];

/// The charts of a report, by id and title, in the page's order.
pub fn charts(report: Option<&ScenarioReport>) -> Vec<(&'static str, &'static str)> {
    match report.and_then(|report| report.battery.as_ref()) {
        Some(_) => [&CURVES[..], &BATTERY].concat(),
        None => CURVES.to_vec(),
    }
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

/// The plot of this chart; `report` is none as long as nothing is measured.
pub fn plot(id: &str, report: Option<&ScenarioReport>, selected: Selected) -> Option<Plot> {
    let &(id, title) = CURVES.iter().chain(&BATTERY).find(|(known, _)| *known == id)?;
    match id {
        "answers" => return Some(answers(title, report?.battery.as_ref()?)),
        "battery" => return Some(drains(title, report?.battery.as_ref()?)),
        _ => {}
    }
    let (x, y) = match id {
        "quality" => (Measure::Speedup, Measure::Quality),
        "latency" => (Measure::Active, Measure::Latency),
        _ => (Measure::Active, Measure::Speedup),
    };
    let labelled = report.is_some_and(|r| r.references.full.accuracy.is_some());
    let mut plot =
        Plot { title: title.into(), x: x.axis(labelled), y: y.axis(labelled), ..Plot::default() };
    if report.is_some_and(|r| r.active_means == Active::Operations)
        && let Some(axis) = [(x, &mut plot.x), (y, &mut plot.y)]
            .into_iter()
            .find_map(|(measure, axis)| (measure == Measure::Active).then_some(axis))
    {
        axis.label = "Operations, of the full model’s".into();
    }
    let Some(report) = report else { return Some(plot) };
    let point = |p: &PointReport, knob: Option<usize>, name: &str| -> Option<Point> {
        let ((x, x_interval), (y, y_interval)) = (x.of(p)?, y.of(p)?);
        let label = format!(
            "{name}: {} active, {}, {}",
            percent(p.active),
            dash(p.batch1.map(speedup)),
            p.accuracy.map_or_else(
                || format!("{} agreement", percent(p.agreement)),
                |a| format!("{} accuracy", percent(a))
            )
        );
        Some(Point { x, y, x_interval, y_interval, label, knob })
    };
    let single = |name: &str, role, p: &PointReport| Series {
        name: name.into(),
        role,
        points: point(p, None, name).into_iter().collect(),
    };
    let curve = report.curve.iter().enumerate().filter_map(|(ix, p)| point(p, Some(ix), "routed"));
    plot.series.push(Series { name: "routed".into(), role: Role::Curve, points: curve.collect() });
    plot.series.push(single("full", Role::Full, &report.references.full));
    plot.series.push(single("light", Role::Light, &report.references.light));
    if let Some(certified) = &report.operating_point.point {
        plot.series.push(single("certified", Role::Certified, certified));
    }
    let statics: Vec<Point> =
        report.references.statics.iter().filter_map(|p| point(p, None, "static model")).collect();
    if !statics.is_empty() {
        plot.series.push(Series {
            name: "static models".into(),
            role: Role::Matched,
            points: statics,
        });
    }
    let predicted = report.dense.iter().filter_map(|p| {
        let of = |measure: Measure| match measure {
            Measure::Active => Some(p.active),
            Measure::Latency => p.latency_s,
            Measure::Speedup => p.speedup,
            Measure::Quality => Some(p.accuracy.unwrap_or(p.agreement)),
        };
        Some(Point { x: of(x)?, y: of(y)?, ..Point::default() })
    });
    let predicted: Vec<Point> = predicted.collect();
    if !predicted.is_empty() {
        plot.series.push(Series {
            name: "predicted from segments".into(),
            role: Role::Dense,
            points: predicted,
        });
    }
    if id == "speedup" {
        let ideal = report.curve.iter().map(|p| Point {
            x: p.active,
            y: p.ideal_speedup,
            ..Point::default()
        });
        plot.series.push(Series {
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
    plot.series.push(Series {
        name: "random router".into(),
        role: Role::Random,
        points: random.collect(),
    });
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
    Some(plot)
}

/// A series for each policy, its points made by `points`.
fn policies(points: impl Fn(Policy) -> Vec<Point>) -> Vec<Series> {
    Policy::ALL
        .into_iter()
        // The policies that look at the battery come first, and so get the stronger colours.
        .rev()
        .map(|policy| Series {
            name: policy.name().into(),
            role: Role::Curve,
            points: points(policy),
        })
        .collect()
}

/// Share of right answers over the budget.
fn answers(title: &str, battery: &BatteryReport) -> Plot {
    let series = policies(|policy| {
        let of = |budget: &BudgetReport| {
            let drain = budget.drains.get(&policy)?;
            let label = format!(
                "{}, {} of the big model’s energy: {} of {} right, {} answered",
                policy.name(),
                percent(budget.share),
                drain.right,
                battery.inputs,
                drain.answered
            );
            let y = drain.right as f64 / battery.inputs as f64;
            Some(Point { x: budget.share, y, label, ..Point::default() })
        };
        battery.budgets.iter().filter_map(of).collect()
    });
    let x = Axis {
        label: "Battery, of what the big model needs for all inputs".into(),
        scale: Scale::Log,
        range: None,
        format: NumberFormat::Percent,
    };
    let y = Axis {
        label: "Right answers, of all inputs".into(),
        scale: Scale::Linear,
        range: Some((0.0, 1.0)),
        format: NumberFormat::Percent,
    };
    Plot { title: title.into(), x, y, series, ..Plot::default() }
}

/// Energy left over the inputs answered.
fn drains(title: &str, battery: &BatteryReport) -> Plot {
    let budget = &battery.budgets[battery.shown.min(battery.budgets.len() - 1)];
    let series = policies(|policy| {
        let of = |moment: &Moment| {
            let label = format!(
                "{}: {} left after {} inputs, {} right",
                policy.name(),
                percent(moment.left),
                moment.answered,
                moment.right
            );
            let x = moment.answered as f64 / battery.inputs as f64;
            Point { x, y: moment.left, label, ..Point::default() }
        };
        let course = budget.drains.get(&policy).map(|drain| &drain.course);
        course.map_or(vec![], |course| course.iter().map(of).collect())
    });
    let axis = |label: &str| Axis {
        label: label.into(),
        scale: Scale::Linear,
        range: Some((0.0, 1.0)),
        format: NumberFormat::Percent,
    };
    let y = axis("Energy left");
    Plot { title: title.into(), x: axis("Inputs answered"), y, series, ..Plot::default() }
}

/// An oracle's place: nobody can run it, so its time is predicted from its paths', or from operations
/// as long as these are not timed.
fn bound(
    report: &ScenarioReport,
    p: &PointReport,
    name: &str,
    (x, y): (Measure, Measure),
) -> Option<Point> {
    let speedup = p.predicted_speedup.unwrap_or(p.ideal_speedup);
    let full = report.references.full.batch1;
    let of = |measure: Measure| match measure {
        Measure::Speedup => Some(speedup),
        Measure::Latency => full.map(|t| t.latency_s.median / speedup),
        other => other.of(p).map(|(value, _)| value),
    };
    let label = format!(
        "{name}: {} active, {}\u{a0}× predicted, {}",
        percent(p.active),
        three_digits(speedup),
        p.accuracy.map_or_else(
            || format!("{} agreement", percent(p.agreement)),
            |a| format!("{} accuracy", percent(a))
        )
    );
    Some(Point { x: of(x)?, y: of(y)?, label, ..Point::default() })
}

/// A quantity that a chart shows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    Active,
    Latency,
    Speedup,
    Quality,
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
            Measure::Quality => {
                ("Agreement with the full model", NumberFormat::Percent, Scale::Linear)
            }
        };
        Axis { label: label.into(), scale, range: None, format }
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
        }
    }
}
