//! For tests: tiny models that are routed for real, and a clock that only operations move.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::ArrayD;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use perforate_base::units::{Macs, Seconds};
use perforate_data::perturb::Perturbation;
use perforate_data::{Calibration, Samples, Scaling, Test};
use perforate_engine::{Batch, Program};
use perforate_onnx::{GraphBuilder, KnobRange, Metadata, OPSET, Size, encode};
use perforate_routing::fit::calibrate::{Loss, RiskTarget};

use crate::clock::{Clock, FakeClock};
use crate::energy::EnergyModel;
use crate::subject::{Active, BenchTarget, CostBasis, LightRole, Options};

thread_local! {
    static DONE: Cell<f64> = const { Cell::new(0.0) };
}

/// Charges operations to the clocks of this thread.
pub fn charge(macs: Macs) {
    DONE.set(DONE.get() + macs.0);
}

/// A clock on which an operation takes a fixed time, and a reading a little.
#[derive(Debug, Clone)]
pub struct OperationsClock {
    readings: FakeClock,
}

impl OperationsClock {
    /// Seconds of one multiply-accumulate.
    pub const PER_MAC: f64 = 1e-3;

    /// Each reading takes this long.
    pub fn new(per_reading: Seconds) -> OperationsClock {
        OperationsClock { readings: FakeClock::new(Seconds(0.0), per_reading) }
    }
}

impl Clock for OperationsClock {
    fn now(&self) -> Seconds {
        self.readings.now() + Seconds(DONE.get() * Self::PER_MAC)
    }
}

const INPUTS: usize = 4;
const CLASSES: usize = 3;
/// Operations of the light model, of the score, and of the full model with `hidden` units.
pub const LIGHT_MACS: f64 = (INPUTS * CLASSES) as f64;
pub const SCORE_MACS: f64 = INPUTS as f64;
pub const HIDDEN: usize = 16;
pub const FULL_MACS: f64 = (HIDDEN * (INPUTS + CLASSES)) as f64;

fn rows(width: usize) -> [Size; 2] {
    [Size::Rows, Size::Fixed(width)]
}

fn weights(graph: &mut GraphBuilder, name: &str, [rows, columns]: [usize; 2]) -> String {
    let seed = name.bytes().map(u64::from).sum();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..rows * columns).map(|_| rng.random_range(-1.0..1.0)).collect();
    graph.constant(name, &[rows, columns], &values).unwrap()
}

/// x W, then relu, then V: `name` makes the weights.
fn network(graph: &mut GraphBuilder, name: &str, x: &str, hidden: usize) -> String {
    let w = weights(graph, &format!("{name}/w"), [INPUTS, hidden]);
    let v = weights(graph, &format!("{name}/v"), [hidden, CLASSES]);
    let h = graph.node("MatMul", &format!("{name}/h"), &[x, &w]).unwrap();
    let a = graph.node("Relu", &format!("{name}/a"), &[&h]).unwrap();
    graph.node("MatMul", &format!("{name}/y"), &[&a, &v]).unwrap()
}

fn linear(graph: &mut GraphBuilder, name: &str, x: &str) -> String {
    let w = weights(graph, &format!("{name}/w"), [INPUTS, CLASSES]);
    graph.node("MatMul", &format!("{name}/y"), &[x, &w]).unwrap()
}

fn load(name: &str, graph: GraphBuilder, metadata: &Metadata) -> Arc<Program> {
    let file = encode(&graph.into_model(metadata).unwrap());
    Arc::new(Program::load(name, &file).unwrap())
}

fn plain(name: &str, body: impl Fn(&mut GraphBuilder, &str) -> String) -> Arc<Program> {
    let mut graph = GraphBuilder::new(name, OPSET);
    let x = graph.input("x", &rows(INPUTS)).unwrap();
    let y = body(&mut graph, &x);
    graph.output(&y, &rows(CLASSES)).unwrap();
    load(name, graph, &Metadata::default())
}

/// The full model, which `name` makes; twice the hidden units cost twice as much.
pub fn full(name: &str, hidden: usize) -> Arc<Program> {
    plain(name, |graph, x| network(graph, "full", x, hidden))
}

/// The light model.
pub fn light() -> Arc<Program> {
    plain("light", |graph, x| linear(graph, "light", x))
}

const THRESHOLDS: KnobRange = KnobRange { default: 0.5, light: 2.0, full: -2.0 };

