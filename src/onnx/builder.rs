//! Builds a graph node by node, splices components into it, and sets gates.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, ValueInfoProto,
};
use tract_onnx::prelude::DatumType;

use perforate_base::{Error, ErrorKind, Result};

use super::attributes::{graph_attribute, int_attribute, ints_attribute};
use super::component::{Component, Renamer};
use super::functions;
use super::metadata::Metadata;
use super::tensors::{Size, float_tensor, value_info};

/// A graph under construction. Tensors are known by name.
#[derive(Debug, Clone)]
pub struct GraphBuilder {
    graph: GraphProto,
    opset: i64,
    names: HashSet<String>,
    /// Model-local functions that its nodes call.
    functions: Vec<FunctionProto>,
}

/// The tensors that a spliced component gives, by the names that it gives them.
pub type Spliced = HashMap<String, String>;

impl GraphBuilder {
    /// An empty graph for this version of the operator set.
    pub fn new(name: &str, opset: i64) -> Self {
        let graph = GraphProto { name: name.to_string(), ..GraphProto::default() };
        GraphBuilder { graph, opset, names: HashSet::new(), functions: vec![] }
    }

    /// A graph that reads what `first` reads: its data inputs are declared. Returned with their tensors, by the
    /// names that components know them by.
    pub fn around(name: &str, first: &Component) -> Result<(Self, Spliced)> {
        let mut graph = GraphBuilder::new(name, first.opset());
        let declare =
            |input: &ValueInfoProto| Ok((input.name.clone(), graph.declare_input(input.clone())?));
        let wires = first.inputs().map(declare).collect::<Result<Spliced>>()?;
        if wires.is_empty() {
            return Err(Error::new(ErrorKind::Model, "it has no data input").at(first.name()));
        }
        Ok((graph, wires))
    }

    /// An empty graph for a branch of a gate in this one.
    pub fn branch(&self, name: &str) -> Self {
        GraphBuilder { names: self.names.clone(), ..GraphBuilder::new(name, self.opset) }
    }

    /// Declares a float input of shape `shape`.
    pub fn input(&mut self, name: &str, shape: &[Size]) -> Result<String> {
        self.declare_input(value_info(name, DatumType::F32, Some(shape))?)
    }

    /// Takes over the declaration of an input from a component.
    pub fn declare_input(&mut self, info: ValueInfoProto) -> Result<String> {
        let name = self.fresh(&info.name)?;
        self.graph.input.push(info);
        Ok(name)
    }

    /// Declares a knob: a scalar input with a default, so that the file also runs without it.
    pub fn knob(&mut self, name: &str, default: f32) -> Result<String> {
        self.declare_input(value_info(name, DatumType::F32, Some(&[]))?)?;
        self.graph.initializer.push(float_tensor(name, &[], &[default]));
        Ok(name.to_string())
    }

    /// Declares a float output of shape `shape`.
    pub fn output(&mut self, name: &str, shape: &[Size]) -> Result<()> {
        self.graph.output.push(value_info(name, DatumType::F32, Some(shape))?);
        Ok(())
    }

    /// Declares an output with the type and shape of a component's.
    pub fn output_like(&mut self, name: &str, like: &ValueInfoProto) {
        self.graph.output.push(ValueInfoProto { name: name.to_string(), ..like.clone() });
    }

