//! Our own kernels: in f32 against what the core can do, in whole numbers against those in f32; at the shapes that models have,
//! interleaved, in one process.

use std::sync::Arc;

use ndarray::{ArrayD, IxDyn};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

use crate::clock::Clock;
use perforate_base::Result;
use perforate_base::units::Seconds;
use perforate_engine::{Batch, Knobs, Order, Program, Session};
use perforate_kernels::isa::Isa;
use perforate_kernels::peak;
use perforate_kernels::product::{Finish, Packed, dense};
use perforate_onnx::{Component, GraphBuilder, Metadata, OPSET, Size, encode};
use perforate_routing::fit::quantise::{Bits, quantise};

use super::contenders::Contenders;
use super::stats::{Interval, interval};
use super::timing::{Interleaved, measure_tick};

/// A cube, and shapes of MiniLM: tokens, inputs, outputs.
pub const SHAPES: [[usize; 3]; 10] = [
    [256, 256, 256],
    [16, 384, 384],
    [16, 384, 1536],
    [16, 1536, 384],
    [32, 384, 384],
    [32, 384, 1536],
    [32, 1536, 384],
    [128, 384, 384],
    [128, 384, 1536],
    [128, 1536, 384],
];
const SEED: u64 = 11;

/// What one shape gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KernelTiming {
    /// Rows, inputs, outputs.
    pub shape: [usize; 3],
    /// Seconds of the product in f32.
    pub f32_s: Interval,
    /// Multiplications and additions of its kernel alone, in 10⁹ a second.
    pub gflops: f64,
    /// How much faster those with weights in eight and in four bits are, quantising the activations included.
    pub speedups: [Interval; 2],
    /// Their largest difference from the one in f32, as a share of its largest output.
    pub deviations: [f64; 2],
}

/// What the core multiplies and adds in registers alone, in 10⁹ a second: the best of several tries, since whatever disturbs
/// makes it less.
pub fn peak(clock: &impl Clock) -> f64 {
    const TRIES: usize = 9;
    let tries = (0..TRIES).map(|_| {
        let began = clock.now();
        let (operations, number) = peak::multiply_and_add(Isa::detect(), PEAK_STEPS);
        std::hint::black_box(number);
        operations / (clock.now() - began).0 / 1e9
    });
    tries.fold(0.0, f64::max)
}

/// Multiplications and additions of a product's kernel, in 10⁹ a second: the median of several tries, each long enough.
fn alone(clock: &impl Clock, [rows, k, n]: [usize; 3], weights: &[f32]) -> f64 {
    const TRIES: usize = 9;
    let packed = Packed::new(Isa::detect(), k, n, |row, column| weights[row * n + column]);
    let x: Vec<f32> = weights.iter().cycle().take(rows * k).copied().collect();
    let mut y = vec![0f32; rows * n];
    let operations = 2.0 * (rows * k * n) as f64;
    let times = (ALONE / operations).ceil().max(1.0) as usize;
    let mut tries: Vec<f64> = (0..TRIES)
        .map(|_| {
            let began = clock.now();
            for _ in 0..times {
                dense(&x, &packed, Finish::default(), &mut y);
                std::hint::black_box(&y);
            }
            times as f64 * operations / (clock.now() - began).0 / 1e9
        })
        .collect();
    tries.sort_by(f64::total_cmp);
    tries[TRIES / 2]
}

/// Operations of a try: some milliseconds of them.
const ALONE: f64 = 1e9;

/// The instructions that our kernels use here.
pub fn instructions() -> &'static str {
    Isa::detect().name()
}

/// Some milliseconds of them.
const PEAK_STEPS: usize = 4_000_000;

/// Times the products of one shape in eight and in four bits against the one in f32.
pub fn integers(
    clock: &impl Clock,
    [rows, k, n]: [usize; 3],
    rounds: usize,
) -> Result<KernelTiming> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut draw = |count: usize| -> Vec<f32> {
        (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
    };
    let mut graph = GraphBuilder::new("product", OPSET);
    let sizes = |width| [Size::Fixed(1), Size::Fixed(rows), Size::Fixed(width)];
    graph.input("x", &sizes(k))?;
    let weights = draw(k * n);
    graph.constant("w", &[k, n], &weights)?;
    graph.node("MatMul", "y", &["x", "w"])?;
    graph.output("y", &sizes(n))?;
    let full = Component::new("product", graph.into_model(&Metadata::default())?)?;
    let fewer = [quantise(&full, Bits::Eight)?.model, quantise(&full, Bits::Four)?.model];
    let x = ArrayD::from_shape_fn(IxDyn(&[1, rows, k]), {
        let values = draw(rows * k);
        move |at| values[at[1] * k + at[2]]
    });
    let batch = Batch::new().with("x", x);
    let mut entrants = Contenders::new(vec![batch.clone()]);
    let mut outputs = vec![];
    let mut contenders = vec![];
    for model in [full.model(), &fewer[0], &fewer[1]] {
        let program = Arc::new(Program::load("product", &encode(model))?);
        outputs.push(Session::new(program.clone()).run(&batch, &Knobs::new())?.first()?);
        let orders = vec![Order::Compacted; program.segments().len()];
        let model = entrants.model(&program, &orders);
        contenders.push(entrants.contender(model, Knobs::new()));
    }
    let mut timing = Interleaved::new(3, rounds, measure_tick(clock), Seconds(1.0));
    while !timing.is_done() {
        timing.step(clock, &mut entrants)?;
    }
    let samples = timing.samples();
    let over = |values: &[f64]| interval(values, &samples.launches(), SEED);
    let largest = outputs[0].iter().fold(0f32, |m, v| m.max(v.abs()));
    let apart = |other: usize| {
        let pairs = outputs[0].iter().zip(&outputs[other]);
        f64::from(pairs.map(|(a, b)| (a - b).abs()).fold(0f32, f32::max) / largest)
    };
    let f32_s = over(&samples.of(contenders[0]));
    Ok(KernelTiming {
        shape: [rows, k, n],
        gflops: alone(clock, [rows, k, n], &weights),
        f32_s,
        speedups: [1, 2]
            .map(|contender| over(&samples.speedups(contenders[contender], contenders[0]))),
        deviations: [1, 2].map(apart),
    })
}
