//! The race: the full model and the routed one over the hundred inputs, at the times measured here, in slow motion.

use serde::Serialize;

use perforate_base::units::{Seconds, three_digits};
use perforate_report::PointReport;

/// What a race needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct RaceState {
    /// Seconds that the full model takes in the replay.
    pub(super) full_s: f64,
    /// Seconds that the routed one takes.
    pub(super) routed_s: f64,
    /// What is shown, and how much slower than it is.
    pub(super) text: String,
}

/// How long the slower one runs.
const SHOWN: Seconds = Seconds(6.0);

/// The race between two settings over so many inputs; none before both are timed.
pub(super) fn race(full: &PointReport, routed: &PointReport, inputs: usize) -> Option<RaceState> {
    let latency = |point: &PointReport| Some(point.batch1?.latency_s.median);
    let (full, routed) = (latency(full)?, latency(routed)?);
    let all = |latency: f64| latency * inputs as f64;
    let slower = all(full.max(routed));
    if !(slower > 0.0 && slower.is_finite()) {
        return None;
    }
    let scale = SHOWN.0 / slower;
    let motion = if scale >= 1.0 {
        format!("slowed down {}×", three_digits(scale))
    } else {
        format!("sped up {}×", three_digits(1.0 / scale))
    };
    let [full_time, routed_time] = [full, routed].map(|latency| Seconds(all(latency)).to_string());
    Some(RaceState {
        full_s: all(full) * scale,
        routed_s: all(routed) * scale,
        text: format!(
            "{inputs} inputs, one at a time, at the times measured here: {full_time} in full, {routed_time} routed; {motion}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_bench::stats::Interval;
    use perforate_report::TimingReport;

    fn timed(seconds: f64) -> PointReport {
        let at = |median| Interval { median, lo: median, hi: median };
        let timing = TimingReport {
            latency_s: at(seconds),
            throughput_per_s: at(1.0 / seconds),
            speedup: at(1.0),
            realised: 1.0,
        };
        let mut point: PointReport = serde_json::from_str(BARE).unwrap();
        point.batch1 = Some(timing);
        point
    }

    const BARE: &str = r#"{"knob":{},"active":1,"paths":{},"macs":1,"integer_macs":0,"bytes":1,
        "ideal_speedup":1,"batch1":null,"batch32":null,"accuracy":null,"accuracy_delta_pp":null,
        "agreement":1,"deviation_max":0,"deviation_mean":0,"energy_j":{"time":null,"operations":1}}"#;

    #[test]
    fn the_slower_one_takes_six_seconds_and_the_ratio_is_the_measured_one() {
        let race = race(&timed(1e-3), &timed(2.5e-4), 100).unwrap();
        assert_eq!((race.full_s, race.routed_s), (6.0, 1.5));
        assert!(race.text.contains("slowed down 60.0×"), "{}", race.text);
        let bare: PointReport = serde_json::from_str(BARE).unwrap();
        assert_eq!(super::race(&bare, &timed(1.0), 100), None);
    }
}
