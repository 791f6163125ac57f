use tract_onnx::pb::ModelProto;

use super::{Optimised, optimise};
use crate::{GraphBuilder, Metadata, OPSET, Size, set_default};

const SHAPE: [Size; 2] = [Size::Rows, Size::Fixed(2)];

/// A gate between two branches, with this before it: `only` and `product` for one branch, `both` for both, `given` for one
/// and the graph's outputs, `drawn` at random, `unread` for nobody, `sum` of two constants.
fn model() -> ModelProto {
    let mut main = GraphBuilder::new("g", OPSET);
    let x = main.input("x", &SHAPE).unwrap();
    let knob = main.knob("threshold", 0.5).unwrap();
    let weights = main.constant("weights", &[2, 2], &[1.0; 4]).unwrap();
    let halves = main.constant("halves", &[2], &[0.5; 2]).unwrap();
    let sum = main.node("Add", "sum", &[&halves, &halves]).unwrap();
    let only = main.node("Add", "only", &[&x, &sum]).unwrap();
    let product = main.node("MatMul", "product", &[&only, &weights]).unwrap();
    let both = main.node("Abs", "both", &[&x]).unwrap();
    let given = main.node("Neg", "given", &[&x]).unwrap();
    let drawn = main.node("RandomNormalLike", "drawn", &[&x]).unwrap();
    main.node("Exp", "unread", &[&x]).unwrap();
    let score = main.reduce("ReduceMax", "score", &x, 1).unwrap();
    let decision = main.node("GreaterOrEqual", "decision", &[&score, &knob]).unwrap();
    let mut then = main.branch("then");
    let inner = then.node("Add", "then/inner", &[&product, &both]).unwrap();
    let inner = then.node("Add", "then/given", &[&inner, &given]).unwrap();
    let end = then.node("Add", "then/end", &[&inner, &drawn]).unwrap();
    then.output(&end, &SHAPE).unwrap();
    let mut otherwise = then.branch("otherwise");
    let end = otherwise.node("Identity", "else/end", &[&both]).unwrap();
    otherwise.output(&end, &SHAPE).unwrap();
    main.gate("gate", &decision, then, otherwise, &["y"]).unwrap();
    main.output("y", &SHAPE).unwrap();
    main.output(&given, &SHAPE).unwrap();
    main.into_model(&Metadata::default()).unwrap()
}

#[test]
fn only_what_one_branch_alone_needs_moves() {
    let mut model = model();
    let Optimised { moved, folded, removed } = optimise(&mut model);
    let names: Vec<&str> = moved.iter().map(|moved| moved.node.as_str()).collect();
    assert_eq!((names, folded, removed), (vec!["only", "product"], 1, 1));
    assert!(moved.iter().all(|moved| moved.gate == "gate" && moved.branch == "then_branch"));
    let graph = model.graph.as_ref().unwrap();
    let left: Vec<&str> = graph.node.iter().map(|node| node.name.as_str()).collect();
    let before = ["both", "given", "drawn", "score", "decision"];
    assert_eq!(left, [&before[..], &["gate/number", "gate/any", "gate/any_row", "gate"]].concat());
    // The constants of what moved go along, the knob's default stays.
    let stored: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(stored, ["threshold"]);
    let then = graph.node.last().unwrap().attribute[0].g.as_ref().unwrap();
    let inside: Vec<&str> = then.node.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(inside, ["only", "product", "then/inner", "then/given", "then/end"]);
    let mut stored: Vec<&str> =
        then.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    stored.sort_unstable();
    assert_eq!(stored, ["sum", "weights"]);
    assert_eq!(optimise(&mut model), Optimised::default(), "a second time there is nothing to do");
}

/// A knob that no node reads keeps its default: without one it would have to be given.
#[test]
fn an_unread_knob_keeps_its_default() {
    let mut graph = GraphBuilder::new("g", OPSET);
    let x = graph.input("x", &SHAPE).unwrap();
    graph.knob("threshold", 0.5).unwrap();
    graph.node("Neg", "y", &[&x]).unwrap();
    graph.output("y", &SHAPE).unwrap();
    let mut model = graph.into_model(&Metadata::default()).unwrap();
    optimise(&mut model);
    set_default(&mut model, "threshold", 0.25).unwrap();
}
