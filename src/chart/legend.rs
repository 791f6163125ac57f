//! Legend entries: a sample of the line and marker, then the name.

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};

use super::hit::Area;
use super::layout::Layout;
use super::marks;
use super::pen::{Drawn, Lettering, Pen};
use super::plot::Plot;
use super::theme::{Look, Theme};

pub(super) fn draw<DB: DrawingBackend>(
    pen: &mut Pen<DB>,
    plot: &Plot,
    theme: &Theme,
    layout: &Layout,
    looks: &[Look],
) -> Drawn {
    for entry in &layout.legend {
        let (look, y) = (looks[entry.series], entry.y);
        let (from, to) = ((entry.x, y), (entry.x + layout.sample, y));
        let connected = plot.series[entry.series].points.len() != 1;
        if let Some(stroke) = look.stroke.filter(|_| connected) {
            let room = Area { left: from.0, top: y - 1.0, right: to.0, bottom: y + 1.0 };
            marks::line(pen, &[from, to], stroke, look.colour, room)?;
        }
        let middle = ((from.0 + to.0) / 2.0, y);
        marks::marker(pen, middle, look, look.radius.min(5.0), theme.background)?;
        let name = Lettering {
            size: layout.letters,
            bold: false,
            colour: theme.ink,
            horizontal: HPos::Left,
            vertical: VPos::Center,
        };
        pen.text(&plot.series[entry.series].name, (to.0 + 7.0, y), name)?;
    }
    Ok(())
}
