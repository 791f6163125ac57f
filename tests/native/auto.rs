//! Automatic routing: a model that was never made for it gets exits, and stays the same model behind them.

use std::sync::Arc;

use perforate::bench::record::argmax;
use perforate::data::sentences::{self, Table, Tokenizer};
use perforate::data::{Samples, images};
use perforate::engine::{Batch, Knobs, PlanCache, Program, Session};
use perforate::onnx::{Component, chain, encode};
use perforate::routing::exits;
use perforate::routing::search::{Options, exits as find_exits, model_chain};

use crate::common;

fn garments(from: usize, to: usize) -> Samples {
    let name = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let pixels = images::read_images(name, &common::read(name)).unwrap();
    let all = Samples::new(Batch::new().with("x", pixels), None).unwrap();
    all.select(&(from..to).collect::<Vec<_>>()).unwrap()
}

fn answers(session: &mut Session, samples: &Samples, knobs: &Knobs) -> Vec<Vec<f32>> {
    let mut row = |row| session.run(&samples.row(row).unwrap(), knobs).unwrap().first().unwrap();
    (0..samples.len()).map(|ix| row(ix).into_iter().collect()).collect()
}

#[test]
fn a_network_gets_exits_that_save_and_stays_itself_behind_them() {
    let file = "models/fashion/full.onnx";
    let full = Component::decode(file, &common::read(file)).unwrap();
    let found = find_exits(full.clone(), garments(0, 600), Options::default()).unwrap();
    for exit in &found.exits {
        println!("{exit:?}");
    }
    println!("expected cost {:.3}", found.expected_cost);
    assert!(found.exits.windows(2).all(|pair| pair[0].share < pair[1].share));
    let deepest = found.exits.last().unwrap();
    assert!(deepest.agreement > 0.9, "{deepest:?}");
    assert!(found.expected_cost < 0.7, "{}", found.expected_cost);

    let routed = found.compose("found", 0.9, Default::default()).unwrap();
    // What is taken away is read back from its bytes.
    let routed = Program::load("routed.onnx", &encode(&routed)).unwrap();
    assert_eq!(routed.gates().len(), found.exits.iter().filter(|exit| exit.kept).count());
    let library = PlanCache::default();
    let full = Program::from_proto(&library, "full", full.model(), 0).unwrap();
    let (mut full, mut routed) = (Session::new(Arc::new(full)), Session::new(Arc::new(routed)));
    let others = garments(600, 700);
    let own = answers(&mut full, &others, &Knobs::new());
    let at = |threshold| Knobs::new().with(exits::KNOB, threshold);
    let always = answers(&mut routed, &others, &at(exits::RANGE.full));
    for (own, always) in own.iter().zip(&always) {
        assert!(own.iter().zip(always).all(|(a, b)| (a - b).abs() <= 1e-4 + 1e-4 * a.abs()));
    }
    let never = answers(&mut routed, &others, &at(exits::RANGE.light));
    let same = own.iter().zip(&never).filter(|(a, b)| argmax(a) == argmax(b)).count();
    assert!((50..100).contains(&same), "{same} of 100 agree at the first exit");
}

#[test]
fn what_cannot_be_routed_is_told_in_a_sentence() {
    let file = "models/fashion/full.onnx";
    let full = Component::decode(file, &common::read(file)).unwrap();
    let error = find_exits(full, garments(0, 10), Options::default()).unwrap_err().to_string();
    assert!(error.contains("10 rows") && error.contains(file), "{error}");
    let file = "models/fashion/gate.onnx";
    let gate = Component::decode(file, &common::read(file)).unwrap();
    let error = find_exits(gate, garments(0, 50), Options::default()).unwrap_err().to_string();
    assert!(error.contains("input `"), "{error}");
}

/// What a model without exits is expected to become on some inputs; prints what was tried.
fn exits_of(model: Component, inputs: Samples) -> Vec<perforate::routing::search::Exit> {
    let found = find_exits(model, inputs, Options { risk: 0.05, ..Options::default() }).unwrap();
    found.exits.iter().for_each(|exit| println!("{exit:?}"));
    println!("expected cost {:.3}", found.expected_cost);
    let routed = found.compose("found", 0.9, Default::default()).unwrap();
    Program::load("routed.onnx", &encode(&routed)).unwrap();
    found.exits
}

