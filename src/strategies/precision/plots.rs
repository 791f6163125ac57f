//! Which precision each stage takes, over the budget.

use perforate_chart::{Axis, NumberFormat, Plot, Point, Role, Scale, Series};
use perforate_report::ScenarioReport;
use perforate_report::plots::active_axis;
use perforate_report::text::percent;

use super::compose::VARIANTS;
use super::report::PrecisionReport;

/// Stages by variant, at every setting: a mark is a stage in that precision.
pub fn plot(title: &str, report: &ScenarioReport, precision: &PrecisionReport) -> Plot {
    let series =
        VARIANTS.iter().zip([Role::Light, Role::Static, Role::Full]).map(|(name, role)| {
            let points = report.curve.iter().zip(&precision.mixes).enumerate().flat_map(
                |(ix, (point, mix))| {
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
                },
            );
            Series { name: (*name).into(), role, points: points.collect() }
        });
    let stages = precision.stages.len();
    let y = Axis {
        label: "Stage".into(),
        scale: Scale::Linear,
        range: Some((0.5, stages as f64 + 0.5)),
        format: NumberFormat::Plain,
        ..Axis::default()
    };
    let series: Vec<Series> = series.collect();
    Plot { title: title.into(), x: active_axis(Some(report)), y, series, ..Plot::default() }
}
