//! From channels first to channels last, and back.

/// Channels that are moved together: as many as numbers of a line of the cache.
const BLOCK: usize = 16;

/// Puts pixels whose channels lie `plane` apart behind one another, `pixel` numbers for each: zeros behind the channels.
pub(super) fn gather(from: &[f32], plane: usize, channels: usize, to: &mut [f32], pixel: usize) {
    for first in (0..channels).step_by(BLOCK) {
        let count = BLOCK.min(channels - first);
        for (ix, to) in to.chunks_exact_mut(pixel).enumerate() {
            for (channel, y) in to[first..first + count].iter_mut().enumerate() {
                *y = from[(first + channel) * plane + ix];
            }
        }
    }
    if pixel > channels {
        to.chunks_exact_mut(pixel).for_each(|to| to[channels..].fill(0.0));
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
        for first in (0..a).step_by(BLOCK) {
            let count = BLOCK.min(a - first);
            for (ix, y) in y.chunks_exact_mut(a).enumerate() {
                for (row, y) in y[first..first + count].iter_mut().enumerate() {
                    *y = x[(first + row) * b + ix];
                }
            }
        }
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
