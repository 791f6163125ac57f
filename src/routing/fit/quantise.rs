//! Quantisers: from an ONNX file to an ONNX file whose matrix products have weights in fewer bits.
//!
//! Eight bits, symmetric by output column: `w ≈ q · t` with `t[j] = max |w[:, j]| / 127`. Four bits, symmetric by column and block
//! of 32 inputs: `w ≈ q · t[b, j]`, `q` in −8…7, `t` in sixteen bits and, of some shares of `max |w| / 7`, the one with the
//! least squared error. Activations are quantised as they come, row by row, inside the product
//! ([`perforate_onnx::functions`]).

use std::collections::{HashMap, HashSet};

use ndarray::{Array2, ArrayD, ArrayView1, Axis, Ix2, IxDyn};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::f16;

use perforate_base::{Error, ErrorKind, Named, Result};
use perforate_onnx::functions::{
    BLOCK, DOMAIN, DYNAMIC_INT4_MATMUL, DYNAMIC_INT8_MATMUL, LARGEST, declare, dynamic_int4_matmul,
    dynamic_int8_matmul,
};
use perforate_onnx::{Component, float_tensor, numbers, prune};

/// Products with fewer inputs or outputs stay as they are: they gain nothing.
const SMALLEST_SIDE: usize = 16;

/// Shares of the scale that covers a block's largest weight which are tried: to clip a few may cost less than to be
/// coarse to all.
const SHARES: [f32; 4] = [1.0, 0.9, 0.8, 0.7];

/// A model in fewer bits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Quantised {
    /// The model.
    pub model: ModelProto,
    /// The products that are in fewer bits now, by node.
    pub products: Vec<String>,
    /// Numbers in their weights.
    pub weights: usize,
    /// Bytes of these, scales included.
    pub bytes: usize,
}

/// Bits of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// Eight.
    Eight,
    /// Four; products whose inputs 32 does not divide are left to eight.
    Four,
}

impl Named for Bits {
    const ALL: &'static [Bits] = &[Bits::Eight, Bits::Four];

    fn name(&self) -> &'static str {
        match self {
            Bits::Eight => "8",
            Bits::Four => "4",
        }
    }
}

/// Puts the products of a component with constant weights into eight bits.
pub fn int8(component: &Component) -> Result<Quantised> {
    quantise(component, Bits::Eight)
}

/// Puts the products of a component with constant weights into four bits.
pub fn int4(component: &Component) -> Result<Quantised> {
    quantise(component, Bits::Four)
}

/// Puts the products of a component with constant weights into so many bits.
pub fn quantise(component: &Component, bits: Bits) -> Result<Quantised> {
    let mut model = component.model().clone();
    let opset = component.opset();
    let Some(graph) = model.graph.as_mut() else {
        return Err(Error::new(ErrorKind::NotOnnx, "there is no graph").at(component.name()));
    };
    let constants = Constants::of(graph);
    let (mut nodes, mut tensors, mut functions) = (vec![], vec![], vec![]);
    let (mut products, mut weights, mut bytes) = (vec![], 0, 0);
    for node in &graph.node {
        let Some(matrix) = product_weights(node, &constants) else {
            nodes.push(node.clone());
            continue;
        };
        // Tensors have one name each, nodes need not.
        let base = node.output[0].clone();
        let four = bits == Bits::Four && matrix.nrows().is_multiple_of(BLOCK);
        let (suffix, function) =
            if four { ("int4", DYNAMIC_INT4_MATMUL) } else { ("int8", DYNAMIC_INT8_MATMUL) };
        let names = [format!("{base}/{suffix}"), format!("{base}/{suffix}/scales")];
        let stored = if four { by_block(&matrix, &names) } else { by_column(&matrix, &names) };
        bytes += stored.iter().map(bytes_of).sum::<usize>();
        tensors.extend(stored);
        let bias = node.input.get(2).filter(|name| node.op_type == "Gemm" && !name.is_empty());
        let output = node.output[0].clone();
        let product =
            if bias.is_some() { format!("{base}/{suffix}/product") } else { output.clone() };
        let [q_name, t_name] = names;
        nodes.push(NodeProto {
            op_type: function.into(),
            domain: DOMAIN.into(),
            name: base.clone(),
            input: vec![node.input[0].clone(), q_name, t_name],
            output: vec![product.clone()],
            ..NodeProto::default()
        });
        if let Some(bias) = bias {
            nodes.push(NodeProto {
                op_type: "Add".into(),
                name: format!("{base}/{suffix}/biased"),
                input: vec![product, bias.clone()],
                output: vec![output],
                ..NodeProto::default()
            });
        }
        functions.push(if four { dynamic_int4_matmul(opset) } else { dynamic_int8_matmul(opset) });
        products.push(base);
        weights += matrix.len();
    }
    if products.is_empty() {
        let text = "it has no product with constant weights of 16 by 16 or more, so nothing is gained by fewer bits";
        return Err(Error::new(ErrorKind::Model, text).at(component.name()));
    }
    graph.node = nodes;
    graph.initializer.extend(tensors);
    prune(graph);
    functions.into_iter().for_each(|function| declare(&mut model, function));
    Ok(Quantised { model, products, weights, bytes })
}

