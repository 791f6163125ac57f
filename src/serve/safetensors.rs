//! Tensors as safetensors: eight bytes with the length of a header, little-endian; the header, a JSON object; then the values.
//!
//! ```text
//! {"x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"knob.threshold": "0.5"}}
//! ```
//!
//! Offsets count from the end of the header. Types are `F32`, `F64` (taken as F32), `I64`, `I32`, `U8`, `I8` and `BOOL`. Knobs
//! stand in `__metadata__`, as text, behind `knob.`; an answer has `paths` and `macs` there, JSON arrays as text. Libraries for
//! Python, Rust and JavaScript read and write this format: <https://github.com/huggingface/safetensors>.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};
use serde::{Deserialize, Serialize};

use perforate_base::{Error, ErrorKind, Result, error::one_line};
use perforate_engine::{Batch, Datum, DatumType, Knobs, Tensor, to_array};

use crate::queue::Answer;
use crate::refusal::Refusal;

/// Most bytes of a header.
const LARGEST_HEADER: usize = 1 << 20;
/// Key of what is no tensor.
const METADATA: &str = "__metadata__";
/// What the name of a knob stands behind.
const KNOB: &str = "knob.";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// Reads a request.
pub fn read(bytes: &[u8]) -> Result<(Batch, Knobs), Refusal> {
    let (header, values) = parts(bytes)?;
    let (mut inputs, mut knobs) = (Batch::new(), Knobs::new());
    for (name, value) in header {
        if name == METADATA {
            knobs = read_knobs(value)?;
            continue;
        }
        let entry: Entry = serde_path_to_error::deserialize(value).map_err(|e| {
            Refusal::malformed(&format!("{name}.{}", e.path()), one_line(e.inner()))
        })?;
        let [from, to] = entry.data_offsets;
        let own = values.get(from..to).ok_or_else(|| {
            let text = format!("[{from}, {to}] lies outside the {} bytes of values", values.len());
            Refusal::malformed(&format!("{name}.data_offsets"), text)
        })?;
        inputs = tensor(inputs, &name, &entry, own)?;
    }
    Ok((inputs, knobs))
}

/// The header and the bytes of values.
fn parts(bytes: &[u8]) -> Result<(serde_json::Map<String, serde_json::Value>, &[u8]), Refusal> {
    let short = |what: &str| Refusal::malformed(what, "the body ends before it does");
    let (length, rest) =
        bytes.split_first_chunk::<8>().ok_or_else(|| short("the header's length"))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > LARGEST_HEADER {
        let text = format!("it says {length} bytes; at most {LARGEST_HEADER} are read");
        return Err(Refusal::malformed("the header's length", text));
    }
    let (header, values) = rest.split_at_checked(length).ok_or_else(|| short("the header"))?;
    let header = serde_json::from_slice(header)
        .map_err(|e| Refusal::malformed("the header", one_line(e)))?;
    Ok((header, values))
}

fn read_knobs(value: serde_json::Value) -> Result<Knobs, Refusal> {
    let texts: BTreeMap<String, String> =
        serde_json::from_value(value).map_err(|e| Refusal::malformed(METADATA, one_line(e)))?;
    // Libraries put entries of their own there.
    let own = texts.iter().filter_map(|(key, text)| Some((key.strip_prefix(KNOB)?, text)));
    own.into_iter().try_fold(Knobs::new(), |knobs, (name, text)| {
        let value = text.trim().parse().map_err(|_| {
            let field = format!("{METADATA}.{KNOB}{name}");
            Refusal::malformed(&field, format!("\"{text}\" is not a number"))
        })?;
        Ok(knobs.with(name, value))
    })
}

/// Adds a tensor to the inputs.
fn tensor(inputs: Batch, name: &str, entry: &Entry, bytes: &[u8]) -> Result<Batch, Refusal> {
    let fault = |what: &str, text: String| Refusal::malformed(&format!("{name}.{what}"), text);
    macro_rules! values {
        ($t:ty, $to:ty, $convert:expr) => {{
            const SIZE: usize = size_of::<$t>();
            let convert: fn([u8; SIZE]) -> $to = $convert;
            let wanted = entry.shape.iter().try_fold(SIZE, |all, &size| all.checked_mul(size));
            if wanted != Some(bytes.len()) {
                let text = format!(
                    "{} bytes do not fill the shape {:?} of {}",
                    bytes.len(),
                    entry.shape,
                    entry.dtype
                );
                return Err(fault("data_offsets", text));
            }
            let (chunks, _) = bytes.as_chunks::<SIZE>();
            let values: Vec<$to> = chunks.iter().map(|chunk| convert(*chunk)).collect();
            let array = ArrayD::from_shape_vec(IxDyn(&entry.shape), values);
            inputs.with(name, array.map_err(|e| fault("shape", one_line(e)))?)
        }};
    }
    Ok(match entry.dtype.as_str() {
        "F32" => values!(f32, f32, f32::from_le_bytes),
        "F64" => values!(f64, f32, |b| f64::from_le_bytes(b) as f32),
        "I64" => values!(i64, i64, i64::from_le_bytes),
        "I32" => values!(i32, i32, i32::from_le_bytes),
        "U8" => values!(u8, u8, |[b]| b),
        "I8" => values!(i8, i8, i8::from_le_bytes),
        "BOOL" => values!(u8, bool, |[b]| b != 0),
        other => {
            let text = format!("`{other}` is not read; send F32, F64, I64, I32, U8, I8 or BOOL");
            return Err(fault("dtype", text));
        }
    })
}

