//! Images and labels in the idx format of MNIST and Fashion-MNIST, gzipped or not.

use ndarray::ArrayD;

use crate::error::{Error, ErrorKind, Result};

use super::gunzip;

/// Reads images as `[n, 1, height, width]`, pixels scaled to 0…1. `name` stands in error messages.
pub fn read_images(name: &str, bytes: &[u8]) -> Result<ArrayD<f32>> {
    let (sizes, pixels) = read_idx(name, bytes, 3)?;
    let shape = vec![sizes[0], 1, sizes[1], sizes[2]];
    let values = pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
    ArrayD::from_shape_vec(shape, values).map_err(|e| fault(name, &e.to_string()))
}

/// Reads labels.
pub fn read_labels(name: &str, bytes: &[u8]) -> Result<Vec<usize>> {
    let (_, labels) = read_idx(name, bytes, 1)?;
    Ok(labels.into_iter().map(usize::from).collect())
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
    fn refuses_what_is_no_idx_file() {
        for bytes in [&b""[..], b"\x1f\x8b\x08damaged", &[0, 0, 8, 1, 0, 0, 0, 9, 1]] {
            let error = read_labels("labels.gz", bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data);
            assert!(error.to_string().starts_with("labels.gz: "), "{error}");
        }
    }
}
