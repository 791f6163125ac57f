//! `inspect` and `run`: a model by itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use perforate::bench::threshold::Settings;
use perforate::data::own;
use perforate::engine::{Knobs, Program};
use perforate::fit::calibrate::{Loss, RiskTarget};
use perforate::lab;
use perforate::onnx::{Component, encode, set_default};
use perforate::{Error, ErrorKind, Result};

use super::io::{read, say, write};

fn load(path: &Path) -> Result<Program> {
    Program::load(&path.display().to_string(), &read(path)?)
}

/// Shows segments, gates, knobs and costs.
pub fn inspect(path: &Path) -> Result<()> {
    let program = load(path)?;
    say!("{}: {}, {} parameters", path.display(), program.file_size(), program.parameters());
    for input in program.inputs() {
        say!("input   {} {:?} [N, {:?}]", input.name, input.datum_type, input.row_shape);
    }
    for knob in program.knobs() {
        say!("knob    {} default {:?}", knob.name, knob.default);
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
    let program = Arc::new(load(model)?);
    let mut values = Knobs::new();
    for text in knobs {
        let parsed = text.split_once('=').and_then(|(n, v)| Some((n, v.parse::<f32>().ok()?)));
        let (name, value) = parsed.ok_or_else(|| {
            Error::new(ErrorKind::Knob, "write it as NAME=VALUE, with a number")
                .at(format!("--knob {text}"))
        })?;
        values = values.with(name, value);
    }
    let name = input.display().to_string();
    let samples = own::read(&name, &read(input)?, &program)?;
    let ran = lab::run::run(&program, &name, &samples, &values)?;
    for (row, (path, macs)) in ran.rows.iter().enumerate() {
        say!("{row}\t{path}\t{macs}");
    }
    match out {
        Some(path) => write(&path, ran.to_npz()?),
        None => Ok(()),
    }
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
    #[arg(long, value_enum, default_value = "disagreement")]
    pub loss: Loss,
}

impl Risk {
    fn target(&self) -> Result<RiskTarget> {
        RiskTarget::new(self.loss, self.epsilon, self.delta)
    }
}

/// Chooses the default of a routed model's knob on inputs, and writes the model with it.
pub fn calibrate(model: &Path, inputs: &Path, risk: &Risk, out: &Path) -> Result<()> {
    let target = risk.target()?;
    let program = Arc::new(load(model)?);
    let samples = own::read(&inputs.display().to_string(), &read(inputs)?, &program)?;
    let settings = Settings::record(&program, &samples)?;
    let chosen = settings.choose(&target)?;
    let (knob, value) = &chosen.knob;
    let mut file = Component::decode(model.display().to_string(), &read(model)?)?.model().clone();
    set_default(&mut file, knob, *value)?;
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
