//! What stands inside the plot area: lines with dashes, markers, error bars, the ring.

use std::f64::consts::TAU;

use plotters::backend::DrawingBackend;

use super::hit::Area;
use super::pen::{Drawn, Pen};
use super::theme::{Colour, Look, Marker, Stroke};

type Place = (f64, f64);

/// A line through places, cut at the edges of the area, solid or dashed.
pub(super) fn line<DB: DrawingBackend>(
    pen: &mut Pen<DB>,
    places: &[Place],
    stroke: Stroke,
    colour: Colour,
    area: Area,
) -> Drawn {
    for run in clip(places, area) {
        if stroke.dash.is_empty() {
            pen.path(&thin(&run), stroke.width, colour, 1.0)?;
        } else {
            for dash in dashes(&run, stroke.dash) {
                pen.path(&dash, stroke.width, colour, 1.0)?;
            }
        }
    }
    Ok(())
}

/// Whiskers with small caps; `alpha` keeps them behind the points.
pub(super) fn whiskers<DB: DrawingBackend>(
    pen: &mut Pen<DB>,
    (from, to): (Place, Place),
    colour: Colour,
    area: Area,
) -> Drawn {
    const CAP: f64 = 3.0;
    const ALPHA: f64 = 0.5;
    let inside = |(x, y): Place| (x.clamp(area.left, area.right), y.clamp(area.top, area.bottom));
    let (a, b) = (inside(from), inside(to));
    // An interval shorter than the marker would only smear it.
    if (a.0 - b.0).hypot(a.1 - b.1) < 2.0 {
        return Ok(());
    }
    pen.path(&[a, b], 1.25, colour, ALPHA)?;
    for (end, given) in [(a, from), (b, to)] {
        if end != given {
            continue; // cut off by the axis: no cap, the interval goes on
        }
        let cap = if a.1 == b.1 {
            [(end.0, end.1 - CAP), (end.0, end.1 + CAP)]
        } else {
            [(end.0 - CAP, end.1), (end.0 + CAP, end.1)]
        };
        pen.path(&cap, 1.25, colour, ALPHA)?;
    }
    Ok(())
}

/// A marker on a halo of the background, so that crossing lines do not touch it.
pub(super) fn marker<DB: DrawingBackend>(
    pen: &mut Pen<DB>,
    at: Place,
    look: Look,
    radius: f64,
    background: Colour,
) -> Drawn {
    shape(pen, at, look.marker, radius + 1.25, background)?;
    shape(pen, at, look.marker, radius, look.colour)?;
    if matches!(look.marker, Marker::HollowCircle | Marker::HollowDiamond | Marker::HollowSquare) {
        shape(pen, at, look.marker, radius - 1.5, background)?;
    }
    Ok(())
}

/// A bar from the left edge of the area to a place.
pub(super) fn bar<DB: DrawingBackend>(
    pen: &mut Pen<DB>,
    (x, y): Place,
    colour: Colour,
    area: Area,
) -> Drawn {
    const HALF: f64 = 5.0;
    pen.rectangle((area.left, y - HALF), (x.max(area.left + 1.0), y + HALF), colour)
}

/// The ring around the selected point.
pub(super) fn ring<DB: DrawingBackend>(
    pen: &mut Pen<DB>,
    at: Place,
    radius: f64,
    ink: Colour,
    background: Colour,
) -> Drawn {
    pen.ring(at, radius + 4.0, 4.0, background)?;
    pen.ring(at, radius + 4.0, 2.0, ink)
}

