//! The sentence transformer on long texts, with perforated attention and without.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::ArrayD;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tract_onnx::pb::ModelProto;

use crate::bench::lengths::Pair;
use crate::data::sentences::{Table, Tokenizer};
use crate::engine::{Batch, Knobs, Library, Program, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::functions::ATTENTION_BLOCK;
use crate::onnx::{Component, GraphBuilder, Metadata, Size, encode, float_tensor, numbers};
use crate::route::attention::{self, Encoder};

use super::registry::{BLOCKS, MINILM};
use super::scenario::get;

/// Heads of each layer, and the width of one.
pub const HEADS: usize = 12;
/// See above.
pub const DEPTH: usize = 32;
/// Texts and tokenizer.
const DATA: [&str; 2] =
    ["models/data/sentences/snippets.tsv.gz", "models/data/sentences/tokenizer.json"];
const SEED: u64 = 5;

/// Files that are needed, by name.
pub fn files() -> impl Iterator<Item = &'static str> {
    MINILM.into_iter().chain(BLOCKS).chain(DATA)
}

/// The transformer, what it learned of its blocks, and texts to run it on.
#[derive(Debug)]
pub struct Long {
    trunk: Component,
    layers: Vec<Component>,
    importance: Vec<Component>,
    /// All sentences one after the other, without marks.
    tokens: Vec<i64>,
    /// The marks before and behind a text.
    marks: [i64; 2],
}

/// By what blocks are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Importance and threshold as they were learned.
    Learned,
    /// The learned importance against one threshold for all texts.
    FixedThreshold,
    /// What is most important on average over texts, the same for all of them.
    FixedPattern,
    /// A window around the diagonal.
    Band,
    /// At random.
    Random,
}

impl Choice {
    /// All of them.
    pub const ALL: [Choice; 5] = [
        Choice::Learned,
        Choice::FixedThreshold,
        Choice::FixedPattern,
        Choice::Band,
        Choice::Random,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Choice::Learned => "learned",
            Choice::FixedThreshold => "fixed threshold",
            Choice::FixedPattern => "fixed pattern",
            Choice::Band => "band",
            Choice::Random => "random",
        }
    }
}

/// What a choice did to texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ablation {
    /// Who chose.
    pub choice: Choice,
    /// The share of blocks that was to be left out.
    pub target: f32,
    /// Share that was left out, by operations of attention.
    pub left_out: f64,
    /// Mean absolute difference of what is pooled, as a share of its mean size.
    pub deviation: f64,
}

