//! The user's inputs: arrays of an `.npz` or `.npy` file or a table in CSV, with labels or without; or inputs drawn at
//! random, where there are none.

use ndarray::{Array2, ArrayD, IxDyn};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tract_onnx::prelude::{DatumType, Tensor};

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, Program, to_array};

use super::npz;
use super::samples::Samples;

/// Names that mark an array or a column as labels.
const LABELS: [&str; 6] = ["label", "labels", "y", "target", "targets", "class"];
/// Rows that are drawn where there are no inputs.
const GENERATED: usize = 2000;

/// Reads the inputs of `program`; labels are an array, or a column, called `label`, `y`, `target` or `class`. Those of a
/// model that answers with `numbers` are no classes, and left out.
pub fn read(name: &str, bytes: &[u8], program: &Program, numbers: bool) -> Result<Samples> {
    let fault = |text: String| Error::new(ErrorKind::Data, text).at(name);
    let (inputs, labels) = arrays(name, bytes, program, numbers)?;
    program
        .check(&inputs)
        .and_then(|()| program.check_finite(&inputs))
        .map_err(|e| e.within(name))?;
    if program.is_whole() {
        return Err(fault(
            "the model’s inputs have no row axis in common, so that there is nothing to route: export it with an open batch axis, or run it with `perforate run`".into(),
        ));
    }
    let samples = Samples::new(inputs, labels).map_err(|e| e.at(name))?;
    let one_label = samples.labels().and_then(|labels| labels.iter().copied().max());
    if one_label.is_some_and(|most| most > 100_000) {
        return Err(fault(
            "a label is larger than any number of classes: labels count from 0".into(),
        ));
    }
    Ok(samples)
}

/// The inputs of `program` for a run, without labels. Values that were given when it was loaded are left out.
pub fn inputs(name: &str, bytes: &[u8], program: &Program) -> Result<Batch> {
    if program.inputs().is_empty() {
        return Ok(Batch::new());
    }
    let (inputs, _) = arrays(name, bytes, program, true)?;
    program.check(&inputs).map_err(|e| e.within(name))?;
    Ok(inputs)
}

/// The arrays of a file that are inputs, and its labels.
fn arrays(
    name: &str,
    bytes: &[u8],
    program: &Program,
    numbers: bool,
) -> Result<(Batch, Option<Vec<usize>>)> {
    let own = program
        .inputs()
        .iter()
        .filter(|input| !is_label(&input.name) || program.inputs().len() == 1);
    let first = own.map(|input| input.name.clone()).next().unwrap_or_else(|| "x".into());
    let all = if name.to_lowercase().ends_with(".csv") {
        table(name, bytes, &first)?
    } else {
        npz::read(name, bytes, &first)?
    };
    let (mut inputs, mut labels) = (Batch::new(), None);
    let given: Vec<String> = all.names().map(str::to_string).collect();
    for array in given {
        let Some(tensor) = all.get(&array).filter(|_| !program.given().contains(&array)) else {
            continue;
        };
        let known = program.inputs().iter().any(|input| input.name == array);
        if !known && is_label(&array) {
            if numbers {
                continue;
            }
            labels = Some(whole(tensor).map_err(|e| e.at(name).node(&array))?);
        } else if !known && program.inputs().len() == 1 && inputs.rows() == 0 {
            // The one input of a model may have any name in the file.
            inputs = inputs.with_value(&first, tensor.clone());
        } else {
            inputs = inputs.with_value(&array, tensor.clone());
        }
    }
    Ok((inputs, labels))
}

/// Inputs with normally distributed numbers, for a model whose inputs are all of fixed sizes.
pub fn generate(program: &Program, seed: u64) -> Result<Samples> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut inputs = Batch::new();
    for input in program.inputs() {
        let sizes: Option<Vec<usize>> = input.row_shape.iter().copied().collect();
        let (Some(sizes), DatumType::F32) = (sizes, input.datum_type) else {
            let text = "random numbers would mean nothing to it: bring a file of inputs";
            return Err(Error::new(ErrorKind::Data, text).at(format!("input `{}`", input.name)));
        };
        let shape: Vec<usize> = std::iter::once(GENERATED).chain(sizes).collect();
        let array = ArrayD::from_shape_simple_fn(IxDyn(&shape), || -> f32 {
            StandardNormal.sample(&mut rng)
        });
        inputs = inputs.with(&input.name, array);
    }
    Samples::new(inputs, None)
}

fn is_label(name: &str) -> bool {
    LABELS.contains(&name.trim().to_lowercase().as_str())
}

/// Labels as whole numbers from 0.
fn whole(tensor: &Tensor) -> Result<Vec<usize>> {
    let fault = |text: String| Error::new(ErrorKind::Data, text);
    let values = tensor
        .cast_to::<f32>()
        .ok()
        .and_then(|cast| to_array::<f32>(&cast).ok())
        .filter(|values| values.shape().iter().skip(1).all(|&size| size == 1))
        .ok_or_else(|| fault(format!("labels are one number a row, not {:?}", tensor.shape())))?;
    let label = |(row, &value): (usize, &f32)| {
        if value >= 0.0 && value.fract() == 0.0 {
            return Ok(value as usize);
        }
        Err(fault(format!("the label of row {row} is {value}: labels are whole numbers from 0")))
    };
    values.iter().enumerate().map(label).collect()
}

