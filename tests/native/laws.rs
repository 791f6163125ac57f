//! The laws that every routed model of the registry obeys, whatever its strategy; each law is one function, which
//! `scenarios` holds every scenario to.

use std::sync::Arc;

use perforate::Named;
use perforate::bench::energy::EnergyModel;
use perforate::bench::quality::{self, Answer};
use perforate::bench::record::{Recording, argmax};
use perforate::bench::reference_answers::ReferenceAnswers;
use perforate::bench::sweep::{Active, BenchTarget};
use perforate::data::Samples;
use perforate::engine::{Batch, Knobs, Outcome, Program, Routing, Session};
use perforate::onnx::{Component, encode};
use perforate::routing::split::{Pair, Sends, Splitter, gate_names};
use perforate::strategies::Companion;
use perforate::units::{Joules, Macs};
use perforate_lab::Opened;
use perforate_lab::catalogue::Source;
use perforate_lab::experiment::Experiment;
use perforate_lab::find;
use tract_onnx::pb::ModelProto;

use crate::common;

const ROWS: usize = 48;
/// Settings between the ends of a knob.
const SETTINGS: usize = 7;

/// A scenario, small enough for every law.
pub struct Case {
    /// What is measured.
    pub experiment: Experiment,
    /// As it is measured, with all of its samples.
    pub subject: BenchTarget,
    /// What its strategy keeps beside.
    pub companion: Arc<dyn Companion>,
    /// The file.
    routed: ModelProto,
    /// The first test samples.
    samples: Samples,
    recording: Recording,
    /// From "never" to "always".
    settings: Vec<f32>,
}

impl Case {
    /// Opens a scenario and runs some of its samples down every path.
    pub fn open(name: &str) -> Case {
        let scenario = find(name).unwrap();
        let files = common::files(name);
        let usual = Experiment::usual(scenario, cfg!(debug_assertions));
        // Laws do not depend on how well times are known, nor on how many samples there are; one scenario has several
        // launches.
        let experiment = match usual.quick && scenario.source != Source::Seed {
            true => {
                let most = if matches!(scenario.source, Source::Sentences(_)) { 60 } else { 600 };
                let [test, calibration] = [usual.test, usual.calibration].map(|n| n.min(most));
                let sizes = Experiment { test, calibration, ..usual };
                // Changed inputs take long: two scenarios stand for all.
                let perturbed = match name {
                    "early-exit/fashion" | "cascade/sentences" => 24,
                    _ => 0,
                };
                Experiment { rounds: 2, launches: 1, timed_rows: 8, batch: 8, perturbed, ..sizes }
            }
            false => usual,
        };
        let experiment = experiment.with_files(&files).unwrap();
        let Opened { subject, companion, routed, .. } = scenario.open(&files, &experiment).unwrap();
        let samples = subject.test.0.select(&(0..ROWS).collect::<Vec<_>>()).unwrap();
        let mut recording = Recording::new(subject.routed.clone()).unwrap();
        let mut session = Session::new(subject.routed.clone());
        for _ in 0..ROWS {
            recording.extend_all(&mut session, &samples).unwrap();
        }
        let mut scores: Vec<f32> = recording.all_scores(ROWS).filter(|s| !s.is_nan()).collect();
        scores.sort_by(f32::total_cmp);
        if subject.range.light > subject.range.full {
            scores.reverse();
        }
        // Between two scores: at one, a padded batch may decide otherwise than a row by itself, in the last bit.
        let inner = (1..=SETTINGS).map(|ix| {
            let at = ix * (scores.len() - 1) / (SETTINGS + 1);
            (scores[at] + scores[at + 1]) / 2.0
        });
        let (never, always) = (subject.range.light, subject.range.full);
        let settings = std::iter::once(never).chain(inner).chain([always]).collect();
        Case { experiment, subject, companion, routed, samples, recording, settings }
    }

    fn knobs(&self, value: f32) -> Knobs {
        Knobs::new().with(&self.subject.knob, value)
    }

    fn samples(&self) -> &Samples {
        &self.samples
    }

    fn rows(&self) -> Batch {
        self.samples().rows(&(0..ROWS).collect::<Vec<_>>()).unwrap()
    }

    fn run(&self, batch: &Batch, value: f32) -> Outcome {
        Session::new(self.subject.routed.clone()).run(batch, &self.knobs(value)).unwrap()
    }

