//! Gzipped files. Every reader of this room unpacks here, so that one limit holds for all of them.

use std::io::Read;

use perforate_base::{Error, ErrorKind, Result};

/// Largest content of a gzipped file, in bytes: ten times MNIST's training images.
pub const MAX_BYTES: u64 = 512 << 20;

/// The content of a file, unpacked if it is gzipped. `name` stands in error messages.
///
/// # Errors
/// `Data` if the file is damaged, or unpacks to more than [`MAX_BYTES`].
pub fn gunzip(name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    gunzip_within(name, bytes, MAX_BYTES)
}

fn gunzip_within(name: &str, bytes: &[u8], limit: u64) -> Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut plain = vec![];
    // One byte more than allowed tells a file of the limit's size from a larger one.
    let mut reader = flate2::read::GzDecoder::new(bytes).take(limit + 1);
    reader.read_to_end(&mut plain).map_err(|e| {
        let text = "the gzip file is damaged or truncated: fetch it again";
        Error::new(ErrorKind::Data, text).at(name).with_source(e)
    })?;
    if plain.len() as u64 > limit {
        let text = format!("it unpacks to more than {}: split it into smaller files", size(limit));
        return Err(Error::new(ErrorKind::Data, text).at(name));
    }
    Ok(plain)
}

/// A limit as people write it.
fn size(bytes: u64) -> String {
    if bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{bytes} bytes")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn content_beyond_the_limit_is_refused_not_cut() {
        let content = vec![7; 1001];
        let file = gzip(&content);
        assert_eq!(gunzip_within("a.gz", &file, 1001).unwrap(), content);
        let error = gunzip_within("a.gz", &file, 1000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        let text = error.to_string();
        assert_eq!(text, "a.gz: it unpacks to more than 1000 bytes: split it into smaller files.");
        assert_eq!(size(MAX_BYTES), "512 MiB");
    }

    #[test]
    fn damage_keeps_its_source() {
        let file = gzip(&[7; 1000]);
        let error = gunzip("a.gz", &file[..file.len() - 9]).unwrap_err();
        assert!(error.to_string().contains("damaged or truncated"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(gunzip("plain", b"text").unwrap(), b"text");
    }
}
