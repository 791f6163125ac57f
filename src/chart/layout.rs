//! Where everything goes, in CSS pixels: title, plot area, axis labels, legend, note.

use super::hit::Area;
use super::pen::text_width;
use super::plot::{Axis, Naming, NumberFormat, Plot, Scale};
use super::scale::{self, Projection};
use super::size::Size;

/// Below this width letters and margins shrink.
const COMPACT: f64 = 420.0;
/// From this width the legend stands beside the plot.
const WIDE: f64 = 760.0;

/// Empty rim. The page lets it hang into its own padding.
pub(super) const EDGE: f64 = 8.0;

/// Ticks of one axis with their labels.
#[derive(Debug)]
pub(super) struct Ticks {
    pub at: Vec<f64>,
    pub labels: Vec<String>,
}

/// A legend entry's place: left end and vertical middle.
#[derive(Debug)]
pub(super) struct Entry {
    pub series: usize,
    pub x: f64,
    pub y: f64,
}

#[derive(Debug)]
pub(super) struct Layout {
    pub area: Area,
    pub x: Projection,
    pub y: Projection,
    pub x_ticks: Ticks,
    pub y_ticks: Ticks,
    pub legend: Vec<Entry>,
    /// Length of a legend sample.
    pub sample: f64,
    pub letters: f64,
    pub tick_letters: f64,
    /// Baseline-free tops of the text lines.
    pub title_y: f64,
    pub y_label_y: f64,
    pub x_label_y: f64,
    pub note_y: f64,
}

impl Layout {
    pub fn new(plot: &Plot, size: Size, titled: bool) -> Self {
        let compact = size.width < COMPACT;
        let (letters, tick_letters, sample) =
            if compact { (13.0, 13.0, 20.0) } else { (13.0, 13.0, 28.0) };
        let line = letters * 1.5;

        let title_y = EDGE;
        let y_label_y = EDGE + if titled { letters * 1.25 * 1.5 + 4.0 } else { 0.0 };
        let top = if plot.y.label.is_empty() { EDGE + 4.0 } else { y_label_y + line + 5.0 };

        let (x_range, y_range) = (scale::range(plot, true), scale::range(plot, false));
        let names: Vec<(usize, f64)> = (plot.series.iter().enumerate())
            .filter(|(_, s)| plot.naming == Naming::Legend && !s.name.is_empty())
            .map(|(i, s)| (i, sample + 7.0 + text_width(&s.name, letters)))
            .collect();
        let column = names.iter().fold(0.0_f64, |m, (_, w)| m.max(*w));
        let beside = size.width >= WIDE && column < size.width * 0.3 && !names.is_empty();

        // The lower lines, from the bottom edge upwards.
        let mut floor = size.height - EDGE;
        let note_y = floor - line;
        if plot.note.is_some() {
            floor -= line + 4.0;
        }
        let inner = size.width - 2.0 * EDGE;
        let rows =
            if beside { vec![] } else { flow(&names, inner, if compact { 12.0 } else { 20.0 }) };
        let legend_top = floor - rows.len() as f64 * line;
        if !rows.is_empty() {
            floor = legend_top - if compact { 4.0 } else { 8.0 };
        }
        let x_label_y = floor - line;
        if !plot.x.label.is_empty() {
            floor -= line;
        }
        let bottom = (floor - tick_letters * 1.3 - 12.0).max(top + 20.0);

        let per_tick = tick_letters * if compact { 2.4 } else { 3.2 };
        let y_ticks = ticks(&plot.y, y_range, ((bottom - top) / per_tick) as usize);
        let widest = y_ticks.labels.iter().map(|l| text_width(l, tick_letters)).fold(0.0, f64::max);
        let left = EDGE + widest + 9.0;
        let mut right = size.width - EDGE - if beside { column + 24.0 } else { 6.0 };
        let x_ticks = x_ticks(&plot.x, x_range, left, right, tick_letters);
        if let (false, Some(last)) = (beside, x_ticks.labels.last()) {
            right = right.min(size.width - EDGE - text_width(last, tick_letters) * 0.5);
        }
        let right = right.max(left + 20.0);

        let legend = if beside {
            column_of(&names, right + 24.0, top, line + 3.0)
        } else {
            rows_of(&rows, legend_top, line)
        };

        Layout {
            area: Area { left, top, right, bottom },
            x: Projection::new(plot.x.scale, x_range, left, right),
            y: Projection::new(plot.y.scale, y_range, bottom, top),
            x_ticks,
            y_ticks,
            legend,
            sample,
            letters,
            tick_letters,
            title_y,
            y_label_y,
            x_label_y,
            note_y,
        }
    }
}

