//! Graphs with operators of our own against the same graphs with tract's.

use perforate_onnx::functions::dynamic_int8_matmul;
use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode, int_attribute, ints_attribute};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, TensorProto};

use super::*;
use crate::ops;

/// Numbers in −1…1 that look drawn.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let one = |ix: usize| (((ix + seed) as u32).wrapping_mul(2_654_435_761) as i32) as f32;
    (0..count).map(|ix| one(ix + 1) / i32::MAX as f32).collect()
}

/// A typed graph of a file, decluttered.
fn typed(file: &[u8]) -> TypedModel {
    let mut reader = file;
    let mut model = ops::framework().model_for_read(&mut reader).unwrap().into_typed().unwrap();
    model.declutter().unwrap();
    model
}

fn run(model: &TypedModel, inputs: &[Tensor]) -> Vec<f32> {
    let mut model = model.clone();
    model.optimize().unwrap();
    let plan = TypedSimplePlan::new(model).unwrap();
    let inputs = inputs.iter().map(|tensor| tensor.clone().into_tvalue()).collect();
    let outputs = plan.run(inputs).unwrap();
    let read =
        |value: &TValue| value.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
    outputs.iter().flat_map(read).collect()
}

fn names(model: &TypedModel) -> Vec<String> {
    model.nodes().iter().map(|node| node.op.name().to_string()).collect()
}

/// Both give the same; returns the names of the operators that are left.
fn check(what: &str, file: &[u8], inputs: &[Tensor]) -> Vec<String> {
    let model = typed(file);
    let lowered = lower(&model).unwrap();
    let (ours, wanted) = (run(&lowered, inputs), run(&model, inputs));
    assert_eq!(ours.len(), wanted.len(), "{what}");
    for (ix, (ours, wanted)) in ours.iter().zip(&wanted).enumerate() {
        assert!(
            (ours - wanted).abs() <= 1e-4 + 1e-4 * wanted.abs(),
            "{what}, {ix}: {ours} for {wanted}, by {:?}",
            names(&lowered)
        );
    }
    names(&lowered)
}

/// A graph that grows from an image `[rows, channels, 9, 11]`.
struct Images {
    graph: GraphBuilder,
    made: usize,
}

impl Images {
    fn new() -> Images {
        let mut graph = GraphBuilder::new("images", OPSET);
        graph.input("x", &[Size::Rows, Size::Fixed(8), Size::Fixed(9), Size::Fixed(11)]).unwrap();
        Images { graph, made: 0 }
    }

    fn name(&mut self, op: &str) -> String {
        self.made += 1;
        format!("{op}{}", self.made)
    }

    fn node(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let name = self.name(op);
        self.graph.node_with(op, &name, inputs, attributes).unwrap()
    }

    fn constant(&mut self, dims: &[usize]) -> String {
        let name = self.name("constant");
        let values = numbers(dims.iter().product(), self.made);
        self.graph.constant(&name, dims, &values).unwrap()
    }

    /// A convolution that keeps the image's size.
    fn convolution(&mut self, x: &str, [inputs, outputs, side, groups]: [usize; 4]) -> String {
        let weights = self.constant(&[outputs, inputs / groups, side, side]);
        let bias = self.constant(&[outputs]);
        let pad = (side / 2) as i64;
        let attributes =
            vec![ints_attribute("pads", &[pad; 4]), int_attribute("group", groups as i64)];
        self.node("Conv", &[x, &weights, &bias], attributes)
    }

    /// Makes the tensor the output and compares both graphs; returns the names of the operators.
    fn check(mut self, what: &str, last: &str) -> Vec<String> {
        // Whatever the sizes are: they are not declared.
        self.graph.node("Identity", "y", &[last]).unwrap();
        self.graph.output("y", &[]).unwrap();
        let mut model = self.graph.into_model(&Metadata::default()).unwrap();
        let graph = model.graph.as_mut().unwrap();
        graph.output[0].r#type = None;
        let x = Tensor::from_shape(&[3, 8, 9, 11], &numbers(3 * 8 * 9 * 11, 7)).unwrap();
        check(what, &encode(&model), &[x])
    }
}

#[test]
fn a_residual_block_is_two_operators() {
    let mut own = Images::new();
    let wide = own.convolution("x", [8, 16, 3, 1]);
    let relu = own.node("Relu", &[&wide], vec![]);
    let more = own.convolution(&relu, [16, 16, 3, 1]);
    let sum = own.node("Add", &[&relu, &more], vec![]);
    let end = own.node("Relu", &[&sum], vec![]);
    let left = own.check("a residual block", &end);
    assert_eq!(left, ["Source", "FusedConvolution", "FusedConvolution", "ChannelsFirst"]);
}

