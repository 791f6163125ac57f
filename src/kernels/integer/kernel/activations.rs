//! Activations in whole numbers, each row with a scale of its own.

use super::isa::Isa;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::loops::{largest, quantise};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
use super::relaxed::{self, Mode};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::wasm::{largest, quantise};
#[cfg(target_arch = "x86_64")]
use super::x86;
use crate::integer::numbers::{LARGEST, SMALLEST};

/// Quantised activations, `[rows, depth]`, as a kernel reads them.
#[derive(Debug)]
pub struct Activations {
    pub(super) depth: usize,
    pub(super) values: Values,
}

#[derive(Debug)]
pub(super) enum Values {
    /// Two bytes each.
    Wide(Vec<i16>),
    /// One byte each, 128 added.
    #[cfg(target_arch = "x86_64")]
    Shifted(Vec<u8>),
    /// One byte each, as the machine wants them, in the order of [`relaxed::Line`]; where they go in two parts, the sizes
    /// of those below zero.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
    Bytes { values: Vec<u8>, below: Vec<u8>, offset: u8 },
}

impl Activations {
    /// All zero.
    pub fn new(isa: Isa, rows: usize, depth: usize) -> Activations {
        let values = match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => Values::Shifted(vec![128; rows * depth]),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
            Isa::Relaxed(mode) => {
                let below = if mode == Mode::Split { rows * depth } else { 0 };
                let offset = isa.offset() as u8;
                let values = vec![offset; rows * depth];
                Values::Bytes { values, below: vec![0; below], offset }
            }
            _ => Values::Wide(vec![0; rows * depth]),
        };
        Activations { depth, values }
    }

    /// Rows `x` of `k` numbers, `depth` places each, with the scale of each row.
    pub fn of_rows(isa: Isa, x: &[f32], k: usize, depth: usize) -> (Activations, Vec<f32>) {
        let lines = x.chunks_exact(k.max(1));
        let mut own = Activations::new(isa, lines.len(), depth);
        let scales: Vec<f32> = lines.clone().map(|line| scale_of(isa, line)).collect();
        for ((row, line), &scale) in lines.enumerate().zip(&scales) {
            own.quantise(isa, row, line, scale);
        }
        (own, scales)
    }

    /// Sets a row to the whole numbers nearest to `values / scale`.
    fn quantise(&mut self, isa: Isa, row: usize, values: &[f32], scale: f32) {
        let place = row * self.depth;
        match &mut self.values {
            Values::Wide(q) => quantise(isa, values, scale, &mut q[place..place + values.len()]),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
            Values::Bytes { values: q, below, offset } => {
                let rows = q.len() / self.depth;
                let own = relaxed::Line::of(rows, self.depth, row);
                relaxed::quantise(values, scale, *offset, q, own);
                if !below.is_empty() {
                    own.groups(self.depth).for_each(|four| {
                        split(&mut q[four.clone()], &mut below[four]);
                    });
                }
            }
            #[cfg(target_arch = "x86_64")]
            Values::Shifted(q) => {
                let q = &mut q[place..place + values.len()];
                // SAFETY: as many places as values; the instructions were detected for this kind of activations.
                unsafe { x86::quantise(values, scale, q) }
            }
        }
    }

    /// Sets one, a whole number in −127…127.
    pub fn put(&mut self, row: usize, ix: usize, value: f32) {
        let place = row * self.depth + ix;
        match &mut self.values {
            Values::Wide(values) => values[place] = value as i16,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
            Values::Bytes { values, below, offset } => {
                let rows = values.len() / self.depth;
                let place = relaxed::Line::of(rows, self.depth, row).place(ix);
                values[place] = (value as i8 as u8).wrapping_add(*offset);
                if !below.is_empty() {
                    split(&mut values[place..=place], &mut below[place..=place]);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Values::Shifted(values) => values[place] = (value + 128.0) as u8,
        }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
/// Leaves what is above zero, and writes the sizes of what is below to `below`.
fn split(q: &mut [u8], below: &mut [u8]) {
    for (q, below) in q.iter_mut().zip(below) {
        let own = *q as i8;
        (*q, *below) = (own.max(0) as u8, own.min(0).unsigned_abs());
    }
}

/// The scale of a row of activations, which makes the largest of them 127.
fn scale_of(isa: Isa, row: &[f32]) -> f32 {
    // What is not finite has no nearest whole number: all outputs of its row say so.
    let largest = largest(isa, row);
    if largest.is_finite() { largest.max(SMALLEST) / LARGEST } else { f32::NAN }
}
