//! Cascade: whole models of rising cost; the first that is sure answers.
//!
//! Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features" (CVPR 2001); for language
//! models, Chen et al., "FrugalGPT" (2023). The file is composed by [`perforate_routing::model_chain`].

pub mod claim;
mod eight_bits;
mod in_f32;
mod stages;

pub use eight_bits::{CascadeInEightBits, IN_EIGHT_BITS};
pub use in_f32::{Cascade, NAME};
