//! Cuts an ONNX graph at its `If` nodes into a tree of segments and gates.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{self, GraphProto, NodeProto, TensorProto, ValueInfoProto};
use tract_onnx::prelude::{DatumType, TypedFact};

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::scalar_value;

use super::gate::{Gate, find_decision};
use super::ops;
use super::segment::{Compiler, Segment, Source};
use super::trace::MAX_GATES;

/// A stretch of the program: steps in order, then where its outputs are found.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub steps: Vec<Step>,
    pub outputs: Vec<usize>,
    /// Slots that it reads and that are set before it starts.
    pub reads: Vec<usize>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Run(usize),
    Branch(Box<Fork>),
}

/// A gate in its place: what decides, and what follows.
#[derive(Debug)]
pub(crate) struct Fork {
    pub gate: usize,
    pub decision: usize,
    pub score: Option<usize>,
    /// `[then, else]`
    pub branches: [Block; 2],
    pub outputs: Vec<usize>,
}

/// A tensor that passes between segments.
#[derive(Debug)]
pub(crate) struct Slot {
    pub name: String,
    pub fact: TypedFact,
    pub per_row: bool,
    /// Whether anything of the data inputs is in it; if not, it follows from the knobs alone.
    pub from_rows: bool,
}

/// Everything that cutting produces.
pub(crate) struct Cutter {
    pub compiler: Compiler,
    pub slots: Vec<Slot>,
    pub segments: Vec<Segment>,
    pub gates: Vec<Gate>,
    /// Names of the inputs that are knobs.
    pub knobs: HashSet<String>,
    /// Branch labels by gate name, from the metadata.
    pub labels: HashMap<String, [String; 2]>,
}

/// What a tensor name means in the graph at hand.
#[derive(Clone)]
enum Binding<'a> {
    Slot(usize),
    Constant(&'a TensorProto),
}

type Scope<'a> = HashMap<&'a str, Binding<'a>>;

impl Cutter {
    pub fn slot(&mut self, name: &str, fact: TypedFact, from_rows: bool) -> usize {
        let per_row = self.compiler.is_per_row(&fact);
        self.slots.push(Slot { name: name.to_string(), fact, per_row, from_rows });
        self.slots.len() - 1
    }

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
        let producers: HashMap<&str, &NodeProto> = graph
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
        producers: &HashMap<&str, &NodeProto>,
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
        let closures: HashSet<&str> =
            free_names(then_graph).into_iter().chain(free_names(else_graph)).collect();
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
        builder.emit(self, scope, &wanted, &score_side)?;

        let slot_of = |scope: &Scope, name: &str| match scope.get(name) {
            Some(Binding::Slot(slot)) => Some(*slot),
            _ => None,
        };
        let decision_slot = slot_of(scope, &decision.tensor).ok_or_else(|| {
            fault("the condition is a constant, so nothing is routed here: remove this `If`")
        })?;
        let per_row = self.slots[decision_slot].per_row;
        let one_a_row = self.slots[decision_slot].fact.shape.iter().skip(1).all(|d| d == &1.into());
        if per_row && !one_a_row {
            return Err(fault("the condition holds more than one value a row"));
        }
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
            .get(&place)
            .cloned()
            .unwrap_or_else(|| [format!("{place}:then"), format!("{place}:else")]);
        self.gates.push(Gate {
            name: place.clone(),
            labels,
            per_row,
            score: score.map(|slot| self.slots[slot].name.clone()),
            against: comparison.as_ref().map(|(_, _, other)| other.clone()),
            comparison: comparison.filter(|_| score.is_some() || constant_score.is_some()).map(
                |(compare, _, other)| {
                    (compare, Some(other).filter(|name| self.knobs.contains(name)))
                },
            ),
            constant_score,
            reads_rows: self.slots[decision_slot].from_rows,
        });
        let labels = self.gates[gate].labels.clone();
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
        builder.steps.push(Step::Branch(Box::new(Fork {
            gate,
            decision: decision_slot,
            score,
            branches: [then_block, else_block],
            outputs,
        })));
        Ok(())
    }

    /// The fact of a tensor that comes from either branch: types must agree, and so must the row axis.
    fn joined_fact(&self, a: usize, b: usize, place: &str) -> Result<TypedFact> {
        let (a, b) = (&self.slots[a], &self.slots[b]);
        if a.fact.datum_type != b.fact.datum_type || a.fact.rank() != b.fact.rank() {
            return Err(Error::new(
                ErrorKind::Model,
                format!(
                    "the branches give `{}` as {:?} and `{}` as {:?}; both must have the same type and rank",
                    a.name, a.fact, b.name, b.fact
                ),
            )
            .node(place));
        }
        Ok(if a.per_row { a.fact.clone() } else { b.fact.clone() })
    }

    /// Slots that these steps and outputs use and that no step before sets.
    fn reads(&self, steps: &[Step], outputs: &[usize]) -> Vec<usize> {
        let mut set = HashSet::new();
        let mut reads = vec![];
        let mut read = |slot: usize, set: &HashSet<usize>| {
            if !set.contains(&slot) && !reads.contains(&slot) {
                reads.push(slot);
            }
        };
        for step in steps {
            match step {
                Step::Run(segment) => {
                    self.segments[*segment].inputs.iter().for_each(|&slot| read(slot, &set));
                    set.extend(&self.segments[*segment].outputs);
                }
                Step::Branch(fork) => {
                    read(fork.decision, &set);
                    fork.score.iter().for_each(|&slot| read(slot, &set));
                    let inner = fork.branches.iter().flat_map(|block| &block.reads);
                    inner.for_each(|&slot| read(slot, &set));
                    set.extend(&fork.outputs);
                }
            }
        }
        outputs.iter().for_each(|&slot| read(slot, &set));
        reads
    }
}

