//! Which method is expected to take the least time.

use crate::isa::Isa;

use super::geometry::{Geometry, Image};

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As it is defined.
    Direct,
    /// By Winograd's algorithm, with tiles of so many results a side: two or four.
    Winograd(usize),
}

impl Method {
    /// The one for an image of this size. How many images there are makes no difference: an image has the same results, to
    /// the last bit, alone and in a batch.
    pub fn of(geometry: &Geometry, isa: Isa, image: Image) -> Method {
        if !geometry.is_three_by_three() || geometry.inputs < isa.lanes() {
            return Method::Direct;
        }
        let all = [Method::Direct, Method::Winograd(2), Method::Winograd(4)];
        let time = |method: &Method| method.time(geometry, isa, image);
        all.into_iter().min_by(|a, b| time(a).total_cmp(&time(b))).unwrap_or(Method::Direct)
    }

    /// Results of a tile a side, for Winograd's algorithm.
    pub(super) fn tile(self) -> Option<usize> {
        match self {
            Method::Direct => None,
            Method::Winograd(tile) => Some(tile),
        }
    }

    /// Steps of the processor, roughly.
    fn time(self, geometry: &Geometry, isa: Isa, image: Image) -> f64 {
        let lanes = isa.lanes() as f64;
        let [height, width] = geometry.result(image);
        let (inputs, outputs) = (geometry.inputs as f64, geometry.outputs as f64);
        let (rows, places, moved) = match self {
            Method::Direct => ((height * width) as f64, 9.0, 0.0),
            Method::Winograd(tile) => {
                let tiles = height.div_ceil(tile) * width.div_ceil(tile);
                let places = ((tile + 2) * (tile + 2)) as f64;
                // Each number of a tile is read, transformed in two directions, written, and read again.
                (tiles as f64, places, tiles as f64 * places * (inputs + outputs) / lanes)
            }
        };
        let products = rows * places * inputs * outputs / lanes;
        let weights = places * inputs * outputs;
        let far = (weights - NEAR).max(0.0);
        products * PRODUCT + moved * MOVE + weights * WEIGHT + far * FAR
    }
}

/// Steps for a vector of products, for a vector of a tile's numbers, for a weight that is read from the last cache.
const PRODUCT: f64 = 0.5;
const MOVE: f64 = 3.0;
const WEIGHT: f64 = 0.2;
/// How many weights stay in the last-level cache, and the extra steps for each that must come from memory.
const NEAR: f64 = 2e6;
const FAR: f64 = 0.5;
