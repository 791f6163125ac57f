//! The native twin of the page: the same sweep, printed as the same table.
//!
//!     cargo test --release --test bench -- --nocapture
//!
//! measures in full; without `--release` it measures less. No timing is asserted.

mod common;

use std::path::Path;
use std::sync::Arc;

use perforate::bench::clock::SystemClock;
use perforate::bench::dense::DensePoint;
use perforate::bench::energy::EnergyModel;
use perforate::bench::launches;
use perforate::bench::stats::{bootstrap, median};
use perforate::bench::sweep::{Active, Options, Results, Subject, Sweep};
use perforate::bench::timing::{Interleaved, Workload, measure_tick};
use perforate::data::images;
use perforate::engine::{Batch, Knobs, Program, Session};
use perforate::onnx::{Component, GraphBuilder, Metadata, OPSET, Size, encode};
use perforate::report::{PointReport, Report, ScenarioReport, scenario_report};
use perforate::routing::dendritic::{Parts, compose};
use perforate::routing::precision;
use perforate::units::Seconds;
use perforate_lab::experiment::Experiment;
use perforate_lab::scenario::Source;
use perforate_lab::{SCENARIOS, find, mlp};
use tract_onnx::prelude::*;

fn sweep(name: &str) -> (Results, ScenarioReport) {
    let scenario = find(name).unwrap();
    let files = common::files(name);
    let usual = Experiment::usual(scenario, cfg!(debug_assertions));
    // Laws do not depend on how well times are known; one scenario has several launches.
    let experiment = match usual.quick && scenario.source != Source::Seed {
        true => {
            // Nor on how many there are; sentences take their time.
            let most =
                if matches!(scenario.source, Source::Sentences(_)) { 120 } else { usize::MAX };
            let [test, calibration] = [usual.test, usual.calibration].map(|n| n.min(most));
            Experiment { rounds: 2, launches: 1, timed_rows: 8, test, calibration, ..usual }
        }
        false => usual,
    };
    let experiment = experiment.with_files(&files).unwrap();
    let subject = scenario.subject(&files, &experiment).unwrap();
    let (results, report) = measure(&experiment, subject, experiment.options().unwrap());
    println!("{}", report.to_markdown());
    (results, report)
}

/// Runs a sweep to its end.
fn measure(
    experiment: &Experiment,
    subject: Subject,
    options: Options,
) -> (Results, ScenarioReport) {
    let mut sweep = Sweep::new(subject, options, SystemClock::default()).unwrap();
    while !sweep.is_done() {
        sweep.step().unwrap();
    }
    let program = Path::new(env!("CARGO_BIN_EXE_perforate"));
    for _ in 1..experiment.launches {
        sweep.absorb(&launches::launch(program, experiment).unwrap()).unwrap();
    }
    let results = sweep.results().unwrap();
    let context = experiment.context(&common::files(&experiment.scenario)).unwrap();
    let report = scenario_report(&context, sweep.subject(), &results);
    (results, report)
}

