//! The same routed file in ONNX Runtime and here: equal outputs, equal paths.
//!
//! The goldens are written by `tests/onnxruntime/goldens.py`, which says how.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayD, Axis};
use perforate::data::sentences::{self, Table, Tokenizer};
use perforate::data::{Samples, images, npz};
use perforate::engine::{Batch, Knobs, Order, Outcome, Program, Session, to_array};
use perforate::onnx::{Component, GraphBuilder, Metadata, OPSET, Size, encode};
use perforate::routing::exits::{Confidence, Stages};
use perforate::routing::model_chain::ModelChain;
use perforate::routing::pool::compose::Pool;
use perforate::routing::score::Score;
use perforate::strategies::battery::{self, Candidate, Policy, drain};
use perforate::strategies::{cascade, dendritic, early_exit, experts, fuzzy, learned, refine};
use perforate::units::Joules;
use tract_onnx::pb::ModelProto;

use crate::common;

const ROWS: usize = 256;

/// Share of the rows that pass the first gate at the setting in the middle.
const MIDDLE: Range<f32> = 0.01..0.95;

/// Sentences in a golden file: they take longer.
const SENTENCES: usize = 48;

struct Golden {
    knob: ArrayD<f32>,
    output: ArrayD<f32>,
    taken: ArrayD<f32>,
}

fn golden(name: &str) -> Golden {
    let file = format!("tests/onnxruntime/{name}.npz");
    let arrays = npz::read(&file, &common::read(&file), "output").unwrap();
    let array = |name: &str| to_array::<f32>(arrays.get(name).unwrap()).unwrap();
    Golden { knob: array("knob"), output: array("output"), taken: array("taken") }
}

/// The first test images of a data set.
fn inputs(data: &str) -> Batch {
    samples(data).inputs().clone()
}

/// The same, or the first snippets.
fn samples(data: &str) -> Samples {
    if data == "sentences" {
        let [table, tokenizer] =
            ["snippets.tsv.gz", "tokenizer.json"].map(|name| format!("models/data/{data}/{name}"));
        let tokenizer = Tokenizer::read(&tokenizer, &common::read(&tokenizer)).unwrap();
        let texts = Table::read(&table, &common::read(&table)).unwrap().texts;
        return sentences::samples(texts[..SENTENCES].into(), None, &tokenizer).unwrap();
    }
    let file = format!("models/data/{data}/t10k-images-idx3-ubyte.gz");
    let all = images::read_images(&file, &common::read(&file)).unwrap();
    Samples::new(Batch::new().with("x", all).slice(0..ROWS).unwrap(), None).unwrap()
}

/// atol 1e-4 + rtol 1e-4.
#[track_caller]
fn assert_close(ours: &ArrayD<f32>, theirs: &ArrayD<f32>, what: &str) {
    assert_eq!(ours.shape(), theirs.shape(), "{what}");
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= 1e-4 + 1e-4 * b.abs(), "{what}: {a} here, {b} in ONNX Runtime");
    }
}

/// Runs `program` at each of the golden's knob values, in batches of `size`, and compares.
fn compare(program: &Arc<Program>, golden: &Golden, inputs: &Samples, size: usize, order: Order) {
    let count = inputs.len();
    let mut session = Session::new(program.clone());
    program.segments().for_each(|segment| session.set_order(segment.id, order));
    for (setting, knobs) in golden.knob.as_slice().unwrap().chunks(count).enumerate() {
        let knob = Knobs::new().with(&program.knobs()[0].name, knobs[0]);
        for from in (0..count).step_by(size) {
            let rows = from..(from + size).min(count);
            let what = format!("knob {}, rows {rows:?}, {order:?}", knobs[0]);
            let outcome = session
                .run(&inputs.rows(&rows.clone().collect::<Vec<_>>()).unwrap(), &knob)
                .unwrap();
            let at = |row: usize| setting * count + row;
            let span = ndarray::Slice::from(at(rows.start)..at(rows.end));
            let theirs = golden.output.slice_axis(Axis(0), span).to_owned();
            assert_close(&outcome.first().unwrap(), &theirs, &what);
            for (row, trace) in rows.zip(&outcome.trace.rows) {
                let theirs = golden.taken[[at(row), 0]] != 0.0;
                assert_eq!(trace.path.at(0), Some(theirs), "{what}, row {row}");
            }
        }
    }
}