/// Legend entries below each other beside the plot.
fn column_of(names: &[(usize, f64)], x: f64, top: f64, step: f64) -> Vec<Entry> {
    let place = |(row, (series, _)): (usize, &(usize, f64))| Entry {
        series: *series,
        x,
        y: top + (row as f64 + 0.5) * step,
    };
    names.iter().enumerate().map(place).collect()
}

/// Legend entries in rows under the plot.
fn rows_of(rows: &[Vec<(usize, f64)>], top: f64, step: f64) -> Vec<Entry> {
    let entries = rows.iter().enumerate().flat_map(|(row, entries)| {
        let y = top + (row as f64 + 0.5) * step;
        entries.iter().map(move |(series, x)| Entry { series: *series, x: EDGE + x, y })
    });
    entries.collect()
}

fn ticks(axis: &Axis, range: (f64, f64), most: usize) -> Ticks {
    if !axis.names.is_empty() {
        let at = (0..axis.names.len()).map(|place| place as f64).collect();
        return Ticks { at, labels: axis.names.clone() };
    }
    let percent = matches!(axis.format, NumberFormat::Percent | NumberFormat::Points);
    // Fewer than two round numbers say nothing about the scale: then allow more.
    let most = most.clamp(2, 9);
    let at = (most..most + 4)
        .map(|most| scale::ticks(axis.scale, range, percent, most))
        .find(|at| at.len() >= 2)
        .unwrap_or_default();
    let alike = axis.scale == Scale::Linear || range.1 / range.0 < 6.0;
    let labels = axis.format.labels(&at, alike);
    Ticks { at, labels }
}

/// As many ticks as stand side by side without touching.
fn x_ticks(axis: &Axis, range: (f64, f64), left: f64, right: f64, letters: f64) -> Ticks {
    let place = Projection::new(axis.scale, range, left, right);
    let mut most = ((right - left) / (letters * 4.5)).clamp(2.0, 10.0) as usize;
    loop {
        let ticks = ticks(axis, range, most);
        let span = |i: usize| {
            let half = text_width(&ticks.labels[i], letters) * 0.5;
            place.position(ticks.at[i]).map(|x| (x - half, x + half))
        };
        let clear = (1..ticks.at.len())
            .all(|i| matches!((span(i - 1), span(i)), (Some(a), Some(b)) if a.1 + 8.0 <= b.0));
        if clear || most <= 2 {
            return ticks;
        }
        most -= 1;
    }
}

/// Breaks legend entries into rows, in aligned columns where one row is not enough, unless running on needs fewer; each
/// row is a list of (series, x).
fn flow(names: &[(usize, f64)], width: f64, gap: f64) -> Vec<Vec<(usize, f64)>> {
    let total: f64 = names.iter().map(|(_, wide)| wide + gap).sum::<f64>() - gap;
    if total <= width {
        let mut x = 0.0;
        let place = |(series, wide): &(usize, f64)| {
            let left = x;
            x += wide + gap;
            (*series, left)
        };
        let row: Vec<_> = names.iter().map(place).collect();
        return if row.is_empty() { vec![] } else { vec![row] };
    }
    let widest = names.iter().fold(0.0_f64, |m, (_, wide)| m.max(*wide));
    let columns = (((width + gap) / (widest + gap)) as usize).max(1);
    let step = (width + gap) / columns as f64;
    let step = step.min(widest + 2.0 * gap);
    let running = run_on(names, width, gap);
    if running.len() < names.len().div_ceil(columns) {
        return running;
    }
    names
        .chunks(columns)
        .map(|row| {
            row.iter().enumerate().map(|(c, (series, _))| (*series, c as f64 * step)).collect()
        })
        .collect()
}

/// As many entries in each row as it holds.
fn run_on(names: &[(usize, f64)], width: f64, gap: f64) -> Vec<Vec<(usize, f64)>> {
    let mut rows: Vec<Vec<(usize, f64)>> = vec![];
    let mut x = f64::INFINITY;
    for &(series, wide) in names {
        if x + wide > width {
            rows.push(vec![]);
            x = 0.0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((series, x));
        }
        x += wide + gap;
    }
    rows
}
