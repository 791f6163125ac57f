//! Whole sweeps of tiny models, on a clock that only operations move.

use perforate_base::units::Seconds;
use perforate_engine::{Knobs, Program, Session};

use super::*;
use crate::testing::{
    FULL_MACS, LIGHT_MACS, OperationsClock, SCORE_MACS, budgeted_subject, escalating_subject,
    gated_subject, options,
};

type Tested = Sweep<OperationsClock>;

/// Readings of this clock take a tenth of an operation's time.
fn start(subject: BenchTarget, options: Options) -> Tested {
    Sweep::new(subject, options, OperationsClock::new(Seconds(1e-4))).unwrap()
}

fn finish(sweep: &mut Tested) -> Results {
    while !sweep.is_done() {
        sweep.step().unwrap();
    }
    sweep.results().unwrap()
}

fn run(subject: BenchTarget, options: Options) -> Results {
    finish(&mut start(subject, options))
}

/// Whether a speed-up is this one, interval included, up to what readings add.
fn is_about(timing: Option<Timing>, speedup: f64) -> bool {
    let own = timing.unwrap().speedup;
    let near = |value: f64| (value / speedup - 1.0).abs() < 0.02;
    near(own.median) && near(own.lo) && near(own.hi) && own.lo <= own.median && own.median <= own.hi
}

#[test]
fn speed_ups_are_ratios_of_operations() {
    let results = run(gated_subject(), options());
    let (first, last) = (results.curve.first().unwrap(), results.curve.last().unwrap());
    let cases = [
        (&results.full, 1.0),
        (&results.light, FULL_MACS / LIGHT_MACS),
        (first, FULL_MACS / (LIGHT_MACS + SCORE_MACS)),
        (last, FULL_MACS / (FULL_MACS + SCORE_MACS)),
        // It costs twice what the full model does.
        (&results.references[0].point, 0.5),
    ];
    for (ix, (point, speedup)) in cases.into_iter().enumerate() {
        for timing in [point.batch1, point.batch_n] {
            assert!(is_about(timing, speedup), "case {ix}: {timing:?}, not {speedup}");
        }
    }
    let latency = results.full.batch1.unwrap().latency.median;
    assert!((latency / (FULL_MACS * OperationsClock::PER_MAC) - 1.0).abs() < 0.01, "{latency}");
    let overhead = results.gate_overhead.unwrap().median;
    assert!((overhead - SCORE_MACS / FULL_MACS).abs() < 1e-3, "{overhead}");
    let speedups = results.curve.iter().map(|point| point.batch1.unwrap().speedup.median);
    assert!(speedups.rev().is_sorted(), "cheaper settings are faster");
    let other = results.references_of(ReferenceRole::OtherStrategy).next().unwrap();
    assert_eq!(other.program.name(), "escalating");
    assert_eq!(results.warnings, [""; 0]);
}

#[test]
fn the_ends_answer_like_the_models_alone_to_the_bit() {
    for subject in [gated_subject(), escalating_subject(), budgeted_subject()] {
        let mut sweep = start(subject.clone(), options());
        let results = finish(&mut sweep);
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let ends = [(&subject.light, subject.range.light), (&subject.full, subject.range.full)];
        for (program, end) in ends {
            let program: &std::sync::Arc<Program> = program;
            let mut alone = Session::new(program.clone());
            let knobs = Knobs::new().with(&subject.knob, end);
            for row in 0..subject.test.0.len() {
                let batch = subject.test.0.row(row).unwrap();
                let own = alone.run(&batch, &Knobs::new()).unwrap().first().unwrap();
                let routed = sweep.test_recording().at(row, &knobs).output;
                assert_eq!(bits(routed), bits(&own.into_iter().collect::<Vec<_>>()), "row {row}");
            }
        }
        let [light, full] = [&results.light, &results.full].map(|point| &point.quality);
        let [light_end, full_end] = [results.curve.first(), results.curve.last()]
            .map(|point| point.map(|point| &point.quality).unwrap());
        assert_eq!((full_end.deviation_max, full_end.agreement), (0.0, 1.0));
        assert_eq!(
            (light_end.accuracy, light_end.deviation_max),
            (light.accuracy, light.deviation_max)
        );
        assert_eq!(full_end.accuracy, full.accuracy);
    }
}