/// Writes an answer: whole numbers as I64, truth values as BOOL, bytes as U8, all else as F32.
pub fn write(answer: &Answer) -> Result<Vec<u8>> {
    let fault = |e: serde_json::Error| Error::new(ErrorKind::Internal, one_line(e));
    let mut header = serde_json::Map::new();
    let mut values: Vec<u8> = vec![];
    for (name, tensor) in &answer.outputs {
        let from = values.len();
        let dtype = append(&mut values, tensor)?;
        let entry = Entry {
            dtype: dtype.into(),
            shape: tensor.shape().to_vec(),
            data_offsets: [from, values.len()],
        };
        header.insert(name.clone(), serde_json::to_value(entry).map_err(fault)?);
    }
    let metadata = serde_json::json!({
        "paths": serde_json::to_string(&answer.paths).map_err(fault)?,
        "macs": serde_json::to_string(&answer.macs).map_err(fault)?,
    });
    header.insert(METADATA.into(), metadata);
    let mut text = serde_json::to_vec(&header).map_err(fault)?;
    // Values begin at a multiple of eight bytes.
    text.resize(text.len().next_multiple_of(8), b' ');
    let length = (text.len() as u64).to_le_bytes();
    Ok([&length[..], &text, &values].concat())
}

/// Appends a tensor's values; returns their type.
fn append(values: &mut Vec<u8>, tensor: &Tensor) -> Result<&'static str> {
    fn all<T: Datum, const SIZE: usize>(
        values: &mut Vec<u8>,
        tensor: &Tensor,
        bytes: impl Fn(T) -> [u8; SIZE],
    ) -> Result<()> {
        to_array::<T>(tensor)?.into_iter().for_each(|value| values.extend(bytes(value)));
        Ok(())
    }
    let kind = tensor.datum_type();
    Ok(if kind == DatumType::Bool {
        all(values, tensor, |value: bool| [u8::from(value)])?;
        "BOOL"
    } else if kind == DatumType::U8 {
        all(values, tensor, |value: u8| [value])?;
        "U8"
    } else if kind.is_integer() {
        all(values, tensor, i64::to_le_bytes)?;
        "I64"
    } else {
        all(values, tensor, f32::to_le_bytes)?;
        "F32"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, values: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), values].concat()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let tensor = Tensor::from(ndarray::arr2(&[[1.5f32, -2.0], [0.0, 4.0]]));
        let paths = vec!["light".into(), "full".into()];
        let answer = Answer { outputs: vec![("y".into(), tensor)], paths, macs: vec![0.0, 1.0] };
        let bytes = write(&answer).unwrap();
        let (inputs, knobs) = read(&bytes).unwrap();
        let y = to_array::<f32>(inputs.get("y").unwrap()).unwrap();
        assert_eq!(y, ndarray::arr2(&[[1.5f32, -2.0], [0.0, 4.0]]).into_dyn());
        assert_eq!(knobs, Knobs::new());
        let (header, values) = parts(&bytes).unwrap();
        assert_eq!(header[METADATA]["paths"], r#"["light","full"]"#);
        assert_eq!((bytes.len() - values.len()) % 8, 0);
    }

    #[test]
    fn types_and_knobs_are_read() {
        let header = r#"{"a": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
            "b": {"dtype": "BOOL", "shape": [1, 2], "data_offsets": [8, 10]},
            "__metadata__": {"knob.threshold": "0.25", "format": "pt"}}"#;
        let (inputs, knobs) = read(&file(header, &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0])).unwrap();
        assert_eq!(inputs.get("a").unwrap().datum_type(), DatumType::I64);
        let b: Vec<bool> = to_array(inputs.get("b").unwrap()).unwrap().into_iter().collect();
        assert_eq!((b, knobs.get("threshold")), (vec![true, false], Some(0.25)));
    }

    #[test]
    fn what_is_malformed_is_named() {
        let x = |rest: &str| file(&format!(r#"{{"x": {{{rest}}}}}"#), &[0; 8]);
        for (bytes, words) in [
            (vec![1, 2], "the header's length"),
            (vec![255; 16], "the header's length"),
            (file("{", &[])[..8].to_vec(), "the header"),
            (file("[1]", &[]), "the header"),
            (x(r#""dtype": "F32", "shape": [2]"#), "x"),
            (x(r#""dtype": "F32", "shape": [2], "data_offsets": [0, 9]"#), "x.data_offsets"),
            (x(r#""dtype": "F32", "shape": [2], "data_offsets": [8, 0]"#), "x.data_offsets"),
            (
                x(r#""dtype": "F32", "shape": [3], "data_offsets": [0, 8]"#),
                "x.data_offsets: 8 bytes",
            ),
            (x(r#""dtype": "F16", "shape": [4], "data_offsets": [0, 8]"#), "x.dtype: `F16`"),
            (x(r#""dtype": "F32", "shape": ["a"], "data_offsets": [0, 8]"#), "x.shape[0]"),
            (file(r#"{"__metadata__": {"knob.t": "a"}}"#, &[]), "knob.t: \"a\""),
        ] {
            let refusal = read(&bytes).unwrap_err();
            assert_eq!(refusal.status, 400);
            assert!(refusal.text.contains(words), "{words}: {}", refusal.text);
        }
    }
}