#[test]
fn every_scenario_obeys_the_laws_of_a_curve() {
    // Of two that differ in their controller's thresholds alone, one: a transformer takes its minutes.
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.strategy != precision::GREEDY) {
        let (results, report) = sweep(scenario.name);
        for pair in report.curve.windows(2) {
            let energy = |point: &PointReport| point.energy_j.operations;
            assert!(energy(&pair[0]) <= energy(&pair[1]), "{}: energy falls", scenario.name);
        }
        assert_eq!(report.battery.is_some(), scenario.strategy == "selection_energy");
        if let Some(battery) = &report.battery {
            assert!(battery.pays(), "{}", battery.finding);
        }
        let curve = &results.curve;
        // Without a look at the rows there are no more settings than paths.
        let least = if results.reads_rows { 10 } else { results.path_labels.len() };
        assert!(curve.len() >= least, "{}: {} points", scenario.name, curve.len());
        let ends = (curve[0].active, curve[curve.len() - 1].active);
        match scenario.strategy {
            // The heads that are passed come on top.
            "early_exit"
            | "cascade"
            | "cascade_int8"
            | "experts"
            | "selection_fuzzy"
            | "selection_learned"
            | "selection_energy"
            | "perforated"
            | "perforated_exits"
            | precision::STRATEGY => {
                assert!(ends.0 > 0.0 && (1.0..1.1).contains(&ends.1), "{ends:?}")
            }
            _ => assert_eq!(ends, (0.0, 1.0)),
        }
        // Costs rise by what the gates compare: operations, or energy, where eight-bit ones count less.
        for pair in curve.windows(2).filter(|_| results.reads_rows) {
            assert!(pair[0].active <= pair[1].active, "{}: active falls", scenario.name);
            // Fewer operations may cost more where precisions differ.
            let fall = pair[0].quality.work.macs > pair[1].quality.work.macs;
            assert!(!fall || report.active_means == Active::Energy, "{}", scenario.name);
        }
        let disturbed = if scenario.name.ends_with("/sentences") { 3 } else { 0 };
        assert_eq!(results.robustness.len(), disturbed, "{}", scenario.name);
        if let [own, ..] = &results.robustness[..] {
            // The samples as they are, run once more, give what was recorded.
            let full = results.full.quality.accuracy.unwrap();
            assert!((own.full - full).abs() < 1e-9, "{} and {full}", own.full);
            assert_eq!(own.extra_loss, (0.0, 0.0));
        }
        let last = &curve[curve.len() - 1].quality;
        assert_eq!(last.deviation_max, 0.0, "always is the full model");
        assert_eq!(last.agreement, 1.0);
        let best = curve.iter().filter_map(|p| p.quality.accuracy).fold(0.0, f64::max);
        assert!(results.oracle.accuracy.is_none_or(|oracle| oracle >= best), "{}", scenario.name);
        for (point, random) in curve.iter().zip(&results.random) {
            assert!((point.quality.paths.iter().sum::<f64>() - 1.0).abs() < 1e-9, "a row is lost");
            // Lots send long sentences down a path as often as short ones; a router does not.
            let tolerance = if disturbed > 0 { 0.2 } else { 1e-9 };
            let ratio = random.work.macs / point.quality.work.macs;
            assert!((ratio - 1.0).abs() < tolerance, "{}: {ratio}", scenario.name);
        }
        agrees_with_the_dense_curve(&results, report.active_means);
        assert!(results.warnings.iter().all(|w| !w.contains("compose it anew")));
    }
}

/// The measured points lie on the dense curve, and the dense curve between them.
fn agrees_with_the_dense_curve(results: &Results, active: Active) {
    let (dense, curve) = (results.dense.len(), results.curve.len());
    // Without a look at the rows there are no more settings than costs.
    let enough = if results.reads_rows { dense > 2 * curve } else { dense >= curve };
    assert!(enough, "{dense} settings");
    for point in &results.curve {
        let same = results.dense.iter().find(|dense| Some(dense.knob) == point.knob).unwrap();
        assert_eq!(same.quality, point.quality);
    }
    for pair in results.dense.windows(2).filter(|_| results.reads_rows) {
        let fall = pair[0].quality.work.macs > pair[1].quality.work.macs;
        assert!(!fall || active == Active::Energy, "operations fall along the curve");
        let energy = |point: &DensePoint| EnergyModel::default().by_operations(point.quality.work);
        assert!(energy(&pair[0]) <= energy(&pair[1]), "energy falls along the curve");
    }
    // No time is judged, but what is predicted of the ends is what was measured of the paths.
    let seconds = results.path_seconds.as_ref().unwrap();
    let never = results.dense[0].latency.unwrap();
    assert!(seconds.iter().any(|path| (path.0 / never.0 - 1.0).abs() < 1e-9));
}

/// A gate whose score has nothing to do with the difficulty: digits of a sine of the features.
fn lots(features: usize) -> Component {
    let mut graph = GraphBuilder::new("lots", OPSET);
    let h = graph.input("features", &[Size::Rows, Size::Fixed(features)]).unwrap();
    let weights: Vec<f32> = (0..features).map(|i| 1000.0 + 37.0 * i as f32).collect();
    let weights = graph.constant("weights", &[features, 1], &weights).unwrap();
    let mixed = graph.node("MatMul", "mixed", &[&h, &weights]).unwrap();
    let sine = graph.node("Sin", "sine", &[&mixed]).unwrap();
    let half = graph.constant("half", &[1], &[0.5]).unwrap();
    let scaled = graph.node("Mul", "scaled", &[&sine, &half]).unwrap();
    graph.node("Add", "score", &[&scaled, &half]).unwrap();
    graph.output("score", &[Size::Rows, Size::Fixed(1)]).unwrap();
    Component::new("lots", graph.into_model(&Metadata::default()).unwrap()).unwrap()
}

