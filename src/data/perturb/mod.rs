//! Samples changed a little, to see what that does to a model's answers.

mod perturbation;
#[cfg(feature = "sentences")]
mod texts;

pub use perturbation::Perturbation;
#[cfg(feature = "sentences")]
pub use texts::{DROPPED, perturbations};
