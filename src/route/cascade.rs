//! Cascade: whole models of rising cost; the first that is sure answers.
//!
//! Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features" (CVPR 2001); for language
//! models, Chen et al., "FrugalGPT" (2023). A row whose confidence in model k is below `threshold` goes on to model
//! k + 1; else the answer of model k stands. What the models before have computed is of no use to a later one, unless it
//! reads it by name, as a table of words that they share.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use crate::error::{Error, ErrorKind, Result};
use crate::onnx::{Component, KnobRange, chain};

use super::early_exit::{self, Confidence, OUTPUT, Stages};
use super::names::short_names;

/// Name of the strategy.
pub const STRATEGY: &str = "cascade";
/// Name of the knob.
pub const KNOB: &str = early_exit::KNOB;
/// The threshold's ends: at 0 the first model answers every row, at 2 the last one does.
pub const RANGE: KnobRange = early_exit::RANGE;

/// The models, cheapest first. Each gives `logits`; the last one reads nothing that another computes.
#[derive(Debug, Clone)]
pub struct Models(Vec<Component>);

impl Models {
    /// Takes the models' files in their order: a model may be several in a row, and ends with the one that gives
    /// `logits`.
    pub fn new(files: Vec<Component>) -> Result<Models> {
        let (mut models, mut parts) = (vec![], vec![]);
        for file in files {
            let ends = file.output(OUTPUT).is_ok();
            parts.push(file);
            if ends {
                models.push(joined(&std::mem::take(&mut parts))?);
            }
        }
        if let Some(rest) = parts.last() {
            rest.output(OUTPUT)?;
        }
        if models.len() < 2 {
            let text = "a cascade needs two models or more, each with an output `logits`";
            return Err(Error::new(ErrorKind::Config, text));
        }
        Ok(Models(models))
    }

    /// Number of models.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Model `ix` by itself, with the answer alone as its output.
    pub fn alone(&self, ix: usize) -> Result<Component> {
        let read = |model: &Component, giver: &Component| {
            model.inputs().any(|input| giver.output(&input.name).is_ok())
        };
        let model = &self.0[ix];
        let givers = self.0[..ix].iter().filter(|giver| read(model, giver)).cloned();
        let parts: Vec<Component> = givers.chain([model.clone()]).collect();
        chain(&parts, &[(OUTPUT, OUTPUT)])
    }

    /// As stages: each calls its answer what early exit wants, and gives what a later one reads.
    fn stages(&self) -> Result<Stages> {
        let last = self.0.len() - 1;
        let stage = |(ix, model): (usize, &Component)| {
            let answer = if ix < last { format!("logits{}", ix + 1) } else { OUTPUT.to_string() };
            let read = |name: &str| {
                self.0[ix + 1..].iter().flat_map(Component::inputs).any(|input| input.name == name)
            };
            let given = model.outputs().iter().map(|output| output.name.as_str());
            let mut outputs: Vec<(&str, &str)> =
                given.filter(|name| read(name)).map(|name| (name, name)).collect();
            outputs.push((OUTPUT, &answer));
            chain(std::slice::from_ref(model), &outputs)
        };
        Stages::new(self.0.iter().enumerate().map(stage).collect::<Result<_>>()?)
    }

    /// Composes the routed model. `names` are of the models but the last, which is called full; `threshold` is the
    /// knob's default; `provenance` says by role where the models come from.
    pub fn compose(
        &self,
        names: &[String],
        confidence: &Confidence,
        threshold: f32,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let stages = self.stages()?;
        early_exit::compose_as(&stages, confidence, (STRATEGY, names), threshold, provenance)
    }

    /// Names of the models but the last: their files', without what all share.
    pub fn names(&self) -> Vec<String> {
        let mut names = short_names(self.0.iter().map(Component::name));
        names.pop();
        names
    }
}

/// A model of several files as one, with all outputs that another model may read.
fn joined(parts: &[Component]) -> Result<Component> {
    let names: Vec<&str> =
        parts.iter().flat_map(Component::outputs).map(|output| output.name.as_str()).collect();
    let own: Vec<(&str, &str)> = names.iter().map(|&name| (name, name)).collect();
    chain(parts, &own)
}
