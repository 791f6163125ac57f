//! Routers that do not deserve the name, and scenarios that do not exist.

use std::sync::Arc;

use perforate::bench::sweep::BenchTarget;
use perforate::engine::Program;
use perforate::onnx::{Component, GraphBuilder, Metadata, OPSET, Size, encode};
use perforate::report::Report;
use perforate::strategies::dendritic::{Parts, compose, reference};
use perforate_lab::experiment::Experiment;
use perforate_lab::find;

use crate::common;
use crate::curves::measure;

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
    let reference = reference::build(experiment.seed).unwrap();
    let parts = Parts { full: reference.full, light: reference.light, gate: lots(96) };
    let routed = compose(&parts, 0.5, Default::default()).unwrap();
    let routed = Arc::new(Program::load("lots", &encode(&routed)).unwrap());
    for (subject, useless) in [(BenchTarget { routed, ..useful.clone() }, true), (useful, false)] {
        let (results, report) =
            measure(&experiment, (subject, &()), options, common::Jitter::default());
        println!("{} {:?}", report.summary, report.figures);
        assert_eq!(report.figures.beats_random, Some(!useless));
        assert_eq!(report.summary.contains("no better than a random one"), useless);
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
