//! Files whose work moved into branches answer as they did, to the bit.

use std::sync::Arc;

use ndarray::ArrayD;
use perforate::data::images;
use perforate::engine::{Batch, Knobs, Program, Session};
use perforate::onnx::{Component, GraphBuilder, Metadata, OPSET, Size, encode, optimise, sink};
use perforate::strategies::{experts, fuzzy};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tract_onnx::pb::ModelProto;

use crate::common;
use crate::peers::{Engines, compare};

const WIDTH: usize = 4;
const ROWS: usize = 5;
const SHAPE: [Size; 2] = [Size::Rows, Size::Fixed(WIDTH)];

/// Writes nodes at random, and gates with graphs of the same kind in their branches.
struct Writer {
    random: ChaCha8Rng,
    names: usize,
}

impl Writer {
    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}{}", self.names)
    }

    /// Adds some nodes that read `tensors` and one another; returns the last tensor.
    fn nodes(&mut self, graph: &mut GraphBuilder, tensors: &[String], depth: usize) -> String {
        let mut tensors = tensors.to_vec();
        for _ in 0..self.random.random_range(2..7) {
            let made = match self.random.random_range(0..10) {
                0..3 => self.unary(graph, &tensors),
                3..6 => self.binary(graph, &tensors),
                6..8 => self.product(graph, &tensors),
                _ if depth > 0 => self.gate(graph, &tensors, depth),
                _ => self.unary(graph, &tensors),
            };
            tensors.push(made);
        }
        if depth > 0 {
            let made = self.gate(graph, &tensors, depth);
            tensors.push(made);
        }
        // A branch must define what it gives.
        let last = tensors.last().unwrap().clone();
        let name = self.name("end");
        graph.node("Identity", &name, &[&last]).unwrap()
    }

    fn one<'a>(&mut self, tensors: &'a [String]) -> &'a str {
        &tensors[self.random.random_range(0..tensors.len())]
    }

    fn unary(&mut self, graph: &mut GraphBuilder, tensors: &[String]) -> String {
        let kind = ["Relu", "Neg", "Tanh", "Abs", "Sigmoid"][self.random.random_range(0..5)];
        let name = self.name("unary");
        graph.node(kind, &name, &[self.one(tensors)]).unwrap()
    }

    fn binary(&mut self, graph: &mut GraphBuilder, tensors: &[String]) -> String {
        let kind = ["Add", "Sub", "Mul", "Max"][self.random.random_range(0..4)];
        let name = self.name("binary");
        let (a, b) = (self.one(tensors), self.one(tensors));
        graph.node(kind, &name, &[a, b]).unwrap()
    }

    fn product(&mut self, graph: &mut GraphBuilder, tensors: &[String]) -> String {
        let values: Vec<f32> =
            (0..WIDTH * WIDTH).map(|_| self.random.random_range(-0.5..0.5)).collect();
        let (name, weights) = (self.name("product"), self.name("weights"));
        let weights = graph.constant(&weights, &[WIDTH, WIDTH], &values).unwrap();
        let transposed = graph.node("Transpose", &format!("{name}/t"), &[&weights]).unwrap();
        graph.node("MatMul", &name, &[self.one(tensors), &transposed]).unwrap()
    }

    fn gate(&mut self, graph: &mut GraphBuilder, tensors: &[String], depth: usize) -> String {
        let name = self.name("gate");
        let score = graph.reduce("ReduceMax", &format!("{name}/score"), self.one(tensors), 1);
        let decision = format!("{name}/decision");
        let decision = graph.node("Greater", &decision, &[&score.unwrap(), "threshold"]).unwrap();
        let mut then = graph.branch("then");
        let end = self.nodes(&mut then, tensors, depth - 1);
        then.output(&end, &SHAPE).unwrap();
        let mut otherwise = then.branch("otherwise");
        let end = self.nodes(&mut otherwise, tensors, depth - 1);
        otherwise.output(&end, &SHAPE).unwrap();
        let output = format!("{name}/y");
        graph.gate(&name, &decision, then, otherwise, &[&output]).unwrap();
        output
    }
}

/// A model of random nodes with gates inside gates.
fn model(seed: u64) -> ModelProto {
    let mut writer = Writer { random: ChaCha8Rng::seed_from_u64(seed), names: 0 };
    let mut graph = GraphBuilder::new("random", OPSET);
    let x = graph.input("x", &SHAPE).unwrap();
    graph.knob("threshold", 0.2).unwrap();
    let y = writer.nodes(&mut graph, &[x], 2);
    graph.output(&y, &SHAPE).unwrap();
    graph.into_model(&Metadata::default()).unwrap()
}

