//! What perforated attention is worth at a length: attention by itself, and a whole transformer, against the dense ones,
//! interleaved in one process; how far the answer is off, and how much memory each holds at once.

use std::sync::Arc;

use ndarray::ArrayD;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use perforate_base::units::{Bytes, Macs, Seconds};
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;
use perforate_engine::{Batch, Knobs, Order, Program, Session};
use perforate_onnx::functions::{ATTENTION_BLOCK, perforated_attention};
use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode, ints_attribute};

use perforate_bench::contender::ContenderId;
use perforate_bench::contenders::Contenders;
use perforate_bench::order::Chooser;
use perforate_bench::stats::{Interval, interval};
use perforate_bench::timing::{Interleaved, measure_tick};

/// Lengths in tokens.
pub const LENGTHS: [usize; 5] = [128, 256, 512, 1024, 2048];
/// Shares of blocks that are left out.
pub const TARGETS: [f32; 2] = [0.0, 0.5];
const SEED: u64 = 17;
/// Length of a slice of timing.
const SLICE: Seconds = Seconds(0.05);

/// What was measured of something at the targets, against the same without perforation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LengthComparison {
    /// Tokens, and texts at once.
    pub shape: [usize; 2],
    /// Seconds of the dense one.
    pub dense_s: Interval,
    /// How much faster the perforated one is, by target.
    pub speedups: Vec<Interval>,
    /// Operations of the dense one, for one text.
    pub macs: Macs,
    /// The share of them that perforation can spare: attention's.
    pub attention: f64,
    /// What is left of them, by target.
    pub kept: Vec<f64>,
    /// How far the outputs are off, by target: the mean absolute difference as a share of the mean absolute output.
    pub deviations: Vec<f64>,
    /// Most bytes alive at once for one text, constants left out: dense, and perforated.
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
    /// Operations for one text that the knob can spare.
    pub attention: Macs,
}

impl Pair {
    /// Times both on `batch`, whose texts have `tokens` tokens, in one go.
    pub fn compare(
        self,
        clock: &impl Clock,
        batch: Batch,
        tokens: usize,
        rounds: usize,
    ) -> Result<LengthComparison> {
        let mut comparison = Comparison::new(self, batch, tokens, rounds, measure_tick(clock));
        loop {
            if let Some(compared) = comparison.step(clock)? {
                return Ok(compared);
            }
        }
    }
}

/// Where a comparison stands.
#[derive(Debug)]
enum Stage {
    /// The answers, at no target and then at each.
    Answers,
    /// How each program runs on several texts.
    Orders(Option<Box<Chooser>>),
    Timing(Box<(Interleaved, Contenders)>),
}

/// A comparison under way, a run or a slice of timing at a time.
#[derive(Debug)]
pub struct Comparison {
    pair: Pair,
    batch: Batch,
    tokens: usize,
    rounds: usize,
    tick: Seconds,
    stage: Stage,
    reference: Option<(ArrayD<f32>, Macs)>,
    kept: Vec<f64>,
    deviations: Vec<f64>,
    /// Of the dense one, and of the perforated one.
    orders: Vec<Vec<Order>>,
}

impl Comparison {
    /// Nothing measured yet of `pair` on `batch`, whose texts have `tokens` tokens.
    pub fn new(
        pair: Pair,
        batch: Batch,
        tokens: usize,
        rounds: usize,
        tick: Seconds,
    ) -> Comparison {
        Comparison {
            pair,
            batch,
            tokens,
            rounds,
            tick,
            stage: Stage::Answers,
            reference: None,
            kept: vec![],
            deviations: vec![],
            orders: vec![],
        }
    }

    /// Tokens, and texts at once.
    pub fn shape(&self) -> [usize; 2] {
        [self.tokens, self.batch.rows()]
    }

    /// The share that is done, roughly.
    pub fn share(&self) -> f64 {
        match &self.stage {
            Stage::Answers | Stage::Orders(_) => 0.0,
            Stage::Timing(timing) => {
                let (done, all) = timing.0.progress();
                done as f64 / all.max(1) as f64
            }
        }
    }

    /// Does the next piece of work; gives what was found after the last.
    pub fn step(&mut self, clock: &impl Clock) -> Result<Option<LengthComparison>> {
        match &mut self.stage {
            Stage::Answers => {
                self.answer()?;
                if self.kept.len() == TARGETS.len() {
                    self.stage = Stage::Orders(None);
                }
                Ok(None)
            }
            Stage::Orders(chooser) => {
                let Some(program) =
                    [&self.pair.dense, &self.pair.perforated].get(self.orders.len()).copied()
                else {
                    self.stage = Stage::Timing(Box::new(self.timing()));
                    return Ok(None);
                };
                let chooser = chooser.get_or_insert_with(|| {
                    Box::new(Chooser::new(program.clone(), self.batch.clone()))
                });
                if !chooser.step(clock, self.tick)? {
                    self.orders.push(chooser.orders().to_vec());
                    self.stage = Stage::Orders(None);
                }
                Ok(None)
            }
            Stage::Timing(timing) => {
                let (timing, contenders) = &mut **timing;
                timing.step(clock, contenders)?;
                if timing.is_done() { self.compared().map(Some) } else { Ok(None) }
            }
        }
    }

