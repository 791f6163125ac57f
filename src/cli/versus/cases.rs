//! Models to compare, with their inputs.

use std::path::Path;

use ndarray::{ArrayD, IxDyn};
use perforate_data::own;
use perforate_data::pictures::Form;
use perforate_engine::{Batch, DatumType, Program};
use perforate_onnx::pb::ModelProto;
use perforate_onnx::{Component, encode};
use perforate_routing::fit::quantise::{Bits, quantise};
use perforate_strategies::{sentence_encoder, sentence_encoder_files};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cli::io::{read, read_inputs};
use crate::{Error, ErrorKind, Result};

/// Seed of the random inputs.
const SEED: u64 = 22;
/// Ids of words in the vocabulary of the sentence models.
const WORDS: std::ops::Range<i64> = 1000..21000;

/// A model and the inputs that all engines run.
#[derive(Debug)]
pub struct Case {
    /// Its name.
    pub model: String,
    /// The ONNX file.
    pub file: Vec<u8>,
    /// Of a model in eight bits, the file of the one in f32, which ONNX Runtime quantises in its own way.
    pub full: Option<Vec<u8>>,
    /// One batch.
    pub inputs: Batch,
}

impl Case {
    /// The user's model and inputs.
    ///
    /// # Errors
    /// Where a file cannot be read or the inputs do not fit.
    pub fn read(model: &Path, inputs: &Path) -> Result<Case> {
        let (model, file) = (model.display().to_string(), read(model)?);
        let program = Program::load(&model, &file)?;
        let bytes = read_inputs(inputs, || Form::of(&program))?;
        let samples = own::read(&inputs.display().to_string(), &bytes, &program, true)?;
        let mut inputs = samples.inputs().clone();
        if program.is_one_row() {
            // This engine would run the rows one by one; ONNX Runtime rejects more than one.
            inputs = inputs.slice(0..1)?;
        }
        Ok(Case { model, file, full: None, inputs })
    }
}

/// A model in this repository.
#[derive(Debug)]
pub struct Shipped {
    /// Its name in the table.
    pub name: &'static str,
    /// Rows of its inputs.
    pub batch: usize,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File(&'static str),
    /// The transformer of six layers, on texts of this many tokens.
    MiniLm(usize),
    /// The same with weights and activations in eight bits.
    MiniLmInt8(usize),
}

const fn file(name: &'static str, path: &'static str) -> Shipped {
    Shipped { name, batch: 1, source: Source::File(path) }
}

const fn minilm(name: &'static str, tokens: usize) -> Shipped {
    Shipped { name, batch: 1, source: Source::MiniLm(tokens) }
}

/// The full models in this repository, and the stages of those with early exits.
pub const SHIPPED: &[Shipped] = &[
    file("fashion-full", "models/fashion/full.onnx"),
    Shipped { batch: 32, ..file("fashion-full", "models/fashion/full.onnx") },
    file("fashion-static-l", "models/fashion/static-l.onnx"),
    file("fashion-light", "models/fashion/light.onnx"),
    file("fashion-stage1", "models/fashion/stage1.onnx"),
    file("fashion-stage2", "models/fashion/stage2.onnx"),
    file("fashion-stage3", "models/fashion/stage3.onnx"),
    file("mnist-stage1", "models/mnist/stage1.onnx"),
    file("mnist-stage2", "models/mnist/stage2.onnx"),
    file("mnist-stage3", "models/mnist/stage3.onnx"),
    minilm("minilm-16", 16),
    minilm("minilm-128", 128),
    minilm("minilm-512", 512),
    Shipped { name: "minilm-int8-16", batch: 1, source: Source::MiniLmInt8(16) },
    Shipped { name: "minilm-int8-128", batch: 1, source: Source::MiniLmInt8(128) },
];

impl Shipped {
    /// Reads or composes its file, and draws inputs for it.
    ///
    /// # Errors
    /// Where a file is missing: the paths are those in the repository.
    pub fn open(&self) -> Result<Case> {
        let (file, full, tokens) = match self.source {
            Source::File(path) => (read(Path::new(path))?, None, None),
            Source::MiniLm(tokens) => (encode(&transformer(tokens)?), None, Some(tokens)),
            Source::MiniLmInt8(tokens) => {
                let full = Component::new("MiniLM", transformer(tokens)?)?;
                let fewer = quantise(&full, Bits::Eight)?.model;
                (encode(&fewer), Some(encode(full.model())), Some(tokens))
            }
        };
        let program = Program::load(self.name, &file)?;
        let inputs = draw(&program, self.batch, tokens)?;
        Ok(Case { model: self.name.into(), file, full, inputs })
    }
}

/// The whole transformer as one model.
fn transformer(tokens: usize) -> Result<ModelProto> {
    let files = sentence_encoder_files().into_iter();
    let parts = files.map(|file| Component::decode(file.clone(), &read(Path::new(&file))?));
    sentence_encoder(parts.collect::<Result<_>>()?, tokens)?.dense()
}

/// Random inputs: word ids for integer inputs, ones for a mask, numbers in 0…1 otherwise.
fn draw(program: &Program, rows: usize, tokens: Option<usize>) -> Result<Batch> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    program.inputs().iter().try_fold(Batch::new(), |batch, input| {
        let sizes: Option<Vec<usize>> =
            input.row_shape.iter().map(|size| size.or(tokens)).collect();
        let Some(sizes) = sizes else {
            let text = "its size is open";
            return Err(Error::new(ErrorKind::Model, text).at(format!("input `{}`", input.name)));
        };
        let shape = IxDyn(&[&[rows], &sizes[..]].concat());
        Ok(if input.datum_type == DatumType::I64 {
            let ids = ArrayD::from_shape_simple_fn(shape, || rng.random_range(WORDS));
            batch.with(&input.name, ids)
        } else if input.name == "mask" {
            batch.with(&input.name, ArrayD::from_elem(shape, 1f32))
        } else {
            let numbers = ArrayD::from_shape_simple_fn(shape, || rng.random::<f32>());
            batch.with(&input.name, numbers)
        })
    })
}
