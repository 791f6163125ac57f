//! What becomes of the inputs along the knob: which path they take, and how far outputs are off.

use crate::schema::ScenarioReport;
use crate::text::percent;
use perforate_base::units::three_digits;
use perforate_chart::{Axis, NumberFormat, Plot, Point, Role, Scale, Series};

use super::selected::Selected;
use super::tradeoff::active_axis;

/// Share of the inputs that take each path, over the active computation: how inputs spread over the exits.
pub fn paths(title: &str, report: Option<&ScenarioReport>, selected: Selected) -> Plot {
    let curve = report.map_or(&[][..], |report| &report.curve);
    let names = curve.first().map(|point| point.paths.keys()).into_iter().flatten();
    let series = names.map(|name| Series {
        name: name.clone(),
        role: Role::Curve,
        points: curve
            .iter()
            .enumerate()
            .map(|(ix, point)| {
                let share = point.paths.get(name).copied().unwrap_or(0.0);
                let label = format!(
                    "{name}: {} of inputs at {} active",
                    percent(share),
                    percent(point.active)
                );
                Point { x: point.active, y: share, label, knob: Some(ix), ..Point::default() }
            })
            .collect(),
    });
    let series: Vec<Series> = series.collect();
    let y = Axis {
        label: "Inputs that take it".into(),
        scale: Scale::Linear,
        range: Some((0.0, 1.0)),
        format: NumberFormat::Percent,
        ..Axis::default()
    };
    let selected = marked(&series, selected);
    Plot { title: title.into(), x: active_axis(report), y, series, selected, ..Plot::default() }
}

/// Mean absolute difference from the full model's outputs.
pub fn deviation(title: &str, report: Option<&ScenarioReport>, selected: Selected) -> Plot {
    let curve = report.map_or(&[][..], |report| &report.curve);
    let points = curve.iter().enumerate().map(|(ix, point)| {
        let label = format!(
            "{} mean, {} largest difference at {} active",
            three_digits(point.deviation_mean),
            three_digits(point.deviation_max),
            percent(point.active)
        );
        Point {
            x: point.active,
            y: point.deviation_mean,
            label,
            knob: Some(ix),
            ..Point::default()
        }
    });
    let series =
        vec![Series { name: "routed".into(), role: Role::Curve, points: points.collect() }];
    let y = Axis {
        label: "Mean difference from the full model’s outputs".into(),
        scale: Scale::Linear,
        range: None,
        format: NumberFormat::Plain,
        ..Axis::default()
    };
    let selected = marked(&series, selected);
    Plot { title: title.into(), x: active_axis(report), y, series, selected, ..Plot::default() }
}

/// The point of the knob's position in each series that has one.
fn marked(series: &[Series], selected: Selected) -> Option<(usize, usize)> {
    let Selected::Knob(index) = selected else { return None };
    let points = &series.first()?.points;
    points.iter().position(|point| point.knob == Some(index)).map(|ix| (0, ix))
}
