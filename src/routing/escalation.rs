//! Whole models in order of cost, as a ladder of gates: at each rung a row stays, or climbs to the next model.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::pb::ModelProto;

use perforate_base::Result;
use perforate_onnx::{Component, GraphBuilder, KnobRange, Metadata};

/// Name of every model's answer, and of the routed model's.
pub const OUTPUT: &str = "logits";

/// What makes a row leave a model for the next one, for every model but the last: a tensor, against the knob.
#[derive(Clone, Copy)]
pub enum ExitRule<'a> {
    /// A score `[N, 1]` that exceeds the knob.
    AboveKnob(&'a [String]),
    /// A cost that the knob covers.
    WithinKnob(&'a [String]),
}

impl<'a> ExitRule<'a> {
    fn of(self) -> (&'static str, &'a [String]) {
        match self {
            ExitRule::AboveKnob(tensors) => ("Greater", tensors),
            ExitRule::WithinKnob(tensors) => ("LessOrEqual", tensors),
        }
    }
}

/// The models, and at what they are left.
pub struct EscalationChain<'a> {
    /// Cheapest first; at least two. All read the data input and give `logits`.
    pub models: &'a [Component],
    /// What their paths are called.
    pub names: Vec<String>,
    /// When a row climbs.
    pub leave: ExitRule<'a>,
    /// The knob that this is compared with.
    pub knob: &'a str,
    /// The data input's tensor.
    pub wires: &'a HashMap<String, String>,
}

impl EscalationChain<'_> {
    /// Adds the gates to `graph`, which has what they compare, and makes the routed model of it. `first` is the first
    /// model's answer, if it has run; `range` is the knob's, with its default.
    pub fn into_model(
        self,
        mut graph: GraphBuilder,
        first: Option<&str>,
        (strategy, range): (&str, KnobRange),
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let answer = self.choose(&mut graph, 0, first)?;
        graph.output_like(&answer, self.models[0].output(OUTPUT)?);
        graph.into_model(&Metadata {
            strategy: Some(strategy.into()),
            labels: self.labels(),
            knobs: BTreeMap::from([(self.knob.into(), range)]),
            provenance,
            tolerance: None,
        })
    }

    /// Labels of the gates' branches: where a row ends.
    fn labels(&self) -> BTreeMap<String, [String; 2]> {
        let last = self.gates();
        let label = |ix: usize| {
            let on = if ix + 1 == last { self.names[last].clone() } else { String::new() };
            (gate(ix), [on, self.names[ix].clone()])
        };
        (0..last).map(label).collect()
    }

    fn gates(&self) -> usize {
        self.models.len() - 1
    }

    /// The gate behind model `ix`; returns the answer's tensor. `own` is that model's answer, if it has run.
    fn choose(&self, graph: &mut GraphBuilder, ix: usize, own: Option<&str>) -> Result<String> {
        let declared = self.models[ix].output(OUTPUT)?;
        let (compare, tensors) = self.leave.of();
        let name = format!("{}/leaves", gate(ix));
        let leaves = graph.node(compare, &name, &[&tensors[ix], self.knob])?;
        let mut then = graph.branch(&stage_name(ix + 1));
        let answer = if ix + 1 == self.gates() {
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
