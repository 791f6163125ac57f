//! What nodes read, also from inside their graphs, and which of them are not the same each time.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, NodeProto};

/// All names that a node reads, those that its subgraphs take from outside included.
pub(super) fn read_by(node: &NodeProto) -> Vec<&str> {
    let inner = node.attribute.iter().filter_map(|a| a.g.as_ref());
    let direct = node.input.iter().map(String::as_str);
    direct.chain(inner.flat_map(read_inside)).filter(|name| !name.is_empty()).collect()
}

/// The names that a graph takes from outside.
pub(super) fn read_inside(graph: &GraphProto) -> Vec<&str> {
    let own: HashSet<&str> = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter().map(String::as_str))
        .chain(graph.initializer.iter().map(|tensor| tensor.name.as_str()))
        .chain(graph.input.iter().map(|input| input.name.as_str()))
        .collect();
    let read = graph.node.iter().flat_map(read_by);
    let given = graph.output.iter().map(|output| output.name.as_str());
    read.chain(given).filter(|name| !own.contains(name)).collect()
}

/// Whether a node, or one inside it, draws at random: then it does not give the same each time, though it may read
/// nothing.
pub(super) fn is_random(node: &NodeProto) -> bool {
    let own = node.op_type.starts_with("Random")
        || ["Multinomial", "Bernoulli"].contains(&node.op_type.as_str())
        // Active where its third input says that it trains.
        || (node.op_type == "Dropout" && node.input.len() > 2);
    let mut inner = node.attribute.iter().filter_map(|a| a.g.as_ref());
    own || inner.any(|graph| graph.node.iter().any(is_random))
}
