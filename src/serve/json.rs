//! Tensors as JSON: `{"inputs": {"x": {"shape": [2, 3], "data": [0, 1, 2, 3, 4, 5]}}, "knobs": {"threshold": 0.5}}`.
//!
//! `data` lists the values of a tensor in the order of its axes, the last one fastest. Whole numbers beyond 2⁵³ would be
//! rounded and are refused. In an answer a value that is not finite is `null`.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};
use serde::{Deserialize, Serialize};

use perforate_base::{Error, ErrorKind, Result, error::one_line};
use perforate_engine::{Batch, DatumType, Knobs, Program, Tensor, to_array};

use crate::queue::Answer;
use crate::refusal::Refusal;

/// The largest whole number that JSON's readers agree on.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    inputs: BTreeMap<String, Given>,
    #[serde(default)]
    knobs: BTreeMap<String, f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    shape: Vec<usize>,
    data: Vec<f64>,
}

#[derive(Serialize)]
struct Response<'a> {
    outputs: BTreeMap<&'a str, Told>,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Told {
    r#type: &'static str,
    shape: Vec<usize>,
    data: Values,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Values {
    Numbers(Vec<f32>),
    Whole(Vec<i64>),
    Booleans(Vec<bool>),
}

#[derive(Serialize)]
struct Row<'a> {
    path: &'a str,
    macs: f64,
}

/// Reads a request; numbers become what the model's inputs are.
pub fn read(bytes: &[u8], program: &Program) -> Result<(Batch, Knobs), Refusal> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let request: Request = serde_path_to_error::deserialize(&mut source)
        .map_err(|e| Refusal::malformed(&e.path().to_string(), one_line(e.inner())))?;
    source.end().map_err(|e| Refusal::malformed("", one_line(e)))?;
    let mut inputs = Batch::new();
    for (name, given) in request.inputs {
        let field = format!("inputs.{name}");
        let fault = |what: &str, text: String| Refusal::malformed(&format!("{field}.{what}"), text);
        let wanted = given.shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size));
        if wanted != Some(given.data.len()) {
            let text =
                format!("{} values do not fill the shape {:?}", given.data.len(), given.shape);
            return Err(fault("data", text));
        }
        let shape = IxDyn(&given.shape);
        let whole = program
            .inputs()
            .iter()
            .any(|input| input.name == name && input.datum_type != DatumType::F32);
        let data = given.data;
        inputs = match whole {
            true => {
                let bad = |value: &&f64| value.fract() != 0.0 || value.abs() > LARGEST_WHOLE;
                if let Some(bad) = data.iter().find(bad) {
                    return Err(fault("data", format!("{bad} is no whole number within ±2⁵³")));
                }
                let data = data.into_iter().map(|value| value as i64).collect();
                with(inputs, &name, ArrayD::<i64>::from_shape_vec(shape, data), &field)?
            }
            false => {
                let data = data.into_iter().map(|value| value as f32).collect();
                with(inputs, &name, ArrayD::<f32>::from_shape_vec(shape, data), &field)?
            }
        };
    }
    let knobs = request.knobs.into_iter();
    Ok((inputs, knobs.fold(Knobs::new(), |knobs, (name, value)| knobs.with(name, value))))
}

fn with<T: perforate_engine::Datum>(
    inputs: Batch,
    name: &str,
    array: std::result::Result<ArrayD<T>, ndarray::ShapeError>,
    field: &str,
) -> Result<Batch, Refusal> {
    array
        .map(|array| inputs.with(name, array))
        .map_err(|e| Refusal::malformed(&format!("{field}.shape"), one_line(e)))
}

/// Writes an answer: whole numbers and truth values as such, all else as float32.
pub fn write(answer: &Answer) -> Result<Vec<u8>> {
    let outputs = answer
        .outputs
        .iter()
        .map(|(name, tensor)| Ok((name.as_str(), told(tensor)?)))
        .collect::<Result<_>>()?;
    let row = |(path, &macs): (&'_ String, &f64)| (path.clone(), macs);
    let rows: Vec<(String, f64)> = answer.paths.iter().zip(&answer.macs).map(row).collect();
    let rows = rows.iter().map(|(path, macs)| Row { path, macs: *macs }).collect();
    serde_json::to_vec(&Response { outputs, rows })
        .map_err(|e| Error::new(ErrorKind::Internal, one_line(e)))
}

fn told(tensor: &Tensor) -> Result<Told> {
    let kind = tensor.datum_type();
    let (r#type, data) = if kind == DatumType::Bool {
        ("bool", Values::Booleans(to_array::<bool>(tensor)?.into_iter().collect()))
    } else if kind.is_integer() {
        ("int64", Values::Whole(to_array::<i64>(tensor)?.into_iter().collect()))
    } else {
        ("float32", Values::Numbers(to_array::<f32>(tensor)?.into_iter().collect()))
    };
    Ok(Told { r#type, shape: tensor.shape().to_vec(), data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::program;

    fn fault(text: &str) -> String {
        let refusal = read(text.as_bytes(), &program()).unwrap_err();
        assert_eq!(refusal.status, 400);
        refusal.text
    }

    #[test]
    fn tensors_and_knobs_are_read() {
        let text = r#"{"inputs": {"x": {"shape": [2, 1], "data": [1, 3.5]}}, "knobs": {"threshold": 0.25}}"#;
        let (inputs, knobs) = read(text.as_bytes(), &program()).unwrap();
        assert_eq!((inputs.rows(), knobs.get("threshold")), (2, Some(0.25)));
        let x: Vec<f32> = to_array(inputs.get("x").unwrap()).unwrap().into_iter().collect();
        assert_eq!(x, [1.0, 3.5]);
    }

    #[test]
    fn what_is_malformed_is_named() {
        for (text, words) in [
            ("", "EOF"),
            ("{}", "inputs"),
            (r#"{"inputs": {}, "speed": 1}"#, "speed"),
            (r#"{"inputs": {"x": {"shape": [2], "data": ["a", 1]}}}"#, "inputs.x.data[0]"),
            (r#"{"inputs": {"x": {"shape": [-1], "data": []}}}"#, "inputs.x.shape[0]"),
            (r#"{"inputs": {"x": {"shape": [2, 1], "data": [1]}}}"#, "inputs.x.data: 1 values"),
            (
                r#"{"inputs": {"x": {"shape": [18446744073709551615, 2], "data": []}}}"#,
                "inputs.x.data",
            ),
            (
                r#"{"inputs": {"x": {"shape": [1, 1], "data": [1]}}, "knobs": {"threshold": "a"}}"#,
                "knobs.threshold",
            ),
            (r#"{"inputs": {}} 1"#, "trailing"),
        ] {
            let told = fault(text);
            assert!(told.contains(words), "{text}: {told}");
        }
    }

    #[test]
    fn an_answer_lists_outputs_and_rows() {
        let tensor = Tensor::from(ndarray::arr2(&[[1.5f32], [f32::NAN]]));
        let answer = Answer {
            outputs: vec![("y".into(), tensor)],
            paths: vec!["light".into(), "full".into()],
            macs: vec![0.0, 1.0],
        };
        let told: serde_json::Value = serde_json::from_slice(&write(&answer).unwrap()).unwrap();
        assert_eq!(
            told,
            serde_json::json!({
                "outputs": {"y": {"type": "float32", "shape": [2, 1], "data": [1.5, null]}},
                "rows": [{"path": "light", "macs": 0.0}, {"path": "full", "macs": 1.0}],
            })
        );
    }
}
