//! The inputs as the file declares them, told apart as data and knobs, each bound to a slot.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{self, tensor_shape_proto::dimension::Value as Dim};
use tract_onnx::prelude::*;

use perforate_base::error::{Error, ErrorKind, Result, one_line};

use super::cut::Partitioner;
use super::inputs::{InputInfo, KnobInfo};

/// A size in the file's declaration of an input.
#[derive(Debug, Clone, PartialEq)]
enum Size {
    Fixed(usize),
    Named(String),
}

/// An input as the file declares it; `None` where the size is not given at all.
pub(crate) struct Declared {
    pub name: String,
    datum_type: DatumType,
    shape: Vec<Option<Size>>,
    default: Option<f32>,
    initialised: bool,
}

impl Declared {
    /// A knob is a float scalar, or a vector of one value with a default.
    pub fn is_knob(&self) -> bool {
        let one_value = matches!(self.shape.as_slice(), [Some(Size::Fixed(1))]);
        self.datum_type.is_float() && (self.shape.is_empty() || (one_value && self.initialised))
    }

    /// Whether the file leaves the number of rows open.
    pub fn leaves_rows_open(&self) -> bool {
        matches!(self.shape.first(), Some(None | Some(Size::Named(_))))
    }

    /// The size of its first axis, where the file fixes it.
    fn fixed_rows(&self) -> Option<usize> {
        match self.shape.first() {
            Some(Some(Size::Fixed(size))) => Some(*size),
            _ => None,
        }
    }
}

/// The inputs of a graph that somebody feeds: data and knobs.
pub(crate) fn inputs(
    graph: &pb::GraphProto,
    initialised: &HashMap<&str, &pb::TensorProto>,
) -> Result<Vec<Declared>> {
    let mut declared = vec![];
    for input in &graph.input {
        let place = |text: &str| Error::new(ErrorKind::Model, text).node(&input.name);
        let Some(pb::type_proto::Value::TensorType(tensor)) =
            input.r#type.as_ref().and_then(|t| t.value.as_ref())
        else {
            return Err(place("this input is not a tensor; only tensors can be fed"));
        };
        let datum_type = pb::tensor_proto::DataType::try_from(tensor.elem_type)
            .ok()
            .and_then(|t| DatumType::try_from(t).ok())
            .ok_or_else(|| place("this input has an unknown element type"))?;
        let shape = tensor
            .shape
            .iter()
            .flat_map(|shape| &shape.dim)
            .map(|dim| match &dim.value {
                Some(Dim::DimValue(size)) if *size > 0 => Some(Size::Fixed(*size as usize)),
                Some(Dim::DimParam(name)) if !name.is_empty() => Some(Size::Named(name.clone())),
                _ => None,
            })
            .collect();
        let default = initialised.get(input.name.as_str());
        let entry = Declared {
            name: input.name.clone(),
            datum_type,
            shape,
            default: default.and_then(|tensor| perforate_onnx::scalar_value(tensor)),
            initialised: default.is_some(),
        };
        // Old exporters list every weight as an input; only scalars with a default are knobs.
        if default.is_none() || entry.is_knob() {
            declared.push(entry);
        }
    }
    Ok(declared)
}

/// A value of an input as the file would store it, in the type that the input declares.
pub(crate) fn stored(
    model: &pb::ModelProto,
    input: &str,
    value: &Tensor,
) -> Result<pb::TensorProto> {
    let fault = |text: String| Error::new(ErrorKind::Input, text).at(format!("input `{input}`"));
    let code = perforate_onnx::declared_type(model, input).unwrap_or_default();
    let kind = pb::tensor_proto::DataType::try_from(code).ok();
    let kind = kind.and_then(|kind| DatumType::try_from(kind).ok());
    let kind =
        kind.filter(|kind| kind.is_number() || *kind == DatumType::Bool).ok_or_else(|| {
            fault(
                "it has an element type that no array can be read as: export the model anew".into(),
            )
        })?;
    let cast = value.cast_to_dt(kind).map_err(|e| {
        fault(format!("its values cannot be read as {kind:?} ({})", one_line(&e))).with_source(e)
    })?;
    Ok(pb::TensorProto {
        name: input.to_string(),
        dims: value.shape().iter().map(|&size| size as i64).collect(),
        data_type: code,
        raw_data: cast.as_bytes().to_vec(),
        ..pb::TensorProto::default()
    })
}

/// Whether inputs of fixed sizes have no row axis in common: then they are one thing, which is run as a whole.
pub(crate) fn have_no_rows(declared: &[Declared]) -> bool {
    let mut data = declared.iter().filter(|entry| !entry.is_knob());
    if data.clone().any(Declared::leaves_rows_open) {
        return false;
    }
    let first = data.next().and_then(Declared::fixed_rows);
    first.is_none() || data.any(|entry| entry.fixed_rows() != first)
}

/// Data inputs, knobs, and the slot of each by name.
type Bound = (Vec<InputInfo>, Vec<KnobInfo>, Vec<(String, usize)>);

/// Makes a slot for every input and knob.
pub(crate) fn bind(cutter: &mut Partitioner, declared: &[Declared], whole: bool) -> Result<Bound> {
    let (mut inputs, mut knobs, mut bound) = (vec![], vec![], vec![]);
    let mut names = HashSet::new();
    for entry in declared {
        if !names.insert(&entry.name) {
            return Err(
                Error::new(ErrorKind::Model, "this input is declared twice").node(&entry.name)
            );
        }
        let slot = if entry.is_knob() {
            let dims: Vec<usize> = entry.shape.iter().map(|_| 1).collect();
            let slot = cutter.slot(&entry.name, entry.datum_type.fact(&dims), false);
            cutter.slots[slot].per_row = false;
            let (name, default) = (entry.name.clone(), entry.default);
            let is_required = !entry.initialised;
            knobs.push(KnobInfo { name, default, is_required, rank: dims.len(), slot });
            slot
        } else {
            let symbols = cutter.compiler.library.symbols.clone();
            let rows = cutter.compiler.rows.clone();
            let mut dims: TVec<TDim> = tvec!();
            for (ix, size) in entry.shape.iter().enumerate() {
                dims.push(match (ix, size, &rows) {
                    (0, None | Some(Size::Named(_)), Some(rows)) => rows.clone().into(),
                    (_, Some(Size::Fixed(size)), _) => size.to_dim(),
                    (_, Some(Size::Named(name)), _) => symbols.sym(&symbol_name(name)).into(),
                    (_, None, _) => symbols.new_with_prefix("d").into(),
                });
            }
            let fixed = |d: &TDim| d.to_i64().ok().map(|size| size as usize);
            let row_shape = dims.iter().skip(usize::from(!whole)).map(fixed).collect();
            let slot = cutter.slot(&entry.name, entry.datum_type.fact(&*dims), true);
            let (name, datum_type) = (entry.name.clone(), entry.datum_type);
            inputs.push(InputInfo { name, datum_type, row_shape, whole, slot });
            slot
        };
        bound.push((entry.name.clone(), slot));
    }
    Ok((inputs, knobs, bound))
}

/// What the symbol of a size begins with that a declaration names.
pub(crate) const NAMED: &str = "d_";

/// A symbol that tract's parser accepts and that is not the row symbol.
fn symbol_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("{NAMED}{plain}")
}
