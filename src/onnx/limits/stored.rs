//! What is stored and declared: names, shapes, types.

use super::*;

pub(super) fn check_name(name: &str) -> Result<()> {
    if name.len() > LONGEST_NAME {
        let text = format!("a name has {} bytes, and {LONGEST_NAME} are the most", name.len());
        return Err(fault(name, text + ": shorten it"));
    }
    if name.chars().any(char::is_control) {
        return Err(fault(name, "a name holds control characters: rename it"));
    }
    Ok(())
}

/// How many elements a tensor of this shape has; none of what is no shape.
pub(super) fn elements(dims: &[i64]) -> Option<u64> {
    if dims.len() > MOST_RANK as usize {
        return None;
    }
    let mut sizes = dims.iter().map(|&size| u64::try_from(size).ok());
    sizes.try_fold(1u64, |product, size| product.checked_mul(size?))
}

/// A list of numbers as a message can show it.
pub(super) fn list<T: ToString>(numbers: &[T]) -> String {
    let first: Vec<String> = numbers.iter().take(8).map(T::to_string).collect();
    let rest = if numbers.len() > first.len() { ", …" } else { "" };
    format!("[{}{rest}]", first.join(", "))
}

/// Refuses a stored tensor that does not hold what its shape says; `place` stands in messages.
pub(super) fn check_tensor(tensor: &TensorProto, place: &str) -> Result<()> {
    check_name(&tensor.name)?;
    if tensor.data_location == Some(DataLocation::External as i32) {
        let file = tensor.external_data.iter().find(|entry| entry.key == "location");
        let file = file.map_or(String::new(), |entry| format!(", `{}`", shown(&entry.value)));
        let text = format!(
            "its numbers are in another file{file}: save the model as one, without external data"
        );
        return Err(fault(place, text));
    }
    let Some(count) = elements(&tensor.dims).filter(|&count| count <= MOST_ELEMENTS) else {
        let text = format!(
            "a stored tensor of shape {} is none of at most {MOST_ELEMENTS} elements: export the model again",
            list(&tensor.dims)
        );
        return Err(fault(place, text));
    };
    if tensor.raw_data.is_empty() {
        return Ok(());
    }
    let bytes = match DataType::try_from(tensor.data_type) {
        Ok(DataType::String) => {
            let text = "text is stored as bytes, which ONNX does not allow: export the model again";
            return Err(fault(place, text));
        }
        Ok(DataType::Bool | DataType::Int8 | DataType::Uint8) => 1,
        Ok(DataType::Int16 | DataType::Uint16 | DataType::Float16 | DataType::Bfloat16) => 2,
        Ok(DataType::Float | DataType::Int32 | DataType::Uint32) => 4,
        Ok(DataType::Double | DataType::Int64 | DataType::Uint64) => 8,
        // Of the others the compiler says that it has none.
        _ => return Ok(()),
    };
    if tensor.raw_data.len() as u64 != count * bytes {
        let text = format!(
            "it stores {} bytes, and its shape {} takes {}: the file is damaged, export it again",
            tensor.raw_data.len(),
            list(&tensor.dims),
            count * bytes
        );
        return Err(fault(place, text));
    }
    Ok(())
}

pub(super) fn check_declared(info: &ValueInfoProto) -> Result<()> {
    check_name(&info.name)?;
    let value = info.r#type.as_ref().and_then(|of| of.value.as_ref());
    let Some(Value::TensorType(tensor)) = value else { return Ok(()) };
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let fixed: Vec<i64> = dims
        .iter()
        .filter_map(|dim| match &dim.value {
            Some(Dim::DimValue(size)) if *size > 0 => Some(*size),
            _ => None,
        })
        .collect();
    let fits = dims.len() <= MOST_RANK as usize;
    if !fits || elements(&fixed).is_none_or(|count| count > MOST_MADE) {
        let text = format!(
            "the sizes {} are declared, and {MOST_MADE} elements on {MOST_RANK} axes are the most: leave sizes open, or make them smaller",
            list(&fixed)
        );
        return Err(fault(&info.name, text));
    }
    for dim in dims {
        if let Some(Dim::DimParam(text)) = &dim.value
            && text.len() > LONGEST_SIZE
        {
            let text = format!(
                "a size is written in {} bytes, and {LONGEST_SIZE} are the most: give it a name",
                text.len()
            );
            return Err(fault(&info.name, text));
        }
    }
    Ok(())
}
