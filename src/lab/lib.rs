//! The headless application: scenarios, the measuring side of the page, and its view.

pub mod ablations;
mod about;
mod by_length;
mod claims;
mod diagram;
pub mod experiment;
mod glyph;
mod inside;
pub mod lengths;
mod link;
mod live;
mod messages;
pub mod mixes;
pub mod mlp;
mod own;
pub mod plots;
pub mod precision;
mod recipes;
mod registry;
pub mod run;
pub mod scenario;
mod settings;
mod tables;
mod text;
pub mod view;
pub mod worker;

pub use own::{OWN, OWN_CASCADE};
pub use registry::{SCENARIOS, find};
pub use scenario::Scenario;
