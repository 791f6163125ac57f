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
use perforate_engine::{Batch, Knobs, Program, Session};
use perforate_kernels::integer::{PackedInt4, PackedInt8};
use perforate_kernels::isa::Isa;
use perforate_kernels::peak;
use perforate_kernels::product::{Finish, Packed, dense};
use perforate_onnx::pb::{ModelProto, TensorProto};
use perforate_onnx::{
    Component, GraphBuilder, Metadata, OPSET, Size, encode, numbers as tensor_numbers,
};
use perforate_routing::fit::quantise::{Bits, quantise};

use super::stats::{Interval, median_interval};

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

/// Operations of a try: some milliseconds of them.
const ALONE: f64 = 1e9;

/// The instructions that our kernels use here.
pub fn instructions() -> &'static str {
    Isa::detect().name()
}

/// Some milliseconds of them.
const PEAK_STEPS: usize = 4_000_000;

/// Times the kernels of one shape in f32, in eight and in four bits, in turns, and compares the models' answers.
pub fn integers(clock: &impl Clock, shape: [usize; 3], rounds: usize) -> Result<KernelTiming> {
    let [rows, k, n] = shape;
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
    let [eight, four] = [quantise(&full, Bits::Eight)?.model, quantise(&full, Bits::Four)?.model];
    let x = draw(rows * k);
    let given = ArrayD::from_shape_fn(IxDyn(&[1, rows, k]), |at| x[at[1] * k + at[2]]);
    let batch = Batch::new().with("x", given);
    let answer = |model: &ModelProto| {
        let program = Arc::new(Program::load("product", &encode(model))?);
        Session::new(program).run(&batch, &Knobs::new())?.first()
    };
    let exact = answer(full.model())?;
    let largest = exact.iter().fold(0f32, |m, v| m.max(v.abs()));
    let apart = |model: &ModelProto| -> Result<f64> {
        let own = answer(model)?;
        let most = exact.iter().zip(&own).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        Ok(f64::from(most / largest))
    };
    let deviations = [apart(&eight)?, apart(&four)?];
    let packed = (
        Packed::new(Isa::detect(), k, n, |row, column| weights[row * n + column]),
        in_eight(&eight, k, n),
        in_four(&four, k, n),
    );
    let operations = 2.0 * (rows * k * n) as f64;
    let times = (ALONE / operations).ceil().max(1.0) as usize;
    let finish = Finish::default();
    let kernels: [Kernel<'_>; 3] =
        [&|y| dense(&x, &packed.0, finish, y), &|y| packed.1.product(&x, finish, y), &|y| {
            packed.2.product(&x, finish, y)
        }];
    let seconds = in_turns(clock, kernels, (rounds, times), &mut vec![0f32; rows * n]);
    let f32_s = median_interval(&seconds[0]);
    let faster = |own: &[f64]| {
        let ratios: Vec<f64> = seconds[0].iter().zip(own).map(|(full, own)| full / own).collect();
        median_interval(&ratios)
    };
    Ok(KernelTiming {
        shape,
        gflops: operations / f32_s.median / 1e9,
        f32_s,
        speedups: [faster(&seconds[1]), faster(&seconds[2])],
        deviations,
    })
}

/// A kernel with its inputs and weights bound; it writes its result to the slice.
type Kernel<'a> = &'a dyn Fn(&mut [f32]);

/// Seconds of each kernel in each round, which is so many runs of it; `y` is where all of them write.
fn in_turns(
    clock: &impl Clock,
    kernels: [Kernel<'_>; 3],
    (rounds, times): (usize, usize),
    y: &mut [f32],
) -> [Vec<f64>; 3] {
    let mut seconds = [vec![], vec![], vec![]];
    // The first round only warms up.
    for round in 0..=rounds {
        for (kernel, seconds) in kernels.into_iter().zip(&mut seconds) {
            let began = clock.now();
            for _ in 0..times {
                kernel(y);
                std::hint::black_box(&y);
            }
            if round > 0 {
                seconds.push((clock.now() - began).0 / times as f64);
            }
        }
    }
    seconds
}

/// The tensors of a quantised product: its weights, then their scales.
fn stored(model: &ModelProto) -> [&TensorProto; 2] {
    let mut all = model.graph.iter().flat_map(|graph| &graph.initializer);
    let mut next = || all.next().expect("weights and scales");
    [next(), next()]
}

fn in_eight(model: &ModelProto, k: usize, n: usize) -> PackedInt8 {
    let [weights, scales] = stored(model);
    let numbers: Vec<i8> = weights.raw_data.iter().map(|&byte| byte as i8).collect();
    let scales: Vec<f32> = tensor_numbers(scales).into_iter().flatten().collect();
    PackedInt8::new(k, n, &numbers, &scales)
}

fn in_four(model: &ModelProto, k: usize, n: usize) -> PackedInt4 {
    let [weights, scales] = stored(model);
    // Inputs 2i and 2i + 1 share a byte, the first in its lower half.
    let number = |at: usize| {
        let (row, column) = (at / n, at % n);
        let byte = weights.raw_data[row / 2 * n + column];
        (byte >> (4 * (row % 2)) & 15) as i8 - 8
    };
    let scales = scales.raw_data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let numbers: Vec<i8> = (0..k * n).map(number).collect();
    PackedInt4::new(k, n, &numbers, &scales.collect::<Vec<_>>())
}
