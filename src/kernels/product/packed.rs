//! A matrix in the order in which the loop reads it.

use crate::isa::Isa;
use crate::memory::Aligned;

/// Columns that are computed together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Panel {
    /// The first of them.
    pub column: usize,
    /// Vectors side by side.
    pub vectors: usize,
    /// Where its numbers begin.
    pub from: usize,
}

/// A matrix `[k, n]`, packed: panels of columns; in each, row behind row, filled up with zeros to whole vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    isa: Isa,
    k: usize,
    n: usize,
    panels: Vec<Panel>,
    numbers: Aligned,
}

impl Packed {
    /// Packs the matrix whose element of row `r` and column `c` is `element(r, c)`, for a kernel of choice.
    pub fn new(isa: Isa, k: usize, n: usize, element: impl Fn(usize, usize) -> f32) -> Packed {
        let lanes = isa.lanes();
        let vectors = n.div_ceil(lanes);
        let count = vectors.div_ceil(isa.vectors()).max(1);
        let (each, more) = (vectors / count, vectors % count);
        let mut panels = Vec::with_capacity(count);
        let (mut column, mut from) = (0, 0);
        for ix in 0..count {
            let vectors = each + usize::from(ix < more);
            panels.push(Panel { column, vectors, from });
            column += vectors * lanes;
            from += vectors * lanes * k;
        }
        let mut aligned = Aligned::zeros(from);
        let numbers = aligned.as_mut_slice();
        for panel in &panels {
            let width = panel.vectors * lanes;
            for row in 0..k {
                let own = &mut numbers[panel.from + row * width..][..width];
                for (ix, place) in own.iter_mut().enumerate().take(n.saturating_sub(panel.column)) {
                    *place = element(row, panel.column + ix);
                }
            }
        }
        Packed { isa, k, n, panels, numbers: aligned }
    }

    /// The kernel that it is packed for.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Rows.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Columns.
    pub fn n(&self) -> usize {
        self.n
    }

    pub(super) fn panels(&self) -> &[Panel] {
        &self.panels
    }

    pub(super) fn numbers(&self) -> &[f32] {
        self.numbers.as_slice()
    }
}
