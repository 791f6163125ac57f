//! Leaves out of a graph what nothing reads.

use std::collections::HashSet;

use tract_onnx::pb::GraphProto;

use super::reads::read_by;

/// Removes nodes and constants that nothing reads any more, in inner graphs too.
pub fn prune(graph: &mut GraphProto) {
    remove_unread(graph);
}

/// The same; returns how many nodes.
pub(super) fn remove_unread(graph: &mut GraphProto) -> usize {
    let inner = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    let mut gone: usize =
        inner.filter_map(|attribute| attribute.g.as_mut()).map(remove_unread).sum();
    let inputs: HashSet<String> = graph.input.iter().map(|input| input.name.clone()).collect();
    loop {
        let mut read: HashSet<String> = graph.output.iter().map(|o| o.name.clone()).collect();
        for node in &graph.node {
            read.extend(read_by(node).into_iter().map(str::to_string));
        }
        let before = graph.node.len();
        graph.node.retain(|node| node.output.iter().any(|output| read.contains(output)));
        // An input that lost its default would have to be given.
        let is_kept = |name: &String| read.contains(name) || inputs.contains(name);
        graph.initializer.retain(|tensor| is_kept(&tensor.name));
        if graph.node.len() == before {
            return gone;
        }
        gone += before - graph.node.len();
    }
}
