//! The inner loop in WebAssembly's relaxed SIMD: sums of four products of bytes at once.
//!
//! The instruction leaves open what it does where a byte of its second operand is above 127: it may be a number with a
//! sign, or one without; and sums of two products may be cut to sixteen bits. [`Mode::detect`] finds out what the machine
//! does, so that the sums are exact on each: activations go in as they are, or with 128 added, or in two parts.

use std::arch::wasm32::*;
use std::ops::Range;
use std::sync::OnceLock;

use super::blocks::Blocks;
use crate::integer::numbers::round;

/// How activations go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As they are.
    Signed,
    /// With 128 added.
    Shifted,
    /// What is above zero, then what is below: neither reaches 128.
    Split,
}

impl Mode {
    /// What the machine's instruction allows.
    pub fn detect() -> Mode {
        static FOUND: OnceLock<Mode> = OnceLock::new();
        // SAFETY: whoever calls this was built for browsers with relaxed SIMD.
        *FOUND.get_or_init(|| unsafe { found() })
    }
}

/// # Safety
/// The browser knows relaxed SIMD.
#[target_feature(enable = "relaxed-simd")]
unsafe fn found() -> Mode {
    // Kept from the compiler, which has an opinion of its own of what the instruction does.
    let ask = |weight: i8, activation: u8| {
        let weights = i8x16_splat(std::hint::black_box(weight));
        let activations = u8x16_splat(std::hint::black_box(activation));
        i32x4_extract_lane::<0>(i32x4_relaxed_dot_i8x16_i7x16_add(
            weights,
            activations,
            i32x4_splat(0),
        ))
    };
    let holds = |sign: fn(u8) -> i32| {
        let weights = [-127i8, -1, 1, 127];
        let activations = [0u8, 1, 127, 128, 129, 255];
        weights
            .iter()
            .all(|&w| activations.iter().all(|&a| ask(w, a) == 4 * i32::from(w) * sign(a)))
    };
    if holds(|a| i32::from(a as i8)) {
        Mode::Signed
    } else if holds(i32::from) {
        Mode::Shifted
    } else {
        Mode::Split
    }
}

/// Rows that a kernel takes at once: with more, V8 no longer keeps all sums in registers, and it takes twice as long.
const ROWS: usize = 4;

/// Where the numbers of a row lie. Blocks of four rows, or of the remainder, are interleaved in groups of four numbers, so
/// that a kernel reads all rows through one pointer.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    first: usize,
    stride: usize,
}

impl Line {
    /// The line of a row, of rows of `depth` bytes.
    pub fn of(rows: usize, depth: usize, row: usize) -> Line {
        let block = row / ROWS * ROWS;
        let height = ROWS.min(rows - block);
        Line { first: block * depth + 4 * (row - block), stride: 4 * height }
    }

    /// Where one of its numbers stands.
    pub fn place(self, ix: usize) -> usize {
        self.first + ix / 4 * self.stride + ix % 4
    }

    /// Where its groups of four stand.
    pub fn groups(self, depth: usize) -> impl Iterator<Item = Range<usize>> {
        (0..depth).step_by(4).map(move |ix| self.place(ix)..self.place(ix) + 4)
    }
}

/// Adds to `left` and `right`, four columns each of every row, the products of bytes with weights. The rows are written out,
/// so that sums stay in registers.
macro_rules! add_products {
    ($x:expr, $weights:expr, $left:ident, $right:ident, $rows:literal: $($r:literal)+) => {
        let end = $x.as_ptr().add($x.len());
        let (mut x, mut w) = ($x.as_ptr(), $weights.as_ptr());
        while x < end {
            let (low, high) = (v128_load(w.cast()), v128_load(w.add(16).cast()));
            $(
                let own = v128_load32_splat(x.add(4 * $r).cast());
                $left[$r] = i32x4_relaxed_dot_i8x16_i7x16_add(low, own, $left[$r]);
                $right[$r] = i32x4_relaxed_dot_i8x16_i7x16_add(high, own, $right[$r]);
            )+
            x = x.add(4 * $rows);
            w = w.add(32);
        }
    };
}

