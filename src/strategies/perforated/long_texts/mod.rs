//! Long texts: blocks of attention left out by a learned importance, timed by length against dense attention.

pub mod ablation;
mod ablations;
mod attention;
#[cfg(feature = "commands")]
mod commands;
mod plots;
mod report;
mod section;
mod study;
mod texts;
mod timing;

pub use ablations::Ablations;
pub use attention::{Encoder, NAME, perforate};
#[cfg(feature = "commands")]
pub use commands::commands;
pub use report::LengthsReport;
pub use study::LengthStudy;
pub use texts::{DEPTH, HEADS, LongTexts, encoder, files, transformer};
pub use timing::{LENGTHS, LengthComparison, Pair, attention};

use crate::strategy::Study;

/// The study, for the page.
pub const STUDY: Study = Study {
    section: section::ID,
    title: section::TITLE,
    text: "Dropping tokens is for short texts. In long ones attention itself takes the time: there, blocks of 32 keys are dropped for blocks of 32 queries, by a learned importance and a threshold that depends on the text. Sentences are joined to texts of 128 to 2,048 tokens, and everything is timed against dense attention.",
    button: "Measure long texts",
    note: "Takes about ten minutes and up to a gigabyte of memory.",
    files,
    begin: |files, quick| Ok(Box::new(LengthStudy::new(files, quick)?)),
};
