//! The sentence transformer on long texts, with perforated attention and without.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::ArrayD;

use perforate_base::{Error, ErrorKind, Result};
use perforate_data::sentences::{Table, Tokenizer};
use perforate_engine::{Batch, PlanCache, Program};
use perforate_onnx::{Component, encode, float_tensor, numbers};

use super::attention::{self, Encoder};
use super::timing::{Pair, macs_of_attention};
use crate::recipe::content;

/// Heads of each layer, and the width of one.
pub const HEADS: usize = 12;
/// See above.
pub const DEPTH: usize = 32;
/// Layers of the transformer.
const LAYERS: usize = 6;
/// Texts and tokenizer.
const DATA: [&str; 2] =
    ["models/data/sentences/snippets.tsv.gz", "models/data/sentences/tokenizer.json"];

/// Files that are needed, by name.
pub fn files() -> Vec<String> {
    let data = DATA.map(String::from);
    [transformer(), blocks(), data.into()].concat()
}

/// Files of the transformer: the embedding, and the layers.
pub fn transformer() -> Vec<String> {
    let layers = (1..=LAYERS).map(|ix| format!("models/sentences/layer{ix}.onnx"));
    std::iter::once("models/sentences/embed.onnx".into()).chain(layers).collect()
}

/// The transformer for texts of `length` tokens; `parts` are the contents of its files, in their order.
pub fn encoder(mut parts: Vec<Component>, length: usize) -> Result<Encoder> {
    let layers = parts.split_off(parts.len().min(1));
    let Some(trunk) = parts.first() else {
        return Err(Error::new(ErrorKind::Config, "a transformer has an embedding"));
    };
    Ok(Encoder { trunk: stretched(trunk, length)?, layers })
}

/// What each layer learned of the importance of its blocks.
fn blocks() -> Vec<String> {
    (1..=LAYERS).map(|ix| format!("models/sentences/blocks{ix}.onnx")).collect()
}

/// The transformer, what it learned of its blocks, and texts to run it on.
#[derive(Debug)]
pub struct LongTexts {
    trunk: Component,
    layers: Vec<Component>,
    pub(super) importance: Vec<Component>,
    /// All sentences one after the other, without marks.
    tokens: Vec<i64>,
    /// The marks before and behind a text.
    marks: [i64; 2],
}

impl LongTexts {
    /// Reads its files.
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<LongTexts> {
        let decode = |name: &String| Component::decode(name.clone(), content(files, name)?);
        let mut layers = transformer().iter().map(decode).collect::<Result<Vec<_>>>()?;
        let trunk = layers.remove(0);
        let tokenizer = Tokenizer::read(DATA[1], content(files, DATA[1])?)?;
        let table = Table::read(DATA[0], content(files, DATA[0])?)?;
        let (mut tokens, mut marks) = (vec![], [0; 2]);
        for text in &table.texts {
            let ids = tokenizer.encode(text)?.ids;
            if let [first, inner @ .., last] = &ids[..] {
                tokens.extend_from_slice(inner);
                marks = [*first, *last];
            }
        }
        let importance = blocks().iter().map(decode).collect::<Result<Vec<_>>>()?;
        Ok(LongTexts { trunk, layers, importance, tokens, marks })
    }

    /// `count` texts of `length` tokens, from the `first` on.
    pub fn texts(&self, length: usize, first: usize, count: usize) -> Result<Batch> {
        let inner = length.saturating_sub(2);
        if inner == 0 || (first + count) * inner > self.tokens.len() {
            let text =
                format!("the sentences do not make {} texts of {length} tokens", first + count);
            return Err(Error::new(ErrorKind::Data, text));
        }
        let ids = ArrayD::from_shape_fn(vec![count, length], |at| match at[1] {
            0 => self.marks[0],
            ix if ix + 1 == length => self.marks[1],
            ix => self.tokens[(first + at[0]) * inner + ix - 1],
        });
        let mask = ArrayD::from_elem(vec![count, length], 1.0f32);
        Ok(Batch::new().with("ids", ids).with("mask", mask))
    }

    /// The transformer for texts of this length.
    pub(super) fn encoder(&self, length: usize) -> Result<Encoder> {
        Ok(Encoder { trunk: stretched(&self.trunk, length)?, layers: self.layers.clone() })
    }

    /// The same, dense and perforated, ready to run.
    pub fn pair(&self, length: usize) -> Result<Pair> {
        let library = PlanCache::default();
        let encoder = self.encoder(length)?;
        let routed =
            encoder.perforated(&self.importance, attention::RANGE.default, BTreeMap::new())?;
        let load = |name: &str, model| Program::from_proto(&library, name, model, 0).map(Arc::new);
        Ok(Pair {
            dense: load("dense", &encoder.dense()?)?,
            perforated: load("perforated", &routed)?,
            knob: attention::KNOB,
            attention: macs_of_attention(length, HEADS, DEPTH) * self.layers.len() as f64,
        })
    }

    /// The perforated transformer for texts of this length, to take away.
    pub fn routed(&self, length: usize) -> Result<Vec<u8>> {
        let encoder = self.encoder(length)?;
        Ok(encode(&encoder.perforated(
            &self.importance,
            attention::RANGE.default,
            BTreeMap::new(),
        )?))
    }
}

/// The embedding with positions for `length` tokens: a longer table than it has is read between its entries.
fn stretched(trunk: &Component, length: usize) -> Result<Component> {
    let fault = |text: &str| Error::new(ErrorKind::Model, text).at(trunk.name());
    let mut model = trunk.model().clone();
    let graph = model.graph.as_mut().ok_or_else(|| fault("there is no graph"))?;
    let place = |end: &str| {
        let name = format!("positions/{end}");
        graph.initializer.iter().position(|tensor| tensor.name.ends_with(&name))
    };
    let known =
        |place: Option<usize>| place.and_then(|ix| Some((ix, numbers(&graph.initializer[ix])?)));
    let (Some((rows, table)), Some((scale, scales))) =
        (known(place("rows")), known(place("scale")))
    else {
        return Err(fault("it has no table of positions in eight bits"));
    };
    let [known, width] = table.shape()[..] else { return Err(fault("positions have two axes")) };
    if length <= known {
        return Ok(trunk.clone());
    }
    let longer: Vec<f32> = (0..length * width)
        .map(|ix| {
            let (row, column) = (ix / width, ix % width);
            let at = row as f32 * (known - 1) as f32 / (length - 1) as f32;
            let low = (at as usize).min(known - 2);
            let value = |row: usize| table[[row, column]] * scales[[row, 0]];
            value(low) + (at - low as f32) * (value(low + 1) - value(low))
        })
        .collect();
    for (ix, columns, values) in [(rows, width, longer), (scale, 1, vec![1.0; length])] {
        let name = graph.initializer[ix].name.clone();
        graph.initializer[ix] = float_tensor(&name, &[length, columns], &values);
    }
    Component::new(trunk.name(), model)
}
