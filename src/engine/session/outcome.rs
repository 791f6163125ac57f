//! What is asked of a run, and what it gives.

use ndarray::ArrayD;
use tract_onnx::prelude::{TValue, Tensor};

use perforate_base::{Error, ErrorKind, Result};

use crate::batch::to_array;
use crate::path::Path;
use crate::trace::Trace;

/// Who decides at the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Routing {
    /// The model's own scores and knobs.
    #[default]
    Scores,
    /// Every row takes this path, whatever its scores.
    Forced(Path),
}

/// What a run gives.
#[derive(Debug)]
pub struct Outcome {
    pub(super) outputs: Vec<(String, TValue)>,
    /// What the run did.
    pub trace: Trace,
}

impl Outcome {
    /// The output `name`, shape `[rows, …]`.
    pub fn output(&self, name: &str) -> Result<ArrayD<f32>> {
        match self.outputs.iter().find(|(n, _)| n == name) {
            Some((_, tensor)) => to_array(tensor),
            None => Err(Error::new(ErrorKind::Config, format!("the model has no output `{name}`"))),
        }
    }

    /// The first output, shape `[rows, …]`: for a classifier, its logits.
    pub fn first(&self) -> Result<ArrayD<f32>> {
        to_array(&self.outputs[0].1)
    }

    /// All outputs.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.outputs.iter().map(|(name, tensor)| (name.as_str(), &**tensor))
    }
}