/// Holds `model` against the goldens `name` on the images of `data`, in all batch sizes and orders.
#[track_caller]
fn equals_onnx_runtime(model: &ModelProto, name: &str, data: &str) {
    equals(model, name, data, MIDDLE);
}

/// The same; in the middle a share of `middle` passes the first gate.
#[track_caller]
fn equals(model: &ModelProto, name: &str, data: &str, middle: Range<f32>) {
    let golden = golden(name);
    let inputs = samples(data);
    let count = inputs.len();
    let thresholds: Vec<f32> = golden.knob.iter().copied().step_by(count).collect();
    assert_eq!(thresholds.len(), 3, "never, middle and always");
    let share = |setting: usize| {
        golden.taken.iter().skip(setting * count).take(count).sum::<f32>() / count as f32
    };
    assert_eq!((share(0), share(2)), (0.0, 1.0));
    assert!(middle.contains(&share(1)), "the middle is one-sided: {}", share(1));

    let program = Arc::new(Program::load("routed.onnx", &encode(model)).unwrap());
    for size in [1, 7, 32] {
        for order in [Order::RowByRow, Order::Compacted] {
            compare(&program, &golden, &inputs, size, order);
        }
    }
}

#[test]
fn dendritic_fashion_equals_onnx_runtime_in_every_batch_size() {
    equals_onnx_runtime(&common::dendritic_fashion(0.5), "dendritic-fashion", "fashion-mnist");
}

/// The files of an early-exit network's stages.
fn parts(data: &str) -> Vec<Component> {
    let stage = |number: usize| {
        let file = format!("models/{data}/stage{number}.onnx");
        Component::decode(file.clone(), &common::read(&file)).unwrap()
    };
    (1..=3).map(stage).collect()
}

/// The stages of an early-exit network.
fn stages(data: &str) -> Stages {
    Stages::new(parts(data)).unwrap()
}

/// Gates within gates: equal outputs mean that each row left at the same exit.
#[track_caller]
fn early_exit_equals_onnx_runtime(score: Score, middle: Range<f32>) {
    let confidence = Confidence { score, ..Confidence::default() };
    let model = early_exit::compose(&stages("mnist"), &confidence, 0.9, BTreeMap::new()).unwrap();
    equals(&model, &format!("early-exit-mnist-{}", score.name()), "mnist", middle);
}

#[test]
fn early_exit_by_max_probability_equals_onnx_runtime() {
    early_exit_equals_onnx_runtime(Score::MaxProbability, MIDDLE);
}

#[test]
fn early_exit_by_margin_equals_onnx_runtime() {
    early_exit_equals_onnx_runtime(Score::Margin, MIDDLE);
}

#[test]
fn early_exit_by_entropy_equals_onnx_runtime() {
    early_exit_equals_onnx_runtime(Score::Entropy { classes: 10 }, MIDDLE);
}

/// One head agrees with nobody: between the ends all rows go on to the second.
#[test]
fn early_exit_by_patience_equals_onnx_runtime() {
    early_exit_equals_onnx_runtime(Score::Patience { heads: 2 }, 1.0..1.1);
}

#[test]
fn early_exit_with_temperatures_equals_onnx_runtime() {
    let tempered = Confidence { temperatures: vec![1.25, 1.5], ..Confidence::default() };
    let model = early_exit::compose(&stages("fashion"), &tempered, 0.9, BTreeMap::new()).unwrap();
    equals_onnx_runtime(&model, "early-exit-fashion", "fashion-mnist");
}

