//! Weights in four bits, unpacked to eight on the way to the kernel, a block of a panel at a time.

use super::kernel::{self, Isa};
use super::numbers::BLOCK;
use crate::product::Finish;

/// Weights of a linear map in four bits, ready for a kernel: 4.5 bits a weight, scales included.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedInt4 {
    isa: Isa,
    k: usize,
    n: usize,
    /// Panels of columns; in each, blocks of inputs; in each, two halves of what the kernel reads, in one byte each.
    weights: Vec<u8>,
    /// By panel and block, the scale of each column, as the bits of a number of sixteen.
    scales: Vec<u16>,
    /// The same for kernels that shift activations to be positive: the sum of the column's weights.
    sums: Vec<i16>,
}

impl PackedInt4 {
    /// Packs `weights`, `[k, n]` row by row and whole numbers in −8…7, with `scales`, `[k / 32, n]`: bits of
    /// non-negative numbers of sixteen bits.
    ///
    /// # Panics
    /// If the lengths do not fit, or 32 does not divide `k`.
    pub fn new(k: usize, n: usize, weights: &[i8], scales: &[u16]) -> PackedInt4 {
        Self::for_isa(Isa::detect(), k, n, weights, scales)
    }

    /// The same for a kernel of choice.
    pub fn for_isa(isa: Isa, k: usize, n: usize, weights: &[i8], scales: &[u16]) -> PackedInt4 {
        let blocks = k / BLOCK;
        assert!(k.is_multiple_of(BLOCK), "whole blocks");
        assert_eq!((weights.len(), scales.len()), (k * n, blocks * n), "weights [k, n], scales");
        let (group, panel) = (isa.group(), isa.panel());
        let panels = n.div_ceil(panel);
        let size = BLOCK * panel;
        let mut packed = Vec::with_capacity(panels * blocks * size / 2);
        let mut all_scales = vec![0u16; panels * blocks * panel];
        let mut sums = vec![0i16; if isa.offset() == 0 { 0 } else { all_scales.len() }];
        for p in 0..panels {
            for b in 0..blocks {
                let mut own = vec![0i8; size];
                for column in 0..panel.min(n - p * panel) {
                    let at = (p * blocks + b) * panel + column;
                    all_scales[at] = scales[b * n + p * panel + column];
                    for row in 0..BLOCK {
                        let weight = weights[(b * BLOCK + row) * n + p * panel + column];
                        own[(row / group * panel + column) * group + row % group] = weight;
                        if let Some(sum) = sums.get_mut(at) {
                            *sum += i16::from(weight);
                        }
                    }
                }
                let (low, high) = own.split_at(size / 2);
                let nibble = |weight: &i8| (weight + 8) as u8 & 15;
                packed.extend(low.iter().zip(high).map(|(l, h)| nibble(l) | nibble(h) << 4));
            }
        }
        PackedInt4 { isa, k, n, weights: packed, scales: all_scales, sums }
    }

    /// Inputs.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Outputs.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Bytes of weights and scales.
    pub fn bytes(&self) -> usize {
        self.weights.len() + 2 * self.scales.len()
    }

    /// `y = x · W`, finished, for rows `x`, `[rows, k]`; `y` is `[rows, n]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn product(&self, x: &[f32], finish: Finish<'_>, y: &mut [f32]) {
        let rows = x.len() / self.k.max(1);
        let fits = (rows * self.k, rows * self.n);
        assert_eq!((x.len(), y.len()), fits, "x is [rows, k], y [rows, n]");
        let (blocks, panel) = (self.k / BLOCK, self.isa.panel());
        let (activations, row_scales) = kernel::Activations::of_rows(self.isa, x, self.k, self.k);
        let mut weights = vec![0i8; self.k * panel];
        let (mut shift, mut scales) = (vec![0i32; blocks * panel], vec![0f32; blocks * panel]);
        let mut totals = vec![0f32; rows * panel];
        let half = BLOCK * panel / 2;
        let packed = self.weights.chunks_exact((blocks * half).max(1));
        for (p, bytes) in packed.enumerate() {
            // All of a panel at once: that it is unpacked is shared by all rows.
            for (bytes, weights) in bytes.chunks_exact(half).zip(weights.chunks_exact_mut(2 * half))
            {
                kernel::unpack(self.isa, bytes, weights);
            }
            let own = p * blocks * panel..(p + 1) * blocks * panel;
            for (scale, &bits) in scales.iter_mut().zip(&self.scales[own.clone()]) {
                *scale = of_sixteen(bits);
            }
            if let Some(sums) = self.sums.get(own) {
                for (shift, &sum) in shift.iter_mut().zip(sums) {
                    *shift = -self.isa.offset() * i32::from(sum);
                }
            }
            let own =
                kernel::Blocks { size: BLOCK, weights: &weights, scales: &scales, shift: &shift };
            kernel::multiply_blocks(self.isa, &activations, rows, &own, &mut totals);
            let columns = p * panel..self.n.min((p + 1) * panel);
            let lines = totals.chunks_exact(panel).zip(&row_scales);
            for ((totals, scale), y) in lines.zip(y.chunks_exact_mut(self.n)) {
                for (y, total) in y[columns.clone()].iter_mut().zip(totals) {
                    *y = total * scale;
                }
            }
            finish.apply(crate::isa::Isa::detect(), y, self.n, columns);
        }
    }
}

