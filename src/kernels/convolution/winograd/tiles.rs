//! The transforms of tiles, for each machine.

// Indices name registers here: an iterator would take the sums' addresses.
#![allow(clippy::needless_range_loop)]

use crate::convolution::frame::Frame;
use crate::isa::on_each_machine;
use crate::product::Finish;
use crate::vector::{MOST_LANES, Vector};

/// Which tiles of the results are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles {
    /// The first of them, and how many.
    pub first: usize,
    pub count: usize,
    /// Numbers of a tile's place: the outputs, filled up to whole vectors.
    pub width: usize,
    /// Results along a side.
    pub tile: usize,
}

on_each_machine! {
    /// Transforms tiles of the image.
    ///
    /// # Safety
    /// As for [`read_tiles`].
    pub(super) unsafe fn read_on(tile: usize, frames: &[f32], offsets: &[u32], line: usize, channels: usize, tiles: &mut [f32]) = read_tiles
}

on_each_machine! {
    /// Transforms products into results.
    ///
    /// # Safety
    /// As for [`write_tiles`].
    pub(super) unsafe fn write_on(products: &[f32], tiles: Tiles, frame: &Frame, finish: Finish<'_>, y: &mut [f32], finite: &mut bool) = write_tiles
}

/// Bᵀ x of the article for six numbers.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn six<V: Vector>([a, b, c, d, e, f]: [V; 6]) -> [V; 6] {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let (two, four, five) = (V::splat(2.0), V::splat(4.0), V::splat(-5.0));
        let less_four = V::splat(-4.0);
        let even = less_four.mul_add(c, e);
        let odd = less_four.mul_add(b, d);
        let (wide, step) = (e.sub(c), d.sub(b));
        [
            four.mul_add(a, five.mul_add(c, e)),
            even.add(odd),
            even.sub(odd),
            two.mul_add(step, wide),
            V::splat(-2.0).mul_add(step, wide),
            four.mul_add(b, five.mul_add(d, f)),
        ]
    }
}

/// The same for four numbers.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn four<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 4] {
    // SAFETY: the caller promises the instructions.
    unsafe { [a.sub(c), b.add(c), c.sub(b), b.sub(d)] }
}

/// Aᵀ m of the article for six numbers.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn to_four<V: Vector>([a, b, c, d, e, f]: [V; 6]) -> [V; 4] {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let (near, far) = (b.add(c), d.add(e));
        let (near_odd, far_odd) = (b.sub(c), d.sub(e));
        [
            a.add(near).add(far),
            V::splat(2.0).mul_add(far_odd, near_odd),
            V::splat(4.0).mul_add(far, near),
            V::splat(8.0).mul_add(far_odd, near_odd).add(f),
        ]
    }
}

/// The same for four numbers.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn to_two<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 2] {
    // SAFETY: the caller promises the instructions.
    unsafe { [a.add(b).add(c), b.sub(c).sub(d)] }
}

/// Writes the loop over a tile's channels for one size of tile: rows first, then columns.
macro_rules! both_ways {
    ($name:ident: $read:literal => $write:literal, $one:ident) => {
        /// Transforms a tile both ways.
        ///
        /// # Safety
        /// As for [`Vector`].
        #[inline(always)]
        unsafe fn $name<V: Vector>(x: [[V; $read]; $read]) -> [[V; $write]; $write] {
            // SAFETY: the caller promises the instructions.
            unsafe {
                let zero = V::splat(0.0);
                let mut lines = [[zero; $write]; $read];
                for r in 0..$read {
                    lines[r] = $one(x[r]);
                }
                let mut all = [[zero; $write]; $write];
                for c in 0..$write {
                    let mut column = [zero; $read];
                    for r in 0..$read {
                        column[r] = lines[r][c];
                    }
                    let column = $one(column);
                    for r in 0..$write {
                        all[r][c] = column[r];
                    }
                }
                all
            }
        }
    };
}

both_ways!(read_six: 6 => 6, six);
both_ways!(read_four: 4 => 4, four);
both_ways!(write_six: 6 => 4, to_four);
both_ways!(write_four: 4 => 2, to_two);

