use perforate_base::units::{Bytes, Macs, Seconds};
use perforate_engine::{Path, Work};

use super::planes::rounded;
use super::*;
use crate::clock::FakeClock;
use crate::record::argmax;
use crate::results::Results;
use crate::sweep::{Sweep, record_answers};
use crate::testing::{OperationsClock, escalating_subject, gated_subject, options};

fn clock() -> FakeClock {
    FakeClock::new(Seconds(0.0), Seconds(1e-6))
}

#[test]
fn a_file_gives_back_what_was_put_in() {
    let work = |macs| Work { macs: Macs(macs), integer_macs: Macs(1.0), bytes: Bytes(8.0) };
    let answers = |macs: [f64; 3]| ModelAnswers {
        outputs: vec![vec![1.0, -0.5], vec![0.25, 2.0], vec![-1.0, -3.0]],
        work: macs.map(work).to_vec(),
        kept: vec![vec![0.1], vec![0.7], vec![1.0]],
    };
    let split = RecordedSplit {
        scores: vec![vec![0.3, 0.123_456_79], vec![1e-9, 7.0], vec![0.5, -2.0]],
        paths: vec![
            (Path::default().through(0, false), answers([3.0; 3])),
            (Path::default().through(0, true).through(1, true), answers([16_777_217.0, 2.0, 5.0])),
        ],
    };
    let whole = RecordedAnswers {
        binding: "of this".into(),
        test: split.clone(),
        calibration: split.clone(),
        scaling: Some(split),
        references: vec![ModelAnswers { kept: vec![], ..answers([1.0; 3]) }],
        fits: vec![vec![HeadFit { temperature: 1.37, agreement: 0.75 }; 2], vec![]],
    };
    let file = whole.encode().unwrap();
    assert_eq!(RecordedAnswers::decode("a.bin", &file).unwrap(), whole);
    for damaged in [&file[..file.len() / 2], b"".as_slice(), b"abcdefgh"] {
        let fault = RecordedAnswers::decode("a.bin", damaged).unwrap_err().to_string();
        assert!(fault.starts_with("a.bin"), "{fault}");
    }
}

#[test]
fn the_largest_of_a_row_stays_the_largest_in_16_bits() {
    for row in [[1.0, 1.0001, -3.0], [-1.0001, -1.0, -9.0], [0.0, 1e-9, -0.0], [-1e-9, -2e-9, -1.0]]
    {
        let own = rounded(&row);
        assert_eq!(argmax(&own), argmax(&row), "{row:?} became {own:?}");
        assert!(own.iter().zip(&row).all(|(a, b)| (a - b).abs() <= 2e-3 * b.abs().max(0.1)));
    }
}

#[test]
fn a_sweep_with_recorded_answers_finds_what_one_without_finds() {
    for subject in [gated_subject(), escalating_subject()] {
        let recorded = record_answers(subject.clone(), options(), "test", &clock()).unwrap();
        let recorded = RecordedAnswers::decode("a.bin", &recorded.encode().unwrap()).unwrap();
        let finished = |recorded| {
            let subject = crate::subject::BenchTarget { recorded, ..subject.clone() };
            let clock = OperationsClock::new(Seconds(1e-6));
            let mut sweep = Sweep::new(subject, options(), clock).unwrap();
            while !sweep.is_done() {
                sweep.step().unwrap();
            }
            sweep.results().unwrap()
        };
        let (anew, from_before) = (finished(None), finished(Some(std::sync::Arc::new(recorded))));
        assert_eq!(anew.answers_check, None);
        let check = from_before.answers_check.unwrap();
        assert!(check.checked > 10 && check.alike == check.checked, "{check:?}");
        // With all answers at hand, the setting at which the guarantee just holds is timed as well.
        let chosen = |of: &Results| of.curve[of.certificate.chosen.unwrap()].clone();
        assert!(from_before.certificate.p_value <= options().target.delta);
        assert!(chosen(&from_before).cost <= chosen(&anew).cost);
        assert!(from_before.curve.len() - anew.curve.len() <= 1);
        for own in &anew.curve {
            let other = from_before.curve.iter().find(|other| other.knob == own.knob).unwrap();
            let exact = |point: &crate::point::Point| {
                let quality = &point.quality;
                (quality.accuracy, quality.errors, quality.disagreements, quality.work)
            };
            assert_eq!(exact(own), exact(other));
        }
    }
}

#[test]
fn answers_that_do_not_come_out_here_are_computed_anew() {
    let subject = gated_subject();
    let mut recorded = record_answers(subject.clone(), options(), "test", &clock()).unwrap();
    let right = recorded.clone();
    for (_, path) in &mut recorded.test.paths {
        path.outputs.iter_mut().step_by(4).for_each(|output| output.rotate_left(1));
    }
    let subject =
        crate::subject::BenchTarget { recorded: Some(std::sync::Arc::new(recorded)), ..subject };
    let mut sweep = Sweep::new(subject, options(), OperationsClock::new(Seconds(1e-6))).unwrap();
    while !sweep.is_done() {
        sweep.step().unwrap();
    }
    let results = sweep.results().unwrap();
    assert!(!results.answers_check.unwrap().holds());
    assert!(results.warnings.iter().any(|own| own.contains("came out as recorded")));
    let own = RecordedSplit::of(sweep.test_recording());
    assert_eq!(own.paths[0].1.outputs, right.test.paths[0].1.outputs);
}
