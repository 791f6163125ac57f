//! Which precision each stage takes, over the budget.

use crate::text::percent;
use perforate_chart::{Axis, NumberFormat, Plot, Point, Role, Scale, Series};
use perforate_report::ScenarioReport;
use perforate_routing::precision::VARIANTS;

use super::tradeoff::active_axis;

/// Stages by variant, at every setting: a mark is a stage in that precision.
pub fn plot(title: &str, report: Option<&ScenarioReport>) -> Plot {
    let precision = report.and_then(|report| report.precision.as_ref());
    let series =
        VARIANTS.iter().zip([Role::Light, Role::Matched, Role::Full]).map(|(name, role)| {
            let settings = report.iter().flat_map(|report| &report.curve);
            let mixes = precision.iter().flat_map(|precision| &precision.mixes);
            let points = settings.zip(mixes).enumerate().flat_map(|(ix, (point, mix))| {
                let own = mix.iter().enumerate().filter(|(_, variant)| *variant == name);
                own.map(move |(stage, _)| Point {
                    x: point.active,
                    y: (stage + 1) as f64,
                    label: format!(
                        "stage {}: {name} at {} of the energy",
                        stage + 1,
                        percent(point.active)
                    ),
                    knob: Some(ix),
                    ..Point::default()
                })
            });
            Series { name: (*name).into(), role, points: points.collect() }
        });
    let stages = precision.map_or(1, |precision| precision.stages.len());
    let y = Axis {
        label: "Stage".into(),
        scale: Scale::Linear,
        range: Some((0.5, stages as f64 + 0.5)),
        format: NumberFormat::Plain,
        ..Axis::default()
    };
    let series: Vec<Series> = series.collect();
    Plot { title: title.into(), x: active_axis(report), y, series, ..Plot::default() }
}
