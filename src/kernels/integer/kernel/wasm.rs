//! The inner loops in WebAssembly's 128-bit SIMD.

use std::arch::wasm32::*;

use super::blocks::Blocks;
use super::isa::Isa;
use crate::integer::numbers::round;

/// Rows with a panel of 8 columns, in pairs. The rows are written out: the page is compiled for size, which unrolls no
/// loop, and sums in memory would take as long as the products.
macro_rules! kernel {
    ($name:ident, $rows:literal: $($r:literal)+) => {
        /// # Safety
        /// `x` has as many rows of `depth` numbers as the name says, `weights` `8 · depth` numbers, `sums` 8 a row;
        /// `depth` is even.
        pub unsafe fn $name(x: &[i16], depth: usize, weights: &[i8], sums: &mut [i32]) {
            // SAFETY: every pointer stays inside the slices, by the lengths that the caller promises.
            unsafe {
                let out = sums.as_mut_ptr().cast::<v128>();
                let mut left = [$(v128_load(out.add(2 * $r))),+];
                let mut right = [$(v128_load(out.add(2 * $r + 1))),+];
                let mut x = x.as_ptr();
                let end = x.add(depth);
                let mut w = weights.as_ptr();
                while x < end {
                    let low = i16x8_load_extend_i8x8(w);
                    let high = i16x8_load_extend_i8x8(w.add(8));
                    $(
                        let own = v128_load32_splat(x.add($r * depth).cast());
                        left[$r] = i32x4_add(left[$r], i32x4_dot_i16x8(own, low));
                        right[$r] = i32x4_add(right[$r], i32x4_dot_i16x8(own, high));
                    )+
                    x = x.add(2);
                    w = w.add(16);
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
kernel!(four, 4: 0 1 2 3);

/// The same, block by block.
macro_rules! block_kernel {
    ($name:ident: $($r:literal)+) => {
        /// # Safety
        /// `x` has as many rows of `depth` numbers as the name says, `y` 8 numbers a row, the panel `8 · depth` weights
        /// and 8 scales a block; the size of a block is even and divides `depth`.
        pub unsafe fn $name(x: &[i16], depth: usize, panel: &Blocks, y: &mut [f32]) {
            // SAFETY: every pointer stays inside the slices, by the lengths that the caller promises.
            unsafe {
                let mut x = x.as_ptr();
                let end = x.add(depth);
                let mut w = panel.weights.as_ptr();
                let mut scales = panel.scales.as_ptr().cast::<v128>();
                let mut left = [$({ let _ = $r; f32x4_splat(0.0) }),+];
                let mut right = left;
                while x < end {
                    let mut low_sums = [$({ let _ = $r; i32x4_splat(0) }),+];
                    let mut high_sums = low_sums;
                    let block_end = x.add(panel.size);
                    while x < block_end {
                        let low = i16x8_load_extend_i8x8(w);
                        let high = i16x8_load_extend_i8x8(w.add(8));
                        $(
                            let own = v128_load32_splat(x.add($r * depth).cast());
                            low_sums[$r] = i32x4_add(low_sums[$r], i32x4_dot_i16x8(own, low));
                            high_sums[$r] = i32x4_add(high_sums[$r], i32x4_dot_i16x8(own, high));
                        )+
                        x = x.add(2);
                        w = w.add(16);
                    }
                    let (of_left, of_right) = (v128_load(scales), v128_load(scales.add(1)));
                    scales = scales.add(2);
                    $(
                        let more = f32x4_mul(f32x4_convert_i32x4(low_sums[$r]), of_left);
                        left[$r] = f32x4_add(left[$r], more);
                        let more = f32x4_mul(f32x4_convert_i32x4(high_sums[$r]), of_right);
                        right[$r] = f32x4_add(right[$r], more);
                    )+
                }
                let y = y.as_mut_ptr().cast::<v128>();
                $(
                    v128_store(y.add(2 * $r), left[$r]);
                    v128_store(y.add(2 * $r + 1), right[$r]);
                )+
            }
        }
    };
}

block_kernel!(one_blocks: 0);
block_kernel!(two_blocks: 0 1);

/// The largest magnitude; not finite if one of them is not.
pub fn largest(_: Isa, row: &[f32]) -> f32 {
    // With the sign cleared, bits order numbers by magnitude; infinity and NaN come last.
    let sign = i32x4_splat(i32::MAX);
    let (whole, rest) = (row.chunks_exact(4), row.len() % 4);
    let most = whole.fold(i32x4_splat(0), |most, four| {
        // SAFETY: four numbers.
        i32x4_max(most, v128_and(unsafe { v128_load(four.as_ptr().cast()) }, sign))
    });
    let most = [
        i32x4_extract_lane::<0>(most),
        i32x4_extract_lane::<1>(most),
        i32x4_extract_lane::<2>(most),
        i32x4_extract_lane::<3>(most),
    ];
    let rest = row[row.len() - rest..].iter().map(|v| v.to_bits() as i32 & i32::MAX);
    f32::from_bits(most.into_iter().chain(rest).max().unwrap_or(0) as u32)
}

/// Whole numbers nearest to `row / scale`, halves to even.
pub fn quantise(_: Isa, row: &[f32], scale: f32, q: &mut [i16]) {
    let divisor = f32x4_splat(scale);
    let (whole, rest) = (row.chunks_exact(4), row.len() % 4);
    for (four, q) in whole.zip(q.chunks_exact_mut(4)) {
        // SAFETY: four numbers of each.
        unsafe {
            let shares = f32x4_div(v128_load(four.as_ptr().cast()), divisor);
            let near = i32x4_trunc_sat_f32x4(f32x4_nearest(shares));
            let narrow = i16x8_narrow_i32x4(near, near);
            v128_store64_lane::<0>(narrow, q.as_mut_ptr().cast());
        }
    }
    for ix in row.len() - rest..row.len() {
        q[ix] = round(row[ix] / scale) as i16;
    }
}

/// `y = sums · scale of the row · columns`, row by row: rows of `y` are `stride` apart, those of `sums` a panel of 8.
pub fn scale(_: Isa, sums: &[i32], rows: &[f32], columns: &[f32], y: &mut [f32], stride: usize) {
    let lines = sums.chunks_exact(8).zip(y.chunks_mut(stride)).zip(rows);
    if let ([_, _, _, _, _, _, _, _], true) = (columns, stride >= 8) {
        // SAFETY: eight numbers of each; a line of `y` may be shorter than `stride`, but not than its columns.
        let (left, right) = unsafe {
            let columns = columns.as_ptr().cast::<v128>();
            (v128_load(columns), v128_load(columns.add(1)))
        };
        for ((sums, y), scale) in lines {
            let scale = f32x4_splat(*scale);
            let y = &mut y[..8];
            // SAFETY: eight numbers of each.
            unsafe {
                let (sums, y) = (sums.as_ptr().cast::<v128>(), y.as_mut_ptr().cast::<v128>());
                let scaled =
                    |ix: usize| f32x4_mul(f32x4_convert_i32x4(v128_load(sums.add(ix))), scale);
                v128_store(y, f32x4_mul(scaled(0), left));
                v128_store(y.add(1), f32x4_mul(scaled(1), right));
            }
        }
        return;
    }
    for ((sums, y), scale) in lines {
        for ((y, &sum), column) in y.iter_mut().zip(sums).zip(columns) {
            *y = sum as f32 * scale * column;
        }
    }
}

/// Two whole numbers from each byte, of lengths that sixteen divides.
pub fn unpack(_: Isa, bytes: &[u8], out: &mut [i8]) {
    let (low, high) = out.split_at_mut(bytes.len());
    let each = bytes.chunks_exact(16).zip(low.chunks_exact_mut(16)).zip(high.chunks_exact_mut(16));
    let (fifteen, eight) = (u8x16_splat(15), i8x16_splat(8));
    for ((bytes, low), high) in each {
        // SAFETY: sixteen numbers of each.
        unsafe {
            let bytes = v128_load(bytes.as_ptr().cast());
            v128_store(low.as_mut_ptr().cast(), i8x16_sub(v128_and(bytes, fifteen), eight));
            v128_store(high.as_mut_ptr().cast(), i8x16_sub(u8x16_shr(bytes, 4), eight));
        }
    }
}
