//! The process in which cases run: it may break, and another one goes on.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use perforate::data::npz;
use perforate::engine::{Batch, Program, Session};
use perforate::ndarray::{ArrayD, IxDyn};
use perforate::onnx::{Component, deciding_inputs};
use perforate::routing::search::survey;
use perforate::{Error, Result};
use prost::Message;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value;

use super::bytes::{FLOATS, one, whole};
use super::cases::{Case, case};
use super::{Assignment, MARK, data};

/// The stack of a main thread.
const STACK: usize = 8 << 20;
/// Elements of an input, at most.
const MOST: usize = 1 << 16;

/// Runs the cases that the environment names, each between two lines.
pub fn work(assignment: &Assignment) {
    let assignment = assignment.clone();
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let folder = tempfile::tempdir().expect("a folder");
        let Assignment { kind, seed, first, step, end } = assignment;
        for number in (first..end).step_by(step as usize) {
            say(&format!("begin {number}"));
            say(&format!("end {number} {}", verdict(case(kind, seed, number), folder.path())));
        }
    });
    thread.expect("a thread").join().expect("panics are caught");
}

fn say(text: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{MARK}{text}").and_then(|()| out.flush()).expect("the parent reads");
}

/// One word, and a sentence if it is a fault.
fn verdict(case: Case, folder: &Path) -> String {
    let work = std::panic::AssertUnwindSafe(|| match case.format {
        Some(format) => data::read(format, &case.bytes, folder),
        None => run(&case.bytes, case.rng),
    });
    match std::panic::catch_unwind(work) {
        Ok(Ok(())) => "ok".into(),
        Ok(Err(error)) => said(&error),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            format!("panic {}", perforate::error::one_line(text.unwrap_or_default()))
        }
    }
}

/// A fault of the user's is one sentence.
fn said(error: &Error) -> String {
    let text = error.to_string();
    if error.is_users() && !text.trim().is_empty() && !text.chars().any(char::is_control) {
        return "refused".into();
    }
    format!("fault {}", text.escape_debug())
}

/// Loads a model, looks at it and runs it, as `perforate inspect` and `perforate run` do.
fn run(bytes: &[u8], mut rng: ChaCha8Rng) -> Result<()> {
    let values = |rng: &mut ChaCha8Rng| deciding(bytes, rng);
    let program = match rng.random_bool(0.3) {
        true => Program::load_given("case.onnx", bytes, || Ok(values(&mut rng)))?,
        false => Program::load("case.onnx", bytes)?,
    };
    let program = Arc::new(program);
    let component = Component::decode("case.onnx", bytes)?;
    std::hint::black_box(survey(&component, &program).lines());
    let Some(batch) = inputs(&program, &mut rng) else { return Ok(()) };
    let outcome = Session::new(program.clone()).run(&batch, &program.neutral_knobs())?;
    let names = program.outputs().iter();
    let outputs =
        names.map(|name| Ok((name.as_str(), outcome.output(name)?))).collect::<Result<Vec<_>>>()?;
    let arrays: Vec<_> = outputs.iter().map(|(name, array)| (*name, array)).collect();
    npz::write(&arrays).map(drop)
}

/// Values for the inputs that decide on sizes.
fn deciding(bytes: &[u8], rng: &mut ChaCha8Rng) -> Batch {
    let Ok(model) = ModelProto::decode(bytes) else { return Batch::new() };
    let graph = model.graph.clone().unwrap_or_default();
    let wanted = deciding_inputs(&model);
    let infos = graph.input.iter().filter(|input| wanted.contains(&input.name));
    infos.fold(Batch::new(), |batch, info| {
        let value = info.r#type.as_ref().and_then(|of| of.value.as_ref());
        let dims = value.and_then(|Value::TensorType(tensor)| tensor.shape.as_ref());
        let sizes = dims.iter().flat_map(|shape| &shape.dim).map(|dim| match dim.value {
            Some(Dim::DimValue(size)) => size.clamp(0, 8) as usize,
            _ => 2,
        });
        let shape = IxDyn(&sizes.collect::<Vec<_>>());
        batch.with(&info.name, ArrayD::from_shape_simple_fn(shape, || integer(rng)))
    })
}

fn integer(rng: &mut ChaCha8Rng) -> i64 {
    if rng.random_bool(0.8) { rng.random_range(0..4) } else { whole(rng) }
}

/// Inputs of two rows, or one where the file takes one alone; none if they would be large.
fn inputs(program: &Program, rng: &mut ChaCha8Rng) -> Option<Batch> {
    let rows = if program.is_one_row() { 1 } else { 2 };
    let mut batch = Batch::new();
    for input in program.inputs() {
        let own = input.row_shape.iter().map(|size| size.unwrap_or(3));
        let front = (!program.is_whole()).then_some(rows);
        let shape: Vec<usize> = front.into_iter().chain(own).collect();
        let count = shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size));
        if count.is_none_or(|count| count > MOST) {
            return None;
        }
        let shape = IxDyn(&shape);
        batch = if input.datum_type.is_float() {
            let odd = rng.random_bool(0.1);
            let mut value = || if odd { one(rng, &FLOATS) } else { rng.random_range(-1.0..1.0) };
            batch.with(&input.name, ArrayD::from_shape_simple_fn(shape, &mut value))
        } else {
            batch.with(&input.name, ArrayD::from_shape_simple_fn(shape, || integer(rng)))
        };
    }
    Some(batch)
}