#[test]
fn results_come_with_the_first_round_and_progress_rises_to_one() {
    let mut sweep = start(gated_subject(), options());
    let (mut share, mut shown) = (0.0, 0);
    assert!(sweep.results().is_none() && sweep.grid().is_empty() && sweep.launch().is_none());
    while !sweep.is_done() {
        let changed = sweep.step().unwrap();
        let progress = sweep.progress();
        assert!(progress.share >= share && progress.share <= 1.0, "{progress:?} after {share}");
        share = progress.share;
        shown += usize::from(changed);
        assert!(!changed || sweep.results().is_some(), "{progress:?}");
    }
    assert_eq!(share, 1.0);
    assert!(shown > 2 * options().rounds, "{shown}");
    assert!(!sweep.step().unwrap(), "nothing is left to do");
}

/// The share of the full path, qualities, costs and thresholds follow from answers alone.
#[test]
fn slices_and_readings_change_no_answer() {
    for subject in [escalating_subject(), budgeted_subject()] {
        let usual = run(subject.clone(), options());
        let coarse = OperationsClock::new(Seconds(2e-3));
        let short = Options { slice: Seconds(1e-3), ..options() };
        let other = finish(&mut Sweep::new(subject, short, coarse).unwrap());
        let of = |results: &Results| {
            let points = results.curve.iter().map(|point| {
                (point.knob, point.active.to_bits(), point.cost.to_bits(), point.quality.clone())
            });
            points.collect::<Vec<_>>()
        };
        assert_eq!(of(&usual), of(&other));
        assert_eq!(usual.dense.len(), other.dense.len());
        assert_eq!(usual.certificate, other.certificate);
        assert_eq!((usual.oracle, usual.random), (other.oracle, other.random));
        assert_eq!(usual.robustness, other.robustness);
    }
}

#[test]
fn perturbed_samples_are_told_by_the_names_of_the_paths_that_they_took() {
    for subject in [gated_subject(), budgeted_subject()] {
        let mut sweep = start(subject.clone(), options());
        let results = finish(&mut sweep);
        assert_eq!(results.robustness.len(), 2, "the samples as they are, and one perturbation");
        for own in &results.robustness {
            let names: Vec<&String> = own.paths.iter().map(|(name, _)| name).collect();
            assert_eq!(names, results.paths.iter().map(|path| &path.label).collect::<Vec<_>>());
            let all: f64 = own.paths.iter().map(|(_, share)| share).sum();
            assert!((all - 1.0).abs() < 1e-12, "{:?}", own.paths);
        }
        // As they are, samples take the paths that they took when the curve was recorded.
        let certificate = &results.certificate;
        let chosen = certificate.chosen.or(results.alternatives.empirical);
        let point = &results.curve[chosen.unwrap_or(results.curve.len() / 2)];
        let own: Vec<f64> = results.robustness[0].paths.iter().map(|(_, share)| *share).collect();
        assert_eq!(own, point.quality.paths);
    }
    // A budget leads to three of the four combinations.
    let budgeted = budgeted_subject();
    assert_eq!(budgeted.routed.paths().unwrap().len(), 4);
    let results = run(budgeted, options());
    assert_eq!(results.paths.len(), 3);
    assert!(!results.is_input_dependent && results.paths.iter().all(|path| path.answers.is_some()));
}

#[test]
fn launches_add_their_rounds_if_they_timed_the_same() {
    let mut sweep = start(gated_subject(), options());
    let before = finish(&mut sweep);
    let mut other = start(gated_subject(), Options { timing_only: true, ..options() });
    finish(&mut other);
    let launch = other.launch().unwrap();
    sweep.absorb(&launch).unwrap();
    let after = sweep.results().unwrap();
    assert_eq!((before.rounds, before.launches), (5, 1));
    assert_eq!((after.rounds, after.launches), (10, 2));
    let strange = ProcessRun { grid: vec![], ..launch };
    assert!(sweep.absorb(&strange).is_err());
}

#[test]
fn other_options_judge_perturbed_samples_anew() {
    let mut sweep = start(gated_subject(), options());
    let before = finish(&mut sweep);
    sweep.judge_by(&Options { cost: CostBasis::Time, ..options() });
    assert!(!sweep.is_done() && sweep.results().unwrap().robustness.is_empty());
    let after = finish(&mut sweep);
    assert_eq!(after.robustness.len(), before.robustness.len());
    assert_eq!((after.cost, after.rounds), (CostBasis::Time, before.rounds));
    let point = &after.references[0].point;
    let timing = point.batch1.unwrap();
    assert_eq!(point.cost, 1.0 / timing.speedup.median);
}

#[test]
fn a_knob_that_changes_nothing_is_refused() {
    let mut subject = gated_subject();
    subject.range.full = subject.range.light;
    let error = Sweep::new(subject, options(), OperationsClock::new(Seconds(1e-4)));
    assert!(error.unwrap_err().to_string().contains("does not change the path"));
}