impl Long {
    /// Reads its files.
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<Long> {
        let decode = |name: &&str| Component::decode(*name, get(files, name)?);
        let mut layers = MINILM.iter().map(decode).collect::<Result<Vec<_>>>()?;
        let trunk = layers.remove(0);
        let tokenizer = Tokenizer::read(DATA[1], get(files, DATA[1])?)?;
        let table = Table::read(DATA[0], get(files, DATA[0])?)?;
        let (mut tokens, mut marks) = (vec![], [0; 2]);
        for text in &table.texts {
            let ids = tokenizer.encode(text)?.ids;
            if let [first, inner @ .., last] = &ids[..] {
                tokens.extend_from_slice(inner);
                marks = [*first, *last];
            }
        }
        let importance = BLOCKS.iter().map(decode).collect::<Result<Vec<_>>>()?;
        Ok(Long { trunk, layers, importance, tokens, marks })
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

    fn encoder(&self, length: usize) -> Result<Encoder> {
        Ok(Encoder { trunk: stretched(&self.trunk, length)?, layers: self.layers.clone() })
    }

    /// The transformer for texts of this length.
    pub fn pair(&self, length: usize) -> Result<Pair> {
        let library = Library::default();
        let encoder = self.encoder(length)?;
        let routed =
            encoder.perforated(&self.importance, attention::RANGE.default, BTreeMap::new())?;
        let load = |name: &str, model| Program::from_proto(&library, name, model, 0).map(Arc::new);
        Ok(Pair {
            dense: load("dense", &encoder.dense()?)?,
            perforated: load("perforated", &routed)?,
            knob: attention::KNOB,
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

    /// What each choice of blocks does to `count` texts of `length` tokens at each of `targets`. Averages over texts are
    /// taken on as many others.
    pub fn ablate(&self, length: usize, count: usize, targets: &[f32]) -> Result<Vec<Ablation>> {
        let encoder = self.encoder(length)?;
        let session = |model: &ModelProto| -> Result<Session> {
            Ok(Session::new(Arc::new(Program::from_proto(
                &Library::default(),
                "blocks",
                model,
                0,
            )?)))
        };
        let (others, texts) = (self.texts(length, 0, count)?, self.texts(length, count, count)?);
        let whole = session(&encoder.dense()?)?.run(&texts, &Knobs::new())?;
        let reference = whole.first()?;
        let of_attention = (self.layers.len() * 2 * length * length * HEADS * DEPTH * count) as f64;
        let mut probe = session(&encoder.probe(&self.importance)?)?;
        let mut found = vec![];
        for &target in targets {
            let knobs = Knobs::new().with(attention::KNOB, target);
            let seen = Averages::of(&mut probe, &others, &knobs, self.layers.len())?;
            for choice in Choice::ALL {
                let importance = match choice {
                    Choice::Learned => self.importance.clone(),
                    Choice::FixedThreshold => self.with_thresholds(&seen.thresholds)?,
                    Choice::FixedPattern => self.of_ranks(length, &seen.margins)?,
                    Choice::Band => self.of_ranks(length, &band(length, self.layers.len()))?,
                    Choice::Random => self.of_ranks(length, &random(length, self.layers.len()))?,
                };
                let model = encoder.perforated(&importance, target, BTreeMap::new())?;
                let own = session(&model)?.run(&texts, &knobs)?;
                let dense =
                    session(&model)?.run(&texts, &Knobs::new().with(attention::KNOB, 0.0))?;
                let spared = dense.trace.total().macs.0 - own.trace.total().macs.0;
                let apart = own.first()?;
                let pairs = apart.iter().zip(&reference);
                let off: f64 = pairs.map(|(a, b)| f64::from((a - b).abs())).sum();
                let size: f64 = reference.iter().map(|v| f64::from(v.abs())).sum();
                let deviation = off / size.max(f64::MIN_POSITIVE);
                found.push(Ablation { choice, target, left_out: spared / of_attention, deviation });
            }
        }
        Ok(found)
    }

    /// The learned importance against thresholds that no text changes.
    fn with_thresholds(&self, thresholds: &[f32]) -> Result<Vec<Component>> {
        let each = self.importance.iter().zip(thresholds);
        each.map(|(learned, threshold)| {
            let (mut graph, wires) = GraphBuilder::around("blocks", learned)?;
            let given = graph.splice(learned, "learned", &wires)?;
            let importance = graph.node("Identity", "importance", &[&given["importance"]])?;
            graph.output_like(&importance, learned.output("importance")?);
            // At nothing to be left out, nothing is.
            let limit = graph.constant("limit", &[1, 1, 1, 1], &[*threshold])?;
            let all = graph.constant("all", &[1, 1, 1, 1], &[f32::MIN])?;
            let zero = graph.constant("zero", &[], &[0.0])?;
            let some = graph.node("Greater", "some", &[attention::KNOB, &zero])?;
            graph.node("Where", "threshold", &[&some, &limit, &all])?;
            graph.output("threshold", &[1, 1, 1, 1].map(Size::Fixed))?;
            Component::new(learned.name(), graph.into_model(&Metadata::default())?)
        })
        .collect()
    }

    /// An importance that no text changes: the rank of each block among those of all layers.
    fn of_ranks(&self, length: usize, importance: &[f32]) -> Result<Vec<Component>> {
        let blocks = length.div_ceil(ATTENTION_BLOCK);
        let mut order: Vec<usize> = (0..importance.len()).collect();
        order.sort_by(|&a, &b| importance[a].total_cmp(&importance[b]));
        let mut ranks = vec![0.0; importance.len()];
        for (rank, &ix) in order.iter().enumerate() {
            ranks[ix] = (rank as f32 + 0.5) / importance.len() as f32;
        }
        let each = self.importance.iter().zip(ranks.chunks_exact(HEADS * blocks * blocks));
        each.map(|(learned, ranks)| {
            let (mut graph, _) = GraphBuilder::around("blocks", learned)?;
            let sizes = [1, HEADS, blocks, blocks];
            let own = graph.constant("ranks", &sizes, ranks)?;
            graph.node("Identity", "importance", &[&own])?;
            graph.output("importance", &sizes.map(Size::Fixed))?;
            let shape = graph.integers("shape", &[1, 1, 1, 1])?;
            graph.node("Reshape", "threshold", &[attention::KNOB, &shape])?;
            graph.output("threshold", &[1, 1, 1, 1].map(Size::Fixed))?;
            Component::new(learned.name(), graph.into_model(&Metadata::default())?)
        })
        .collect()
    }
}

/// What is learned from texts by averaging.
struct Averages {
    /// By how much each block's importance exceeds its threshold: `[layers, heads, b, b]`.
    margins: Vec<f32>,
    /// The threshold of each layer.
    thresholds: Vec<f32>,
}

impl Averages {
    fn of(probe: &mut Session, texts: &Batch, knobs: &Knobs, layers: usize) -> Result<Averages> {
        let outcome = probe.run(texts, knobs)?;
        let (mut margins, mut thresholds) = (vec![], vec![]);
        for layer in 1..=layers {
            let importance = outcome.output(&format!("importance{layer}"))?;
            let threshold = outcome.output(&format!("threshold{layer}"))?;
            let rows = importance.shape()[0] as f32;
            let base = threshold.sum() / threshold.len() as f32;
            margins
                .extend(importance.sum_axis(ndarray::Axis(0)).iter().map(|sum| sum / rows - base));
            thresholds.push(base);
        }
        Ok(Averages { margins, thresholds })
    }
}

/// What lies near the diagonal is important: `[layers, heads, b, b]`.
fn band(length: usize, layers: usize) -> Vec<f32> {
    let blocks = length.div_ceil(ATTENTION_BLOCK);
    let pairs = (0..blocks * blocks).map(|ix| -((ix / blocks).abs_diff(ix % blocks) as f32));
    let one: Vec<f32> = pairs.collect();
    one.iter().copied().cycle().take(layers * HEADS * one.len()).collect()
}

/// Nothing is known.
fn random(length: usize, layers: usize) -> Vec<f32> {
    let blocks = length.div_ceil(ATTENTION_BLOCK);
    let mut all: Vec<f32> = (0..layers * HEADS * blocks * blocks).map(|ix| ix as f32).collect();
    all.shuffle(&mut ChaCha8Rng::seed_from_u64(SEED));
    all
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
