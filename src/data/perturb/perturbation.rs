//! A set of samples after a perturbation.

use crate::samples::Samples;

/// The same samples, perturbed in one way.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Perturbation {
    /// What was done, for people.
    pub name: String,
    /// Share of the tokens, or of the words, that it touched.
    pub changed: f64,
    /// The samples, in the same order, with the same labels.
    pub samples: Samples,
}

impl Perturbation {
    /// Samples under the name of what was done to them; `changed` is the share of tokens or words that it touched.
    pub fn new(name: impl Into<String>, changed: f64, samples: Samples) -> Perturbation {
        Perturbation { name: name.into(), changed, samples }
    }
}
