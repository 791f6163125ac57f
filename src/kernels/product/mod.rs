//! Products of f32 matrices, one of them packed when it becomes known, and what follows a product: bias, residual sum,
//! activation, all while the sums are in registers.
//!
//! Rows need not lie behind one another: each has an offset, and each of its stretches (`taps`) another that is the same
//! for all rows. A plain product has one tap; a convolution has one for each row of its kernel, so that no copy of the
//! image in columns is made.

mod activation;
mod finish;
mod packed;
mod tile;

pub use activation::Activation;
pub use packed::Packed;

use crate::isa::on_each_machine;
use tile::run;

/// Where the rows of the left factor lie: row `r` consists of the stretches `x[rows[r] + tap..][..depth]`, tap by tap.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The numbers.
    pub x: &'a [f32],
    /// First number of each row.
    pub rows: &'a [u32],
    /// First number of each stretch, from that of the row.
    pub taps: &'a [u32],
    /// Numbers in a stretch.
    pub depth: usize,
}

/// What becomes of the sums before they are stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finish<'a> {
    /// `[n]`: added to each row.
    pub bias: Option<&'a [f32]>,
    /// As many as the result has, at the same places: added after the bias.
    pub residual: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
}

/// Where the result goes: row `r` is `y[r · stride..][..n]`.
#[derive(Debug)]
pub struct Target<'a> {
    /// The numbers.
    pub y: &'a mut [f32],
    /// From one row to the next.
    pub stride: usize,
}

on_each_machine! {
    /// All rows with all panels.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn run_on(rows: Rows<'_>, packed: &Packed, finish: Finish<'_>, to: *mut f32, stride: usize) = run
}

/// The product of `rows`, `[rows, k]`, with the packed `[k, n]`, finished and stored.
///
/// # Panics
/// If a length does not fit: the loops rely on them.
pub fn product(rows: Rows<'_>, packed: &Packed, finish: Finish<'_>, target: Target<'_>) {
    let Target { y, stride } = target;
    assert_eq!(
        rows.taps.len() * rows.depth,
        packed.k(),
        "a row has as many numbers as the matrix has rows"
    );
    let (Some(&last), Some(&tap)) = (rows.rows.iter().max(), rows.taps.iter().max()) else {
        return;
    };
    let end = last as usize + tap as usize + rows.depth;
    assert!(rows.depth > 0 && end <= rows.x.len(), "rows lie inside of the left factor");
    assert!(
        packed.n() <= stride && (rows.rows.len() - 1) * stride + packed.n() <= y.len(),
        "room for the result"
    );
    assert!(finish.bias.is_none_or(|bias| bias.len() == packed.n()), "a bias for each column");
    assert!(
        finish.residual.is_none_or(|other| other.len() >= y.len()),
        "as many residuals as results"
    );
    // SAFETY: the lengths were checked; whoever has an `Isa` found its instructions.
    unsafe { run_on(packed.isa(), rows, packed, finish, y.as_mut_ptr(), stride) }
}

/// `y = x · W` for rows that lie behind one another: `x` is `[rows, k]`, `y` is `[rows, n]`.
///
/// # Panics
/// If a length does not fit.
pub fn dense(x: &[f32], packed: &Packed, finish: Finish<'_>, y: &mut [f32]) {
    let k = packed.k();
    let count = x.len() / k.max(1);
    assert_eq!((x.len(), y.len()), (count * k, count * packed.n()), "x is [rows, k], y [rows, n]");
    let offsets: Vec<u32> = (0..count).map(|row| (row * k) as u32).collect();
    let rows = Rows { x, rows: &offsets, taps: &[0], depth: k };
    let stride = packed.n();
    product(rows, packed, finish, Target { y, stride });
}

#[cfg(test)]
mod tests;
