//! Numbers as the page writes them.

use crate::point::TimingReport;
use perforate_base::units::{self, three_digits};

/// A share, in percent.
pub fn percent(share: f64) -> String {
    units::percent(share, 1)
}

/// A difference between shares of one, in points with a sign: −0.004 is "−0.4".
pub fn points(share: f64) -> String {
    // No minus before a zero.
    let points = (share * 1000.0).round() / 10.0 + 0.0;
    match points {
        0.0 => "0.0".into(),
        points if points < 0.0 => format!("−{:.1}", -points),
        points => format!("+{points:.1}"),
    }
}

/// Seconds left, no finer than they are known.
pub fn time_left(seconds: f64) -> String {
    match seconds {
        s if s < 5.0 => "a few seconds left".into(),
        s if s < 90.0 => format!("about {:.0}\u{a0}s left", (s / 5.0).ceil() * 5.0),
        s => format!("about {:.0}\u{a0}min left", (s / 60.0).ceil()),
    }
}

/// The value of a knob: thresholds of a confident model lie close to 0 or to 1.
pub fn knob(value: f32) -> String {
    match value.abs() {
        0.0 => "0.0000".into(),
        large if large >= 1e4 => format!("{value:.0e}"),
        small if small < 0.01 => format!("{value:.1e}"),
        near_one if (0.999..1.0).contains(&near_one) => format!("{value:.6}"),
        _ => format!("{value:.4}"),
    }
}

/// The text, or a dash for a figure that does not exist.
pub fn dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".into())
}

/// A ratio.
pub fn times(ratio: f64) -> String {
    format!("{}×", three_digits(ratio))
}

/// The median speed-up.
pub fn speedup(timing: TimingReport) -> String {
    times(timing.speedup.median)
}

/// The same with its interval.
pub fn speedup_within(timing: TimingReport) -> String {
    let ends = [timing.speedup.lo, timing.speedup.hi].map(three_digits);
    format!("{} ({}–{})", speedup(timing), ends[0], ends[1])
}

#[cfg(test)]
mod tests {
    use super::knob;

    #[test]
    fn thresholds_near_the_ends_can_be_told_apart() {
        let texts = [0.0, 1.15e-5, 0.22, 0.99994, 0.99998, 1.0, 2.0, -1e6].map(knob);
        assert_eq!(
            texts,
            ["0.0000", "1.2e-5", "0.2200", "0.999940", "0.999980", "1.0000", "2.0000", "-1e6"]
        );
    }
}
