//! Whole models of rising cost as stages; the first that is sure answers.
//!
//! Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features" (CVPR 2001); for language
//! models, Chen et al., "FrugalGPT" (2023). A row whose confidence in model k is below `threshold` goes on to model
//! k + 1; else the answer of model k stands. What the models before have computed is of no use to a later one, unless it
//! reads it by name, as a table of words that they share.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, KnobRange, chain};

pub use super::exits::OUTPUT;
use super::exits::{self, Confidence, Stages};
use super::names::short_names;

/// Name of the knob.
pub const KNOB: &str = exits::KNOB;
/// The threshold's ends: at 0 the first model answers every row, at 2 the last one does.
pub const RANGE: KnobRange = exits::RANGE;

/// The models, cheapest first, as stages. The last model may have exits on its way, each a stage of its own; it reads
/// nothing that another model computes.
#[derive(Debug, Clone)]
pub struct ModelChain(Vec<Member>);

/// A stage: what runs, and which of its outputs is its answer.
#[derive(Debug, Clone)]
struct Member {
    component: Component,
    answer: String,
    name: String,
}

impl ModelChain {
    /// Takes the models' files in their order: a model may be several in a row, and ends with the one that gives
    /// `logits`. `exits` are other outputs that are answers too, such as `logits3`: there a stage ends as well.
    pub fn new(files: &[Component], exits: &[String]) -> Result<ModelChain> {
        let (mut members, mut parts) = (vec![], vec![]);
        for file in files {
            parts.push(file.clone());
            let gives = |name: &str| file.output(name).is_ok();
            let exit = exits.iter().find(|exit| gives(exit)).map(String::as_str);
            let Some(answer) = gives(OUTPUT).then_some(OUTPUT).or(exit) else { continue };
            let component = joined(&std::mem::take(&mut parts))?;
            let name = answer.replacen(OUTPUT, "exit", 1);
            members.push(Member { component, answer: answer.to_string(), name });
        }
        if let Some(rest) = parts.last() {
            rest.output(OUTPUT)?;
        }
        if members.len() < 2 {
            let text = "a chain needs two models or more, each with an output `logits`";
            return Err(Error::new(ErrorKind::Config, text));
        }
        let whole = members.iter().filter(|member| member.answer == OUTPUT);
        let names = short_names(whole.map(|member| member.component.name()));
        let whole = members.iter_mut().filter(|member| member.answer == OUTPUT);
        whole.zip(names).for_each(|(member, name)| member.name = name);
        Ok(ModelChain(members))
    }

    /// Number of stages.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The answer of stage `ix`: the output's name.
    pub fn answer(&self, ix: usize) -> &str {
        &self.0[ix].answer
    }

    /// Stage `ix` with what it reads of the stages before, and the answer, called `logits`, as its one output.
    pub fn alone(&self, ix: usize) -> Result<Component> {
        let mut parts = vec![self.0[ix].component.clone()];
        for giver in self.0[..ix].iter().rev() {
            let given = |name: &str| giver.component.output(name).is_ok();
            if parts.iter().flat_map(Component::inputs).any(|input| given(&input.name)) {
                parts.insert(0, giver.component.clone());
            }
        }
        chain(&parts, &[(&self.0[ix].answer, OUTPUT)])
    }

    /// As stages: each calls its answer what early exit wants, and gives what a later one reads.
    pub fn stages(&self) -> Result<Stages> {
        let last = self.0.len() - 1;
        let stage = |(ix, member): (usize, &Member)| {
            let answer = if ix < last { format!("logits{}", ix + 1) } else { OUTPUT.to_string() };
            let read = |name: &str| {
                let later = self.0[ix + 1..].iter().flat_map(|later| later.component.inputs());
                later.into_iter().any(|input| input.name == name)
            };
            let given = member.component.outputs().iter().map(|output| output.name.as_str());
            let mut outputs: Vec<(&str, &str)> =
                given.filter(|name| read(name)).map(|name| (name, name)).collect();
            outputs.push((&member.answer, &answer));
            chain(std::slice::from_ref(&member.component), &outputs)
        };
        Stages::new(self.0.iter().enumerate().map(stage).collect::<Result<_>>()?)
    }

    /// Composes the routed model of a strategy. The path through all of it is called full; `threshold` is the knob's
    /// default; `provenance` says by role where the models come from.
    pub fn compose(
        &self,
        strategy: &str,
        confidence: &Confidence,
        threshold: f32,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let (stages, names) = (self.stages()?, self.names());
        exits::compose(&stages, confidence, (strategy, &names), threshold, provenance)
    }

    /// The same where the models only come near `full`, which runs where the threshold leaves nothing to them; the last
    /// of them answers as `end`.
    pub fn compose_beside(
        &self,
        full: &Component,
        confidence: &Confidence,
        (strategy, end): (&str, &str),
        threshold: f32,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let (stages, names) = (self.stages()?, self.names());
        let named = (strategy, &names[..], end);
        exits::compose_beside(full, &stages, confidence, named, threshold, provenance)
    }

    /// Names of the stages but the last: their files', without what all share, or the exit's.
    pub fn names(&self) -> Vec<String> {
        self.0[..self.0.len() - 1].iter().map(|member| member.name.clone()).collect()
    }
}

/// A model of several files as one, with all outputs that another model may read.
fn joined(parts: &[Component]) -> Result<Component> {
    let names: Vec<&str> =
        parts.iter().flat_map(Component::outputs).map(|output| output.name.as_str()).collect();
    let own: Vec<(&str, &str)> = names.iter().map(|&name| (name, name)).collect();
    chain(parts, &own)
}
