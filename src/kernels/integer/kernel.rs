//! The inner loops: sums of products of whole numbers, for each machine. The `unsafe` of this folder stands here.
//!
//! Every kernel computes the same integers. [`multiply`] checks the lengths that the kernels rely on, once a panel; inside,
//! pointers run over exactly these. A kernel is only called where [`Isa::detect`] found its instructions, or where the
//! target has them by definition.

mod activations;
mod blocks;
mod isa;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod loops;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
mod relaxed;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use activations::Activations;
pub use blocks::Blocks;
pub use isa::Isa;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub use loops::{scale, unpack};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::{scale, unpack};

use activations::Values;

/// Rows that a kernel takes at once.
const ROWS: usize = 4;
#[cfg(target_arch = "x86_64")]
const MANY_ROWS: usize = 8;

/// Adds to `sums`, `[rows, panel]`, the products of all rows with one panel of weights.
///
/// # Panics
/// If a length does not fit: the kernels rely on them.
pub fn multiply(isa: Isa, x: &Activations, rows: usize, weights: &[i8], sums: &mut [i32]) {
    let (depth, panel) = (x.depth, isa.panel());
    assert!(depth.is_multiple_of(isa.group()), "whole groups");
    assert_eq!((weights.len(), sums.len()), (depth * panel, rows * panel), "a panel, and its sums");
    match (isa, &x.values) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512Vnni, Values::Shifted(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            let blocks = values.chunks(MANY_ROWS * depth.max(1));
            for (x, sums) in blocks.zip(sums.chunks_mut(MANY_ROWS * panel)) {
                // SAFETY: lengths as above; the instructions were detected.
                unsafe {
                    match x.len() / depth {
                        8 => x86::vnni::<8>(x, depth, weights, sums),
                        7 => x86::vnni::<7>(x, depth, weights, sums),
                        6 => x86::vnni::<6>(x, depth, weights, sums),
                        5 => x86::vnni::<5>(x, depth, weights, sums),
                        4 => x86::vnni::<4>(x, depth, weights, sums),
                        3 => x86::vnni::<3>(x, depth, weights, sums),
                        2 => x86::vnni::<2>(x, depth, weights, sums),
                        _ => x86::vnni::<1>(x, depth, weights, sums),
                    }
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Values::Wide(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            let blocks = values.chunks(ROWS * depth.max(1));
            for (x, sums) in blocks.zip(sums.chunks_mut(ROWS * panel)) {
                // SAFETY: lengths as above; the instructions were detected.
                unsafe {
                    match x.len() / depth {
                        4 => x86::avx2::<4>(x, depth, weights, sums),
                        3 => x86::avx2::<3>(x, depth, weights, sums),
                        2 => x86::avx2::<2>(x, depth, weights, sums),
                        _ => x86::avx2::<1>(x, depth, weights, sums),
                    }
                }
            }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        (Isa::Simd128, Values::Wide(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            let whole = rows - rows % ROWS;
            let (x, x_rest) = values.split_at(whole * depth);
            let (sums, sums_rest) = sums.split_at_mut(whole * panel);
            let blocks = x.chunks_exact(ROWS * depth.max(1));
            for (x, sums) in blocks.zip(sums.chunks_exact_mut(ROWS * panel)) {
                // SAFETY: lengths as above; the target has the instructions.
                unsafe { wasm::four(x, depth, weights, sums) }
            }
            let each = x_rest.chunks_exact(depth.max(1)).zip(sums_rest.chunks_exact_mut(panel));
            for (x, sums) in each {
                // SAFETY: as above.
                unsafe { wasm::one(x, depth, weights, sums) }
            }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
        (Isa::Relaxed(mode), Values::Bytes { values, below, .. }) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            // SAFETY: lengths as above; the module was built for browsers that have the instructions.
            unsafe {
                if mode == relaxed::Mode::Split {
                    assert_eq!(below.len(), values.len(), "rows of activations below zero");
                    relaxed::rows(below, depth.max(1), weights, sums);
                    sums.iter_mut().for_each(|sum| *sum = -*sum);
                }
                relaxed::rows(values, depth.max(1), weights, sums);
            }
        }
        (_, Values::Wide(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            for (x, sums) in values.chunks_exact(depth.max(1)).zip(sums.chunks_exact_mut(panel)) {
                portable(x, weights, sums);
            }
        }
        #[cfg(any(
            target_arch = "x86_64",
            all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed")
        ))]
        _ => unreachable!("activations are made for their kernel"),
    }
}

/// Sets `y`, `[rows, panel]`, to the products of all rows with one panel: whole numbers are summed within a block, the
/// blocks' sums times their scales in f32, block after block.
///
/// # Panics
/// If a length does not fit: the kernels rely on them.
pub fn multiply_blocks(isa: Isa, x: &Activations, rows: usize, panel: &Blocks, y: &mut [f32]) {
    let (depth, width) = (x.depth, isa.panel());
    let blocks = depth / panel.size;
    assert!(panel.size.is_multiple_of(isa.group()) && depth == blocks * panel.size, "whole blocks");
    assert_eq!((panel.weights.len(), y.len()), (depth * width, rows * width), "a panel, its sums");
    assert_eq!((panel.scales.len(), panel.shift.len()), (blocks * width, blocks * width), "scales");
    match (isa, &x.values) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512Vnni, Values::Shifted(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            for (x, y) in values.chunks(ROWS * depth).zip(y.chunks_mut(ROWS * width)) {
                // SAFETY: lengths as above; the instructions were detected.
                unsafe {
                    match x.len() / depth {
                        4 => x86::vnni_blocks::<4>(x, depth, panel, y),
                        3 => x86::vnni_blocks::<3>(x, depth, panel, y),
                        2 => x86::vnni_blocks::<2>(x, depth, panel, y),
                        _ => x86::vnni_blocks::<1>(x, depth, panel, y),
                    }
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Values::Wide(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            for (x, y) in values.chunks(2 * depth).zip(y.chunks_mut(2 * width)) {
                // SAFETY: lengths as above; the instructions were detected.
                unsafe {
                    match x.len() / depth {
                        2 => x86::avx2_blocks::<2>(x, depth, panel, y),
                        _ => x86::avx2_blocks::<1>(x, depth, panel, y),
                    }
                }
            }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        (Isa::Simd128, Values::Wide(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            let whole = rows - rows % 2;
            let (x, x_rest) = values.split_at(whole * depth);
            let (y, y_rest) = y.split_at_mut(whole * width);
            for (x, y) in x.chunks_exact(2 * depth).zip(y.chunks_exact_mut(2 * width)) {
                // SAFETY: lengths as above; the target has the instructions.
                unsafe { wasm::two_blocks(x, depth, panel, y) }
            }
            if !y_rest.is_empty() {
                // SAFETY: as above.
                unsafe { wasm::one_blocks(x_rest, depth, panel, y_rest) }
            }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
        (Isa::Relaxed(_), Values::Bytes { values, below, .. }) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            assert!(below.is_empty() || below.len() == values.len(), "rows below zero");
            // SAFETY: lengths as above; the module was built for browsers that have the instructions.
            unsafe { relaxed::rows_in_blocks(values, below, depth, panel, y) }
        }
        (_, Values::Wide(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            portable_blocks(values, depth, panel, y);
        }
        #[cfg(any(
            target_arch = "x86_64",
            all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed")
        ))]
        _ => unreachable!("activations are made for their kernel"),
    }
}

/// One row with a panel of pairs.
fn portable(x: &[i16], weights: &[i8], sums: &mut [i32]) {
    let panel = sums.len();
    for (pair, columns) in x.chunks_exact(2).zip(weights.chunks_exact(2 * panel)) {
        let (a, b) = (i32::from(pair[0]), i32::from(pair[1]));
        for (sum, w) in sums.iter_mut().zip(columns.chunks_exact(2)) {
            *sum += a * i32::from(w[0]) + b * i32::from(w[1]);
        }
    }
}

/// All rows with a panel whose blocks have scales of their own.
fn portable_blocks(values: &[i16], depth: usize, panel: &Blocks, y: &mut [f32]) {
    let width = panel.weights.len() / depth;
    let mut sums = vec![0i32; width];
    for (x, y) in values.chunks_exact(depth).zip(y.chunks_exact_mut(width)) {
        y.fill(0.0);
        let weights = panel.weights.chunks_exact(panel.size * width);
        let each = panel.scales.chunks_exact(width).zip(panel.shift.chunks_exact(width));
        for ((x, weights), (scales, shift)) in x.chunks_exact(panel.size).zip(weights).zip(each) {
            sums.copy_from_slice(shift);
            portable(x, weights, &mut sums);
            for ((y, &sum), scale) in y.iter_mut().zip(&sums).zip(scales) {
                *y += sum as f32 * scale;
            }
        }
    }
}
