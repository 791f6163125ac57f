//! The sentence transformer on long texts with blocks of attention left out by what was learned, and by less.

use std::sync::Arc;

use ndarray::ArrayD;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tract_onnx::pb::ModelProto;

use perforate_base::Result;
use perforate_engine::{Batch, Knobs, PlanCache, Program, Session};
use perforate_onnx::functions::ATTENTION_BLOCK;
use perforate_onnx::{Component, GraphBuilder, Metadata, Size};

use super::ablation::{Ablation, Choice};
use super::attention;
use super::texts::{DEPTH, HEADS, LongTexts};
use super::timing::{deviation, macs_of_attention};

const SEED: u64 = 5;

/// Texts of one length, with the dense answer to them.
#[derive(Debug)]
pub struct Ablations {
    length: usize,
    texts: Batch,
    /// As many others, on which averages over texts are taken.
    others: Batch,
    reference: ArrayD<f32>,
    probe: Session,
    /// What was learned by averaging, and at which target.
    seen: Option<(f32, Averages)>,
}

impl Ablations {
    /// Runs the dense transformer on `count` texts of `length` tokens.
    pub fn new(long: &LongTexts, length: usize, count: usize) -> Result<Ablations> {
        let encoder = long.encoder(length)?;
        let (others, texts) = (long.texts(length, 0, count)?, long.texts(length, count, count)?);
        let reference = session(&encoder.dense()?)?.run(&texts, &Knobs::new())?.first()?;
        let probe = session(&encoder.probe(&long.importance)?)?;
        Ok(Ablations { length, texts, others, reference, probe, seen: None })
    }

    /// What a choice of blocks does to the texts at a target.
    pub fn at(&mut self, long: &LongTexts, target: f32, choice: Choice) -> Result<Ablation> {
        let (length, layers) = (self.length, long.importance.len());
        let knobs = Knobs::new().with(attention::KNOB, target);
        let seen = match self.seen.take().filter(|(known, _)| *known == target) {
            Some((_, seen)) => seen,
            None => Averages::of(&mut self.probe, &self.others, &knobs, layers)?,
        };
        let importance = match choice {
            Choice::Learned => long.importance.clone(),
            Choice::FixedThreshold => long.with_thresholds(&seen.thresholds)?,
            Choice::FixedPattern => long.of_ranks(length, &seen.margins)?,
            Choice::Band => long.of_ranks(length, &band(length, layers))?,
            Choice::Random => long.of_ranks(length, &random(length, layers))?,
        };
        self.seen = Some((target, seen));
        let encoder = long.encoder(length)?;
        let model = encoder.perforated(&importance, target, Default::default())?;
        let mut session = session(&model)?;
        let own = session.run(&self.texts, &knobs)?;
        // With nothing left out, every text costs the same.
        let one = self.texts.slice(0..1)?;
        let dense = session.run(&one, &Knobs::new().with(attention::KNOB, 0.0))?;
        let count = self.texts.rows() as f64;
        let spared = dense.trace.total().macs.0 * count - own.trace.total().macs.0;
        let of_attention = macs_of_attention(length, HEADS, DEPTH).0 * layers as f64 * count;
        let deviation = deviation(&own.first()?, &self.reference);
        Ok(Ablation { choice, target, left_out: spared / of_attention, deviation })
    }
}

fn session(model: &ModelProto) -> Result<Session> {
    let program = Program::from_proto(&PlanCache::default(), "blocks", model, 0)?;
    Ok(Session::new(Arc::new(program)))
}

impl LongTexts {
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
#[derive(Debug)]
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
