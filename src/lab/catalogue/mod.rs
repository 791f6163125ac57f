//! The scenarios: what one is, those that the project has, and how a name becomes one.

mod registry;
mod rows;
mod scenario;

pub use registry::{find, register, scenarios};
pub use rows::{OWN, OWN_POOL, SCENARIOS};
pub use scenario::{Group, Reference, SEED, Scenario, Source};
