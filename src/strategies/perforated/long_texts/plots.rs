//! Perforated attention by length, and what its blocks are chosen by.

use perforate_base::units::Bytes;
use perforate_chart::{Axis, NumberFormat, Plot, Point, Role, Scale, Series, Unit};
use perforate_report::plots::share_axis;
use perforate_report::text::{percent, times};

use super::ablation::Choice;
use super::report::LengthsReport;
use super::timing::LengthComparison;

fn tokens_axis() -> Axis {
    Axis {
        label: "Tokens".into(),
        scale: Scale::Log,
        format: NumberFormat::Plain,
        ..Axis::default()
    }
}

/// How much faster than dense, by length; one text at once.
pub fn speedups(title: &str, lengths: &LengthsReport) -> Plot {
    let of = |name: &str, target: usize, all: &mut dyn Iterator<Item = &LengthComparison>| Series {
        name: name.into(),
        role: Role::Curve,
        points: all
            .map(|compared| {
                let speedup = compared.speedups[target];
                Point {
                    x: compared.shape[0] as f64,
                    y: speedup.median,
                    y_interval: Some((speedup.lo, speedup.hi)),
                    label: format!(
                        "{name}: {} at {} tokens",
                        times(speedup.median),
                        compared.shape[0]
                    ),
                    ..Point::default()
                }
            })
            .collect(),
    };
    let limit = lengths.one_text().map(|compared| Point {
        x: compared.shape[0] as f64,
        y: 1.0 / compared.kept[1],
        ..Point::default()
    });
    let series = vec![
        of("transformer, half left out", 1, &mut lengths.one_text()),
        of("transformer, nothing left out", 0, &mut lengths.one_text()),
        of("attention, half left out", 1, &mut lengths.attention.iter()),
        of("attention, nothing left out", 0, &mut lengths.attention.iter()),
        Series {
            name: "transformer, ideal from operations".into(),
            role: Role::Ideal,
            points: limit.collect(),
        },
    ];
    let y = Axis {
        label: "Times as fast as dense, higher is better".into(),
        scale: Scale::Log,
        format: NumberFormat::Ratio,
        ..Axis::default()
    };
    Plot { title: title.into(), x: tokens_axis(), y, series, ..Plot::default() }
}

/// Most memory alive for one text, by length.
pub fn memory(title: &str, lengths: &LengthsReport) -> Plot {
    let of = |name: &str, which: usize| {
        let points = lengths.one_text().map(|compared| {
            let peak = compared.peaks[which];
            Point {
                x: compared.shape[0] as f64,
                y: peak.0,
                label: format!("{name}: {} at {} tokens", Bytes(peak.0), compared.shape[0]),
                ..Point::default()
            }
        });
        Series { name: name.into(), role: Role::Curve, points: points.collect() }
    };
    let y = Axis {
        label: "Most memory alive for a text, lower is better".into(),
        scale: Scale::Log,
        format: NumberFormat::Si(Unit::Bytes),
        ..Axis::default()
    };
    let series = vec![of("perforated", 1), of("dense", 0)];
    Plot { title: title.into(), x: tokens_axis(), y, series, ..Plot::default() }
}

/// How far the answer is off, by the share that was left out and by what chose it.
pub fn ablations(title: &str, lengths: &LengthsReport) -> Plot {
    let series = Choice::ALL.map(|choice| {
        let own = lengths.ablations.iter().filter(|ablation| ablation.choice == choice);
        let points = own.map(|ablation| Point {
            x: ablation.left_out,
            y: ablation.deviation,
            label: format!(
                "{}: {} left out, off by {}",
                choice.name(),
                percent(ablation.left_out),
                percent(ablation.deviation)
            ),
            ..Point::default()
        });
        Series { name: choice.name().into(), role: Role::Curve, points: points.collect() }
    });
    Plot {
        title: title.into(),
        x: share_axis("Left out of attention"),
        y: share_axis("Off from the dense answer, lower is better"),
        series: series.into(),
        ..Plot::default()
    }
}
