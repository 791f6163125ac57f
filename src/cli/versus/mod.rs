//! `versus`: times models in this engine and in ONNX Runtime, on the same inputs.
//!
//! A *round* is one sample of each engine; a sample is enough runs to last [`SAMPLE`]. The order is reversed in every other
//! round, and only times of the same round are compared. Outputs must be equal before anything is timed.

mod cases;
mod onnxruntime;
mod rounds;
mod row;

use std::path::PathBuf;

use crate::units::Seconds;
use crate::{Error, ErrorKind, Result};

use super::io::say;

pub use cases::{Case, SHIPPED, Shipped};
pub use onnxruntime::{OnnxRuntime, peers_folder, python};
pub use rounds::compare;
pub use row::{HEADER, Row, agree, agree_in_eight_bits};

/// Shortest duration of a sample.
pub const SAMPLE: Seconds = Seconds(0.05);
/// Default number of rounds.
pub const ROUNDS: usize = 15;

/// Which models to time, and how often.
#[derive(clap::Args)]
pub struct VersusArguments {
    /// An ONNX file to time instead of the shipped models. Each needs its `--inputs`.
    #[arg(long)]
    model: Vec<PathBuf>,
    /// Its inputs: an .npz, .npy or .csv file, or a folder of pictures. All rows form one batch.
    #[arg(long)]
    inputs: Vec<PathBuf>,
    /// Time only the shipped models whose name contains this text.
    #[arg(long, conflicts_with = "model")]
    only: Option<String>,
    /// Rounds per model.
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
}

/// Prints two lines a model: against one thread of ONNX Runtime, and against as many as it uses by default.
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
        let text = format!("no shipped model matches; their names are {}", names.join(", "));
        return Err(
            Error::new(ErrorKind::Config, text).at(format!("--only {}", only.unwrap_or_default()))
        );
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