    /// Runs the dense one, or the perforated one at the next target.
    fn answer(&mut self) -> Result<()> {
        let Some((reference, macs)) = &self.reference else {
            let whole = Session::new(self.pair.dense.clone()).run(&self.batch, &Knobs::new())?;
            self.reference = Some((whole.first()?, whole.trace.total().macs));
            return Ok(());
        };
        let knobs = Knobs::new().with(self.pair.knob, TARGETS[self.kept.len()]);
        let outcome = Session::new(self.pair.perforated.clone()).run(&self.batch, &knobs)?;
        self.kept.push(outcome.trace.total().macs / *macs);
        self.deviations.push(deviation(&outcome.first()?, reference));
        Ok(())
    }

    fn timing(&self) -> (Interleaved, Contenders) {
        let mut contenders = Contenders::new(vec![self.batch.clone()]);
        let dense = contenders.model(&self.pair.dense, &self.orders[0]);
        contenders.contender(dense, Knobs::new());
        let model = contenders.model(&self.pair.perforated, &self.orders[1]);
        for target in TARGETS {
            contenders.contender(model, Knobs::new().with(self.pair.knob, target));
        }
        (Interleaved::new(1 + TARGETS.len(), self.rounds, self.tick, SLICE), contenders)
    }

    fn compared(&self) -> Result<LengthComparison> {
        let (Stage::Timing(timing), Some((_, macs))) = (&self.stage, &self.reference) else {
            return Err(Error::new(ErrorKind::Internal, "nothing is timed yet"));
        };
        let samples = timing.0.samples();
        let over = |values: &[f64]| interval(values, &samples.launches());
        // The dense one was added first, then the targets.
        let (dense, perforated) = (ContenderId::new(0), samples.contenders().skip(1));
        let one = self.batch.slice(0..1)?;
        let peak = |program: &Arc<Program>| {
            Session::new(program.clone()).peak(&one, &program.neutral_knobs())
        };
        let macs = *macs * (1.0 / self.batch.rows() as f64);
        Ok(LengthComparison {
            shape: self.shape(),
            dense_s: over(&samples.of(dense)),
            speedups: perforated
                .map(|contender| over(&samples.speedups(contender, dense)))
                .collect(),
            macs,
            attention: self.pair.attention / macs,
            kept: self.kept.clone(),
            deviations: self.deviations.clone(),
            peaks: [peak(&self.pair.dense)?, peak(&self.pair.perforated)?],
        })
    }
}

/// How far `own` is off: the mean absolute difference as a share of the mean absolute reference.
pub fn deviation(own: &ArrayD<f32>, reference: &ArrayD<f32>) -> f64 {
    let off: f64 = own.iter().zip(reference).map(|(a, b)| f64::from((a - b).abs())).sum();
    let size: f64 = reference.iter().map(|v| f64::from(v.abs())).sum();
    off / size.max(f64::MIN_POSITIVE)
}

/// Multiply-accumulates of attention over `tokens` tokens: two products for each head.
pub fn macs_of_attention(tokens: usize, heads: usize, depth: usize) -> Macs {
    Macs((2 * tokens * tokens * heads * depth) as f64)
}

/// Attention by itself over `tokens` tokens: as softmax between two products, and perforated at random.
pub fn attention(tokens: usize, heads: usize, depth: usize) -> Result<(Pair, Batch)> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let sizes = [1, heads, tokens, depth].map(Size::Fixed);
    let mut batch = Batch::new();
    for name in ["q", "k", "v"] {
        let draw = || rng.random_range(-1.0f32..=1.0);
        let values = ArrayD::from_shape_simple_fn(vec![1, heads, tokens, depth], draw);
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
        vec![perforate_onnx::int_attribute("axis", -1)],
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
        attention: macs_of_attention(tokens, heads, depth),
    };
    Ok((pair, batch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_not_charged() {
        let (pair, one) = attention(70, 2, 8).unwrap();
        let whole = Session::new(pair.dense.clone()).run(&one, &Knobs::new()).unwrap();
        let programs = pair.perforated.segments().len();
        for order in [Order::RowByRow, Order::Compacted] {
            let mut session =
                Session::new(pair.perforated.clone()).with_orders(&vec![order; programs]);
            let mut macs = |target: f32| {
                let outcome = session.run(&one, &Knobs::new().with(pair.knob, target)).unwrap();
                (outcome.trace.total().macs.0, outcome.first().unwrap())
            };
            let ((all, same), (half, _), (none, zeros)) = (macs(0.0), macs(0.5), macs(2.0));
            // Two products of 70 by 70 by 8 for each of two heads.
            assert_eq!(all, f64::from(2 * 2 * 70 * 70 * 8));
            assert!(0.3 * all < half && half < 0.7 * all, "{half} of {all}");
            assert!(none == 0.0 && zeros.iter().all(|y| *y == 0.0));
            for (a, b) in same.iter().zip(&whole.first().unwrap()) {
                assert!((a - b).abs() <= 1e-5, "{a}, {b}");
            }
        }
    }
}