/// The kernels of a number of rows, with a panel of 8 columns, in groups of four inputs.
macro_rules! kernels {
    ($name:ident, $in_blocks:ident, $rows:literal: $($r:literal)+) => {
        /// # Safety
        /// `x` has as many rows of bytes as the name says, in turns of four, `weights` 8 numbers for each byte of a row, `sums`
        /// 8 a row; the browser knows relaxed SIMD.
        #[target_feature(enable = "relaxed-simd")]
        unsafe fn $name(x: &[u8], weights: &[i8], sums: &mut [i32]) {
            // SAFETY: every pointer stays inside the slices, by the lengths that the caller promises.
            unsafe {
                let out = sums.as_mut_ptr().cast::<v128>();
                let mut left = [$(v128_load(out.add(2 * $r))),+];
                let mut right = [$(v128_load(out.add(2 * $r + 1))),+];
                add_products!(x, weights, left, right, $rows: $($r)+);
                $(
                    v128_store(out.add(2 * $r), left[$r]);
                    v128_store(out.add(2 * $r + 1), right[$r]);
                )+
            }
        }

        /// # Safety
        /// As for the other, with `y` for `sums`, a panel in blocks for the weights, and `below` as long as `x`, or empty.
        #[target_feature(enable = "relaxed-simd")]
        unsafe fn $in_blocks(x: &[u8], below: &[u8], panel: &Blocks, y: &mut [f32]) {
            let bytes = $rows * panel.size;
            let weights = panel.weights.chunks_exact(8 * panel.size);
            // SAFETY: as above.
            unsafe {
                let y = y.as_mut_ptr().cast::<v128>();
                let (mut scales, mut shift) = (panel.scales.as_ptr(), panel.shift.as_ptr());
                for (ix, weights) in weights.enumerate() {
                    let x = &x[ix * bytes..(ix + 1) * bytes];
                    let first = [v128_load(shift.cast()), v128_load(shift.add(4).cast())];
                    let (mut left, mut right) = ([first[0]; $rows], [first[1]; $rows]);
                    if !below.is_empty() {
                        add_products!(below[ix * bytes..(ix + 1) * bytes], weights, left, right, $rows: $($r)+);
                        $((left[$r], right[$r]) = (i32x4_neg(left[$r]), i32x4_neg(right[$r]));)+
                    }
                    add_products!(x, weights, left, right, $rows: $($r)+);
                    let columns = [v128_load(scales.cast()), v128_load(scales.add(4).cast())];
                    $(
                        for (sums, at) in [(left[$r], 0), (right[$r], 1)] {
                            let y = y.add(2 * $r + at);
                            let scaled = f32x4_mul(f32x4_convert_i32x4(sums), columns[at]);
                            v128_store(y, f32x4_add(v128_load(y), scaled));
                        }
                    )+
                    (scales, shift) = (scales.add(8), shift.add(8));
                }
            }
        }
    };
}

kernels!(one, one_in_blocks, 1: 0);
kernels!(two, two_in_blocks, 2: 0 1);
kernels!(three, three_in_blocks, 3: 0 1 2);
kernels!(four, four_in_blocks, 4: 0 1 2 3);

/// Adds to `sums`, `[rows, 8]`, the products of all rows of bytes with one panel.
///
/// # Safety
/// As for the kernels.
pub unsafe fn rows(x: &[u8], depth: usize, weights: &[i8], sums: &mut [i32]) {
    for (x, sums) in x.chunks(ROWS * depth).zip(sums.chunks_mut(ROWS * 8)) {
        // SAFETY: as the caller promises; the rows of the chunk are there.
        unsafe {
            match sums.len() / 8 {
                4 => four(x, weights, sums),
                3 => three(x, weights, sums),
                2 => two(x, weights, sums),
                _ => one(x, weights, sums),
            }
        }
    }
}

/// Sets `y`, `[rows, 8]`, to the products of all rows with one panel whose blocks of inputs have scales of their own; where
/// activations go in in two parts, `below` are the sizes of those below zero.
///
/// # Safety
/// As for the kernels; four divides the size of a block.
pub unsafe fn rows_in_blocks(x: &[u8], below: &[u8], depth: usize, panel: &Blocks, y: &mut [f32]) {
    y.fill(0.0);
    let mut below = below.chunks(ROWS * depth);
    for (x, y) in x.chunks(ROWS * depth).zip(y.chunks_mut(ROWS * 8)) {
        let below = below.next().unwrap_or_default();
        // SAFETY: as the caller promises; the rows of the chunk are there.
        unsafe {
            match y.len() / 8 {
                4 => four_in_blocks(x, below, panel, y),
                3 => three_in_blocks(x, below, panel, y),
                2 => two_in_blocks(x, below, panel, y),
                _ => one_in_blocks(x, below, panel, y),
            }
        }
    }
}

/// Sets the line of `q` to the whole numbers nearest to `row / scale`, halves to even, as bytes with `offset` added.
pub fn quantise(row: &[f32], scale: f32, offset: u8, q: &mut [u8], line: Line) {
    let (divisor, added) = (f32x4_splat(scale), u8x16_splat(offset));
    let (whole, rest) = (row.chunks_exact(4), row.len() % 4);
    for (four, own) in whole.zip(line.groups(row.len())) {
        // SAFETY: four numbers of each.
        unsafe {
            let shares = f32x4_div(v128_load(four.as_ptr().cast()), divisor);
            let near = i32x4_trunc_sat_f32x4(f32x4_nearest(shares));
            let narrow = i16x8_narrow_i32x4(near, near);
            let bytes = i8x16_add(i8x16_narrow_i16x8(narrow, narrow), added);
            v128_store32_lane::<0>(bytes, q[own].as_mut_ptr().cast());
        }
    }
    for ix in row.len() - rest..row.len() {
        q[line.place(ix)] = (round(row[ix] / scale) as u8).wrapping_add(offset);
    }
}