/// A model of Fashion-MNIST.
fn fashion(name: &str) -> Component {
    let file = format!("models/fashion/{name}.onnx");
    Component::decode(file.clone(), &common::read(&file)).unwrap()
}

#[test]
fn a_pool_with_judges_equals_onnx_runtime() {
    let models = ["light", "static-s", "full"].map(fashion).into();
    let pool = Pool { models, judges: fashion("judges") };
    let model = pool.compose("pool", 0.99, BTreeMap::new()).unwrap();
    equals_onnx_runtime(&model, "pool-fashion", "fashion-mnist");
}

/// Files of sentence models, in order.
fn of_sentences(names: &[&str]) -> Vec<Component> {
    let part = |name: &&str| {
        let file = format!("models/sentences/{name}.onnx");
        Component::decode(file.clone(), &common::read(&file)).unwrap()
    };
    names.iter().map(part).collect()
}

const TRANSFORMER: [&str; 7] =
    ["embed", "layer1", "layer2", "layer3", "layer4", "layer5", "layer6"];

#[test]
fn early_exit_in_a_transformer_equals_onnx_runtime() {
    let stages = Stages::new(of_sentences(&TRANSFORMER)).unwrap();
    let model = early_exit::compose(&stages, &Confidence::default(), 0.9, BTreeMap::new()).unwrap();
    equals_onnx_runtime(&model, "early-exit-sentences", "sentences");
}

#[test]
fn a_cascade_of_sentence_models_equals_onnx_runtime() {
    let files = [&["words", "dsn", "tiny"][..], &TRANSFORMER].concat();
    let exits = ["logits3".to_string(), "logits4".to_string()];
    let models = ModelChain::new(&of_sentences(&files), &exits).unwrap();
    assert_eq!(models.names(), ["dsn", "tiny", "exit3", "exit4"]);
    let model =
        models.compose(cascade::NAME, &Confidence::default(), 0.9, BTreeMap::new()).unwrap();
    equals_onnx_runtime(&model, "cascade-sentences", "sentences");
    let fault =
        |names: &[&str]| ModelChain::new(&of_sentences(names), &[]).unwrap_err().to_string();
    assert!(fault(&["words", "dsn"]).contains("two models"), "{}", fault(&["words", "dsn"]));
    assert!(fault(&["words"]).contains("`logits`"), "{}", fault(&["words"]));
}

#[test]
fn experts_equal_onnx_runtime() {
    let experts = ["light", "static-s", "full"].map(fashion).into();
    let parts = experts::Parts { experts, gate: fashion("experts-gate") };
    let model = experts::compose(&parts, 0.05, BTreeMap::new()).unwrap();
    equals_onnx_runtime(&model, "experts-fashion", "fashion-mnist");
    let alone = experts::Parts { experts: vec![fashion("light")], gate: fashion("experts-gate") };
    let message = experts::compose(&alone, 0.05, BTreeMap::new()).unwrap_err().to_string();
    assert!(message.contains("two experts"), "{message}");
}

#[test]
fn fuzzy_selection_equals_onnx_runtime() {
    let models = ["light", "static-s", "full"].map(fashion);
    let corners = [(0.2, 0.3, 0.4), (0.15, 0.3, 0.5), (0.4, 0.65, 0.85)]
        .map(|(low, middle, high)| fuzzy::Corners { low, middle, high });
    let model = fuzzy::compose(&models, &corners, 0.5, BTreeMap::new()).unwrap();
    equals_onnx_runtime(&model, "selection-fuzzy-fashion", "fashion-mnist");
    let message = fuzzy::compose(&models[..2], &corners, 0.5, BTreeMap::new()).unwrap_err();
    assert!(message.to_string().contains("three models"), "{message}");
}