fn bytes_of(tensor: &TensorProto) -> usize {
    tensor.raw_data.len() + 4 * tensor.float_data.len()
}

/// Weights `[k, n]` in eight bits and the scale of each column, as tensors of these names.
fn by_column(weights: &Array2<f32>, [of_weights, of_scales]: &[String; 2]) -> [TensorProto; 2] {
    let (k, n) = weights.dim();
    let most = weights.map_axis(Axis(0), |column| column.fold(0f32, |m, v| m.max(v.abs())));
    let scales: Vec<f32> = most.iter().map(|&m| if m > 0.0 { m / LARGEST } else { 1.0 }).collect();
    let quantised = weights
        .iter()
        .enumerate()
        .map(|(ix, w)| (w / scales[ix % n]).round_ties_even().clamp(-LARGEST, LARGEST) as i8 as u8);
    let weights = TensorProto {
        name: of_weights.clone(),
        dims: vec![k as i64, n as i64],
        data_type: DataType::Int8 as i32,
        raw_data: quantised.collect(),
        ..TensorProto::default()
    };
    [weights, float_tensor(of_scales, &[n], &scales)]
}

/// Weights `[k, n]` in four bits, two inputs to a byte, and the scale of each block of a column.
fn by_block(weights: &Array2<f32>, [of_weights, of_scales]: &[String; 2]) -> [TensorProto; 2] {
    let (k, n) = weights.dim();
    let mut bytes = vec![0u8; k / 2 * n];
    let mut scales = vec![f16::ZERO; k / BLOCK * n];
    for (b, block) in weights.axis_chunks_iter(Axis(0), BLOCK).enumerate() {
        for (column, values) in block.columns().into_iter().enumerate() {
            let scale = best_scale(values);
            scales[b * n + column] = scale;
            for (ix, &value) in values.iter().enumerate() {
                let nibble = (in_four(value, scale.to_f32()) + 8.0) as u8;
                bytes[(b * BLOCK + ix) / 2 * n + column] |= nibble << (4 * (ix % 2));
            }
        }
    }
    let weights = TensorProto {
        name: of_weights.clone(),
        dims: vec![(k / 2) as i64, n as i64],
        data_type: DataType::Uint8 as i32,
        raw_data: bytes,
        ..TensorProto::default()
    };
    let scales = TensorProto {
        name: of_scales.clone(),
        dims: vec![(k / BLOCK) as i64, n as i64],
        data_type: DataType::Float16 as i32,
        raw_data: scales.iter().flat_map(|scale| scale.to_bits().to_le_bytes()).collect(),
        ..TensorProto::default()
    };
    [weights, scales]
}

/// The whole number in −8…7 that stands for a weight.
fn in_four(value: f32, scale: f32) -> f32 {
    if scale > 0.0 { (value / scale).round_ties_even().clamp(-8.0, 7.0) } else { 0.0 }
}

