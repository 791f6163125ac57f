//! Charts are asserted through the SVG backend: what was painted, and where.

use plotters::backend::SVGBackend;

use super::marks::clip;
use super::*;

fn point(x: f64, y: f64) -> Point {
    Point { x, y, label: format!("{x}, {y}"), ..Point::default() }
}

fn series(role: Role, points: Vec<Point>) -> Series {
    Series { name: format!("{role:?}"), role, points }
}

fn plot(series: Vec<Series>) -> Plot {
    let axis = |label: &str| Axis { label: label.into(), ..Axis::default() };
    Plot {
        title: "A & B".into(),
        x: axis("speed-up"),
        y: axis("accuracy"),
        series,
        ..Plot::default()
    }
}

const SIZE: Size = Size { width: 640.0, height: 400.0, device_pixel_ratio: 1.0 };

fn paint(plot: &Plot, size: Size) -> (String, HitMap) {
    let mut text = String::new();
    let backend = SVGBackend::with_string(&mut text, size.device());
    let map = draw(backend, plot, &Theme::light(), size).expect("a string takes everything");
    (text, map)
}

/// Centres of filled circles of the first curve's colour, in device pixels, legend excluded.
fn discs(svg: &str) -> Vec<(f64, f64)> {
    let attribute = |line: &str, name: &str| -> f64 {
        let start = line.find(name).expect("attribute") + name.len();
        line[start..].split('"').next().and_then(|v| v.parse().ok()).expect("number")
    };
    svg.lines()
        .filter(|l| l.starts_with("<circle") && l.contains("fill=\"#0068A8\""))
        .map(|l| (attribute(l, "cx=\""), attribute(l, "cy=\"")))
        .collect()
}

#[test]
fn hit_map_returns_the_painted_place() {
    let plot =
        plot(vec![series(Role::Curve, vec![point(1.0, 0.9), point(2.5, 0.8), point(4.0, 0.3)])]);
    for device_pixel_ratio in [1.0, 1.5, 2.0, 3.0] {
        let (svg, map) = paint(&plot, Size { device_pixel_ratio, ..SIZE });
        let discs = discs(&svg);
        assert_eq!(discs.len(), 4, "three points and the legend's sample");
        for (p, (x, y)) in discs.into_iter().take(3).enumerate() {
            let (x, y) = (x / device_pixel_ratio, y / device_pixel_ratio);
            let hit = map.nearest(x, y, 0.01).expect("a point under the pointer");
            assert_eq!((hit.series, hit.point), (0, p), "at ratio {device_pixel_ratio}");
            assert_eq!(map.position(0, p), Some((hit.css_x, hit.css_y)));
            assert!(map.area().contains(x, y));
        }
        let far = map.nearest(map.area().left, map.area().top, 3.0);
        assert_eq!(far, None);
    }
}

#[test]
fn size_is_in_device_pixels() {
    let (svg, _) = paint(&plot(vec![]), Size { device_pixel_ratio: 2.0, ..SIZE });
    assert!(svg.starts_with("<svg width=\"1280\" height=\"800\""), "{}", &svg[..80]);
    let file = super::svg(&plot(vec![]), &Theme::dark(), SIZE);
    assert!(file.contains("width=\"640\" height=\"400\" viewBox=\"0 0 2560 1600\""));
    assert!(file.contains("aria-label=\"A &amp; B\""));
}

