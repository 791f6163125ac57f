//! Composes an early exit: three stages of one network, each with a head, become one file with two gates. A row whose
//! head is confident enough leaves there.
//!
//! `cargo run --release --example compose -- routed.onnx`

use std::collections::BTreeMap;
use std::error::Error;

use perforate::Model;
use perforate::onnx::encode;
use perforate::routing::exits::{self, Confidence, Stages};

pub mod mnist;

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args().nth(1).ok_or("say where to write the routed model: routed.onnx")?;
    let file = compose(&mnist::stages()?, 0.9)?;
    std::fs::write(&out, &file)?;
    println!("{out}: {} bytes", file.len());
    for (path, cost) in paths(&Model::open(&out)?) {
        println!("  {path:<8}{cost} a row");
    }
    Ok(())
}

/// The routed file; `threshold` is the default of its knob: the largest probability at which a row may leave.
pub fn compose(stages: &Stages, threshold: f32) -> Result<Vec<u8>, Box<dyn Error>> {
    let provenance = BTreeMap::from([("stages".into(), "models/mnist/stage*.onnx".into())]);
    let names = exits::exit_names(stages);
    let named = ("early_exit", &names[..]);
    let routed = exits::compose(stages, &Confidence::default(), named, threshold, provenance)?;
    Ok(encode(&routed))
}

/// The paths of a model and what a row costs on each.
pub fn paths(model: &Model) -> Vec<(String, String)> {
    let program = model.program();
    let cost = |path| program.work(path).map_or("depends".into(), |work| work.macs.to_string());
    program
        .paths()
        .unwrap_or_default()
        .into_iter()
        .map(|path| (program.path_label(path), cost(path)))
        .collect()
}