    /// What the full model answers.
    fn full(&self) -> Vec<Vec<f32>> {
        let always = self.knobs(self.subject.range.full);
        (0..ROWS).map(|row| self.recording.at(row, &always).output.to_vec()).collect()
    }

    fn energy(&self, value: f32) -> Joules {
        let knobs = self.knobs(value);
        let of =
            |row: usize| EnergyModel::default().by_operations(self.recording.at(row, &knobs).work);
        (0..ROWS).map(of).sum()
    }
}

pub fn ends_are_the_models(case: &Case) {
    let BenchTarget { full, light, range, .. } = &case.subject;
    for (program, value) in [(light, range.light), (full, range.full)] {
        let alone = Session::new(program.clone())
            .run(&case.rows(), &program.neutral_knobs())
            .unwrap()
            .first()
            .unwrap();
        let routed = case.run(&case.rows(), value).first().unwrap();
        assert_eq!(routed.shape(), alone.shape());
        for (a, b) in routed.iter().zip(&alone) {
            assert!((a - b).abs() <= 1e-4 + 1e-4 * b.abs(), "{a} in the router, {b} alone");
        }
    }
}

pub fn runs_are_deterministic(case: &Case) {
    let middle = case.settings[SETTINGS / 2 + 1];
    let rows = case.rows();
    let (first, second) = (case.run(&rows, middle), case.run(&rows, middle));
    assert_eq!(first.first().unwrap(), second.first().unwrap());
    assert_eq!(first.trace.rows, second.trace.rows);
}

pub fn paths_cost_something(case: &Case) {
    for path in &case.recording.paths {
        assert!(
            path.work.iter().all(|work| work.macs.0 > 0.0 && work.macs.0.is_finite()),
            "{:?}",
            path.path
        );
    }
}

/// The operations charged to a row are those of the segments that ran for it, gates included; where they depend on a
/// sentence's length, the longer one is charged more, and where tokens are left out, no sentence is charged more than
/// with all of them.
pub fn trace_adds_up(case: &Case) {
    let program: &Arc<Program> = &case.subject.routed;
    let macs: Option<Vec<Macs>> = program.segments().map(|segment| segment.macs).collect();
    let Some(macs) = macs else {
        let always = case.knobs(case.subject.range.full);
        let whole = |row: usize| case.recording.at(row, &always);
        let perforated = case.subject.knob == "sparsity" || program.gates()[0].name == "tokens";
        for path in &case.recording.paths {
            if perforated && path.path != case.recording.paths[whole(0).path].path {
                for row in 0..ROWS {
                    assert!(path.work[row].macs <= whole(row).work.macs, "{:?}", path.path);
                }
                continue;
            }
            let length = |row| case.samples().length(row).expect("sizes differ");
            let mut charged: Vec<_> =
                (0..ROWS).map(|row| (length(row), path.work[row].macs.0)).collect();
            charged.sort_by(|a, b| a.partial_cmp(b).unwrap());
            for pair in charged.windows(2) {
                assert_eq!(pair[0].0 < pair[1].0, pair[0].1 < pair[1].1, "{:?}", path.path);
            }
        }
        return;
    };
    let row = case.rows().slice(0..1).unwrap();
    for path in program.paths().unwrap() {
        let mut session = Session::new(program.clone());
        let knobs = program.neutral_knobs();
        let calls = session.calls(&row, &knobs, Routing::Forced(path)).unwrap();
        let charged = session.run_with(&row, &knobs, Routing::Forced(path)).unwrap().trace;
        let ran: Macs = calls.iter().map(|call| macs[call.segment.index()]).sum();
        assert_eq!(charged.total_macs(), ran, "{}", program.path_label(path));
        let work = program.work(path).unwrap();
        assert_eq!(work.macs, ran, "{}", program.path_label(path));
        assert!(work.integer_macs <= work.macs && work.bytes <= program.weight_bytes());
    }
}

pub fn energy_is_monotone(case: &Case) {
    let energies: Vec<Joules> = case.settings.iter().map(|&value| case.energy(value)).collect();
    for pair in energies.windows(2) {
        assert!(pair[0].0 <= pair[1].0 * (1.0 + 1e-12), "{energies:?}");
    }
    assert!(energies[0] < energies[energies.len() - 1], "{energies:?}");
}

