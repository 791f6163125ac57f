//! The inner loops: sums of products of whole numbers, for each machine. All `unsafe` of the engine stands here.
//!
//! Every kernel computes the same integers. [`multiply`] checks the lengths that the kernels rely on, once a panel; inside,
//! pointers run over exactly these. A kernel is only called where [`Isa::detect`] found its instructions, or where the
//! target has them by definition.

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::round;
use super::{LARGEST, SMALLEST};

/// The instructions that a kernel uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// WebAssembly's 128-bit SIMD: `i32x4.dot_i16x8_s`.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    /// `vpmaddwd`.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// `vpdpbusd` on 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Isa {
    /// The best of this machine.
    pub fn detect() -> Isa {
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return Isa::Simd128;
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        Self::all().last().copied().unwrap_or(Isa::Portable)
    }

    /// All that this machine has, the best last.
    pub fn all() -> Vec<Isa> {
        #[allow(unused_mut)] // machines with plain Rust alone add nothing
        let mut all = vec![Isa::Portable];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        all.push(Isa::Simd128);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Isa::Avx2);
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                all.push(Isa::Avx512Vnni);
            }
        }
        all
    }

    /// Inputs that one instruction multiplies and adds up for one output.
    pub fn group(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => 4,
            _ => 2,
        }
    }

    /// Outputs that a kernel computes together.
    pub fn panel(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => 32,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => 16,
            _ => 8,
        }
    }

    /// What is added to every activation, for instructions that want one of them without a sign.
    pub fn offset(self) -> i32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => 128,
            _ => 0,
        }
    }
}

/// Quantised activations, `[rows, depth]`, as a kernel reads them.
#[derive(Debug)]
pub struct Activations {
    depth: usize,
    values: Values,
}

#[derive(Debug)]
enum Values {
    /// Two bytes each.
    Wide(Vec<i16>),
    /// One byte each, 128 added.
    #[cfg(target_arch = "x86_64")]
    Shifted(Vec<u8>),
}

impl Activations {
    /// All zero.
    pub fn new(isa: Isa, rows: usize, depth: usize) -> Activations {
        let values = match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => Values::Shifted(vec![128; rows * depth]),
            _ => Values::Wide(vec![0; rows * depth]),
        };
        Activations { depth, values }
    }

    /// Sets a row to the whole numbers nearest to `values / scale`.
    pub fn quantise(&mut self, row: usize, values: &[f32], scale: f32) {
        let place = row * self.depth;
        match &mut self.values {
            Values::Wide(q) => quantise(values, scale, &mut q[place..place + values.len()]),
            #[cfg(target_arch = "x86_64")]
            Values::Shifted(q) => {
                for (q, v) in q[place..place + values.len()].iter_mut().zip(values) {
                    *q = (round(v / scale) + 128.0) as u8;
                }
            }
        }
    }

    /// Sets one, a whole number in −127…127.
    pub fn put(&mut self, row: usize, ix: usize, value: f32) {
        let place = row * self.depth + ix;
        match &mut self.values {
            Values::Wide(values) => values[place] = value as i16,
            #[cfg(target_arch = "x86_64")]
            Values::Shifted(values) => values[place] = (value + 128.0) as u8,
        }
    }
}

/// The scale of a row of activations, which makes the largest of them 127.
pub fn scale_of(row: &[f32]) -> f32 {
    // What is not finite has no nearest whole number: all outputs of its row say so.
    let finite = row.iter().all(|v| v.is_finite());
    if finite { largest(row).max(SMALLEST) / LARGEST } else { f32::NAN }
}

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
        (_, Values::Wide(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            for (x, sums) in values.chunks_exact(depth.max(1)).zip(sums.chunks_exact_mut(panel)) {
                portable(x, weights, sums);
            }
        }
        #[cfg(target_arch = "x86_64")]
        _ => unreachable!("activations are made for their kernel"),
    }
}

