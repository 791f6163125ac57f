//! Where a model can be cut in two: places that few tensors pass.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use perforate_base::{Error, ErrorKind, Result};

use super::component::Component;
use super::reads::{is_random, read_by};

/// How many nodes before and after a cut no place may have fewer tensors passing.
const VALLEY: usize = 8;
/// Most tensors that may pass a cut: what is computed so far, and a mask or the like beside it.
const MOST_PASSING: usize = 4;

/// A place between two nodes of a graph, where it can be cut.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Cut {
    /// Number of nodes before it, in the graph's order.
    after: usize,
    /// The tensor that was computed last: what a head there reads.
    pub tensor: String,
    /// The tensors that pass, inputs and constants left out.
    pub passing: Vec<String>,
}

/// A component with what cutting it needs to know.
#[derive(Debug, Clone)]
pub struct Separable {
    component: Component,
    /// Tensors that depend on no input, or on the inputs' sizes alone, such as the number of rows: they are computed
    /// anew wherever they are needed.
    constant: HashSet<String>,
    /// Index of the node that gives a tensor.
    producer: HashMap<String, usize>,
    /// Index of the last node that reads it; the number of nodes for outputs.
    last_reader: HashMap<String, usize>,
}

impl Separable {
    /// Looks at a component, whose nodes must stand in the order in which they can run, as ONNX demands.
    pub fn new(component: Component) -> Result<Separable> {
        if !component.model().functions.is_empty() {
            let text = "it has functions of its own, which cannot be cut: export it without them";
            return Err(Error::new(ErrorKind::Model, text).at(component.name()));
        }
        let graph = component.graph();
        let mut constant: HashSet<String> =
            graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
        let inputs: HashSet<&str> = component.inputs().map(|input| input.name.as_str()).collect();
        let (mut producer, mut last_reader) = (HashMap::new(), HashMap::new());
        for (ix, node) in graph.node.iter().enumerate() {
            let read = read_by(node);
            let sizes = ["Shape", "Size"].contains(&node.op_type.as_str());
            let known = |name: &&str| constant.contains(*name) || (sizes && inputs.contains(*name));
            if !is_random(node) && read.iter().all(known) {
                constant.extend(node.output.iter().cloned());
            }
            last_reader.extend(read.into_iter().map(|name| (name.to_string(), ix)));
            producer.extend(node.output.iter().map(|name| (name.clone(), ix)));
        }
        let end = graph.node.len();
        last_reader.extend(graph.output.iter().map(|output| (output.name.clone(), end)));
        Ok(Separable { component, constant, producer, last_reader })
    }

    /// The component.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// The cuts, in order: where no place near has fewer tensors passing.
    pub fn cuts(&self) -> Vec<Cut> {
        let nodes = &self.component.graph().node;
        let passing = self.passing();
        let mut cuts: Vec<Cut> = vec![];
        for (ix, here) in passing.iter().enumerate().take(nodes.len().saturating_sub(1)) {
            let near = &passing[ix.saturating_sub(VALLEY)..(ix + VALLEY + 1).min(nodes.len() - 1)];
            let valley = near.iter().all(|there| there.is_empty() || here.len() <= there.len());
            let Some(tensor) = here.iter().max_by_key(|name| self.producer[*name]) else {
                continue;
            };
            let anew = cuts.last().is_none_or(|last| last.passing != *here);
            if valley && anew && here.len() <= MOST_PASSING {
                cuts.push(Cut { after: ix + 1, tensor: tensor.clone(), passing: here.clone() });
            }
        }
        cuts
    }

    /// The tensors that are computed up to each node and read after it, in the order in which they are computed.
    fn passing(&self) -> Vec<Vec<String>> {
        let (mut alive, mut all): (Vec<&String>, _) = (vec![], vec![]);
        for (ix, node) in self.component.graph().node.iter().enumerate() {
            let own = |name: &&String| self.producer.get(*name) == Some(&ix);
            let made = node.output.iter().filter(own);
            alive.extend(made.filter(|name| !self.constant.contains(*name)));
            alive.retain(|name| self.last_reader.get(*name).is_some_and(|&reader| reader > ix));
            all.push(alive.iter().map(|name| name.to_string()).collect());
        }
        all
    }

    /// The model with these tensors as outputs after its own. Their types are left to whoever reads it.
    pub fn with_outputs(&self, tensors: &[String]) -> ModelProto {
        let mut model = self.component.model().clone();
        if let Some(graph) = &mut model.graph {
            let declared =
                |name: &String| ValueInfoProto { name: name.clone(), ..Default::default() };
            let known: HashSet<String> = graph.output.iter().map(|o| o.name.clone()).collect();
            graph.output.extend(tensors.iter().filter(|name| !known.contains(*name)).map(declared));
        }
        model
    }

