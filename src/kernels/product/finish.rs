//! What follows a product whose sums are stored already.

use std::ops::Range;

use crate::isa::{Isa, on_each_machine};
use crate::vector::Vector;

use super::{Activation, Finish};

on_each_machine! {
    /// All rows.
    ///
    /// # Safety
    /// As for [`rows`].
    unsafe fn rows_on(finish: Finish<'_>, y: &mut [f32], stride: usize, columns: Range<usize>) = rows
}

impl Finish<'_> {
    /// Finishes these columns of `y`, whose rows are `stride` apart.
    ///
    /// # Panics
    /// If a length does not fit: the loops rely on them.
    pub(crate) fn apply(self, isa: Isa, y: &mut [f32], stride: usize, columns: Range<usize>) {
        if self.bias.is_none() && self.residual.is_none() && self.activation == Activation::None {
            return;
        }
        assert!(columns.end <= stride && y.len().is_multiple_of(stride), "whole rows");
        assert!(self.bias.is_none_or(|bias| bias.len() == stride), "a bias for each column");
        assert!(
            self.residual.is_none_or(|other| other.len() == y.len()),
            "as many residuals as results"
        );
        // SAFETY: the lengths were checked; whoever has an `Isa` found its instructions.
        unsafe { rows_on(isa, self, y, stride, columns) }
    }
}

/// # Safety
/// The lengths are those that [`Finish::apply`] checks; the machine has the instructions of `V`.
#[inline(always)]
unsafe fn rows<V: Vector>(finish: Finish<'_>, y: &mut [f32], stride: usize, columns: Range<usize>) {
    let Finish { bias, residual, activation } = finish;
    for first in (0..y.len()).step_by(stride) {
        for column in columns.clone().step_by(V::LANES) {
            let (place, left) = (first + column, columns.end - column);
            // SAFETY: vectors begin inside of the columns, and of the last one what is left is read and written.
            unsafe {
                let to = y.as_mut_ptr().add(place);
                let mut own = V::load_up_to(to, left);
                if let Some(bias) = bias {
                    own = own.add(V::load_up_to(bias.as_ptr().add(column), left));
                }
                if let Some(residual) = residual {
                    own = own.add(V::load_up_to(residual.as_ptr().add(place), left));
                }
                activation.apply(own).store_up_to(to, left);
            }
        }
    }
}
