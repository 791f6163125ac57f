//! Small models that are right: one operator or a few each, over rows, sequences and images.

use perforate::onnx::{Size, encode, float_tensor, int_attribute, ints_attribute, value_info};
use tract_onnx::pb::attribute_proto::AttributeType as Kind;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
};
use tract_onnx::prelude::DatumType;

const OPSET: i64 = 21;
/// A line a model: what `x` is; the operator; its inputs; its attributes. `f2x3` is a constant of floats of this shape,
/// `i1,2` a list of whole numbers, `n1` one whole number, `_` an input that is left out, `+`
/// one more output; `>` begins another operator, which
/// reads what the one before gives, `y`.
const MODELS: &str = "
    row Abs x > Neg y > Exp y > Sqrt y
    row Add x f4 > Mul y x > Sub y f1 > Div y f4
    row MatMul x f4x3 > Add y f3 > Relu y > MatMul y f3x2 > Softmax y axis=-1
    row Gemm x f3x4 f3 transB=1 > Sigmoid y > Tanh y
    row LayerNormalization x f4 f4 axis=-1
    row RMSNormalization x f4 axis=-1
    row Softplus x > Celu y alpha=0.5 > Elu y > LeakyRelu y > HardSwish y > Gelu y
    row LogSoftmax x axis=1 > ReduceLogSumExp y i1
    row ReduceMax x i1 keepdims=0
    row ReduceSum x i1 keepdims=1 > Div x y
    row ReduceMean x i1 > Sub x y > Pow y f1 > ReduceProd y i1
    row Reshape x i-1,2,2 > Transpose y perm=0,2,1 > Flatten y axis=1
    row Unsqueeze x i1 > Squeeze y i1
    row Concat x x axis=1 > Split y i4,4 + axis=1 > Identity y
    row Slice x i0 i3 i1 i2
    row Gather x i0,2,1 axis=1
    row Pad x i0,1,0,2 mode=reflect
    row Pad x i0,1,0,2 f mode=constant
    row Tile x i1,3 > TopK y i2 + axis=1
    row ArgMax x axis=1 keepdims=0 > Cast y to=1
    row CumSum x n1 > Clip y f f > Round y > Floor y
    row Shape x > Cast y to=1 > ReduceSum y > Mul x y
    row Shape x start=1 end=2 > Concat i-1 y axis=0 > Reshape x y
    row Greater x f1 > Where y x f4 > Max y x > Min y f4
    row Less x f4 > Not y > Cast y to=1 > Trilu y
    row Expand f1 i3,4 > ReduceSum y i0 > Add x y
    row Einsum x f4x3 equation=nk,kc->nc
    row Equal x x > And y y > Cast y to=7 > Mod y n2 > Cast y to=1
    row ScatterElements f2x4 i2x1 f2x1 axis=1 > ReduceSum y i0 > Add x y
    row OneHot i0,2 n4 f2 axis=-1 > MatMul y f4x4 > ReduceSum y i0 > Add x y
    row DynamicQuantizeLinear x + + > Cast y to=1
    row QuantizeLinear x f u > DequantizeLinear y f u
    row NegativeLogLikelihoodLoss x i0,1 reduction=none
    row SoftmaxCrossEntropyLoss x i0,1 reduction=mean ignore_index=1
    row Dropout x > PRelu y f4 > Hardmax y axis=1 > NonZero y
    row LpNormalization x axis=1 p=2 > Mean y x > Sum y x x
    row MatMulNBits x v3x1x8 f3 K=4 N=3 bits=4 block_size=16
    sequence LSTM x f1x12x4 f1x12x3 hidden_size=3
    sequence GRU x f1x9x4 f1x9x3 f1x18 hidden_size=3 linear_before_reset=1
    sequence RNN x f1x3x4 f1x3x3 hidden_size=3 direction=forward
    sequence MatMul x f4x6 > Transpose y perm=0,2,1 > MatMul y x > Softmax y
    sequence Attention x x x q_num_heads=2 kv_num_heads=2 is_causal=1
    sequence Attention x x x q_num_heads=2 kv_num_heads=2 softcap=2.5 is_causal=1
    image Attention x x x q_num_heads=2 kv_num_heads=2 qk_matmul_output_mode=1
    sequence ReduceMean x i1 keepdims=0 > Relu y
    sequence Unsqueeze x i-1 > DFT y _ n1 > ReduceSum y i1
    sequence GatherND x i0 batch_dims=1
    sequence LayerNormalization x f4 axis=-1 > MatMul y f4x4
    sequence Conv x f3x5x3 kernel_shape=3, pads=1,1
    image Conv x f3x2x3x3 f3 kernel_shape=3,3 pads=1,1,1,1 > Relu y > MaxPool y kernel_shape=2,2 strides=2,2
    image Conv x f2x1x3x3 kernel_shape=3,3 group=2 dilations=2,2 > GlobalAveragePool y > Flatten y
    image ConvTranspose x f2x3x2x2 kernel_shape=2,2 strides=2,2
    image AveragePool x kernel_shape=2,2 ceil_mode=1 count_include_pad=1
    image BatchNormalization x f2 f2 f2 f2 > Relu y
    image InstanceNormalization x f2 f2 > GroupNormalization y f2 f2 num_groups=2
    image Resize x _ _ i1,2,12,12 mode=linear
    image Resize x _ _ i1,2,9,9 mode=nearest
    image DepthToSpace x blocksize=1 > SpaceToDepth y blocksize=2
    image Transpose x perm=0,2,3,1 > GridSample x y mode=linear
    image LRN x size=3 > ReduceMax y i2,3 > Squeeze y i2,3
    image Conv x f3x2x3x3 kernel_shape=3,3 auto_pad=SAME_UPPER strides=2,2 > HardSigmoid y