#[test]
fn a_useless_router_is_shown_as_what_it_is() {
    let name = "dendritic/mlp";
    let scenario = find(name).unwrap();
    let experiment =
        Experiment { rounds: 3, launches: 1, timed_rows: 16, ..Experiment::usual(scenario, true) };
    let options = experiment.options().unwrap();
    let useful = scenario.subject(&common::files(name), &experiment).unwrap();
    let reference = mlp::build(experiment.seed).unwrap();
    let parts = Parts { full: reference.full, light: reference.light, gate: lots(96) };
    let routed = compose(&parts, 0.5, Default::default()).unwrap();
    let routed = Arc::new(Program::load("lots", &encode(&routed)).unwrap());
    for (subject, useless) in [(Subject { routed, ..useful.clone() }, true), (useful, false)] {
        let (results, report) = measure(&experiment, subject, options);
        println!("{} {:?}", report.summary, report.figures);
        assert_eq!(report.figures.beats_lots, Some(!useless));
        assert_eq!(report.summary.contains("no better than drawing lots"), useless);
        let off = results
            .curve
            .iter()
            .zip(&results.random)
            .map(|(own, random)| (own.quality.agreement - random.agreement).abs())
            .fold(0.0, f64::max);
        // Three standard deviations of a Brownian bridge at its middle.
        let light = &results.light.quality;
        let chance = 1.5 * ((1.0 - light.agreement) / light.n as f64).sqrt();
        assert_eq!(off < chance, useless, "{off} from the random reference, by chance {chance}");
    }
}

#[test]
fn an_unknown_scenario_is_named() {
    let text = find("dendritic/nothing").unwrap_err().to_string();
    assert!(text.contains("dendritic/nothing") && text.contains("dendritic/mlp"), "{text}");
}

#[test]
fn reports_are_read_back() {
    let host = perforate::report::Host {
        target: "t".into(),
        cpu: None,
        threads: 1,
        simd: "s".into(),
        clock_tick_s: 1e-9,
    };
    let report = Report::new(42, true, host);
    let back: Report = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(back.to_json().unwrap(), report.to_json().unwrap());
}

/// The same routed file at "always": our compiled gates, and tract by itself, whose own `If` builds
/// a branch's plan anew at every call.
struct TwoEngines {
    ours: Session,
    tracts: Arc<TypedRunnableModel>,
    rows: Vec<Batch>,
}

impl TwoEngines {
    fn ours(&mut self, row: usize) -> perforate::Result<ndarray::ArrayD<f32>> {
        self.ours.run(&self.rows[row], &Knobs::new())?.first()
    }

    fn tracts(&self, row: usize) -> TractResult<TValue> {
        let input = self.rows[row].get("x").unwrap().clone();
        Ok(self.tracts.run(tvec![input])?.remove(0))
    }
}

impl Workload for TwoEngines {
    fn arms(&self) -> usize {
        2
    }
    fn units(&self, _: usize) -> usize {
        self.rows.len()
    }
    fn run(&mut self, arm: usize, row: usize) -> perforate::Result<()> {
        if arm == 0 {
            std::hint::black_box(self.ours(row)?);
        } else {
            std::hint::black_box(self.tracts(row).unwrap());
        }
        Ok(())
    }
}

#[test]
fn a_compiled_gate_against_tracts_own_if() {
    let model = common::dendritic_fashion(0.0);
    let program = Arc::new(Program::load("routed.onnx", &encode(&model)).unwrap());
    let tracts = tract_onnx::onnx().model_for_proto_model(&model).unwrap();
    let tracts = tracts.with_input_fact(0, f32::fact([1, 1, 28, 28]).into()).unwrap();
    let tracts = tracts.into_optimized().unwrap().into_runnable().unwrap();
    let file = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let all = Batch::new().with("x", images::read_images(file, &common::read(file)).unwrap());
    let rows = (0..16).map(|row| all.slice(row..row + 1).unwrap()).collect();
    let mut engines = TwoEngines { ours: Session::new(program), tracts, rows };
    for row in 0..16 {
        let ours = engines.ours(row).unwrap();
        let theirs = engines.tracts(row).unwrap();
        let theirs = theirs.to_plain_array_view::<f32>().unwrap();
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() <= 1e-4 + 1e-4 * b.abs()));
    }

    let clock = SystemClock::default();
    let rounds = if cfg!(debug_assertions) { 5 } else { 25 };
    let mut timing = Interleaved::new(2, rounds, measure_tick(&clock), Seconds(1.0));
    while !timing.is_done() {
        timing.step(&clock, &mut engines).unwrap();
    }
    let ratio = bootstrap(&timing.samples().speedups(0, 1), 42);
    let each = |arm: usize| Seconds(median(&timing.samples().of(arm)) / 16.0);
    println!(
        "full path of dendritic/fashion: compiled gate {}, tract's own If {}: {:.2}x ({:.2} to {:.2})",
        each(0),
        each(1),
        ratio.median,
        ratio.lo,
        ratio.hi
    );
}
