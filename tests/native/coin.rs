//! A strategy that only this test knows: a gate that draws from a hash of the input. Laws, bench, report, the page's state
//! and the command line take it as any other, from one implementation of the trait and one row of the catalogue.

use std::collections::BTreeMap;
use std::sync::{Arc, Once};

use perforate::bench::sweep::{Active, LightRole};
use perforate::data::Samples;
use perforate::onnx::pb::ModelProto;
use perforate::onnx::{Component, GraphBuilder, KnobRange, Metadata, encode};
use perforate::report::{Section, Table};
use perforate::strategies::command::{Argument, Host, Value};
use perforate::strategies::dendritic::reference;
use perforate::strategies::{
    Companion, Ingredients, Measured, Models, Route, Strategy, find as find_strategy,
};
use perforate::{Error, ErrorKind, Result};
use perforate_lab::catalogue::{Group, Scenario, Source, register};
use perforate_lab::experiment::Experiment;
use perforate_lab::find;
use perforate_lab::view::View;
use perforate_lab::worker::{Command, Event, Lab};

use crate::common::Jitter;
use crate::curves::measure;
use crate::laws::{self, Case};

const KNOB: &str = "bias";
const RANGE: KnobRange = KnobRange { default: 0.5, light: -1.0, full: 1.0 };

/// See the module.
#[derive(Debug)]
struct Coin;

static SCENARIO: Scenario = Scenario {
    name: "coin/mlp",
    strategy: &Coin,
    group: Group::Controls,
    title: "A coin",
    term: "hash gate",
    text: "A gate that draws from a hash of the input.",
    how: None,
    classes: &[],
    model: "built in memory from the seed",
    data: "synthetic",
    epsilon: 0.02,
    parts: &[],
    source: Source::Seed,
    answers: None,
    sections: &[],
    references: &[],
};

impl Strategy for Coin {
    fn name(&self) -> &'static str {
        "coin"
    }

    fn explanation(&self) -> &'static str {
        "Digits of a sine of the input decide which model answers."
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let [full, light] = <[Component; 2]>::try_from(input.parts)
            .map_err(|_| Error::new(ErrorKind::Config, "a coin has two sides"))?;
        Ok(Models {
            full: full.model().clone(),
            light: light.model().clone(),
            routed: toss(&full, &light, RANGE.default)?,
            knob: KNOB,
            range: RANGE,
            active: Active::FullPath,
            light_role: LightRole::Choice,
            companion: Arc::new(Tally),
        })
    }

    fn synthetic(&self, seed: u64, n: usize) -> Result<(Vec<Component>, Samples)> {
        let reference = reference::build(seed)?;
        let samples = Samples::new(reference.samples(n), None)?;
        Ok((vec![reference.full, bare(&reference.light)?], samples))
    }

    fn route(&self) -> Option<Route> {
        let arguments = vec![
            Argument::new("full", Value::File, "Heads"),
            Argument::new("light", Value::File, "Tails"),
            Argument::new(KNOB, Value::Number(Some(RANGE.default)), "Default of the knob"),
        ];
        Some(Route { name: "coin", about: "Toss a coin", arguments })
    }

    fn compose(&self, host: &dyn Host) -> Result<ModelProto> {
        toss(&host.component("full")?, &host.component("light")?, host.number(KNOB))
    }
}

/// The light model with its answer alone.
fn bare(light: &Component) -> Result<Component> {
    perforate::onnx::chain(std::slice::from_ref(light), &[("logits", "logits")])
}

/// `full` where the coin shows less than the knob, else `light`.
fn toss(full: &Component, light: &Component, bias: f32) -> Result<ModelProto> {
    let (mut graph, wires) = GraphBuilder::around("coin", full)?;
    let knob = graph.knob(KNOB, bias)?;
    let x = wires.values().next().cloned().unwrap_or_default();
    let weights: Vec<f32> = (0..reference::SIZES[0]).map(|i| 1000.0 + 37.0 * i as f32).collect();
    let weights = graph.constant("weights", &[weights.len(), 1], &weights)?;
    let mixed = graph.node("MatMul", "mixed", &[&x, &weights])?;
    let drawn = graph.node("Sin", "drawn", &[&mixed])?;
    let heads = graph.node("Less", "heads", &[&drawn, &knob])?;
    let declared = full.output("logits")?;
    let run = |branch: &str, model: &Component| -> Result<GraphBuilder> {
        let mut graph = graph.branch(branch);
        let given = graph.splice(model, branch, &wires)?;
        let kept = graph.node("Identity", &format!("{branch}/kept"), &[&given["logits"]])?;
        graph.output_like(&kept, declared);
        Ok(graph)
    };
    let (heads_up, tails_up) = (run("full", full)?, run("light", light)?);
    graph.gate("coin", &heads, heads_up, tails_up, &["logits"])?;
    graph.output_like("logits", declared);
    graph.into_model(&Metadata {
        strategy: Some("coin".into()),
        labels: BTreeMap::from([("coin".into(), ["full".into(), "light".into()])]),
        knobs: BTreeMap::from([(KNOB.into(), KnobRange { default: bias, ..RANGE })]),
        provenance: BTreeMap::from([("full".into(), full.name().into())]),
        ..Metadata::default()
    })
}

