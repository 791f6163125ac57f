//! Whether the rows of a batch stay apart: what a row answers depends on no other row. Where they do not, as in a sum over
//! the batch, running row by row would compute something else than the file says.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{Axis, AxisOp, InOut, TypedNode};
use tract_onnx::tract_core::ops::nn::{RmsNorm, ScaledRmsNorm, Softmax};

/// The row axis of a tensor; none for a tensor that all rows share.
type Place = Option<usize>;

/// Whether every output has its rows on axis 0, each computed from the same row of the inputs. An operator of which that is
/// not known counts as one that mixes rows.
pub(crate) fn stay_apart(model: &TypedModel, rows: &Symbol) -> TractResult<bool> {
    let mut places: HashMap<OutletId, Place> = HashMap::new();
    for &input in &model.inputs {
        let first = model.outlet_fact(input)?.shape.first().cloned();
        places.insert(input, (first == Some(TDim::Sym(rows.clone()))).then_some(0));
    }
    for id in model.eval_order()? {
        let node = model.node(id);
        if model.inputs.iter().any(|input| input.node == id) {
            continue;
        }
        let from: Vec<Place> =
            node.inputs.iter().map(|input| places.get(input).copied().flatten()).collect();
        let Some(to) = through(model, node, &from, rows)? else { return Ok(false) };
        places.extend((0..node.outputs.len()).map(|slot| (OutletId::new(id, slot), to[slot])));
    }
    // An output without a row axis, such as the batch size, is not an answer per row.
    Ok(model.outputs.iter().all(|outlet| places.get(outlet) == Some(&Some(0))))
}

/// The row axis in each output of a node; none if the node may mix rows.
fn through(
    model: &TypedModel,
    node: &TypedNode,
    from: &[Place],
    rows: &Symbol,
) -> TractResult<Option<Vec<Place>>> {
    if from.iter().all(Option::is_none) {
        return Ok(Some(vec![None; node.outputs.len()]));
    }
    let at = from.iter().copied().flatten().next().unwrap_or_default();
    // tract maps their axes one to one, although they reduce along some of them.
    let along = node.op_as::<Softmax>().is_some_and(|op| op.axes.contains(&at))
        || node.op_as::<RmsNorm>().is_some_and(|op| op.axis == at)
        || node.op_as::<ScaledRmsNorm>().is_some_and(|op| op.axis == at);
    if along {
        return Ok(None);
    }
    if let Some(AxisOp::Reshape(start, old, _)) = node.op_as::<AxisOp>()
        && (*start..*start + old.len()).contains(&at)
    {
        return Ok(reshaped(node, at).map(|place| vec![Some(place)]));
    }
    let (inputs, outputs) = model.node_facts(node.id)?;
    let mapping = node.op.axes_mapping(&inputs, &outputs)?;
    let label = |(ix, place): (usize, &Place)| {
        place.map(|axis| mapping.axis((InOut::In(ix), axis)).map(|axis| axis.repr))
    };
    let labels: Vec<char> =
        from.iter().enumerate().filter_map(label).collect::<TractResult<_>>()?;
    if labels.windows(2).any(|pair| pair[0] != pair[1]) {
        return Ok(None);
    }
    let axis = mapping.axis(labels[0])?;
    // A shared tensor with more than one entry along the row axis gives each row another number.
    let differs = |slot: usize| {
        let sizes = axis.inputs[slot].iter().map(|&place| &inputs[slot].shape[place]);
        from[slot].is_none() && sizes.clone().any(|size| *size != TDim::Val(1))
    };
    if (0..inputs.len()).any(differs) {
        return Ok(None);
    }
    places_of(axis, &outputs, rows)
}

/// The position of the row axis in each output; none unless it appears exactly once, with one entry per row.
fn places_of(
    axis: &Axis,
    outputs: &[&TypedFact],
    rows: &Symbol,
) -> TractResult<Option<Vec<Place>>> {
    let of = |(slot, fact): (usize, &&TypedFact)| match axis.outputs[slot][..] {
        [place] if fact.shape[place] == TDim::Sym(rows.clone()) => Some(Some(place)),
        _ => None,
    };
    Ok(outputs.iter().enumerate().map(of).collect())
}

/// The row axis after a reshape: kept only if it comes first in the reshaped group and keeps its size. A reshape that merges
/// rows with other axes counts as mixing them.
fn reshaped(node: &TypedNode, at: usize) -> Option<usize> {
    let Some(AxisOp::Reshape(start, old, new)) = node.op_as::<AxisOp>() else { return None };
    (*start == at && old.first() == new.first()).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode, int_attribute};

    use crate::program::Program;
    use crate::segment::Segment;
    use crate::{Batch, Knobs, Session};

    /// A model of one operator between `x [N, 3]` and `y`; the attributes are integers.
    fn model(op: &str, attributes: &[(&str, i64)]) -> Vec<u8> {
        let shape = [Size::Rows, Size::Fixed(3)];
        let mut graph = GraphBuilder::new("one", OPSET);
        graph.input("x", &shape).unwrap();
        graph.node(op, "y", &["x"]).unwrap();
        graph.output("y", &shape).unwrap();
        let mut model = graph.into_model(&Metadata::default()).unwrap();
        let own = attributes.iter().map(|(name, value)| int_attribute(name, *value));
        model.graph.as_mut().unwrap().node[0].attribute.extend(own);
        encode(&model)
    }

    fn run(bytes: &[u8]) -> Vec<f32> {
        let program = Arc::new(Program::load("one.onnx", bytes).unwrap());
        let x = ndarray::ArrayD::from_shape_vec(vec![2, 3], vec![1f32, 2.0, 3.0, 1.0, 5.0, 3.0]);
        let batch = Batch::new().with("x", x.unwrap());
        let outcome = Session::new(program).run(&batch, &Knobs::new()).unwrap();
        outcome.first().unwrap().iter().copied().collect()
    }

    /// Otherwise they would lose the choice between row by row and all at once. Parts that choose tokens or blocks give a
    /// number for all rows beside those of each, and are never run by themselves.
    #[test]
    fn the_rows_of_every_shipped_model_are_seen_to_stay_apart() {
        let models = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models"));
        let mut seen = 0;
        for folder in ["fashion", "mnist", "sentences"] {
            for entry in std::fs::read_dir(models.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if !name.ends_with(".onnx")
                    || name.starts_with("tokens")
                    || name.starts_with("blocks")
                {
                    continue;
                }
                let program = Program::load(&name, &std::fs::read(&path).unwrap()).unwrap();
                let apart = |segment: &Segment| segment.compiled.rows_stay_apart;
                assert!(program.segments.iter().all(apart), "{name}");
                seen += 1;
            }
        }
        assert!(seen > 20, "{seen} models");
    }

    #[test]
    fn an_operator_that_looks_along_the_rows_sees_all_of_them() {
        // In the first column both rows are alike: each has half of it.
        let y = run(&model("Softmax", &[("axis", 0)]));
        assert!((y[0] - 0.5).abs() < 1e-6 && (y[3] - 0.5).abs() < 1e-6, "{y:?}");
        let y = run(&model("Softmax", &[("axis", 1)]));
        assert!((y[..3].iter().sum::<f32>() - 1.0).abs() < 1e-6, "{y:?}");
    }
}
