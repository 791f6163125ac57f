//! Tensors of a file: declared sizes, element types, stored values.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value};
use tract_onnx::pb::{TensorProto, TensorShapeProto, TypeProto, ValueInfoProto};
use tract_onnx::prelude::{DatumType, Tensor};

use perforate_base::{Error, ErrorKind, Result};

/// A size in a declared shape.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Size {
    /// The row axis, written as `N`.
    Rows,
    /// A fixed size.
    Fixed(usize),
}

/// The declaration of a tensor; without `shape`, of any shape.
pub fn value_info(
    name: &str,
    datum_type: DatumType,
    shape: Option<&[Size]>,
) -> Result<ValueInfoProto> {
    let shape = shape.map(|sizes| TensorShapeProto {
        dim: sizes
            .iter()
            .map(|size| Dimension {
                value: Some(match size {
                    Size::Rows => Dim::DimParam("N".into()),
                    Size::Fixed(size) => Dim::DimValue(*size as i64),
                }),
                ..Dimension::default()
            })
            .collect(),
    });
    let tensor = TensorType { elem_type: data_type(datum_type)? as i32, shape };
    Ok(ValueInfoProto {
        name: name.to_string(),
        r#type: Some(TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    })
}

/// The declaration of a float tensor of so many axes of any size.
pub fn any_sizes(name: &str, rank: usize) -> Result<ValueInfoProto> {
    let mut info = value_info(name, DatumType::F32, Some(&vec![Size::Fixed(0); rank]))?;
    if let Some(Value::TensorType(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut()) {
        let sizes = tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim);
        sizes.for_each(|size| *size = Dimension::default());
    }
    Ok(info)
}

fn data_type(datum_type: DatumType) -> Result<DataType> {
    Ok(match datum_type {
        DatumType::F32 => DataType::Float,
        DatumType::F64 => DataType::Double,
        DatumType::F16 => DataType::Float16,
        DatumType::Bool => DataType::Bool,
        DatumType::U8 => DataType::Uint8,
        DatumType::I8 => DataType::Int8,
        DatumType::U16 => DataType::Uint16,
        DatumType::I16 => DataType::Int16,
        DatumType::U32 => DataType::Uint32,
        DatumType::I32 => DataType::Int32,
        DatumType::U64 => DataType::Uint64,
        // tract keeps ONNX's int64 shapes as symbolic dimensions.
        DatumType::I64 | DatumType::TDim => DataType::Int64,
        other => {
            return Err(Error::new(
                ErrorKind::Model,
                format!(
                    "a tensor of type {other:?} passes between segments, which ONNX cannot name"
                ),
            ));
        }
    })
}

/// The name of an element type, as NumPy has it.
pub fn type_name(code: i32) -> &'static str {
    match DataType::try_from(code) {
        Ok(DataType::Float) => "float32",
        Ok(DataType::Double) => "float64",
        Ok(DataType::Float16) => "float16",
        Ok(DataType::Bool) => "bool",
        Ok(DataType::Uint8) => "uint8",
        Ok(DataType::Int8) => "int8",
        Ok(DataType::Int16) => "int16",
        Ok(DataType::Int32) => "int32",
        Ok(DataType::Int64) => "int64",
        Ok(DataType::String) => "string",
        _ => "another type",
    }
}

/// A float tensor for an initialiser, shape `dims`.
pub fn float_tensor(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    debug_assert_eq!(dims.iter().product::<usize>(), values.len());
    TensorProto {
        name: name.to_string(),
        dims: dims.iter().map(|&d| d as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

/// A tensor of the run-time for an initialiser; none of types that ONNX does not store as bytes.
pub(super) fn tensor_proto(name: &str, tensor: &Tensor) -> Option<TensorProto> {
    let cast;
    let tensor = match tensor.datum_type() {
        DatumType::TDim => {
            cast = tensor.cast_to::<i64>().ok()?.into_owned();
            &cast
        }
        _ => tensor,
    };
    let kind = data_type(tensor.datum_type()).ok()?;
    Some(TensorProto {
        name: name.to_string(),
        dims: tensor.shape().iter().map(|&size| size as i64).collect(),
        data_type: kind as i32,
        raw_data: tensor.try_as_plain_ram().ok()?.as_bytes().to_vec(),
        ..TensorProto::default()
    })
}

/// A stored tensor as f32; none of types that do not become weights.
pub fn numbers(tensor: &TensorProto) -> Option<ndarray::ArrayD<f32>> {
    let shape: Vec<usize> = tensor.dims.iter().map(|&d| d as usize).collect();
    let raw = &tensor.raw_data;
    let values: Vec<f32> = match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float if raw.is_empty() => tensor.float_data.clone(),
        DataType::Float => {
            raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        }
        DataType::Float16 if !raw.is_empty() => raw
            .chunks_exact(2)
            .map(|b| tract_onnx::prelude::f16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        DataType::Int8 if raw.is_empty() => tensor.int32_data.iter().map(|&v| v as f32).collect(),
        DataType::Int8 => raw.iter().map(|&v| f32::from(v as i8)).collect(),
        _ => return None,
    };
    ndarray::ArrayD::from_shape_vec(ndarray::IxDyn(&shape), values).ok()
}

/// The value of a tensor of one float, whichever way it is stored.
pub fn scalar_value(tensor: &TensorProto) -> Option<f32> {
    if tensor.dims.iter().product::<i64>() != 1 || tensor.data_type != DataType::Float as i32 {
        return None;
    }
    match (tensor.float_data.first(), <[u8; 4]>::try_from(tensor.raw_data.as_slice())) {
        (Some(value), _) => Some(*value),
        (None, Ok(bytes)) => Some(f32::from_le_bytes(bytes)),
        _ => None,
    }
}
