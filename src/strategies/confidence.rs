//! What strategies share that ask an answer how sure it is: the scores, and how the command line names one.

#[cfg(feature = "commands")]
use perforate_base::{Named, Result};
#[cfg(feature = "commands")]
use perforate_routing::exits::Confidence;
use perforate_routing::score;

#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};

/// The scores with which early heads and models of a cascade can be asked.
pub const CONFIDENCE_SCORES: &[score::Kind] = &[
    score::Kind::MaxProbability,
    score::Kind::Margin,
    score::Kind::Entropy,
    score::Kind::Patience,
];

/// What the command line is asked for them, up to the score `last` of the list.
#[cfg(feature = "commands")]
pub fn confidence_arguments(last: score::Kind) -> Vec<Argument> {
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
pub fn given_confidence(host: &dyn Host, stages: usize) -> Result<Confidence> {
    let kind = score::Kind::from_name(&host.word("score"))?;
    let score = kind.of(host.count("classes"), stages);
    Ok(Confidence { score, temperatures: host.numbers("temperature") })
}
