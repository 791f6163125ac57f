//! NumPy files: `.npy` and `.npz` as inputs, `.npz` as outputs.

use std::io::{Cursor, Read, Write};

use ndarray::ArrayD;
use npyz::WriterBuilder;
use tract_onnx::prelude::{Datum, IntoTensor, Tensor, f16};

use perforate_base::error::{Error, ErrorKind, Result, one_line};
use perforate_base::guard::guarded;
use perforate_engine::Batch;

/// Bytes of an array for which room is made at once.
const LARGEST_CLAIM: u64 = 512 << 20;
/// Bytes of all arrays of an archive together, unpacked.
const MOST_BYTES: u64 = if cfg!(target_pointer_width = "64") { 8 << 30 } else { 1 << 30 };
/// Brackets in the header of an array: a plain one has a dictionary and a shape.
const MOST_BRACKETS: usize = 4;

/// Reads every array of an `.npz` file, or the one of an `.npy` file, which is then called `default_name`.
pub fn read(file: &str, bytes: &[u8], default_name: &str) -> Result<Batch> {
    let fault = |text: String| Error::new(ErrorKind::Data, text).at(file);
    if bytes.starts_with(b"\x93NUMPY") {
        return Ok(Batch::new().with_tensor(default_name, read_array(file, default_name, bytes)?));
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| {
        let text = "this is neither an .npy nor an .npz file, or it is truncated";
        fault(text.into()).with_source(e)
    })?;
    let (mut batch, mut left) = (Batch::new(), MOST_BYTES);
    for ix in 0..archive.len() {
        let entry = archive.by_index(ix).map_err(|e| {
            fault(format!("the archive is damaged ({})", one_line(&e))).with_source(e)
        })?;
        let name = entry.name().trim_end_matches(".npy").to_string();
        let mut content = vec![];
        // Grown step by step it would take twice the room. The size is a claim of the file's: no more is taken on trust.
        let _ = content.try_reserve_exact(entry.size().min(LARGEST_CLAIM) as usize);
        // One byte more than allowed tells arrays of the limit's size from larger ones.
        entry.take(left + 1).read_to_end(&mut content).map_err(|e| {
            fault(format!("the array `{name}` cannot be unpacked ({e})")).with_source(e)
        })?;
        left = left.checked_sub(content.len() as u64).ok_or_else(|| {
            let most = MOST_BYTES >> 30;
            fault(format!("its arrays unpack to more than {most} GiB: split it into smaller files"))
        })?;
        batch = batch.with_tensor(&name, read_array(file, &name, &content)?);
    }
    if batch.names().next().is_none() {
        return Err(fault("the archive holds no array".into()));
    }
    Ok(batch)
}

fn read_array(file: &str, name: &str, bytes: &[u8]) -> Result<Tensor> {
    let fault = |text: String| Error::new(ErrorKind::Data, text).at(file).node(name);
    if is_strange_header(bytes) {
        let text = "its header is not that of a plain array, or the file is truncated: save it with `numpy.save`";
        return Err(fault(text.into()));
    }
    // It multiplies the sizes that the header claims.
    let array = guarded(
        |panic| fault(format!("its header cannot be read ({panic}): save it with `numpy.save`")),
        || {
            npyz::NpyFile::new(bytes).map_err(|e| {
                fault(format!("this is not a NumPy array ({})", one_line(&e))).with_source(e)
            })
        },
    )?;
    let shape: Vec<usize> = array.shape().iter().map(|&d| d as usize).collect();
    let fortran = array.order() == npyz::Order::Fortran;
    let kind = match array.dtype() {
        npyz::DType::Plain(kind) => kind.to_string(),
        _ => return Err(fault("structured arrays are not supported".into())),
    };
    macro_rules! values {
        ($t:ty) => {
            array.into_vec::<$t>().map_err(|e| {
                fault(format!("the array is damaged or truncated ({e})")).with_source(e)
            })?
        };
    }
    let unfit = || fault("the shape does not fit the data".into());
    macro_rules! plain {
        ($t:ty) => {
            shaped(values!($t), &shape, fortran).ok_or_else(unfit)
        };
    }
    match kind.trim_start_matches(['<', '|', '=']) {
        // Few models take doubles, and what they answer is single.
        "f8" => {
            let single = values!(f64).into_iter().map(|value| value as f32).collect();
            shaped(single, &shape, fortran).ok_or_else(unfit)
        }
        "f4" => plain!(f32),
        "f2" => plain!(f16),
        "b1" => plain!(bool),
        "i1" => plain!(i8),
        "i2" => plain!(i16),
        "i4" => plain!(i32),
        "i8" => plain!(i64),
        "u1" => plain!(u8),
        "u2" => plain!(u16),
        "u4" => plain!(u32),
        "u8" => plain!(u64),
        other => Err(fault(format!(
            "the element type `{other}` is not supported: save it as float32, int64, int32 or uint8"
        ))),
    }
}

/// Whether a header has more brackets than that of a plain array, for each of which reading takes twice as long, or is
/// longer than the file, for which there would be made room.
fn is_strange_header(bytes: &[u8]) -> bool {
    let &[_, _, _, _, _, _, version, _, a, b, c, d, ..] = bytes else { return false };
    let (start, length): (usize, usize) = match version {
        1 => (10, u16::from_le_bytes([a, b]).into()),
        _ => (12, u32::from_le_bytes([a, b, c, d]) as usize),
    };
    let Some(header) = start.checked_add(length).and_then(|end| bytes.get(start..end)) else {
        return true;
    };
    header.iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS
}

