//! The inner loop in WebAssembly's relaxed SIMD: sums of four products of bytes at once.
//!
//! The instruction leaves open what it does where a byte of its second operand is above 127: it may be a number with a
//! sign, or one without; and sums of two products may be cut to sixteen bits. [`Mode::detect`] finds out what the machine
//! does, so that the sums are exact on each: activations go in as they are, or with 128 added, or in two parts.

use std::arch::wasm32::*;
use std::sync::OnceLock;

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

/// Rows with a panel of 8 columns, in groups of four inputs. The rows are written out, so that sums stay in registers.
macro_rules! kernel {
    ($name:ident, $rows:literal: $($r:literal)+) => {
        /// # Safety
        /// `x` has as many rows of `depth` bytes as the name says, `weights` `8 · depth` numbers, `sums` 8 a row; four
        /// divides `depth`; the browser knows relaxed SIMD.
        #[target_feature(enable = "relaxed-simd")]
        pub unsafe fn $name(x: &[u8], depth: usize, weights: &[i8], sums: &mut [i32]) {
            // SAFETY: every pointer stays inside the slices, by the lengths that the caller promises.
            unsafe {
                let out = sums.as_mut_ptr().cast::<v128>();
                let mut left = [$(v128_load(out.add(2 * $r))),+];
                let mut right = [$(v128_load(out.add(2 * $r + 1))),+];
                let mut x = x.as_ptr();
                let end = x.add(depth);
                let mut w = weights.as_ptr();
                while x < end {
                    let (low, high) = (v128_load(w.cast()), v128_load(w.add(16).cast()));
                    $(
                        let own = v128_load32_splat(x.add($r * depth).cast());
                        left[$r] = i32x4_relaxed_dot_i8x16_i7x16_add(low, own, left[$r]);
                        right[$r] = i32x4_relaxed_dot_i8x16_i7x16_add(high, own, right[$r]);
                    )+
                    x = x.add(4);
                    w = w.add(32);
                }
                $(
                    v128_store(out.add(2 * $r), left[$r]);
                    v128_store(out.add(2 * $r + 1), right[$r]);
                )+
            }
        }
    };
}

kernel!(one, 1: 0);
kernel!(two, 2: 0 1);
kernel!(six, 6: 0 1 2 3 4 5);

/// Adds to `sums`, `[rows, 8]`, the products of all rows of bytes with one panel.
///
/// # Safety
/// As for the kernels.
pub unsafe fn rows(x: &[u8], depth: usize, weights: &[i8], sums: &mut [i32]) {
    for (x, sums) in x.chunks(6 * depth).zip(sums.chunks_mut(6 * 8)) {
        // SAFETY: as the caller promises; the rows of the chunk are there.
        unsafe {
            if x.len() == 6 * depth {
                six(x, depth, weights, sums);
                continue;
            }
            for (x, sums) in x.chunks(2 * depth).zip(sums.chunks_mut(2 * 8)) {
                match x.len() / depth {
                    2 => two(x, depth, weights, sums),
                    _ => one(x, depth, weights, sums),
                }
            }
        }
    }
}

/// Whole numbers nearest to `row / scale`, halves to even, as bytes with `offset` added.
pub fn quantise(row: &[f32], scale: f32, offset: u8, q: &mut [u8]) {
    let (divisor, added) = (f32x4_splat(scale), u8x16_splat(offset));
    let (whole, rest) = (row.chunks_exact(4), row.len() % 4);
    for (four, q) in whole.zip(q.chunks_exact_mut(4)) {
        // SAFETY: four numbers of each.
        unsafe {
            let shares = f32x4_div(v128_load(four.as_ptr().cast()), divisor);
            let near = i32x4_trunc_sat_f32x4(f32x4_nearest(shares));
            let narrow = i16x8_narrow_i32x4(near, near);
            let bytes = i8x16_add(i8x16_narrow_i16x8(narrow, narrow), added);
            v128_store32_lane::<0>(bytes, q.as_mut_ptr().cast());
        }
    }
    for ix in row.len() - rest..row.len() {
        q[ix] = (crate::integer::numbers::round(row[ix] / scale) as i8 as u8).wrapping_add(offset);
    }
}
