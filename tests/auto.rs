//! Automatic routing: a model that was never made for it gets exits, and stays the same model behind them.

mod common;

use std::sync::Arc;

use perforate::auto::{Options, early_exits};
use perforate::bench::record::argmax;
use perforate::data::sentences::{self, Table, Tokenizer};
use perforate::data::{Samples, images};
use perforate::engine::{Batch, Knobs, Library, Program, Session};
use perforate::onnx::{Component, chain, encode};
use perforate::route::early_exit;

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
    let file = "models/fashion-full.onnx";
    let full = Component::decode(file, &common::read(file)).unwrap();
    let found = early_exits(full.clone(), garments(0, 600), Options::default()).unwrap();
    for exit in &found.exits {
        println!("{exit:?}");
    }
    println!("expected cost {:.3}", found.expected_cost);
    assert!(found.exits.windows(2).all(|pair| pair[0].share < pair[1].share));
    let deepest = found.exits.last().unwrap();
    assert!(deepest.agreement > 0.9, "{deepest:?}");
    assert!(found.expected_cost < 0.7, "{}", found.expected_cost);

    let routed = found.compose(0.9, Default::default()).unwrap();
    // What is taken away is read back from its bytes.
    let routed = Program::load("routed.onnx", &encode(&routed)).unwrap();
    assert_eq!(routed.gates().len(), found.exits.iter().filter(|exit| exit.kept).count());
    let library = Library::default();
    let full = Program::from_proto(&library, "full", full.model(), 0).unwrap();
    let (mut full, mut routed) = (Session::new(Arc::new(full)), Session::new(Arc::new(routed)));
    let others = garments(600, 700);
    let own = answers(&mut full, &others, &Knobs::new());
    let at = |threshold| Knobs::new().with(early_exit::KNOB, threshold);
    let always = answers(&mut routed, &others, &at(early_exit::RANGE.always));
    for (own, always) in own.iter().zip(&always) {
        assert!(own.iter().zip(always).all(|(a, b)| (a - b).abs() <= 1e-4 + 1e-4 * a.abs()));
    }
    let never = answers(&mut routed, &others, &at(early_exit::RANGE.never));
    let same = own.iter().zip(&never).filter(|(a, b)| argmax(a) == argmax(b)).count();
    assert!((50..100).contains(&same), "{same} of 100 agree at the first exit");
}

#[test]
fn what_cannot_be_routed_is_told_in_a_sentence() {
    let file = "models/fashion-full.onnx";
    let full = Component::decode(file, &common::read(file)).unwrap();
    let error = early_exits(full, garments(0, 10), Options::default()).unwrap_err().to_string();
    assert!(error.contains("10 rows") && error.contains(file), "{error}");
    let file = "models/fashion-gate.onnx";
    let gate = Component::decode(file, &common::read(file)).unwrap();
    let error = early_exits(gate, garments(0, 50), Options::default()).unwrap_err().to_string();
    assert!(error.contains("input `"), "{error}");
}

/// What a model without exits is expected to become on some inputs; prints what was tried.
fn exits_of(model: Component, inputs: Samples) -> Vec<perforate::auto::Exit> {
    let found = early_exits(model, inputs, Options { risk: 0.05, ..Options::default() }).unwrap();
    found.exits.iter().for_each(|exit| println!("{exit:?}"));
    println!("expected cost {:.3}", found.expected_cost);
    let routed = found.compose(0.9, Default::default()).unwrap();
    Program::load("routed.onnx", &encode(&routed)).unwrap();
    found.exits
}

#[test]
fn a_transformer_goes_through_the_same_door() {
    let parts: Vec<Component> =
        ["embed", "layer1", "layer2", "layer3", "layer4", "layer5", "layer6"]
            .map(|part| {
                let file = format!("models/sentences-{part}.onnx");
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
    let mlp = perforate::lab::mlp::build(42).unwrap();
    let exits = exits_of(mlp.full.clone(), Samples::new(mlp.samples(400), None).unwrap());
    assert!(!exits.is_empty());
}