    /// What lies between two cuts, or an end of the model, as a graph: its nodes, the constants that they read, and
    /// the names that it reads from before. Inputs and outputs are not declared.
    pub fn between(&self, from: Option<&Cut>, to: Option<&Cut>) -> (GraphProto, Vec<String>) {
        let graph = self.component.graph();
        let from = from.map_or(0, |cut| cut.after);
        let to = to.map_or(graph.node.len(), |cut| cut.after);
        let own = |ix: usize| (from..to).contains(&ix) && !self.is_constant(&graph.node[ix]);
        let mut wanted: HashSet<usize> = (0..graph.node.len()).filter(|&ix| own(ix)).collect();
        // Constants are computed wherever they are needed.
        let mut open: Vec<usize> = wanted.iter().copied().collect();
        let (mut given, mut outside) = (HashSet::new(), vec![]);
        while let Some(ix) = open.pop() {
            for name in read_by(&graph.node[ix]) {
                match self.producer.get(name) {
                    Some(&by) if self.constant.contains(name) => {
                        if wanted.insert(by) {
                            open.push(by);
                        }
                    }
                    Some(by) if wanted.contains(by) => {}
                    None if self.constant.contains(name) => drop(given.insert(name.to_string())),
                    _ => outside.push(name.to_string()),
                }
            }
        }
        outside.sort();
        outside.dedup();
        let node = graph.node.iter().enumerate().filter(|(ix, _)| wanted.contains(ix));
        let constants = graph.initializer.iter().filter(|tensor| given.contains(&tensor.name));
        let piece = GraphProto {
            name: "piece".into(),
            node: node.map(|(_, node)| node.clone()).collect(),
            initializer: constants.cloned().collect::<Vec<TensorProto>>(),
            ..GraphProto::default()
        };
        (piece, outside)
    }

    fn is_constant(&self, node: &NodeProto) -> bool {
        node.output.iter().all(|name| name.is_empty() || self.constant.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GraphBuilder, Metadata, OPSET, Size};

    /// A residual block between two plain operators, and a head.
    fn model() -> Separable {
        let mut graph = GraphBuilder::new("g", OPSET);
        let shape = [Size::Rows, Size::Fixed(2)];
        let x = graph.input("x", &shape).unwrap();
        let w = graph.constant("w", &[2, 2], &[1.0; 4]).unwrap();
        let a = graph.node("Relu", "a", &[&x]).unwrap();
        let b = graph.node("MatMul", "b", &[&a, &w]).unwrap();
        let c = graph.node("Add", "c", &[&a, &b]).unwrap();
        let d = graph.node("Relu", "d", &[&c]).unwrap();
        graph.node("MatMul", "y", &[&d, &w]).unwrap();
        graph.output("y", &shape).unwrap();
        let model = graph.into_model(&Metadata::default()).unwrap();
        Separable::new(Component::new("m", model).unwrap()).unwrap()
    }

    #[test]
    fn a_residual_block_is_not_cut_inside() {
        let cuts = model().cuts();
        let tensors: Vec<&str> = cuts.iter().map(|cut| cut.tensor.as_str()).collect();
        assert_eq!(tensors, ["a", "c", "d"]);
        assert!(cuts.iter().all(|cut| cut.passing.len() == 1));
    }

    /// As exporters write a flattening: the number of rows is read at the start, and used at the end.
    #[test]
    fn the_number_of_rows_passes_no_cut() {
        let mut graph = GraphBuilder::new("g", OPSET);
        let shape = [Size::Rows, Size::Fixed(2)];
        let x = graph.input("x", &shape).unwrap();
        let rows = graph.node("Shape", "rows", &[&x]).unwrap();
        let a = graph.node("Relu", "a", &[&x]).unwrap();
        let b = graph.node("Sigmoid", "b", &[&a]).unwrap();
        graph.node("Reshape", "y", &[&b, &rows]).unwrap();
        graph.output("y", &shape).unwrap();
        let model = graph.into_model(&Metadata::default()).unwrap();
        let model = Separable::new(Component::new("m", model).unwrap()).unwrap();
        let cuts = model.cuts();
        assert!(cuts.iter().all(|cut| cut.passing.len() == 1), "{cuts:?}");
        let (rest, outside) = model.between(cuts.last(), None);
        let names: Vec<&str> = rest.node.iter().map(|n| n.name.as_str()).collect();
        assert_eq!((names, outside), (vec!["rows", "y"], vec!["b".to_string(), "x".to_string()]));
    }

    #[test]
    fn pieces_hold_their_own_nodes_and_constants() {
        let model = model();
        let cuts = model.cuts();
        let (piece, outside) = model.between(Some(&cuts[0]), Some(&cuts[1]));
        let names: Vec<&str> = piece.node.iter().map(|n| n.name.as_str()).collect();
        assert_eq!((names, outside), (vec!["b", "c"], vec!["a".to_string()]));
        assert_eq!(piece.initializer.len(), 1);
        let (rest, outside) = model.between(Some(&cuts[2]), None);
        assert_eq!((rest.node.len(), outside), (1, vec!["d".to_string()]));
    }
}
