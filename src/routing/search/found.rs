//! What a search found: the parts of a routed model, and what was tried.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tract_onnx::pb::ModelProto;

use crate::exits::{self, Confidence, Stages};
use crate::model_chain::ModelChain;
use crate::pool::compose::Pool;
use perforate_base::Result;
use perforate_onnx::{Component, Metadata, rename_output};

/// A candidate exit, or a model of a cascade, as it turned out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Exit {
    /// The tensor that its head reads, by the file's name; or the model's file.
    pub tensor: String,
    /// Numbers that the head reads; none for a model of its own.
    pub features: usize,
    /// Operations of the model up to it, as a share of the full model's.
    pub share: f64,
    /// Operations of its head, as a share of the full model's.
    pub head: f64,
    /// Share of rows, none of which it was fitted on, in which it answers as the full model does.
    pub agreement: f64,
    /// Whether it is one of those that save most together.
    pub kept: bool,
}

impl Exit {
    /// Whether it is a model by itself.
    pub fn is_model(&self) -> bool {
        self.features == 0
    }
}

/// What a routed model is made of.
#[derive(Debug, Clone)]
pub enum Parts {
    /// A model in stages with a head behind each but the last.
    Exits(Stages),
    /// Whole models, cheapest first.
    Chain(ModelChain),
    /// Whole models with judges.
    Pool(Box<Pool>),
}

/// What a search found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Found {
    /// The parts.
    pub parts: Parts,
    /// How sure a head, or a model, must be, with the temperatures.
    pub confidence: Confidence,
    /// All candidates, in order of cost.
    pub exits: Vec<Exit>,
    /// Models that a router is to be held against, each by itself: all that were searched but the full one.
    pub statics: Vec<Component>,
    /// Mean operations that the choice expects, as a share of the full model's; 1 or more if nothing is saved.
    pub expected_cost: f64,
    /// Where outputs are numbers: how far from the full model's an answer that agrees may lie.
    pub tolerance: Option<f32>,
    /// The name of the full model's output, which the routed model keeps.
    pub output: String,
}

impl Found {
    /// The routed model of a strategy. `threshold` is the default of its knob; `provenance` says by role where it comes from.
    pub fn compose(
        &self,
        strategy: &str,
        threshold: f32,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let mut model = match &self.parts {
            Parts::Exits(stages) => {
                let names = exits::exit_names(stages);
                exits::compose(stages, &self.confidence, (strategy, &names), threshold, provenance)?
            }
            Parts::Chain(models) => {
                models.compose(strategy, &self.confidence, threshold, provenance)?
            }
            Parts::Pool(pool) => pool.compose(strategy, threshold, provenance)?,
        };
        if self.tolerance.is_some() {
            let metadata = Metadata { tolerance: self.tolerance, ..Metadata::read(&model)? };
            metadata.write(&mut model)?;
        }
        rename_output(&mut model, exits::OUTPUT, &self.output);
        Ok(model)
    }

    /// The cheapest part by itself.
    pub fn light(&self) -> Result<ModelProto> {
        match &self.parts {
            Parts::Exits(stages) => stages.up_to_head(0),
            Parts::Chain(models) => Ok(models.alone(0)?.model().clone()),
            Parts::Pool(pool) => Ok(pool.alone(0).model().clone()),
        }
    }
}
