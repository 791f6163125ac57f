//! What is left out before each layer, against what was asked for.

use perforate_chart::{Plot, Point, Role, Series};
use perforate_report::plots::share_axis;
use perforate_report::text::percent;
use perforate_report::{PointReport, ScenarioReport, Section};

/// The section, once something is measured.
pub fn section(report: &ScenarioReport) -> Option<Section> {
    let told = report.curve.iter().any(|point| !point.kept.is_empty());
    let title = "Tokens left out, layer by layer";
    told.then(|| Section::new("layers", title).with_plot("layers", plot(title, report)))
}

/// A line a layer over the knob, which is the share that is to be left out on average.
fn plot(title: &str, report: &ScenarioReport) -> Plot {
    let curve = &report.curve;
    let asked = |point: &PointReport| point.knob.values().next().map(|&value| f64::from(value));
    let layers = curve.iter().map(|point| point.kept.len()).max().unwrap_or(0);
    let of = |name: String, role: Role, out: &dyn Fn(&PointReport) -> Option<f64>| {
        let points = curve.iter().enumerate().filter_map(|(ix, point)| {
            let (x, y) = (asked(point)?, out(point)?);
            let label =
                format!("{name}: {} left out where {} are asked for", percent(y), percent(x));
            Some(Point { x, y, label, knob: Some(ix), ..Point::default() })
        });
        Series { points: points.collect(), name, role }
    };
    let mut series: Vec<Series> = (0..layers)
        .map(|layer| {
            let out = |point: &PointReport| Some(1.0 - point.kept.get(layer)?);
            of(format!("layer {}", layer + 1), Role::Curve, &out)
        })
        .collect();
    let mean = |point: &PointReport| {
        let count = point.kept.len();
        (count > 0).then(|| 1.0 - point.kept.iter().sum::<f64>() / count as f64)
    };
    series.push(of("all layers, on average".into(), Role::Front, &mean));
    series.push(of("as asked for".into(), Role::Ideal, &asked));
    Plot {
        title: title.into(),
        x: share_axis("Tokens to be left out, on average over the layers"),
        y: share_axis("Tokens left out"),
        series,
        ..Plot::default()
    }
}
