//! A small routed model for tests: `y = 10 x` where `x ≥ threshold`, else `y = x`.

use perforate_engine::Program;
use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode};

pub fn program() -> Program {
    let shape = [Size::Rows, Size::Fixed(1)];
    let mut graph = GraphBuilder::new("tenfold", OPSET);
    let x = graph.input("x", &shape).unwrap();
    let threshold = graph.knob("threshold", 2.0).unwrap();
    let hard = graph.node("GreaterOrEqual", "hard", &[&x, &threshold]).unwrap();
    let mut full = graph.branch("full");
    let weights = full.constant("full/weights", &[1, 1], &[10.0]).unwrap();
    full.node("MatMul", "full/product", &[&x, &weights]).unwrap();
    full.output("full/product", &shape).unwrap();
    let mut light = full.branch("light");
    light.node("Identity", "light/kept", &[&x]).unwrap();
    light.output("light/kept", &shape).unwrap();
    graph.gate("gate", &hard, full, light, &["y"]).unwrap();
    graph.output("y", &shape).unwrap();
    let file = encode(&graph.into_model(&Metadata::default()).unwrap());
    Program::load("tenfold.onnx", &file).unwrap()
}
