//! Each channel by itself: channels lie side by side in the lanes of vectors.

// Indices name registers here: an iterator would take the sums' addresses.
#![allow(clippy::needless_range_loop)]

use crate::isa::{Isa, on_each_machine};
use crate::product::Finish;
use crate::vector::Vector;

use super::frame::Frame;
use super::geometry::Geometry;

/// Results that a loop computes at once, so that each weight is read once for all of them.
const AT_ONCE: usize = 4;

/// Weights for it.
#[derive(Debug)]
pub(super) struct Depthwise {
    isa: Isa,
    /// `[places of the kernel, channels]`, filled up to whole vectors.
    weights: Vec<f32>,
    /// Filled up in the same way.
    channels: usize,
}

on_each_machine! {
    /// All results.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn run_on(own: &Depthwise, frames: &[f32], frame: &Frame, images: usize, finish: Finish<'_>, y: &mut [f32]) = run
}

impl Depthwise {
    /// Puts `weights`, `[channels, 1, kernel height, kernel width]`, into order.
    pub fn new(isa: Isa, geometry: &Geometry, weights: &[f32]) -> Depthwise {
        let places = geometry.kernel[0] * geometry.kernel[1];
        let channels = geometry.inputs.next_multiple_of(isa.lanes());
        let mut ordered = vec![0f32; places * channels];
        for (channel, own) in weights.chunks_exact(places).enumerate() {
            own.iter().enumerate().for_each(|(place, &w)| ordered[place * channels + channel] = w);
        }
        Depthwise { isa, weights: ordered, channels }
    }

    /// All results of as many images.
    pub fn run(
        &self,
        frames: &[f32],
        frame: &Frame,
        images: usize,
        finish: Finish<'_>,
        y: &mut [f32],
    ) {
        assert_eq!(frame.pixel, self.channels, "pixels hold whole vectors");
        assert!(frames.len() >= images * frame.len(), "frames");
        let count = images * frame.result[0] * frame.result[1] * frame.geometry.outputs;
        assert_eq!(y.len(), count, "results");
        assert!(finish.residual.is_none_or(|other| other.len() == count), "residuals");
        assert!(
            finish.bias.is_none_or(|bias| bias.len() == frame.geometry.outputs),
            "a bias for each channel"
        );
        // SAFETY: the lengths were checked, and a frame holds all that its results read; whoever has an `Isa` found its
        // instructions.
        unsafe { run_on(self.isa, self, frames, frame, images, finish, y) }
    }
}

/// # Safety
/// The lengths are those that [`Depthwise::run`] checks; the machine has the instructions of `V`.
#[inline(always)]
unsafe fn run<V: Vector>(
    own: &Depthwise,
    frames: &[f32],
    frame: &Frame,
    images: usize,
    finish: Finish<'_>,
    y: &mut [f32],
) {
    let [height, width] = frame.result;
    let (line, outputs) = (frame.width * frame.pixel, frame.geometry.outputs);
    for row in 0..images * height {
        let first = row / height * frame.len() + row % height * frame.geometry.strides[0] * line;
        let mut column = 0;
        while column < width {
            let place = (row * width + column) * outputs;
            let from = first + column * frame.geometry.strides[1] * frame.pixel;
            // SAFETY: the frame holds every input that these outputs read, and at least that many outputs are left.
            unsafe {
                let x = frames.as_ptr().add(from);
                if column + AT_ONCE <= width {
                    pixels::<V, AT_ONCE>(own, x, frame, finish, y.as_mut_ptr(), place);
                    column += AT_ONCE;
                } else {
                    pixels::<V, 1>(own, x, frame, finish, y.as_mut_ptr(), place);
                    column += 1;
                }
            }
        }
    }
}

/// `P` results side by side, all channels.
///
/// # Safety
/// As for [`run`]; the results begin at `place`, and what they read at `x`.
#[inline(always)]
unsafe fn pixels<V: Vector, const P: usize>(
    own: &Depthwise,
    x: *const f32,
    frame: &Frame,
    finish: Finish<'_>,
    y: *mut f32,
    place: usize,
) {
    let geometry = &frame.geometry;
    let step = geometry.strides[1] * frame.pixel;
    let mut channel = 0;
    while channel < geometry.outputs {
        let left = geometry.outputs - channel;
        // SAFETY: as the caller promises; pixels and weights hold whole vectors, all else is read up to the last channel.
        unsafe {
            let mut sums = [V::splat(0.0); P];
            if let Some(bias) = finish.bias {
                sums = [V::load_up_to(bias.as_ptr().add(channel), left); P];
            }
            let mut weights = own.weights.as_ptr().add(channel);
            for down in 0..geometry.kernel[0] {
                let line =
                    x.add(down * geometry.dilations[0] * frame.width * frame.pixel + channel);
                for right in 0..geometry.kernel[1] {
                    let from = line.add(right * geometry.dilations[1] * frame.pixel);
                    let weight = V::load(weights);
                    for p in 0..P {
                        sums[p] = V::load(from.add(p * step)).mul_add(weight, sums[p]);
                    }
                    weights = weights.add(own.channels);
                }
            }
            for p in 0..P {
                let place = place + p * geometry.outputs + channel;
                let mut sum = sums[p];
                if let Some(residual) = finish.residual {
                    sum = sum.add(V::load_up_to(residual.as_ptr().add(place), left));
                }
                finish.activation.apply(sum).store_up_to(y.add(place), left);
            }
        }
        channel += V::LANES;
    }
}