/// Says how often the coin showed heads.
#[derive(Debug)]
struct Tally;

impl Companion for Tally {
    fn sections(&self, measured: &Measured<'_>) -> Vec<Section> {
        let rows = measured.report.curve.iter().map(|point| {
            let knob = point.knob.values().next().map_or(String::new(), |v| format!("{v:.3}"));
            vec![("bias", knob), ("heads", format!("{:.0} %", 100.0 * point.active))]
        });
        let finding = Some("The coin is fair.".to_string());
        let section = Section::new("tosses", "Tosses").with_finding(finding);
        vec![section.with_table(Table::of("toss", "Heads by bias", rows))]
    }
}

fn registered() -> &'static Scenario {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| register(&SCENARIO));
    find(SCENARIO.name).unwrap()
}

#[test]
fn it_obeys_the_laws_and_is_measured() {
    registered();
    let case = Case::open(SCENARIO.name);
    for law in [
        laws::ends_are_the_models,
        laws::runs_are_deterministic,
        laws::paths_cost_something,
        laws::trace_adds_up,
        laws::energy_is_monotone,
        laws::batches_answer_like_rows,
        laws::metadata_is_complete,
    ] {
        law(&case);
    }
    let target = (case.subject.clone(), &*case.companion);
    // Another process does not know of it.
    let experiment = Experiment { launches: 1, ..case.experiment.clone() };
    let options = experiment.options().unwrap();
    let (_, report) = measure(&experiment, target, options, Jitter::default());
    assert_eq!(report.strategy, "coin");
    // Nobody knows better than a coin, and a coin not either.
    assert_eq!(report.figures.beats_random, Some(false), "{}", report.summary);
    assert!(!report.verdict.pays() && report.summary.contains("no better than a random one"));
    let section = &report.sections[0];
    assert_eq!(
        (section.id.as_str(), section.findings().next()),
        ("tosses", Some("The coin is fair."))
    );
    assert!(report.to_markdown().contains("### Tosses"));
}

#[test]
fn the_page_measures_and_shows_it() {
    let scenario = registered();
    let mut view = View::at(&[("scenario".into(), scenario.name.into())]);
    let mut lab = Lab::new(Jitter::default());
    let experiment =
        Experiment { calibration: 200, test: 200, ..Experiment::in_page(scenario, true) };
    let mut events = lab.command(Command::Open { experiment: Box::new(experiment) });
    while lab.is_busy() {
        events.extend(lab.step());
    }
    assert!(events.iter().any(|event| matches!(event, Event::Done)));
    events.into_iter().for_each(|event| view.apply(event));
    let state = serde_json::to_value(view.state()).unwrap();
    assert_eq!(state["title"], scenario.title);
    let cards = state["scenarios"].as_array().unwrap();
    assert!(cards.iter().any(|card| card["name"] == scenario.name && card["current"] == true));
    assert_eq!(state["how"], Coin.explanation());
    assert_eq!(state["sections"][0]["id"], "tosses");
    assert_eq!(state["sections"][0]["table"]["columns"][1]["title"], "heads");
    assert!(view.export("markdown").unwrap().contains("The coin is fair."));
}

#[test]
fn the_command_line_composes_and_measures_it() {
    let scenario = registered();
    assert_eq!(find_strategy("coin").unwrap().name(), "coin");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (parts, _) = Coin.synthetic(7, 4).unwrap();
    for (part, name) in parts.iter().zip(["full.onnx", "light.onnx"]) {
        std::fs::write(path(name), encode(part.model())).unwrap();
    }
    let (full, light, routed) = (path("full.onnx"), path("light.onnx"), path("routed.onnx"));
    let route =
        ["perforate", "route", "coin", "--full", &full, "--light", &light, "--out", &routed];
    perforate::cli::run(route).unwrap();
    let program = perforate::Model::open(&routed).unwrap();
    assert_eq!(program.knobs()[0].name, KNOB);
    let json = path("report.json");
    let config = path("config.json");
    let small = serde_json::json!({"scenario": scenario.name, "quick": true, "rounds": 1,
        "launches": 1, "timed_rows": 4, "calibration": 100, "test": 100});
    std::fs::write(&config, small.to_string()).unwrap();
    perforate::cli::run(["perforate", "bench", "--config", &config, "--json", &json]).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["scenarios"][0]["sections"][0]["title"], "Tosses");
}
