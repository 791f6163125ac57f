//! The device's half: the file with the gate's light branch in the place of the gate.

use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, NodeProto, ValueInfoProto};

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Extent, Gate, OutputInfo, Program};
use perforate_onnx::{GraphBuilder, Metadata, int_attribute, prune};

use super::graph::{Level, gate_name, identity, inlined};
use super::half::declared;
use super::site::values;

/// A tensor that the device gives beside its answer.
#[derive(Debug, Clone)]
pub struct Extra {
    /// Its name where it is made.
    pub tensor: String,
    /// What it is.
    pub info: OutputInfo,
    /// Depth of the graph that makes it; 0 is the main one.
    pub depth: usize,
    /// Which of the three it is.
    pub kind: Kind,
}

/// What an extra tensor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whether the row is answered.
    Answered,
    /// The score of the gate at which it stops.
    Score,
    /// What the rest reads.
    Feature,
}

/// What composing takes beside the extras.
pub struct Context<'a> {
    pub levels: &'a [Level<'a>],
    pub program: &'a Program,
    pub gate: &'a Gate,
    pub opset: i64,
}

impl Context<'_> {
    /// The graph at `depth` without the gate; gives the extras at names of this depth, which are returned.
    pub fn graph(&self, depth: usize, extras: &[Extra]) -> Result<(GraphProto, Vec<String>)> {
        let level = &self.levels[depth];
        let mut graph = level.graph.clone();
        graph.value_info.clear();
        let names: Vec<String> = extras.iter().map(|extra| at_depth(extra, depth)).collect();
        if depth + 1 == self.levels.len() {
            graph.node.splice(level.at..=level.at, inlined(level.node(), level.other()));
            graph.initializer.extend(level.other().initializer.iter().cloned());
            graph.node.push(self.answered(depth));
            return Ok((graph, names));
        }
        // What is made further in comes out as an output of the `If`; a row of the other branch gets a value that fits.
        let inner: Vec<&Extra> = extras.iter().filter(|extra| extra.depth > depth).collect();
        let (mut onward, inside) = self.graph(depth + 1, extras)?;
        for (extra, name) in extras.iter().zip(&inside).filter(|(extra, _)| extra.depth > depth) {
            let out = format!("{}/out", at_depth(extra, depth));
            onward.node.push(identity(&out, name));
            onward.output.push(declared(&out, &extra.info)?);
        }
        prune(&mut onward);
        let mut other = level.other().clone();
        self.stand_in(depth, &inner, &mut other)?;
        let node = &mut graph.node[level.at];
        node.output.extend(inner.iter().map(|extra| at_depth(extra, depth)));
        for attribute in &mut node.attribute {
            match (attribute.name.as_str(), level.then) {
                ("then_branch", true) | ("else_branch", false) => {
                    attribute.g = Some(onward.clone())
                }
                ("then_branch", false) | ("else_branch", true) => attribute.g = Some(other.clone()),
                _ => {}
            }
        }
        Ok((graph, names))
    }

    /// Whether a row is answered: what the gate decides, or its contrary.
    fn answered(&self, depth: usize) -> NodeProto {
        let name = format!("split/answered/{depth}");
        let rest_is_then = self.levels.last().is_some_and(|level| level.then);
        let op_type = if rest_is_then { "Not" } else { "Identity" };
        NodeProto { op_type: op_type.into(), ..identity(&name, &self.gate.decision) }
    }

    /// Adds a value of each extra to a branch that leads past the gate: answered, the score of the gate at hand, no feature.
    fn stand_in(&self, depth: usize, extras: &[&Extra], other: &mut GraphProto) -> Result<()> {
        let level = &self.levels[depth];
        let name = gate_name(level.node(), level.at);
        let own = self.program.gates().iter().find(|gate| gate.name == name && gate.per_row);
        let mut graph = GraphBuilder::new("past", self.opset);
        let to = |kind: i64| vec![int_attribute("to", kind)];
        let place = |what: &str| format!("split/past/{depth}/{what}");
        let carrier = match own {
            Some(gate) => {
                graph.node_with("Cast", &place("carrier"), &[&gate.decision], to(FLOAT))?
            }
            // One scalar decided, so that some input has to say how many rows there are.
            None => {
                let input = &self.program.inputs()[0];
                let mut most =
                    graph.node_with("Cast", &place("number"), &[&input.name], to(FLOAT))?;
                // Axis by axis: their product is no size that the compiler can name where two are open.
                for axis in 1..=input.row_shape.len() {
                    most = graph.reduce(
                        "ReduceMax",
                        &place(&format!("most{axis}")),
                        &most,
                        axis as i64,
                    )?;
                }
                let sizes = graph.integers(&place("one"), &[0, 1])?;
                graph.node("Reshape", &place("carrier"), &[&most, &sizes])?
            }
        };
        let nothing = graph.constant(&place("nothing"), &[1], &[0.0])?;
        let zero = graph.node("Mul", &place("zero"), &[&carrier, &nothing])?;
        for (ix, extra) in extras.iter().enumerate() {
            let name = place(&ix.to_string());
            let mut sizes = vec![1; extra.info.shape.len()];
            // The number of rows as it is.
            sizes[0] = 0;
            let sizes = graph.integers(&format!("{name}/sizes"), &sizes)?;
            let score = own.and_then(|gate| gate.score.as_ref()).unwrap_or(&zero);
            let from = if extra.kind == Kind::Score { score } else { &zero };
            let rows = graph.node("Reshape", &format!("{name}/rows"), &[from, &sizes])?;
            match extra.kind {
                Kind::Answered => {
                    let no = graph.node_with("Cast", &format!("{name}/no"), &[&rows], to(BOOL))?;
                    graph.node("Not", &name, &[&no])?;
                }
                Kind::Score => drop(graph.node("Identity", &name, &[&rows])?),
                Kind::Feature => {
                    let count =
                        values(&extra.info).ok_or_else(|| unsized_feature(extra, self.gate))?;
                    let zeros = vec![0.0; count];
                    let zeros =
                        graph.constant(&format!("{name}/zeros"), &fixed(&extra.info), &zeros)?;
                    let all = graph.node("Mul", &format!("{name}/all"), &[&rows, &zeros])?;
                    let kind = element_type(&declared(&name, &extra.info)?);
                    graph.node_with("Cast", &name, &[&all], to(kind))?;
                }
            }
            other.output.push(declared(&name, &extra.info)?);
        }
        let model = graph.into_model(&Metadata::default())?;
        let made = model.graph.unwrap_or_default();
        other.node.extend(made.node);
        other.initializer.extend(made.initializer);
        prune(other);
        Ok(())
    }
}

