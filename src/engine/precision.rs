//! Precision of what tract computes more coarsely than the standard's reference does: sums of half precision, and the gates of
//! recurrent operators near saturation.
//!
//! ONNX defines `Softmax` as a function of `ReduceMax`, `Sub`, `Exp`, `ReduceSum` and `Div`. In half precision each of these
//! rounds, and the sum of many terms must not: so it is written as these five, with the sum in f32.

use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer, RmsNorm, Sigmoid, Softmax, SoftmaxKind};
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_hir::internal::*;

/// Computes sums of f16 in f32, each rounded once, and the logistic function inside of loops as `1 / (1 + exp(−x))`.
pub(crate) fn refine(model: &mut TypedModel) -> TractResult<()> {
    refine_nodes(model, false)
}

fn refine_nodes(model: &mut TypedModel, in_loop: bool) -> TractResult<()> {
    for id in model.eval_order()? {
        if let Some(scan) = model.node_mut(id).op_as_mut::<Scan>() {
            refine_nodes(&mut scan.body, true)?;
        }
        let node = model.node(id);
        if let Some(softmax) = softmax_of_halves(node) {
            let patch = shares(model, node, softmax)?;
            patch.apply(model)?;
        } else if is_sum_of_halves(model, node)? {
            let patch = in_single(model, node)?;
            patch.apply(model)?;
        } else if in_loop && is_logistic(node) {
            let patch = logistic(model, node)?;
            patch.apply(model)?;
        }
    }
    Ok(())
}

/// Whether a node adds up numbers of f16.
fn is_sum_of_halves(model: &TypedModel, node: &TypedNode) -> TractResult<bool> {
    let half = f16::datum_type();
    let adds = match node.op_as::<EinSum>() {
        Some(product) => product.q_params.is_none() && product.operating_dt == half,
        None => {
            node.op_is::<Conv>()
                || node.op_is::<Deconv>()
                || node.op_is::<SumPool>()
                || node.op_is::<Reduce>()
                || node.op_is::<RmsNorm>()
        }
    };
    let first = node.inputs.first().map(|&input| model.outlet_fact(input)).transpose()?;
    let halves = node.outputs.len() == 1 && node.outputs[0].fact.datum_type == half;
    Ok(adds && halves && first.is_some_and(|fact| fact.datum_type == half))
}

/// The node with its numbers of f16 in f32.
fn in_single(model: &TypedModel, node: &TypedNode) -> TractResult<TypedModelPatch> {
    let mut patch = TypedModelPatch::default();
    let mut inputs = patch.taps(model, &node.inputs)?;
    for (ix, input) in inputs.iter_mut().enumerate() {
        if patch.outlet_fact(*input)?.datum_type == f16::datum_type() {
            let name = format!("{}.wide.{ix}", node.name);
            *input = patch.wire_node(name, cast(f32::datum_type()), &[*input])?[0];
        }
    }
    let op: Box<dyn TypedOp> = match node.op_as::<EinSum>() {
        Some(product) => Box::new(EinSum { operating_dt: f32::datum_type(), ..product.clone() }),
        None => node.op.clone(),
    };
    let sum = patch.wire_node(&node.name, op, &inputs)?;
    let rounded =
        patch.wire_node(format!("{}.rounded", node.name), cast(f16::datum_type()), &sum)?;
    patch.shunt_outside(model, node.id.into(), rounded[0])?;
    Ok(patch)
}

fn softmax_of_halves(node: &TypedNode) -> Option<&Softmax> {
    let softmax = node.op_as::<Softmax>()?;
    let plain = softmax.kind == SoftmaxKind::Softmax && softmax.quant_output_dt.is_none();
    (plain && node.outputs[0].fact.datum_type == f16::datum_type()).then_some(softmax)
}

/// `exp(x − max) / sum(exp(x − max))`, each step rounded, the sum once.
fn shares(model: &TypedModel, node: &TypedNode, of: &Softmax) -> TractResult<TypedModelPatch> {
    let mut patch = TypedModelPatch::default();
    let x = patch.tap_model(model, node.inputs[0])?;
    let name = |part: &str| format!("{}.{part}", node.name);
    let reduce = |reducer| Reduce { axes: of.axes.clone(), reducer };
    let top = patch.wire_node(name("top"), reduce(Reducer::Max), &[x])?[0];
    let below = patch.wire_node(name("below"), math::sub(), &[x, top])?;
    let powers = patch.wire_node(name("powers"), math::exp(), &below)?[0];
    let wide = patch.wire_node(name("wide"), cast(f32::datum_type()), &[powers])?;
    let sum = patch.wire_node(name("sum"), reduce(Reducer::Sum), &wide)?;
    let sum = patch.wire_node(name("rounded"), cast(f16::datum_type()), &sum)?[0];
    let share = patch.wire_node(&node.name, math::div(), &[powers, sum])?;
    patch.shunt_outside(model, node.id.into(), share[0])?;
    Ok(patch)
}

fn is_logistic(node: &TypedNode) -> bool {
    let single = node.outputs[0].fact.datum_type == f32::datum_type();
    single && node.op_as::<ElementWiseOp>().is_some_and(|op| op.0.is::<Sigmoid>())
}

/// tract's logistic function is off by up to 5e-7 where it is nearly one, so that what a gate leaves out, `1 − z`, is off by
/// as much as it is itself.
fn logistic(model: &TypedModel, node: &TypedNode) -> TractResult<TypedModelPatch> {
    let mut patch = TypedModelPatch::default();
    let x = patch.tap_model(model, node.inputs[0])?;
    let ones = tensor1(&[1f32]).broadcast_into_rank(node.outputs[0].fact.rank())?;
    let name = |part: &str| format!("{}.{part}", node.name);
    let one = patch.add_const(name("one"), ones)?;
    let below = patch.wire_node(name("below"), math::neg(), &[x])?;
    let power = patch.wire_node(name("power"), math::exp(), &below)?;
    let sum = patch.wire_node(name("sum"), math::add(), &[power[0], one])?;
    let share = patch.wire_node(&node.name, math::recip(), &sum)?;
    patch.shunt_outside(model, node.id.into(), share[0])?;
    Ok(patch)
}