#[test]
fn what_lies_between_convolutions_keeps_channels_last() {
    let mut own = Images::new();
    let a = own.convolution("x", [8, 12, 1, 1]);
    let squashed = own.node("Sigmoid", &[&a], vec![]);
    let depthwise = own.convolution(&squashed, [12, 12, 3, 12]);
    let kernel = || vec![ints_attribute("kernel_shape", &[2, 2])];
    let pooled = own.node("MaxPool", &[&depthwise], kernel());
    let mean = own.node("AveragePool", &[&depthwise], kernel());
    let both = own.node("Concat", &[&pooled, &mean], vec![int_attribute("axis", 1)]);
    // A gate of each channel, from the mean of its pixels.
    let means = own.node("GlobalAveragePool", &[&both], vec![]);
    let gate = own.convolution(&means, [24, 24, 1, 1]);
    let gated = own.node("Mul", &[&both, &gate], vec![]);
    let scale = own.constant(&[1, 24, 1, 1]);
    let scaled = own.node("Mul", &[&gated, &scale], vec![]);
    let end = own.convolution(&scaled, [24, 10, 3, 2]);
    let left = own.check("layers of all kinds", &end);
    assert_eq!(left.iter().filter(|name| *name == "ChannelsFirst").count(), 1, "{left:?}");
}

#[test]
fn limits_become_one_activation() {
    for (low, high) in [(Some(0.0), Some(6.0)), (Some(-0.5), None), (None, Some(0.25))] {
        let mut own = Images::new();
        let mut last = own.convolution("x", [8, 8, 3, 1]);
        for (op, limit) in [("Max", low), ("Min", high)] {
            let Some(limit) = limit else { continue };
            let name = own.name("limit");
            own.graph.constant(&name, &[], &[limit]).unwrap();
            last = own.node(op, &[&last, &name], vec![]);
        }
        let left = own.check("limits", &last);
        assert_eq!(left, ["Source", "FusedConvolution", "ChannelsFirst"], "{low:?}, {high:?}");
    }
}

#[test]
fn tensors_that_are_read_twice_are_still_there() {
    let mut own = Images::new();
    let a = own.convolution("x", [8, 8, 3, 1]);
    let relu = own.node("Relu", &[&a], vec![]);
    // The sums before the activation are read, too.
    let b = own.convolution(&a, [8, 8, 1, 1]);
    let sum = own.node("Add", &[&relu, &b], vec![]);
    let end = own.node("Mul", &[&sum, "x"], vec![]);
    own.check("read twice", &end);
}

#[test]
fn attention_and_normalisation_are_found() {
    let (heads, depth) = (2usize, 3usize);
    let tokens = || Size::Fixed(5);
    let width = heads * depth;
    let mut graph = GraphBuilder::new("attention", OPSET);
    graph.input("x", &[Size::Rows, tokens(), Size::Fixed(width)]).unwrap();
    graph.input("bias", &[Size::Rows, Size::Fixed(1), Size::Fixed(1), tokens()]).unwrap();
    let perm = |order: &[i64]| vec![ints_attribute("perm", order)];
    let mut parts = vec![];
    for (ix, name) in ["q", "k", "v"].iter().enumerate() {
        let weights = graph
            .constant(&format!("{name}/w"), &[width, width], &numbers(width * width, ix * 99))
            .unwrap();
        let product = graph.node("MatMul", &format!("{name}/product"), &["x", &weights]).unwrap();
        let sizes =
            graph.integers(&format!("{name}/sizes"), &[0, 5, heads as i64, depth as i64]).unwrap();
        let split = graph.node("Reshape", &format!("{name}/split"), &[&product, &sizes]).unwrap();
        let order: &[i64] = if *name == "k" { &[0, 2, 3, 1] } else { &[0, 2, 1, 3] };
        parts.push(graph.node_with("Transpose", name, &[&split], perm(order)).unwrap());
    }
    let scores = graph.node("MatMul", "scores", &[&parts[0], &parts[1]]).unwrap();
    let factor = graph.constant("factor", &[], &[0.577]).unwrap();
    let scaled = graph.node("Mul", "scaled", &[&scores, &factor]).unwrap();
    let masked = graph.node("Add", "masked", &[&scaled, "bias"]).unwrap();
    let weights =
        graph.node_with("Softmax", "weights", &[&masked], vec![int_attribute("axis", -1)]).unwrap();
    let read = graph.node("MatMul", "read", &[&weights, &parts[2]]).unwrap();
    let back = graph.node_with("Transpose", "back", &[&read], perm(&[0, 2, 1, 3])).unwrap();
    let sizes = graph.integers("joined/sizes", &[0, 5, width as i64]).unwrap();
    let joined = graph.node("Reshape", "joined", &[&back, &sizes]).unwrap();
    let sum = graph.node("Add", "sum", &[&joined, "x"]).unwrap();
    let mean = graph.reduce("ReduceMean", "mean", &sum, -1).unwrap();
    let centred = graph.node("Sub", "centred", &[&sum, &mean]).unwrap();
    let squares = graph.node("Mul", "squares", &[&centred, &centred]).unwrap();
    let variance = graph.reduce("ReduceMean", "variance", &squares, -1).unwrap();
    let epsilon = graph.constant("epsilon", &[1], &[1e-5]).unwrap();
    let more = graph.node("Add", "more", &[&variance, &epsilon]).unwrap();
    let deviation = graph.node("Sqrt", "deviation", &[&more]).unwrap();
    let normal = graph.node("Div", "normal", &[&centred, &deviation]).unwrap();
    let scale = graph.constant("scale", &[width], &numbers(width, 3)).unwrap();
    let shift = graph.constant("shift", &[width], &numbers(width, 4)).unwrap();
    let scaled = graph.node("Mul", "normal/scaled", &[&normal, &scale]).unwrap();
    graph.node("Add", "y", &[&scaled, &shift]).unwrap();
    graph.output("y", &[Size::Rows, tokens(), Size::Fixed(width)]).unwrap();
    let file = encode(&graph.into_model(&Metadata::default()).unwrap());
    let x = Tensor::from_shape(&[2, 5, width], &numbers(2 * 5 * width, 1)).unwrap();
    let mut bias = numbers(10, 2);
    bias[7] = -10_000.0;
    let bias = Tensor::from_shape(&[2, 1, 1, 5], &bias).unwrap();
    let left = check("attention", &file, &[x, bias]);
    for wanted in ["DenseAttention", "LayerNorm"] {
        assert!(left.iter().any(|name| name == wanted), "{wanted} is not in {left:?}");
    }
    assert_eq!(left.iter().filter(|name| *name == "FusedProduct").count(), 3, "{left:?}");
}