    /// Adds a constant float tensor.
    pub fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) -> Result<String> {
        let name = self.fresh(name)?;
        self.graph.initializer.push(float_tensor(&name, dims, values));
        Ok(name)
    }

    /// Adds an operator with one output, which has the node's name.
    pub fn node(&mut self, op_type: &str, name: &str, inputs: &[&str]) -> Result<String> {
        self.node_with(op_type, name, inputs, vec![])
    }

    /// Adds an operator with attributes.
    pub fn node_with(
        &mut self,
        op_type: &str,
        name: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> Result<String> {
        let name = self.fresh(name)?;
        self.graph.node.push(NodeProto {
            op_type: op_type.to_string(),
            name: name.clone(),
            input: inputs.iter().map(|s| s.to_string()).collect(),
            output: vec![name.clone()],
            attribute,
            ..NodeProto::default()
        });
        Ok(name)
    }

    /// Calls a model-local function; its outputs get the node's name, a slash and their own before them.
    pub fn call(
        &mut self,
        function: FunctionProto,
        name: &str,
        inputs: &[&str],
    ) -> Result<Vec<String>> {
        let given = function.output.iter().map(|output| self.fresh(&format!("{name}/{output}")));
        let given = given.collect::<Result<Vec<String>>>()?;
        self.graph.node.push(NodeProto {
            op_type: function.name().into(),
            domain: function.domain().into(),
            name: name.into(),
            input: inputs.iter().map(|s| s.to_string()).collect(),
            output: given.clone(),
            ..NodeProto::default()
        });
        self.functions.push(function);
        Ok(given)
    }

    /// Reduces a tensor over `axis`, which stays with size 1.
    pub fn reduce(&mut self, op_type: &str, name: &str, input: &str, axis: i64) -> Result<String> {
        let keep = int_attribute("keepdims", 1);
        // From operator set 18 on the axes of all reductions are an input; of sums from 13 on.
        if self.opset < 18 && (op_type != "ReduceSum" || self.opset < 13) {
            return self.node_with(
                op_type,
                name,
                &[input],
                vec![ints_attribute("axes", &[axis]), keep],
            );
        }
        let axes = self.integers(&format!("{name}/axes"), &[axis])?;
        self.node_with(op_type, name, &[input, &axes], vec![keep])
    }

    /// Adds a constant list of integers.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> Result<String> {
        let name = self.fresh(name)?;
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        Ok(name)
    }

    /// The `k` largest values of each row of `[N, C]`, shape `[N, k]`.
    pub fn top(&mut self, name: &str, input: &str, k: i64) -> Result<String> {
        let count = self.integers(&format!("{name}/k"), &[k])?;
        let values =
            self.node_with("TopK", name, &[input, &count], vec![int_attribute("axis", 1)])?;
        let indices = self.fresh(&format!("{name}/indices"))?;
        if let Some(node) = self.graph.node.last_mut() {
            node.output.push(indices);
        }
        Ok(values)
    }

    /// Copies a component into this graph, wired to those of `tensors` that it reads.
    pub fn splice_onto(
        &mut self,
        component: &Component,
        prefix: &str,
        tensors: &HashMap<String, String>,
    ) -> Result<Spliced> {
        let mut wires = tensors.clone();
        wires.retain(|name, _| component.inputs().any(|input| input.name == *name));
        self.splice(component, prefix, &wires)
    }

    /// Copies a component into this graph. `wires` gives the tensor to use for each of its inputs;
    /// other names get `prefix/` before them.
    pub fn splice(
        &mut self,
        component: &Component,
        prefix: &str,
        wires: &HashMap<String, String>,
    ) -> Result<Spliced> {
        let fault = |text: String| Error::new(ErrorKind::Model, text).at(component.name());
        if component.opset() != self.opset {
            return Err(fault(format!(
                "it uses operator set {}, the other components {}: export them alike",
                component.opset(),
                self.opset
            )));
        }
        if let Some(missing) = component.inputs().find(|i| !wires.contains_key(&i.name)) {
            return Err(fault(format!("nothing is wired to its input `{}`", missing.name)));
        }
        self.functions.extend(component.model().functions.iter().cloned());
        let graph = component.graph();
        let renamer = Renamer { prefix, names: wires.clone() };
        for tensor in graph.initializer.iter().filter(|t| !wires.contains_key(&t.name)) {
            let name = self.fresh(&renamer.tensor(&tensor.name))?;
            self.graph.initializer.push(TensorProto { name, ..tensor.clone() });
        }
        for (ix, node) in graph.node.iter().enumerate() {
            let node = renamer.node(node, ix);
            node.output
                .iter()
                .filter(|n| !n.is_empty())
                .try_for_each(|n| self.fresh(n).map(drop))?;
            self.graph.node.push(node);
        }
        Ok(graph.output.iter().map(|o| (o.name.clone(), renamer.tensor(&o.name))).collect())
    }

    /// Sets a gate named `name` on the rows' boolean decisions: if any row needs it, `then` runs,
    /// else `otherwise`. The outputs of the branches become the tensors `outputs` here.
    pub fn gate(
        &mut self,
        name: &str,
        decision: &str,
        then: GraphBuilder,
        otherwise: GraphBuilder,
        outputs: &[&str],
    ) -> Result<()> {
        let to = |kind: DataType| vec![int_attribute("to", kind as i64)];
        let number =
            self.node_with("Cast", &format!("{name}/number"), &[decision], to(DataType::Float))?;
        let keep = vec![int_attribute("keepdims", 0)];
        let any = self.node_with("ReduceMax", &format!("{name}/any"), &[&number], keep)?;
        let any_row =
            self.node_with("Cast", &format!("{name}/any_row"), &[&any], to(DataType::Bool))?;
        for output in outputs {
            self.fresh(output)?;
        }
        for branch in [&then, &otherwise] {
            self.names.extend(branch.names.iter().cloned());
            self.functions.extend(branch.functions.iter().cloned());
        }
        self.graph.node.push(NodeProto {
            op_type: "If".into(),
            name: name.to_string(),
            input: vec![any_row],
            output: outputs.iter().map(|s| s.to_string()).collect(),
            attribute: vec![
                graph_attribute("then_branch", then.graph),
                graph_attribute("else_branch", otherwise.graph),
            ],
            ..NodeProto::default()
        });
        Ok(())
    }

    /// The finished model.
    pub fn into_model(self, metadata: &Metadata) -> Result<ModelProto> {
        let mut model = ModelProto {
            ir_version: ir_version(self.opset),
            producer_name: "perforate".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            opset_import: vec![OperatorSetIdProto { version: self.opset, ..Default::default() }],
            graph: Some(self.graph),
            ..ModelProto::default()
        };
        self.functions.into_iter().for_each(|function| functions::declare(&mut model, function));
        metadata.write(&mut model)?;
        Ok(model)
    }

    fn fresh(&mut self, name: &str) -> Result<String> {
        if !self.names.insert(name.to_string()) {
            return Err(Error::new(
                ErrorKind::Model,
                format!(
                    "two tensors would have the name `{name}`: give the components other prefixes"
                ),
            ));
        }
        Ok(name.to_string())
    }
}

