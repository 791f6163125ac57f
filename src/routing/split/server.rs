//! The server's half: the rest, from what is sent to the outputs of the whole file.

use tract_onnx::pb::{GraphProto, ModelProto};

use perforate_base::Result;

use super::Sends;
use super::eight_bits::Packed;
use super::graph::{Flat, read_by};
use super::half::{Splitter, declared, opset};
use super::site::main_graph;
use super::tidy::tidy;

/// All that leads to the outputs by the way of the rest, and the data inputs that it reads.
pub fn from_inputs(splitter: &Splitter) -> Result<(Flat, Vec<String>)> {
    let flat = Flat::new(&splitter.levels)?.pruned(splitter.program.outputs());
    let read: Vec<&str> = flat.nodes.iter().flat_map(read_by).collect();
    let data = splitter.program.inputs().iter().map(|input| input.name.clone());
    let inputs = data.filter(|name| read.contains(&name.as_str())).collect();
    Ok((flat, inputs))
}

/// The server's file. `packed` are the features, in the order in which they are sent.
pub fn compose(splitter: &Splitter, sends: Sends, packed: &[Packed]) -> Result<ModelProto> {
    let whole = splitter.model;
    let opset = opset(whole);
    let flat = match sends {
        Sends::Input => from_inputs(splitter)?.0,
        _ => splitter.crossing.rest.clone(),
    };
    let mut first = GraphProto::default();
    for pack in packed {
        pack.unpack(&mut first, opset)?;
    }
    let mut graph = main_graph(whole, flat, &[]);
    for info in packed.iter().flat_map(Packed::sent) {
        graph.input.push(declared(&info.name, &info)?);
    }
    graph.node.splice(0..0, first.node);
    graph.initializer.extend(first.initializer);
    graph.output = whole.graph.iter().flat_map(|graph| graph.output.clone()).collect();
    let mut server = ModelProto { graph: Some(graph), ..whole.clone() };
    tidy(&mut server);
    Ok(server)
}