#[test]
fn products_that_do_not_fit_are_left_alone() {
    let mut graph = GraphBuilder::new("products", OPSET);
    graph.input("x", &[Size::Rows, Size::Fixed(4), Size::Fixed(6)]).unwrap();
    // The matrix is the left factor: the rows of the result are its own.
    let left = graph.constant("left", &[5, 4], &numbers(20, 1)).unwrap();
    let first = graph.node("MatMul", "first", &[&left, "x"]).unwrap();
    // A matrix for each row of a stack.
    let stack = graph.constant("stack", &[1, 6, 3], &numbers(18, 2)).unwrap();
    graph.node("MatMul", "y", &[&first, &stack]).unwrap();
    graph.output("y", &[Size::Rows, Size::Fixed(5), Size::Fixed(3)]).unwrap();
    let file = encode(&graph.into_model(&Metadata::default()).unwrap());
    let x = Tensor::from_shape(&[2, 4, 6], &numbers(48, 3)).unwrap();
    check("products", &file, &[x]);
}

#[test]
fn what_follows_a_product_in_whole_numbers_is_done_with_it() {
    let (k, n) = (64usize, 5usize);
    let mut graph = GraphBuilder::new("integers", OPSET);
    let sizes = |width| [Size::Rows, Size::Fixed(3), Size::Fixed(width)];
    graph.input("x", &sizes(k)).unwrap();
    graph.input("other", &sizes(n)).unwrap();
    graph.constant("scales", &[n], &[0.01, 0.02, 0.03, 0.04, 0.05]).unwrap();
    let inputs = ["x", "weights", "scales"];
    let product = graph.call(dynamic_int8_matmul(OPSET), "product", &inputs).unwrap();
    let bias = graph.constant("bias", &[n], &numbers(n, 2)).unwrap();
    let shifted = graph.node("Add", "shifted", &[&product[0], &bias]).unwrap();
    let sum = graph.node("Add", "sum", &[&shifted, "other"]).unwrap();
    graph.node("Relu", "y", &[&sum]).unwrap();
    graph.output("y", &sizes(n)).unwrap();
    let mut model = graph.into_model(&Metadata::default()).unwrap();
    let weights = TensorProto {
        name: "weights".into(),
        dims: vec![k as i64, n as i64],
        data_type: DataType::Int8 as i32,
        raw_data: (0..k * n).map(|ix| (ix * 37 % 255) as u8).collect(),
        ..TensorProto::default()
    };
    model.graph.as_mut().unwrap().initializer.push(weights);
    let tensor =
        |width, seed| Tensor::from_shape(&[2, 3, width], &numbers(2 * 3 * width, seed)).unwrap();
    let left = check("whole numbers", &encode(&model), &[tensor(k, 3), tensor(n, 4)]);
    assert_eq!(left, ["Source", "Source", "FusedInteger"]);
}
