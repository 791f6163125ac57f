//! The inner loops on x86-64: AVX2, and AVX-512 with VNNI.

use std::arch::x86_64::*;

use super::blocks::Blocks;

/// `R` rows with a panel of 16 columns, in pairs.
///
/// # Safety
/// `x` has `R · depth` numbers, `weights` `16 · depth`, `sums` `16 · R`; `depth` is even; the machine has AVX2.
#[target_feature(enable = "avx2")]
pub unsafe fn avx2<const R: usize>(x: &[i16], depth: usize, weights: &[i8], sums: &mut [i32]) {
    // SAFETY: every pointer stays inside the slices, by the lengths that the caller promises.
    unsafe {
        let out = sums.as_mut_ptr().cast::<__m256i>();
        let mut acc = [[_mm256_setzero_si256(); 2]; R];
        for (r, acc) in acc.iter_mut().enumerate() {
            *acc = [_mm256_loadu_si256(out.add(2 * r)), _mm256_loadu_si256(out.add(2 * r + 1))];
        }
        let (x, mut w) = (x.as_ptr(), weights.as_ptr());
        for pair in 0..depth / 2 {
            let low = _mm256_cvtepi8_epi16(_mm_loadu_si128(w.cast()));
            let high = _mm256_cvtepi8_epi16(_mm_loadu_si128(w.add(16).cast()));
            w = w.add(32);
            for (r, acc) in acc.iter_mut().enumerate() {
                let own = x.add(r * depth + 2 * pair).cast::<i32>().read_unaligned();
                let own = _mm256_set1_epi32(own);
                acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(own, low));
                acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(own, high));
            }
        }
        for (r, acc) in acc.iter().enumerate() {
            _mm256_storeu_si256(out.add(2 * r), acc[0]);
            _mm256_storeu_si256(out.add(2 * r + 1), acc[1]);
        }
    }
}

/// Sets `q` to the whole numbers nearest to `row / scale`, halves to even, 128 added.
///
/// The quotient equals that of a division: `1 / scale` is correctly rounded, and the remainder that corrects the product is
/// exact (Markstein, "Computation of elementary functions on the IBM RISC System/6000 processor", 1990).
///
/// # Safety
/// `q` is as long as `row`; the machine has AVX-512.
#[target_feature(enable = "avx512f")]
pub unsafe fn quantise(row: &[f32], scale: f32, q: &mut [u8]) {
    let (divisor, inverse) = (_mm512_set1_ps(scale), _mm512_set1_ps(1.0 / scale));
    let shift = _mm512_set1_epi32(128);
    for (row, q) in row.chunks(16).zip(q.chunks_mut(16)) {
        let mask = u16::MAX >> (16 - row.len());
        // SAFETY: the mask leaves what is not in the slices alone.
        unsafe {
            let row = _mm512_maskz_loadu_ps(mask, row.as_ptr());
            let near = _mm512_mul_ps(row, inverse);
            let left = _mm512_fnmadd_ps(near, divisor, row);
            let quotient = _mm512_fmadd_ps(left, inverse, near);
            let whole = _mm512_add_epi32(_mm512_cvtps_epi32(quotient), shift);
            _mm512_mask_cvtepi32_storeu_epi8(q.as_mut_ptr().cast(), mask, whole);
        }
    }
}

/// `R` rows with a panel of 32 columns, in fours.
///
/// # Safety
/// `x` has `R · depth` numbers, `weights` `32 · depth`, `sums` `32 · R`; four divides `depth`; the machine has AVX-512
/// with VNNI.
#[target_feature(enable = "avx512f,avx512vnni")]
pub unsafe fn vnni<const R: usize>(x: &[u8], depth: usize, weights: &[i8], sums: &mut [i32]) {
    // SAFETY: every pointer stays inside the slices, by the lengths that the caller promises.
    unsafe {
        let out = sums.as_mut_ptr();
        let mut acc = [[_mm512_setzero_si512(); 2]; R];
        for (r, acc) in acc.iter_mut().enumerate() {
            let out = out.add(32 * r);
            *acc = [_mm512_loadu_si512(out.cast()), _mm512_loadu_si512(out.add(16).cast())];
        }
        let (x, mut w) = (x.as_ptr(), weights.as_ptr());
        for four in 0..depth / 4 {
            let low = _mm512_loadu_si512(w.cast());
            let high = _mm512_loadu_si512(w.add(64).cast());
            w = w.add(128);
            for (r, acc) in acc.iter_mut().enumerate() {
                let own = x.add(r * depth + 4 * four).cast::<i32>().read_unaligned();
                let own = _mm512_set1_epi32(own);
                acc[0] = _mm512_dpbusd_epi32(acc[0], own, low);
                acc[1] = _mm512_dpbusd_epi32(acc[1], own, high);
            }
        }
        for (r, acc) in acc.iter().enumerate() {
            let out = out.add(32 * r);
            _mm512_storeu_si512(out.cast(), acc[0]);
            _mm512_storeu_si512(out.add(16).cast(), acc[1]);
        }
    }
}

