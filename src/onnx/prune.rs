//! Leaves out of a graph what nothing reads.

use std::collections::HashSet;

use tract_onnx::pb::GraphProto;

/// Removes nodes and constants that nothing reads any more.
pub fn prune(graph: &mut GraphProto) {
    loop {
        let mut read: HashSet<String> = graph.output.iter().map(|o| o.name.clone()).collect();
        for node in &graph.node {
            read.extend(node.input.iter().cloned());
            for inner in node.attribute.iter().filter_map(|a| a.g.as_ref()) {
                read_inside(inner, &mut read);
            }
        }
        let before = graph.node.len();
        graph.node.retain(|node| node.output.iter().any(|output| read.contains(output)));
        graph.initializer.retain(|tensor| read.contains(&tensor.name));
        if graph.node.len() == before {
            return;
        }
    }
}

fn read_inside(graph: &GraphProto, read: &mut HashSet<String>) {
    for node in &graph.node {
        read.extend(node.input.iter().cloned());
        for inner in node.attribute.iter().filter_map(|a| a.g.as_ref()) {
            read_inside(inner, read);
        }
    }
    read.extend(graph.output.iter().map(|output| output.name.clone()));
}
