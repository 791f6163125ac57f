//! The image in a frame of zeros, channels last.

use std::ops::Range;

use crate::isa::Isa;
use crate::memory::Aligned;

use super::Source;
use super::geometry::{Geometry, Image};
use super::layout;

/// Numbers of frames that are worked on at once: half of a second-level cache.
const BLOCK: usize = 64 * 1024;

/// Sizes of the frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub geometry: Geometry,
    pub image: Image,
    /// Height and width of the result.
    pub result: [usize; 2],
    /// Height and width of the frame.
    pub height: usize,
    pub width: usize,
    /// From one pixel to the next: the channels, filled up with zeros where vectors of them are read.
    pub pixel: usize,
}

impl Frame {
    /// The frame of an image, large enough for whole tiles of results.
    pub fn of(geometry: &Geometry, image: Image, isa: Isa, tile: usize) -> Frame {
        let result = geometry.result(image);
        let size = |axis: usize, own: usize| {
            let reach = geometry.dilations[axis] * (geometry.kernel[axis] - 1) + 1;
            let tiled = result[axis].next_multiple_of(tile);
            let read = (tiled.max(1) - 1) * geometry.strides[axis] + reach;
            read.max(own + geometry.before[axis])
        };
        let by_vectors = tile > 1 || geometry.is_depthwise();
        let pixel = match by_vectors {
            true => geometry.inputs.next_multiple_of(isa.lanes()),
            false => geometry.inputs,
        };
        Frame {
            geometry: *geometry,
            image,
            result,
            height: size(0, image.height),
            width: size(1, image.width),
            pixel,
        }
    }

    /// Numbers of one image's frame.
    pub fn len(&self) -> usize {
        self.height * self.width * self.pixel
    }

    /// Images that are worked on together.
    pub fn images_at_once(&self) -> usize {
        (BLOCK / self.len().max(1)).max(1)
    }

    /// Whether the image, channels last, is its own frame.
    fn is_image(&self) -> bool {
        let Frame { geometry, image, .. } = self;
        (self.height, self.width, self.pixel) == (image.height, image.width, geometry.inputs)
            && geometry.before == [0, 0]
    }

    /// The frames of these images: the images themselves, or copies.
    pub fn fill<'a>(
        &self,
        source: Source<'a>,
        rows: Range<usize>,
        memory: &'a mut Aligned,
    ) -> &'a [f32] {
        let Frame { geometry, image, .. } = self;
        let own = image.height * image.width * geometry.inputs;
        let x = &source.x[rows.start * own..rows.end * own];
        if self.is_image() && !source.channels_first {
            return x;
        }
        let memory = memory.at_least(rows.len() * self.len());
        let [top, left] = geometry.before;
        for (x, frame) in x.chunks_exact(own).zip(memory.chunks_exact_mut(self.len())) {
            let line = self.width * self.pixel;
            frame[..top * line].fill(0.0);
            frame[(top + image.height) * line..].fill(0.0);
            for (row, to) in
                frame[top * line..][..image.height * line].chunks_exact_mut(line).enumerate()
            {
                to[..left * self.pixel].fill(0.0);
                to[(left + image.width) * self.pixel..].fill(0.0);
                let to = &mut to[left * self.pixel..][..image.width * self.pixel];
                if source.channels_first {
                    let from = &x[row * image.width..];
                    layout::gather(
                        from,
                        image.height * image.width,
                        geometry.inputs,
                        to,
                        self.pixel,
                    );
                } else {
                    let from =
                        &x[row * image.width * geometry.inputs..][..image.width * geometry.inputs];
                    self.copy(from, to);
                }
            }
        }
        memory
    }

    fn copy(&self, from: &[f32], to: &mut [f32]) {
        let inputs = self.geometry.inputs;
        if self.pixel == inputs {
            to.copy_from_slice(from);
            return;
        }
        for (from, to) in from.chunks_exact(inputs).zip(to.chunks_exact_mut(self.pixel)) {
            to[..inputs].copy_from_slice(from);
            to[inputs..].fill(0.0);
        }
    }
}
