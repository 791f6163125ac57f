//! Numbers as the page writes them.

use crate::bench::sweep::Active;
use crate::report::TimingReport;
use crate::units::three_digits;

/// A share, in percent.
pub fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

/// What a share of active computation is a share of.
pub fn of_active(means: Active) -> &'static str {
    match means {
        Active::FullPath => "of inputs on the full path",
        Active::Operations => "of the full model’s operations",
    }
}

/// The value of a knob: most thresholds of a confident model are tiny.
pub fn knob(value: f32) -> String {
    if value == 0.0 || value.abs() >= 0.01 { format!("{value:.4}") } else { format!("{value:.1e}") }
}

/// The text, or a dash for a figure that does not exist.
pub fn dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".into())
}

/// The median speed-up.
pub fn speedup(timing: TimingReport) -> String {
    format!("{}\u{a0}×", three_digits(timing.speedup.median))
}