fn metadata(knob: &str, range: KnobRange, labels: &[(&str, [&str; 2])]) -> Metadata {
    let labels = labels.iter().map(|(gate, own)| (gate.to_string(), own.map(str::to_string)));
    Metadata {
        labels: labels.collect(),
        knobs: BTreeMap::from([(knob.to_string(), range)]),
        ..Metadata::default()
    }
}

/// Full where a score of the row reaches the threshold, else light.
pub fn gated() -> Arc<Program> {
    let mut main = GraphBuilder::new("gated", OPSET);
    let x = main.input("x", &rows(INPUTS)).unwrap();
    let threshold = main.knob("threshold", THRESHOLDS.default).unwrap();
    let s = main.constant("s", &[INPUTS, 1], &[0.25; INPUTS]).unwrap();
    let score = main.node("MatMul", "score", &[&x, &s]).unwrap();
    let hard = main.node("GreaterOrEqual", "hard", &[&score, &threshold]).unwrap();
    let mut full = main.branch("full");
    let y = network(&mut full, "full", &x, HIDDEN);
    full.output(&y, &rows(CLASSES)).unwrap();
    let mut light = full.branch("light");
    let y = linear(&mut light, "light", &x);
    light.output(&y, &rows(CLASSES)).unwrap();
    main.gate("gate", &hard, full, light, &["y"]).unwrap();
    main.output("y", &rows(CLASSES)).unwrap();
    load("gated", main, &metadata("threshold", THRESHOLDS, &[("gate", ["full", "light"])]))
}

/// Light, else a middle model, else full, by two scores of the row.
pub fn escalating() -> Arc<Program> {
    let mut main = GraphBuilder::new("escalating", OPSET);
    let x = main.input("x", &rows(INPUTS)).unwrap();
    let threshold = main.knob("threshold", THRESHOLDS.default).unwrap();
    let s = main.constant("s", &[INPUTS, 1], &[0.25; INPUTS]).unwrap();
    let score = main.node("MatMul", "score", &[&x, &s]).unwrap();
    let hard = main.node("GreaterOrEqual", "hard", &[&score, &threshold]).unwrap();
    let mut deeper = main.branch("deeper");
    let t = deeper.constant("t", &[INPUTS, 1], &[0.4, 0.1, 0.2, 0.2]).unwrap();
    let second = deeper.node("MatMul", "second", &[&x, &t]).unwrap();
    let harder = deeper.node("GreaterOrEqual", "harder", &[&second, &threshold]).unwrap();
    let mut full = deeper.branch("full");
    let y = network(&mut full, "full", &x, HIDDEN);
    full.output(&y, &rows(CLASSES)).unwrap();
    let mut middle = full.branch("middle");
    let y = network(&mut middle, "middle", &x, 4);
    middle.output(&y, &rows(CLASSES)).unwrap();
    deeper.gate("inner", &harder, full, middle, &["deeper/y"]).unwrap();
    deeper.output("deeper/y", &rows(CLASSES)).unwrap();
    let mut light = deeper.branch("light");
    let y = linear(&mut light, "light", &x);
    light.output(&y, &rows(CLASSES)).unwrap();
    main.gate("outer", &hard, deeper, light, &["y"]).unwrap();
    main.output("y", &rows(CLASSES)).unwrap();
    let labels = [("outer", ["", "light"]), ("inner", ["full", "middle"])];
    load("escalating", main, &metadata("threshold", THRESHOLDS, &labels))
}

