//! A routed file in two: device and server together answer as the whole file does.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Arc;

use ndarray::ArrayD;
use perforate::Named;
use perforate::data::{images, npz};
use perforate::engine::{Batch, Knobs, Program, Session, to_array};
use perforate::onnx::{Component, Half, Side, encode};
use perforate::routing::exits::{Confidence, Stages};
use perforate::routing::pool::compose::Pool;
use perforate::routing::split::{Answer, Pair, Sends, Splitter, gate_names};
use perforate::strategies::{battery, early_exit, experts, refine};
use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value;

use crate::common;

/// Rows of a comparison; `PERFORATE_SPLIT_ROWS` sets another number.
const ROWS: usize = 200;

fn part(file: &str) -> Component {
    Component::decode(file, &common::read(format!("models/{file}.onnx"))).unwrap()
}

fn early_exit_mnist() -> ModelProto {
    let stages = ["mnist/stage1", "mnist/stage2", "mnist/stage3"].map(part).into();
    let stages = Stages::new(stages).unwrap();
    early_exit::compose(&stages, &Confidence::default(), 0.99, BTreeMap::new()).unwrap()
}

fn pool_fashion() -> ModelProto {
    let models = ["fashion/light", "fashion/static-s", "fashion/full"].map(part).into();
    let pool = Pool { models, judges: part("fashion/judges") };
    pool.compose("pool", 0.99, BTreeMap::new()).unwrap()
}

/// A file, its program, and test images for it.
struct Case {
    component: Component,
    program: Arc<Program>,
    inputs: Batch,
}

impl Case {
    fn new(name: &str, model: &ModelProto, data: &str) -> Case {
        let bytes = encode(model);
        let program = Arc::new(Program::load(name, &bytes).unwrap());
        let file = format!("models/data/{data}/t10k-images-idx3-ubyte.gz");
        let all = images::read_images(&file, &common::read(&file)).unwrap();
        let rows = std::env::var("PERFORATE_SPLIT_ROWS").ok().and_then(|rows| rows.parse().ok());
        let inputs = Batch::new().with("x", all).slice(0..rows.unwrap_or(ROWS)).unwrap();
        Case { component: Component::decode(name, &bytes).unwrap(), program, inputs }
    }

