//! Samples changed a little, to see what that does to a model's answers.

#[cfg(feature = "sentences")]
mod texts;
mod variant;

#[cfg(feature = "sentences")]
pub use texts::{DROPPED, variants};
pub use variant::Variant;
