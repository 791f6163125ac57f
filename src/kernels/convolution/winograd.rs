//! Winograd's algorithm for kernels of 3 × 3 and strides of one (Lavin and Gray, 2016, arXiv 1509.09308).
//!
//! A tile of `m × m` results needs (m + 2)² products for each pair of channels instead of 9 m²: 2.25 times fewer for
//! m = 2, four times fewer for m = 4. With Bᵀ, G and Aᵀ from the article, a tile is Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A; summed over
//! the channels, each of the (m + 2)² places is a product of matrices.

use crate::isa::{Isa, on_each_machine};
use crate::memory::Aligned;
use crate::product::{Finish, Packed, Rows, Target, product};
use crate::vector::{MOST_LANES, Vector};

use super::frame::Frame;
use super::geometry::{Geometry, Image};

/// Numbers of transformed tiles, before and after the products, that are worked on at once.
const BLOCK: usize = 96 * 1024;
/// Largest difference from the direct convolution that tiles of four may show, as a share of the largest result.
const TOLERANCE: f64 = 2e-5;

/// Weights for it.
#[derive(Debug)]
pub(super) struct Winograd {
    isa: Isa,
    /// Results of a tile, along a side.
    tile: usize,
    /// One of each place of a tile.
    places: Vec<Packed>,
}

on_each_machine! {
    /// Transforms tiles of the image.
    ///
    /// # Safety
    /// As for [`read_tiles`].
    unsafe fn read_on(tile: usize, frames: &[f32], offsets: &[u32], line: usize, channels: usize, tiles: &mut [f32]) = read_tiles
}

on_each_machine! {
    /// Transforms products into results.
    ///
    /// # Safety
    /// As for [`write_tiles`].
    unsafe fn write_on(tile: usize, products: &[f32], width: usize, first: usize, count: usize, frame: &Frame, finish: Finish<'_>, y: &mut [f32], finite: &mut bool) = write_tiles
}

/// G of the article for tiles of two and of four results: `[tile + 2, 3]`.
fn transform(tile: usize) -> &'static [[f64; 3]] {
    const TWO: [[f64; 3]; 4] =
        [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];
    const FOUR: [[f64; 3]; 6] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    if tile == 2 { &TWO } else { &FOUR }
}

impl Winograd {
    /// Transforms `weights`, `[outputs, inputs, 3, 3]`, for tiles of `tile` results a side, two or four.
    pub fn new(isa: Isa, geometry: &Geometry, weights: &[f32], tile: usize) -> Winograd {
        let side = tile + 2;
        let g = transform(tile);
        let (inputs, outputs) = (geometry.inputs, geometry.outputs);
        let mut moved = vec![0f32; side * side * inputs * outputs];
        for (pair, w) in weights.chunks_exact(9).enumerate() {
            let (output, input) = (pair / inputs, pair % inputs);
            for (place, (row, column)) in
                (0..side).flat_map(|r| (0..side).map(move |c| (r, c))).enumerate()
            {
                let sum: f64 =
                    (0..9).map(|at| g[row][at / 3] * g[column][at % 3] * f64::from(w[at])).sum();
                moved[(place * inputs + input) * outputs + output] = sum as f32;
            }
        }
        let places = moved.chunks_exact(inputs * outputs);
        let places =
            places.map(|own| Packed::new(isa, inputs, outputs, |k, n| own[k * outputs + n]));
        Winograd { isa, tile, places: places.collect() }
    }

    /// The same, if its results come near enough to those of the direct convolution.
    pub fn checked(
        isa: Isa,
        geometry: &Geometry,
        weights: &[f32],
        tile: usize,
    ) -> Option<Winograd> {
        let own = Self::new(isa, geometry, weights, tile);
        (tile == 2 || own.deviation(geometry, weights) <= TOLERANCE).then_some(own)
    }

