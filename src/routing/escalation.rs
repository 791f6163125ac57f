//! Whole models in order of cost, as a chain of gates: at each stage a row stays, or goes on to the next model.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, GraphBuilder, KnobRange, Metadata, Spliced};

/// Name of every model's answer, and of the routed model's.
pub const OUTPUT: &str = "logits";

/// What makes a row leave a model for the next one, for every model but the last: a tensor, against the knob.
#[derive(Debug, Clone)]
pub enum ExitRule {
    /// A score `[N, 1]` that exceeds the knob.
    AboveKnob(Vec<String>),
    /// A cost that the knob covers.
    WithinKnob(Vec<String>),
}

impl ExitRule {
    fn of(&self) -> (&'static str, &[String]) {
        match self {
            ExitRule::AboveKnob(tensors) => ("Greater", tensors),
            ExitRule::WithinKnob(tensors) => ("LessOrEqual", tensors),
        }
    }
}

/// The name of a chain's strategy, and its knob.
#[derive(Debug, Clone, Copy)]
pub struct ChainKnob {
    /// The strategy, as metadata has it.
    pub strategy: &'static str,
    /// The knob's name.
    pub name: &'static str,
    /// Its ends, and its default.
    pub range: KnobRange,
}

/// A routed model of whole models in the making. First the strategy adds what its gates compare; then
/// [`EscalationChain::into_model`] adds models and gates.
#[derive(Debug)]
pub struct EscalationChain<'a> {
    /// The graph so far: the data inputs, the knob, and what the strategy adds.
    pub graph: GraphBuilder,
    /// The data inputs' tensors.
    pub wires: Spliced,
    models: &'a [Component],
    knob: ChainKnob,
    names: Vec<String>,
    first_answer: Option<String>,
}

impl<'a> EscalationChain<'a> {
    /// Begins with the data inputs of `models[0]` and the knob. The models come cheapest first; there are at least two.
    /// All read the data inputs and give `logits`.
    ///
    /// # Errors
    /// `Config` without two models.
    pub fn begin(models: &'a [Component], knob: ChainKnob) -> Result<EscalationChain<'a>> {
        let [first, _, ..] = models else {
            let text = format!("a chain needs two models or more, and there are {}", models.len());
            return Err(Error::new(ErrorKind::Config, text));
        };
        let (mut graph, wires) = GraphBuilder::around(knob.strategy, first)?;
        graph.knob(knob.name, knob.range.default)?;
        let names = stage_names(models.len());
        Ok(EscalationChain { graph, wires, models, knob, names, first_answer: None })
    }

    /// The same with these names of the paths.
    pub fn with_names(self, names: Vec<String>) -> EscalationChain<'a> {
        EscalationChain { names, ..self }
    }

    /// Runs the first model on every row, so that gates can read what it computes; returns its tensors.
    ///
    /// # Errors
    /// `Model` if it gives no `logits`.
    pub fn run_first(&mut self) -> Result<Spliced> {
        let first = &self.models[0];
        let answer = &first.output(OUTPUT)?.name;
        let tensors = self.graph.splice(first, &stage_name(0), &self.wires)?;
        self.first_answer = Some(tensors[answer].clone());
        Ok(tensors)
    }

    /// The routed model.
    ///
    /// # Errors
    /// `Model` where the models do not fit together.
    pub fn into_model(
        self,
        leave: ExitRule,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let EscalationChain { mut graph, wires, models, knob, names, first_answer } = self;
        let gates = Gates { models, names: &names, leave: &leave, knob: knob.name, wires: &wires };
        let answer = gates.choose(&mut graph, 0, first_answer.as_deref())?;
        graph.output_like(&answer, models[0].output(OUTPUT)?);
        graph.into_model(&Metadata {
            strategy: Some(knob.strategy.into()),
            labels: gates.labels(),
            knobs: BTreeMap::from([(knob.name.into(), knob.range)]),
            provenance,
            ..Metadata::default()
        })
    }
}

/// The models, and at what they are left.
struct Gates<'a> {
    models: &'a [Component],
    names: &'a [String],
    leave: &'a ExitRule,
    knob: &'a str,
    wires: &'a Spliced,
}

impl Gates<'_> {
    /// Labels of the gates' branches: where a row ends.
    fn labels(&self) -> BTreeMap<String, [String; 2]> {
        let last = self.count();
        let label = |ix: usize| {
            let on = if ix + 1 == last { self.names[last].clone() } else { String::new() };
            (gate(ix), [on, self.names[ix].clone()])
        };
        (0..last).map(label).collect()
    }

    fn count(&self) -> usize {
        self.models.len() - 1
    }

    /// The gate behind model `ix`; returns the answer's tensor. `own` is that model's answer, if it has run.
    fn choose(&self, graph: &mut GraphBuilder, ix: usize, own: Option<&str>) -> Result<String> {
        let declared = self.models[ix].output(OUTPUT)?;
        let (compare, tensors) = self.leave.of();
        let name = format!("{}/leaves", gate(ix));
        let leaves = graph.node(compare, &name, &[&tensors[ix], self.knob])?;
        let mut then = graph.branch(&stage_name(ix + 1));
        let answer = if ix + 1 == self.count() {
            self.run(&mut then, ix + 1)?
        } else {
            self.choose(&mut then, ix + 1, None)?
        };
        then.output_like(&answer, declared);
        let mut otherwise = then.branch(&stage_name(ix));
        let answer = match own {
            // A branch must define what it gives.
            Some(own) => otherwise.node("Identity", &format!("{}/kept", gate(ix)), &[own])?,
            None => self.run(&mut otherwise, ix)?,
        };
        otherwise.output_like(&answer, declared);
        let joined = if ix == 0 { OUTPUT.to_string() } else { format!("{}/answer", gate(ix)) };
        graph.gate(&gate(ix), &leaves, then, otherwise, &[&joined])?;
        Ok(joined)
    }

    /// Model `ix` in `graph`; returns its answer's tensor.
    fn run(&self, graph: &mut GraphBuilder, ix: usize) -> Result<String> {
        let component = &self.models[ix];
        let tensors = graph.splice(component, &stage_name(ix), self.wires)?;
        Ok(tensors[&component.output(OUTPUT)?.name].clone())
    }
}

/// Names of the paths of `count` models that have none of their own.
pub fn stage_names(count: usize) -> Vec<String> {
    (1..count).map(|ix| stage_name(ix - 1)).chain(["full".to_string()]).collect()
}

/// Name of a model and of its branch.
pub fn stage_name(ix: usize) -> String {
    format!("expert{}", ix + 1)
}

fn gate(ix: usize) -> String {
    format!("gate{}", ix + 1)
}