/// A non-negative number of sixteen bits as f32, exactly: its exponent and fraction shifted into place, and the
/// difference of the exponents' biases, 127 − 15, multiplied in.
fn of_sixteen(bits: u16) -> f32 {
    const BIASES: f32 = f32::from_bits((127 + 112) << 23);
    f32::from_bits(u32::from(bits) << 13) * BIASES
}

#[cfg(test)]
mod tests {
    use half::f16;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sixteen_bits_are_read_exactly() {
        for bits in (0..0x7c00u16).step_by(7) {
            assert_eq!(of_sixteen(bits), f16::from_bits(bits).to_f32(), "{bits:#x}");
        }
    }

    /// The product by the definition, in 64 bits; activations quantised as the kernels do it.
    fn reference(x: &[f32], k: usize, n: usize, w: &[i8], scales: &[u16]) -> Vec<f64> {
        let mut y = vec![];
        for row in x.chunks_exact(k) {
            let most = row.iter().fold(0f32, |most, v| most.max(v.abs()));
            let scale = most.max(1e-30) / 127.0;
            for column in 0..n {
                let term = |i: usize| {
                    let t = f64::from(f16::from_bits(scales[i / BLOCK * n + column]).to_f32());
                    f64::from((row[i] / scale).round_ties_even()) * f64::from(w[i * n + column]) * t
                };
                y.push((0..k).map(term).sum::<f64>() * f64::from(scale));
            }
        }
        y
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn every_kernel_gives_the_product(
            (rows, k, n, x, w, scales) in (1usize..11, 1usize..5, 1usize..70).prop_flat_map(|(rows, blocks, n)| {
                let k = blocks * BLOCK;
                let weight = prop_oneof![Just(-8i8), Just(7i8), -8i8..=7];
                let number = prop_oneof![Just(0f32), Just(50.0), Just(-50.0), -50f32..50.0];
                (
                    Just(rows),
                    Just(k),
                    Just(n),
                    prop::collection::vec(number, rows * k),
                    prop::collection::vec(weight, k * n),
                    prop::collection::vec(0u16..0x4000, blocks * n),
                )
            })
        ) {
            let wanted = reference(&x, k, n, &w, &scales);
            let largest = wanted.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
            let mut first: Option<Vec<f32>> = None;
            for isa in Isa::all() {
                let mut y = vec![f32::NAN; rows * n];
                PackedInt4::for_isa(isa, k, n, &w, &scales).product(&x, Finish::default(), &mut y);
                for (own, wanted) in y.iter().zip(&wanted) {
                    prop_assert!((f64::from(*own) - wanted).abs() <= 1e-5 * largest, "{isa:?}: {own} for {wanted}");
                }
                // All kernels give the very same numbers.
                prop_assert_eq!(first.get_or_insert(y.clone()), &y, "{:?}", isa);
            }
        }
    }

    #[test]
    fn weights_take_a_seventh_of_their_bytes() {
        let (k, n) = (384, 1536);
        let packed = PackedInt4::new(k, n, &vec![1; k * n], &vec![0x2000; k / BLOCK * n]);
        assert!(7 * packed.bytes() <= 4 * k * n, "{} bytes", packed.bytes());
    }
}
