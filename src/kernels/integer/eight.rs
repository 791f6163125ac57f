//! Weights in eight bits in the order in which a kernel reads them, and the product with rows of activations.

use std::ops::Range;

use super::kernel::{self, Isa};
use crate::product::Finish;

/// Weights of a linear map in eight bits, ready for a kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedInt8 {
    isa: Isa,
    k: usize,
    n: usize,
    /// Panels of columns; in each, groups of rows; in each, the columns' numbers of that group together.
    weights: Vec<i8>,
    /// Scale of each column, filled up to whole panels.
    scales: Vec<f32>,
    /// For kernels that shift activations to be positive: what that adds to each column's sum.
    shift: Vec<i32>,
}

impl PackedInt8 {
    /// Packs `weights`, `[k, n]` row by row, with a scale for each column, for this machine.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn new(k: usize, n: usize, weights: &[i8], scales: &[f32]) -> PackedInt8 {
        Self::for_isa(Isa::detect(), k, n, weights, scales)
    }

    /// The same for a kernel of choice.
    pub fn for_isa(isa: Isa, k: usize, n: usize, weights: &[i8], scales: &[f32]) -> PackedInt8 {
        assert_eq!((weights.len(), scales.len()), (k * n, n), "weights are [k, n], scales [n]");
        let (group, panel) = (isa.group(), isa.panel());
        let (groups, panels) = (k.div_ceil(group), n.div_ceil(panel));
        let mut packed = vec![0i8; panels * panel * groups * group];
        let mut shift = vec![0i32; panels * panel];
        for (row, line) in weights.chunks_exact(n).enumerate() {
            for (column, &weight) in line.iter().enumerate() {
                let place = ((column / panel * groups + row / group) * panel + column % panel)
                    * group
                    + row % group;
                packed[place] = weight;
                shift[column] -= isa.offset() * i32::from(weight);
            }
        }
        let mut filled = vec![0f32; panels * panel];
        filled[..n].copy_from_slice(scales);
        PackedInt8 { isa, k, n, weights: packed, scales: filled, shift }
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
        self.weights.len() + 4 * self.scales.len()
    }

    /// `y = x · W`, finished, for rows `x`, `[rows, k]`; `y` is `[rows, n]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn product(&self, x: &[f32], finish: Finish<'_>, y: &mut [f32]) {
        let rows = x.len() / self.k.max(1);
        assert_eq!(
            (x.len(), y.len()),
            (rows * self.k, rows * self.n),
            "x is [rows, k], y [rows, n]"
        );
        if rows == 0 {
            return;
        }
        let (activations, scales) = kernel::Activations::of_rows(self.isa, x, self.k, self.depth());
        let (n, vectors) = (self.n, crate::isa::Isa::detect());
        self.each_panel(&activations, rows, |columns, sums| {
            let own = &self.scales[columns.clone()];
            kernel::scale(self.isa, sums, &scales, own, &mut y[columns.start..], n);
            finish.apply(vectors, y, n, columns);
        });
    }

    /// The exact sums `[rows, n]` of activations that are whole numbers in −127…127 already.
    pub fn sums(&self, q: &[i8]) -> Vec<i32> {
        let rows = q.len() / self.k.max(1);
        let x: Vec<f32> = q.iter().map(|&v| f32::from(v)).collect();
        let mut activations = kernel::Activations::new(self.isa, rows, self.depth());
        for (row, line) in x.chunks_exact(self.k.max(1)).enumerate() {
            line.iter().enumerate().for_each(|(ix, &v)| activations.put(row, ix, v));
        }
        let mut all = vec![0i32; rows * self.n];
        self.each_panel(&activations, rows, |columns, sums| {
            let lines = sums.chunks_exact(self.isa.panel());
            for (sums, all) in lines.zip(all.chunks_exact_mut(self.n)) {
                all[columns.clone()].copy_from_slice(&sums[..columns.len()]);
            }
        });
        all
    }

    /// Inputs, filled up to whole groups.
    fn depth(&self) -> usize {
        self.k.next_multiple_of(self.isa.group())
    }

    /// Calls `take` with the columns of each panel and their sums, `[rows, panel]`.
    fn each_panel(
        &self,
        activations: &kernel::Activations,
        rows: usize,
        mut take: impl FnMut(Range<usize>, &[i32]),
    ) {
        let width = self.isa.panel();
        let mut sums = vec![0i32; rows * width];
        for (ix, panel) in self.weights.chunks_exact(width * self.depth()).enumerate() {
            let first = ix * width;
            let shift = &self.shift[first..first + width];
            match self.isa.offset() {
                0 => sums.fill(0),
                _ => sums.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(shift)),
            }
            kernel::multiply(self.isa, activations, rows, panel, &mut sums);
            take(first..self.n.min(first + width), &sums);
        }
    }
}
