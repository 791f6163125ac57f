//! Tick labels: as few digits as tell the ticks apart, and their unit.

use super::plot::NumberFormat;

/// Thin space that does not break.
const THIN: &str = "\u{202f}";
const PREFIXES: [(f64, &str); 9] = [
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
];

impl NumberFormat {
    /// Labels of ticks in ascending order. With `alike`, all share one unit and one precision.
    pub(super) fn labels(self, ticks: &[f64], alike: bool) -> Vec<String> {
        if alike {
            let gap = ticks.windows(2).map(|w| (w[1] - w[0]).abs()).fold(f64::INFINITY, f64::min);
            let largest = ticks.iter().fold(0.0_f64, |m, t| m.max(t.abs()));
            let gap = if gap.is_finite() { gap } else { largest };
            let (factor, unit) = self.unit(largest);
            let digits = decimals(ticks, factor, gap);
            ticks.iter().map(|t| write(t / factor, digits, &unit)).collect()
        } else {
            ticks
                .iter()
                .map(|t| {
                    let (factor, unit) = self.unit(t.abs());
                    write(t / factor, decimals(&[*t], factor, t.abs()), &unit)
                })
                .collect()
        }
    }

    /// Value of one written unit, and what follows the number.
    fn unit(self, largest: f64) -> (f64, String) {
        match self {
            NumberFormat::Plain => (1.0, String::new()),
            NumberFormat::Percent => (0.01, format!("{THIN}%")),
            NumberFormat::Points => (0.01, format!("{THIN}pp")),
            NumberFormat::Ratio => (1.0, "×".into()),
            NumberFormat::Seconds => prefixed(largest.min(1.0), "s"),
            NumberFormat::Si(unit) => prefixed(largest, unit.symbol()),
        }
    }
}

fn prefixed(largest: f64, unit: &str) -> (f64, String) {
    // The small allowance keeps 1 ms, stored as 0.00099999, from becoming 1000 µs.
    let fits = |(factor, _): &&(f64, &str)| largest * (1.0 + 1e-9) >= *factor;
    let (factor, prefix) = if largest > 0.0 {
        *PREFIXES.iter().find(fits).unwrap_or(&PREFIXES[PREFIXES.len() - 1])
    } else {
        (1.0, "")
    };
    let name = format!("{prefix}{unit}");
    (factor, if name.is_empty() { name } else { format!("{THIN}{name}") })
}

/// Fewest decimals that keep every tick within a thousandth of the gap.
fn decimals(ticks: &[f64], factor: f64, gap: f64) -> usize {
    let slack = (gap / factor * 1e-3).max(f64::MIN_POSITIVE);
    let exact = |digits: &usize| {
        let unit = 10f64.powi(*digits as i32);
        ticks.iter().all(|t| ((t / factor * unit).round() / unit - t / factor).abs() <= slack)
    };
    (0..=8).find(exact).unwrap_or(8)
}

fn write(value: f64, digits: usize, unit: &str) -> String {
    let text = format!("{:.digits$}", value.abs());
    let zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
    let sign = if value < 0.0 && !zero { "−" } else { "" };
    format!("{sign}{text}{unit}")
}
