//! The gate at which a file is split, and the tensors that pass there.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use tract_onnx::prelude::DatumType;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Extent, Gate, OutputInfo, PlanCache, Program};

use super::graph::{Flat, Level, branch, find, gate_name, read_by};

/// The gates at which a file can be split: those whose decision depends on the row.
pub fn gate_names(program: &Program) -> Vec<&str> {
    let open = program.gates().iter().filter(|gate| gate.is_input_dependent && gate.per_row);
    open.map(|gate| gate.name.as_str()).collect()
}

/// The gate of this name, or a sentence that lists those that there are.
pub fn gate<'a>(program: &'a Program, name: Option<&str>) -> Result<&'a Gate> {
    let fault = |text: String| Error::new(ErrorKind::Config, text).at(program.name());
    if program.is_whole() {
        let text = "the model’s inputs have no row axis in common, so that no row can be answered by itself: export it with an open batch axis";
        return Err(fault(text.into()));
    }
    let names = gate_names(program);
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let listed = listed.join(", ");
    let known = program.gates().iter().find(|gate| Some(gate.name.as_str()) == name);
    match (name, known) {
        _ if names.is_empty() => Err(fault(
            "no gate in it looks at the rows, so it cannot be split: make a routed file with `perforate route`".into(),
        )),
        (None, _) => Err(fault(format!("say at which gate to split it; it has {listed}"))),
        (Some(name), None) => Err(fault(format!("it has no gate `{name}`; it has {listed}"))),
        (Some(name), Some(_)) if !names.contains(&name) => Err(fault(format!(
            "the gate `{name}` looks at no row, so it answers none on a device; split it at {listed}"
        ))),
        (Some(_), Some(gate)) => Ok(gate),
    }
}

/// The way to the gate; it ends in the branch that is the rest, the one with more to compute.
pub fn levels<'a>(graph: &'a GraphProto, gate: &Gate) -> Result<Vec<Level<'a>>> {
    let lost = || Error::new(ErrorKind::Internal, format!("the gate `{}` is lost", gate.name));
    let mut levels = find(graph, &gate.name).ok_or_else(lost)?;
    let stored: Vec<HashMap<&str, usize>> = levels.iter().map(|level| sizes(level.graph)).collect();
    let last = levels.last_mut().ok_or_else(lost)?;
    let [then, otherwise] = [true, false].map(|then| branch(last.node(), then));
    let (then, otherwise) = (then.ok_or_else(lost)?, otherwise.ok_or_else(lost)?);
    last.then = weight(then, &stored) >= weight(otherwise, &stored);
    Ok(levels)
}

/// Number of values of each constant of a graph.
fn sizes(graph: &GraphProto) -> HashMap<&str, usize> {
    let size = |dims: &[i64]| dims.iter().map(|&size| size.max(0) as usize).product();
    graph.initializer.iter().map(|tensor| (tensor.name.as_str(), size(&tensor.dims))).collect()
}

/// How much a branch holds: values of the constants that its nodes read, then nodes, its own branches included.
fn weight(graph: &GraphProto, stored: &[HashMap<&str, usize>]) -> (usize, usize) {
    let own = sizes(graph);
    let read: HashSet<&str> =
        graph.node.iter().flat_map(|node| &node.input).map(String::as_str).collect();
    let size =
        |name: &&str| own.get(*name).or_else(|| stored.iter().find_map(|graph| graph.get(*name)));
    let here = (read.iter().filter_map(size).sum(), graph.node.len());
    let inner =
        graph.node.iter().flat_map(|node| node.attribute.iter().filter_map(|a| a.g.as_ref()));
    inner.map(|graph| weight(graph, stored)).fold(here, |a, b| (a.0 + b.0, a.1 + b.1))
}

/// What passes the gate, and what the rest computes.
#[derive(Debug, Clone)]
pub struct Crossing {
    /// The tensors that the rest reads and the device computes, in the order in which it does.
    pub tensors: Vec<OutputInfo>,
    /// The data inputs that the rest reads itself.
    pub inputs: Vec<String>,
    /// The rest's nodes and constants.
    pub rest: Flat,
    /// Types of the decision and of the score, and of every tensor that passes, by name.
    pub known: HashMap<String, OutputInfo>,
}

