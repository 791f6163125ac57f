//! Whole models in order of cost, as a ladder of gates: a row climbs while its score at the rung exceeds the knob.

use std::collections::{BTreeMap, HashMap};

use crate::error::Result;
use crate::onnx::{Component, GraphBuilder};

/// Name of every model's answer, and of the routed model's.
pub(super) const OUTPUT: &str = "logits";

/// The models, and at what they are left.
pub(super) struct Ladder<'a> {
    /// Cheapest first; at least two. All read the data input and give `logits`.
    pub models: &'a [Component],
    /// For every model but the last, the tensor of the score `[N, 1]` above which a row leaves it.
    pub leave: &'a [String],
    /// The knob that scores are compared with.
    pub knob: &'a str,
    /// The data input's tensor.
    pub wires: &'a HashMap<String, String>,
}

impl Ladder<'_> {
    /// Adds the gates to `graph` and declares its output. `first` is the first model's answer, if it has run.
    pub fn climb(&self, graph: &mut GraphBuilder, first: Option<&str>) -> Result<()> {
        let answer = self.choose(graph, 0, first)?;
        graph.output_like(&answer, self.models[0].output(OUTPUT)?);
        Ok(())
    }

    /// Labels of the gates' branches: where a row ends.
    pub fn labels(&self) -> BTreeMap<String, [String; 2]> {
        let last = self.leave.len();
        let label = |ix: usize| {
            let on = if ix + 1 == last { "full".to_string() } else { String::new() };
            (gate(ix), [on, rung(ix)])
        };
        (0..last).map(label).collect()
    }

    /// The gate behind model `ix`; returns the answer's tensor. `own` is that model's answer, if it has run.
    fn choose(&self, graph: &mut GraphBuilder, ix: usize, own: Option<&str>) -> Result<String> {
        let declared = self.models[ix].output(OUTPUT)?;
        let leaves = graph.node(
            "Greater",
            &format!("{}/leaves", gate(ix)),
            &[&self.leave[ix], self.knob],
        )?;
        let mut then = graph.branch(&rung(ix + 1));
        let answer = if ix + 1 == self.leave.len() {
            self.run(&mut then, ix + 1)?
        } else {
            self.choose(&mut then, ix + 1, None)?
        };
        then.output_like(&answer, declared);
        let mut otherwise = then.branch(&rung(ix));
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
        let tensors = graph.splice(component, &rung(ix), self.wires)?;
        Ok(tensors[&component.output(OUTPUT)?.name].clone())
    }
}

/// Name of a model and of its branch.
pub(super) fn rung(ix: usize) -> String {
    format!("expert{}", ix + 1)
}

fn gate(ix: usize) -> String {
    format!("gate{}", ix + 1)
}
