//! Builds one block: gathers nodes into segments, up to what a gate or an output needs.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, ValueInfoProto};

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::value_info;

use super::cutter::{Binding, Partitioner, Scope};
use super::names::{names_read, undefined};
use crate::compiler::Source;
use crate::segment::SegmentId;
use crate::tree::Step;

/// The state of cutting one graph.
pub(super) struct BlockBuilder<'a, 'l> {
    pub graph: &'a GraphProto,
    pub label: &'l str,
    /// The gate whose branch it is.
    pub gate: &'l str,
    /// Nodes that stand in a segment already, and gates passed.
    pub done: HashSet<usize>,
    pub live: HashSet<usize>,
    pub steps: Vec<Step>,
}

impl<'a> BlockBuilder<'a, '_> {
    /// An `Identity` of a tensor from outside is that tensor, so that there is nothing to run. Files
    /// need it where a branch hands something through, since a branch must define what it gives.
    pub fn pass_through(&mut self, scope: &mut Scope<'a>) {
        for (ix, node) in self.graph.node.iter().enumerate() {
            if let ("Identity", [from], [to]) =
                (node.op_type.as_str(), &node.input[..], &node.output[..])
                && let Some(Binding::Slot(slot)) = scope.get(from.as_str())
            {
                let slot = *slot;
                scope.insert(to, Binding::Slot(slot));
                self.done.insert(ix);
            }
        }
    }

    /// Makes a segment of one node, whose outputs have sizes that are not known before it has run: whoever reads them is
    /// in a segment behind it.
    pub fn stand_alone(
        &mut self,
        cutter: &mut Partitioner,
        scope: &mut Scope<'a>,
        ix: usize,
    ) -> Result<()> {
        let node = &self.graph.node[ix];
        let missing = |name: &&str| !name.is_empty() && !scope.contains_key(*name);
        let inputs: Vec<&str> = node.input.iter().map(String::as_str).filter(missing).collect();
        for &name in &inputs {
            let nodes = self.ancestors(scope, &[name])?;
            let mut read = nodes.iter().flat_map(|&ix| names_read(&self.graph.node[ix]));
            let from_knobs = read.any(|name| matches!(scope.get(name), Some(Binding::Slot(_))))
                && self.follows_from_knobs(cutter, scope, name)?;
            if from_knobs {
                self.emit(cutter, scope, &[name], &[])?;
            }
        }
        self.emit(cutter, scope, &inputs, &[])?;
        let outputs: Vec<&str> = node.output.iter().map(String::as_str).collect();
        self.emit(cutter, scope, &outputs, &[])
    }

    /// Compiles what `wanted` needs and is not computed yet into one segment; `also` names
    /// tensors to keep if the segment happens to compute them.
    pub fn emit(
        &mut self,
        cutter: &mut Partitioner,
        scope: &mut Scope<'a>,
        wanted: &[&str],
        also: &[&str],
    ) -> Result<()> {
        let nodes = self.ancestors(scope, wanted)?;
        // A constant that is asked for as a value needs a segment as well, to become one.
        let constants: Vec<&str> = wanted
            .iter()
            .copied()
            .filter(|name| matches!(scope.get(name), Some(Binding::Constant(_))))
            .collect();
        if nodes.is_empty() && constants.is_empty() {
            return Ok(());
        }
        let made: HashSet<&str> =
            nodes.iter().flat_map(|&ix| &self.graph.node[ix].output).map(String::as_str).collect();
        let mut read: Vec<&'a str> = vec![];
        for &ix in &nodes {
            for name in names_read(&self.graph.node[ix]) {
                if !made.contains(name) && !read.contains(&name) {
                    read.push(name);
                }
            }
        }
        let mut graph = GraphProto { name: "segment".into(), ..GraphProto::default() };
        let mut inputs = vec![];
        for name in read {
            match scope.get(name) {
                Some(Binding::Slot(slot)) => {
                    let fact = cutter.slots[*slot].fact.clone();
                    graph.input.push(value_info(name, fact.datum_type, None)?);
                    inputs.push((*slot, fact));
                }
                Some(Binding::Constant(tensor)) => graph.initializer.push((*tensor).clone()),
                None => return Err(undefined(name)),
            }
        }
        for name in &constants {
            if let Some(Binding::Constant(tensor)) = scope.get(name) {
                graph.initializer.push((*tensor).clone());
            }
        }
        let exported = self.exported(&nodes, wanted, also);
        let mut outputs: Vec<&'a str> = self
            .graph
            .node
            .iter()
            .flat_map(|n| &n.output)
            .map(String::as_str)
            .filter(|name| made.contains(name) && exported.contains(name))
            .collect();
        outputs.extend(
            self.graph
                .output
                .iter()
                .map(|o| o.name.as_str())
                .filter(|name| constants.contains(name)),
        );
        for name in &outputs {
            graph.output.push(ValueInfoProto { name: name.to_string(), ..Default::default() });
        }
        graph.node = nodes.iter().map(|&ix| self.graph.node[ix].clone()).collect();
        let name = self.segment_name(&nodes, cutter.segments.len());
        let (mut segment, facts) = cutter.compiler.compile(Source { name, graph, inputs })?;
        let from_rows = segment.inputs.iter().any(|&slot| cutter.slots[slot].from_rows);
        for (name, fact) in outputs.iter().zip(facts) {
            let slot = cutter.slot(name, fact, from_rows);
            segment.outputs.push(slot);
            scope.insert(name, Binding::Slot(slot));
        }
        self.done.extend(nodes);
        self.steps.push(Step::Run(SegmentId::new(cutter.segments.len())));
        cutter.segments.push(segment);
        Ok(())
    }

    /// Whether a tensor that is still to be computed depends on knobs and constants alone.
    pub fn follows_from_knobs(
        &self,
        cutter: &Partitioner,
        scope: &Scope<'a>,
        name: &str,
    ) -> Result<bool> {
        let nodes = self.ancestors(scope, &[name])?;
        let mut read = nodes.iter().flat_map(|&ix| names_read(&self.graph.node[ix]));
        let from_rows = |name: &str| match scope.get(name) {
            Some(Binding::Slot(slot)) => cutter.slots[*slot].from_rows,
            _ => false,
        };
        Ok(!nodes.is_empty() && !read.any(from_rows))
    }

    /// Nodes still to run that `wanted` depends on, in the graph's order.
    fn ancestors(&self, scope: &Scope<'a>, wanted: &[&str]) -> Result<Vec<usize>> {
        let mut needed: HashSet<&str> = wanted.iter().copied().collect();
        let mut nodes = vec![];
        for (ix, node) in self.graph.node.iter().enumerate().rev() {
            if self.done.contains(&ix) || !node.output.iter().any(|o| needed.contains(o.as_str())) {
                continue;
            }
            if node.op_type == "If" {
                return Err(Error::new(
                    ErrorKind::Model,
                    "this `If` is used before it is computed: the nodes are not in topological order",
                )
                .node(&node.name));
            }
            needed.extend(names_read(node));
            nodes.push(ix);
        }
        nodes.reverse();
        let made: HashSet<&str> =
            nodes.iter().flat_map(|&ix| &self.graph.node[ix].output).map(String::as_str).collect();
        match needed.iter().find(|name| !made.contains(*name) && !scope.contains_key(*name)) {
            Some(name) => Err(undefined(name)),
            None => Ok(nodes),
        }
    }

    /// Tensors made by `nodes` that something outside them reads.
    fn exported(&self, nodes: &[usize], wanted: &[&str], also: &[&str]) -> HashSet<&'a str> {
        let inside: HashSet<usize> = nodes.iter().copied().collect();
        let mut exported: HashSet<&'a str> = HashSet::new();
        let made: HashSet<&'a str> =
            nodes.iter().flat_map(|&ix| &self.graph.node[ix].output).map(String::as_str).collect();
        let later = self
            .graph
            .node
            .iter()
            .enumerate()
            .filter(|(ix, _)| {
                !inside.contains(ix) && !self.done.contains(ix) && self.live.contains(ix)
            })
            // A gate's own condition chain is not run: only what the branches read counts.
            .flat_map(|(_, node)| names_read(node));
        let outputs = self.graph.output.iter().map(|o| o.name.as_str());
        let asked =
            made.iter().copied().filter(|name| wanted.contains(name) || also.contains(name));
        exported.extend(later.chain(outputs).filter(|name| made.contains(name)));
        exported.extend(asked);
        exported
    }

    /// A name for people: the branch's label, or the common prefix of the nodes' names.
    fn segment_name(&self, nodes: &[usize], ordinal: usize) -> String {
        if !self.label.is_empty() && self.steps.is_empty() {
            return match self.gate.split_once('/') {
                // Where every stage has such branches, which one it is.
                Some((stage, _)) if !self.label.contains(stage) => {
                    format!("{stage} {}", self.label)
                }
                _ => self.label.to_string(),
            };
        }
        let mut names =
            nodes.iter().map(|&ix| self.graph.node[ix].name.as_str()).filter(|n| n.contains('/'));
        let prefix = names.next().and_then(|n| n.split('/').next()).unwrap_or("");
        let same = names.all(|n| n.split('/').next() == Some(prefix));
        match (prefix, same) {
            ("", _) => format!("segment {ordinal}"),
            (prefix, true) => prefix.to_string(),
            (prefix, false) => format!("{prefix} …"),
        }
    }
}
