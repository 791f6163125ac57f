//! The headless application: scenarios, and what each needs to become something measurable.

pub mod mlp;
pub mod scenario;

pub use scenario::{SCENARIOS, Scenario, find};
