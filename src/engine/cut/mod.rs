//! Cuts an ONNX graph at its `If` nodes into a tree of segments and gates.

mod builder;
mod cutter;
mod names;

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto};

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::scalar_value;

use super::gate::{Decision, Gate, find_decision};
use super::ops;
use super::path::MAX_GATES;
use super::tree::{Block, GateNode, Step};

pub(crate) use cutter::Partitioner;

use builder::BlockBuilder;
use cutter::{Binding, Scope, slot_of};
use names::{branches_of, free_names, live_nodes, undefined};

/// The node that makes each tensor of a graph.
type Producers<'a> = HashMap<&'a str, &'a NodeProto>;

impl Partitioner {
    /// Cuts the main graph; `inputs` are the slots of its inputs.
    pub fn root(&mut self, graph: &GraphProto, inputs: &[(String, usize)]) -> Result<Block> {
        let mut scope: Scope = HashMap::new();
        for input in &graph.input {
            if let Some((_, slot)) = inputs.iter().find(|(name, _)| *name == input.name) {
                scope.insert(&input.name, Binding::Slot(*slot));
            }
        }
        self.block(graph, scope, ("", ""))
    }

    fn block<'a>(
        &mut self,
        graph: &'a GraphProto,
        mut scope: Scope<'a>,
        (gate, label): (&str, &str),
    ) -> Result<Block> {
        for constant in &graph.initializer {
            // An input with an initialiser has a default; the slot that holds its value wins.
            scope.entry(&constant.name).or_insert(Binding::Constant(constant));
        }
        let live = live_nodes(graph)?;
        let producers: Producers = graph
            .node
            .iter()
            .flat_map(|n| n.output.iter().map(move |name| (name.as_str(), n)))
            .collect();
        let mut builder =
            BlockBuilder { graph, label, gate, done: HashSet::new(), live, steps: vec![] };
        builder.pass_through(&mut scope);
        for (ix, node) in graph.node.iter().enumerate() {
            if !builder.live.contains(&ix) {
                continue;
            }
            if node.op_type == "If" {
                self.fork(&mut builder, &mut scope, &producers, ix)?;
            } else if ops::changes_sizes(node) {
                builder.stand_alone(self, &mut scope, ix)?;
            }
        }
        let wanted: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
        builder.emit(self, &mut scope, &wanted, &[])?;
        let outputs = wanted
            .iter()
            .map(|name| match scope.get(name) {
                Some(Binding::Slot(slot)) => Ok(*slot),
                _ => Err(undefined(name)),
            })
            .collect::<Result<Vec<_>>>()?;
        let steps = builder.steps;
        let reads = self.reads(&steps, &outputs);
        Ok(Block { steps, outputs, reads })
    }

    /// Emits the segment that a gate waits for, then the gate with its branches.
    fn fork<'a>(
        &mut self,
        builder: &mut BlockBuilder<'a, '_>,
        scope: &mut Scope<'a>,
        producers: &Producers<'_>,
        ix: usize,
    ) -> Result<()> {
        let node = &builder.graph.node[ix];
        let place = if node.name.is_empty() { format!("If#{ix}") } else { node.name.clone() };
        let fault = |text: &str| Error::new(ErrorKind::Model, text).node(place.clone());
        let gate = self.gates.len();
        if gate >= MAX_GATES {
            return Err(fault(&format!("the model has more than {MAX_GATES} gates")));
        }
        let condition =
            node.input.first().ok_or_else(|| fault("this `If` has no condition input"))?;
        let [then_graph, else_graph] = branches_of(node).ok_or_else(|| {
            fault("this `If` lacks its then_branch or else_branch, so the file is damaged")
        })?;
        let decision = find_decision(producers, condition);
        self.emit_before_gate(builder, scope, producers, &decision, [then_graph, else_graph])?;
        let decision_slot = slot_of(scope, &decision.tensor).ok_or_else(|| {
            fault("the condition is a constant, so nothing is routed here: remove this `If`")
        })?;
        let slot = &self.slots[decision_slot];
        if slot.per_row && !slot.fact.shape.iter().skip(1).all(|d| d == &1.into()) {
            return Err(fault("the condition holds more than one value a row"));
        }
        let (of, score) = self.gate(scope, &place, &decision, decision_slot);
        let labels = of.labels.clone();
        self.gates.push(of);
        let then_block = self.block(then_graph, scope.clone(), (&place, &labels[0]))?;
        let else_block = self.block(else_graph, scope.clone(), (&place, &labels[1]))?;
        if then_block.outputs.len() != node.output.len()
            || else_block.outputs.len() != node.output.len()
        {
            return Err(fault("the branches of this `If` have different numbers of outputs"));
        }
        let mut outputs = vec![];
        for (ix, name) in node.output.iter().enumerate() {
            let ends = [then_block.outputs[ix], else_block.outputs[ix]];
            let fact = self.joined_fact(ends[0], ends[1], &place)?;
            let from_rows = ends.iter().chain([&decision_slot]).any(|&ix| self.slots[ix].from_rows);
            let slot = self.slot(name, fact, from_rows);
            scope.insert(name, Binding::Slot(slot));
            outputs.push(slot);
        }
        builder.done.insert(ix);
        builder.steps.push(Step::Branch(Box::new(GateNode {
            gate,
            decision: decision_slot,
            score,
            branches: [then_block, else_block],
            outputs,
        })));
        Ok(())
    }

    /// Emits what a gate's decision and branches read.
    fn emit_before_gate<'a>(
        &mut self,
        builder: &mut BlockBuilder<'a, '_>,
        scope: &mut Scope<'a>,
        producers: &Producers<'_>,
        decision: &Decision,
        branches: [&GraphProto; 2],
    ) -> Result<()> {
        let closures: HashSet<&str> = branches.into_iter().flat_map(free_names).collect();
        let score_side = decision.sides.iter().flat_map(|(_, left, right)| [left, right]);
        let score_side: Vec<&str> = score_side
            .filter_map(|name| producers.get_key_value(name.as_str()).map(|(key, _)| *key))
            .collect();
        // What follows from the knobs alone is kept apart, so that it can be known without a row.
        if builder.follows_from_knobs(self, scope, &decision.tensor)? {
            builder.emit(self, scope, &[&decision.tensor], &[])?;
        }
        let mut wanted: Vec<&str> = vec![&decision.tensor];
        wanted.extend(closures.iter().filter(|name| producers.contains_key(*name)));
        builder.emit(self, scope, &wanted, &score_side)
    }

    /// The gate at `place`, and the slot of its score if it has one.
    fn gate(
        &self,
        scope: &Scope,
        place: &str,
        decision: &Decision,
        decision_slot: usize,
    ) -> (Gate, Option<usize>) {
        let number_of = |name: &str| match scope.get(name) {
            Some(Binding::Constant(tensor)) => scalar_value(tensor),
            _ => None,
        };
        let comparison = decision
            .with_score_left(|name| slot_of(scope, name).is_some_and(|s| self.slots[s].per_row))
            .or_else(|| decision.with_score_left(|name| number_of(name).is_some()));
        let score = comparison.as_ref().and_then(|(_, score, _)| slot_of(scope, score));
        let constant_score = comparison.as_ref().and_then(|(_, score, _)| number_of(score));
        let labels = self
            .labels
            .get(place)
            .cloned()
            .unwrap_or_else(|| [format!("{place}:then"), format!("{place}:else")]);
        let gate = Gate {
            name: place.to_string(),
            labels,
            per_row: self.slots[decision_slot].per_row,
            decision: decision.tensor.clone(),
            score: score.map(|slot| self.slots[slot].name.clone()),
            against: comparison.as_ref().map(|(_, _, other)| other.clone()),
            comparison: comparison.filter(|_| score.is_some() || constant_score.is_some()).map(
                |(compare, _, other)| {
                    (compare, Some(other).filter(|name| self.knobs.contains(name)))
                },
            ),
            constant_score,
            is_input_dependent: self.slots[decision_slot].from_rows,
        };
        (gate, score)
    }
}