/// The scale, of those tried, with the least squared error.
fn best_scale(values: ArrayView1<f32>) -> f16 {
    let most = values.fold(0f32, |m, v| m.max(v.abs()));
    let error = |scale: f16| -> f32 {
        let scale = scale.to_f32();
        values.iter().map(|&v| (in_four(v, scale) * scale - v).powi(2)).sum()
    };
    let tried = SHARES.map(|share| f16::from_f32((most / 7.0 * share).min(f16::MAX.to_f32())));
    let best = tried.into_iter().min_by(|a, b| error(*a).total_cmp(&error(*b)));
    best.unwrap_or(f16::ZERO)
}

/// The weights `[k, n]` of a product that can be replaced.
fn product_weights(node: &NodeProto, constants: &Constants) -> Option<Array2<f32>> {
    let attribute = |name: &str| node.attribute.iter().find(|a| a.name == name);
    let matrix = match node.op_type.as_str() {
        "MatMul" if node.domain.is_empty() => constants.value(node.input.get(1)?)?,
        "Gemm" if node.domain.is_empty() => {
            let one = |name: &str| attribute(name).is_none_or(|a| a.f == 1.0);
            let zero = |name: &str| attribute(name).is_none_or(|a| a.i == 0);
            if !one("alpha") || !one("beta") || !zero("transA") {
                return None;
            }
            let weights = constants.value(node.input.get(1)?)?;
            if zero("transB") { weights } else { weights.reversed_axes() }
        }
        _ => return None,
    };
    // A product in another type than f32 is none that the operator can stand for.
    let other = |name: &String| {
        let stored = constants.stored.get(name.as_str());
        stored.is_some_and(|tensor| tensor.data_type != DataType::Float as i32)
    };
    if other(node.input.get(1)?) {
        return None;
    }
    // One that is computed from constants alone is folded away anyway.
    if constants.value(node.input.first()?).is_some() {
        return None;
    }
    let matrix = matrix.into_dimensionality::<Ix2>().ok()?;
    let (k, n) = matrix.dim();
    (k >= SMALLEST_SIDE && n >= SMALLEST_SIDE).then(|| matrix.as_standard_layout().into_owned())
}

/// What tensors are known before a run: weights, also where they are stored in eight or sixteen bits and restored by
/// operators.
struct Constants<'a> {
    stored: HashMap<&'a str, &'a TensorProto>,
    computed: HashMap<&'a str, &'a NodeProto>,
}

