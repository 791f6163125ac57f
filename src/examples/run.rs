//! Runs a routed model on the rows of a NumPy file or a CSV table, and prints the path and the operations of each row.
//!
//! `cargo run --release --example run -- routed.onnx inputs.npz [threshold]`
//!
//! `cargo run --release --example compose -- routed.onnx` makes a file to try it on.

use std::error::Error;
use std::path::Path;

use perforate::data::own;
use perforate::{Model, Predictions};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, inputs, threshold) = match arguments.as_slice() {
        [model, inputs] => (model, inputs, None),
        [model, inputs, threshold] => (model, inputs, Some(threshold.parse()?)),
        _ => return Err("say which: routed.onnx inputs.npz [threshold]".into()),
    };
    let run = run(Path::new(model), Path::new(inputs), threshold)?;
    for (row, taken) in run.rows().iter().enumerate() {
        println!("row {row}: {}, {}", taken.path, taken.macs);
    }
    println!("in all {}", run.macs());
    Ok(())
}

/// Runs the model file on the rows of a file of inputs; without a threshold, at the model's default.
pub fn run(
    model: &Path,
    inputs: &Path,
    threshold: Option<f32>,
) -> Result<Predictions, Box<dyn Error>> {
    let mut model = Model::open(model)?;
    for knob in model.knobs() {
        let default = knob.default.map_or("none".into(), |value| value.to_string());
        println!("knob `{}`, default {default}", knob.name);
    }
    // An array per input, by the input's name; other arrays than inputs and labels are refused.
    let name = inputs.display().to_string();
    let samples = own::read(&name, &std::fs::read(inputs)?, model.program(), false)?;
    Ok(model.run(samples.inputs(), threshold)?)
}
