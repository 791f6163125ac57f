//! A gate's place in a graph, and the graph without it: names that nodes read, branches, nodes of one path in a row.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use perforate_base::{Error, ErrorKind, Result};

/// A graph on the way to the gate: the `If` in it that leads there, and whether by its then-branch.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// The main graph, or a branch.
    pub graph: &'a GraphProto,
    /// Index of the `If` in it.
    pub at: usize,
    /// Whether the path goes on in the then-branch: to the gate, or at the gate itself to the rest.
    pub then: bool,
}

impl<'a> Level<'a> {
    /// The `If`.
    pub fn node(&self) -> &'a NodeProto {
        &self.graph.node[self.at]
    }

    /// The branch that leads on.
    pub fn onward(&self) -> &'a GraphProto {
        branch(self.node(), self.then).unwrap_or(self.graph)
    }

    /// The other one.
    pub fn other(&self) -> &'a GraphProto {
        branch(self.node(), !self.then).unwrap_or(self.graph)
    }
}

/// A branch of an `If`.
pub fn branch(node: &NodeProto, then: bool) -> Option<&GraphProto> {
    let wanted = if then { "then_branch" } else { "else_branch" };
    node.attribute.iter().find(|attribute| attribute.name == wanted)?.g.as_ref()
}

/// Name of an `If`, as the engine has it.
pub fn gate_name(node: &NodeProto, at: usize) -> String {
    if node.name.is_empty() { format!("If#{at}") } else { node.name.clone() }
}

/// The graphs from the main one to the gate `name`, which counts as passed by its then-branch.
pub fn find<'a>(graph: &'a GraphProto, name: &str) -> Option<Vec<Level<'a>>> {
    let gates = || graph.node.iter().enumerate().filter(|(_, node)| node.op_type == "If");
    if let Some((at, _)) = gates().find(|(at, node)| gate_name(node, *at) == name) {
        return Some(vec![Level { graph, at, then: true }]);
    }
    gates().find_map(|(at, node)| {
        [true, false].into_iter().find_map(|then| {
            let mut levels = find(branch(node, then)?, name)?;
            levels.insert(0, Level { graph, at, then });
            Some(levels)
        })
    })
}

/// All names that a node reads, those that its branches take from outside included.
pub fn read_by(node: &NodeProto) -> Vec<&str> {
    let inner = node.attribute.iter().filter_map(|attribute| attribute.g.as_ref());
    let direct = node.input.iter().map(String::as_str).filter(|name| !name.is_empty());
    direct.chain(inner.flat_map(read_from_outside)).collect()
}

/// The names that a branch reads and does not define.
pub fn read_from_outside(graph: &GraphProto) -> Vec<&str> {
    let given = graph.node.iter().flat_map(|node| &node.output).map(String::as_str);
    let stored = graph.initializer.iter().map(|tensor| tensor.name.as_str());
    let own: HashSet<&str> = given.chain(stored).collect();
    let read = graph.node.iter().flat_map(read_by);
    let outputs = graph.output.iter().map(|output| output.name.as_str());
    read.chain(outputs).filter(|name| !own.contains(name)).collect()
}

/// A tensor under another name.
pub fn identity(name: &str, from: &str) -> NodeProto {
    NodeProto {
        op_type: "Identity".into(),
        name: name.into(),
        input: vec![from.into()],
        output: vec![name.into()],
        ..NodeProto::default()
    }
}

/// A branch in the place of the `If` that it belongs to: its nodes, then its answers under the names that the `If` gives them.
pub fn inlined(node: &NodeProto, branch: &GraphProto) -> Vec<NodeProto> {
    let answers = node.output.iter().zip(&branch.output);
    let answers = answers.map(|(name, output)| identity(name, &output.name));
    branch.node.iter().cloned().chain(answers).collect()
}

/// What runs for a row that takes the path of `levels`, without gates on the way, and which nodes of it belong to the rest:
/// the last branch, and all that reads what it gives.
#[derive(Debug, Clone)]
pub struct Flat {
    /// Nodes in the order in which they run.
    pub nodes: Vec<NodeProto>,
    /// Whether a node belongs to the rest.
    pub late: Vec<bool>,
    /// Constants.
    pub initializers: Vec<TensorProto>,
}

impl Flat {
    /// Puts the graphs of `levels` into one.
    ///
    /// # Errors
    /// `Model` where two of them give a tensor the same name, which ONNX forbids.
    pub fn new(levels: &[Level]) -> Result<Flat> {
        let (mut nodes, mut late, mut initializers) = (vec![], vec![], vec![]);
        for (depth, level) in levels.iter().enumerate().rev() {
            let (before, after) =
                (&level.graph.node[..level.at], &level.graph.node[level.at + 1..]);
            if depth + 1 == levels.len() {
                nodes = level.onward().node.clone();
                late = vec![true; nodes.len()];
                initializers = level.onward().initializer.clone();
            }
            let answers = level.node().output.iter().zip(&level.onward().output);
            let answers = answers.map(|(name, output)| identity(name, &output.name));
            let rest: Vec<NodeProto> = answers.chain(after.iter().cloned()).collect();
            late.splice(0..0, vec![false; before.len()]);
            late.extend(vec![false; rest.len()]);
            nodes.splice(0..0, before.iter().cloned());
            nodes.extend(rest);
            initializers.extend(level.graph.initializer.iter().cloned());
        }
        let mut names = HashSet::new();
        for name in nodes.iter().flat_map(|node| &node.output).filter(|name| !name.is_empty()) {
            if !names.insert(name.as_str()) {
                let text = format!(
                    "two tensors are called `{name}`, which ONNX forbids: export the file again"
                );
                return Err(Error::new(ErrorKind::Model, text));
            }
        }
        let mut flat = Flat { nodes, late, initializers };
        flat.spread();
        Ok(flat)
    }

    /// What reads a tensor of the rest belongs to the rest.
    fn spread(&mut self) {
        let mut made: HashSet<&str> = HashSet::new();
        for (node, late) in self.nodes.iter().zip(&mut self.late) {
            *late |= read_by(node).iter().any(|name| made.contains(name));
            if *late {
                made.extend(node.output.iter().map(String::as_str));
            }
        }
    }

    /// Leaves nodes out on which none of `outputs` depends.
    pub fn pruned(mut self, outputs: &[String]) -> Flat {
        let mut needed: HashSet<String> = outputs.iter().cloned().collect();
        let mut keep = vec![false; self.nodes.len()];
        for (ix, node) in self.nodes.iter().enumerate().rev() {
            if node.output.iter().any(|name| needed.contains(name)) {
                needed.extend(read_by(node).into_iter().map(String::from));
                keep[ix] = true;
            }
        }
        let mut kept = keep.iter();
        self.nodes.retain(|_| kept.next() == Some(&true));
        let mut kept = keep.iter();
        self.late.retain(|_| kept.next() == Some(&true));
        self.initializers.retain(|tensor| needed.contains(&tensor.name));
        self
    }
}
