//! Several models of the user's as a pool: which of them are worth asking first, what their answers weigh together, and
//! what predicts that one is lost. Labels are read where there are some.

use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_onnx::Component;

use super::ask::{Asking, Member};
use super::found::{Exit, Found, Parts};
use super::options::Options;
use crate::exits::Confidence;
use crate::fit::classes::argmax;
use crate::pool::compose::Pool;
use crate::pool::judge;
use crate::pool::search::{Answers, search};
use crate::score::Score;

/// A search among models.
#[derive(Debug)]
pub struct PoolSearch {
    asking: Asking,
    options: Options,
}

impl PoolSearch {
    /// A search among `models` on `samples`. The costliest model is the one to be replaced.
    ///
    /// # Errors
    /// `Model`, `Data` or `Config` where models or samples do not fit together.
    pub fn new(models: Vec<Component>, samples: Samples, options: Options) -> Result<PoolSearch> {
        Ok(PoolSearch { asking: Asking::new(models, samples, options)?, options })
    }

    /// The models that are asked.
    pub fn asking(&self) -> &Asking {
        &self.asking
    }

    /// Asks all models about the next row.
    ///
    /// # Errors
    /// As for running a model.
    pub fn step(&mut self) -> Result<()> {
        self.asking.step()
    }

    /// Chooses, once all have answered.
    ///
    /// # Errors
    /// `Data` without rows; `Model` where the models do not fit together.
    pub fn found(self) -> Result<Found> {
        let PoolSearch { asking: Asking { members, samples, .. }, options } = self;
        let fault = || Error::new(ErrorKind::Internal, "a pool without models");
        let full = members.last().ok_or_else(fault)?;
        let logits: Vec<&[Vec<f32>]> = members.iter().map(|own| own.answers.as_slice()).collect();
        let costs: Vec<f64> = members.iter().map(|own| own.macs / full.macs).collect();
        let answers = Answers { logits: &logits, costs: &costs, labels: samples.labels() };
        let plan = search(answers, options.exits, options.risk).ok_or_else(fault)?;
        let exits = members.iter().enumerate().take(members.len() - 1).map(|(ix, member)| {
            let own = member.answers.iter().zip(&full.answers);
            let agrees = own.filter(|(own, full)| argmax(own) == argmax(full)).count();
            Exit {
                tensor: member.component.name().to_string(),
                features: 0,
                share: costs[ix],
                head: 0.0,
                agreement: agrees as f64 / member.answers.len().max(1) as f64,
                kept: plan.models.contains(&ix),
            }
        });
        let exits = exits.collect();
        let models = plan.models.iter().map(|&ix| members[ix].part());
        let models = models.collect::<Result<Vec<Component>>>()?;
        let classes = full.answers.first().map_or(0, Vec::len);
        let judges = judge::component(&plan.judges, classes, full.component.opset())?;
        let statics = members.iter().take(members.len() - 1).map(Member::part);
        Ok(Found {
            parts: Parts::Pool(Box::new(Pool { models, judges })),
            confidence: Confidence { score: Score::Gate, temperatures: vec![] },
            exits,
            statics: statics.collect::<Result<Vec<_>>>()?,
            expected_cost: plan.cost,
            tolerance: None,
            output: full.component.outputs()[0].name.clone(),
        })
    }
}

/// The whole search at once.
///
/// # Errors
/// As for [`PoolSearch`].
pub fn pool(models: Vec<Component>, samples: Samples, options: Options) -> Result<Found> {
    let mut search = PoolSearch::new(models, samples, options)?;
    while !search.asking.is_done() {
        search.step()?;
    }
    search.found()
}
