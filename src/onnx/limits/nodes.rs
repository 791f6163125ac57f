//! What belongs to a node: lists, inputs, attributes, axes, windows.

use super::*;

/// Names, and how many there are of what belongs to a node.
pub(super) fn check_lists(node: &NodeProto) -> Result<()> {
    let names = [&node.name, &node.op_type, &node.domain].into_iter();
    let mut names = names.chain(&node.input).chain(&node.output);
    names.try_for_each(|name| check_name(name))?;
    let lists = [
        ("inputs", node.input.len()),
        ("outputs", node.output.len()),
        ("attributes", node.attribute.len()),
    ];
    for (what, count) in lists {
        if count > MOST_LISTED {
            let text = format!(
                "`{}` has {count} {what}, and {MOST_LISTED} are the most: do it in several steps",
                node.op_type
            );
            return Err(fault(place(node), text));
        }
    }
    let mut tensors = node.attribute.iter().flat_map(|a| a.t.iter().chain(&a.tensors));
    tensors.try_for_each(|tensor| check_tensor(tensor, place(node)))
}

/// Operators of the standard set by how many inputs they must have: the first list takes no more than one.
const TAKES: [(usize, &str); 6] = [
    (
        1,
        "Abs Acos Acosh ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BitwiseNot Cast Ceil Celu ConstantOfShape Cos \
         Cosh DepthToSpace DynamicQuantizeLinear Elu Erf Exp EyeLike Flatten Floor Gelu GlobalAveragePool GlobalLpPool \
         GlobalMaxPool HardSigmoid HardSwish Hardmax Identity IsInf IsNaN LRN LeakyRelu Log LogSoftmax LpNormalization \
         MaxPool MeanVarianceNormalization Mish Neg NonZero Not Reciprocal Relu Round Selu Shape Shrink Sigmoid Sign Sin \
         Sinh Size Softmax Softplus Softsign SpaceToDepth Sqrt Tan Tanh ThresholdedRelu Transpose",
    ),
    (
        1,
        "Clip Concat DFT Dropout Einsum Max Mean Min Pad ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax \
         ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Reshape Resize Slice Split Squeeze Sum TopK Trilu \
         Unsqueeze",
    ),
    (
        2,
        "Add And BitShift BitwiseAnd BitwiseOr BitwiseXor CastLike Compress Conv ConvInteger ConvTranspose CumSum \
         DequantizeLinear Div Equal Expand Gather GatherElements GatherND Gemm Greater GreaterOrEqual GridSample \
         LayerNormalization Less LessOrEqual MatMul MatMulInteger Mod Mul NonMaxSuppression Or PRelu Pow QuantizeLinear \
         RMSNormalization STFT Sub Tile Xor",
    ),
    (
        3,
        "Attention GRU GroupNormalization InstanceNormalization LSTM OneHot RNN Range RotaryEmbedding Scatter \
         ScatterElements ScatterND Where",
    ),
    (5, "BatchNormalization MelWeightMatrix"),
    (8, "QLinearConv QLinearMatMul"),
];

pub(super) fn is_standard(node: &NodeProto) -> bool {
    node.domain.is_empty() || node.domain == "ai.onnx"
}

pub(super) fn check_inputs(node: &NodeProto) -> Result<()> {
    if !is_standard(node) {
        return Ok(());
    }
    let has = |names: &str| names.split(' ').any(|name| name == node.op_type);
    let Some(row) = TAKES.iter().position(|(_, names)| has(names)) else { return Ok(()) };
    let least = TAKES[row].0;
    let given = node.input.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    if given < least || node.input.iter().take(least).any(String::is_empty) {
        let text = format!("`{}` lacks inputs, of which it needs {least}", node.op_type);
        return Err(fault(place(node), text + ": the file is damaged, export it again"));
    }
    if row == 0 && given > 1 {
        let text = format!("`{}` has {given} inputs, and takes 1", node.op_type);
        return Err(fault(place(node), text + ": the file is damaged, export it again"));
    }
    Ok(())
}