/// Adds outputs to a main graph: pairs of a tensor, the name that it gets, and what it is.
pub fn give(graph: &mut GraphProto, outputs: &[(String, String, OutputInfo)]) -> Result<()> {
    for (tensor, name, info) in outputs {
        graph.node.push(identity(name, tensor));
        graph.output.push(declared(name, info)?);
    }
    Ok(())
}

/// Why a feature cannot come out of a gate before this one.
pub fn unsized_feature(extra: &Extra, gate: &Gate) -> Error {
    let text = format!(
        "the sizes of `{}` are open, so rows that are answered before `{}` have no value for it: send the input, or split at the first gate",
        extra.tensor, gate.name
    );
    Error::new(ErrorKind::Model, text)
}

/// The name that an extra has in the graph of a depth.
fn at_depth(extra: &Extra, depth: usize) -> String {
    match extra.kind {
        _ if depth >= extra.depth && extra.kind != Kind::Answered => extra.tensor.clone(),
        Kind::Answered => format!("split/answered/{depth}"),
        Kind::Score => format!("split/score/{depth}"),
        Kind::Feature => format!("split/{}/{depth}", extra.tensor),
    }
}

fn fixed(info: &OutputInfo) -> Vec<usize> {
    let size = |size: &Extent| match size {
        Extent::Fixed(size) => *size,
        _ => 1,
    };
    info.shape.iter().map(size).collect()
}

/// ONNX's numbers of element types.
const FLOAT: i64 = 1;
const BOOL: i64 = 9;

fn element_type(info: &ValueInfoProto) -> i64 {
    match info.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
        Some(Value::TensorType(tensor)) => tensor.elem_type.into(),
        _ => FLOAT,
    }
}