#[test]
fn learned_selection_equals_onnx_runtime() {
    let models = ["light", "static-s", "full"].map(fashion);
    let weights = [
        [-0.1, 0.05, 0.1, 0.02, 0.3, -0.05, 0.1, 0.2, 0.05, 0.01],
        [-0.05, 0.02, 0.05, 0.01, 0.1, -0.02, 0.05, 0.1, 0.02, 0.005],
    ]
    .map(|values| learned::Weights::from_slice(&values).unwrap());
    let model = learned::compose(&models, &weights, 0.05, BTreeMap::new()).unwrap();
    equals_onnx_runtime(&model, "selection-learned-fashion", "fashion-mnist");
    let fault = learned::compose(&models, &weights[..1], 0.05, BTreeMap::new()).unwrap_err();
    assert!(fault.to_string().contains("3 models cannot have 1 scores"), "{fault}");
    assert!(learned::Weights::from_slice(&[f32::NAN; 10]).is_err());
}

fn pool() -> [Component; 4] {
    ["light", "pruned-int8", "full-int8", "full"].map(fashion)
}

/// Integer arithmetic is exact, so eight-bit networks agree as closely as the others.
#[track_caller]
fn energy_aware_selection_equals(golden: &str) {
    let model = battery::compose(&pool(), &[0.02, 0.08, 1.0], 0.5, BTreeMap::new()).unwrap();
    equals(&model, golden, "fashion-mnist", 1.0..1.1);
}

#[test]
fn energy_aware_selection_equals_onnx_runtime() {
    energy_aware_selection_equals("selection-energy-fashion");
}

#[test]
fn energy_aware_selection_equals_onnx_runtime_over_a_wide_range() {
    energy_aware_selection_equals("selection-energy-fashion-wide");
}

/// The battery's course is computed from recorded answers; here the routed file itself runs it.
#[test]
fn a_battery_run_by_the_routed_file_takes_the_course_that_was_computed() {
    let costs = [0.01, 0.02, 0.08, 1.0];
    let costs_but_first = costs[1..].iter().map(|&cost| cost as f32).collect::<Vec<_>>();
    let model = battery::compose(&pool(), &costs_but_first, 0.5, BTreeMap::new()).unwrap();
    let program = Arc::new(Program::load("energy", &encode(&model)).unwrap());
    let names = ["light", "pruned-int8", "full-int8", "full"];
    let inputs = inputs("fashion-mnist").slice(0..40).unwrap();
    let right = vec![true; 40];
    let candidates: Vec<Candidate> = costs
        .iter()
        .zip([0.91, 0.93, 0.935, 0.94])
        .map(|(&cost, accuracy)| Candidate {
            name: "",
            cost: Joules(cost),
            accuracy,
            right: &right,
        })
        .collect();
    for policy in [Policy::Greedy, Policy::Paced] {
        let budget = Joules(3.0);
        let wanted = drain(&candidates, budget, policy);
        let mut session = Session::new(program.clone());
        let (mut left, mut shares) = (budget, [0; 4]);
        for row in 0..40 {
            let allowance = policy.allowance(left, 40 - row, Joules(costs[0])).0;
            let knobs = Knobs::new().with("budget", allowance as f32);
            let outcome = session.run(&inputs.slice(row..row + 1).unwrap(), &knobs).unwrap();
            let label = program.path_label(outcome.trace.rows[0].path);
            let taken = names.iter().position(|name| *name == label).unwrap();
            left = left - Joules(costs[taken]);
            shares[taken] += 1;
        }
        assert_eq!(wanted.shares, shares, "{policy:?}");
        assert!(shares.iter().filter(|&&count| count > 0).count() >= 2, "{policy:?} {shares:?}");
    }
}

fn refinement() -> refine::Parts {
    let (cheap, refinement) = (fashion("cheap"), fashion("refinement"));
    refine::Parts { cheap, refinement, cost: 0.99, temperature: 1.2 }
}

#[test]
fn refinement_equals_onnx_runtime() {
    let model = refinement().compose(0.9, BTreeMap::new()).unwrap();
    equals_onnx_runtime(&model, "refine-fashion", "fashion-mnist");
}

