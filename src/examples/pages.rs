//! Writes pages of text in four rotations, for training: per page a byte each for its rotation, kind and wear, then its
//! pixels, 224 × 224 bytes.
//!
//! `cargo run --release --example pages -- SEED COUNT pages.raw`

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

use perforate::data::pages::{Faces, page};

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "say which pages to write, and where: SEED COUNT FILE";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seed, count, file] = &arguments[..] else { return Err(usage.into()) };
    write(seed.parse()?, count.parse()?, &mut BufWriter::new(File::create(file)?))
}

/// The first `count` pages of a seed.
pub fn write(seed: u64, count: u64, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/models/pages/glyphs.bin");
    let faces = Faces::read(file, &std::fs::read(file)?)?;
    for index in 0..count {
        let page = page(&faces, seed, index);
        out.write_all(&[page.label as u8, page.kind as u8, page.wear as u8])?;
        out.write_all(&page.pixels)?;
    }
    Ok(out.flush()?)
}
