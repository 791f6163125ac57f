//! Changes to stored tensors and declared types.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
use tract_onnx::pb::type_proto::{Tensor, Value};
use tract_onnx::pb::{GraphProto, TensorShapeProto, TypeProto, ValueInfoProto};

use super::bytes::{FLOATS, one, whole};
use super::model::NAMES;

/// Element types as ONNX numbers them, and some that it does not.
const TYPES: [i32; 19] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 22, 99, -1];

/// Changes a stored tensor: its type, its shape, its bytes.
pub fn store(rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    if graph.initializer.is_empty() {
        return;
    }
    let at = rng.random_range(0..graph.initializer.len());
    let tensor = &mut graph.initializer[at];
    let (rank, length) = (tensor.dims.len(), tensor.raw_data.len());
    match rng.random_range(0..9) {
        0 => tensor.data_type = one(rng, &TYPES),
        1 if rank > 0 => tensor.dims[rng.random_range(0..rank)] = whole(rng),
        2 => tensor.dims.push(one(rng, &[0, 1, 1, 2, 3])),
        3 => drop(tensor.dims.pop()),
        4 if length > 0 => tensor.raw_data.truncate(rng.random_range(0..length)),
        5 => tensor.raw_data.extend((0..one(rng, &[1, 4, 8, 100])).map(|ix| ix as u8)),
        6 => tensor.data_location = Some(1),
        7 if length >= 8 => {
            // A number of whatever type it is, where one of 4 or 8 bytes may begin.
            let at = rng.random_range(0..length / 8) * 8;
            let value = match rng.random() {
                true => whole(rng).to_le_bytes(),
                false => [one(rng, &FLOATS).to_le_bytes(), one(rng, &FLOATS).to_le_bytes()]
                    .concat()
                    .try_into()
                    .expect("eight bytes"),
            };
            tensor.raw_data[at..at + 8].copy_from_slice(&value);
        }
        _ => {
            let value = whole(rng);
            tensor.int64_data.first_mut().into_iter().for_each(|first| *first = value);
            tensor.float_data.first_mut().into_iter().for_each(|first| *first = value as f32);
        }
    }
}

/// Changes the declared type of an input, an output or a tensor inside.
pub fn declare(rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    let lists = [&mut graph.input, &mut graph.output, &mut graph.value_info];
    let mut all: Vec<&mut ValueInfoProto> = lists.into_iter().flatten().collect();
    if !all.is_empty() {
        let at = rng.random_range(0..all.len());
        declare_one(rng, all[at]);
    }
}

/// Changes a declared type.
pub fn declare_one(rng: &mut ChaCha8Rng, info: &mut ValueInfoProto) {
    if rng.random_bool(0.1) {
        info.r#type = None;
        return;
    }
    let declared = info.r#type.get_or_insert_with(TypeProto::default);
    let usual = Tensor { elem_type: 1, shape: Some(TensorShapeProto::default()) };
    let Value::TensorType(tensor) = declared.value.get_or_insert(Value::TensorType(usual));
    let dims = &mut tensor.shape.get_or_insert_with(TensorShapeProto::default).dim;
    let rank = dims.len();
    let size = |value| Dimension { value: Some(value), ..Default::default() };
    match rng.random_range(0..6) {
        0 => tensor.elem_type = one(rng, &TYPES),
        1 if rank > 0 => dims[rng.random_range(0..rank)] = size(Dim::DimValue(whole(rng))),
        2 if rank > 0 => {
            let name = one(rng, &NAMES).to_string();
            dims[rng.random_range(0..rank)] = size(Dim::DimParam(name));
        }
        3 => dims.push(size(Dim::DimValue(one(rng, &[0, 1, 2, 3])))),
        4 => drop(dims.pop()),
        _ => tensor.shape = None,
    }
}

/// Opens the first size of an input, or all.
pub fn open(info: &mut ValueInfoProto, all: bool) {
    let value = info.r#type.as_mut().and_then(|of| of.value.as_mut());
    let shape = value.and_then(|Value::TensorType(tensor)| tensor.shape.as_mut());
    for (ix, dim) in shape.into_iter().flat_map(|shape| &mut shape.dim).enumerate() {
        if ix == 0 || all {
            let name = if ix == 0 { "N".to_string() } else { format!("s{ix}") };
            dim.value = Some(Dim::DimParam(name));
        }
    }
}