/// The bits of a model's answers to random rows, at several settings, and the operations that they took.
fn run(model: &ModelProto, seed: u64) -> (Vec<u32>, f64) {
    let program = Arc::new(Program::load("random.onnx", &encode(model)).unwrap());
    let mut session = Session::new(program);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let x = ArrayD::from_shape_simple_fn(vec![ROWS, WIDTH], || random.random_range(-1.0f32..1.0));
    let batch = Batch::new().with("x", x);
    let (mut bits, mut macs) = (vec![], 0.0);
    for threshold in [-9.0, 0.2, 0.5, 9.0] {
        let knobs = Knobs::new().with("threshold", threshold);
        let outcome = session.run(&batch, &knobs).unwrap();
        bits.extend(outcome.first().unwrap().iter().map(|value| value.to_bits()));
        macs += outcome.trace.total_macs().0;
    }
    (bits, macs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn outputs_are_the_same_to_the_bit_and_no_work_is_added(seed in any::<u64>()) {
        let before = model(seed);
        let mut after = before.clone();
        let done = optimise(&mut after);
        let ((wanted, most), (given, macs)) = (run(&before, seed), run(&after, seed));
        prop_assert_eq!(wanted, given, "{:?}", done);
        prop_assert!(macs <= most, "{} and {}: {:?}", macs, most, done);
    }
}

/// The law above is not empty: in most random models something moves, through several gates too, and saves work.
#[test]
fn random_models_have_something_to_move() {
    let mut savings = 0;
    for seed in 0..10 {
        let before = model(seed);
        let mut after = before.clone();
        let done = optimise(&mut after);
        assert!(done.folded > 0, "{seed}: the transposed weights");
        savings +=
            usize::from(!done.moved.is_empty() && run(&after, seed).1 < run(&before, seed).1);
    }
    assert!(savings >= 3, "{savings} of 10");
}

/// What `perforate route` writes is what was composed, to the bit, on the same paths.
#[test]
fn strategies_answer_as_before_when_their_work_moves() {
    const IMAGES: usize = 48;
    let part = |name: &str| {
        let file = format!("models/fashion/{name}.onnx");
        Component::decode(file.clone(), &common::read(&file)).unwrap()
    };
    let models = ["light", "static-s", "full"].map(part);
    let corners = [(0.2, 0.3, 0.4), (0.15, 0.3, 0.5), (0.4, 0.65, 0.85)]
        .map(|(low, middle, high)| fuzzy::Corners { low, middle, high });
    let parts = experts::Parts { experts: models.to_vec(), gate: part("experts-gate") };
    let composed = [
        (experts::compose(&parts, 0.05, Default::default()).unwrap(), [-1e6, 0.05, 1e6]),
        (fuzzy::compose(&models, &corners, 0.5, Default::default()).unwrap(), [-2.0, 0.6, 2.0]),
    ];
    let file = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let all = images::read_images(file, &common::read(file)).unwrap();
    let batch = Batch::new().with("x", all).slice(0..IMAGES).unwrap();
    for (before, settings) in composed {
        let mut after = before.clone();
        assert!(!sink(&mut after).is_empty());
        let run = |model: &ModelProto| {
            let program = Arc::new(Program::load("routed.onnx", &encode(model)).unwrap());
            let knob = program.knobs()[0].name.clone();
            let mut session = Session::new(program);
            let one = |setting: f32| {
                let outcome = session.run(&batch, &Knobs::new().with(&knob, setting)).unwrap();
                let paths: Vec<_> = outcome.trace.rows.iter().map(|row| row.path).collect();
                let bits = outcome.first().unwrap().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                (paths, bits)
            };
            settings.map(one)
        };
        assert_eq!(run(&before), run(&after));
    }
}

/// What moved into branches is a valid file, and answers alike in the other engines.
#[test]
fn optimised_files_are_valid_and_equal() {
    let rows = ArrayD::from_shape_fn(vec![40, WIDTH], |at| {
        ((at[0] * 7 + at[1] * 3) % 23) as f32 / 11.0 - 1.0
    });
    let Some(engines) = Engines::with(&rows) else { return };
    let mut moved = 0;
    for seed in 0..3 {
        let mut model = model(seed);
        moved += optimise(&mut model).moved.len();
        let file = encode(&model);
        let program = Arc::new(Program::load("moved.onnx", &file).unwrap());
        let batch = Batch::new().with("x", rows.clone());
        let outcome = Session::new(program).run(&batch, &Knobs::new()).unwrap();
        let own: Vec<f32> = outcome.first().unwrap().into_iter().collect();
        for (engine, theirs) in engines.run(&file) {
            compare(&format!("model {seed}, {engine}"), &own, &theirs);
        }
        let check = "import onnx; onnx.checker.check_model('model.onnx', full_check=True)";
        engines.call(&engines.python, &["-c", check]);
    }
    assert!(moved > 0);
}