/// A table of numbers: `[rows, columns]`, and the column of labels by itself.
fn table(name: &str, bytes: &[u8], input: &str) -> Result<Batch> {
    let fault = |text: String| Error::new(ErrorKind::Data, text).at(name);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(bytes);
    let rows: Vec<csv::StringRecord> = reader
        .records()
        .collect::<std::result::Result<_, _>>()
        .map_err(|e| fault(format!("it cannot be read as CSV ({e})")).with_source(e))?;
    let Some(first) = rows.first() else { return Err(fault("the table is empty".into())) };
    // A first line in which nothing is a number names the columns.
    let headed = first.iter().all(|cell| cell.parse::<f32>().is_err());
    let label = first.iter().position(|cell| headed && is_label(cell));
    let (mut values, mut labels) = (vec![], vec![]);
    for (line, row) in rows.iter().enumerate().skip(usize::from(headed)) {
        for (column, cell) in row.iter().enumerate() {
            let number: f32 = cell.parse().map_err(|e| {
                let (cell, line): (String, _) = (cell.chars().take(40).collect(), line + 1);
                let text =
                    format!("line {line}, column {}: \"{cell}\" is not a number", column + 1);
                fault(text).with_source(e)
            })?;
            if Some(column) == label { labels.push(number) } else { values.push(number) }
        }
    }
    let columns = first.len() - usize::from(label.is_some());
    let count = rows.len() - usize::from(headed);
    let array = Array2::from_shape_vec((count, columns), values)
        .map_err(|e| fault("its rows are of different lengths".into()).with_source(e))?;
    let batch = Batch::new().with(input, array.into_dyn());
    Ok(match label {
        Some(_) => batch.with("label", ndarray::Array1::from(labels).into_dyn()),
        None => batch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_engine::PlanCache;
    use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size};

    fn program() -> Program {
        let mut graph = GraphBuilder::new("g", OPSET);
        let shape = [Size::Rows, Size::Fixed(2)];
        graph.input("features", &shape).unwrap();
        graph.node("Relu", "out", &["features"]).unwrap();
        graph.output("out", &shape).unwrap();
        let model = graph.into_model(&Metadata::default()).unwrap();
        Program::from_proto(&PlanCache::default(), "m", &model, 0).unwrap()
    }

    #[test]
    fn a_table_with_a_head_and_labels() {
        let samples = read("d.csv", b"a,label,b\n1,0,2\n3,1,4\n", &program(), false).unwrap();
        assert_eq!(samples.labels(), Some(&[0, 1][..]));
        let x = to_array::<f32>(samples.inputs().get("features").unwrap()).unwrap();
        assert_eq!(x.into_raw_vec_and_offset().0, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(read("d.csv", b"1,2\n3,4\n5,6", &program(), false).unwrap().len(), 3);
    }

    #[test]
    fn an_array_of_any_name_is_the_one_input() {
        let x = ArrayD::from_elem(vec![3, 2], 1.0);
        let y = ArrayD::from_shape_vec(vec![3], vec![0.0, 1.0, 1.0]).unwrap();
        let file = npz::write(&[("images", &x), ("y", &y)]).unwrap();
        let samples = read("d.npz", &file, &program(), false).unwrap();
        assert_eq!((samples.len(), samples.labels()), (3, Some(&[0, 1, 1][..])));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let y = |value: f32| {
            let arrays = [ArrayD::from_elem(vec![2, 2], 1.0), ArrayD::from_elem(vec![2], value)];
            npz::write(&[("x", &arrays[0]), ("y", &arrays[1])]).unwrap()
        };
        let wide = npz::write(&[("x", &ArrayD::from_elem(vec![2, 3], 1.0))]).unwrap();
        let nothing = npz::write(&[("x", &ArrayD::zeros(vec![0, 2]))]).unwrap();
        let nan = npz::write(&[("x", &ArrayD::from_elem(vec![2, 2], f32::NAN))]).unwrap();
        let short = npz::write(&[
            ("x", &ArrayD::from_elem(vec![2, 2], 1.0)),
            ("y", &ArrayD::from_elem(vec![3], 1.0)),
        ])
        .unwrap();
        for (name, bytes, words) in [
            ("d.csv", &b"1,2\n3,four\n"[..], &["line 2, column 2", "four"][..]),
            ("d.csv", b"1,2\n3\n", &["CSV"]),
            ("d.csv", b"", &["empty"]),
            ("d.npz", &y(0.5), &["row 0", "0.5"]),
            ("d.npz", &y(-1.0), &["row 0", "-1"]),
            ("d.npz", &y(1e6), &["label"]),
            ("d.npz", &wide, &["[2, 3]", "[N, 2]"]),
            ("d.npz", &nothing, &["no rows"]),
            ("d.npz", &nan, &["row 0", "NaN"]),
            ("d.npz", &short, &["3 labels for 2 rows"]),
        ] {
            let error = read(name, bytes, &program(), false).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
        }
    }

    #[test]
    fn inputs_are_drawn_from_the_seed() {
        let [a, b] = [1, 1].map(|seed| generate(&program(), seed).unwrap());
        assert_eq!(a.len(), GENERATED);
        let x =
            |samples: &Samples| to_array::<f32>(samples.inputs().get("features").unwrap()).unwrap();
        assert_eq!(x(&a), x(&b));
    }
}
