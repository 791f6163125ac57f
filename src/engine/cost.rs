//! What a segment costs, read off tract's graph before it is lowered to kernels.

use std::collections::BTreeSet;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::Cost;

use perforate_base::error::{Error, ErrorKind, Result, one_line};
use perforate_base::units::{Bytes, Macs};

use super::ops::integer::IntegerMatMul;
use super::work::Work;

/// Operators that move or rename values and compute nothing.
const FREE: &[&str] = &[
    "AddAxis",
    "RmAxis",
    "MoveAxis",
    "Move",
    "Add",
    "Rm",
    "Reshape",
    "Const",
    "Source",
    "Identity",
    "Cast",
    "Slice",
    "Pad",
    "Concat",
    "TypedConcat",
    "Tile",
    "MultiBroadcastTo",
    "Gather",
    "GatherElements",
    "GatherNd",
    "Dummy",
    "Dequantize",
    "KeepTokens",
];

/// The value of a size for one row, unless it depends on more.
fn one_row(size: &TDim, rows: Option<&Symbol>) -> Option<f64> {
    let mut values = SymbolValues::default();
    if let Some(rows) = rows {
        values.set(rows, 1);
    }
    size.eval(&values).to_i64().ok().map(|value| value as f64)
}

/// The same for a size in bytes.
pub(crate) fn bytes_per_row(size: &TDim, rows: Option<&Symbol>) -> Option<Bytes> {
    one_row(size, rows).map(Bytes)
}

/// What one segment costs.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SegmentCost {
    /// Multiply-accumulates (and divisions, counted as one each), as a function of the model's symbols.
    macs: TDim,
    /// Those of them that multiply eight-bit integers.
    integer_macs: TDim,
    /// Number of constant values (weights) in the segment.
    pub parameters: usize,
    /// How many of them stand in tables of which a run looks up a few rows, such as word embeddings.
    pub in_tables: usize,
    /// Bytes that these constants take as loaded.
    pub bytes: Bytes,
    /// Bytes alive at each step of a run, its inputs and constants left out.
    alive: Vec<TDim>,
    /// Operators for which tract reports no cost although they compute something.
    pub uncosted: BTreeSet<String>,
}

impl SegmentCost {
    /// Reads the cost off a decluttered model.
    pub(crate) fn of(model: &TypedModel) -> TractResult<SegmentCost> {
        let mut cost = SegmentCost::default();
        let order = model.eval_order()?;
        let computed = |node: &TypedNode| {
            !node.op_is::<tract_onnx::tract_core::ops::konst::Const>()
                && !node.op_is::<tract_onnx::tract_core::ops::source::TypedSource>()
        };
        let alive = model.eval_tmp_memory_usage(&order, computed)?;
        cost.alive = alive.into_iter().map(|(_, bytes)| bytes).collect();
        for node in order.into_iter().map(|id| model.node(id)) {
            let op = node.op();
            if let Some(konst) = op.downcast_ref::<tract_onnx::tract_core::ops::konst::Const>() {
                cost.parameters += konst.val().len();
                cost.bytes +=
                    Bytes((konst.val().len() * konst.val().datum_type().size_of()) as f64);
                continue;
            }
            if let Some(IntegerMatMul(weights)) = op.downcast_ref::<IntegerMatMul>() {
                cost.parameters += weights.parameters();
                cost.bytes += Bytes(weights.bytes() as f64);
            }
            let facts = model.node_input_facts(node.id)?;
            if node.op().name() == "Gather"
                && let Some(table) = facts.first().and_then(|fact| fact.konst.as_ref())
            {
                cost.in_tables += table.len();
            }
            let mut charged = TDim::Val(0);
            for (kind, count) in node.op.cost(&facts)? {
                match kind {
                    Cost::FMA(of) if of.size_of() == 1 => {
                        cost.integer_macs = std::mem::take(&mut cost.integer_macs) + count.clone();
                        charged += count;
                    }
                    Cost::FMA(_) | Cost::Div(_) => charged += count,
                    _ => {}
                }
            }
            let name = op.name();
            if charged == TDim::Val(0)
                && node.op.cost(&facts)?.is_empty()
                && !FREE.contains(&name.as_ref())
                && !name.starts_with("Cast")
            {
                cost.uncosted.insert(name.to_string());
            }
            cost.macs = std::mem::take(&mut cost.macs) + charged;
        }
        Ok(cost)
    }

    /// What a run for one row computes and reads, if that does not depend on anything but the number of rows.
    pub(crate) fn per_row(&self, rows: Option<&Symbol>) -> Option<Work> {
        Some(Work {
            macs: Macs(one_row(&self.macs, rows)?),
            integer_macs: Macs(one_row(&self.integer_macs, rows)?),
            bytes: self.bytes,
        })
    }

    /// Most bytes alive at once for one row, inputs and constants left out.
    pub(crate) fn peak_per_row(&self, rows: Option<&Symbol>) -> Option<Bytes> {
        let mut steps = self.alive.iter().map(|bytes| bytes_per_row(bytes, rows));
        steps.try_fold(Bytes(0.0), |peak, bytes| bytes.map(|b| if b > peak { b } else { peak }))
    }

    /// Most bytes alive at once with every symbol given.
    pub(crate) fn peak_with(&self, values: &SymbolValues) -> Result<Bytes> {
        let mut steps = self.alive.iter().map(|bytes| number(bytes, values).map(Bytes));
        steps.try_fold(Bytes(0.0), |peak, bytes| bytes.map(|b| if b > peak { b } else { peak }))
    }

    /// What a run computes and reads with every symbol given.
    pub(crate) fn with_symbols(&self, values: &SymbolValues) -> Result<Work> {
        Ok(Work {
            macs: Macs(number(&self.macs, values)?),
            integer_macs: Macs(number(&self.integer_macs, values)?),
            bytes: self.bytes,
        })
    }
}

/// The value of a size.
fn number(size: &TDim, values: &SymbolValues) -> Result<f64> {
    let known = size.eval(values).to_i64().map_err(|e| {
        let text = format!(
            "the sizes inside the model do not fit each other, or do not follow from its inputs ({}): check the shapes that it declares",
            one_line(&e)
        );
        Error::new(ErrorKind::Model, text).with_source(e)
    })?;
    Ok(known as f64)
}
