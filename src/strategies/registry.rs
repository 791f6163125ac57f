//! The strategies that there are.

use std::sync::{LazyLock, PoisonError, RwLock};

use perforate_base::{Error, ErrorKind, Result};

use crate::strategy::Strategy;
use crate::{
    battery, cascade, dendritic, early_exit, experts, fuzzy, learned, perforated, pool, precision,
    refine,
};

/// The registry: the strategies of this crate, and those that were added.
static REGISTRY: LazyLock<RwLock<Vec<&'static dyn Strategy>>> = LazyLock::new(|| {
    RwLock::new(vec![
        &dendritic::Dendritic,
        &early_exit::EarlyExit,
        &experts::Experts,
        &refine::Refine,
        &battery::Battery,
        &fuzzy::Fuzzy,
        &learned::Learned,
        &cascade::Cascade,
        &cascade::CascadeInEightBits,
        &pool::PoolOfModels,
        &perforated::Perforated,
        &perforated::PerforatedWithExits,
        &precision::LookAhead,
        &precision::Greedy,
    ])
});

/// All strategies, in the order in which they are listed.
pub fn registered() -> Vec<&'static dyn Strategy> {
    REGISTRY.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Adds a strategy, so that command line and page offer it too.
pub fn register(strategy: &'static dyn Strategy) {
    let mut all = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    if all.iter().all(|known| known.name() != strategy.name()) {
        all.push(strategy);
    }
}

/// The strategy of this name.
///
/// # Errors
/// `Config` if there is none; the message lists the names.
pub fn find(name: &str) -> Result<&'static dyn Strategy> {
    let all = registered();
    all.iter().copied().find(|strategy| strategy.name() == name).ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|strategy| strategy.name()).collect();
        let text = format!("there is no such strategy; choose one of {}", known.join(", "));
        Error::new(ErrorKind::Config, text).at(format!("strategy `{name}`"))
    })
}