    fn splitter(&self, gate: &str) -> Splitter<'_> {
        Splitter::new(&self.component, &self.program, Some(gate)).unwrap()
    }

    /// What both halves give, each read back from its bytes, and what they say of each other.
    fn answer(&self, gate: &str, sends: Sends, size: usize, knobs: &Knobs) -> (Answer, Half) {
        let halves = self.splitter(gate).split(sends).unwrap();
        let load = |name: &str, model: &ModelProto| {
            Arc::new(Program::load(name, &encode(model)).unwrap_or_else(|e| panic!("{e}")))
        };
        let (device, server) =
            (load("device.onnx", &halves.device), load("server.onnx", &halves.server));
        let half = device.metadata().half.clone().unwrap();
        assert_eq!((half.side, &half.gate), (Side::Device, &gate.to_string()));
        assert_eq!(
            server.metadata().half.clone(),
            Some(Half { side: Side::Server, ..half.clone() })
        );
        let mut pair = Pair::new(device, server).unwrap();
        let mut all: Option<Answer> = None;
        for from in (0..self.inputs.rows()).step_by(size) {
            let rows = from..(from + size).min(self.inputs.rows());
            let own = pair.run(&self.inputs.slice(rows).unwrap(), knobs).unwrap();
            match &mut all {
                None => all = Some(own),
                Some(all) => {
                    all.answered.extend(own.answered);
                    for (name, array) in &mut all.outputs {
                        array.append(ndarray::Axis(0), own.outputs[name].view()).unwrap();
                    }
                }
            }
        }
        (all.unwrap(), half)
    }

    fn whole(&self, size: usize, knobs: &Knobs) -> ArrayD<f32> {
        let mut session = Session::new(self.program.clone());
        let starts = (0..self.inputs.rows()).step_by(size);
        let parts: Vec<ArrayD<f32>> = starts
            .map(|from| {
                let rows = from..(from + size).min(self.inputs.rows());
                session.run(&self.inputs.slice(rows).unwrap(), knobs).unwrap().first().unwrap()
            })
            .collect();
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        ndarray::concatenate(ndarray::Axis(0), &views).unwrap()
    }

    /// At every gate, with features and with inputs: equal to the bit. Returns the share answered on the device.
    #[track_caller]
    fn is_kept(&self) -> Vec<f64> {
        let mut shares = vec![];
        for gate in gate_names(&self.program) {
            for size in [1, 32] {
                let knobs = Knobs::new();
                let whole = self.whole(size, &knobs);
                for sends in [Sends::Features, Sends::Input] {
                    if self.splitter(gate).check(sends).is_err() {
                        continue;
                    }
                    let (both, half) = self.answer(gate, sends, size, &knobs);
                    assert_eq!(half.answers, ["logits"]);
                    let name = format!(
                        "{} at {gate}, {}, batches of {size}",
                        self.program.name(),
                        sends.name()
                    );
                    let apart = both.outputs["logits"]
                        .iter()
                        .zip(&whole)
                        .filter(|(a, b)| a.to_bits() != b.to_bits());
                    assert_eq!(apart.count(), 0, "{name}");
                    let share = both.answered.iter().filter(|done| **done).count() as f64
                        / both.answered.len() as f64;
                    println!(
                        "{name}: {:.1} % answered on the device, {:?} bytes a row",
                        100.0 * share,
                        half.bytes
                    );
                    shares.push(share);
                }
            }
        }
        shares
    }
}

/// Texts of different lengths, made up of numbers of words: sizes of a tensor that the file leaves open.
#[test]
fn a_transformer_splits_where_the_length_of_a_text_is_open() {
    const LENGTH: usize = 12;
    let names = ["embed", "layer1", "layer2", "layer3", "layer4", "layer5", "layer6"];
    let stages = names.map(|name| part(&format!("sentences/{name}"))).into();
    let stages = Stages::new(stages).unwrap();
    let model = early_exit::compose(&stages, &Confidence::default(), 0.9, BTreeMap::new()).unwrap();
    let bytes = encode(&model);
    let program = Arc::new(Program::load("sentences", &bytes).unwrap());
    let word = |row: usize, place: usize| match place < 4 + row % 9 {
        true => 1 + (7919 * row + 104_729 * place) as i64 % 8000,
        false => 0,
    };
    let ids = ArrayD::from_shape_fn(vec![24, LENGTH], |at| word(at[0], at[1]));
    let mask = ids.mapv(|id| if id > 0 { 1.0f32 } else { 0.0 });
    let inputs = Batch::new().with("ids", ids).with("mask", mask);
    let case = Case { component: Component::decode("sentences", &bytes).unwrap(), program, inputs };
    let splitter = case.splitter("gate1");
    assert_eq!((splitter.bytes(Sends::Features), splitter.smallest_exact()), (None, Sends::Input));
    // A name of its own would hide from the server that features and mask are of one length.
    let server = splitter.split(Sends::Features).unwrap().server;
    let inputs = &server.graph.as_ref().unwrap().input;
    let sizes = |name: &str| {
        let input = inputs.iter().find(|input| input.name == name).unwrap();
        let Some(Value::TensorType(tensor)) = input.r#type.as_ref().unwrap().value.as_ref() else {
            panic!("{name} is no tensor")
        };
        let dims = tensor.shape.as_ref().unwrap().dim.iter().map(|dim| dim.value.clone());
        dims.map(|dim| {
            dim.map(|dim| match dim {
                Dim::DimParam(name) => name,
                Dim::DimValue(size) => size.to_string(),
            })
            .unwrap_or_default()
        })
        .collect::<Vec<String>>()
    };
    assert_eq!(
        (&sizes("features")[..2], sizes("mask")),
        (&["N", "L"].map(String::from)[..], vec!["N".into(), "L".into()])
    );
    for gate in ["gate1", "gate2"] {
        for sends in [Sends::Features, Sends::Input] {
            if gate == "gate2" && sends == Sends::Features {
                let text = case.splitter(gate).check(sends).unwrap_err().to_string();
                assert!(text.contains("open") && text.contains("send the input"), "{text}");
                continue;
            }
            let (both, _) = case.answer(gate, sends, 24, &Knobs::new());
            assert_eq!(both.outputs["logits"], case.whole(24, &Knobs::new()), "{gate}");
            assert!(both.answered.iter().any(|done| !done), "{gate}");
        }
    }
}

