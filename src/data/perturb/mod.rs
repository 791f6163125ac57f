//! Samples that change: a little, to see what that does to a model's answers, and so much that they are no longer like
//! those that a guarantee was made on.

mod images;
mod perturbation;
#[cfg(feature = "sentences")]
mod texts;

pub use images::{Distortion, of_images};
pub use perturbation::{Perturbation, STRENGTHS};
#[cfg(feature = "sentences")]
pub use texts::of_texts;
