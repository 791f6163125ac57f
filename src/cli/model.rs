//! `inspect` and `run`: a model by itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::units::Bytes;
use crate::{Error, ErrorKind, Result};
use perforate_base::Named;
use perforate_bench::threshold::Settings;
use perforate_data::pictures::Form;
use perforate_data::{npz, own};
use perforate_engine::{Batch, Knobs, Program};
use perforate_onnx::{Certificate, Component, certify, decode, encode, keep_scores};
use perforate_report::usage::{self, Language};
use perforate_routing::fit::calibrate::{Loss, RiskTarget};
use perforate_routing::fit::quantise::{self, Bits};
use perforate_routing::search::survey;

use super::io::{PictureArguments, named, read, read_inputs, say, write};

fn load(path: &Path) -> Result<Program> {
    Program::load(&path.display().to_string(), &read(path)?)
}

/// Shows what a model reads, gives and costs, where it can be cut, its segments, gates and knobs.
pub fn inspect(path: &Path) -> Result<()> {
    let (name, bytes) = (path.display().to_string(), read(path)?);
    let program = Program::load(&name, &bytes)?;
    for (term, text) in survey(&Component::decode(&name, &bytes)?, &program).lines() {
        say!("{:<12}{text}", term.to_lowercase());
    }
    for knob in program.knobs() {
        match knob.default {
            Some(default) => {
                let note =
                    if knob.is_required { "; other runtimes must be given a value" } else { "" };
                say!("knob    {} (default {default}{note})", knob.name);
            }
            None => say!("knob    {} (no default: it must be given)", knob.name),
        }
    }
    for segment in program.segments() {
        let macs = segment.macs.map_or("depends on sizes".into(), |m| m.to_string());
        say!(
            "segment {} {macs} {} parameters: {}",
            segment.name,
            segment.cost.parameters,
            segment.operators.join(" ")
        );
    }
    for gate in program.gates() {
        say!(
            "gate    {} then {} else {}, score {}",
            gate.name,
            gate.labels[0],
            gate.labels[1],
            gate.score.as_deref().unwrap_or("–")
        );
    }
    let uncosted = program.uncosted_operators();
    say!(
        "without a cost: {}",
        if uncosted.is_empty() { "none".into() } else { uncosted.join(", ") }
    );
    Ok(())
}

/// Runs a model on a NumPy file.
pub fn run(model: &Path, input: &Path, knobs: &[String], out: Option<PathBuf>) -> Result<()> {
    let values = knobs_of(knobs)?;
    let (path, name) = (model.display().to_string(), input.display().to_string());
    // Axes, sizes and the like must be known when the model is compiled.
    let known = || match input.extension().is_some_and(|kind| kind == "npz") {
        true => npz::read(&name, &read(input)?, "x"),
        false => Ok(Batch::new()),
    };
    let program = Arc::new(Program::load_given(&path, &read(model)?, known)?);
    let bytes = read_inputs(input, || Form::of(&program))?;
    let inputs = own::inputs(&name, &bytes, &program)?;
    let ran = perforate_lab::run::run(&program, &name, &inputs, &values)?;
    for (row, (path, macs)) in ran.rows.iter().enumerate() {
        say!("{row}\t{path}\t{macs}");
    }
    match out {
        Some(path) => write(&path, ran.to_npz()?),
        None => Ok(()),
    }
}

/// Knobs that are written as NAME=VALUE.
pub fn knobs_of(texts: &[String]) -> Result<Knobs> {
    texts.iter().try_fold(Knobs::new(), |knobs, text| {
        let parsed = text.split_once('=').and_then(|(n, v)| Some((n, v.parse::<f32>().ok()?)));
        let (name, value) = parsed.ok_or_else(|| {
            Error::new(ErrorKind::Knob, "write it as NAME=VALUE, with a number")
                .at(format!("--knob {text}"))
        })?;
        Ok(knobs.with(name, value))
    })
}

#[derive(clap::Args)]
/// How much may be lost, and how sure that must be.
pub struct Risk {
    /// Largest risk, in 0…1.
    #[arg(long, default_value_t = 0.01)]
    pub epsilon: f64,
    /// Probability that the guarantee fails, in 0…1.
    #[arg(long, default_value_t = 0.1)]
    pub delta: f64,
    /// What counts as a loss.
    #[arg(long, value_parser = named::<Loss>(), default_value = "disagreement")]
    pub loss: Loss,
}

impl Risk {
    fn target(&self) -> Result<RiskTarget> {
        RiskTarget::new(self.loss, self.epsilon, self.delta)
    }
}

/// Chooses the default of a routed model's knob on inputs, and writes the model with it.
pub fn calibrate(
    model: &Path,
    inputs: &Path,
    pictures: &PictureArguments,
    risk: &Risk,
    out: &Path,
) -> Result<()> {
    let target = risk.target()?;
    let program = Arc::new(load(model)?);
    let bytes = read_inputs(inputs, || pictures.form(&program))?;
    let numbers = program.metadata().tolerance.is_some();
    let samples = own::read(&inputs.display().to_string(), &bytes, &program, numbers)?;
    let settings = Settings::record(&program, &samples)?;
    let chosen = settings.choose(&target)?;
    let (knob, value) = &chosen.knob;
    let mut file = decode(&model.display().to_string(), &read(model)?)?;
    let certificate = Certificate {
        knob: knob.clone(),
        value: *value,
        loss: target.loss.name().into(),
        epsilon: target.epsilon,
        delta: target.delta,
        n: chosen.n,
    };
    certify(&mut file, certificate)?;
    keep_scores(&mut file, settings.score_histograms(*value))?;
    write(out, encode(&file))?;
    say!(
        "{knob} = {value}: risk ≤ {} with confidence {}, n = {}, p = {:.3}; {:.1} % of the operations",
        target.epsilon,
        1.0 - target.delta,
        chosen.n,
        chosen.p_value,
        100.0 * settings.cost(*value)
    );
    Ok(())
}

/// Prints lines that run a model elsewhere.
pub fn usage(model: &Path, language: Language) -> Result<()> {
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    say!("{}", usage::usage(language, &name, &load(model)?));
    Ok(())
}

/// Puts the matrix products of a model into fewer bits.
pub fn quantise(model: &Path, bits: Bits, out: &Path) -> Result<()> {
    let name = model.display().to_string();
    let quantised = quantise::quantise(&Component::decode(&name, &read(model)?)?, bits)?;
    let bytes = encode(&quantised.model);
    let program = Program::load(&out.display().to_string(), &bytes)?;
    say!(
        "{} products in {} bits, {} weights in {}; file {}",
        quantised.products.len(),
        match bits {
            Bits::Eight => "eight",
            Bits::Four => "four",
        },
        quantised.weights,
        Bytes(quantised.bytes as f64),
        program.file_size()
    );
    write(out, bytes)
}
