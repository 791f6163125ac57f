//! What perforated attention is worth at a length: attention by itself, and a whole transformer, against the dense ones,
//! interleaved in one process; how far the answer is off, and how much memory each holds at once.

use std::sync::Arc;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::clock::Clock;
use crate::engine::{Batch, Knobs, Order, Program, Session};
use crate::error::Result;
use crate::onnx::functions::{ATTENTION_BLOCK, perforated_attention};
use crate::onnx::{GraphBuilder, Metadata, OPSET, Size, encode, ints_attribute};
use crate::units::{Bytes, Macs, Seconds};

use super::arms::Arms;
use super::stats::{Interval, interval};
use super::timing::{Interleaved, measure_tick};

/// Lengths in tokens.
pub const LENGTHS: [usize; 5] = [128, 256, 512, 1024, 2048];
/// Shares of blocks that are left out.
pub const TARGETS: [f32; 2] = [0.0, 0.5];
const SEED: u64 = 17;

/// What was measured of something at the targets, against the same without perforation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Tokens, and texts at once.
    pub shape: [usize; 2],
    /// Seconds of the dense one.
    pub dense_s: Interval,
    /// How much faster the perforated one is, by target.
    pub speedups: Vec<Interval>,
    /// Operations of the dense one, for one text.
    pub macs: Macs,
    /// What is left of them, by target.
    pub kept: Vec<f64>,
    /// How far the outputs are off, by target: the mean absolute difference as a share of the mean absolute output.
    pub deviations: Vec<f64>,
    /// Most bytes alive at once, constants left out: dense, and perforated.
    pub peaks: [Bytes; 2],
}

/// A dense model, and one of the same with a knob for the share that is left out.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What is replaced.
    pub dense: Arc<Program>,
    /// What replaces it.
    pub perforated: Arc<Program>,
    /// The knob's name.
    pub knob: &'static str,
}

impl Pair {
    /// Times both on `batch`, whose texts have `tokens` tokens.
    pub fn compare(
        &self,
        clock: &impl Clock,
        batch: &Batch,
        tokens: usize,
        rounds: usize,
    ) -> Result<Compared> {
        let at = |target: f32| Knobs::new().with(self.knob, target);
        let mut session = Session::new(self.dense.clone());
        let whole = session.run(batch, &Knobs::new())?;
        let reference = whole.first()?;
        let macs = whole.trace.total().macs * (1.0 / batch.rows() as f64);
        let mut session = Session::new(self.perforated.clone());
        let (mut kept, mut deviations) = (vec![], vec![]);
        for target in TARGETS {
            let outcome = session.run(batch, &at(target))?;
            kept.push(outcome.trace.total().macs / whole.trace.total().macs);
            let own = outcome.first()?;
            let off: f64 = own.iter().zip(&reference).map(|(a, b)| f64::from((a - b).abs())).sum();
            let size: f64 = reference.iter().map(|v| f64::from(v.abs())).sum();
            deviations.push(off / size.max(f64::MIN_POSITIVE));
        }
        drop(session);
        let mut arms = Arms::new(vec![batch.clone()]);
        let orders = |program: &Program| vec![Order::RowByRow; program.segments().len()];
        let dense = arms.model(&self.dense, &orders(&self.dense));
        arms.arm(dense, Knobs::new());
        let model = arms.model(&self.perforated, &orders(&self.perforated));
        for target in TARGETS {
            arms.arm(model, at(target));
        }
        let mut timing = Interleaved::new(3, rounds, measure_tick(clock), Seconds(1.0));
        while !timing.is_done() {
            timing.step(clock, &mut arms)?;
        }
        let samples = timing.samples();
        let over = |values: &[f64]| interval(values, &samples.launches(), SEED);
        let one = batch.slice(0..1)?;
        let peak = |program: &Arc<Program>| {
            Session::new(program.clone()).peak(&one, &program.neutral_knobs())
        };
        Ok(Compared {
            shape: [tokens, batch.rows()],
            dense_s: over(&samples.of(0)),
            speedups: (1..=TARGETS.len()).map(|arm| over(&samples.speedups(arm, 0))).collect(),
            macs,
            kept,
            deviations,
            peaks: [peak(&self.dense)?, peak(&self.perforated)?],
        })
    }
}

/// Attention by itself over `tokens` tokens: as softmax between two products, and perforated at random.
pub fn attention(tokens: usize, heads: usize, depth: usize) -> Result<(Pair, Batch)> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let sizes = [1, heads, tokens, depth].map(Size::Fixed);
    let mut batch = Batch::new();
    for name in ["q", "k", "v"] {
        let draw = || rng.random_range(-1.0f32..=1.0);
        let values = ndarray::ArrayD::from_shape_simple_fn(vec![1, heads, tokens, depth], draw);
        batch = batch.with(name, values);
    }
    let start = || -> Result<GraphBuilder> {
        let mut graph = GraphBuilder::new("attention", OPSET);
        ["q", "k", "v"].iter().try_for_each(|name| graph.input(name, &sizes).map(drop))?;
        Ok(graph)
    };
    let finish = |mut graph: GraphBuilder, y: &str| -> Result<Arc<Program>> {
        graph.output(y, &sizes)?;
        let file = encode(&graph.into_model(&Metadata::default())?);
        Ok(Arc::new(Program::load("attention", &file)?))
    };
    let mut dense = start()?;
    let turned = dense.node_with(
        "Transpose",
        "turned",
        &["k"],
        vec![ints_attribute("perm", &[0, 1, 3, 2])],
    )?;
    let scores = dense.node("MatMul", "scores", &["q", &turned])?;
    let weights = dense.node_with(
        "Softmax",
        "weights",
        &[&scores],
        vec![crate::onnx::int_attribute("axis", -1)],
    )?;
    let read = dense.node("MatMul", "y", &[&weights, "v"])?;
    let mut perforated = start()?;
    perforated.knob("sparsity", 0.0)?;
    let blocks = tokens.div_ceil(ATTENTION_BLOCK);
    // Ranks in random order, so that a share of them is a share of the blocks.
    let mut ranks: Vec<f32> = (0..heads * blocks * blocks)
        .map(|ix| (ix as f32 + 0.5) / (heads * blocks * blocks) as f32)
        .collect();
    ranks.shuffle(&mut rng);
    let importance = perforated.constant("importance", &[1, heads, blocks, blocks], &ranks)?;
    let mask = perforated.constant("mask", &[1, tokens], &vec![1.0; tokens])?;
    let inputs = ["q", "k", "v", &importance, "sparsity", &mask];
    let y = perforated.call(perforated_attention(OPSET), "attention", &inputs)?;
    let pair = Pair {
        dense: finish(dense, &read)?,
        perforated: finish(perforated, &y[0])?,
        knob: "sparsity",
    };
    Ok((pair, batch))
}
