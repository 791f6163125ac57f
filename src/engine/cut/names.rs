//! The names of tensors in a graph: which nodes read them, and what a sub-graph takes from outside.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, NodeProto};

use perforate_base::{Error, ErrorKind, Result};

pub(super) fn undefined(name: &str) -> Error {
    Error::new(
        ErrorKind::Model,
        format!("the tensor `{name}` is used but never defined, so the file is damaged"),
    )
}

/// Nodes that some output of the graph depends on.
pub(super) fn live_nodes(graph: &GraphProto) -> Result<HashSet<usize>> {
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

pub(super) fn branches_of(node: &NodeProto) -> Option<[&GraphProto; 2]> {
    let branch = |name: &str| node.attribute.iter().find(|a| a.name == name)?.g.as_ref();
    Some([branch("then_branch")?, branch("else_branch")?])
}

/// Names that a node reads: its inputs, and what its sub-graphs take from outside.
pub(super) fn names_read(node: &NodeProto) -> impl Iterator<Item = &str> {
    let graphs = node.attribute.iter().filter_map(|a| a.g.as_ref());
    let closures = graphs.flat_map(free_names);
    node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).chain(closures)
}

/// Names that a sub-graph reads and does not define.
pub(super) fn free_names(graph: &GraphProto) -> Vec<&str> {
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