/// Unsure rows are refined only while the budget affords it.
#[test]
fn a_short_budget_stops_refinement() {
    let model = refinement().compose(0.9, BTreeMap::new()).unwrap();
    let program = Arc::new(Program::load("refine", &encode(&model)).unwrap());
    let inputs = inputs("fashion-mnist");
    let refined = |budget: f32| {
        let knobs = Knobs::new().with("threshold", 2.0).with("budget", budget);
        let outcome = Session::new(program.clone()).run(&inputs, &knobs).unwrap();
        let rows = &outcome.trace.rows;
        rows.iter().filter(|row| program.path_label(row.path) == "full").count()
    };
    assert_eq!((refined(1.0), refined(0.99), refined(0.98)), (ROWS, ROWS, 0));
}

/// Strategies nest, since they are graphs: here the dear contender of a cascade leaves early itself.
#[test]
fn a_routed_model_is_a_part_like_any_other() {
    let confidence = Confidence::default();
    let exits = early_exit::compose(&stages("fashion"), &confidence, 0.8, BTreeMap::new()).unwrap();
    let full = Component::new("exits", exits.clone()).unwrap();
    let parts = dendritic::Parts { full, light: fashion("light"), gate: fashion("gate") };
    let nested = dendritic::compose(&parts, 0.1, BTreeMap::new()).unwrap();
    let load = |model: &ModelProto| Arc::new(Program::load("nested", &encode(model)).unwrap());
    let (nested, exits) = (load(&nested), load(&exits));
    assert_eq!((nested.gates().len(), nested.paths().unwrap().len()), (3, 4));
    let inputs = inputs("fashion-mnist");
    let run = |program: &Arc<Program>, knobs: &Knobs| {
        Session::new(program.clone()).run(&inputs, knobs).unwrap()
    };
    // All rows to the dear contender: it is the early-exit network, row by row and exit by exit.
    let (own, alone) = (
        run(&nested, &Knobs::new().with("threshold", 0.0)),
        run(&exits, &Knobs::new().with("threshold", 0.8)),
    );
    assert_eq!(own.first().unwrap(), alone.first().unwrap());
    // In the middle every path is taken by some row.
    let middle = run(&nested, &Knobs::new().with("threshold", 0.02));
    let taken: BTreeSet<_> = middle.trace.rows.iter().map(|row| row.path).collect();
    assert!(taken.len() >= 3, "{taken:?}");
}

/// At its ends early exit is the first head and the whole network, which cost what is charged.
fn early_exit_has_its_ends(data: &str) {
    let stages = stages(data);
    let load = |model: &ModelProto| Arc::new(Program::load(data, &encode(model)).unwrap());
    let routed =
        early_exit::compose(&stages, &Confidence::default(), 0.9, BTreeMap::new()).unwrap();
    let (routed, full) = (load(&routed), load(&stages.full().unwrap()));
    let light = load(&stages.up_to_head(0).unwrap());
    let inputs = inputs(if data == "mnist" { data } else { "fashion-mnist" });
    let alone = |program: &Arc<Program>| {
        let outcome = Session::new(program.clone()).run(&inputs, &Knobs::new()).unwrap();
        (outcome.first().unwrap(), outcome.trace.total_macs())
    };
    let mut last = 0.0;
    for threshold in [0.0, 0.5, 0.9, 0.99, 2.0] {
        let knobs = Knobs::new().with("threshold", threshold);
        let outcome = Session::new(routed.clone()).run(&inputs, &knobs).unwrap();
        let macs = outcome.trace.total_macs().0;
        assert!(macs >= last, "{data}: cost falls at {threshold}");
        last = macs;
        let label = |row: usize| routed.path_label(outcome.trace.rows[row].path);
        if threshold == 0.0 {
            assert_eq!(outcome.first().unwrap(), alone(&light).0, "{data}");
            assert!((0..ROWS).all(|row| label(row) == "exit1"));
        }
        if threshold == 2.0 {
            assert_close(&outcome.first().unwrap(), &alone(&full).0, data);
            assert!((0..ROWS).all(|row| label(row) == "full"));
            assert!(macs > alone(&full).1.0, "the heads that are passed cost something");
        }
    }
}

