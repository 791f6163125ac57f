//! A model that lost a part: without what nothing reads any more; and names that are still free in it.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, ModelProto};

use perforate_onnx::prune;

use super::graph::read_by;

/// Leaves out what no output reads any more, inputs included.
pub fn tidy(model: &mut ModelProto) {
    let Some(graph) = model.graph.as_mut() else { return };
    prune(graph);
    let mut read: HashSet<String> = graph.node.iter().flat_map(read_by).map(String::from).collect();
    read.extend(graph.output.iter().map(|output| output.name.clone()));
    graph.input.retain(|input| read.contains(&input.name));
    keep_called(model);
}

/// Model-local functions that a model still calls.
fn keep_called(model: &mut ModelProto) {
    let mut called: HashSet<(String, String)> = HashSet::new();
    let mut graphs: Vec<&GraphProto> = model.graph.iter().collect();
    while let Some(graph) = graphs.pop() {
        for node in &graph.node {
            called.insert((node.domain.clone(), node.op_type.clone()));
            graphs.extend(node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()));
        }
    }
    for node in model.functions.iter().flat_map(|function| &function.node) {
        called.insert((node.domain.clone(), node.op_type.clone()));
    }
    model.functions.retain(|own| called.contains(&(own.domain().into(), own.name().into())));
}

/// The names that a file uses, so that new ones differ.
pub struct Names(HashSet<String>);

impl Names {
    /// Those of all graphs of a model.
    pub fn of(model: &ModelProto) -> Names {
        let mut names = HashSet::new();
        let mut graphs: Vec<&GraphProto> = model.graph.iter().collect();
        while let Some(graph) = graphs.pop() {
            names.extend(graph.input.iter().map(|input| input.name.clone()));
            names.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
            for node in &graph.node {
                names.extend(node.output.iter().cloned());
                graphs.extend(node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()));
            }
        }
        Names(names)
    }

    /// A name that none has yet.
    pub fn fresh(&mut self, name: &str) -> String {
        let mut name = name.to_string();
        while !self.0.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}