/// The file format's version that goes with a version of the operator set.
fn ir_version(opset: i64) -> i64 {
    match opset {
        ..=18 => 8,
        19 | 20 => 9,
        21 | 22 => 10,
        _ => 11,
    }
}

/// Components in a row as one, which reads what they read from outside and gives `outputs`: pairs of a tensor of
/// one of them and the name that it gets. A tensor that several give is the last one's.
pub fn chain(parts: &[Component], outputs: &[(&str, &str)]) -> Result<Component> {
    let Some(last) = parts.last() else {
        return Err(Error::new(ErrorKind::Internal, "a chain needs a component"));
    };
    let mut graph = GraphBuilder::new("chain", last.opset());
    let mut wires = Spliced::new();
    for (ix, part) in parts.iter().enumerate() {
        for input in part.inputs() {
            if !wires.contains_key(&input.name) {
                wires.insert(input.name.clone(), graph.declare_input(input.clone())?);
            }
        }
        // A part that is a chain itself has such prefixes inside.
        let mut prefix = format!("part{}", ix + 1);
        while part.has_names_under(&prefix) {
            prefix += "_";
        }
        wires.extend(graph.splice_onto(part, &prefix, &wires)?);
    }
    for (tensor, name) in outputs {
        let giver = parts.iter().rev().find(|part| part.output(tensor).is_ok()).unwrap_or(last);
        let declared = giver.output(tensor)?;
        let kept = graph.node("Identity", name, &[&wires[*tensor]])?;
        graph.output_like(&kept, declared);
    }
    Component::new(last.name(), graph.into_model(&Metadata::default())?)
}