    /// Largest difference of one tile's results from the convolution in 64 bits, as a share of the largest result.
    fn deviation(&self, geometry: &Geometry, weights: &[f32]) -> f64 {
        let (inputs, outputs, side) = (geometry.inputs, geometry.outputs, self.tile + 2);
        let geometry = Geometry { before: [0, 0], after: [0, 0], ..*geometry };
        let frame =
            Frame::of(&geometry, Image { rows: 1, height: side, width: side }, self.isa, self.tile);
        // Numbers in −1…1 that look drawn and are the same everywhere.
        let number =
            |ix: usize| (ix as u32).wrapping_mul(2_654_435_761) as i32 as f32 / i32::MAX as f32;
        let mut x = vec![0f32; frame.len()];
        for (pixel, own) in x.chunks_exact_mut(frame.pixel).enumerate() {
            own[..inputs]
                .iter_mut()
                .enumerate()
                .for_each(|(ix, v)| *v = number(pixel * inputs + ix + 1));
        }
        let mut have = vec![0f32; self.tile * self.tile * outputs];
        let memory = (&mut Aligned::default(), &mut Aligned::default(), &mut vec![]);
        self.run(&x, &frame, 1, Finish::default(), memory, &mut have);
        let (mut off, mut largest) = (0f64, 0f64);
        // A dozen outputs tell as much as all.
        for output in (0..outputs).step_by(outputs.div_ceil(12)) {
            let own = &weights[output * inputs * 9..][..inputs * 9];
            for pixel in 0..self.tile * self.tile {
                let (row, column) = (pixel / self.tile, pixel % self.tile);
                let mut sum = 0f64;
                for (input, w) in own.chunks_exact(9).enumerate() {
                    for (at, &w) in w.iter().enumerate() {
                        let place = (row + at / 3) * side + column + at % 3;
                        sum += f64::from(w) * f64::from(x[place * frame.pixel + input]);
                    }
                }
                off = off.max((f64::from(have[pixel * outputs + output]) - sum).abs());
                largest = largest.max(sum.abs());
            }
        }
        if largest > 0.0 { off / largest } else { off }
    }

    /// Results of a tile, along a side.
    pub fn tile(&self) -> usize {
        self.tile
    }

    /// All results of as many images. Whether all of them are numbers: a transform mixes what is none with its neighbours,
    /// so that the results of a tile that holds one are not those of the convolution.
    pub fn run(
        &self,
        frames: &[f32],
        frame: &Frame,
        images: usize,
        finish: Finish<'_>,
        memory: (&mut Aligned, &mut Aligned, &mut Vec<u32>),
        y: &mut [f32],
    ) -> bool {
        let mut finite = true;
        let (tiles, products, offsets) = memory;
        let geometry = &frame.geometry;
        let side = self.tile + 2;
        let down = frame.result[0].div_ceil(self.tile);
        let right = frame.result[1].div_ceil(self.tile);
        let count = images * down * right;
        let line = frame.width * frame.pixel;
        let (deep, wide) = (frame.pixel, geometry.outputs.next_multiple_of(self.isa.lanes()));
        assert!(frames.len() >= images * frame.len(), "frames");
        assert_eq!(
            y.len(),
            images * frame.result[0] * frame.result[1] * geometry.outputs,
            "results"
        );
        let at_once = (BLOCK / (side * side * (deep + wide))).clamp(1, count).min(count);
        for first in (0..count).step_by(at_once) {
            let own = at_once.min(count - first);
            offsets.clear();
            offsets.extend((first..first + own).map(|ix| {
                let (image, row, column) = (ix / (down * right), ix / right % down, ix % right);
                (image * frame.len() + row * self.tile * line + column * self.tile * deep) as u32
            }));
            let tiles = tiles.at_least(side * side * own * deep);
            let products = products.at_least(side * side * own * wide);
            // SAFETY: a frame is large enough for whole tiles; the memory was just measured out; whoever has an `Isa` found
            // its instructions.
            unsafe { read_on(self.isa, self.tile, frames, offsets, line, deep, tiles) }
            let rows: Vec<u32> = (0..own).map(|ix| (ix * deep) as u32).collect();
            let each = tiles.chunks_exact(own * deep).zip(products.chunks_exact_mut(own * wide));
            for (packed, (x, y)) in self.places.iter().zip(each) {
                let rows = Rows { x, rows: &rows, taps: &[0], depth: geometry.inputs };
                product(rows, packed, Finish::default(), Target { y, stride: wide });
            }
            // SAFETY: results are written inside of their image; the rest as above.
            unsafe {
                write_on(
                    self.isa,
                    self.tile,
                    products,
                    wide,
                    first,
                    own,
                    frame,
                    finish,
                    y,
                    &mut finite,
                )
            }
        }
        finite
    }
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

/// Transforms the products of the tiles `first..first + count`, `[places, tiles, width]`, and stores those results that
/// lie in the image.
///
/// # Safety
/// `products` holds as many; `y` holds the results of all images that the tiles belong to.
#[inline(always)]
unsafe fn write_tiles<V: Vector>(
    tile: usize,
    products: &[f32],
    width: usize,
    first: usize,
    count: usize,
    frame: &Frame,
    finish: Finish<'_>,
    y: &mut [f32],
    finite: &mut bool,
) {
    // Times zero, every number is zero, and nothing else is.
    // SAFETY: the caller promises the instructions.
    let mut nothing = unsafe { V::splat(0.0) };
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
                    value = match self.finish.activation.bounds() {
                        Some((low, high)) => V::splat(high).min(V::splat(low).max(value)),
                        None => self.finish.activation.apply(value),
                    };
                    value.store_up_to(y.add(place), self.left);
                }
            }
        }
    }
}