/// Transforms the tiles that begin at `offsets`: `[places, tiles, channels]`.
///
/// # Safety
/// A tile's lines, `line` numbers apart, lie in `frames`; `tiles` has room; `channels` are whole vectors.
#[inline(always)]
unsafe fn read_tiles<V: Vector>(
    tile: usize,
    frames: &[f32],
    offsets: &[u32],
    line: usize,
    channels: usize,
    tiles: &mut [f32],
) {
    let step = offsets.len() * channels;
    for (ix, &offset) in offsets.iter().enumerate() {
        let mut channel = 0;
        while channel < channels {
            // SAFETY: as the caller promises.
            unsafe {
                let from = frames.as_ptr().add(offset as usize + channel);
                let to = tiles.as_mut_ptr().add(ix * channels + channel);
                match tile {
                    2 => {
                        let mut x = [[V::splat(0.0); 4]; 4];
                        for r in 0..4 {
                            for c in 0..4 {
                                x[r][c] = V::load(from.add(r * line + c * channels));
                            }
                        }
                        let x = read_four(x);
                        for r in 0..4 {
                            for c in 0..4 {
                                x[r][c].store(to.add((4 * r + c) * step));
                            }
                        }
                    }
                    _ => {
                        let mut x = [[V::splat(0.0); 6]; 6];
                        for r in 0..6 {
                            for c in 0..6 {
                                x[r][c] = V::load(from.add(r * line + c * channels));
                            }
                        }
                        let x = read_six(x);
                        for r in 0..6 {
                            for c in 0..6 {
                                x[r][c].store(to.add((6 * r + c) * step));
                            }
                        }
                    }
                }
            }
            channel += V::LANES;
        }
    }
}

/// Transforms the products of the tiles, `[places, tiles, width]`, and stores those results that
/// lie in the image.
///
/// # Safety
/// `products` holds as many; `y` holds the results of all images that the tiles belong to.
#[inline(always)]
unsafe fn write_tiles<V: Vector>(
    products: &[f32],
    tiles: Tiles,
    frame: &Frame,
    finish: Finish<'_>,
    y: &mut [f32],
    finite: &mut bool,
) {
    // Times zero, every number is zero, and nothing else is.
    // SAFETY: the caller promises the instructions.
    let mut nothing = unsafe { V::splat(0.0) };
    let Tiles { first, count, width, tile } = tiles;
    let [height, across] = frame.result;
    let (down, right) = (height.div_ceil(tile), across.div_ceil(tile));
    let outputs = frame.geometry.outputs;
    let step = count * width;
    for ix in 0..count {
        let all = first + ix;
        let (image, row, column) =
            (all / (down * right), all / right % down * tile, all % right * tile);
        let place = ((image * height + row) * across + column) * outputs;
        let (rows, columns) = (tile.min(height - row), tile.min(across - column));
        let mut channel = 0;
        while channel < outputs {
            let left = outputs - channel;
            // SAFETY: as the caller promises; of the tile, `rows` and `columns` lie in the image, and of its last vector of
            // channels what is left.
            unsafe {
                let from = products.as_ptr().add(ix * width + channel);
                let bias = match finish.bias {
                    Some(bias) => V::load_up_to(bias.as_ptr().add(channel), left),
                    None => V::splat(0.0),
                };
                let end = End {
                    place: place + channel,
                    line: across * outputs,
                    pixel: outputs,
                    rows,
                    columns,
                    left,
                    finish,
                };
                match tile {
                    2 => {
                        let mut x = [[V::splat(0.0); 4]; 4];
                        for r in 0..4 {
                            for c in 0..4 {
                                x[r][c] = V::load(from.add((4 * r + c) * step));
                            }
                        }
                        end.store(write_four(x), bias, y.as_mut_ptr(), &mut nothing);
                    }
                    _ => {
                        let mut x = [[V::splat(0.0); 6]; 6];
                        for r in 0..6 {
                            for c in 0..6 {
                                x[r][c] = V::load(from.add((6 * r + c) * step));
                            }
                        }
                        end.store(write_six(x), bias, y.as_mut_ptr(), &mut nothing);
                    }
                }
            }
            channel += V::LANES;
        }
    }
    let mut lanes = [0f32; MOST_LANES];
    // SAFETY: no vector is longer.
    unsafe { nothing.store(lanes.as_mut_ptr()) }
    *finite &= lanes.iter().all(|lane| *lane == 0.0);
}

/// Where a tile's results go.
struct End<'a> {
    place: usize,
    line: usize,
    pixel: usize,
    rows: usize,
    columns: usize,
    left: usize,
    finish: Finish<'a>,
}

impl End<'_> {
    /// Adds bias and residual, applies the activation and stores what lies in the image.
    ///
    /// # Safety
    /// As for [`write_tiles`].
    #[inline(always)]
    unsafe fn store<V: Vector, const T: usize>(
        &self,
        x: [[V; T]; T],
        bias: V,
        y: *mut f32,
        nothing: &mut V,
    ) {
        for r in 0..T {
            for c in 0..T {
                if r >= self.rows || c >= self.columns {
                    continue;
                }
                let place = self.place + r * self.line + c * self.pixel;
                // SAFETY: as the caller promises.
                unsafe {
                    *nothing = x[r][c].mul_add(V::splat(0.0), *nothing);
                    let mut value = x[r][c].add(bias);
                    if let Some(residual) = self.finish.residual {
                        value = value.add(V::load_up_to(residual.as_ptr().add(place), self.left));
                    }
                    self.finish.activation.apply(value).store_up_to(y.add(place), self.left);
                }
            }
        }
    }
}
