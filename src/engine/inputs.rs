//! The inputs of a program: data tensors with a row axis, and knobs.

use tract_onnx::prelude::*;

use perforate_base::error::{Error, ErrorKind, Result, one_line};

use super::batch::first_not_finite;

/// An input tensor of a program.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InputInfo {
    /// Its name in the file.
    pub name: String,
    /// Element type.
    pub datum_type: DatumType,
    /// Sizes after the row axis, or all where there is none; `None` where any size is accepted.
    pub row_shape: Vec<Option<usize>>,
    /// Whether it has no row axis.
    pub(crate) whole: bool,
    pub(crate) slot: usize,
}

/// A knob of a program: a scalar input.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KnobInfo {
    /// Its name in the file.
    pub name: String,
    /// The value used when none is given: the file's initialiser, else what the metadata records, if either is there.
    pub default: Option<f32>,
    /// Whether the graph has no default of its own, so that other runtimes must be given a value.
    pub is_required: bool,
    pub(crate) rank: usize,
    pub(crate) slot: usize,
}

impl KnobInfo {
    /// The knob's tensor for `value`.
    pub(crate) fn tensor(&self, value: f32) -> Result<TValue> {
        let tensor = if self.rank == 0 { tensor0(value) } else { tensor1(&[value]) };
        Ok(tensor.into_tvalue())
    }
}

impl InputInfo {
    /// Checks a tensor against this input and casts it if it is of another number type.
    pub(crate) fn accept(&self, tensor: &TValue) -> Result<TValue> {
        let fault =
            |text: String| Error::new(ErrorKind::Input, text).at(format!("input `{}`", self.name));
        let shape = tensor.shape();
        let axes = usize::from(!self.whole);
        let fits = shape.len() == self.row_shape.len() + axes
            && self
                .row_shape
                .iter()
                .zip(&shape[axes..])
                .all(|(want, have)| want.is_none_or(|w| w == *have));
        if !fits {
            let rows = (!self.whole).then(|| "N".to_string());
            let sizes = self.row_shape.iter().map(|d| d.map_or("any".into(), |d| d.to_string()));
            let want: Vec<String> = rows.into_iter().chain(sizes).collect();
            let rows = if self.whole { "" } else { ", where N is the number of rows" };
            return Err(fault(format!(
                "the shape is {shape:?}, but the model takes [{}]{rows}",
                want.join(", ")
            )));
        }
        if tensor.datum_type() == self.datum_type {
            return Ok(tensor.clone());
        }
        let cast = tensor.cast_to_dt(self.datum_type).map_err(|e| {
            let (given, taken) = (tensor.datum_type(), self.datum_type);
            let why = one_line(&e);
            fault(format!("the type is {given:?}, but the model takes {taken:?} ({why})"))
                .with_source(e)
        })?;
        Ok(cast.into_owned().into_tvalue())
    }

    /// Refuses a tensor with a value that is not finite: a gate that compares it decides nothing.
    pub(crate) fn refuse_not_finite(&self, tensor: &Tensor) -> Result<()> {
        let Some((row, value)) = first_not_finite(tensor) else { return Ok(()) };
        let text = format!(
            "row {row} holds {value}, and routing on such a value means nothing: clean the data"
        );
        Err(Error::new(ErrorKind::Input, text).at(format!("input `{}`", self.name)))
    }
}
