//! Winograd's algorithm for kernels of 3 × 3 and strides of one (Lavin and Gray, 2016, arXiv 1509.09308).
//!
//! A tile of `m × m` results needs (m + 2)² products for each pair of channels instead of 9 m²: 2.25 times fewer for
//! m = 2, four times fewer for m = 4. With Bᵀ, G and Aᵀ from the article, a tile is Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A; summed over
//! the channels, each of the (m + 2)² places is a product of matrices.

mod tiles;

use crate::isa::Isa;
use crate::memory::Aligned;
use crate::product::{Finish, Packed, Rows, Target, product};

use crate::convolution::frame::Frame;
use crate::convolution::geometry::{Geometry, Image};
use tiles::{Tiles, read_on, write_on};

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
            let own = Tiles { first, count: own, width: wide, tile: self.tile };
            // SAFETY: results are written inside of their image; the rest as above.
            unsafe { write_on(self.isa, products, own, frame, finish, y, &mut finite) }
        }
        finite
    }
}