/// `R` rows with a panel of 16 columns, in pairs, block by block.
///
/// # Safety
/// `x` has `R · depth` numbers, `y` `16 · R`, the panel `16 · depth` weights and 16 scales and shifts a block; the size
/// of a block is even and divides `depth`; the machine has AVX2.
#[target_feature(enable = "avx2")]
pub unsafe fn avx2_blocks<const R: usize>(x: &[i16], depth: usize, panel: &Blocks, y: &mut [f32]) {
    // SAFETY: every pointer stays inside the slices, by the lengths that the caller promises.
    unsafe {
        let (x, mut w) = (x.as_ptr(), panel.weights.as_ptr());
        let (mut scales, mut shift) = (panel.scales.as_ptr(), panel.shift.as_ptr());
        let mut total = [[_mm256_setzero_ps(); 2]; R];
        for block in 0..depth / panel.size {
            let first = [_mm256_loadu_si256(shift.cast()), _mm256_loadu_si256(shift.add(8).cast())];
            let mut acc = [first; R];
            let from = block * panel.size;
            for pair in 0..panel.size / 2 {
                let low = _mm256_cvtepi8_epi16(_mm_loadu_si128(w.cast()));
                let high = _mm256_cvtepi8_epi16(_mm_loadu_si128(w.add(16).cast()));
                w = w.add(32);
                for (r, acc) in acc.iter_mut().enumerate() {
                    let own = x.add(r * depth + from + 2 * pair).cast::<i32>().read_unaligned();
                    let own = _mm256_set1_epi32(own);
                    acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(own, low));
                    acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(own, high));
                }
            }
            let columns = [_mm256_loadu_ps(scales), _mm256_loadu_ps(scales.add(8))];
            for (total, acc) in total.iter_mut().zip(&acc) {
                for ((total, acc), scale) in total.iter_mut().zip(acc).zip(columns) {
                    *total = _mm256_add_ps(*total, _mm256_mul_ps(_mm256_cvtepi32_ps(*acc), scale));
                }
            }
            (scales, shift) = (scales.add(16), shift.add(16));
        }
        let y = y.as_mut_ptr();
        for (r, total) in total.iter().enumerate() {
            _mm256_storeu_ps(y.add(16 * r), total[0]);
            _mm256_storeu_ps(y.add(16 * r + 8), total[1]);
        }
    }
}

/// `R` rows with a panel of 32 columns, in fours, block by block.
///
/// # Safety
/// `x` has `R · depth` numbers, `y` `32 · R`, the panel `32 · depth` weights and 32 scales and shifts a block; four
/// divides the size of a block, and that `depth`; the machine has AVX-512 with VNNI.
#[target_feature(enable = "avx512f,avx512vnni")]
pub unsafe fn vnni_blocks<const R: usize>(x: &[u8], depth: usize, panel: &Blocks, y: &mut [f32]) {
    // SAFETY: every pointer stays inside the slices, by the lengths that the caller promises.
    unsafe {
        let (x, mut w) = (x.as_ptr(), panel.weights.as_ptr());
        let (mut scales, mut shift) = (panel.scales.as_ptr(), panel.shift.as_ptr());
        let mut total = [[_mm512_setzero_ps(); 2]; R];
        for block in 0..depth / panel.size {
            let first =
                [_mm512_loadu_si512(shift.cast()), _mm512_loadu_si512(shift.add(16).cast())];
            let mut acc = [first; R];
            let from = block * panel.size;
            for four in 0..panel.size / 4 {
                let low = _mm512_loadu_si512(w.cast());
                let high = _mm512_loadu_si512(w.add(64).cast());
                w = w.add(128);
                for (r, acc) in acc.iter_mut().enumerate() {
                    let own = x.add(r * depth + from + 4 * four).cast::<i32>().read_unaligned();
                    let own = _mm512_set1_epi32(own);
                    acc[0] = _mm512_dpbusd_epi32(acc[0], own, low);
                    acc[1] = _mm512_dpbusd_epi32(acc[1], own, high);
                }
            }
            let columns = [_mm512_loadu_ps(scales), _mm512_loadu_ps(scales.add(16))];
            for (total, acc) in total.iter_mut().zip(&acc) {
                for ((total, acc), scale) in total.iter_mut().zip(acc).zip(columns) {
                    *total = _mm512_add_ps(*total, _mm512_mul_ps(_mm512_cvtepi32_ps(*acc), scale));
                }
            }
            (scales, shift) = (scales.add(32), shift.add(32));
        }
        let y = y.as_mut_ptr();
        for (r, total) in total.iter().enumerate() {
            _mm512_storeu_ps(y.add(32 * r), total[0]);
            _mm512_storeu_ps(y.add(32 * r + 16), total[1]);
        }
    }
}
