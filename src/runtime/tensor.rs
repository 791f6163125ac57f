//! Tensors between JavaScript and the engine.

use js_sys::{Array, BigInt64Array, Float32Array, Object};
use wasm_bindgen::prelude::*;

use perforate_base::error::{Error, ErrorKind, Result, one_line};
use perforate_engine::{DatumType, Tensor};

// Properties by their names in JavaScript: a name that comes from here would have to be decoded at every run.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = Object)]
    type JsTensor;

    #[wasm_bindgen(method, getter)]
    fn data(this: &JsTensor) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_data(this: &JsTensor, data: &JsValue);
    #[wasm_bindgen(method, getter)]
    fn dims(this: &JsTensor) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_dims(this: &JsTensor, dims: &Array);
}

/// Copies `{ data, dims }` into a tensor.
pub fn from_js(value: &JsValue) -> Result<Tensor> {
    if !value.is_object() {
        return Err(Error::new(ErrorKind::Input, "a tensor is an object with `data` and `dims`"));
    }
    let tensor: &JsTensor = value.unchecked_ref();
    let (data, dims) = (tensor.data(), shape(&tensor.dims())?);
    if let Some(array) = data.dyn_ref::<Float32Array>() {
        holds(array.length(), &dims)?;
        let mut tensor = Tensor::zero::<f32>(&dims).map_err(fault)?;
        let mut view = tensor.to_plain_array_view_mut::<f32>().map_err(fault)?;
        view.as_slice_mut().into_iter().for_each(|values| array.copy_to(values));
        return Ok(tensor);
    }
    if let Some(array) = data.dyn_ref::<BigInt64Array>() {
        holds(array.length(), &dims)?;
        let mut tensor = Tensor::zero::<i64>(&dims).map_err(fault)?;
        let mut view = tensor.to_plain_array_view_mut::<i64>().map_err(fault)?;
        view.as_slice_mut().into_iter().for_each(|values| array.copy_to(values));
        return Ok(tensor);
    }
    Err(Error::new(ErrorKind::Input, "`data` must be a Float32Array or a BigInt64Array"))
}

fn shape(dims: &JsValue) -> Result<Vec<usize>> {
    let fault = || Error::new(ErrorKind::Input, "`dims` must be an array of sizes, as [1, 3]");
    let dims = dims.dyn_ref::<Array>().ok_or_else(fault)?;
    let size = |size: JsValue| size.as_f64().filter(|s| *s >= 0.0 && s.fract() == 0.0);
    dims.iter().map(|dim| size(dim).map(|size| size as usize).ok_or_else(fault)).collect()
}

fn holds(length: u32, dims: &[usize]) -> Result<()> {
    let wanted = dims.iter().try_fold(1usize, |volume, &dim| volume.checked_mul(dim));
    if wanted == Some(length as usize) {
        return Ok(());
    }
    let text = format!("`data` holds {length} values, which do not fill the shape {dims:?}");
    Err(Error::new(ErrorKind::Input, text))
}

/// Copies a tensor into `{ data, dims }`: whole numbers of 64 bits as such, all else as floats.
pub fn to_js(tensor: &Tensor) -> Result<Object> {
    let data: JsValue = if tensor.datum_type() == DatumType::I64 {
        let view = tensor.to_plain_array_view::<i64>().map_err(fault)?;
        view.as_slice().map(BigInt64Array::from).into()
    } else {
        let cast = tensor.cast_to::<f32>().map_err(fault)?;
        let view = cast.to_plain_array_view::<f32>().map_err(fault)?;
        view.as_slice().map(Float32Array::from).into()
    };
    let object: JsTensor = Object::new().unchecked_into();
    object.set_data(&data);
    object.set_dims(&tensor.shape().iter().map(|&size| JsValue::from(size as f64)).collect());
    Ok(object.into())
}

fn fault(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, one_line(error))
}
