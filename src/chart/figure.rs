//! Puts a figure together, back to front: paper, grid, axes, lines, points, ring, legend.

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, VPos};

use super::error::ChartError;
use super::hit::{Hit, HitMap};
use super::layout::{EDGE, Layout};
use super::pen::{Drawn, Lettering, Pen};
use super::plot::{Naming, Plot, Point, Series};
use super::scale::Projection;
use super::size::Size;
use super::theme::{Colour, Look, Marker, Stroke, Theme};
use super::{legend, marks, names, xml};

/// Draws a plot on a backend of [`Size::device`] pixels and says where its points went.
/// The title is left to the page.
pub fn draw<DB: DrawingBackend>(
    backend: DB,
    plot: &Plot,
    theme: &Theme,
    size: Size,
) -> Result<HitMap, ChartError> {
    compose(backend, plot, theme, size, false)
}

/// The plot with its title as an SVG document of `size.width` × `size.height`.
pub fn svg(plot: &Plot, theme: &Theme, size: Size) -> String {
    // Backends take whole pixels; four to a CSS pixel give a vector file its precision.
    let fine = Size { device_pixel_ratio: 4.0, ..size };
    let (width, height) = fine.device();
    let mut theme = theme.clone();
    theme.font_scale = 1.24;
    let mut text = String::new();
    let backend = SVGBackend::with_string(&mut text, (width, height));
    if compose(backend, plot, &theme, fine, true).is_err() {
        return String::new(); // writing to a string does not fail
    }
    let title = xml::escape(&plot.title);
    text.replacen(
        &format!("<svg width=\"{width}\" height=\"{height}\""),
        &format!(
            "<svg role=\"img\" aria-label=\"{title}\" stroke-linejoin=\"round\" width=\"{}\" height=\"{}\"",
            size.width, size.height
        ),
        1,
    )
}

fn compose<DB: DrawingBackend>(
    backend: DB,
    plot: &Plot,
    theme: &Theme,
    size: Size,
    titled: bool,
) -> Result<HitMap, ChartError> {
    let titled = titled && !plot.title.is_empty();
    let layout = Layout::new(plot, size, titled);
    let looks = looks(plot, theme);
    let mut pen = Pen::new(backend, size.ratio(), theme.font, theme.font_scale);
    pen.prepare()?;
    pen.rectangle((0.0, 0.0), (size.width, size.height), theme.background)?;
    frame(&mut pen, plot, theme, &layout, size, titled)?;
    let mut map = HitMap { area: layout.area, hits: vec![] };
    let data = Data { plot, theme, layout: &layout, looks: &looks };
    data.draw(&mut pen, &mut map)?;
    if plot.naming == Naming::AtMarks {
        let at: Vec<Vec<_>> = plot.series.iter().map(|series| data.places(series)).collect();
        let placed = names::place(plot, &layout, &looks, &at);
        names::draw(&mut pen, plot, &layout, &looks, &placed)?;
    }
    legend::draw(&mut pen, plot, theme, &layout, &looks)?;
    pen.finish()?;
    Ok(map)
}

/// Each series' look; the second of a role gets the role's second look.
pub(super) fn looks(plot: &Plot, theme: &Theme) -> Vec<Look> {
    let ordinal =
        |i: usize| plot.series[..i].iter().filter(|s| s.role == plot.series[i].role).count();
    (0..plot.series.len()).map(|i| theme.look(plot.series[i].role, ordinal(i))).collect()
}

fn frame<DB: DrawingBackend>(
    pen: &mut Pen<DB>,
    plot: &Plot,
    theme: &Theme,
    layout: &Layout,
    size: Size,
    titled: bool,
) -> Drawn {
    let area = layout.area;
    let set = |size: f64, colour: Colour, horizontal: HPos, vertical: VPos| Lettering {
        size,
        bold: false,
        colour,
        horizontal,
        vertical,
    };
    for (value, label) in layout.y_ticks.at.iter().zip(&layout.y_ticks.labels) {
        let Some(y) = layout.y.position(*value) else {
            continue;
        };
        pen.rule((area.left, y), (area.right, y), 1.0, theme.grid)?;
        let how = set(layout.tick_letters, theme.muted, HPos::Right, VPos::Center);
        pen.text(label, (area.left - 7.0, y), how)?;
    }
    for (value, label) in layout.x_ticks.at.iter().zip(&layout.x_ticks.labels) {
        let Some(x) = layout.x.position(*value) else {
            continue;
        };
        pen.rule((x, area.top), (x, area.bottom), 1.0, theme.grid)?;
        pen.rule((x, area.bottom), (x, area.bottom + 4.0), 1.0, theme.axis)?;
        let how = set(layout.tick_letters, theme.muted, HPos::Center, VPos::Top);
        pen.text(label, (x, area.bottom + 8.0), how)?;
    }
    pen.rule((area.left, area.bottom), (area.right, area.bottom), 1.25, theme.axis)?;

    let letters = layout.letters;
    let left = set(letters, theme.ink, HPos::Left, VPos::Top);
    if titled {
        let title = Lettering { size: letters * 1.25, bold: true, ..left };
        pen.text(&plot.title, (EDGE, layout.title_y), title)?;
    }
    // The vertical axis is named above it, level, where it reads without turning the head.
    if !plot.y.label.is_empty() {
        pen.text(&plot.y.label, (EDGE, layout.y_label_y), left)?;
    }
    if !plot.x.label.is_empty() {
        let at = ((area.left + area.right) / 2.0, layout.x_label_y);
        pen.text(&plot.x.label, at, Lettering { horizontal: HPos::Center, ..left })?;
    }
    if let Some(note) = &plot.note {
        let how = set(layout.tick_letters, theme.muted, HPos::Right, VPos::Top);
        pen.text(note, (size.width - EDGE, layout.note_y), how)?;
    }
    Ok(())
}

