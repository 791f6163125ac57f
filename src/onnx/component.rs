//! A component: a whole ONNX model that is to become part of a routed one.

use std::collections::{HashMap, HashSet};

use prost::Message;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};

use perforate_base::{Error, ErrorKind, Result};

use super::absent::trim_absent;
use super::fold::fold_norms;
use super::limits;
use super::mend::mend;

/// Decodes an ONNX file as it is, and checks it against the [`limits`]. `name` stands in error messages.
///
/// # Errors
/// `NotOnnx` if the bytes are not a model; `Model` if it is beyond a limit.
pub fn decode(name: &str, bytes: &[u8]) -> Result<ModelProto> {
    limits::check_bytes(bytes).map_err(|e| e.at(name))?;
    let model = ModelProto::decode(bytes).map_err(|e| {
        let text = "this is not an ONNX model, or it is damaged or truncated";
        Error::new(ErrorKind::NotOnnx, text).at(name).with_source(e)
    })?;
    limits::check(&model).map_err(|e| e.at(name))?;
    Ok(model)
}

/// A component model, decoded.
#[derive(Debug, Clone)]
pub struct Component {
    name: String,
    model: ModelProto,
}

impl Component {
    /// Decodes an ONNX file. `name` stands in error messages.
    pub fn decode(name: impl Into<String>, bytes: &[u8]) -> Result<Component> {
        let name = name.into();
        let mut model = decode(&name, bytes)?;
        trim_absent(&mut model);
        mend(&mut model);
        fold_norms(&mut model);
        Component::new(name, model)
    }

    /// Takes a decoded model.
    pub fn new(name: impl Into<String>, model: ModelProto) -> Result<Component> {
        let name = name.into();
        if model.graph.as_ref().is_none_or(|g| g.output.is_empty()) {
            return Err(Error::new(ErrorKind::NotOnnx, "this file holds no ONNX graph").at(&name));
        }
        Ok(Component { name, model })
    }

    /// The name given to it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The decoded model.
    pub fn model(&self) -> &ModelProto {
        &self.model
    }

    pub(crate) fn graph(&self) -> &GraphProto {
        self.model.graph.as_ref().unwrap_or_else(|| unreachable!("checked in Component::new"))
    }

    /// The version of the standard operator set that it uses.
    pub fn opset(&self) -> i64 {
        let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
        self.model.opset_import.iter().find(|o| standard(&o.domain)).map_or(0, |o| o.version)
    }

    /// Declarations of the inputs that have no initialiser.
    pub fn inputs(&self) -> impl Iterator<Item = &ValueInfoProto> {
        let constants: HashSet<&str> =
            self.graph().initializer.iter().map(|t| t.name.as_str()).collect();
        self.graph().input.iter().filter(move |i| !constants.contains(i.name.as_str()))
    }

    /// Declarations of the outputs.
    pub fn outputs(&self) -> &[ValueInfoProto] {
        &self.graph().output
    }

    /// The same model with another name for each tensor that `clashes`, inputs excepted.
    pub fn renamed(&self, clashes: impl Fn(&str) -> bool) -> Component {
        let mut renamed = self.clone();
        let inputs: HashSet<String> = self.inputs().map(|input| input.name.clone()).collect();
        if let Some(graph) = renamed.model.graph.as_mut() {
            rename(graph, &|name: &mut String| {
                if clashes(name) && !inputs.contains(name.as_str()) {
                    name.insert_str(0, "own/");
                }
            });
        }
        renamed
    }

    /// Whether its first output is declared as one number a row.
    pub fn gives_one_number(&self) -> bool {
        let value = self.outputs()[0].r#type.as_ref().and_then(|t| t.value.as_ref());
        let Some(Value::TensorType(tensor)) = value else { return false };
        let sizes = tensor.shape.iter().flat_map(|shape| &shape.dim).skip(1);
        let sizes: Vec<&Option<Dim>> = sizes.map(|dim| &dim.value).collect();
        matches!(sizes[..], [Some(Dim::DimValue(1))])
    }

    /// Whether a tensor's name begins with `prefix/`.
    pub(super) fn has_names_under(&self, prefix: &str) -> bool {
        let graph = self.graph();
        let given = graph.node.iter().flat_map(|node| &node.output);
        let mut names = given.chain(graph.initializer.iter().map(|tensor| &tensor.name));
        names.any(|name| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')))
    }

    /// The declaration of an output, or an error that names the component.
    pub fn output(&self, name: &str) -> Result<&ValueInfoProto> {
        self.outputs().iter().find(|o| o.name == name).ok_or_else(|| {
            let known: Vec<_> = self.outputs().iter().map(|o| format!("`{}`", o.name)).collect();
            Error::new(
                ErrorKind::Model,
                format!("it must have an output `{name}`; it has {}", known.join(", ")),
            )
            .at(&self.name)
        })
    }
}

/// Calls `change` on every name of a tensor or node, in inner graphs too.
fn rename(graph: &mut GraphProto, change: &impl Fn(&mut String)) {
    graph.initializer.iter_mut().for_each(|tensor| change(&mut tensor.name));
    let infos = graph.output.iter_mut().chain(&mut graph.value_info);
    infos.for_each(|info| change(&mut info.name));
    for node in &mut graph.node {
        change(&mut node.name);
        node.input.iter_mut().chain(&mut node.output).for_each(change);
        for attribute in &mut node.attribute {
            if let Some(inner) = &mut attribute.g {
                inner.input.iter_mut().for_each(|info| change(&mut info.name));
                rename(inner, change);
            }
        }
    }
}

/// Renames every tensor and node of a graph: `names` where it has an entry, else the prefix before it.
pub(super) struct Renamer<'a> {
    pub prefix: &'a str,
    pub names: HashMap<String, String>,
}

impl Renamer<'_> {
    pub fn tensor(&self, name: &str) -> String {
        match self.names.get(name) {
            _ if name.is_empty() => String::new(),
            Some(mapped) => mapped.clone(),
            None => self.node_name(name),
        }
    }

    fn node_name(&self, name: &str) -> String {
        // A component whose names carry the prefix already keeps them readable.
        match name.strip_prefix(self.prefix) {
            Some(rest) if rest.starts_with('/') => name.to_string(),
            _ => format!("{}/{name}", self.prefix),
        }
    }

    pub fn node(&self, node: &NodeProto, ordinal: usize) -> NodeProto {
        let mut renamed = node.clone();
        renamed.name = match node.name.as_str() {
            "" => format!("{}/{}_{ordinal}", self.prefix, node.op_type),
            name => self.node_name(name),
        };
        renamed.input.iter_mut().for_each(|name| *name = self.tensor(name));
        renamed.output.iter_mut().for_each(|name| *name = self.tensor(name));
        for attribute in &mut renamed.attribute {
            if let Some(graph) = &mut attribute.g {
                *graph = self.graph(graph);
            }
        }
        renamed
    }

    fn graph(&self, graph: &GraphProto) -> GraphProto {
        let mut renamed = graph.clone();
        renamed.node = graph.node.iter().enumerate().map(|(ix, n)| self.node(n, ix)).collect();
        renamed.initializer.iter_mut().for_each(|t| t.name = self.tensor(&t.name));
        let infos =
            renamed.input.iter_mut().chain(&mut renamed.output).chain(&mut renamed.value_info);
        infos.for_each(|info| info.name = self.tensor(&info.name));
        renamed
    }
}
