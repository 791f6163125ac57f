//! A feature on its way: as it is, or in eight bits, each row with a range of its own.
//!
//! For a row `v` with least value `l` and greatest `g`: `scale = (g − l) / 255`, `q = round((v − l) / scale)`, and the server
//! computes `q · scale + l`, which is off by at most half a `scale`.

use tract_onnx::pb::GraphProto;
use tract_onnx::prelude::DatumType;

use perforate_base::Result;
use perforate_engine::{Extent, OutputInfo};
use perforate_onnx::{GraphBuilder, Metadata, int_attribute, ints_attribute};

use super::graph::identity;

/// A scale below this counts as this: a row of equal values has no range.
const LEAST_SCALE: f32 = 1e-30;
/// ONNX's numbers of element types.
const UINT8: i64 = 2;
const FLOAT: i64 = 1;

/// A tensor that is sent.
#[derive(Debug, Clone)]
pub struct Packed {
    /// The tensor in the whole file.
    info: OutputInfo,
    /// What it is called on the way.
    name: String,
    small: bool,
}

impl Packed {
    /// The tensor `info`, called `name` on its way.
    pub fn new(info: &OutputInfo, name: &str, small: bool) -> Packed {
        Packed { info: info.clone(), name: name.to_string(), small }
    }

    /// The tensors that are sent in its place.
    pub fn sent(&self) -> Vec<OutputInfo> {
        let whole = named(&self.info, &self.name);
        if !self.small {
            return vec![whole];
        }
        let one = |(axis, size): (usize, &Extent)| {
            if axis == 0 { size.clone() } else { Extent::Fixed(1) }
        };
        let ranged = |what: &str| {
            let mut info = named(&self.info, &format!("{}_{what}", self.name));
            info.shape = self.info.shape.iter().enumerate().map(one).collect();
            info
        };
        let mut bytes = whole;
        bytes.datum_type = DatumType::U8;
        vec![bytes, ranged("scale"), ranged("least")]
    }

    /// Adds the device's part to its graph, whose tensor it is; returns the outputs: tensor, name, what it is.
    pub fn pack(
        &self,
        into: &mut GraphProto,
        tensor: &str,
        opset: i64,
    ) -> Result<Vec<(String, String, OutputInfo)>> {
        let sent = self.sent();
        let [bytes, scale, least] = &sent[..] else {
            return Ok(vec![(tensor.to_string(), self.name.clone(), sent[0].clone())]);
        };
        let mut graph = GraphBuilder::new("pack", opset);
        let place = |what: &str| format!("split/{}/{what}", self.name);
        let axes: Vec<i64> = (1..self.info.shape.len() as i64).collect();
        let reduce = |graph: &mut GraphBuilder, op_type: &str, name: &str| {
            let keep = int_attribute("keepdims", 1);
            if opset < 18 {
                return graph.node_with(
                    op_type,
                    name,
                    &[tensor],
                    vec![ints_attribute("axes", &axes), keep],
                );
            }
            let axes = graph.integers(&format!("{name}/axes"), &axes)?;
            graph.node_with(op_type, name, &[tensor, &axes], vec![keep])
        };
        let low = reduce(&mut graph, "ReduceMin", &place("low"))?;
        let high = reduce(&mut graph, "ReduceMax", &place("high"))?;
        let range = graph.node("Sub", &place("range"), &[&high, &low])?;
        let step = graph.constant(&place("step"), &[1], &[1.0 / 255.0])?;
        let wide = graph.node("Mul", &place("wide"), &[&range, &step])?;
        let tiny = graph.constant(&place("tiny"), &[1], &[LEAST_SCALE])?;
        let own = graph.node("Max", &place("own"), &[&wide, &tiny])?;
        let above = graph.node("Sub", &place("above"), &[tensor, &low])?;
        let steps = graph.node("Div", &place("steps"), &[&above, &own])?;
        let whole = graph.node("Round", &place("whole"), &[&steps])?;
        let small = graph.node_with(
            "Cast",
            &place("small"),
            &[&whole],
            vec![int_attribute("to", UINT8)],
        )?;
        append(into, graph)?;
        let outputs = [(small, bytes), (own, scale), (low, least)];
        Ok(outputs.map(|(tensor, info)| (tensor, info.name.clone(), info.clone())).into())
    }

    /// The server's part: makes the tensor of the whole file from what was sent.
    pub fn unpack(&self, into: &mut GraphProto, opset: i64) -> Result<()> {
        let sent = self.sent();
        let [bytes, scale, least] = &sent[..] else {
            into.node.push(identity(&self.info.name, &self.name));
            return Ok(());
        };
        let mut graph = GraphBuilder::new("unpack", opset);
        let place = |what: &str| format!("split/{}/{what}", self.name);
        let to = vec![int_attribute("to", FLOAT)];
        let number = graph.node_with("Cast", &place("number"), &[&bytes.name], to)?;
        let scaled = graph.node("Mul", &place("scaled"), &[&number, &scale.name])?;
        graph.node("Add", &self.info.name, &[&scaled, &least.name])?;
        append(into, graph)
    }
}

fn named(info: &OutputInfo, name: &str) -> OutputInfo {
    let mut info = info.clone();
    info.name = name.to_string();
    info
}

fn append(into: &mut GraphProto, graph: GraphBuilder) -> Result<()> {
    let made = graph.into_model(&Metadata::default())?.graph.unwrap_or_default();
    into.node.extend(made.node);
    into.initializer.extend(made.initializer);
    Ok(())
}
