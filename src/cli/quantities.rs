//! Arguments that are a number with a unit: times, rates, sizes.

use crate::units::{Bytes, Seconds};

/// Reads a time: `40ms`, `1.5s`, `500us`, `2min`.
pub fn time(text: &str) -> Result<Seconds, String> {
    let units = [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("min", 60.0), ("s", 1.0)];
    with_unit(text, &units).map(Seconds).ok_or_else(|| "write a time as 40ms or 2s".into())
}

/// Reads a rate in bits per second: `10Mbit/s`, `800kbit/s`, `1Gbit/s`.
pub fn rate(text: &str) -> Result<f64, String> {
    let units = [("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3), ("bit/s", 1.0)];
    let rate = with_unit(text, &units).filter(|rate| *rate > 0.0);
    rate.ok_or_else(|| "write a rate as 10Mbit/s, above 0".into())
}

/// Reads a size: `16MiB`, `512kB`, `1000B`.
pub fn size(text: &str) -> Result<Bytes, String> {
    let units = [
        ("GiB", f64::from(1 << 30)),
        ("MiB", f64::from(1 << 20)),
        ("KiB", 1024.0),
        ("GB", 1e9),
        ("MB", 1e6),
        ("kB", 1e3),
        ("B", 1.0),
    ];
    with_unit(text, &units).map(Bytes).ok_or_else(|| "write a size as 16MiB or 500kB".into())
}

/// The number before the first unit that the text ends with, times what the unit stands for.
fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (number, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let number: f64 = number.trim_end().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_their_unit() {
        assert_eq!(time("40ms"), Ok(Seconds(0.04)));
        assert_eq!((time("2 s"), time("1min")), (Ok(Seconds(2.0)), Ok(Seconds(60.0))));
        assert_eq!((rate("10Mbit/s"), rate("1.5kbit/s")), (Ok(1e7), Ok(1500.0)));
        assert_eq!((size("16MiB"), size("2kB")), (Ok(Bytes(16_777_216.0)), Ok(Bytes(2000.0))));
        for text in ["40", "ms", "-1s", "infs", "10 parsecs"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert!(rate("0bit/s").is_err() && rate("10MB/s").is_err() && size("1").is_err());
    }
}
