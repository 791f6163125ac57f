//! The headless application: scenarios, the measuring side of the page, and its view.

mod claims;
mod diagram;
pub mod experiment;
mod inside;
#[cfg(feature = "cli")]
pub mod launches;
pub mod mlp;
pub mod plots;
mod recipes;
pub mod run;
pub mod scenario;
mod tables;
mod text;
pub mod view;
pub mod worker;

pub use scenario::{SCENARIOS, Scenario, find};
