//! Names beside the marks, in the place of a legend: each series is named once, where its name covers least.

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};

use super::hit::Area;
use super::layout::Layout;
use super::pen::{Drawn, Lettering, Pen, text_width};
use super::plot::Plot;
use super::theme::Look;

/// Free room around a mark, and between it and its name, in CSS pixels.
const GAP: f64 = 5.0;
/// Points of a series that its name may stand beside.
const ANCHORS: usize = 12;
/// How far apart a line is probed.
const PROBE: f64 = 8.0;
/// Cost of covering a pixel of another name, of a mark, of a line.
const OF_NAME: f64 = 40.0;
const OF_MARK: f64 = 6.0;
const OF_LINE: f64 = 1.5;
/// A name that would cover more pixels of other names than this is left out.
const TOO_MUCH: f64 = 12.0;

/// A name that found its place: series, and the box that it fills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    pub series: usize,
    pub room: Area,
}

/// Something that a name should not cover.
struct Obstacle {
    room: Area,
    series: usize,
    weight: f64,
}

/// Finds a place for every name, those of the marks on top first; `at` says where the points of a series lie.
pub(super) fn place(
    plot: &Plot,
    layout: &Layout,
    looks: &[Look],
    at: &[Vec<(f64, f64)>],
) -> Vec<Placed> {
    let obstacles = obstacles(plot, looks, at);
    let mut order: Vec<usize> =
        (0..plot.series.len()).filter(|&s| !plot.series[s].name.is_empty()).collect();
    order.sort_by_key(|&s| std::cmp::Reverse(looks[s].level));
    let mut placed: Vec<Placed> = vec![];
    for series in order {
        let size = (text_width(&plot.series[series].name, layout.letters), layout.letters * 1.3);
        let covered =
            |room: &Area| -> f64 { placed.iter().map(|other| overlap(room, &other.room)).sum() };
        let cost = |room: &Area| {
            let others = obstacles.iter().filter(|o| overlap(room, &o.room) > 0.0);
            let covers = |o: &Obstacle| {
                // A line may pass under its own name more readily than under another's.
                let own = if o.series == series { 0.5 } else { 1.0 };
                own * o.weight * overlap(room, &o.room)
            };
            others.map(covers).sum::<f64>() + OF_NAME * covered(room)
        };
        let rooms = candidates(&at[series], looks[series].radius, size, layout.area);
        let best = rooms
            .into_iter()
            .map(|(room, preference)| (cost(&room) + preference, room))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, room)) = best.filter(|(_, room)| covered(room) < TOO_MUCH) {
            placed.push(Placed { series, room });
        }
    }
    placed
}

/// Marks and lines.
fn obstacles(plot: &Plot, looks: &[Look], at: &[Vec<(f64, f64)>]) -> Vec<Obstacle> {
    let mut all = vec![];
    for (series, places) in at.iter().enumerate() {
        let look = looks[series];
        let marked = plot.series[series].points.len() == 1 || look.radius > 0.0;
        if marked {
            let room = |&(x, y): &(f64, f64)| around((x, y), look.radius + 2.0);
            all.extend(places.iter().map(room).map(|room| Obstacle {
                room,
                series,
                weight: OF_MARK,
            }));
        }
        if look.stroke.is_none() {
            continue;
        }
        for pair in places.windows(2) {
            let ((x, y), (dx, dy)) = (pair[0], (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1));
            let steps = (dx.hypot(dy) / PROBE).ceil().clamp(1.0, 200.0) as usize;
            let room = |k: usize| {
                let share = k as f64 / steps as f64;
                around((x + share * dx, y + share * dy), PROBE / 2.0)
            };
            all.extend((0..steps).map(|k| Obstacle { room: room(k), series, weight: OF_LINE }));
        }
    }
    all
}

/// Candidate boxes for a name beside the points of its series, each with the cost of its position: right of the mark is best.
fn candidates(
    at: &[(f64, f64)],
    radius: f64,
    (width, height): (f64, f64),
    area: Area,
) -> Vec<(Area, f64)> {
    let inside: Vec<&(f64, f64)> = at.iter().filter(|(x, y)| area.contains(*x, *y)).collect();
    let step = inside.len().div_ceil(ANCHORS).max(1);
    let off = radius + GAP;
    let mut all = vec![];
    for &&(x, y) in inside.iter().step_by(step) {
        let (middle, above, below) = (y - height / 2.0, y - off - height, y + off);
        let (right, left, centre) = (x + off, x - off - width, x - width / 2.0);
        for (left, top, preference) in [
            (right, middle, 0.0),
            (left, middle, 4.0),
            (centre, above, 6.0),
            (centre, below, 8.0),
            (right, above, 10.0),
            (right, below, 12.0),
            (left, above, 14.0),
            (left, below, 16.0),
        ] {
            let room = Area { left, top, right: left + width, bottom: top + height };
            let fits = room.left >= area.left + 2.0
                && room.right <= area.right
                && room.top >= area.top - height / 2.0
                && room.bottom <= area.bottom - 2.0;
            if fits {
                all.push((room, preference));
            }
        }
    }
    all
}

fn around((x, y): (f64, f64), half: f64) -> Area {
    Area { left: x - half, top: y - half, right: x + half, bottom: y + half }
}

/// Pixels that two boxes share.
fn overlap(a: &Area, b: &Area) -> f64 {
    let side = |from: f64, to: f64| (to - from).max(0.0);
    side(a.left.max(b.left), a.right.min(b.right)) * side(a.top.max(b.top), a.bottom.min(b.bottom))
}

/// Writes the names, each in its series' colour.
pub(super) fn draw<DB: DrawingBackend>(
    pen: &mut Pen<DB>,
    plot: &Plot,
    layout: &Layout,
    looks: &[Look],
    placed: &[Placed],
) -> Drawn {
    for Placed { series, room } in placed {
        let name = Lettering {
            size: layout.letters,
            bold: false,
            colour: looks[*series].colour,
            horizontal: HPos::Left,
            vertical: VPos::Center,
        };
        let at = (room.left, (room.top + room.bottom) / 2.0);
        pen.text(&plot.series[*series].name, at, name)?;
    }
    Ok(())
}
