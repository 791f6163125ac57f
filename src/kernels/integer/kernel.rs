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

    /// Rows `x` of `k` numbers, `depth` places each, with the scale of each row.
    pub fn of_rows(isa: Isa, x: &[f32], k: usize, depth: usize) -> (Activations, Vec<f32>) {
        let lines = x.chunks_exact(k.max(1));
        let mut own = Activations::new(isa, lines.len(), depth);
        let scales: Vec<f32> = lines.clone().map(scale_of).collect();
        for ((row, line), &scale) in lines.enumerate().zip(&scales) {
            own.quantise(row, line, scale);
        }
        (own, scales)
    }

    /// Sets a row to the whole numbers nearest to `values / scale`.
    fn quantise(&mut self, row: usize, values: &[f32], scale: f32) {
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
fn scale_of(row: &[f32]) -> f32 {
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
mod x86;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

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
