//! The same routed file in ONNX Runtime and here: equal outputs, equal paths.
//!
//! The goldens are written by `tests/onnxruntime/goldens.py`, which says how.

mod common;

use std::path::Path;
use std::sync::Arc;

use ndarray::{ArrayD, Axis};
use perforate::data::{images, npz};
use perforate::engine::{Batch, Knobs, Order, Path as Taken, Program, Session, to_array};
use perforate::onnx::encode;

const ROWS: usize = 256;

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

/// The first test images.
fn inputs() -> Batch {
    let file = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let all = images::read_images(file, &common::read(Path::new(file))).unwrap();
    Batch::new().with("x", all).slice(0..ROWS).unwrap()
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
fn compare(program: &Arc<Program>, golden: &Golden, size: usize, order: Order) {
    let inputs = inputs();
    let mut session = Session::new(program.clone());
    (0..program.segments().len()).for_each(|ix| session.set_order(ix, order));
    for (setting, knobs) in golden.knob.as_slice().unwrap().chunks(ROWS).enumerate() {
        let knob = Knobs::new().with("threshold", knobs[0]);
        for from in (0..ROWS).step_by(size) {
            let rows = from..(from + size).min(ROWS);
            let what = format!("threshold {}, rows {rows:?}, {order:?}", knobs[0]);
            let outcome = session.run(&inputs.slice(rows.clone()).unwrap(), &knob).unwrap();
            let at = |row: usize| setting * ROWS + row;
            let span = ndarray::Slice::from(at(rows.start)..at(rows.end));
            let theirs = golden.output.slice_axis(Axis(0), span).to_owned();
            assert_close(&outcome.first().unwrap(), &theirs, &what);
            for (row, trace) in rows.zip(&outcome.trace.rows) {
                let theirs = golden.taken[[at(row), 0]] != 0.0;
                assert_eq!(trace.path, Taken::default().through(0, theirs), "{what}, row {row}");
            }
        }
    }
}

#[test]
fn dendritic_fashion_equals_onnx_runtime_in_every_batch_size() {
    let golden = golden("dendritic-fashion");
    let thresholds: Vec<f32> = golden.knob.iter().copied().step_by(ROWS).collect();
    assert_eq!(thresholds.len(), 3, "never, middle and always");
    let share = |setting: usize| {
        golden.taken.iter().skip(setting * ROWS).take(ROWS).sum::<f32>() / ROWS as f32
    };
    assert_eq!((share(0), share(2)), (0.0, 1.0));
    assert!(share(1) > 0.05 && share(1) < 0.95, "the middle is one-sided: {}", share(1));

    let model = common::dendritic_fashion(0.5);
    let program = Arc::new(Program::load("routed.onnx", &encode(&model)).unwrap());
    for size in [1, 7, 32] {
        for order in [Order::RowByRow, Order::Compacted] {
            compare(&program, &golden, size, order);
        }
    }
}

/// At its ends the routed model is the light and the full model, to the bit.
#[test]
fn the_ends_are_the_components_to_the_bit() {
    let [full, light] = ["full", "light"].map(|part| {
        let file = format!("models/fashion-{part}.onnx");
        Arc::new(Program::load(&file, &common::read(&file)).unwrap())
    });
    let routed =
        Arc::new(Program::load("routed.onnx", &encode(&common::dendritic_fashion(0.5))).unwrap());
    let inputs = inputs();
    for (threshold, alone) in [(2.0, light), (0.0, full)] {
        let knobs = Knobs::new().with("threshold", threshold);
        let ours = Session::new(routed.clone()).run(&inputs, &knobs).unwrap();
        let alone = Session::new(alone).run(&inputs, &Knobs::new()).unwrap();
        assert_eq!(ours.first().unwrap(), alone.output("logits").unwrap(), "at {threshold}");
    }
}
