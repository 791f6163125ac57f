//! A battery: what its size gives, and how it runs down.

use perforate_chart::{Axis, NumberFormat, Plot, Point, Role, Scale, Series};
use perforate_report::text::percent;

use super::report::{BatteryReport, BudgetReport};
use super::simulation::{Moment, Policy};

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
pub fn answers(title: &str, battery: &BatteryReport) -> Plot {
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
        ..Axis::default()
    };
    let y = Axis {
        label: "Right answers, of all inputs".into(),
        scale: Scale::Linear,
        range: Some((0.0, 1.0)),
        format: NumberFormat::Percent,
        ..Axis::default()
    };
    Plot { title: title.into(), x, y, series, ..Plot::default() }
}

/// Energy left over the inputs answered.
pub fn drains(title: &str, battery: &BatteryReport) -> Plot {
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
        ..Axis::default()
    };
    let y = axis("Energy left");
    Plot { title: title.into(), x: axis("Inputs answered"), y, series, ..Plot::default() }
}