#[track_caller]
fn some_but_not_all(shares: &[f64]) {
    assert!(
        !shares.is_empty() && shares.iter().all(|share| (0.05..0.999).contains(share)),
        "{shares:?}"
    );
}

#[test]
fn early_exits_split_at_either_gate() {
    let case = Case::new("early-exit", &early_exit_mnist(), "mnist");
    assert_eq!(gate_names(&case.program), ["gate1", "gate2"]);
    some_but_not_all(&case.is_kept());
}

#[test]
fn a_dendritic_router_sends_its_input() {
    let case = Case::new("dendritic", &common::dendritic_fashion(0.2), "fashion-mnist");
    let splitter = case.splitter("gate");
    assert_eq!(
        (splitter.bytes(Sends::Input), splitter.smallest_exact()),
        (Some(3136), Sends::Input)
    );
    let text = splitter.split(Sends::Features).unwrap_err().to_string();
    assert!(text.contains("dendritic") && text.contains("send the input"), "{text}");
    some_but_not_all(&case.is_kept());
}

#[test]
fn a_pool_splits_at_any_judge() {
    let case = Case::new("pool", &pool_fashion(), "fashion-mnist");
    some_but_not_all(&case.is_kept());
}

#[test]
fn a_refinement_and_experts_split() {
    let parts = refine::Parts {
        cheap: part("fashion/cheap"),
        refinement: part("fashion/refinement"),
        cost: 0.99,
        temperature: 1.2,
    };
    let case = Case::new("refine", &parts.compose(0.9, BTreeMap::new()).unwrap(), "fashion-mnist");
    some_but_not_all(&case.is_kept());
    let all = ["fashion/light", "fashion/static-s", "fashion/full"].map(part).into();
    let parts = experts::Parts { experts: all, gate: part("fashion/experts-gate") };
    let model = experts::compose(&parts, 0.01, BTreeMap::new()).unwrap();
    some_but_not_all(&Case::new("experts", &model, "fashion-mnist").is_kept());
}

/// Eight bits change the numbers, and hardly an answer.
#[test]
fn features_in_eight_bits_are_a_quarter_and_keep_nearly_every_answer() {
    let case = Case::new("early-exit", &early_exit_mnist(), "mnist");
    for gate in ["gate1", "gate2"] {
        let splitter = case.splitter(gate);
        let [features, small] =
            [Sends::Features, Sends::EightBits].map(|s| splitter.bytes(s).unwrap());
        assert_eq!(small, features / 4 + 8);
        let (whole, knobs) = (case.whole(32, &Knobs::new()), Knobs::new());
        let (both, half) = case.answer(gate, Sends::EightBits, 32, &knobs);
        assert_eq!((half.sent.len(), half.bytes), (3, Some(small)));
        let most = |row: ndarray::ArrayViewD<f32>| {
            row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(ix, _)| ix)
        };
        let logits = &both.outputs["logits"];
        let rows = logits.outer_iter().zip(whole.outer_iter());
        let same = rows.filter(|(own, whole)| most(own.view()) == most(whole.view())).count();
        let open = both.answered.iter().filter(|done| !**done).count();
        println!(
            "{gate}: {same} of {} answers are the same, {open} rows were sent",
            whole.shape()[0]
        );
        assert!(open > 0 && same + open.div_ceil(10) >= whole.shape()[0], "{same}");
        assert!(*logits != whole, "eight bits round");
    }
}

