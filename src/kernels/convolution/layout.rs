//! From channels first to channels last, and back.

use std::ops::Range;

/// Rows and columns of a tile that is turned in registers.
const TILE: usize = 4;
/// Rows that are turned together: as many as numbers of a line of the cache.
const BLOCK: usize = 16;

/// Puts pixels whose channels lie `plane` apart behind one another, `pixel` numbers for each: zeros behind the channels.
pub(super) fn gather(from: &[f32], plane: usize, channels: usize, to: &mut [f32], pixel: usize) {
    let pixels = to.len() / pixel.max(1);
    turn(from, plane, [channels, pixels], to, pixel);
    if pixel > channels {
        to.chunks_exact_mut(pixel).for_each(|to| to[channels..].fill(0.0));
    }
}

/// Sets `y`, `[columns, rows]`, to the columns of `x`, `[rows, columns]`; rows of `x` are `stride` apart, those of `y` `to`.
fn turn(x: &[f32], stride: usize, [rows, columns]: [usize; 2], y: &mut [f32], to: usize) {
    for first in (0..rows).step_by(BLOCK) {
        let last = rows.min(first + BLOCK);
        let whole = columns - columns % TILE;
        for column in (0..whole).step_by(TILE) {
            let mut row = first;
            while row + TILE <= last {
                let lines: [&[f32; TILE]; TILE] = std::array::from_fn(|ix| {
                    let from = (row + ix) * stride + column;
                    x[from..from + TILE].try_into().expect("as many as a tile has")
                });
                for ix in 0..TILE {
                    let turned: [f32; TILE] = std::array::from_fn(|line| lines[line][ix]);
                    y[(column + ix) * to + row..][..TILE].copy_from_slice(&turned);
                }
                row += TILE;
            }
            one_by_one(x, stride, row..last, column..column + TILE, y, to);
        }
        one_by_one(x, stride, first..last, whole..columns, y, to);
    }
}

/// What fills no tile.
fn one_by_one(
    x: &[f32],
    stride: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    y: &mut [f32],
    to: usize,
) {
    for column in columns {
        for row in rows.clone() {
            y[column * to + row] = x[row * stride + column];
        }
    }
}

/// `[n, c, p]` from `[n, p, c]`.
///
/// # Panics
/// If a length does not fit.
pub fn channels_first(x: &[f32], channels: usize, pixels: usize, y: &mut [f32]) {
    transpose(x, pixels, channels, y);
}

/// `[n, p, c]` from `[n, c, p]`.
///
/// # Panics
/// If a length does not fit.
pub fn channels_last(x: &[f32], channels: usize, pixels: usize, y: &mut [f32]) {
    transpose(x, channels, pixels, y);
}

/// `[n, b, a]` from `[n, a, b]`.
fn transpose(x: &[f32], a: usize, b: usize, y: &mut [f32]) {
    let len = a * b;
    assert_eq!(x.len(), y.len(), "as many numbers as before");
    assert!(len > 0 && x.len().is_multiple_of(len), "whole images");
    for (x, y) in x.chunks_exact(len).zip(y.chunks_exact_mut(len)) {
        turn(x, b, [a, b], y, a);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let (n, c, p) = (2, 19, 35);
        let x: Vec<f32> = (0..n * c * p).map(|ix| ix as f32).collect();
        let mut last = vec![0.0; x.len()];
        channels_last(&x, c, p, &mut last);
        assert_eq!(last[c * p + 3 * c + 2], x[c * p + 2 * p + 3]);
        let mut back = vec![0.0; x.len()];
        channels_first(&last, c, p, &mut back);
        assert_eq!(back, x);
    }

    #[test]
    fn what_is_wider_than_the_channels_is_filled_with_zeros() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut y = [9.0; 8];
        gather(&x, 2, 3, &mut y, 4);
        assert_eq!(y, [1.0, 3.0, 5.0, 0.0, 2.0, 4.0, 6.0, 0.0]);
    }
}
