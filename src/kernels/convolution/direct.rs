//! The convolution as it is defined: a product whose rows are pixels and whose taps are rows of the kernel.

use crate::isa::Isa;
use crate::product::{Finish, Packed, Rows, Target, product};

use super::frame::Frame;
use super::geometry::Geometry;

/// Weights for it.
#[derive(Debug)]
pub(super) struct Direct {
    /// One of each group.
    groups: Vec<Packed>,
}

impl Direct {
    /// Packs `weights`, `[outputs, inputs / groups, kernel height, kernel width]`.
    pub fn new(isa: Isa, geometry: &Geometry, weights: &[f32]) -> Direct {
        let [height, width] = geometry.kernel;
        let (inputs, outputs) =
            (geometry.inputs / geometry.groups, geometry.outputs / geometry.groups);
        let groups = (0..geometry.groups).map(|group| {
            Packed::new(isa, height * width * inputs, outputs, |k, output| {
                let (place, input) = (k / inputs, k % inputs);
                weights[((group * outputs + output) * inputs + input) * height * width + place]
            })
        });
        Direct { groups: groups.collect() }
    }

    /// All results of as many images.
    pub fn run(
        &self,
        frames: &[f32],
        frame: &Frame,
        images: usize,
        finish: Finish<'_>,
        offsets: &mut Vec<u32>,
        y: &mut [f32],
    ) {
        let Frame { geometry, result, pixel, .. } = frame;
        let line = frame.width * pixel;
        offsets.clear();
        for image in 0..images {
            for row in 0..result[0] {
                let first = image * frame.len() + row * geometry.strides[0] * line;
                let step = geometry.strides[1] * pixel;
                offsets.extend((0..result[1]).map(|column| (first + column * step) as u32));
            }
        }
        let (inputs, outputs) =
            (geometry.inputs / geometry.groups, geometry.outputs / geometry.groups);
        // The weights of a row of the kernel lie side by side, and so do the numbers that they meet.
        let whole_rows =
            geometry.groups == 1 && geometry.dilations[1] == 1 && *pixel == geometry.inputs;
        let columns = if whole_rows { 1 } else { geometry.kernel[1] };
        let depth = inputs * geometry.kernel[1] / columns;
        for (group, packed) in self.groups.iter().enumerate() {
            let tap = |row: usize, column: usize| {
                let [down, right] = geometry.dilations;
                (row * down * line + column * right * pixel + group * inputs) as u32
            };
            let taps: Vec<u32> = (0..geometry.kernel[0])
                .flat_map(|row| (0..columns).map(move |column| (row, column)))
                .map(|(row, column)| tap(row, column))
                .collect();
            let rows = Rows { x: frames, rows: offsets, taps: &taps, depth };
            let own = group * outputs;
            let finish = Finish {
                bias: finish.bias.map(|bias| &bias[own..own + outputs]),
                residual: finish.residual.map(|other| &other[own..]),
                ..finish
            };
            let target = Target { y: &mut y[own..], stride: geometry.outputs };
            product(rows, packed, finish, target);
        }
    }
}
