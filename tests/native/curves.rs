//! The laws that every measured curve obeys, natively, on the sweep that the page runs too.
//!
//!     cargo test --release --test native curve -- --nocapture --test-threads=1
//!
//! measures all scenarios in full and prints their tables; without `--release` less is measured, by a clock that reads the
//! same in every run. No timing is asserted.

use std::path::Path;

use perforate::bench::clock::{Clock, SystemClock};
use perforate::bench::dense::DensePoint;
use perforate::bench::energy::EnergyModel;
use perforate::bench::process_runs;
use perforate::bench::sweep::{Active, BenchTarget, Options, Results, Sweep};
use perforate::report::{PointReport, ScenarioReport};
use perforate::strategies::{Companion, battery, scenario_report};
use perforate_lab::experiment::Experiment;
use perforate_lab::find;

use crate::common;
use crate::laws::Case;

/// Runs a sweep to its end.
pub fn measure(
    experiment: &Experiment,
    (subject, companion): (BenchTarget, &dyn Companion),
    options: Options,
    clock: impl Clock,
) -> (Results, ScenarioReport) {
    let mut sweep = Sweep::new(subject, options, clock).unwrap();
    while !sweep.is_done() {
        sweep.step().unwrap();
    }
    let program = Path::new(env!("CARGO_BIN_EXE_perforate"));
    for _ in 1..experiment.launches {
        sweep.absorb(&process_runs::launch(program, experiment).unwrap()).unwrap();
    }
    let results = sweep.results().unwrap();
    let context = experiment.context(&common::files(&experiment.scenario)).unwrap();
    let sections = find(&experiment.scenario).unwrap().sections;
    let report = scenario_report(&context, sweep.subject(), &results, companion, sections);
    (results, report)
}

