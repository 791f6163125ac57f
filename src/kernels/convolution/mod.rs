//! f32 convolutions of images whose channels lie last, `[n, h, w, c]`: direct, by Winograd's algorithm, depthwise.
//!
//! The image is copied once into a frame of zeros as wide as the padding, which also puts channels last where they come
//! first. In the frame a row of the kernel is one stretch of numbers, so that the direct convolution is a
//! [`product`](crate::product) of as many taps, without a copy in columns.

mod cost;
mod depthwise;
mod direct;
mod frame;
mod geometry;
mod layout;
mod winograd;

use std::sync::OnceLock;

use crate::isa::Isa;
use crate::memory::Aligned;
use crate::product::{Activation, Finish};

pub use cost::Method;
use depthwise::Depthwise;
use direct::Direct;
use frame::Frame;
pub use geometry::{Geometry, Image};
pub use layout::{channels_first, channels_last};
use winograd::Winograd;

/// Memory of the loops, reused from call to call.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The image in its frame.
    frame: Aligned,
    /// Transformed tiles of the image.
    tiles: Aligned,
    /// Their products.
    products: Aligned,
    offsets: Vec<u32>,
}

/// A convolution with its weights in the order in which the loops read them.
#[derive(Debug)]
pub struct Convolution {
    isa: Isa,
    geometry: Geometry,
    /// `[outputs, inputs / groups, kernel height, kernel width]`.
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    activation: Activation,
    direct: OnceLock<Direct>,
    depthwise: OnceLock<Depthwise>,
    /// With tiles of two and of four results a side; none where four are not exact enough.
    winograd: [OnceLock<Option<Winograd>>; 2],
}

/// What a convolution reads beside its weights, and what follows.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The image.
    pub x: &'a [f32],
    /// Its sizes.
    pub image: Image,
    /// Whether channels come first, `[n, c, h, w]`.
    pub channels_first: bool,
    /// `[n, h, w, c]` of the result: added before the activation.
    pub residual: Option<&'a [f32]>,
}

impl Convolution {
    /// Prepares nothing yet: the weights are put into order at the first run, when the size of the image is known.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn new(
        isa: Isa,
        geometry: Geometry,
        weights: Vec<f32>,
        bias: Option<Vec<f32>>,
        activation: Activation,
    ) -> Convolution {
        let Geometry { inputs, outputs, groups, kernel, .. } = geometry;
        assert!(
            groups > 0 && inputs % groups == 0 && outputs % groups == 0,
            "groups of equal size"
        );
        assert_eq!(weights.len(), outputs * (inputs / groups) * kernel[0] * kernel[1], "weights");
        assert!(bias.as_ref().is_none_or(|bias| bias.len() == outputs), "a bias for each output");
        Convolution {
            isa,
            geometry,
            weights,
            bias,
            activation,
            direct: OnceLock::new(),
            depthwise: OnceLock::new(),
            winograd: [OnceLock::new(), OnceLock::new()],
        }
    }

    /// What it computes.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Writes the result, `[n, h, w, outputs]`, by the method that is expected to take the least time.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn run(&self, source: Source<'_>, scratch: &mut Scratch, y: &mut [f32]) {
        let method = Method::of(&self.geometry, self.isa, source.image);
        self.run_by(method, source, scratch, y);
    }

    /// The same by a method of choice; where it cannot serve, directly.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn run_by(&self, method: Method, source: Source<'_>, scratch: &mut Scratch, y: &mut [f32]) {
        let (geometry, image) = (&self.geometry, source.image);
        let [height, width] = geometry.result(image);
        let count = image.rows * height * width * geometry.outputs;
        assert_eq!(source.x.len(), image.rows * image.height * image.width * geometry.inputs, "x");
        assert_eq!(y.len(), count, "y");
        assert!(source.residual.is_none_or(|other| other.len() == count), "residual");
        if count == 0 {
            return;
        }
        let winograd = method.tile().and_then(|tile| self.winograd(tile));
        let frame = Frame::of(geometry, image, self.isa, winograd.map_or(1, Winograd::tile));
        let image_len = height * width * geometry.outputs;
        let at_once = frame.images_at_once();
        for first in (0..image.rows).step_by(at_once) {
            let rows = at_once.min(image.rows - first);
            let own = first * image_len..(first + rows) * image_len;
            let finish = Finish {
                bias: self.bias.as_deref(),
                residual: source.residual.map(|other| &other[own.clone()]),
                activation: self.activation,
            };
            let y = &mut y[own];
            let whole = frame.fill(source, first..first + rows, &mut scratch.frame);
            if let Some(winograd) = winograd {
                let memory = (&mut scratch.tiles, &mut scratch.products, &mut scratch.offsets);
                if winograd.run(whole, &frame, rows, finish, memory, y) {
                    continue;
                }
            }
            if geometry.is_depthwise() {
                self.depthwise().run(whole, &frame, rows, finish, y);
            } else {
                self.direct().run(whole, &frame, rows, finish, &mut scratch.offsets, y);
            }
        }
    }

    fn direct(&self) -> &Direct {
        self.direct.get_or_init(|| Direct::new(self.isa, &self.geometry, &self.weights))
    }

    fn depthwise(&self) -> &Depthwise {
        self.depthwise.get_or_init(|| Depthwise::new(self.isa, &self.geometry, &self.weights))
    }

    /// Winograd's algorithm, if it serves and is exact enough.
    fn winograd(&self, tile: usize) -> Option<&Winograd> {
        let place = match tile {
            2 => &self.winograd[0],
            4 => &self.winograd[1],
            _ => return None,
        };
        if !self.geometry.is_three_by_three() {
            return None;
        }
        let make = || Winograd::checked(self.isa, &self.geometry, &self.weights, tile);
        place.get_or_init(make).as_ref()
    }
}

#[cfg(test)]
mod tests;