/// Both halves read the knob, and follow it as the whole file does.
#[test]
fn a_knob_moves_both_halves() {
    let case = Case::new("early-exit", &early_exit_mnist(), "mnist");
    for (threshold, share) in [(0.0, 1.0), (2.0, 0.0)] {
        let knobs = Knobs::new().with("threshold", threshold);
        let whole = case.whole(32, &knobs);
        let (both, _) = case.answer("gate1", Sends::Features, 32, &knobs);
        assert_eq!(both.outputs["logits"], whole);
        let done = both.answered.iter().filter(|done| **done).count() as f64;
        assert_eq!(done / both.answered.len() as f64, share);
    }
}

#[test]
fn a_gate_that_is_missing_or_wrong_is_answered_with_those_that_there_are() {
    let case = Case::new("routed.onnx", &early_exit_mnist(), "mnist");
    let fault = |case: &Case, name: Option<&str>| {
        Splitter::new(&case.component, &case.program, name).unwrap_err().to_string()
    };
    for (name, words) in [(None, "say at which gate"), (Some("gate9"), "`gate9`")] {
        let text = fault(&case, name);
        assert!(text.starts_with("routed.onnx") && text.contains(words), "{text}");
        assert!(text.contains("`gate1`, `gate2`"), "{text}");
    }
    let pool =
        ["light", "pruned-int8", "full-int8", "full"].map(|name| part(&format!("fashion/{name}")));
    let model = battery::compose(&pool, &[0.02, 0.08, 1.0], 0.5, BTreeMap::new()).unwrap();
    let text = fault(&Case::new("battery.onnx", &model, "fashion-mnist"), Some("gate1"));
    assert!(text.contains("no gate in it looks at the rows"), "{text}");
}

fn perforate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perforate")).args(arguments).output().unwrap()
}

/// The command line writes both files, says what passes between them, and measures it.
#[test]
fn the_command_line_splits_and_measures() {
    let case = Case::new("early-exit", &early_exit_mnist(), "mnist");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [file, inputs, out] = ["routed.onnx", "x.npz", "halves"].map(path);
    std::fs::write(&file, encode(case.component.model())).unwrap();
    let some = case.inputs.slice(0..60).unwrap();
    let images = to_array::<f32>(some.get("x").unwrap()).unwrap();
    std::fs::write(&inputs, npz::write(&[("x", &images)]).unwrap()).unwrap();

    let split = ["split", &file, "--gate", "gate1", "--out", &out, "--send", "features"];
    let measured = ["--inputs", &inputs, "--round-trip", "100ms", "--bandwidth", "1Mbit/s"];
    let output = perforate(&[&split[..], &measured].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    for words in [
        "features     12,544 bytes per row that the device has not answered ← sent",
        "input        3,136 bytes",
        "gives logits, score, answered, features",
        "round trip 100 ms, 1.000 Mbit/s",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // Whoever sends everything waits for the round trip and for 3,136 bytes.
    let last = text.lines().find(|line| line.starts_with("all inputs")).unwrap();
    assert!(last.contains("0.0\u{a0}%") && last.contains("125 ms"), "{last}");
    let load = |name: &str| {
        let file = format!("{out}/{name}.onnx");
        Arc::new(Program::load(&file, &std::fs::read(&file).unwrap()).unwrap())
    };
    let both =
        Pair::new(load("device"), load("server")).unwrap().run(&some, &Knobs::new()).unwrap();
    let whole = case.whole(200, &Knobs::new());
    assert_eq!(both.outputs["logits"], whole.slice_axis(ndarray::Axis(0), (0..60).into()));

    let output = perforate(&["split", &file]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(2), 1), "{text}");
    assert!(text.contains("`gate1`, `gate2`"), "{text}");
}