/// A panel of weights whose blocks of inputs have scales of their own.
#[derive(Debug)]
pub struct Blocks<'a> {
    /// Inputs in a block.
    pub size: usize,
    /// One panel, in the order of [`multiply`].
    pub weights: &'a [i8],
    /// By block, one for each column.
    pub scales: &'a [f32],
    /// By block, what each column's sum begins with.
    pub shift: &'a [i32],
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
        (_, Values::Wide(values)) => {
            assert_eq!(values.len(), rows * depth, "rows of activations");
            let mut sums = vec![0i32; width];
            for (x, y) in values.chunks_exact(depth).zip(y.chunks_exact_mut(width)) {
                y.fill(0.0);
                let weights = panel.weights.chunks_exact(panel.size * width);
                let each = panel.scales.chunks_exact(width).zip(panel.shift.chunks_exact(width));
                for ((x, weights), (scales, shift)) in
                    x.chunks_exact(panel.size).zip(weights).zip(each)
                {
                    sums.copy_from_slice(shift);
                    portable(x, weights, &mut sums);
                    for ((y, &sum), scale) in y.iter_mut().zip(&sums).zip(scales) {
                        *y += sum as f32 * scale;
                    }
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        _ => unreachable!("activations are made for their kernel"),
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use wasm::{largest, quantise};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::{scale, unpack};

/// The largest magnitude.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn largest(row: &[f32]) -> f32 {
    row.iter().fold(0f32, |most, v| most.max(v.abs()))
}

/// Whole numbers nearest to `row / scale`, halves to even.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn quantise(row: &[f32], scale: f32, q: &mut [i16]) {
    for (q, v) in q.iter_mut().zip(row) {
        *q = round(v / scale) as i16;
    }
}

/// Loops that the compiler makes into vectors by itself, once for every machine and once for wider registers.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod loops {
    use super::Isa;

    macro_rules! loops {
        ($($(#[$doc:meta])* $name:ident($($arg:ident: $kind:ty),+) $body:block)+) => {
            $(
                $(#[$doc])*
                pub fn $name(isa: Isa, $($arg: $kind),+) {
                    match isa {
                        #[cfg(target_arch = "x86_64")]
                        // SAFETY: both have AVX2, and it was detected.
                        Isa::Avx2 | Isa::Avx512Vnni => unsafe { wide::$name($($arg),+) },
                        Isa::Portable => plain::$name($($arg),+),
                    }
                }
            )+
            mod plain {
                $(#[inline(always)] pub fn $name($($arg: $kind),+) $body)+
            }
            #[cfg(target_arch = "x86_64")]
            mod wide {
                $(
                    #[target_feature(enable = "avx2")]
                    pub fn $name($($arg: $kind),+) {
                        super::plain::$name($($arg),+);
                    }
                )+
            }
        };
    }

    loops! {
        /// `y = sums · scale of the row · columns`, row by row: rows of `y` are `stride` apart, those of `sums` a panel.
        scale(sums: &[i32], rows: &[f32], columns: &[f32], y: &mut [f32], stride: usize) {
            let panel = sums.len() / rows.len().max(1);
            let lines = sums.chunks_exact(panel.max(1)).zip(y.chunks_mut(stride));
            for ((sums, y), scale) in lines.zip(rows) {
                for ((y, &sum), column) in y.iter_mut().zip(sums).zip(columns) {
                    *y = sum as f32 * scale * column;
                }
            }
        }
        /// Two whole numbers in −8…7 from each byte, 8 added in it: the lower four bits to the first half of `out`, the
        /// higher four to the second.
        unpack(bytes: &[u8], out: &mut [i8]) {
            let (low, high) = out.split_at_mut(bytes.len());
            for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
                *low = (byte & 15) as i8 - 8;
                *high = (byte >> 4) as i8 - 8;
            }
        }
    }
}
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub use loops::{scale, unpack};

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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Blocks;

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
    pub unsafe fn avx2_blocks<const R: usize>(
        x: &[i16],
        depth: usize,
        panel: &Blocks,
        y: &mut [f32],
    ) {
        // SAFETY: every pointer stays inside the slices, by the lengths that the caller promises.
        unsafe {
            let (x, mut w) = (x.as_ptr(), panel.weights.as_ptr());
            let (mut scales, mut shift) = (panel.scales.as_ptr(), panel.shift.as_ptr());
            let mut total = [[_mm256_setzero_ps(); 2]; R];
            for block in 0..depth / panel.size {
                let first =
                    [_mm256_loadu_si256(shift.cast()), _mm256_loadu_si256(shift.add(8).cast())];
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
                        *total =
                            _mm256_add_ps(*total, _mm256_mul_ps(_mm256_cvtepi32_ps(*acc), scale));
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
    pub unsafe fn vnni_blocks<const R: usize>(
        x: &[u8],
        depth: usize,
        panel: &Blocks,
        y: &mut [f32],
    ) {
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
                        *total =
                            _mm512_add_ps(*total, _mm512_mul_ps(_mm512_cvtepi32_ps(*acc), scale));
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
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use std::arch::wasm32::*;

    use super::{Blocks, Isa};

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

    /// The largest magnitude.
    pub fn largest(row: &[f32]) -> f32 {
        let mut most = f32x4_splat(0.0);
        let whole = row.chunks_exact(4);
        let rest = whole.remainder().iter().fold(0f32, |most, v| most.max(v.abs()));
        for four in whole {
            // SAFETY: four numbers, sixteen bytes.
            let four = unsafe { v128_load(four.as_ptr().cast()) };
            most = f32x4_pmax(most, f32x4_abs(four));
        }
        let [a, b, c, d] = [
            f32x4_extract_lane::<0>(most),
            f32x4_extract_lane::<1>(most),
            f32x4_extract_lane::<2>(most),
            f32x4_extract_lane::<3>(most),
        ];
        a.max(b).max(c.max(d)).max(rest)
    }

    /// Whole numbers nearest to `row / scale`, halves to even.
    pub fn quantise(row: &[f32], scale: f32, q: &mut [i16]) {
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
            q[ix] = super::super::round(row[ix] / scale) as i16;
        }
    }

    /// `y = sums · scale of the row · columns`, row by row: rows of `y` are `stride` apart, those of `sums` a panel of 8.
    pub fn scale(
        _: Isa,
        sums: &[i32],
        rows: &[f32],
        columns: &[f32],
        y: &mut [f32],
        stride: usize,
    ) {
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
        let each =
            bytes.chunks_exact(16).zip(low.chunks_exact_mut(16)).zip(high.chunks_exact_mut(16));
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
}

#[cfg(test)]
mod tests {
    use super::super::PackedInt8;
    use super::*;
    use proptest::prelude::*;

    /// The sums by the definition.
    fn reference(q: &[i8], w: &[i8], k: usize, n: usize) -> Vec<i32> {
        let rows = q.len() / k;
        let sum = |row: usize, column: usize| {
            (0..k).map(|i| i32::from(q[row * k + i]) * i32::from(w[i * n + column])).sum()
        };
        (0..rows * n).map(|at| sum(at / n, at % n)).collect()
    }

    fn number() -> impl Strategy<Value = i8> {
        // The extremes come often.
        prop_oneof![Just(-127i8), Just(127i8), Just(0i8), -127i8..=127]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(120))]

        #[test]
        fn every_kernel_gives_the_exact_sums(
            (rows, k, n, q, w) in (1usize..19, 1usize..70, 1usize..70).prop_flat_map(|(rows, k, n)| {
                let q = prop::collection::vec(number(), rows * k);
                (Just(rows), Just(k), Just(n), q, prop::collection::vec(number(), k * n))
            })
        ) {
            let wanted = reference(&q, &w, k, n);
            prop_assert_eq!(wanted.len(), rows * n);
            for isa in Isa::all() {
                let packed = PackedInt8::for_isa(isa, k, n, &w, &vec![1.0; n]);
                prop_assert_eq!(&packed.sums(&q), &wanted, "{:?}", isa);
            }
        }
    }

    #[test]
    fn the_largest_sums_fit() {
        let (k, n) = (1536, 33);
        let (q, w) = (vec![-127i8; 3 * k], vec![127i8; k * n]);
        for isa in Isa::all() {
            let packed = PackedInt8::for_isa(isa, k, n, &w, &vec![1.0; n]);
            assert!(packed.sums(&q).iter().all(|&sum| sum == -127 * 127 * 1536), "{isa:?}");
        }
    }

    #[test]
    fn a_row_of_zeros_gives_zeros() {
        for isa in Isa::all() {
            let mut y = vec![1.0; 3];
            PackedInt8::for_isa(isa, 2, 3, &[9; 6], &[1.0; 3]).product(&[0.0; 2], &mut y);
            assert_eq!(y, [0.0; 3], "{isa:?}");
        }
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        for isa in Isa::all() {
            let mut y = vec![1.0; 6];
            let packed = PackedInt8::for_isa(isa, 2, 3, &[9; 6], &[1.0; 3]);
            packed.product(&[0.5, f32::INFINITY, 1.0, 1.0], &mut y);
            assert!(y[..3].iter().all(|v| v.is_nan()), "{isa:?}: {y:?}");
            assert!(y[3..].iter().all(|v| v.is_finite()), "{isa:?}: {y:?}");
        }
    }

    #[test]
    fn a_product_is_near_the_one_in_f32() {
        let (rows, k, n) = (5, 64, 20);
        let x: Vec<f32> = (0..rows * k).map(|ix| ((ix * 37 % 101) as f32 - 50.0) / 9.0).collect();
        let w: Vec<i8> = (0..k * n).map(|ix| ((ix * 53 % 255) as i32 - 127) as i8).collect();
        let scales: Vec<f32> = (0..n).map(|ix| 0.01 + 0.001 * ix as f32).collect();
        let exact = |row: usize, column: usize| -> f32 {
            (0..k).map(|i| x[row * k + i] * f32::from(w[i * n + column]) * scales[column]).sum()
        };
        let mut first: Option<Vec<f32>> = None;
        for isa in Isa::all() {
            let mut y = vec![0.0; rows * n];
            PackedInt8::for_isa(isa, k, n, &w, &scales).product(&x, &mut y);
            for (at, &own) in y.iter().enumerate() {
                let wanted = exact(at / n, at % n);
                assert!((own - wanted).abs() < 1.5, "{isa:?}: {own} for {wanted}");
            }
            // All kernels give the very same numbers.
            assert_eq!(first.get_or_insert(y.clone()), &y, "{isa:?}");
        }
    }
}
