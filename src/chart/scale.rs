//! Axis ranges, ticks, and the map from values to positions.

use super::plot::{Axis, NumberFormat, Plot, Point, Role, Scale};

impl Scale {
    pub(super) fn usable(self, value: f64) -> bool {
        value.is_finite() && (self == Scale::Linear || value > 0.0)
    }

    /// Monotone map to a space where equal distances look equal.
    fn warp(self, value: f64) -> f64 {
        match self {
            Scale::Linear => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
        }
    }

    fn unwarp(self, value: f64) -> f64 {
        match self {
            Scale::Linear => value,
            Scale::Log => 10f64.powf(value),
        }
    }
}

/// Value → CSS position along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Projection {
    scale: Scale,
    pub low: f64,
    pub high: f64,
    start: f64,
    end: f64,
}

impl Projection {
    pub fn new(scale: Scale, (low, high): (f64, f64), start: f64, end: f64) -> Self {
        Projection { scale, low, high, start, end }
    }

    /// None for values that cannot stand on this axis.
    pub fn position(&self, value: f64) -> Option<f64> {
        if !self.scale.usable(value) {
            return None;
        }
        let (low, high) = (self.scale.warp(self.low), self.scale.warp(self.high));
        let share = (self.scale.warp(value) - low) / (high - low);
        Some(self.start + share * (self.end - self.start))
    }
}

/// Whether a point can be drawn on these axes at all.
pub(super) fn drawable(plot: &Plot, point: &Point) -> bool {
    plot.x.scale.usable(point.x) && plot.y.scale.usable(point.y)
}

/// Ends of the x or y axis: as given, else the points with their intervals and some air.
/// An ideal line may widen the range a little, but never squeezes the measured points.
pub(super) fn range(plot: &Plot, along_x: bool) -> (f64, f64) {
    let axis = if along_x { &plot.x } else { &plot.y };
    let scale = axis.scale;
    if let Some((a, b)) = axis.range
        && scale.usable(a)
        && scale.usable(b)
        && a != b
    {
        return (a.min(b), a.max(b));
    }
    let extent = |ideal: bool| {
        let mut ends: Option<(f64, f64)> = None;
        let series = plot.series.iter().filter(|s| (s.role == Role::Ideal) == ideal);
        for point in series.flat_map(|s| &s.points).filter(|p| drawable(plot, p)) {
            let (value, interval) =
                if along_x { (point.x, point.x_interval) } else { (point.y, point.y_interval) };
            let (from, to) = interval.unwrap_or((value, value));
            for v in [value, from, to].into_iter().filter(|v| scale.usable(*v)) {
                let v = scale.warp(v);
                let (low, high) = ends.unwrap_or((v, v));
                ends = Some((low.min(v), high.max(v)));
            }
        }
        ends
    };
    let (low, high) = match (extent(false), extent(true)) {
        (Some((low, high)), Some((ideal_low, ideal_high))) => {
            let room = (high - low) * 0.25;
            (ideal_low.clamp(low - room, low), ideal_high.clamp(high, high + room))
        }
        (Some(ends), None) | (None, Some(ends)) => ends,
        (None, None) => match scale {
            Scale::Linear => (0.0, 1.0),
            Scale::Log => (0.0, 1.0), // one decade: 1 to 10
        },
    };
    pad(axis, low, high)
}

fn pad(axis: &Axis, low: f64, high: f64) -> (f64, f64) {
    let scale = axis.scale;
    let tiny = (low.abs().max(high.abs()) * 1e-9).max(1e-12);
    let air = if high - low > tiny {
        (high - low) * 0.05
    } else if scale == Scale::Log {
        0.15
    } else {
        (low.abs() * 0.1).max(if axis.format == NumberFormat::Plain { 0.5 } else { 0.01 })
    };
    let (mut from, mut to) = (low - air, high + air);
    if scale == Scale::Linear {
        // A quantity that is never negative gets no negative ticks, a share none above one; and an
        // axis that nearly reaches zero starts there.
        if low >= 0.0 && from < (to - low) * 0.12 {
            from = 0.0;
        }
        if axis.format == NumberFormat::Percent && high <= 1.0 {
            to = to.min(1.0 + (high - low) * 0.02).max(high + 1e-9);
        }
    }
    (scale.unwarp(from), scale.unwarp(to))
}

/// At most `most` round values within the range (two or more wherever the range allows).
pub(super) fn ticks(scale: Scale, (low, high): (f64, f64), percent: bool, most: usize) -> Vec<f64> {
    let most = most.max(2);
    if scale == Scale::Log && high / low >= 6.0 {
        return log_ticks(low, high, most);
    }
    let unit = if percent { 0.01 } else { 1.0 };
    let (low, high) = (low / unit, high / unit);
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return vec![];
    }
    let start = (span / most as f64).log10().floor() as i32;
    for exponent in start..start + 3 {
        for digit in [1.0, 2.0, 2.5, 5.0] {
            let step = digit * 10f64.powi(exponent);
            let slack = span * 1e-9;
            let (first, last) = (((low - slack) / step).ceil(), ((high + slack) / step).floor());
            if last - first < most as f64 {
                return (0..=(last - first).max(-1.0) as i64)
                    .map(|k| (first + k as f64) * step * unit)
                    .collect();
            }
        }
    }
    vec![]
}

fn log_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let within = |v: &f64| *v >= low * (1.0 - 1e-9) && *v <= high * (1.0 + 1e-9);
    let of = |digits: &[f64], stride: usize| -> Vec<f64> {
        (first..=last)
            .filter(|e| e.rem_euclid(stride as i32) == 0)
            .flat_map(|e| digits.iter().map(move |d| d * 10f64.powi(e)))
            .filter(within)
            .collect()
    };
    for digits in [&[1.0, 2.0, 3.0, 5.0, 7.0][..], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]] {
        let ticks = of(digits, 1);
        if ticks.len() <= most {
            return ticks;
        }
    }
    (2..=64).map(|stride| of(&[1.0], stride)).find(|t| t.len() <= most).unwrap_or_default()
}
