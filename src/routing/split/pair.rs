//! Both halves together: what a client does that asks the server only where the device has not answered.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::{ArrayD, Axis};

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, Knobs, Outcome, Program, Session};
use perforate_onnx::Half;

/// A device's and a server's program.
#[derive(Debug)]
pub struct Pair {
    device: Session,
    server: Session,
    half: Half,
}

/// What the device gave.
#[derive(Debug)]
pub struct OnDevice {
    outcome: Outcome,
    /// Whether each row is answered.
    pub answered: Vec<bool>,
}

/// What both gave.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The whole file's outputs by name, `[N, …]`.
    pub outputs: HashMap<String, ArrayD<f32>>,
    /// Whether each row was answered on the device.
    pub answered: Vec<bool>,
}

impl Pair {
    /// Takes the programs of both halves.
    ///
    /// # Errors
    /// `Config` if the device's file does not say how it was split.
    pub fn new(device: Arc<Program>, server: Arc<Program>) -> Result<Pair> {
        let half = device.metadata().half.clone().ok_or_else(|| {
            let text = "it does not say how it was split: make it with `perforate split`";
            Error::new(ErrorKind::Config, text).at(device.name())
        })?;
        Ok(Pair { device: Session::new(device), server: Session::new(server), half })
    }

    /// Runs the device on all rows.
    pub fn on_device(&mut self, inputs: &Batch, knobs: &Knobs) -> Result<OnDevice> {
        let outcome = self.device.run(inputs, &known(self.device.program(), knobs))?;
        let answered = outcome.output(&self.half.answered)?;
        Ok(OnDevice { answered: answered.iter().map(|&value| value != 0.0).collect(), outcome })
    }

    /// What is sent for the rows `open` of `inputs`.
    pub fn sent(&self, inputs: &Batch, device: &OnDevice, open: &[usize]) -> Result<Batch> {
        let mut sent = Batch::new();
        for name in &self.half.sent {
            let given = device.outcome.outputs().find(|(own, _)| own == name);
            sent = match (inputs.get(name), given) {
                (Some(value), _) => sent.with_value(name, value.clone()),
                (None, Some((_, tensor))) => sent.with_tensor(name, tensor.clone()),
                (None, None) => {
                    let text = format!("neither half gives `{name}`, which the server reads");
                    return Err(Error::new(ErrorKind::Config, text));
                }
            };
        }
        sent.select(open)
    }

    /// Runs the server on what was sent.
    pub fn on_server(&mut self, sent: &Batch, knobs: &Knobs) -> Result<Outcome> {
        self.server.run(sent, &known(self.server.program(), knobs))
    }

    /// Runs the device on all rows and the server on those that it has not answered.
    pub fn run(&mut self, inputs: &Batch, knobs: &Knobs) -> Result<Answer> {
        let device = self.on_device(inputs, knobs)?;
        let mut outputs = HashMap::new();
        for name in &self.half.answers {
            outputs.insert(name.clone(), device.outcome.output(name)?);
        }
        let open = device.open();
        if !open.is_empty() {
            let sent = self.sent(inputs, &device, &open)?;
            let rest = self.on_server(&sent, knobs)?;
            for (name, own) in &mut outputs {
                let theirs = rest.output(name)?;
                for (at, &row) in open.iter().enumerate() {
                    own.index_axis_mut(Axis(0), row).assign(&theirs.index_axis(Axis(0), at));
                }
            }
        }
        Ok(Answer { outputs, answered: device.answered })
    }
}

impl OnDevice {
    /// The rows that the server has to answer.
    pub fn open(&self) -> Vec<usize> {
        (0..self.answered.len()).filter(|&row| !self.answered[row]).collect()
    }
}

/// The knobs that a program has.
fn known(program: &Program, knobs: &Knobs) -> Knobs {
    let has = |name: &str| program.knobs().iter().any(|knob| knob.name == name);
    knobs
        .iter()
        .filter(|(name, _)| has(name))
        .fold(Knobs::new(), |own, (name, value)| own.with(name, value))
}