/// What the points of a plot are drawn with.
struct Data<'a> {
    plot: &'a Plot,
    theme: &'a Theme,
    layout: &'a Layout,
    looks: &'a [Look],
}

impl Data<'_> {
    fn place(&self, point: &Point) -> Option<(f64, f64)> {
        Some((self.layout.x.position(point.x)?, self.layout.y.position(point.y)?))
    }

    /// Where the points of a series lie, without those that cannot stand on these axes.
    fn places(&self, series: &Series) -> Vec<(f64, f64)> {
        series.points.iter().filter_map(|point| self.place(point)).collect()
    }

    /// Lines, then points with their intervals, then the ring; says in `map` where points went.
    fn draw<DB: DrawingBackend>(&self, pen: &mut Pen<DB>, map: &mut HitMap) -> Drawn {
        let mut order: Vec<usize> = (0..self.plot.series.len()).collect();
        order.sort_by_key(|i| self.looks[*i].level);
        for &s in &order {
            let look = self.looks[s];
            if let Some(stroke) = look.stroke {
                let places = self.places(&self.plot.series[s]);
                marks::line(pen, &places, stroke, look.colour, self.layout.area)?;
            }
        }
        let mut empty = true;
        for &s in &order {
            let series = &self.plot.series[s];
            empty &= !series.points.iter().any(|point| self.place(point).is_some());
            self.points(pen, s, series, map)?;
        }
        self.ring(pen)?;
        if empty { self.say_empty(pen) } else { Ok(()) }
    }

    fn points<DB: DrawingBackend>(
        &self,
        pen: &mut Pen<DB>,
        s: usize,
        series: &Series,
        map: &mut HitMap,
    ) -> Drawn {
        let (look, area) = (self.looks[s], self.layout.area);
        // Many markers shrink, so that the line stays readable.
        let radius = if series.points.len() > 24 { look.radius * 0.75 } else { look.radius };
        for (p, point) in series.points.iter().enumerate() {
            let Some((x, y)) = self.place(point).filter(|(x, y)| area.contains(*x, *y)) else {
                continue;
            };
            if look.marker == Marker::Bar {
                marks::bar(pen, (x, y), look.colour, area)?;
            }
            self.intervals(pen, point, (x, y), look)?;
            if look.marker != Marker::Bar {
                marks::marker(pen, (x, y), look, radius, self.theme.background)?;
            }
            if !point.label.is_empty() {
                let (css_x, css_y) = (pen.snap(x), pen.snap(y));
                map.hits.push(Hit { series: s, point: p, css_x, css_y });
            }
        }
        Ok(())
    }

    /// Intervals stand behind their points, but before a bar.
    fn intervals<DB: DrawingBackend>(
        &self,
        pen: &mut Pen<DB>,
        point: &Point,
        (x, y): (f64, f64),
        look: Look,
    ) -> Drawn {
        let Layout { area, .. } = *self.layout;
        let colour = if look.marker == Marker::Bar { self.theme.ink } else { look.colour };
        let ends = |interval: Option<(f64, f64)>, along: &Projection| {
            let (from, to) = interval?;
            Some((along.position(from)?, along.position(to)?))
        };
        if let Some((a, b)) = ends(point.x_interval, &self.layout.x) {
            marks::whiskers(pen, ((a, y), (b, y)), colour, area)?;
        }
        if let Some((a, b)) = ends(point.y_interval, &self.layout.y) {
            marks::whiskers(pen, ((x, a), (x, b)), colour, area)?;
        }
        Ok(())
    }

    /// The selected point's ring, with lines to both axes.
    fn ring<DB: DrawingBackend>(&self, pen: &mut Pen<DB>) -> Drawn {
        let (area, theme) = (self.layout.area, self.theme);
        let Some((s, p)) = self.plot.selected else { return Ok(()) };
        let point = self.plot.series.get(s).and_then(|series| series.points.get(p));
        let place = point.and_then(|point| self.place(point));
        let Some((x, y)) = place.filter(|(x, y)| area.contains(*x, *y)) else { return Ok(()) };
        let guide = Stroke { width: 1.0, dash: &[3.0, 3.0] };
        let radius = self.looks[s].radius.max(3.0);
        let clear = radius + 6.0;
        marks::line(pen, &[(x, y + clear), (x, area.bottom)], guide, theme.muted, area)?;
        marks::line(pen, &[(x - clear, y), (area.left, y)], guide, theme.muted, area)?;
        marks::ring(pen, (x, y), radius, theme.ink, theme.background)
    }

    fn say_empty<DB: DrawingBackend>(&self, pen: &mut Pen<DB>) -> Drawn {
        let area = self.layout.area;
        let middle = ((area.left + area.right) / 2.0, (area.top + area.bottom) / 2.0);
        let how = Lettering {
            size: self.layout.letters,
            bold: false,
            colour: self.theme.muted,
            horizontal: HPos::Center,
            vertical: VPos::Center,
        };
        pen.text("measuring…", middle, how)
    }
}