fn shaped<T: Datum>(values: Vec<T>, shape: &[usize], fortran: bool) -> Option<Tensor> {
    // One size may be 0 and another one larger than any memory.
    let sizes = shape.iter().filter(|&&size| size > 0);
    let bytes = sizes.copied().try_fold(size_of::<T>(), usize::checked_mul)?;
    isize::try_from(bytes).ok()?;
    if !fortran {
        return ArrayD::from_shape_vec(shape.to_vec(), values).ok().map(IntoTensor::into_tensor);
    }
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    let array = ArrayD::from_shape_vec(reversed, values).ok()?;
    Some(array.reversed_axes().as_standard_layout().into_owned().into_tensor())
}

/// Writes float arrays as an `.npz` file.
pub fn write(arrays: &[(&str, &ArrayD<f32>)]) -> Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(vec![]));
    for (name, array) in arrays {
        let mut content = vec![];
        let shape: Vec<u64> = array.shape().iter().map(|&d| d as u64).collect();
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&shape)
            .writer(&mut content)
            .begin_nd()
            .map_err(unwritten)?;
        writer.extend(array.iter().copied()).map_err(unwritten)?;
        writer.finish().map_err(unwritten)?;
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{name}.npy"), options).map_err(unwritten)?;
        archive.write_all(&content).map_err(unwritten)?;
    }
    Ok(archive.finish().map_err(unwritten)?.into_inner())
}

fn unwritten(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Io, error.to_string()).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let array = ArrayD::from_shape_fn(vec![2, 3], |ix| (ix[0] * 3 + ix[1]) as f32);
        let bytes = write(&[("a", &array), ("b", &array)]).unwrap();
        let batch = read("x.npz", &bytes, "x").unwrap();
        assert_eq!(batch.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(perforate_engine::to_array::<f32>(batch.get("a").unwrap()).unwrap(), array);
    }

    #[test]
    fn every_type_of_numbers_is_read() {
        let kinds = [("f2", 2), ("f4", 4), ("f8", 8), ("b1", 1), ("i1", 1), ("i2", 2), ("i4", 4)];
        for (kind, size) in
            kinds.into_iter().chain([("i8", 8), ("u1", 1), ("u2", 2), ("u4", 4), ("u8", 8)])
        {
            let order = if size == 1 { '|' } else { '<' };
            let header =
                format!("{{'descr': '{order}{kind}', 'fortran_order': False, 'shape': (2,), }}\n");
            let length = (header.len() as u16).to_le_bytes();
            let file =
                [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), &vec![0; 2 * size]].concat();
            let batch = read("x.npy", &file, "x").unwrap();
            let values = perforate_engine::to_array::<f32>(batch.get("x").unwrap()).unwrap();
            assert_eq!(values.into_raw_vec_and_offset().0, [0.0, 0.0], "{kind}");
        }
    }

    #[test]
    fn sizes_beyond_any_memory_are_refused() {
        for shape in ["(9223372036854775807, 0)", "(4294967296, 4294967296)"] {
            let header =
                format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
            let length = (header.len() as u16).to_le_bytes();
            let file = [b"\x93NUMPY\x01\0", &length[..], header.as_bytes()].concat();
            let text = read("x.npy", &file, "x").unwrap_err().to_string();
            assert!(text.starts_with("x.npy: at `x`: "), "{text}");
        }
        let header = b"\x93NUMPY\x02\0\xff\xff\xff\xff{'descr': '<f4'";
        let text = read("x.npy", header, "x").unwrap_err().to_string();
        assert!(text.contains("truncated"), "{text}");
    }

    #[test]
    fn columns_first_arrays_are_turned() {
        let tensor = shaped(vec![1f32, 3.0, 2.0, 4.0], &[2, 2], true).unwrap();
        let array = perforate_engine::to_array::<f32>(&tensor).unwrap();
        assert_eq!(array.iter().copied().collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0]);
    }

    /// A parser that goes back at each bracket would take a minute for thirty of them.
    #[test]
    fn a_header_of_brackets_is_refused_at_once() {
        for bracket in ["{", "[", "(1,", "{'a':"] {
            for version in [1, 2] {
                let text = bracket.repeat(60);
                let mut file = b"\x93NUMPY".to_vec();
                file.extend([version, 0]);
                match version {
                    1 => file.extend((text.len() as u16).to_le_bytes()),
                    _ => file.extend((text.len() as u32).to_le_bytes()),
                }
                file.extend(text.bytes());
                let error = read("x.npy", &file, "x").unwrap_err().to_string();
                assert!(error.contains("plain array"), "{error}");
            }
        }
        assert!(is_strange_header(b"\x93NUMPY\x01\x00\xff\xff{ }"), "longer than the file");
    }

    #[test]
    fn damage_is_one_clear_sentence() {
        for bytes in [&b""[..], b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"text"] {
            let error = read("inputs.npz", bytes, "x").unwrap_err();
            assert!(error.to_string().starts_with("inputs.npz: "), "{error}");
        }
    }
}