#[test]
fn early_exit_of_digits_ends_at_the_first_head_and_at_the_whole_network() {
    early_exit_has_its_ends("mnist");
}

#[test]
fn early_exit_of_garments_ends_at_the_first_head_and_at_the_whole_network() {
    early_exit_has_its_ends("fashion");
}

/// What stands before the first head without one of its own is joined to the stage that has it.
#[test]
fn a_trunk_belongs_to_the_first_stage() {
    let mut trunk = GraphBuilder::new("trunk", OPSET);
    let shape = [Size::Rows, Size::Fixed(1), Size::Fixed(28), Size::Fixed(28)];
    let raw = trunk.input("raw", &shape).unwrap();
    let scale = trunk.constant("scale", &[1], &[1.0 / 255.0]).unwrap();
    trunk.node("Mul", "x", &[&raw, &scale]).unwrap();
    trunk.output("x", &shape).unwrap();
    let trunk = Component::new("trunk", trunk.into_model(&Metadata::default()).unwrap()).unwrap();
    let with_trunk = Stages::new([vec![trunk], parts("mnist")].concat()).unwrap();
    assert_eq!(with_trunk.heads(), 2);
    let run = |stages: &Stages, inputs: &Batch| {
        let model =
            early_exit::compose(stages, &Confidence::default(), 0.9, BTreeMap::new()).unwrap();
        let program = Arc::new(Program::load("trunk", &encode(&model)).unwrap());
        Session::new(program).run(inputs, &Knobs::new()).unwrap()
    };
    let x = inputs("mnist");
    let pixels = to_array::<f32>(x.get("x").unwrap()).unwrap() * 255.0;
    let (own, plain) =
        (run(&with_trunk, &Batch::new().with("raw", pixels)), run(&stages("mnist"), &x));
    assert_close(&own.first().unwrap(), &plain.first().unwrap(), "with a trunk");
    let paths = |outcome: &Outcome| outcome.trace.rows.iter().map(|r| r.path).collect::<Vec<_>>();
    assert_eq!(paths(&own), paths(&plain));
}

#[test]
fn stages_without_their_heads_are_refused() {
    let part = |file: &str| Component::decode(file, &common::read(file)).unwrap();
    let fault = |files: &[&str]| {
        Stages::new(files.iter().map(|f| part(f)).collect()).unwrap_err().to_string()
    };
    assert!(fault(&["models/mnist/stage1.onnx"]).contains("two stages"));
    let text = fault(&["models/fashion/full.onnx", "models/mnist/stage3.onnx"]);
    assert!(text.contains("fashion/full.onnx") && text.contains("`logits1`"), "{text}");
}

/// At its ends the routed model is the light and the full model, to the bit.
#[test]
fn the_ends_are_the_components_to_the_bit() {
    let [full, light] = ["full", "light"].map(|part| {
        let file = format!("models/fashion/{part}.onnx");
        Arc::new(Program::load(&file, &common::read(&file)).unwrap())
    });
    let routed =
        Arc::new(Program::load("routed.onnx", &encode(&common::dendritic_fashion(0.5))).unwrap());
    let inputs = inputs("fashion-mnist");
    for (threshold, alone) in [(2.0, light), (0.0, full)] {
        let knobs = Knobs::new().with("threshold", threshold);
        let ours = Session::new(routed.clone()).run(&inputs, &knobs).unwrap();
        let alone = Session::new(alone).run(&inputs, &Knobs::new()).unwrap();
        assert_eq!(ours.first().unwrap(), alone.output("logits").unwrap(), "at {threshold}");
    }
}
