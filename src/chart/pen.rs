//! A pen that takes CSS pixels and paints device pixels on a plotters backend.
//!
//! Backends take whole device pixels. Axis-parallel lines are filled rectangles, since a stroked
//! one would straddle two pixel rows and blur.

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor};
use plotters::style::{ShapeStyle, TextStyle};

use super::error::ChartError;
use super::theme::Colour;

pub(super) struct Pen<DB: DrawingBackend> {
    backend: DB,
    ratio: f64,
    font: &'static str,
    font_scale: f64,
}

/// How a piece of text is set.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub size: f64,
    pub bold: bool,
    pub colour: Colour,
    pub horizontal: HPos,
    pub vertical: VPos,
}

pub(super) type Drawn = Result<(), ChartError>;

impl<DB: DrawingBackend> Pen<DB> {
    pub fn new(backend: DB, ratio: f64, font: &'static str, font_scale: f64) -> Self {
        Pen { backend, ratio, font, font_scale }
    }

    /// Where a CSS coordinate really lands, after rounding to a device pixel.
    pub fn snap(&self, css: f64) -> f64 {
        f64::from(self.px(css)) / self.ratio
    }

    fn px(&self, css: f64) -> i32 {
        (css * self.ratio).round() as i32
    }

    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        (self.px(x), self.px(y))
    }

    pub fn prepare(&mut self) -> Drawn {
        self.backend.ensure_prepared().map_err(wrong)
    }

    pub fn finish(&mut self) -> Drawn {
        self.backend.present().map_err(wrong)
    }

    pub fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour) -> Drawn {
        let (from, to) = (self.at(from), self.at(to));
        self.backend.draw_rect(from, to, &style(colour, 1.0, 1), true).map_err(wrong)
    }

    /// A horizontal or vertical line of at least one whole device pixel.
    pub fn rule(&mut self, from: (f64, f64), to: (f64, f64), width: f64, colour: Colour) -> Drawn {
        let thick = self.px(width).max(1);
        let ((x0, y0), (x1, y1)) = (self.at(from), self.at(to));
        let (a, b) = if y0 == y1 {
            let top = y0 - thick / 2;
            ((x0.min(x1), top), (x0.max(x1), top + thick))
        } else {
            let left = x0 - thick / 2;
            ((left, y0.min(y1)), (left + thick, y0.max(y1)))
        };
        self.backend.draw_rect(a, b, &style(colour, 1.0, 1), true).map_err(wrong)
    }

    pub fn path(&mut self, points: &[(f64, f64)], width: f64, colour: Colour, alpha: f64) -> Drawn {
        if points.len() < 2 {
            return Ok(());
        }
        let path: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
        let width = self.px(width).max(1) as u32;
        self.backend.draw_path(path, &style(colour, alpha, width)).map_err(wrong)
    }

    pub fn polygon(&mut self, points: &[(f64, f64)], colour: Colour) -> Drawn {
        let path: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
        self.backend.fill_polygon(path, &style(colour, 1.0, 1)).map_err(wrong)
    }

    pub fn disc(&mut self, centre: (f64, f64), radius: f64, colour: Colour) -> Drawn {
        let (centre, radius) = (self.at(centre), self.px(radius).max(1) as u32);
        self.backend.draw_circle(centre, radius, &style(colour, 1.0, 1), true).map_err(wrong)
    }

    pub fn ring(&mut self, centre: (f64, f64), radius: f64, width: f64, colour: Colour) -> Drawn {
        let (centre, radius) = (self.at(centre), self.px(radius).max(1) as u32);
        let style = style(colour, 1.0, self.px(width).max(1) as u32);
        self.backend.draw_circle(centre, radius, &style, false).map_err(wrong)
    }

    pub fn text(&mut self, text: &str, at: (f64, f64), how: Lettering) -> Drawn {
        let weight = if how.bold { FontStyle::Bold } else { FontStyle::Normal };
        let size = how.size * self.ratio * self.font_scale;
        let family = match self.font {
            "sans-serif" => FontFamily::SansSerif,
            list => FontFamily::Name(list),
        };
        let style = TextStyle {
            font: FontDesc::new(family, size, weight).transform(FontTransform::None),
            color: rgb(how.colour).to_backend_color(),
            pos: Pos::new(how.horizontal, how.vertical),
        };
        let at = self.at(at);
        self.backend.draw_text(text, &style, at).map_err(wrong)
    }
}

/// Width of text in CSS pixels, from Helvetica's metrics with some allowance for wider system
/// fonts. Asking the backend would make the browser lay out the page once for every label.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            ' ' | '\u{202f}' | '\u{a0}' => 0.25,
            'i' | 'j' | 'l' | '\'' | '|' => 0.23,
            '.' | ',' | ':' | ';' | '!' | 'f' | 't' | 'I' | '(' | ')' | '/' => 0.29,
            'r' | '-' => 0.34,
            'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' | 'J' => 0.5,
            'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 0.88,
            'A'..='Z' => 0.69,
            _ => 0.56,
        })
        .sum();
    em * size * 1.17
}

fn rgb(Colour(r, g, b): Colour) -> RGBColor {
    RGBColor(r, g, b)
}

fn style(colour: Colour, alpha: f64, stroke_width: u32) -> ShapeStyle {
    ShapeStyle { color: rgb(colour).mix(alpha), filled: true, stroke_width }
}

fn wrong(error: impl std::fmt::Display) -> ChartError {
    ChartError(error.to_string())
}