pub fn oracle_bounds_accuracy(case: &Case) {
    let (full, labels) = (case.full(), case.samples().labels());
    let truth = ReferenceAnswers { full: &full, labels, tolerance: None };
    let cost = |path: usize, row: usize| case.recording.paths[path].work[row].macs.0;
    let oracle = quality::oracle(&case.recording, truth, false, ROWS, cost);
    let agreement = quality::oracle(&case.recording, truth, true, ROWS, cost);
    assert_eq!(agreement.agreement, 1.0);
    for &value in &case.settings {
        let own = quality::routed(&case.recording, &case.knobs(value), truth, ROWS);
        let of = |quality: &quality::Quality| quality.accuracy.unwrap_or(quality.agreement);
        assert!(of(&own) <= of(&oracle), "{value}: {} beats {}", of(&own), of(&oracle));
    }
}

/// Also: what was recorded path by path is what a run answers.
pub fn batches_answer_like_rows(case: &Case) {
    for &value in &case.settings {
        let outcome = case.run(&case.rows(), value);
        let outputs = outcome.first().unwrap();
        let knobs = case.knobs(value);
        // Another order of sums puts a number on the border of two of 255 steps into the other one.
        let apart = if case.subject.active == Active::Energy { 0.05 } else { 1e-4 };
        let recorded = (0..ROWS).map(|row| {
            let routed = case.recording.at(row, &knobs);
            Answer { output: routed.output, work: routed.work, path: None }
        });
        for ((row, answer), own) in recorded.enumerate().zip(outputs.outer_iter()) {
            let own: Vec<f32> = own.iter().copied().collect();
            let near = own.iter().zip(answer.output).all(|(a, b)| (a - b).abs() <= apart);
            assert!(near, "row {row} at {value}");
            let sure = answer.output.iter().any(|v| (v - answer.output[0]).abs() > 2.0 * apart);
            let same = argmax(&own) == argmax(answer.output);
            assert!(same || !sure, "row {row} at {value}");
            // Padding costs what it costs.
            if case.samples().length(row).is_none() {
                let own = outcome.trace.rows[row].work + outcome.trace.shared;
                assert_eq!(own, answer.work, "row {row} at {value}");
            }
        }
    }
}

pub fn metadata_is_complete(case: &Case) {
    let program = &case.subject.routed;
    let metadata = program.metadata();
    assert!(metadata.strategy.is_some() && !metadata.provenance.is_empty());
    let range = &metadata.knobs[&case.subject.knob];
    assert_eq!((range.light, range.full), (case.subject.range.light, case.subject.range.full));
    let mut labels: Vec<String> =
        program.paths().unwrap().into_iter().map(|path| program.path_label(path)).collect();
    labels.sort();
    labels.dedup();
    assert_eq!(labels.len(), program.paths().unwrap().len(), "two paths have one name");
    let switches = case.subject.knob == "budget" && case.subject.active == Active::Energy;
    let all_of_it = if switches { "6× f32" } else { "full" };
    assert!(labels.iter().any(|label| label.ends_with(all_of_it)), "{:?} …", labels[0]);
}

/// Split at its first gate or its last, a file answers as it did; one whose gates look at no row is refused.
pub fn a_split_keeps_every_answer(case: &Case) {
    let bytes = encode(&case.routed);
    let whole = Arc::new(Program::load("whole", &bytes).unwrap());
    let component = Component::decode("whole", &bytes).unwrap();
    let names = gate_names(&whole);
    let (Some(first), Some(last)) = (names.first(), names.last()) else {
        let refused = Splitter::new(&component, &whole, None).unwrap_err().to_string();
        return assert!(refused.contains("no gate in it looks at the rows"), "{refused}");
    };
    let rows = case.samples().rows(&(0..12).collect::<Vec<_>>()).unwrap();
    let knobs = case.knobs(case.settings[SETTINGS / 2 + 1]);
    let wanted = Session::new(whole.clone()).run(&rows, &knobs).unwrap();
    for (gate, sends) in [(first, Sends::Features), (last, Sends::Input)] {
        let splitter = Splitter::new(&component, &whole, Some(gate)).unwrap();
        let sends = if splitter.check(sends).is_ok() { sends } else { Sends::Input };
        let halves = splitter.split(sends).unwrap();
        let load = |name: &str, model| Arc::new(Program::load(name, &encode(model)).unwrap());
        let pair = (load("device", &halves.device), load("server", &halves.server));
        let both = Pair::new(pair.0, pair.1).unwrap().run(&rows, &knobs).unwrap();
        for (name, own) in &both.outputs {
            assert_eq!(*own, wanted.output(name).unwrap(), "{name}, at {gate}, {}", sends.name());
        }
    }
}
