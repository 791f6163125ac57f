//! Data sets: samples with or without labels, their readers, and the split that keeps tuning apart from reporting.
//!
//! Everything ends as [`Samples`], which keep their inputs as a [`Batch`](perforate_engine::Batch) of shape `[n, …]`.
//! [`split()`] divides them into [`Scaling`], [`Calibration`] and [`Test`]: three types, so that a function that tunes
//! cannot be handed the samples that it is judged on.
//!
//! | module | what it holds |
//! |---|---|
//! | [`images`] | idx files of MNIST and Fashion-MNIST; drawings, centred as MNIST's digits are |
//! | [`npz`] | NumPy's `.npy` and `.npz`, read and written |
//! | [`own`] | the user's inputs: arrays, or a table in CSV |
//! | [`pages`] | pages of text in four rotations, drawn from a seed |
//! | [`perturb`] | samples changed a little, for robustness |
//! | [`pictures`] | decoded pictures as a model's input: size, layout, mean and deviation |
//! | `sentences` | tokenizer, tables of labelled sentences; with the feature `sentences` |
//!
//! The limit for gzipped files is one for all readers: what unpacks to more than 512 MiB is refused.

mod answers;
pub mod gzip;
pub mod images;
pub mod npz;
pub mod own;
pub mod pages;
pub mod perturb;
pub mod pictures;
mod samples;
#[cfg(feature = "sentences")]
pub mod sentences;
mod split;
#[cfg(feature = "sentences")]
mod tokenizer;

pub use answers::Answers;
pub use samples::Samples;
pub use split::{Calibration, Part, Scaling, Sizes, Splits, Test, shuffled, split, split_by};