impl Crossing {
    /// Follows what the outputs of the model need. What has no row axis, such as a size, is computed anew on the server.
    pub fn find(
        model: &ModelProto,
        program: &Program,
        levels: &[Level],
        gate: &Gate,
    ) -> Result<Crossing> {
        let lost = || Error::new(ErrorKind::NotOnnx, "this file holds no ONNX graph");
        let graph = model.graph.as_ref().ok_or_else(lost)?;
        let outputs: Vec<String> = graph.output.iter().map(|output| output.name.clone()).collect();
        let flat = Flat::new(levels)?;
        let data: HashSet<&str> =
            program.inputs().iter().map(|input| input.name.as_str()).collect();
        let mut rest = flat.clone().pruned(&outputs);
        // What follows from constants and knobs is computed wherever it is needed.
        let knobs = program.knobs().iter().map(|knob| knob.name.clone());
        let mut fixed: HashSet<String> =
            rest.initializers.iter().map(|t| t.name.clone()).chain(knobs).collect();
        for (node, late) in rest.nodes.iter().zip(&mut rest.late) {
            let drawn = node.op_type.starts_with("Random") || node.op_type == "Multinomial";
            if !drawn && !*late && read_by(node).iter().all(|name| fixed.contains(*name)) {
                fixed.extend(node.output.iter().cloned());
                *late = true;
            }
        }
        loop {
            let passing = passing(&rest, &fixed, &outputs);
            let (inputs, made): (Vec<String>, Vec<String>) =
                passing.into_iter().partition(|name| data.contains(name.as_str()));
            let asked =
                made.iter().cloned().chain([gate.decision.clone()]).chain(gate.score.clone());
            let known = probe(model, &flat, asked.collect())?;
            let shared: HashSet<&String> =
                made.iter().filter(|name| !known[*name].per_row).collect();
            if shared.is_empty() {
                let tensors = made.iter().map(|name| known[name].clone()).collect();
                let late = rest.late.clone();
                let mut kept = late.iter();
                rest.nodes.retain(|_| kept.next() == Some(&true));
                rest.late.retain(|late| *late);
                let rest = rest.pruned(&outputs);
                return Ok(Crossing { tensors, inputs, rest, known });
            }
            for (node, late) in rest.nodes.iter().zip(&mut rest.late) {
                *late |= node.output.iter().any(|name| shared.contains(name));
            }
        }
    }
}

/// The names that the rest, or an output of the file, reads and the rest does not make.
fn passing(rest: &Flat, fixed: &HashSet<String>, outputs: &[String]) -> Vec<String> {
    let late =
        || rest.nodes.iter().zip(&rest.late).filter(|(_, late)| **late).map(|(node, _)| node);
    let made: HashSet<&str> = late().flat_map(|node| &node.output).map(String::as_str).collect();
    let read = late().flat_map(read_by).chain(outputs.iter().map(String::as_str));
    let read: HashSet<&str> =
        read.filter(|name| !made.contains(name) && !fixed.contains(*name)).collect();
    let early =
        rest.nodes.iter().flat_map(|node| &node.output).filter(|name| read.contains(name.as_str()));
    let made_early: Vec<String> = early.cloned().collect();
    let mut inputs: Vec<String> = read
        .iter()
        .map(|name| name.to_string())
        .filter(|name| !made_early.contains(name))
        .collect();
    inputs.sort();
    inputs.into_iter().chain(made_early).collect()
}

/// Types and sizes of tensors that are computed before the rest, as the engine finds them.
fn probe(
    model: &ModelProto,
    flat: &Flat,
    names: Vec<String>,
) -> Result<HashMap<String, OutputInfo>> {
    let early: Vec<NodeProto> = flat
        .nodes
        .iter()
        .zip(&flat.late)
        .filter(|(_, late)| !**late)
        .map(|(node, _)| node.clone())
        .collect();
    let late = vec![false; early.len()];
    let flat = Flat { nodes: early, late, initializers: flat.initializers.clone() }.pruned(&names);
    let mut wanted: Vec<String> = vec![];
    names.into_iter().for_each(|name| {
        if !wanted.contains(&name) {
            wanted.push(name)
        }
    });
    let output =
        wanted.iter().map(|name| ValueInfoProto { name: name.clone(), ..Default::default() });
    let graph = GraphProto { output: output.collect(), ..main_graph(model, flat, &wanted) };
    let probe = ModelProto { graph: Some(graph), metadata_props: vec![], ..model.clone() };
    let program =
        Program::from_proto(&PlanCache::default(), "the part before the gate", &probe, 0)?;
    Ok(program.output_infos().into_iter().map(|info| (info.name.clone(), info)).collect())
}

/// A main graph of these nodes, with those inputs of the model that they read, or that are given as `outputs` at once.
pub fn main_graph(model: &ModelProto, flat: Flat, outputs: &[String]) -> GraphProto {
    let read = flat.nodes.iter().flat_map(read_by).map(String::from);
    let read: HashSet<String> = read.chain(outputs.iter().cloned()).collect();
    let own = model.graph.iter().flat_map(|graph| &graph.input);
    GraphProto {
        name: model.graph.as_ref().map_or_else(String::new, |graph| graph.name.clone()),
        input: own.filter(|input| read.contains(&input.name)).cloned().collect(),
        node: flat.nodes,
        initializer: flat.initializers,
        ..GraphProto::default()
    }
}

/// Values of one row; none where a size is open.
pub fn values(info: &OutputInfo) -> Option<usize> {
    let sizes = info.shape.iter().skip(1).map(|size| match size {
        Extent::Fixed(size) => Some(*size),
        _ => None,
    });
    sizes.product()
}

/// Whether it is worth its range: f32, and more than a few values.
pub fn can_be_eight_bits(info: &OutputInfo) -> bool {
    info.datum_type == DatumType::F32 && values(info).is_none_or(|count| count >= 16)
}

/// The names of all gates that a graph holds, those in branches included.
pub fn gates_in(graph: &GraphProto, names: &mut HashSet<String>) {
    for (at, node) in graph.node.iter().enumerate() {
        if node.op_type == "If" {
            names.insert(gate_name(node, at));
        }
        node.attribute.iter().filter_map(|a| a.g.as_ref()).for_each(|inner| gates_in(inner, names));
    }
}
