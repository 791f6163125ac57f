//! Checks of a sweep: the subject's models, and its own times.

use crate::contender::ContenderId;
use crate::stats::Interval;
use crate::subject::BenchTarget;
use crate::warning::MeasurementWarning;
use perforate_base::Result;
use perforate_engine::{Knobs, Session};

/// Rows on which the routed file's full path is held against the full model.
const CHECKED_ROWS: usize = 8;

/// Larger differences between the router's cost at the full end and at the light one are not the router's.
const UNEQUAL: f64 = 0.05;

/// Intervals wider than this share of their median are worth a word.
const WIDE: f64 = 0.1;

/// Holds the ends of the routed model against the models alone; says so if they differ.
pub(super) fn check_ends(subject: &BenchTarget) -> Result<Vec<String>> {
    let mut warnings = vec![];
    let ends = [
        (&subject.full, subject.range.full, "full"),
        (&subject.light, subject.range.light, "light"),
    ];
    let rows: Vec<usize> = (0..subject.test.0.len().min(CHECKED_ROWS)).collect();
    let batch = subject.test.0.rows(&rows)?;
    for (program, knob, name) in ends {
        let alone = Session::new(program.clone()).run(&batch, &program.neutral_knobs())?.first()?;
        let knobs = Knobs::new().with(&subject.knob, knob);
        let routed = Session::new(subject.routed.clone()).run(&batch, &knobs)?.first()?;
        let differ = alone.shape() != routed.shape()
            || alone.iter().zip(&routed).any(|(a, b)| (a - b).abs() > 1e-4 + 1e-4 * b.abs());
        if differ {
            warnings.push(format!(
                "At {} = {knob} the routed model does not answer like the {name} model: compose it anew.",
                subject.knob
            ));
        }
    }
    Ok(warnings)
}

/// Warns if the router takes a different share of the full model's time at the full end than at the light end:
/// the same segment then runs at different speeds in different contenders, which no model is to blame for
/// (Mytkowicz et al., "Producing wrong data without doing anything obviously wrong!", ASPLOS 2009).
pub(super) fn unequal_warning(at_full: Interval, at_light: f64) -> Option<String> {
    let unexplained = (at_full.median - at_light).abs();
    (unexplained > UNEQUAL).then(|| {
        format!(
            "Timing noise is {:.0} %: identical segments ran at different speeds in the full model and in the router. Treat smaller differences as noise, or use the native benchmark.",
            unexplained * 100.0
        )
    })
}

/// A warning about the widest of these intervals, by contender, if it is wide.
pub(super) fn wide_warning(
    intervals: impl Iterator<Item = (ContenderId, Interval)>,
) -> Option<MeasurementWarning> {
    intervals
        .map(|(id, interval)| (id, interval.relative_width()))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, width)| *width > WIDE)
        .map(|(id, width)| MeasurementWarning::WideInterval(id, width))
}

/// More than this is impossible for a setting that does all that the full model does.
const IMPOSSIBLE: f64 = 1.1;

/// A warning about a setting with all computation active that seems faster than the full model: it does the same work and more.
pub(super) fn impossible_warning(full_end: Interval, batch: usize) -> Option<String> {
    (full_end.lo > IMPOSSIBLE).then(|| {
        format!(
            "With all computation active the routed model ran {:.2} times as fast as the full one at batch {batch}, with no less work. Something interfered with the full model: speed-ups at batch {batch} are unreliable in this run.",
            full_end.median
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_interval_is_named_if_it_is_wide() {
        let interval = |half: f64| Interval { median: 2.0, lo: 2.0 - half, hi: 2.0 + half };
        let of = |halves: [f64; 2]| wide_warning(ContenderId::first(2).zip(halves.map(interval)));
        assert_eq!(of([0.05, 0.09]), None);
        assert_eq!(
            of([0.25, 0.05]),
            Some(MeasurementWarning::WideInterval(ContenderId::new(0), 0.25))
        );
    }

    #[test]
    fn more_than_the_full_models_speed_for_its_work_is_not_believed() {
        let interval = |lo: f64| Interval { median: lo + 0.1, lo, hi: lo + 0.2 };
        assert_eq!(impossible_warning(interval(1.05), 1), None);
        assert!(impossible_warning(interval(1.9), 32).unwrap().contains("batch 32"));
    }
}
