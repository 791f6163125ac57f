//! Strategies: ways to route. Each is a value that implements [`Strategy`], and everything about it stands in its
//! folder: composition, recipe, explanation, picture, sections of the report. No other room knows one by name.
//!
//! A new strategy is one folder and one line of [`registered`].
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
//! | [`precision`] | an energy budget spent on the precision of stages |
//! | [`refine`] | the confidence of a first pass that a second one reuses |
//! | [`search`] | exits and cascades found for models that were not made for it |

pub mod battery;
pub mod cascade;
#[cfg(feature = "commands")]
pub mod command;
pub mod dendritic;
pub mod early_exit;
pub mod experts;
pub mod fuzzy;
pub mod glyph;
pub mod image_features;
pub mod learned;
pub mod perforated;
pub mod precision;
mod recipe;
pub mod refine;
mod report;
pub mod search;
mod strategy;

use std::sync::{LazyLock, PoisonError, RwLock};

#[cfg(feature = "commands")]
use perforate_base::Named;
use perforate_base::{Error, ErrorKind, Result};
#[cfg(feature = "commands")]
use perforate_routing::exits::Confidence;
use perforate_routing::score;

pub use perforate_report::LiveLabels;
pub use recipe::content;
pub use report::scenario_report;
#[cfg(feature = "commands")]
pub use strategy::Route;
pub use strategy::{
    Companion, ConfidenceSpec, Headline, Ingredients, Live, Measured, Models, Moment,
    RoutingSearch, Strategy, Study, StudyRun,
};

#[cfg(feature = "commands")]
use command::{Argument, Host, Value};

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

/// The scores with which early heads and models of a cascade can be asked.
const CONFIDENCE_SCORES: &[score::Kind] = &[
    score::Kind::MaxProbability,
    score::Kind::Margin,
    score::Kind::Entropy,
    score::Kind::Patience,
];

/// What the command line is asked for them, up to the score `last` of the list.
#[cfg(feature = "commands")]
fn confidence_arguments(last: score::Kind) -> Vec<Argument> {
    let all = score::Kind::ALL;
    let end = all.iter().position(|&kind| kind == last).map_or(all.len(), |ix| ix + 1);
    let scores = all[..end].iter().map(Named::name).collect();
    let temperature = "Temperatures of the stages but the last, in order; 1 where none is given";
    let classes = "Number of classes, which the entropy needs";
    vec![
        Argument::new("score", Value::Choice(scores), "Confidence score of a stage"),
        Argument::new("temperature", Value::Numbers(0), temperature),
        Argument::new("classes", Value::Count(10), classes),
        Argument::new("threshold", Value::Number(Some(0.9)), "Default of the knob"),
    ]
}

/// The confidence that was asked for, for so many stages before the last.
#[cfg(feature = "commands")]
fn given_confidence(host: &dyn Host, stages: usize) -> Result<Confidence> {
    let kind = score::Kind::from_name(&host.word("score"))?;
    let score = kind.of(host.count("classes"), stages);
    Ok(Confidence { score, temperatures: host.numbers("temperature") })
}
