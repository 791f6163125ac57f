//! The scenarios that there are.

use std::sync::{PoisonError, RwLock};

use perforate_base::{Error, ErrorKind, Result};

use super::rows::{OWN, OWN_POOL, SCENARIOS};
use super::scenario::Scenario;

/// Scenarios that were added to those of this crate.
static ADDED: RwLock<Vec<&'static Scenario>> = RwLock::new(vec![]);

/// All scenarios, those that were added last.
pub fn scenarios() -> Vec<&'static Scenario> {
    let added = ADDED.read().unwrap_or_else(PoisonError::into_inner);
    SCENARIOS.iter().chain(added.iter().copied()).collect()
}

/// Adds a scenario, so that command line and page offer it too; its strategy becomes a registered one.
pub fn register(scenario: &'static Scenario) {
    perforate_strategies::register(scenario.strategy);
    if scenarios().iter().all(|known| known.name != scenario.name) {
        ADDED.write().unwrap_or_else(PoisonError::into_inner).push(scenario);
    }
}

/// The scenario of this name.
///
/// # Errors
/// `Config` if there is none; the message lists the names.
pub fn find(name: &str) -> Result<&'static Scenario> {
    let all = scenarios();
    let mut known = all.iter().copied().chain([&OWN, &OWN_POOL]);
    known.find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
        let text = format!("there is no such scenario; choose one of {}", names.join(", "));
        Error::new(ErrorKind::Config, text).at(format!("scenario `{name}`"))
    })
}