fn shape<DB: DrawingBackend>(
    pen: &mut Pen<DB>,
    (x, y): Place,
    marker: Marker,
    r: f64,
    colour: Colour,
) -> Drawn {
    let polygon = |corners: &[(f64, f64)]| -> Vec<Place> {
        corners.iter().map(|(dx, dy)| (x + dx * r, y + dy * r)).collect()
    };
    let corners: &[(f64, f64)] = match marker {
        Marker::None => return Ok(()),
        Marker::Circle | Marker::HollowCircle => return pen.disc((x, y), r, colour),
        Marker::Star => {
            let spike = |k: usize| {
                let (angle, length) = (TAU * (k as f64 / 10.0 - 0.25), [1.0, 0.45][k % 2] * r);
                (x + length * angle.cos(), y + length * angle.sin())
            };
            return pen.polygon(&(0..10).map(spike).collect::<Vec<_>>(), colour);
        }
        Marker::Diamond | Marker::HollowDiamond => {
            &[(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]
        }
        Marker::Bar => &[(-1.6, -0.9), (1.6, -0.9), (1.6, 0.9), (-1.6, 0.9)],
        Marker::Square | Marker::HollowSquare => {
            &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
        }
        Marker::Triangle => &[(0.0, -1.1), (1.0, 0.8), (-1.0, 0.8)],
        Marker::TriangleDown => &[(0.0, 1.1), (1.0, -0.8), (-1.0, -0.8)],
        Marker::Cross => &[
            (-1.0, -0.55),
            (-0.55, -1.0),
            (0.0, -0.45),
            (0.55, -1.0),
            (1.0, -0.55),
            (0.45, 0.0),
            (1.0, 0.55),
            (0.55, 1.0),
            (0.0, 0.45),
            (-0.55, 1.0),
            (-1.0, 0.55),
            (-0.45, 0.0),
        ],
    };
    pen.polygon(&polygon(corners), colour)
}

/// Drops places that a finely sampled line does not need: whole device pixels would turn them into
/// stairs.
fn thin(run: &[Place]) -> Vec<Place> {
    let mut kept: Vec<Place> = vec![];
    for (i, place) in run.iter().enumerate() {
        let far = kept.last().is_none_or(|k| (k.0 - place.0).hypot(k.1 - place.1) >= 3.0);
        if far || i + 1 == run.len() {
            kept.push(*place);
        }
    }
    kept
}

/// The parts of a line inside the area (Liang and Barsky's clipping, segment by segment).
pub(super) fn clip(places: &[Place], area: Area) -> Vec<Vec<Place>> {
    let mut runs: Vec<Vec<Place>> = vec![];
    for pair in places.windows(2) {
        let ((x, y), (dx, dy)) = (pair[0], (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1));
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        let edges = [
            (-dx, x - area.left),
            (dx, area.right - x),
            (-dy, y - area.top),
            (dy, area.bottom - y),
        ];
        for (direction, room) in edges {
            if direction == 0.0 {
                if room < 0.0 {
                    leave = -1.0;
                }
            } else if direction < 0.0 {
                enter = enter.max(room / direction);
            } else {
                leave = leave.min(room / direction);
            }
        }
        if enter > leave {
            continue;
        }
        let at = |t: f64| (x + t * dx, y + t * dy);
        let start = at(enter);
        match runs.last_mut() {
            Some(run) if enter == 0.0 && run.last() == Some(&start) => run.push(at(leave)),
            _ => runs.push(vec![start, at(leave)]),
        }
    }
    runs
}

/// Cuts a line into its dashes; the pattern runs on around corners.
fn dashes(run: &[Place], pattern: &[f64]) -> Vec<Vec<Place>> {
    let mut all: Vec<Vec<Place>> = vec![];
    let (mut index, mut left) = (0, pattern[0]);
    let mut current: Vec<Place> = run.first().copied().into_iter().collect();
    for pair in run.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let on = index % 2 == 0;
            if length <= left {
                left -= length;
                if on {
                    current.push(to);
                }
                break;
            }
            let share = left / length;
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            if on {
                current.push(from);
                all.push(std::mem::take(&mut current));
            } else {
                current = vec![from];
            }
            index = (index + 1) % pattern.len();
            left = pattern[index].max(0.5);
        }
    }
    if current.len() > 1 {
        all.push(current);
    }
    all
}
