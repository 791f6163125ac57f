//! Images and labels in the idx format of MNIST and Fashion-MNIST, gzipped or not.

use ndarray::ArrayD;

use perforate_base::{Error, ErrorKind, Result};

use super::gzip::gunzip;

/// Reads images as `[n, 1, height, width]`, pixels scaled to 0…1. `name` stands in error messages.
pub fn read_images(name: &str, bytes: &[u8]) -> Result<ArrayD<f32>> {
    let (sizes, pixels) = read_idx(name, bytes, 3)?;
    let shape = vec![sizes[0], 1, sizes[1], sizes[2]];
    let values = pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
    ArrayD::from_shape_vec(shape, values).map_err(|e| fault(name, &e.to_string()).with_source(e))
}

/// Reads labels.
pub fn read_labels(name: &str, bytes: &[u8]) -> Result<Vec<usize>> {
    let (_, labels) = read_idx(name, bytes, 1)?;
    Ok(labels.into_iter().map(usize::from).collect())
}

/// Share of an image's side that a drawing fills, as digits do in MNIST: 20 of 28 pixels.
const FILLED: f64 = 20.0 / 28.0;

/// A drawing as an image `[1, 1, height, width]` of pixels in 0…1: what is drawn, scaled to 20 of 28 parts of the image and
/// with its centre of mass in the middle, as MNIST's digits were made (LeCun et al. 1998). `grey` are pixels in rows of
/// `width`, 0 where nothing is drawn.
pub fn centred(grey: &[u8], width: usize, size: (usize, usize)) -> Result<ArrayD<f32>> {
    let empty = || Error::new(ErrorKind::Input, "nothing is drawn yet");
    if width == 0 || grey.is_empty() || !grey.len().is_multiple_of(width) {
        let text = format!("{} pixels are no rows of {width}", grey.len());
        return Err(Error::new(ErrorKind::Input, text));
    }
    let at = |x: usize, y: usize| f64::from(grey[y * width + x]);
    let drawn: Vec<(usize, usize)> = (0..grey.len())
        .map(|ix| (ix % width, ix / width))
        .filter(|&(x, y)| grey[y * width + x] > 0)
        .collect();
    let span = |of: &dyn Fn(&(usize, usize)) -> usize| {
        let (low, high) = (drawn.iter().map(of).min()?, drawn.iter().map(of).max()?);
        Some((low as f64, (high - low + 1) as f64))
    };
    let (left, wide) = span(&|p| p.0).ok_or_else(empty)?;
    let (top, high) = span(&|p| p.1).ok_or_else(empty)?;
    let mass: f64 = drawn.iter().map(|&(x, y)| at(x, y)).sum();
    let centre = |of: &dyn Fn(&(usize, usize)) -> usize| -> f64 {
        drawn.iter().map(|p| (of(p) as f64 + 0.5) * at(p.0, p.1)).sum::<f64>() / mass
    };
    let (middle_x, middle_y) = (centre(&|p| p.0), centre(&|p| p.1));
    // Pixels of the drawing for one of the image.
    let scale = (wide / size.1 as f64).max(high / size.0 as f64) / FILLED;
    let (end_x, end_y) = (left + wide, top + high);
    let image = ArrayD::from_shape_fn(vec![1, 1, size.0, size.1], |ix| {
        // The mean of the drawing under the pixel.
        let from = |index: usize, side: usize, middle: f64| {
            middle + (index as f64 - side as f64 / 2.0) * scale
        };
        let (x0, y0) = (from(ix[3], size.1, middle_x), from(ix[2], size.0, middle_y));
        let cells = |start: f64, low: f64, end: f64| {
            let (first, last) = (start.max(low), (start + scale).min(end));
            (first.floor() as usize..last.ceil().max(0.0) as usize).map(move |cell| {
                let share = ((cell + 1) as f64).min(last) - (cell as f64).max(first);
                (cell, share.max(0.0))
            })
        };
        let mut sum = 0.0;
        for (y, part_y) in cells(y0, top, end_y) {
            for (x, part_x) in cells(x0, left, end_x) {
                sum += at(x, y) * part_x * part_y;
            }
        }
        (sum / (scale * scale) / 255.0) as f32
    });
    Ok(image)
}

fn fault(name: &str, text: &str) -> Error {
    Error::new(ErrorKind::Data, text).at(name)
}

/// The sizes and bytes of an idx file of unsigned bytes with `rank` axes.
fn read_idx(name: &str, bytes: &[u8], rank: usize) -> Result<(Vec<usize>, Vec<u8>)> {
    let plain = gunzip(name, bytes)?;
    let header = 4 + 4 * rank;
    if plain.len() < header || plain[..3] != [0, 0, 8] || usize::from(plain[3]) != rank {
        return Err(fault(name, &format!("this is not an idx file of bytes with {rank} axes")));
    }
    let sizes: Vec<usize> = plain[4..header]
        .chunks_exact(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
        .collect();
    let expected = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    if expected != Some(plain.len() - header) {
        return Err(fault(
            name,
            &format!("the header says {sizes:?}, but {} bytes follow", plain.len() - header),
        ));
    }
    Ok((sizes, plain[header..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pixels_in_order_and_scaled() {
        let mut file = vec![0, 0, 8, 3];
        [2u32, 1, 2].iter().for_each(|n| file.extend(n.to_be_bytes()));
        file.extend([0, 51, 102, 255]);
        let images = read_images("x", &file).unwrap();
        assert_eq!(images.shape(), [2, 1, 1, 2]);
        assert_eq!(images.as_slice().unwrap(), [0.0, 0.2, 0.4, 1.0]);
    }

    #[test]
    fn a_drawing_is_scaled_and_centred() {
        // A bar of 40 × 200 in a corner of 280 × 280: 20 pixels high and 4 wide, in the middle.
        let grey: Vec<u8> = (0..280 * 280)
            .map(|ix| if ix % 280 < 40 && ix / 280 < 200 { 255 } else { 0 })
            .collect();
        let image = centred(&grey, 280, (28, 28)).unwrap();
        let lit = image.iter().filter(|v| **v > 0.99).count();
        assert_eq!((lit, image.sum().round()), (80, 80.0));
        assert_eq!(
            (image[[0, 0, 4, 12]], image[[0, 0, 3, 12]], image[[0, 0, 4, 11]]),
            (1.0, 0.0, 0.0)
        );
        for (grey, width) in [(&[0u8; 9][..], 3), (&[1; 10], 3), (&[], 3), (&[1; 4], 0)] {
            assert!(centred(grey, width, (28, 28)).is_err(), "{} of {width}", grey.len());
        }
    }

    #[test]
    fn refuses_what_is_no_idx_file() {
        for bytes in [&b""[..], b"\x1f\x8b\x08damaged", &[0, 0, 8, 1, 0, 0, 0, 9, 1]] {
            let error = read_labels("labels.gz", bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data);
            assert!(error.to_string().starts_with("labels.gz: "), "{error}");
        }
    }
}
