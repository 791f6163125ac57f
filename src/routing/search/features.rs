//! From a tensor inside a model to a row of numbers that a head can read.

use perforate_base::Result;
use perforate_onnx::{GraphBuilder, int_attribute, ints_attribute};

/// Most numbers that a head reads: fitting takes time that grows with their square.
const MOST: usize = 640;
/// The same where they are there to be read, and cannot be pooled.
const MOST_IN_A_ROW: usize = 1280;
/// Finest grid that an image is pooled to.
const FINEST: usize = 4;

/// How a tensor is pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// It is a row already: `[N, features]`.
    None,
    /// The mean over axis 1 of `[N, places, features]`.
    Mean,
    /// Means over tiles of this height and width of `[N, channels, height, width]`.
    Tiles(usize, usize),
    /// Means over all of `[N, channels, height, width]`.
    Global,
}

/// How a tensor of this shape is pooled, and to how many numbers; none if no head can read it.
pub fn pooling(shape: &[usize]) -> Option<(Pooling, usize)> {
    match *shape {
        [_, features] if features <= MOST_IN_A_ROW => Some((Pooling::None, features)),
        [_, places, features] if places > 0 && features <= MOST => Some((Pooling::Mean, features)),
        [_, channels, height, width] if height > 0 && width > 0 => {
            let grid = |parts: usize| {
                // The rest of a side that does not divide is left out.
                let tile = |side: usize| side / parts;
                let count = |side: usize| side / tile(side);
                (tile(height), tile(width), channels * count(height) * count(width))
            };
            let fits = |&parts: &usize| height.min(width) >= 2 * parts && grid(parts).2 <= MOST;
            match (2..=FINEST).rev().find(fits) {
                Some(parts) => {
                    let (tall, wide, features) = grid(parts);
                    Some((Pooling::Tiles(tall, wide), features))
                }
                None => (channels <= MOST).then_some((Pooling::Global, channels)),
            }
        }
        _ => None,
    }
}

/// Adds the pooling of `tensor` to a graph, under names that begin with `prefix`; returns the tensor `[N, features]`.
pub fn wire(
    graph: &mut GraphBuilder,
    prefix: &str,
    tensor: &str,
    pooling: Pooling,
) -> Result<String> {
    let name = |part: &str| format!("{prefix}/{part}");
    let flat = |graph: &mut GraphBuilder, pooled: &str| {
        graph.node_with("Flatten", &name("features"), &[pooled], vec![int_attribute("axis", 1)])
    };
    match pooling {
        Pooling::None => Ok(tensor.to_string()),
        Pooling::Mean => {
            let mean = graph.reduce("ReduceMean", &name("mean"), tensor, 1)?;
            flat(graph, &mean)
        }
        Pooling::Global => {
            let pooled = graph.node("GlobalAveragePool", &name("pool"), &[tensor])?;
            flat(graph, &pooled)
        }
        Pooling::Tiles(tall, wide) => {
            let size = [tall as i64, wide as i64];
            let attributes =
                vec![ints_attribute("kernel_shape", &size), ints_attribute("strides", &size)];
            let pooled = graph.node_with("AveragePool", &name("pool"), &[tensor], attributes)?;
            flat(graph, &pooled)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_as_fine_as_the_numbers_allow() {
        assert_eq!(pooling(&[1, 16, 28, 28]), Some((Pooling::Tiles(7, 7), 256)));
        assert_eq!(pooling(&[1, 48, 14, 14]), Some((Pooling::Tiles(4, 4), 432)));
        assert_eq!(pooling(&[1, 128, 4, 4]), Some((Pooling::Tiles(2, 2), 512)));
        assert_eq!(pooling(&[1, 320, 7, 7]), Some((Pooling::Global, 320)));
        assert_eq!(pooling(&[1, 12, 384]), Some((Pooling::Mean, 384)));
        assert_eq!(pooling(&[1, 7]), Some((Pooling::None, 7)));
        assert_eq!(pooling(&[1, 3, 4, 5, 6]), None);
        assert_eq!(pooling(&[1, 100_000]), None);
    }
}
