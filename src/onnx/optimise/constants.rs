//! Computes what depends on constants alone, where that is cheap: few kinds of operators, whose results are exact and no
//! larger than what they read.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use prost::Message;
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use tract_onnx::prelude::*;

use perforate_base::guard::{Panicked, guarded};
use perforate_base::{Error, ErrorKind};

use crate::known::is_standard;
use crate::tensors::tensor_proto;

/// Operators that are folded: they move numbers, or compute them as every runtime does.
const FOLDED: [&str; 15] = [
    "Add",
    "Cast",
    "Concat",
    "Flatten",
    "Gather",
    "Identity",
    "Mul",
    "Neg",
    "Reshape",
    "Shape",
    "Slice",
    "Squeeze",
    "Sub",
    "Transpose",
    "Unsqueeze",
];
/// Bytes that a constant may have which is larger than what it is computed from.
const SMALL: usize = 4096;
/// Bytes that a fold may read: weights of one layer.
const MOST_READ: usize = 1 << 26;

/// The constants that a graph can read, by name.
type Scope = HashMap<String, Rc<TensorProto>>;

/// Replaces nodes that depend on constants alone by what they compute, in inner graphs too. Returns how many.
pub fn fold(model: &mut ModelProto) -> usize {
    let (ir_version, opset) = (model.ir_version, model.opset_import.clone());
    let folder = Folder { ir_version, opset };
    model.graph.as_mut().map_or(0, |graph| folder.fold(graph, &Scope::new()))
}

struct Folder {
    ir_version: i64,
    opset: Vec<OperatorSetIdProto>,
}

impl Folder {
    fn fold(&self, graph: &mut GraphProto, outer: &Scope) -> usize {
        let mut scope = outer.clone();
        let inputs: HashSet<String> = graph.input.iter().map(|input| input.name.clone()).collect();
        // A default is no constant: an input may be given another value.
        inputs.iter().for_each(|name| drop(scope.remove(name)));
        let stored = graph.initializer.iter().filter(|tensor| !inputs.contains(&tensor.name));
        scope.extend(stored.map(|tensor| (tensor.name.clone(), Rc::new(tensor.clone()))));
        // What a graph gives stays a node's: not every tool takes a constant for an output.
        let given: HashSet<String> =
            graph.output.iter().map(|output| output.name.clone()).collect();
        let (mut kept, mut count) = (vec![], 0);
        for mut node in std::mem::take(&mut graph.node) {
            if let Some(tensor) = constant(&node) {
                scope.insert(tensor.name.clone(), Rc::new(tensor));
            } else if !node.output.iter().any(|output| given.contains(output))
                && let Some(tensor) = self.folded(&node, &scope)
            {
                graph.value_info.retain(|info| info.name != tensor.name);
                graph.initializer.push(tensor.clone());
                scope.insert(tensor.name.clone(), Rc::new(tensor));
                count += 1;
                continue;
            }
            for inner in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
                count += self.fold(inner, &scope);
            }
            kept.push(node);
        }
        graph.node = kept;
        count
    }

    /// What a node computes, if it is one that is folded and all that it reads is known. One that cannot be computed stays.
    fn folded(&self, node: &NodeProto, scope: &Scope) -> Option<TensorProto> {
        let [output] = &node.output[..] else { return None };
        let folds = is_standard(&node.domain) && FOLDED.contains(&node.op_type.as_str());
        if !folds || node.input.is_empty() {
            return None;
        }
        // Inputs that are left out have no name, and no value either.
        let read = node.input.iter().map(|name| scope.get(name).filter(|_| !name.is_empty()));
        let read = read.collect::<Option<Vec<&Rc<TensorProto>>>>()?;
        let bytes: usize = read.iter().map(|tensor| tensor.encoded_len()).sum();
        let elsewhere = |tensor: &&Rc<TensorProto>| !tensor.external_data.is_empty();
        if bytes > MOST_READ || read.iter().any(elsewhere) {
            return None;
        }
        let unknown =
            |text: String| Error::new(ErrorKind::Model, text).node(node.output[0].clone());
        let value = guarded(
            |panic: Panicked| unknown(panic.to_string()),
            || self.evaluate(node, &read).map_err(|e| unknown(e.to_string())),
        );
        let tensor = tensor_proto(output, &value.ok()?);
        tensor.filter(|tensor| tensor.encoded_len() <= bytes.max(SMALL))
    }

    fn evaluate(&self, node: &NodeProto, read: &[&Rc<TensorProto>]) -> TractResult<Tensor> {
        let mut initializer: Vec<TensorProto> = vec![];
        for tensor in read {
            if initializer.iter().all(|known| known.name != tensor.name) {
                initializer.push(TensorProto::clone(tensor));
            }
        }
        let output = ValueInfoProto { name: node.output[0].clone(), ..ValueInfoProto::default() };
        let graph = GraphProto {
            name: "constant".into(),
            node: vec![node.clone()],
            initializer,
            output: vec![output],
            ..GraphProto::default()
        };
        let model = ModelProto {
            ir_version: self.ir_version,
            opset_import: self.opset.clone(),
            graph: Some(graph),
            ..ModelProto::default()
        };
        let model = tract_onnx::onnx().parse(&model, None)?.model.into_typed()?;
        let mut values = model.into_runnable()?.run(tvec!())?;
        Ok(values.remove(0).into_tensor())
    }
}

/// The value of a `Constant` that holds a tensor.
fn constant(node: &NodeProto) -> Option<TensorProto> {
    let value = node.attribute.iter().find(|attribute| attribute.name == "value");
    let tensor = value.filter(|_| node.op_type == "Constant")?.t.clone()?;
    Some(TensorProto { name: node.output.first()?.clone(), ..tensor })
}
