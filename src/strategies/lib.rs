//! Strategies: ways to route. Each is a value that implements [`Strategy`], and everything about it stands in its
//! folder: composition, recipe, explanation, picture, sections of the report. No other room knows one by name.
//!
//! A new strategy is one folder and one line of `registry.rs`.
//!
//! | module | routes by |
//! |---|---|
//! | [`battery`] | an energy budget set before each input |
//! | [`cascade`] | the confidence of whole models of rising cost |
//! | [`dendritic`] | a learned gate behind a light model |
//! | [`early_exit`] | the confidence of heads inside one network |
//! | [`experts`] | a gate that weighs gain against cost |
//! | [`fuzzy`], [`learned`] | rules, or a fitted score, on features of an image |
//! | [`perforated`] | the importance of tokens, and of blocks of attention |
//! | [`pool`] | predicted failures of averaged answers of any models |
//! | [`precision`] | an energy budget spent on the precision of stages |
//! | [`refine`] | the confidence of a first pass that a second one reuses |
//! | [`search`] | exits found for a model that was not made for it |

pub mod battery;
pub mod cascade;
#[cfg(feature = "commands")]
pub mod command;
mod companion;
mod confidence;
pub mod dendritic;
pub mod early_exit;
pub mod experts;
mod fitting;
pub mod fuzzy;
pub mod glyph;
pub mod image_features;
pub mod learned;
pub mod perforated;
pub mod pool;
pub mod precision;
mod recipe;
pub mod refine;
mod registry;
mod report;
pub mod search;
mod strategy;

pub use companion::{Companion, Headline, Live, Measured, Moment};
pub use fitting::Fitting;
pub use perforate_report::LiveLabels;
/// The encoder that the scenarios of sentences share, for texts of any length, and the files that it is made of.
pub use perforated::long_texts::{
    encoder as sentence_encoder, transformer as sentence_encoder_files,
};
pub use recipe::content;
pub use registry::{find, register, registered};
pub use report::scenario_report;
#[cfg(feature = "commands")]
pub use strategy::Route;
pub use strategy::{ConfidenceSpec, Ingredients, Models, RoutingSearch, Strategy, Study, StudyRun};