#[test]
fn values_that_are_not_finite_are_skipped() {
    let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let mut points = vec![point(1.0, 1.0), point(2.0, 2.0)];
    for v in bad {
        points.push(point(v, 1.0));
        points.push(Point {
            x_interval: Some((v, v)),
            y_interval: Some((v, 3.0)),
            ..point(1.5, v)
        });
    }
    let (svg, map) = paint(&plot(vec![series(Role::Curve, points)]), SIZE);
    assert_eq!(map.hits.len(), 2);
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn degenerate_plots_are_drawn() {
    let one = vec![series(Role::Curve, vec![point(3.0, 0.0)])];
    let flat = vec![series(Role::Random, vec![point(1.0, 2.0), point(5.0, 2.0)])];
    let zero_log = vec![series(Role::Curve, vec![point(0.0, -1.0), point(-2.0, 5.0)])];
    for (name, series, painted) in [("one", one, 1), ("flat", flat, 2), ("none", vec![], 0)] {
        let (_, map) = paint(&plot(series), SIZE);
        assert_eq!(map.hits.len(), painted, "{name}");
    }
    let mut log = plot(zero_log);
    (log.x.scale, log.y.scale) = (Scale::Log, Scale::Log);
    log.selected = Some((0, 9));
    assert!(paint(&log, SIZE).1.hits.is_empty(), "nothing at or below zero on a logarithmic axis");
    for (width, height, device_pixel_ratio) in
        [(0.0, 0.0, 1.0), (3.0, 900.0, f64::NAN), (90.0, 20.0, -1.0)]
    {
        paint(&log, Size { width, height, device_pixel_ratio });
    }
}

#[test]
fn an_empty_plot_says_that_it_is_measuring() {
    assert!(paint(&plot(vec![series(Role::Curve, vec![])]), SIZE).0.contains("measuring…"));
    let full = plot(vec![series(Role::Curve, vec![point(1.0, 1.0)])]);
    assert!(!paint(&full, SIZE).0.contains("measuring…"));
}

#[test]
fn only_the_selected_point_is_ringed() {
    let mut plot = plot(vec![series(Role::Curve, vec![point(1.0, 1.0), point(2.0, 3.0)])]);
    let rings =
        |plot: &Plot| paint(plot, SIZE).0.matches("fill=\"none\" stroke=\"#18202A\"").count();
    assert_eq!(rings(&plot), 0);
    plot.selected = Some((0, 1));
    assert_eq!(rings(&plot), 1);
}

#[test]
fn no_two_roles_differ_by_colour_alone() {
    use Role::*;
    let roles = [
        Curve, Dense, Front, Ideal, Random, Mixture, Oracle, Agreement, Full, Light, Static,
        Certified, Reference,
    ];
    for theme in [Theme::light(), Theme::dark()] {
        let looks = roles.map(|role| (role, theme.look(role, 0)));
        for (i, (a, look)) in looks.iter().enumerate() {
            for (b, other) in &looks[..i] {
                let dash = |l: &super::theme::Look| l.stroke.map(|s| s.dash);
                assert!(
                    look.marker != other.marker || dash(look) != dash(other),
                    "{a:?} and {b:?} have the same marker and dashes"
                );
            }
        }
    }
}

#[test]
fn every_colour_stands_out_from_the_background() {
    let luminance = |Colour(r, g, b): Colour| {
        let linear = |c: u8| (f64::from(c) / 255.0).powf(2.2);
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    };
    for theme in [Theme::light(), Theme::dark()] {
        let contrast = |c: Colour| {
            let (a, b) = (luminance(c), luminance(theme.background));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        for ordinal in 0..6 {
            for role in [Role::Curve, Role::Random, Role::Light, Role::Static, Role::Ideal] {
                let colour = theme.look(role, ordinal).colour;
                assert!(contrast(colour) >= 3.0, "{role:?} {ordinal}: {:.2}", contrast(colour));
            }
        }
        assert!(contrast(theme.ink) >= 7.0 && contrast(theme.muted) >= 4.5);
    }
}

#[test]
fn ticks_are_few_and_round() {
    let of =
        |scale, low: f64, high: f64, most| super::scale::ticks(scale, (low, high), false, most);
    let cases: [(Scale, f64, f64, usize, &[f64]); 6] = [
        (Scale::Linear, 0.0, 1.0, 5, &[0.0, 0.25, 0.5, 0.75, 1.0]),
        (Scale::Linear, 0.871, 0.943, 5, &[0.88, 0.9, 0.92, 0.94]),
        (Scale::Linear, -3.0, 7.0, 6, &[-2.0, 0.0, 2.0, 4.0, 6.0]),
        (Scale::Log, 0.9, 25.0, 6, &[1.0, 2.0, 5.0, 10.0, 20.0]),
        (Scale::Log, 1e-6, 1.0, 4, &[1e-6, 1e-4, 1e-2, 1.0]),
        (Scale::Log, 1.0, 4.0, 5, &[1.0, 2.0, 3.0, 4.0]),
    ];
    for (scale, low, high, most, wanted) in cases {
        let ticks = of(scale, low, high, most);
        let close = ticks.len() == wanted.len()
            && ticks.iter().zip(wanted).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs().max(1e-9));
        assert!(close, "{scale:?} {low}..{high}: {ticks:?}, wanted {wanted:?}");
    }
    for exponent in -9..9 {
        for factor in [1.0, 1.7, 3.3, 9.1] {
            let high = factor * 10f64.powi(exponent);
            for scale in [Scale::Linear, Scale::Log] {
                let n = of(scale, high / 37.0, high, 6).len();
                assert!((2..=6).contains(&n), "{scale:?} up to {high}: {n} ticks");
            }
        }
    }
}

#[test]
fn tick_labels_carry_units_and_no_idle_digits() {
    use NumberFormat::*;
    let cases: [(NumberFormat, &[f64], &[&str]); 8] = [
        (Plain, &[0.0, 2.5, 5.0], &["0.0", "2.5", "5.0"]),
        (Percent, &[0.9, 0.92, 0.94], &["90 %", "92 %", "94 %"]),
        (Percent, &[0.9995, 1.0], &["99.95 %", "100.00 %"]),
        (Points, &[-0.005, 0.0], &["−0.5 pp", "0.0 pp"]),
        (Ratio, &[1.0, 2.0], &["1×", "2×"]),
        (Seconds, &[0.0, 0.0005, 0.001], &["0.0 ms", "0.5 ms", "1.0 ms"]),
        (Seconds, &[0.0, 100e-6, 200e-6], &["0 µs", "100 µs", "200 µs"]),
        (Si(Unit::Macs), &[0.0, 1e7, 2e7], &["0 MMAC", "10 MMAC", "20 MMAC"]),
    ];
    for (format, ticks, wanted) in cases {
        let labels: Vec<_> =
            format.labels(ticks, true).iter().map(|l| l.replace('\u{202f}', " ")).collect();
        assert_eq!(labels, wanted, "{format:?}");
    }
    let apart: Vec<_> = Seconds.labels(&[1e-6, 1e-3, 120.0], false);
    assert_eq!(apart.join("|").replace('\u{202f}', " "), "1 µs|1 ms|120 s");
}

#[test]
fn ideal_line_does_not_squeeze_the_measured_points() {
    let measured = series(Role::Curve, vec![point(0.1, 3.0), point(1.0, 1.0)]);
    let ideal = series(Role::Ideal, vec![point(0.01, 100.0), point(1.0, 1.0)]);
    let (_, high) = super::scale::range(&plot(vec![measured, ideal]), false);
    assert!(high < 4.0, "range reaches {high}");
}

#[test]
fn lines_are_cut_at_the_edges() {
    let area = Area { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };
    type Line<'a> = &'a [(f64, f64)];
    let cases: [(Line, &[Line]); 4] = [
        (&[(-5.0, 5.0), (15.0, 5.0)], &[&[(0.0, 5.0), (10.0, 5.0)]]),
        (&[(1.0, 1.0), (2.0, 2.0), (3.0, 1.0)], &[&[(1.0, 1.0), (2.0, 2.0), (3.0, 1.0)]]),
        (&[(-5.0, 12.0), (15.0, 12.0)], &[]),
        (
            &[(5.0, 5.0), (5.0, 15.0), (6.0, 15.0), (6.0, 5.0)],
            &[&[(5.0, 5.0), (5.0, 10.0)], &[(6.0, 10.0), (6.0, 5.0)]],
        ),
    ];
    for (line, wanted) in cases {
        assert_eq!(clip(line, area), wanted, "{line:?}");
    }
}

#[test]
fn legend_stays_outside_the_data() {
    let names = (0..7).map(|i| Series {
        name: format!("quite a long name {i}"),
        ..series(Role::Curve, vec![point(i as f64, 1.0)])
    });
    let plot = plot(names.collect());
    for (width, height) in [(340.0, 300.0), (640.0, 400.0), (900.0, 440.0)] {
        let size = Size { width, height, device_pixel_ratio: 1.0 };
        let layout = super::layout::Layout::new(&plot, size, false);
        assert_eq!(layout.legend.len(), 7);
        for entry in &layout.legend {
            let outside = entry.y > layout.area.bottom || entry.x > layout.area.right;
            assert!(
                outside && entry.y < height && entry.x < width,
                "{entry:?} at {width}×{height}"
            );
        }
    }
}

#[test]
fn names_stand_at_their_marks_and_not_on_each_other() {
    let line = |from: f64, to: f64| {
        (0..20).map(move |k| point(1.0 + k as f64 / 4.0, from + (to - from) * k as f64 / 19.0))
    };
    let mut plot = plot(vec![
        series(Role::Curve, line(0.9, 0.7).collect()),
        series(Role::Random, line(0.9, 0.4).collect()),
        series(Role::Full, vec![point(1.0, 0.9)]),
        series(Role::Certified, vec![point(1.1, 0.9)]),
        series(Role::Light, vec![point(5.7, 0.4)]),
    ]);
    plot.naming = Naming::AtMarks;
    for width in [358.0, 640.0] {
        let (svg, _) = paint(&plot, Size { width, height: 240.0, ..SIZE });
        let places: Vec<(f64, f64)> = svg
            .lines()
            .zip(svg.lines().skip(1))
            .filter(|(_, text)| ["Curve", "Random", "Full", "Certified", "Light"].contains(text))
            .map(|(head, _)| {
                let of = |name: &str| -> f64 {
                    let start = head.find(name).unwrap() + name.len();
                    head[start..].split('"').next().unwrap().parse().unwrap()
                };
                (of(" x=\""), of(" y=\""))
            })
            .collect();
        assert_eq!(places.len(), 5, "{width}: {places:?}");
        for (ix, a) in places.iter().enumerate() {
            assert!((0.0..width).contains(&a.0), "{width}: {places:?}");
            for b in &places[..ix] {
                let apart = (a.1 - b.1).abs() >= 13.0 || (a.0 - b.0).abs() >= 30.0;
                assert!(apart, "{width}: {places:?}");
            }
        }
    }
}
