//! What goes into a program: named tensors that share a row axis, and values for its knobs.

use ndarray::{ArrayD, Axis};
use tract_onnx::prelude::{Datum, DatumType, IntoArcTensor, IntoTensor, TValue, Tensor};

use perforate_base::error::{Error, ErrorKind, Result, one_line};

/// Named input tensors. Axis 0 of each is the row axis: `[rows, …]`.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    tensors: Vec<(String, TValue)>,
}

impl Batch {
    /// An empty batch, to which [`Batch::with`] adds tensors.
    pub fn new() -> Self {
        Batch::default()
    }

    /// Adds the tensor `name` of shape `[rows, …]`.
    pub fn with<T: Datum>(self, name: impl Into<String>, array: ArrayD<T>) -> Self {
        self.with_tensor(name, array.into_tensor())
    }

    /// Adds a tensor of any element type, shape `[rows, …]`.
    pub fn with_tensor(self, name: impl Into<String>, tensor: Tensor) -> Self {
        self.with_value(name, TValue::from_const(tensor.into_arc_tensor()))
    }

    /// The same for a tensor that others hold too: nothing is copied.
    pub fn with_value(mut self, name: impl Into<String>, value: TValue) -> Self {
        self.tensors.push((name.into(), value));
        self
    }

    /// Number of rows, taken from the first tensor; 0 if there is none.
    pub fn rows(&self) -> usize {
        self.tensors.first().and_then(|(_, t)| t.shape().first().copied()).unwrap_or(0)
    }

    /// The names of the tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&TValue> {
        self.tensors.iter().find(|(n, _)| n == name).map(|(_, t)| t)
    }

    /// The rows `range` of every tensor, copied.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Result<Batch> {
        self.map(|tensor| tensor.slice(0, range.start, range.end))
    }

    /// The given rows of every tensor, in that order, copied.
    pub fn select(&self, rows: &[usize]) -> Result<Batch> {
        self.map(|tensor| select_rows(tensor, rows))
    }

    /// Copies every tensor to memory allocated now, so that a timing does not depend on one place.
    pub fn reallocate(&mut self) {
        for (_, tensor) in &mut self.tensors {
            *tensor = TValue::from_const((**tensor).clone().into_arc_tensor());
        }
    }

    /// The first `length` places of axis 1 of every tensor that has one, copied.
    pub fn shortened(&self, length: usize) -> Result<Batch> {
        self.map(|tensor| match tensor.rank() {
            0 | 1 => Ok(tensor.clone()),
            _ => tensor.slice(1, 0, length.min(tensor.shape()[1])),
        })
    }

    fn map(
        &self,
        f: impl Fn(&Tensor) -> tract_onnx::prelude::TractResult<Tensor>,
    ) -> Result<Batch> {
        let mut out = Batch::new();
        for (name, tensor) in &self.tensors {
            let part = f(tensor).map_err(|e| {
                Error::new(ErrorKind::Input, one_line(&e))
                    .at(format!("input `{name}`"))
                    .with_source(e)
            })?;
            out = out.with_tensor(name.clone(), part);
        }
        Ok(out)
    }
}

/// Copies the given rows (axis 0) of `tensor` into a new one.
pub(crate) fn select_rows(
    tensor: &Tensor,
    rows: &[usize],
) -> tract_onnx::prelude::TractResult<Tensor> {
    let parts: Vec<Tensor> =
        rows.iter().map(|&row| tensor.slice(0, row, row + 1)).collect::<Result<_, _>>()?;
    Tensor::stack_tensors(0, &parts)
}

/// The tensor as an array of `T`, cast if necessary.
pub fn to_array<T: Datum>(tensor: &Tensor) -> Result<ArrayD<T>> {
    let convert = || {
        let cast = tensor.cast_to::<T>()?;
        cast.to_plain_array_view::<T>().map(|view| view.to_owned())
    };
    convert().map_err(|e| {
        // A size that was left as a formula of the number of rows.
        let (kind, text) = match tensor.datum_type() == DatumType::TDim {
            true => (
                ErrorKind::Model,
                "an answer is a size of the input, which is not given as a number: export the model without that output".into(),
            ),
            false => (ErrorKind::Internal, one_line(&e)),
        };
        Error::new(kind, text).with_source(e)
    })
}

/// The position and kind of the first value that is not finite, as `row` and flat index in it.
pub(crate) fn first_not_finite(tensor: &Tensor) -> Option<(usize, f32)> {
    if tensor.datum_type() != DatumType::F32 {
        return None;
    }
    let view = tensor.to_plain_array_view::<f32>().ok()?;
    // One branchless pass: with the sign cleared, the bits of finite numbers are below those of infinity and NaN.
    let size = |value: &f32| value.to_bits() & 0x7fff_ffff;
    if let Some(values) = view.as_slice()
        && values.iter().fold(0, |most, value| size(value).max(most)) < f32::INFINITY.to_bits()
    {
        return None;
    }
    view.axis_iter(Axis(0))
        .enumerate()
        .find_map(|(row, values)| values.iter().find(|x| !x.is_finite()).map(|&value| (row, value)))
}

/// Values for a program's knobs; those not set keep the model's default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Knobs {
    values: Vec<(String, f32)>,
}

impl Knobs {
    /// No knob set.
    pub fn new() -> Self {
        Knobs::default()
    }

    /// Sets the knob `name`, replacing an earlier value.
    pub fn with(mut self, name: impl Into<String>, value: f32) -> Self {
        let name = name.into();
        self.values.retain(|(n, _)| *n != name);
        self.values.push((name, value));
        self
    }

    /// The value set for `name`.
    pub fn get(&self, name: &str) -> Option<f32> {
        self.values.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    }

    /// All values set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f32)> {
        self.values.iter().map(|(n, v)| (n.as_str(), *v))
    }
}
