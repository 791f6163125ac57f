//! Numbers as the page writes them.

use crate::report::TimingReport;
use crate::units::three_digits;

/// A share, in percent.
pub fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

/// The text, or a dash for a figure that does not exist.
pub fn dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".into())
}

/// The median speed-up.
pub fn speedup(timing: TimingReport) -> String {
    format!("{}\u{a0}×", three_digits(timing.speedup.median))
}
