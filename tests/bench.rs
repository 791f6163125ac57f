//! The native twin of the page: the same sweep, printed as the same table.
//!
//!     cargo test --release --test bench -- --nocapture
//!
//! measures in full; without `--release` it measures less. No timing is asserted.

use std::collections::BTreeMap;

use perforate::bench::sweep::{Results, Sweep};
use perforate::clock::SystemClock;
use perforate::energy::EnergyModel;
use perforate::lab::{SCENARIOS, find, scenario};
use perforate::report::{Report, scenario_report};

fn sweep(name: &str) -> Results {
    let scenario = find(name).unwrap();
    let files: BTreeMap<String, Vec<u8>> = scenario
        .files
        .iter()
        .map(|file| {
            let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
            (file.to_string(), std::fs::read(path).unwrap())
        })
        .collect();
    let (options, samplings) = scenario::usual_options(scenario, cfg!(debug_assertions)).unwrap();
    let subject = scenario.subject(&files, samplings, options.seed).unwrap();
    let mut sweep = Sweep::new(subject, options, SystemClock::default()).unwrap();
    while !sweep.is_done() {
        sweep.step().unwrap();
    }
    let results = sweep.results().unwrap();
    let report =
        scenario_report(&scenario.names(), sweep.subject(), &results, &EnergyModel::default());
    println!("{}", report.to_markdown());
    results
}

#[test]
fn every_scenario_obeys_the_laws_of_a_curve() {
    for scenario in &SCENARIOS {
        let results = sweep(scenario.name);
        let curve = &results.curve;
        assert!(curve.len() >= 10, "{}: {} points", scenario.name, curve.len());
        assert_eq!((curve[0].active, curve[curve.len() - 1].active), (0.0, 1.0));
        for pair in curve.windows(2) {
            assert!(pair[0].active <= pair[1].active, "{}: active falls", scenario.name);
            assert!(pair[0].quality.macs <= pair[1].quality.macs, "{}", scenario.name);
        }
        let last = &curve[curve.len() - 1].quality;
        assert_eq!(last.deviation_max, 0.0, "always is the full model");
        assert_eq!(last.agreement, 1.0);
        let best = curve.iter().filter_map(|p| p.quality.accuracy).fold(0.0, f64::max);
        assert!(results.oracle.accuracy.is_none_or(|oracle| oracle >= best), "{}", scenario.name);
        for (point, random) in curve.iter().zip(&results.random) {
            assert!((point.active - random.paths[0]).abs() < 1e-9);
        }
        assert!(results.warnings.iter().all(|w| !w.contains("compose it anew")));
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
