//! The loop: tiles of sums that stay in registers.

// Indices name registers here: an iterator would take the sums' addresses.
#![allow(clippy::needless_range_loop)]

use crate::vector::Vector;

use super::packed::{Packed, Panel};
use super::{Finish, Rows};

/// Numbers of the left factor that are used again and again while panel follows panel: half of a second-level cache.
const BLOCK: usize = 64 * 1024;

/// All rows with all panels.
///
/// # Safety
/// The lengths are those that [`product`](super::product) checks; the machine has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn run<V: Vector>(
    rows: Rows<'_>,
    packed: &Packed,
    finish: Finish<'_>,
    to: *mut f32,
    stride: usize,
) {
    let at_once = (BLOCK / packed.k().max(1)).max(1).next_multiple_of(V::ROWS);
    for (block, offsets) in rows.rows.chunks(at_once).enumerate() {
        for panel in packed.panels() {
            for (ix, offsets) in offsets.chunks(V::ROWS).enumerate() {
                let row = block * at_once + ix * V::ROWS;
                let own = Own {
                    rows,
                    offsets,
                    packed,
                    panel,
                    finish,
                    place: row * stride + panel.column,
                    to,
                    stride,
                };
                // SAFETY: as the caller promises; the rows of the chunk are there.
                unsafe {
                    match panel.vectors {
                        1 => of_columns::<V, 1>(own),
                        2 => of_columns::<V, 2>(own),
                        3 if V::VECTORS >= 3 => of_columns::<V, 3>(own),
                        4 if V::VECTORS >= 4 => of_columns::<V, 4>(own),
                        _ => unreachable!(
                            "panels have at most as many vectors as the machine has room for"
                        ),
                    }
                }
            }
        }
    }
}

/// What one tile needs.
#[derive(Clone, Copy)]
struct Own<'a> {
    rows: Rows<'a>,
    offsets: &'a [u32],
    packed: &'a Packed,
    panel: &'a Panel,
    finish: Finish<'a>,
    place: usize,
    to: *mut f32,
    stride: usize,
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn of_columns<V: Vector, const C: usize>(own: Own<'_>) {
    // SAFETY: as the caller promises: there are as many offsets as the tile has rows.
    unsafe {
        match own.offsets.len() {
            1 => tile::<V, 1, C>(own),
            2 => tile::<V, 2, C>(own),
            3 => tile::<V, 3, C>(own),
            4 => tile::<V, 4, C>(own),
            5 if V::ROWS > 4 => tile::<V, 5, C>(own),
            6 if V::ROWS > 4 => tile::<V, 6, C>(own),
            7 if V::ROWS > 6 => tile::<V, 7, C>(own),
            8 if V::ROWS > 6 => tile::<V, 8, C>(own),
            _ => unreachable!("chunks have at most as many rows as the machine has room for"),
        }
    }
}

/// `R` rows, `C` vectors of columns.
///
/// # Safety
/// As for [`run`]; there are `R` offsets.
#[inline(always)]
unsafe fn tile<V: Vector, const R: usize, const C: usize>(own: Own<'_>) {
    let Own { packed, panel, finish, place, to, stride, .. } = own;
    let n = packed.n();
    // SAFETY: as the caller promises; of a panel's last vector, what lies beyond `n` is neither read nor stored.
    unsafe {
        let mut sums = multiply::<V, R, C>(own);
        if let Some(residual) = finish.residual {
            for r in 0..R {
                for c in 0..C {
                    let other = residual.as_ptr().add(place + r * stride + c * V::LANES);
                    sums[r][c] =
                        sums[r][c].add(V::load_up_to(other, n - panel.column - c * V::LANES));
                }
            }
        }
        if let Some((low, high)) = finish.activation.bounds() {
            let (low, high) = (V::splat(low), V::splat(high));
            for r in 0..R {
                for c in 0..C {
                    sums[r][c] = high.min(low.max(sums[r][c]));
                }
            }
        }
        let to = to.add(place);
        for r in 0..R {
            for c in 0..C {
                sums[r][c].store_up_to(
                    to.add(r * stride + c * V::LANES),
                    n - panel.column - c * V::LANES,
                );
            }
        }
        if finish.activation.is_long() {
            // Just written, so still at hand; written out for each sum it would be long code.
            for r in 0..R {
                for c in 0..C {
                    let (place, left) =
                        (to.add(r * stride + c * V::LANES), n - panel.column - c * V::LANES);
                    finish.activation.apply(V::load_up_to(place, left)).store_up_to(place, left);
                }
            }
        }
    }
}

/// The sums of a tile, bias included. Nothing here may take a sum's address: all of them stay in registers.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn multiply<V: Vector, const R: usize, const C: usize>(own: Own<'_>) -> [[V; C]; R] {
    let Own { rows, offsets, packed, panel, finish, .. } = own;
    // SAFETY: rows and taps lie in the left factor, as the caller promises; a panel has `k` rows of `C` vectors.
    unsafe {
        let mut sums = [[V::splat(0.0); C]; R];
        if let Some(bias) = finish.bias {
            for c in 0..C {
                let column = panel.column + c * V::LANES;
                let own = V::load_up_to(bias.as_ptr().add(column), packed.n() - column);
                for of_row in &mut sums {
                    of_row[c] = own;
                }
            }
        }
        let mut b = packed.numbers().as_ptr().add(panel.from);
        for &tap in rows.taps {
            let x = rows.x.as_ptr().add(tap as usize);
            let mut a = [x; R];
            for r in 0..R {
                a[r] = x.add(*offsets.get_unchecked(r) as usize);
            }
            let mut at = 0;
            while at + 4 <= rows.depth {
                step::<V, R, C>(&a, at, b, &mut sums);
                step::<V, R, C>(&a, at + 1, b.add(C * V::LANES), &mut sums);
                step::<V, R, C>(&a, at + 2, b.add(2 * C * V::LANES), &mut sums);
                step::<V, R, C>(&a, at + 3, b.add(3 * C * V::LANES), &mut sums);
                b = b.add(4 * C * V::LANES);
                at += 4;
            }
            while at < rows.depth {
                step::<V, R, C>(&a, at, b, &mut sums);
                b = b.add(C * V::LANES);
                at += 1;
            }
        }
        sums
    }
}

/// Adds what one column of the left factor contributes.
///
/// # Safety
/// `a[r]` can be read at `at`, and `b` holds `C` vectors.
#[inline(always)]
unsafe fn step<V: Vector, const R: usize, const C: usize>(
    a: &[*const f32; R],
    at: usize,
    b: *const f32,
    sums: &mut [[V; C]; R],
) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut own = [V::splat(0.0); C];
        for c in 0..C {
            own[c] = V::load(b.add(c * V::LANES));
        }
        for r in 0..R {
            let x = V::splat(*a[r].add(at));
            for c in 0..C {
                sums[r][c] = x.mul_add(own[c], sums[r][c]);
            }
        }
    }
}