impl<'a> Constants<'a> {
    fn of(graph: &'a GraphProto) -> Constants<'a> {
        let inputs: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
        // What is an input too may be given another value.
        let stored = graph.initializer.iter().filter(|t| !inputs.contains(t.name.as_str()));
        let computed = graph.node.iter().filter(|node| node.output.len() == 1);
        Constants {
            stored: stored.map(|tensor| (tensor.name.as_str(), tensor)).collect(),
            computed: computed.map(|node| (node.output[0].as_str(), node)).collect(),
        }
    }

    fn value(&self, name: &str) -> Option<ArrayD<f32>> {
        if let Some(tensor) = self.stored.get(name) {
            return numbers(tensor);
        }
        let node = self.computed.get(name)?;
        let input = |ix: usize| self.value(node.input.get(ix)?);
        match node.op_type.as_str() {
            "Constant" => numbers(node.attribute.iter().find_map(|a| a.t.as_ref())?),
            "Identity" => input(0),
            "Cast" => {
                let to = node.attribute.iter().find(|a| a.name == "to").map(|a| a.i);
                if to == Some(DataType::Float as i64) { input(0) } else { None }
            }
            "Transpose" => {
                let perm = node.attribute.iter().find(|a| a.name == "perm");
                let value = input(0)?;
                let reversed: Vec<i64> = (0..value.ndim() as i64).rev().collect();
                perm.is_none_or(|perm| perm.ints == reversed).then(|| value.reversed_axes())
            }
            "Mul" => {
                let (a, b) = (input(0)?, input(1)?);
                let b = b.broadcast(a.shape())?.to_owned();
                Some(a * b)
            }
            "DequantizeLinear" if node.input.len() == 2 => {
                let (value, scale) = (input(0)?, input(1)?);
                let axis = node.attribute.iter().find(|a| a.name == "axis").map_or(1, |a| a.i);
                let mut shape = vec![1; value.ndim()];
                if scale.len() > 1 {
                    *shape.get_mut(usize::try_from(axis).ok()?)? = scale.len();
                }
                let scale =
                    scale.to_shape(IxDyn(&shape)).ok()?.broadcast(value.shape())?.to_owned();
                Some(value * scale)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_engine::{Batch, Knobs, Program, Session};
    use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode, int_attribute};

    fn model() -> Component {
        let mut graph = GraphBuilder::new("g", OPSET);
        graph.input("x", &[Size::Rows, Size::Fixed(32)]).unwrap();
        let values: Vec<f32> =
            (0..32 * 24).map(|ix| ((ix * 29 % 83) as f32 - 41.0) / 41.0).collect();
        graph.constant("w", &[32, 24], &values).unwrap();
        graph.node("MatMul", "h", &["x", "w"]).unwrap();
        let values: Vec<f32> =
            (0..20 * 24).map(|ix| ((ix * 31 % 89) as f32 - 44.0) / 44.0).collect();
        graph.constant("v", &[20, 24], &values).unwrap();
        graph.constant("b", &[20], &[0.5; 20]).unwrap();
        graph.node_with("Gemm", "y", &["h", "v", "b"], vec![int_attribute("transB", 1)]).unwrap();
        graph.output("y", &[Size::Rows, Size::Fixed(20)]).unwrap();
        Component::new("m", graph.into_model(&Metadata::default()).unwrap()).unwrap()
    }

    /// The second product has 24 inputs, which 32 does not divide.
    #[test]
    fn products_are_replaced_and_stay_near() {
        for (bits, near) in [(Bits::Eight, 0.03), (Bits::Four, 0.2)] {
            replaced(bits, near);
        }
        let four = int4(&model()).unwrap();
        let functions: Vec<&str> = four.model.functions.iter().map(|f| f.name()).collect();
        assert_eq!(functions, [DYNAMIC_INT4_MATMUL, DYNAMIC_INT8_MATMUL]);
        assert_eq!(four.bytes, (32 * 24 / 2 + 2 * 24) + (24 * 20 + 4 * 20));
    }

    fn replaced(bits: Bits, near: f32) {
        let full = model();
        let quantised = quantise(&full, bits).unwrap();
        assert_eq!(quantised.products, ["h", "y"]);
        assert_eq!(quantised.weights, 32 * 24 + 24 * 20);
        let graph = quantised.model.graph.as_ref().unwrap();
        assert!(graph.initializer.iter().all(|t| t.name != "w" && t.name != "v"));
        let run = |model: &ModelProto| -> Vec<f32> {
            let program = Program::load("m", &encode(model)).unwrap();
            let x = (0..3 * 32).map(|ix| (ix as f32 * 0.37).sin()).collect();
            let x = ArrayD::from_shape_vec(vec![3, 32], x).unwrap();
            let mut session = Session::new(std::sync::Arc::new(program));
            let outcome = session.run(&Batch::new().with("x", x), &Knobs::new()).unwrap();
            outcome.first().unwrap().into_iter().collect()
        };
        let (own, wanted) = (run(&quantised.model), run(full.model()));
        let largest = wanted.iter().fold(0f32, |m, v| m.max(v.abs()));
        for (a, b) in own.iter().zip(&wanted) {
            assert!((a - b).abs() < near * largest, "{a} for {b}");
        }
        let program = Program::load("m", &encode(&quantised.model)).unwrap();
        let macs: Option<perforate_base::units::Macs> = program.segments().map(|s| s.macs).sum();
        assert_eq!(macs.unwrap().0, (32 * 24 + 24 * 20) as f64);
    }

    #[test]
    fn a_model_without_products_is_told_so() {
        let mut graph = GraphBuilder::new("g", OPSET);
        graph.input("x", &[Size::Rows, Size::Fixed(2)]).unwrap();
        graph.node("Relu", "y", &["x"]).unwrap();
        graph.output("y", &[Size::Rows, Size::Fixed(2)]).unwrap();
        let model = graph.into_model(&Metadata::default()).unwrap();
        let error = int8(&Component::new("m.onnx", model).unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("m.onnx") && error.contains("fewer bits"), "{error}");
    }
}