/// The state of cutting one graph.
struct BlockBuilder<'a, 'l> {
    graph: &'a GraphProto,
    label: &'l str,
    /// The gate whose branch it is.
    gate: &'l str,
    /// Nodes that stand in a segment already, and gates passed.
    done: HashSet<usize>,
    live: HashSet<usize>,
    steps: Vec<Step>,
}

impl<'a> BlockBuilder<'a, '_> {
    /// An `Identity` of a tensor from outside is that tensor, so that there is nothing to run. Files
    /// need it where a branch hands something through, since a branch must define what it gives.
    fn pass_through(&mut self, scope: &mut Scope<'a>) {
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
    fn stand_alone(&mut self, cutter: &mut Cutter, scope: &mut Scope<'a>, ix: usize) -> Result<()> {
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
    fn emit(
        &mut self,
        cutter: &mut Cutter,
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
                    graph.input.push(value_info(name, fact.datum_type)?);
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
        self.steps.push(Step::Run(cutter.segments.len()));
        cutter.segments.push(segment);
        Ok(())
    }

    /// Whether a tensor that is still to be computed depends on knobs and constants alone.
    fn follows_from_knobs(&self, cutter: &Cutter, scope: &Scope<'a>, name: &str) -> Result<bool> {
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

fn undefined(name: &str) -> Error {
    Error::new(
        ErrorKind::Model,
        format!("the tensor `{name}` is used but never defined, so the file is damaged"),
    )
}

fn value_info(name: &str, datum_type: DatumType) -> Result<ValueInfoProto> {
    perforate_onnx::value_info(name, datum_type, None)
}

/// Nodes that some output of the graph depends on.
fn live_nodes(graph: &GraphProto) -> Result<HashSet<usize>> {
    let mut needed: HashSet<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    let mut live = HashSet::new();
    for (ix, node) in graph.node.iter().enumerate().rev() {
        if node.output.iter().any(|name| needed.contains(name.as_str())) {
            needed.extend(names_read(node));
            live.insert(ix);
        }
    }
    Ok(live)
}

fn branches_of(node: &NodeProto) -> Option<[&GraphProto; 2]> {
    let branch = |name: &str| node.attribute.iter().find(|a| a.name == name)?.g.as_ref();
    Some([branch("then_branch")?, branch("else_branch")?])
}

/// Names that a node reads: its inputs, and what its sub-graphs take from outside.
fn names_read(node: &NodeProto) -> impl Iterator<Item = &str> {
    let graphs = node.attribute.iter().filter_map(|a| a.g.as_ref());
    let closures = graphs.flat_map(free_names);
    node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).chain(closures)
}

/// Names that a sub-graph reads and does not define.
fn free_names(graph: &pb::GraphProto) -> Vec<&str> {
    let defined: HashSet<&str> = graph
        .input
        .iter()
        .map(|i| i.name.as_str())
        .chain(graph.initializer.iter().map(|i| i.name.as_str()))
        .chain(graph.node.iter().flat_map(|n| &n.output).map(String::as_str))
        .collect();
    let outputs = graph.output.iter().map(|o| o.name.as_str());
    let mut free: Vec<&str> = graph
        .node
        .iter()
        .flat_map(|node| names_read(node).collect::<Vec<_>>())
        .chain(outputs)
        .filter(|name| !defined.contains(name))
        .collect();
    free.sort_unstable();
    free.dedup();
    free
}
