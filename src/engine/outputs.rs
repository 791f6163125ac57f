//! What a program gives: types and sizes of its outputs, as far as they are known before a run.

use tract_onnx::prelude::{DatumType, TDim};

use super::program::Program;

/// A size of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// The number of rows.
    Rows,
    /// A fixed size.
    Fixed(usize),
    /// One that depends on the inputs; equal names, equal sizes.
    Open(String),
}

/// An output of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputInfo {
    /// Its name in the file.
    pub name: String,
    /// Element type.
    pub datum_type: DatumType,
    /// Sizes of all axes.
    pub shape: Vec<Extent>,
    /// Whether axis 0 is the row axis.
    pub per_row: bool,
}

impl Program {
    /// The outputs, in the file's order.
    pub fn output_infos(&self) -> Vec<OutputInfo> {
        let extent = |(axis, size): (usize, &TDim)| match (size.to_i64().ok(), &self.rows) {
            (Some(size), _) => Extent::Fixed(size as usize),
            (None, Some(rows)) if axis == 0 && *size == rows.clone().into() => Extent::Rows,
            (None, _) => Extent::Open(size.to_string()),
        };
        let info = |(name, &slot): (&String, &usize)| {
            let slot = &self.slots[slot];
            OutputInfo {
                name: name.clone(),
                datum_type: slot.fact.datum_type,
                shape: slot.fact.shape.iter().enumerate().map(extent).collect(),
                per_row: slot.per_row,
            }
        };
        self.outputs().iter().zip(&self.root.outputs).map(info).collect()
    }

    /// Whether what a row gives depends on that row alone, so that rows of several callers may share a batch.
    pub fn keeps_rows_apart(&self) -> bool {
        // A gate decides row by row, so the rows of a file that has one are independent.
        let apart = || self.segments.iter().all(|segment| segment.compiled.rows_stay_apart);
        !self.is_whole() && (!self.gates.is_empty() || apart())
    }
}