#[test]
fn a_transformer_goes_through_the_same_door() {
    let parts: Vec<Component> =
        ["embed", "layer1", "layer2", "layer3", "layer4", "layer5", "layer6"]
            .map(|part| {
                let file = format!("models/sentences/{part}.onnx");
                Component::decode(file.clone(), &common::read(&file)).unwrap()
            })
            .into();
    let model = chain(&parts, &[("logits", "logits")]).unwrap();
    let file = "models/data/sentences/tokenizer.json";
    let tokenizer = Tokenizer::read(file, &common::read(file)).unwrap();
    let file = "models/data/sentences/snippets.tsv.gz";
    let texts: Vec<String> =
        Table::read(file, &common::read(file)).unwrap().texts.into_iter().take(150).collect();
    let exits = exits_of(model, sentences::samples(texts, None, &tokenizer).unwrap());
    assert!(exits.len() >= 4, "{} places", exits.len());
    assert!(exits.last().unwrap().agreement > 0.8);
}

#[test]
fn so_does_a_network_on_numbers() {
    let mlp = perforate::strategies::dendritic::reference::build(42).unwrap();
    let exits = exits_of(mlp.full.clone(), Samples::new(mlp.samples(400), None).unwrap());
    assert!(!exits.is_empty());
}

#[test]
fn so_does_a_model_that_answers_with_numbers_and_its_gates_know_the_hard_rows() {
    // Three of the reference network's outputs, as a prediction of numbers.
    let mlp = perforate::strategies::dendritic::reference::build(42).unwrap();
    let samples = Samples::new(mlp.samples(1200), None).unwrap();
    let (fitting, others): (Vec<usize>, Vec<usize>) = (0..1200).partition(|row| *row < 1000);
    let options = Options { numbers: true, risk: 0.05, ..Options::default() };
    let found = find_exits(mlp.full.clone(), samples.select(&fitting).unwrap(), options).unwrap();
    found.exits.iter().for_each(|exit| println!("{exit:?}"));
    let tolerance = found.tolerance.expect("a tolerance");
    println!("tolerance {tolerance}, expected cost {}", found.expected_cost);
    let routed = Program::load(
        "routed.onnx",
        &encode(&found.compose("found", 0.5, Default::default()).unwrap()),
    );
    let routed = routed.unwrap();
    assert_eq!(routed.metadata().tolerance, Some(tolerance));
    assert_eq!(routed.outputs(), ["logits"], "the output keeps its name");
    let recording = |threshold: f32| {
        let mut session = Session::new(Arc::new(
            Program::load(
                "r",
                &encode(&found.compose("found", threshold, Default::default()).unwrap()),
            )
            .unwrap(),
        ));
        answers(&mut session, &samples.select(&others).unwrap(), &Knobs::new())
    };
    let (full, cheap) = (recording(exits::RANGE.full), recording(exits::RANGE.light));
    let farthest =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    // The rows that the gate would send on are those that the cheap answer is farther off for.
    let mut session = Session::new(Arc::new(routed));
    let mut scores = vec![];
    for row in &others {
        let outcome = session.run(&samples.row(*row).unwrap(), &Knobs::new()).unwrap();
        scores.push(outcome.trace.scores[0][0]);
    }
    let mut order: Vec<usize> = (0..others.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mean = |rows: &[usize]| {
        rows.iter().map(|&row| farthest(&full[row], &cheap[row])).sum::<f32>() / rows.len() as f32
    };
    let (unsure, sure) = order.split_at(order.len() / 5);
    println!("mean deviation: unsure {}, sure {}", mean(unsure), mean(sure));
    assert!(mean(unsure) > 1.3 * mean(sure), "{} {}", mean(unsure), mean(sure));
}

#[test]
fn a_gate_can_say_how_sure_a_classifier_is() {
    let file = "models/fashion/full.onnx";
    let full = Component::decode(file, &common::read(file)).unwrap();
    let options = Options { gates: true, ..Options::default() };
    let found = find_exits(full, garments(0, 600), options).unwrap();
    println!("expected cost {:.3}", found.expected_cost);
    let model = found.compose("found", 0.6, Default::default()).unwrap();
    let routed = Program::load("routed.onnx", &encode(&model)).unwrap();
    assert_eq!(routed.metadata().provenance["score"], "gate");
    let outcome =
        Session::new(Arc::new(routed)).run(garments(600, 640).inputs(), &Knobs::new()).unwrap();
    assert!(outcome.trace.scores[0].iter().all(|score| (0.0..=1.0).contains(score)));
}

/// A softmax behind scores that are called as a stage calls its own.
#[test]
fn a_model_may_call_its_tensors_as_stages_do() {
    let mlp = perforate::strategies::dendritic::reference::build(42).unwrap();
    let mut model = mlp.full.model().clone();
    let graph = model.graph.as_mut().unwrap();
    let mut softmax = graph.node[0].clone();
    softmax.op_type = "Softmax".into();
    softmax.name = "softmax".into();
    softmax.input = vec!["logits".into()];
    softmax.output = vec!["logits1".into()];
    softmax.attribute.clear();
    graph.node.push(softmax);
    graph.output[0].name = "logits1".into();
    let model = Component::new("probabilities", model).unwrap();
    let samples = Samples::new(mlp.samples(300), None).unwrap();
    let found = find_exits(model.clone(), samples.clone(), Options::default()).unwrap();
    let routed = found.compose("found", exits::RANGE.full, Default::default()).unwrap();
    let routed = Program::load("routed.onnx", &encode(&routed)).unwrap();
    assert_eq!(routed.outputs(), ["logits1"], "the output keeps its name");
    let full = Program::load("full.onnx", &encode(model.model())).unwrap();
    let some = samples.select(&[0, 1, 2]).unwrap();
    let run =
        |program: Program| answers(&mut Session::new(Arc::new(program)), &some, &Knobs::new());
    for (own, always) in run(full).iter().zip(&run(routed)) {
        assert!(own.iter().zip(always).all(|(a, b)| (a - b).abs() <= 1e-4), "{own:?} {always:?}");
    }
}

#[test]
fn several_models_become_a_cascade() {
    let component = |file: &str| Component::decode(file, &common::read(file)).unwrap();
    let models =
        ["models/fashion/full.onnx", "models/fashion/light.onnx", "models/fashion/static-s.onnx"];
    let found =
        model_chain(models.map(component).into(), garments(0, 400), Options::default()).unwrap();
    found.exits.iter().for_each(|exit| println!("{exit:?}"));
    println!("expected cost {:.3}", found.expected_cost);
    assert_eq!(found.exits[0].tensor, models[1], "the cheapest comes first");
    assert!(found.expected_cost < 0.6, "{}", found.expected_cost);
    let routed = found.compose("found", exits::RANGE.full, Default::default()).unwrap();
    let program =
        |name: &str, bytes: &[u8]| Session::new(Arc::new(Program::load(name, bytes).unwrap()));
    let others = garments(400, 420);
    let routed = answers(&mut program("routed", &encode(&routed)), &others, &Knobs::new());
    let full = answers(&mut program("full", &common::read(models[0])), &others, &Knobs::new());
    for (own, always) in full.iter().zip(&routed) {
        assert!(own.iter().zip(always).all(|(a, b)| (a - b).abs() <= 1e-4 + 1e-4 * a.abs()));
    }

    let error = |models: Vec<Component>| {
        model_chain(models, garments(0, 50), Options::default()).unwrap_err().to_string()
    };
    let text = error(vec![component(models[0]), component("models/mnist/stage2.onnx")]);
    assert!(text.contains("mnist/stage2.onnx") && text.contains("other inputs"), "{text}");
    assert!(error(vec![component(models[0])]).contains("two models"));
}
