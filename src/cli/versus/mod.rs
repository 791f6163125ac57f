//! `versus`: models here and in ONNX Runtime, on the same inputs, in turns.
//!
//! A *round* is one sample of each engine; a sample is enough runs to last [`SAMPLE`]. The order is reversed in every other
//! round, and only times of the same round are compared. Outputs must be equal before anything is timed.

mod cases;
mod contest;
mod onnxruntime;
mod row;

use std::path::PathBuf;

use crate::units::Seconds;
use crate::{Error, ErrorKind, Result};

use super::io::say;

pub use cases::{Case, SHIPPED, Shipped};
pub use contest::compare;
pub use onnxruntime::{OnnxRuntime, installed, python};
pub use row::{HEADER, Row, agree};

/// Shortest sample of an engine.
pub const SAMPLE: Seconds = Seconds(0.05);
/// Rounds unless others are asked for.
pub const ROUNDS: usize = 15;

/// Which models to time, and how often.
#[derive(clap::Args)]
pub struct VersusArguments {
    /// An ONNX file of your own, instead of those in this repository; `--inputs` follows it.
    #[arg(long)]
    model: Vec<PathBuf>,
    /// Inputs for it: an .npz, .npy or .csv file, or a folder of pictures. All rows are one batch.
    #[arg(long)]
    inputs: Vec<PathBuf>,
    /// Of this repository's models, those with this text in their name.
    #[arg(long, conflicts_with = "model")]
    only: Option<String>,
    /// Rounds for each model.
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
}

/// Times models here and in ONNX Runtime and prints a line for each number of threads that it takes.
pub fn versus(arguments: VersusArguments) -> Result<()> {
    let VersusArguments { model, inputs, only, rounds } = arguments;
    if model.len() != inputs.len() {
        let text = "give one --inputs for each --model";
        return Err(Error::new(ErrorKind::Config, text));
    }
    let python = python()?;
    let chosen: Vec<&Shipped> = match &only {
        _ if !model.is_empty() => vec![],
        Some(text) => SHIPPED.iter().filter(|shipped| shipped.name.contains(text)).collect(),
        None => SHIPPED.iter().collect(),
    };
    if model.is_empty() && chosen.is_empty() {
        let names: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
        let text = format!("no model has this in its name; there are {}", names.join(", "));
        return Err(Error::new(ErrorKind::Config, text).at("--only"));
    }
    let own = model.iter().zip(&inputs).map(|(model, inputs)| Case::read(model, inputs));
    say!("{HEADER}");
    for case in own.chain(chosen.into_iter().map(Shipped::open)) {
        for row in compare(&python, &case?, rounds)? {
            say!("{row}");
        }
    }
    Ok(())
}
