//! Writes nodes that tract's reader takes for something else in a form that it gets right, before anything is compiled.
//!
//! Each rewrite has the same meaning by the standard, so that a mended file says what it said. What is left of such nodes
//! is refused by [`refuse_unsupported`](crate::refuse_unsupported).

mod attention;
mod draft;
mod losses;
mod numbers;
mod places;
mod sequences;

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use draft::Draft;
use losses::*;
use numbers::*;
use places::*;
use sequences::recurrent;

use crate::known::{Known, Seen, is_standard, standard_opset};

/// Mends the nodes of a model, in inner graphs too; returns how many it has written anew.
pub fn mend(model: &mut ModelProto) -> usize {
    let Some(opset) = standard_opset(&model.opset_import) else { return 0 };
    let Some(graph) = &mut model.graph else { return 0 };
    let mut count = 0;
    let nodes = mended(graph, opset, &Known::default(), &mut count);
    if count > 0 {
        graph.node = nodes;
    }
    count
}

fn mended<'a>(
    graph: &'a GraphProto,
    opset: i64,
    outside: &Known<'a>,
    count: &mut usize,
) -> Vec<NodeProto> {
    let known = outside.inside(graph);
    let cast = cast_to_whole(graph);
    let mut nodes = vec![];
    for node in &graph.node {
        let seen = Seen { node, opset, known: &known };
        let draft = is_standard(&node.domain).then(|| rewritten(seen, &cast)).flatten();
        if let Some(draft) = draft {
            *count += 1;
            nodes.extend(draft.nodes);
            continue;
        }
        let mut own = node.clone();
        for (attribute, read) in own.attribute.iter_mut().zip(&node.attribute) {
            if let (Some(inner), Some(read)) = (&mut attribute.g, &read.g) {
                inner.node = mended(read, opset, &known, count);
            }
        }
        nodes.push(own);
    }
    nodes
}

/// Tensors that derive from a cast to int64. tract computes on these as on sizes, which are never negative.
fn cast_to_whole(graph: &GraphProto) -> HashSet<&str> {
    let mut derived: HashSet<&str> = HashSet::new();
    for node in &graph.node {
        let to = node.attribute.iter().find(|attribute| attribute.name == "to");
        let cast = node.op_type == "Cast" && to.is_some_and(|to| to.i == DataType::Int64 as i64);
        let kept = [
            "Add",
            "Sub",
            "Mul",
            "Div",
            "Mod",
            "Neg",
            "Abs",
            "Max",
            "Min",
            "Clip",
            "Where",
            "Identity",
            "Reshape",
            "Squeeze",
            "Unsqueeze",
            "Flatten",
            "Transpose",
            "Concat",
            "Gather",
            "Slice",
            "Split",
            "Expand",
            "Tile",
        ];
        let from = node.input.iter().any(|input| derived.contains(input.as_str()));
        if cast || (from && kept.contains(&node.op_type.as_str())) {
            derived.extend(node.output.iter().map(String::as_str));
        }
    }
    derived
}

fn rewritten<'k, 'a>(seen: Seen<'k, 'a>, cast: &HashSet<&str>) -> Option<Draft<'k, 'a>> {
    match seen.op() {
        "Celu" => celu(seen),
        "Swish" => swish(seen),
        "Softplus" => softplus(seen),
        "LogSoftmax" => log_softmax(seen),
        "ReduceLogSumExp" => log_sum_exp(seen),
        "NegativeLogLikelihoodLoss" => likelihood(seen),
        "SoftmaxCrossEntropyLoss" => cross_entropy(seen),
        "BitShift" => bit_shift(seen),
        "OneHot" => one_hot(seen),
        "Pad" => pad(seen),
        "RNN" | "GRU" | "LSTM" => recurrent(seen),
        "Attention" if attention::needs_parts(seen) => attention::parts(seen),
        "Attention" => sequences::attention(seen),
        "DFT" => fourier(seen),
        "Equal" => equal(seen),
        "Mod" => modulo(seen, cast),
        "QuantizeLinear" => quantised(seen),
        "DequantizeLinear" => restored(seen),
        "Resize" => resize(seen),
        "LpPool" => norm_pool(seen),
        "Conv" | "ConvInteger" | "QLinearConv" | "ConvTranspose" | "MaxPool" | "AveragePool" => {
            window(seen)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::draft::{float_attribute, text_attribute};
    use super::*;
    use crate::attributes::int_attribute;
    use crate::unsupported::refuse_unsupported;
    use crate::{GraphBuilder, Metadata, Size};

    fn model(opset: i64, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> ModelProto {
        let mut graph = GraphBuilder::new("g", opset);
        let shape = [Size::Rows, Size::Fixed(3)];
        graph.input("x", &shape).unwrap();
        graph.integers("pads", &[0, -1, 0, 2]).unwrap();
        graph.node_with(op, "y", inputs, attributes).unwrap();
        graph.output("y", &shape).unwrap();
        graph.into_model(&Metadata::default()).unwrap()
    }

    fn operators(model: &ModelProto) -> Vec<&str> {
        let nodes = model.graph.iter().flat_map(|graph| &graph.node);
        nodes.map(|node| node.op_type.as_str()).filter(|op| *op != "Constant").collect()
    }

    #[test]
    fn what_would_be_refused_is_written_in_another_way() {
        let alpha = || vec![float_attribute("alpha", 2.0)];
        let mode = || vec![text_attribute("mode", "edge")];
        let back = || vec![text_attribute("direction", "reverse"), int_attribute("hidden_size", 2)];
        let cases = [
            (model(24, "Swish", &["x"], alpha()), vec!["CastLike", "Mul", "Sigmoid", "Mul"]),
            (model(12, "Celu", &["x"], alpha()), vec!["Div", "Elu", "Mul"]),
            (model(13, "Pad", &["x", "pads"], vec![]), vec!["Slice", "Pad"]),
            (model(13, "Pad", &["x", "p", "v"], mode()), vec!["Pad"]),
            (
                model(14, "GRU", &["x", "w", "r"], back()),
                vec!["Shape", "Gather", "Concat", "ConstantOfShape", "Slice", "GRU", "Slice"],
            ),
        ];
        for (mut model, expected) in cases {
            assert!(refuse_unsupported(&model).is_err(), "{expected:?}");
            assert_eq!(mend(&mut model), 1, "{expected:?}");
            assert_eq!(operators(&model), expected);
            refuse_unsupported(&model).unwrap();
            let last = model.graph.as_ref().and_then(|graph| graph.node.last()).unwrap();
            assert_eq!(last.output, ["y"], "the tensor keeps its name");
            assert_eq!(mend(&mut model), 0, "{expected:?}: once is enough");
        }
    }

    #[test]
    fn what_tract_reads_stays_as_it_is() {
        let untouched = [
            model(24, "Swish", &["x"], vec![]),
            model(13, "Relu", &["x"], vec![]),
            model(13, "Mod", &["x", "pads"], vec![]),
            model(13, "Equal", &["x", "pads"], vec![]),
        ];
        for mut model in untouched {
            let before = model.clone();
            assert_eq!(mend(&mut model), 0);
            assert_eq!(model, before);
        }
    }

    #[test]
    fn names_of_new_tensors_differ() {
        let mut model = model(17, "LogSoftmax", &["x"], vec![]);
        mend(&mut model);
        let graph = model.graph.unwrap();
        let mut names: Vec<&String> = graph.node.iter().flat_map(|node| &node.output).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
