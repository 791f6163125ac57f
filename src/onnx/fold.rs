//! Batch normalisations behind convolutions become part of their weights: at inference both are linear.
//!
//! The compiler does so itself where a convolution has one group; mobile networks are made of those that have many.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use super::known::is_standard;
use super::tensors::{float_tensor, numbers};

/// What is added to a variance, unless the node says otherwise.
const EPSILON: f32 = 1e-5;

/// Folds batch normalisations, also in inner graphs; returns how many.
pub fn fold_norms(model: &mut ModelProto) -> usize {
    model.graph.as_mut().map_or(0, fold)
}

fn fold(graph: &mut GraphProto) -> usize {
    let inner = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    let mut count: usize = inner.filter_map(|attribute| attribute.g.as_mut()).map(fold).sum();
    let mut reads: HashMap<String, usize> = HashMap::new();
    count_reads(graph, &mut reads);
    let makers: HashMap<String, usize> = graph
        .node
        .iter()
        .enumerate()
        .filter(|(_, node)| node.op_type == "Conv" && is_standard(&node.domain))
        .filter_map(|(ix, node)| Some((node.output.first()?.clone(), ix)))
        .collect();
    let mut gone = vec![];
    for ix in 0..graph.node.len() {
        let Some((maker, folded)) = folded(graph, ix, &makers, &reads) else { continue };
        let given = graph.node[ix].output[0].clone();
        let convolution = &mut graph.node[maker];
        convolution.input.truncate(1);
        convolution.input.extend(folded.iter().map(|tensor| tensor.name.clone()));
        convolution.output[0] = given;
        graph.initializer.extend(folded);
        gone.push(ix);
    }
    count += gone.len();
    let mut ix = 0;
    graph.node.retain(|_| {
        ix += 1;
        !gone.contains(&(ix - 1))
    });
    count
}

/// How often each tensor is read, by nodes, inner graphs and as an output.
fn count_reads(graph: &GraphProto, reads: &mut HashMap<String, usize>) {
    let outputs = graph.output.iter().map(|output| &output.name);
    for name in graph.node.iter().flat_map(|node| &node.input).chain(outputs) {
        *reads.entry(name.clone()).or_default() += 1;
    }
    for inner in graph.node.iter().flat_map(|node| &node.attribute).filter_map(|a| a.g.as_ref()) {
        count_reads(inner, reads);
    }
}

/// The convolution before the normalisation at `ix`, with the new weights and bias; none unless all of them are constants and
/// nothing else reads the convolution's output.
fn folded(
    graph: &GraphProto,
    ix: usize,
    makers: &HashMap<String, usize>,
    reads: &HashMap<String, usize>,
) -> Option<(usize, [TensorProto; 2])> {
    let norm = &graph.node[ix];
    let plain = norm.op_type == "BatchNormalization" && is_standard(&norm.domain);
    let one_output = norm.output.iter().filter(|name| !name.is_empty()).count() == 1;
    let trained = attribute(norm, "training_mode").is_some_and(|own| own.i != 0);
    if !plain || !one_output || trained || attribute(norm, "spatial").is_some_and(|own| own.i == 0)
    {
        return None;
    }
    let [x, scale, shift, mean, variance] = &norm.input[..] else { return None };
    let maker = *makers.get(x).filter(|_| reads.get(x) == Some(&1))?;
    let convolution = &graph.node[maker];
    let constant = |name: &str| {
        let tensor = graph.initializer.iter().find(|tensor| tensor.name == name)?;
        numbers(tensor)
    };
    let mut weights = constant(convolution.input.get(1)?)?;
    let channels = *weights.shape().first()?;
    let list = |name: &str| {
        let values = constant(name)?;
        (values.len() == channels).then(|| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>())
    };
    let bias = match convolution.input.get(2).filter(|name| !name.is_empty()) {
        Some(name) => list(name)?,
        None => vec![0.0; channels],
    };
    let epsilon = f64::from(attribute(norm, "epsilon").map_or(EPSILON, |own| own.f));
    let (scale, shift, mean, variance) = (list(scale)?, list(shift)?, list(mean)?, list(variance)?);
    let factors: Vec<f64> =
        scale.iter().zip(&variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
    if factors.iter().any(|factor| !factor.is_finite()) {
        return None;
    }
    for (mut channel, factor) in weights.outer_iter_mut().zip(&factors) {
        channel.mapv_inplace(|weight| (f64::from(weight) * factor) as f32);
    }
    let biases: Vec<f32> =
        (0..channels).map(|ix| ((bias[ix] - mean[ix]) * factors[ix] + shift[ix]) as f32).collect();
    let named = |part: &str| format!("{x}/folded/{part}");
    let values: Vec<f32> = weights.iter().copied().collect();
    Some((
        maker,
        [
            float_tensor(&named("weights"), weights.shape(), &values),
            float_tensor(&named("bias"), &[channels], &biases),
        ],
    ))
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GraphBuilder, Metadata, OPSET, Size, int_attribute, ints_attribute};

    /// A depthwise convolution and a normalisation; `also` reads the convolution as well.
    fn model(also: bool) -> ModelProto {
        let mut graph = GraphBuilder::new("g", OPSET);
        let sizes = [Size::Rows, Size::Fixed(2), Size::Fixed(3), Size::Fixed(3)];
        let x = graph.input("x", &sizes).unwrap();
        let w = graph.constant("w", &[2, 1, 1, 1], &[2.0, 3.0]).unwrap();
        let attributes = vec![int_attribute("group", 2), ints_attribute("kernel_shape", &[1, 1])];
        let y = graph.node_with("Conv", "y", &[&x, &w], attributes).unwrap();
        let lists = [("s", [4.0, 1.0]), ("b", [0.5, -1.0]), ("m", [1.0, 2.0]), ("v", [4.0, 1.0])];
        let [s, b, m, v] = lists.map(|(name, values)| graph.constant(name, &[2], &values).unwrap());
        let mut z = graph.node("BatchNormalization", "z", &[&y, &s, &b, &m, &v]).unwrap();
        if also {
            z = graph.node("Add", "sum", &[&y, &z]).unwrap();
        }
        graph.output(&z, &sizes).unwrap();
        graph.into_model(&Metadata::default()).unwrap()
    }

    #[test]
    fn a_depthwise_convolution_takes_its_normalisation_in() {
        let mut folded = model(false);
        assert_eq!((fold_norms(&mut folded), fold_norms(&mut folded)), (1, 0));
        let graph = folded.graph.unwrap();
        assert_eq!(graph.node.len(), 1);
        let node = &graph.node[0];
        assert_eq!((node.op_type.as_str(), node.output[0].as_str()), ("Conv", "z"));
        let of = |name: &str| {
            let tensor = graph.initializer.iter().find(|tensor| tensor.name == name).unwrap();
            numbers(tensor).unwrap().into_iter().collect::<Vec<f32>>()
        };
        let near = |own: Vec<f32>, wanted: [f32; 2]| {
            assert!(own.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-4), "{own:?}");
        };
        // s / √v is 2 and 1.
        near(of(&node.input[1]), [4.0, 3.0]);
        near(of(&node.input[2]), [-1.5, -3.0]);
    }

    #[test]
    fn what_others_read_stays() {
        let mut shared = model(true);
        assert_eq!(fold_norms(&mut shared), 0);
        assert_eq!(shared.graph.unwrap().node.len(), 3);
    }
}