/// Measures the curve of a scenario and holds it to the laws.
pub fn obeys_its_laws(case: &Case) {
    let scenario = find(&case.experiment.scenario).unwrap();
    let options = case.experiment.options().unwrap();
    let subject = (case.subject.clone(), &*case.companion);
    let (results, report) = match cfg!(debug_assertions) {
        true => measure(&case.experiment, subject, options, common::Jitter::default()),
        false => measure(&case.experiment, subject, options, SystemClock::default()),
    };
    println!("{}", report.to_markdown());
    for pair in report.curve.windows(2) {
        let energy = |point: &PointReport| point.energy_j.operations;
        assert!(energy(&pair[0]) <= energy(&pair[1]), "{}: energy falls", scenario.name);
    }
    assert!(!report.summary.contains("attery") || scenario.strategy.name() == battery::NAME);
    let on_a_battery = report.sections.iter().any(|section| section.id == "battery");
    assert_eq!(on_a_battery, scenario.strategy.name() == battery::NAME);
    if let Some(section) = report.sections.iter().find(|section| section.id == "battery") {
        // It pays where some policy gives more right answers than any one model on the same charge.
        let data = &section.data;
        let budget = &data["budgets"][data["shown"].as_u64().expect("a budget") as usize];
        let drains = budget["drains"].as_object().expect("policies");
        let right = |policy: &str| drains[policy]["right"].as_u64().expect("a count");
        let best = right("greedy").max(right("paced"));
        let single = budget["best_single"][1].as_u64().unwrap_or(0);
        let single = single.max(right("dearest")).max(right("cheapest"));
        assert_eq!(report.verdict.pays(), best > single, "{}", report.summary);
    }
    let curve = &results.curve;
    // Without a look at the rows there are no more settings than paths.
    let least = if results.is_input_dependent { 10 } else { results.paths.len() };
    assert!(curve.len() >= least, "{}: {} points", scenario.name, curve.len());
    let ends = (curve[0].active, curve[curve.len() - 1].active);
    match scenario.strategy.name() {
        // The heads that are passed come on top.
        "early_exit" | "cascade" | "cascade_int8" | "experts" | "selection_fuzzy"
        | "selection_learned" | "selection_energy" | "perforated" | "perforated_exits" | "pool"
        | "precision" => {
            assert!(ends.0 > 0.0 && (1.0..1.1).contains(&ends.1), "{ends:?}")
        }
        _ => assert_eq!(ends, (0.0, 1.0)),
    }
    // Costs rise by what the gates compare: operations, or energy, where eight-bit ones count less.
    for pair in curve.windows(2).filter(|_| results.is_input_dependent) {
        assert!(pair[0].active <= pair[1].active, "{}: active falls", scenario.name);
        // Fewer operations may cost more where precisions differ.
        let fall = pair[0].quality.work.macs > pair[1].quality.work.macs;
        assert!(!fall || report.active_means == Active::Energy, "{}", scenario.name);
    }
    let sentences = scenario.name.ends_with("/sentences");
    // As they are, and each kind of change at five strengths.
    let sets = match case.experiment.perturbed {
        0 => 0,
        _ if sentences => 1 + 3 * 5,
        _ => 1 + 5 * 5,
    };
    assert_eq!(results.robustness.len(), sets, "{}", scenario.name);
    if let [own, .., last] = &results.robustness[..] {
        assert_eq!((own.n, last.n), (case.experiment.perturbed, case.experiment.perturbed));
        assert_eq!(own.extra_loss, (0.0, 0.0));
        assert!(last.full < own.full, "{}: {last:?} is as easy as {own:?}", scenario.name);
    }
    let last = &curve[curve.len() - 1].quality;
    assert_eq!(last.deviation_max, 0.0, "the full end is the full model");
    assert_eq!(last.agreement, 1.0);
    let best = curve.iter().filter_map(|p| p.quality.accuracy).fold(0.0, f64::max);
    assert!(results.oracle.accuracy.is_none_or(|oracle| oracle >= best), "{}", scenario.name);
    for (point, random) in curve.iter().zip(&results.random) {
        assert!((point.quality.paths.iter().sum::<f64>() - 1.0).abs() < 1e-9, "a row is lost");
        // A random router sends long sentences down a path as often as short ones; the routed model does not.
        // Lengths scatter by half of their mean, so those of k sentences by that over √k.
        let light = curve[0].quality.paths.iter().position(|share| *share == 1.0);
        let on =
            point.quality.n as f64 * (1.0 - light.map_or(0.0, |path| point.quality.paths[path]));
        let scatter = 2.0 * 0.6 / on.max(1.0).sqrt();
        let tolerance = if sentences { scatter.max(0.2) } else { 1e-9 };
        let ratio = random.work.macs / point.quality.work.macs;
        assert!((ratio - 1.0).abs() < tolerance, "{}: {ratio}", scenario.name);
    }
    agrees_with_the_dense_curve(&results, report.active_means);
    assert!(results.warnings.iter().all(|w| !w.contains("compose it anew")));
}

/// The measured points lie on the dense curve, and the dense curve between them.
fn agrees_with_the_dense_curve(results: &Results, active: Active) {
    let (dense, curve) = (results.dense.len(), results.curve.len());
    // Without a look at the rows there are no more settings than costs.
    let enough = if results.is_input_dependent { dense > 2 * curve } else { dense >= curve };
    assert!(enough, "{dense} settings");
    for point in &results.curve {
        let same = results.dense.iter().find(|dense| Some(dense.knob) == point.knob).unwrap();
        assert_eq!(same.quality, point.quality);
    }
    for pair in results.dense.windows(2).filter(|_| results.is_input_dependent) {
        let fall = pair[0].quality.work.macs > pair[1].quality.work.macs;
        assert!(!fall || active == Active::Energy, "operations fall along the curve");
        let energy = |point: &DensePoint| EnergyModel::default().by_operations(point.quality.work);
        assert!(energy(&pair[0]) <= energy(&pair[1]), "energy falls along the curve");
    }
    // No time is judged, but what is predicted of the ends is what was measured of the paths.
    let seconds: Vec<_> = results.paths.iter().map(|path| path.seconds.unwrap()).collect();
    let light_end = results.dense[0].latency.unwrap();
    assert!(seconds.iter().any(|path| (path.0 / light_end.0 - 1.0).abs() < 1e-9));
}
