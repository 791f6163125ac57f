//! A way in which samples change, at one strength.

use perforate_base::Result;
use perforate_engine::Batch;

use super::images::Distortion;
use crate::samples::Samples;

/// Strengths of each kind of change, from 1 on.
pub const STRENGTHS: usize = 5;

/// A change of samples, of one kind and strength.
#[derive(Debug, Clone)]
pub struct Perturbation {
    /// What is done, for people, in lower case.
    pub kind: String,
    /// How much of it, in 1…[`STRENGTHS`].
    pub strength: usize,
    /// Share of the tokens, or of the words, that it touches; none where the samples are no texts.
    pub changed: Option<f64>,
    change: Change,
}

/// How changed samples come about.
#[derive(Debug, Clone)]
enum Change {
    /// They are kept, in the same order, with the same labels.
    Kept(Samples),
    /// Each is made when it is asked for, from a seed.
    Made(Distortion, u64),
}

impl Perturbation {
    /// Changed samples, in the order of the samples as they are.
    pub fn kept(
        kind: impl Into<String>,
        strength: usize,
        changed: Option<f64>,
        samples: Samples,
    ) -> Perturbation {
        Perturbation { kind: kind.into(), strength, changed, change: Change::Kept(samples) }
    }

    /// A distortion of images, which is drawn from a seed for each.
    pub fn of_images(distortion: Distortion, strength: usize, seed: u64) -> Perturbation {
        let change = Change::Made(distortion, seed);
        Perturbation { kind: distortion.name().into(), strength, changed: None, change }
    }

    /// One sample after the change, `[1, …]`, of `samples` as they are.
    ///
    /// # Errors
    /// `Data` where the samples are no images, and it distorts some.
    pub fn row(&self, samples: &Samples, row: usize) -> Result<Batch> {
        match &self.change {
            Change::Kept(changed) => changed.row(row),
            Change::Made(distortion, seed) => {
                distortion.apply(samples.row(row)?, self.strength, seed.wrapping_add(row as u64))
            }
        }
    }
}
