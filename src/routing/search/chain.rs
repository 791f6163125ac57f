//! Several models of the user's as a cascade: which of them are worth asking first, and how sure they must be.

use crate::exits::Confidence;
use crate::fit::classes::{argmax, most_probable};
use crate::fit::temperature;
use crate::model_chain::ModelChain;
use crate::score::Score;
use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_onnx::Component;

use super::ask::{Asking, Member};
use super::choose::{Candidate, choose};
use super::found::{Exit, Found, Parts};
use super::options::Options;

/// Chooses which models are asked first; none of the labels is read.
fn found(asking: Asking, options: Options) -> Result<Found> {
    let (full, before) = asking
        .members
        .split_last()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a cascade without models"))?;
    let answers: Vec<usize> = full.answers.iter().map(|row| argmax(row)).collect();
    let (mut exits, mut candidates, mut temperatures) = (vec![], vec![], vec![]);
    for member in before {
        let temperature = temperature::fit(&member.answers, &answers);
        let confidence = member.answers.iter().map(|row| most_probable(row, temperature)).collect();
        let own = member.answers.iter().zip(&answers);
        let agrees: Vec<bool> = own.map(|(row, &full)| argmax(row) == full).collect();
        let share = member.macs / full.macs;
        exits.push(Exit {
            tensor: member.component.name().to_string(),
            features: 0,
            share,
            head: 0.0,
            agreement: agrees.iter().filter(|&&a| a).count() as f64 / agrees.len() as f64,
            kept: false,
        });
        temperatures.push(temperature as f32);
        // A model that is asked is paid for, whether its answer stands or not.
        candidates.push(Candidate { cost: (0.0, share), confidence, agrees });
    }
    let choice = choose(&candidates, options.exits, options.risk)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "there are no candidates"))?;
    choice.exits.iter().for_each(|&ix| exits[ix].kept = true);
    let chosen = choice.exits.iter().map(|&ix| &before[ix]).chain([full]);
    let parts = chosen.map(Member::part).collect::<Result<Vec<_>>>()?;
    let confidence = Confidence {
        score: Score::MaxProbability,
        temperatures: choice.exits.iter().map(|&ix| temperatures[ix]).collect(),
    };
    Ok(Found {
        parts: Parts::Chain(ModelChain::new(&parts, &[])?),
        confidence,
        exits,
        expected_cost: choice.cost,
        statics: vec![],
        tolerance: None,
        output: full.component.outputs()[0].name.clone(),
    })
}

/// The whole search at once.
pub fn model_chain(models: Vec<Component>, samples: Samples, options: Options) -> Result<Found> {
    let mut asking = Asking::new(models, samples, options)?;
    while !asking.is_done() {
        asking.step()?;
    }
    found(asking, options)
}