";

/// All of them, encoded.
pub fn all() -> Vec<Vec<u8>> {
    let lines = MODELS.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| encode(&model(line))).collect()
}

fn model(line: &str) -> ModelProto {
    let (shape, nodes) = line.split_once(' ').expect("what x is");
    let sizes: &[usize] = match shape {
        "row" => &[4],
        "sequence" => &[5, 4],
        _ => &[2, 6, 6],
    };
    let sizes = sizes.iter().map(|&size| Size::Fixed(size));
    let sizes: Vec<Size> = std::iter::once(Size::Rows).chain(sizes).collect();
    let mut graph = GraphProto { name: "g".into(), ..Default::default() };
    graph.input.push(value_info("x", DatumType::F32, Some(&sizes)).expect("a type"));
    let mut last = "y".to_string();
    for (ix, text) in nodes.split(" > ").enumerate() {
        let before = last;
        last = format!("y{ix}");
        node(&mut graph, text, &before, &last);
    }
    graph.output.push(value_info(&last, DatumType::F32, None).expect("a type"));
    let set = OperatorSetIdProto { domain: String::new(), version: OPSET };
    let opset_import = vec![set];
    ModelProto { ir_version: 9, opset_import, graph: Some(graph), ..Default::default() }
}

fn node(graph: &mut GraphProto, text: &str, before: &str, output: &str) {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let op_type = words.next().expect("an operator").to_string();
    let mut node = NodeProto { op_type, name: output.into(), ..Default::default() };
    node.output.push(output.into());
    for word in words {
        if let Some((name, value)) = word.split_once('=') {
            node.attribute.push(attribute(name, value));
        } else if word == "+" {
            node.output.push(format!("{output}/{}", node.output.len()));
        } else {
            node.input.push(match word {
                "x" => "x".into(),
                "y" => before.into(),
                "_" => String::new(),
                _ => {
                    let name = format!("c{}", graph.initializer.len());
                    graph.initializer.push(constant(&name, word));
                    name
                }
            });
        }
    }
    graph.node.push(node);
}

fn attribute(name: &str, value: &str) -> AttributeProto {
    let numbers = || value.split(',').filter_map(|one| one.parse().ok()).collect::<Vec<i64>>();
    match (value.parse::<i64>(), value.parse::<f32>()) {
        (Ok(number), _) => int_attribute(name, number),
        (_, Ok(f)) => {
            let r#type = Kind::Float as i32;
            AttributeProto { name: name.into(), r#type, f, ..Default::default() }
        }
        _ if !numbers().is_empty() => ints_attribute(name, &numbers()),
        _ => {
            let (r#type, s) = (Kind::String as i32, value.as_bytes().to_vec());
            AttributeProto { name: name.into(), r#type, s, ..Default::default() }
        }
    }
}

fn constant(name: &str, word: &str) -> TensorProto {
    let (kind, rest) = word.split_at(1);
    let sizes: Vec<usize> = rest.split('x').filter_map(|size| size.parse().ok()).collect();
    let whole: Vec<i64> = rest.split(',').filter_map(|one| one.parse().ok()).collect();
    let count: usize = sizes.iter().product();
    let stored = |data_type: DataType, dims: Vec<i64>, raw_data: Vec<u8>| TensorProto {
        name: name.into(),
        data_type: data_type as i32,
        dims,
        raw_data,
        ..Default::default()
    };
    let bytes = |values: &[i64]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    match kind {
        "f" => {
            let values: Vec<f32> = (0..count).map(|ix| 0.25 + (ix % 7) as f32 / 8.0).collect();
            float_tensor(name, &sizes, &values)
        }
        // Indices of some shape, all zero.
        "i" if rest.contains('x') => {
            let dims = sizes.iter().map(|&size| size as i64).collect();
            stored(DataType::Int64, dims, bytes(&vec![0; count]))
        }
        "i" => stored(DataType::Int64, vec![whole.len() as i64], bytes(&whole)),
        "n" => stored(DataType::Int64, vec![], bytes(&whole)),
        "u" => stored(DataType::Uint8, vec![], vec![3]),
        "v" => {
            let dims = sizes.iter().map(|&size| size as i64).collect();
            stored(DataType::Uint8, dims, vec![0x5a; count])
        }
        other => panic!("no constant begins with {other}"),
    }
}

#[cfg(test)]
mod tests {
    use perforate::engine::Program;

    /// A seed that is refused is of no use. A few are: an operator is not supported in that form, and changes may reach one.
    #[test]
    fn most_are_compiled() {
        let all = super::all();
        let refused: Vec<String> = all
            .iter()
            .enumerate()
            .filter_map(|(ix, model)| {
                let error = Program::load("seed", model).err()?;
                let line = super::MODELS.lines().filter(|line| !line.trim().is_empty()).nth(ix);
                Some(format!("{}: {error}", line.unwrap_or_default().trim()))
            })
            .collect();
        assert!(refused.len() * 10 <= all.len(), "{}", refused.join("\n"));
    }
}