pub(super) fn integers(attribute: &AttributeProto) -> Option<&[i64]> {
    match AttributeType::try_from(attribute.r#type) {
        Ok(AttributeType::Int) => Some(std::slice::from_ref(&attribute.i)),
        Ok(AttributeType::Ints) => Some(&attribute.ints),
        _ => None,
    }
}

/// The integers of an attribute.
fn listed<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    node.attribute.iter().find(|attribute| attribute.name == name).and_then(integers)
}

/// The first integer of an attribute.
pub(super) fn number(node: &NodeProto, name: &str) -> Option<i64> {
    listed(node, name)?.first().copied()
}

pub(super) fn check_attributes(node: &NodeProto) -> Result<()> {
    for attribute in &node.attribute {
        let Some(values) = integers(attribute) else { continue };
        let name = attribute.name.as_str();
        let of =
            |text: String| fault(place(node), format!("the `{name}` of `{}` {text}", node.op_type));
        let Some((_, bounds)) = BOUNDS.iter().find(|(own, _)| *own == name) else { continue };
        if values.len() > 2 * MOST_RANK as usize {
            return Err(of(format!("has {} numbers: export the model again", values.len())));
        }
        if let Some(value) = values.iter().find(|value| !bounds.contains(value)) {
            let (least, most) = (bounds.start(), bounds.end());
            let text = format!("is {value} and must lie in {least}…{most}: export the model again");
            return Err(of(text));
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        if name == "perm" && !(0..values.len() as i64).eq(sorted) {
            let text = format!("is {}, which is no order of axes", list(values));
            return Err(of(text + ": export the model again"));
        }
    }
    let made = match node.op_type.as_str() {
        "RandomNormal" | "RandomUniform" => listed(node, "shape").map(<[i64]>::to_vec),
        // The compiler reads these whatever type they say that they are.
        "MatMulNBits" => Some(
            ["K", "N"]
                .into_iter()
                .flat_map(|name| node.attribute.iter().filter(move |own| own.name == name))
                .map(|attribute| attribute.i)
                .collect(),
        ),
        _ => None,
    };
    match made {
        Some(sizes) => check_made(node, &sizes),
        None => Ok(()),
    }
}

/// Refuses a tensor of these sizes. One without numbers has as many places along its other axes, which are counted too.
pub(super) fn check_made(node: &NodeProto, sizes: &[i64]) -> Result<()> {
    let places: Vec<i64> = sizes.iter().map(|&size| if size == 0 { 1 } else { size }).collect();
    if elements(&places).is_some_and(|count| count <= MOST_MADE) {
        return Ok(());
    }
    let text = format!(
        "`{}` makes a tensor of {} elements, and {MOST_MADE} are the most: make it smaller",
        node.op_type,
        list(sizes).replace(", ", " × ")
    );
    Err(fault(place(node), text))
}

/// The ranks of what is declared or stored.
pub(super) fn ranks(graph: &GraphProto) -> HashMap<&str, i64> {
    let mut ranks = HashMap::new();
    for input in &graph.input {
        let value = input.r#type.as_ref().and_then(|of| of.value.as_ref());
        if let Some(Value::TensorType(tensor)) = value
            && let Some(shape) = &tensor.shape
        {
            ranks.insert(input.name.as_str(), shape.dim.len() as i64);
        }
    }
    let stored = graph.initializer.iter();
    ranks.extend(stored.map(|tensor| (tensor.name.as_str(), tensor.dims.len() as i64)));
    ranks
}

pub(super) fn check_axis(node: &NodeProto, ranks: &HashMap<&str, i64>) -> Result<()> {
    let usual = match node.op_type.as_str() {
        // These loop up to the axis.
        "LayerNormalization" | "RMSNormalization" => Some(-1),
        "ArgMax" | "ArgMin" | "Concat" | "Flatten" | "Gather" | "GatherElements" | "Hardmax"
        | "LogSoftmax" | "ScatterElements" | "Softmax" | "Split" | "TopK" => None,
        _ => return Ok(()),
    };
    let Some(axis) = number(node, "axis").or(usual) else { return Ok(()) };
    let Some(&rank) = node.input.first().and_then(|name| ranks.get(name.as_str())) else {
        return Ok(());
    };
    if (-rank..=rank).contains(&axis) {
        return Ok(());
    }
    let text = format!("the `axis` of `{}` is {axis}, and its input has {rank} axes", node.op_type);
    Err(fault(place(node), text + ": export the model again"))
}

/// Refuses windows whose lists do not fit each other, or that are too large.
pub(super) fn check_window(node: &NodeProto, ranks: &HashMap<&str, i64>) -> Result<()> {
    let kernel = match node.op_type.as_str() {
        "Conv" | "ConvInteger" | "ConvTranspose" => Some(1),
        "QLinearConv" => Some(3),
        "AveragePool" | "LpPool" | "MaxPool" => None,
        _ => return Ok(()),
    };
    let of = |text: String| fault(place(node), format!("`{}` {text}", node.op_type));
    let kernel = kernel.and_then(|ix: usize| ranks.get(node.input.get(ix)?.as_str()));
    let mut axes = kernel.map(|rank| (rank - 2).max(0) as usize);
    for (name, sides) in [("kernel_shape", 1), ("strides", 1), ("dilations", 1), ("pads", 2)] {
        let Some(values) = listed(node, name) else { continue };
        let wanted = sides * *axes.get_or_insert(values.len() / sides);
        if values.len() != wanted {
            let text = format!("has {} `{name}` where {wanted} are needed", values.len());
            return Err(of(text + ": export the model again"));
        }
    }
    if listed(node, "kernel_shape").is_some_and(|k| elements(k).is_none_or(|n| n > MOST_TAPS)) {
        let text = "has a `kernel_shape` that is too large: pool over whole axes with a `Global` operator or `ReduceMean`";
        return Err(of(text.into()));
    }
    let wide = |pad: &&i64| !(0..=MOST_PADDING).contains(*pad);
    if let Some(pad) = listed(node, "pads").and_then(|pads| pads.iter().find(wide)) {
        let text = format!("has `pads` of {pad}, which must lie in 0…{MOST_PADDING}");
        return Err(of(text + ": pad with `Pad`"));
    }
    let strides = listed(node, "strides").and_then(elements);
    if node.op_type == "ConvTranspose" && strides.is_some_and(|product| product > MOST_TAPS) {
        return Err(of("has `strides` that are too large: enlarge in several steps".into()));
    }
    Ok(())
}

/// Refuses a `Scan` whose body reads and gives other than it does itself.
pub(super) fn check_scan(node: &NodeProto) -> Result<()> {
    if node.op_type != "Scan" {
        return Ok(());
    }
    let of = |text: &str| fault(place(node), format!("`Scan` {text}: export the model again"));
    let body = node.attribute.iter().find(|attribute| attribute.name == "body");
    let body = body.and_then(|attribute| attribute.g.as_ref());
    let body = body.ok_or_else(|| of("has no `body`"))?;
    let scanned = number(node, "num_scan_inputs").ok_or_else(|| of("lacks `num_scan_inputs`"))?;
    let inputs = node.input.iter().filter(|name| !name.is_empty()).count();
    let scanned = usize::try_from(scanned).ok().filter(|count| *count <= inputs);
    let scanned = scanned.ok_or_else(|| of("scans more inputs than it has"))?;
    if body.input.len() != inputs {
        return Err(of("has a `body` with another number of inputs"));
    }
    let states = inputs - scanned;
    let Some(given) = body.output.len().checked_sub(states) else {
        return Err(of("has a `body` that does not give all states"));
    };
    if node.output.len() > body.output.len() {
        return Err(of("has more outputs than its `body`"));
    }
    let lists = [
        ("scan_input_axes", scanned),
        ("scan_input_directions", scanned),
        ("scan_output_axes", given),
        ("scan_output_directions", given),
    ];
    match lists.iter().find(|(name, count)| listed(node, name).is_some_and(|l| l.len() != *count)) {
        Some((name, count)) => Err(of(&format!("needs {count} `{name}`"))),
        None => Ok(()),
    }
}
