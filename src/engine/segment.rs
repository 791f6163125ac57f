//! A segment: a stretch of the graph without gates, optimised once and run as one tract plan.

use std::sync::Arc;

use tract_onnx::prelude::*;

use perforate_base::error::{Error, ErrorKind, Result, one_line};
use perforate_base::units::{Bytes, Macs};

use super::compiled::{Compiled, Plan};
use super::cost::SegmentCost;
use super::work::Work;

/// A segment of one program: its place in [`Program::segments`](super::Program::segments).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(usize);

impl SegmentId {
    /// The segment in this place.
    pub fn new(index: usize) -> SegmentId {
        SegmentId(index)
    }

    /// Its place: for lists that hold one entry a segment.
    pub fn index(self) -> usize {
        self.0
    }
}

/// How a segment runs on a batch of several rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// One row after the other, each through a plan for a batch of one.
    RowByRow,
    /// Once, on all the rows that are still active.
    Compacted,
}

/// A compiled segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub name: String,
    /// Slots read and written.
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
    /// Whether anything in it depends on the rows.
    pub per_row: bool,
    /// Whether rows may come out of it with different sizes, so that it must see all of them at once.
    pub dynamic_rows: bool,
    /// Operators, as the file names them, for the diagram and `inspect`.
    pub operators: Vec<String>,
    pub compiled: Arc<Compiled>,
}

impl Segment {
    /// The plan for one row, made at the first call.
    pub fn single(&self) -> Result<&Plan> {
        self.compiled.single().map_err(|e| self.not_optimised(e))
    }

    /// The plan for any number of rows, made at the first call.
    pub fn batch(&self) -> Result<&Plan> {
        self.compiled.batch().map_err(|e| self.not_optimised(e))
    }

    fn not_optimised(&self, error: TractError) -> Error {
        let text = format!("cannot be optimised ({})", one_line(&error));
        Error::new(ErrorKind::Model, text).node(&self.name).with_source(error)
    }

    /// Whether the two compute the same with the same weights.
    pub fn is_same_as(&self, other: &Segment) -> bool {
        Arc::ptr_eq(&self.compiled, &other.compiled)
    }

    /// The values of the symbols that these inputs imply, for costs that depend on more than rows.
    pub fn symbol_values(&self, inputs: &[&Tensor]) -> SymbolValues {
        let mut values = SymbolValues::default();
        for (ix, tensor) in inputs.iter().enumerate() {
            let Ok(fact) = self.compiled.model.input_fact(ix) else { continue };
            for (dim, &size) in fact.shape.iter().zip(tensor.shape()) {
                if let TDim::Sym(symbol) = dim {
                    values.set(symbol, size as i64);
                }
            }
        }
        if let Some(rows) = &self.compiled.rows {
            values.set(rows, 1);
        }
        values
    }

    /// Operations for one row, unless they depend on other sizes of the input.
    pub fn macs_per_row(&self) -> Option<Macs> {
        self.compiled.work.map(|work| work.macs)
    }

    /// What a run for one row computes and reads, unless that depends on other sizes of the input.
    pub fn work_per_row(&self) -> Option<Work> {
        self.compiled.work
    }

    /// Most bytes alive at once inside it for one row, unless they depend on other sizes of the input.
    pub fn peak_per_row(&self) -> Option<Bytes> {
        self.cost().peak_per_row(self.compiled.rows.as_ref())
    }

    /// Operations, parameters, bytes.
    pub fn cost(&self) -> &SegmentCost {
        &self.compiled.cost
    }
}
