//! What a segment costs, read off tract's graph before it is lowered to kernels.

use std::collections::BTreeSet;

use tract_onnx::prelude::tract_itertools::Itertools;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::Cost;

use crate::error::{Result, one_line};
use crate::units::{Bytes, Macs};

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
];

/// What one segment costs.
#[derive(Debug, Clone, Default)]
pub struct SegmentCost {
    /// Multiply-accumulates (and divisions, counted as one each), as a function of the model's symbols.
    macs: TDim,
    /// Number of constant values (weights) in the segment.
    pub parameters: usize,
    /// Bytes that these constants take as loaded.
    pub bytes: Bytes,
    /// Operators for which tract reports no cost although they compute something.
    pub uncosted: BTreeSet<String>,
}

impl SegmentCost {
    /// Reads the cost off a decluttered model.
    pub(crate) fn of(model: &TypedModel) -> TractResult<SegmentCost> {
        let mut cost = SegmentCost::default();
        for node in model.eval_order()?.into_iter().map(|id| model.node(id)) {
            let op = node.op();
            if let Some(konst) = op.downcast_ref::<tract_onnx::tract_core::ops::konst::Const>() {
                cost.parameters += konst.val().len();
                cost.bytes +=
                    Bytes((konst.val().len() * konst.val().datum_type().size_of()) as f64);
                continue;
            }
            let facts = model.node_input_facts(node.id)?;
            let charged: TDim = node
                .op
                .cost(&facts)?
                .into_iter()
                .filter(|(kind, _)| matches!(kind, Cost::FMA(_) | Cost::Div(_)))
                .map(|(_, count)| count)
                .fold(TDim::Val(0), |sum, count| sum + count);
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

    /// Operations for one row, if they do not depend on anything but the number of rows.
    pub(crate) fn per_row(&self, rows: Option<&Symbol>) -> Option<Macs> {
        let mut values = SymbolValues::default();
        if let Some(rows) = rows {
            values.set(rows, 1);
        }
        self.macs.eval(&values).to_i64().ok().map(|macs| Macs(macs as f64))
    }

    /// Operations with every symbol given.
    pub(crate) fn with_symbols(&self, values: &SymbolValues) -> Result<Macs> {
        let macs = self.macs.eval(values).to_i64().map_err(|e| {
            let symbols =
                self.macs.symbols().into_iter().map(|s| s.to_string()).sorted().join(", ");
            crate::Error::new(
                crate::ErrorKind::Internal,
                format!("cost depends on unknown sizes {symbols}: {}", one_line(e)),
            )
        })?;
        Ok(Macs(macs as f64))
    }
}