/// Two stages, each in two sizes, chosen by a budget alone: of the four combinations it leads to
/// three, since the first stage grows before the second.
pub fn budgeted() -> [Arc<Program>; 3] {
    let stage = |graph: &mut GraphBuilder, name: &str, x: &str, large: bool| {
        let hidden = if large { HIDDEN } else { 4 };
        let own = format!("{name}_{}", if large { "large" } else { "small" });
        let y = network(graph, &own, x, hidden);
        let pad = graph.constant(&format!("{own}/pad"), &[CLASSES, INPUTS], &PAD).unwrap();
        graph.node("MatMul", &format!("{own}/out"), &[&y, &pad]).unwrap()
    };
    let alone = |name: &str, large: bool| {
        let mut graph = GraphBuilder::new(name, OPSET);
        let x = graph.input("x", &rows(INPUTS)).unwrap();
        let h = stage(&mut graph, "stage1", &x, large);
        let y = stage(&mut graph, "stage2", &h, large);
        graph.output(&y, &rows(INPUTS)).unwrap();
        load(name, graph, &Metadata::default())
    };
    let range = KnobRange { default: 0.5, light: 0.0, full: 1.0 };
    let mut main = GraphBuilder::new("budgeted", OPSET);
    let mut x = main.input("x", &rows(INPUTS)).unwrap();
    let budget = main.knob("budget", range.default).unwrap();
    for (name, price) in [("stage1", 0.3), ("stage2", 0.6)] {
        let spent = main.constant(&format!("{name}/price"), &[], &[price]).unwrap();
        let zero = main.constant(&format!("{name}/nothing"), &[], &[0.0]).unwrap();
        let left = main.node("Sub", &format!("{name}/left"), &[&budget, &spent]).unwrap();
        let affords =
            main.node("GreaterOrEqual", &format!("{name}/affords"), &[&left, &zero]).unwrap();
        let mut large = main.branch(&format!("{name}/large"));
        let y = stage(&mut large, name, &x, true);
        large.output(&y, &rows(INPUTS)).unwrap();
        let mut small = large.branch(&format!("{name}/small"));
        let y = stage(&mut small, name, &x, false);
        small.output(&y, &rows(INPUTS)).unwrap();
        let joined = format!("{name}/y");
        main.gate(&format!("{name}/gate"), &affords, large, small, &[&joined]).unwrap();
        x = joined;
    }
    main.output(&x, &rows(INPUTS)).unwrap();
    let labels =
        [("stage1/gate", ["one large", "one small"]), ("stage2/gate", ["two large", "two small"])];
    let routed = load("budgeted", main, &metadata("budget", range, &labels));
    [alone("full", true), alone("light", false), routed]
}

/// Classes back to as many numbers as the next stage reads.
const PAD: [f32; CLASSES * INPUTS] =
    [1.0, 0.0, 0.0, 0.5, 0.0, 1.0, 0.0, 0.25, 0.0, 0.0, 1.0, 0.125];

/// Random samples between −1 and 1, labelled at random.
pub fn samples(n: usize, seed: u64) -> Samples {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let x = ArrayD::from_shape_simple_fn(vec![n, INPUTS], || rng.random_range(-1.0f32..1.0));
    let labels = (0..n).map(|_| rng.random_range(0..CLASSES)).collect();
    Samples::new(Batch::new().with("x", x), Some(labels)).unwrap()
}

fn subject(
    [full, light, routed]: [Arc<Program>; 3],
    references: Vec<Arc<Program>>,
    active: Active,
) -> BenchTarget {
    let (knob, range) = routed.metadata().knobs.first_key_value().unwrap();
    BenchTarget {
        knob: knob.clone(),
        range: *range,
        full,
        light,
        references,
        active,
        light_role: LightRole::Choice,
        scaling: Some(Scaling(samples(30, 3))),
        calibration: Calibration(samples(50, 2)),
        test: Test(samples(70, 1)),
        perturbations: vec![Perturbation::kept("other", 1, Some(0.5), samples(70, 4))],
        tolerance: None,
        recorded: None,
        routed,
    }
}

/// The gated model, beside a static one that costs twice what the full one does, and another router.
pub fn gated_subject() -> BenchTarget {
    let references = vec![full("twice", 2 * HIDDEN), escalating()];
    subject([full("full", HIDDEN), light(), gated()], references, Active::FullPath)
}

/// The model with two gates.
pub fn escalating_subject() -> BenchTarget {
    subject([full("full", HIDDEN), light(), escalating()], vec![], Active::Operations)
}

/// The model whose budget decides alone.
pub fn budgeted_subject() -> BenchTarget {
    subject(budgeted(), vec![], Active::Operations)
}

/// Little, but of everything.
pub fn options() -> Options {
    Options {
        headline: None,
        rounds: 5,
        settings: 5,
        timed_rows: 8,
        batch: 4,
        perturbed_rows: 70,
        slice: Seconds(0.05),
        seed: 7,
        target: RiskTarget { loss: Loss::Disagreement, epsilon: 0.3, delta: 0.1 },
        cost: CostBasis::Operations,
        energy: EnergyModel::default(),
        timing_only: false,
    }
}
