//! Weights in the order in which a kernel reads them, and the product with rows of activations.

use super::kernel::{self, Isa};

/// Weights of a linear map in eight bits, ready for a kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
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

impl Packed {
    /// Packs `weights`, `[k, n]` row by row, with a scale for each column, for this machine.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn new(k: usize, n: usize, weights: &[i8], scales: &[f32]) -> Packed {
        Self::for_isa(Isa::detect(), k, n, weights, scales)
    }

    /// The same for a kernel of choice.
    pub fn for_isa(isa: Isa, k: usize, n: usize, weights: &[i8], scales: &[f32]) -> Packed {
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
        Packed { isa, k, n, weights: packed, scales: filled, shift }
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

    /// `y = x · W` for rows `x`, `[rows, k]`; `y` is `[rows, n]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn product(&self, x: &[f32], y: &mut [f32]) {
        let rows = x.len() / self.k.max(1);
        assert_eq!(
            (x.len(), y.len()),
            (rows * self.k, rows * self.n),
            "x is [rows, k], y [rows, n]"
        );
        let (activations, scales) = self.quantised(x, rows);
        let mut sums = vec![0i32; rows * self.isa.panel()];
        for (ix, panel) in self.weights.chunks_exact(self.isa.panel() * self.depth()).enumerate() {
            let first = ix * self.isa.panel();
            self.panel(&activations, rows, panel, first, &mut sums);
            let width = self.isa.panel().min(self.n - first);
            let columns = &self.scales[first..first + width];
            for ((sums, scale), y) in
                sums.chunks_exact(self.isa.panel()).zip(&scales).zip(y.chunks_exact_mut(self.n))
            {
                kernel::scale(&sums[..width], *scale, columns, &mut y[first..first + width]);
            }
        }
    }

    /// The exact sums `[rows, n]` of activations that are whole numbers in −127…127 already.
    pub fn sums(&self, q: &[i8]) -> Vec<i32> {
        let rows = q.len() / self.k.max(1);
        let x: Vec<f32> = q.iter().map(|&v| f32::from(v)).collect();
        let mut activations = kernel::Activations::new(self.isa, rows, self.depth());
        for (row, line) in x.chunks_exact(self.k.max(1)).enumerate() {
            line.iter().enumerate().for_each(|(ix, &v)| activations.put(row, ix, v));
        }
        let mut sums = vec![0i32; rows * self.isa.panel()];
        let mut all = vec![0i32; rows * self.n];
        for (ix, panel) in self.weights.chunks_exact(self.isa.panel() * self.depth()).enumerate() {
            let first = ix * self.isa.panel();
            self.panel(&activations, rows, panel, first, &mut sums);
            let width = self.isa.panel().min(self.n - first);
            for (sums, all) in sums.chunks_exact(self.isa.panel()).zip(all.chunks_exact_mut(self.n))
            {
                all[first..first + width].copy_from_slice(&sums[..width]);
            }
        }
        all
    }

    /// Inputs, filled up to whole groups.
    fn depth(&self) -> usize {
        self.k.next_multiple_of(self.isa.group())
    }

    fn quantised(&self, x: &[f32], rows: usize) -> (kernel::Activations, Vec<f32>) {
        let mut activations = kernel::Activations::new(self.isa, rows, self.depth());
        let scales = x
            .chunks_exact(self.k.max(1))
            .enumerate()
            .map(|(row, line)| activations.quantise(row, line))
            .collect();
        (activations, scales)
    }

    fn panel(
        &self,
        activations: &kernel::Activations,
        rows: usize,
        panel: &[i8],
        first: usize,
        sums: &mut [i32],
    ) {
        let shift = &self.shift[first..first + self.isa.panel()];
        sums.chunks_exact_mut(self.isa.panel()).for_each(|row| row.copy_from_slice(shift));
        kernel::multiply(self.isa, activations, rows, panel, sums);
    }
}
