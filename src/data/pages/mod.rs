//! Pages of text in four rotations, drawn from a seed: inputs for a network that tells which way up a page is.
//!
//! A page is a pure function of a seed and an index. Everything is computed with whole numbers and with +, −, ×, ÷ and
//! floor of f64, so that every machine, and `models/train/pages.py`, draws the same bytes.
//!
//! Characters are small pictures of three DejaVu faces (`models/pages/glyphs.bin`, written by `models/train/glyphs.py`). They are
//! scaled by exact integration over each pixel. A page is a crop of a sheet: prose in columns, a letter, a table, a few
//! lines, a figure with text, or a card. It is skewed a little, unevenly lit, blurred and noisy to a random degree, and
//! turned by 0, 90, 180 or 270 degrees.

mod faces;
mod kinds;
mod random;
mod sheet;
#[cfg(test)]
mod tests;
mod wear;

use ndarray::ArrayD;

use perforate_base::Result;
use perforate_engine::Batch;

use crate::samples::Samples;

use faces::{SANS, SERIF};
use kinds::{card, few_lines, figure, letter, prose, table};
use random::Random;
use sheet::{Sheet, Style};
use wear::{scanned, turned};

pub use faces::Faces;

/// Pixels on each side of a page.
pub const SIDE: usize = 224;
/// What lies on a page; [`Page::kind`] is an index.
pub const KINDS: [&str; 6] = ["prose", "letter", "table", "few lines", "figure", "card"];

/// Half of the side.
const MIDDLE: f64 = SIDE as f64 / 2.0;
/// A page.
#[derive(Debug, Clone)]
pub struct Page {
    /// Brightness, line by line, [`SIDE`] × [`SIDE`].
    pub pixels: Vec<u8>,
    /// 0 upright, 1 turned by 90 degrees, 2 by 180, 3 by 270.
    pub label: usize,
    /// What lies on it, an index of [`KINDS`].
    pub kind: usize,
    /// 0 clean, 1 as scanned, 2 bad.
    pub wear: usize,
}

impl Page {
    /// Brightness from 0 to 1.
    pub fn values(&self) -> Vec<f32> {
        self.pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect()
    }
}

/// The first `count` pages of a seed as samples: input `x`, `[count, 1, 224, 224]`, kept as bytes; the label is the rotation.
///
/// # Errors
/// `Data` with no page.
pub fn samples(faces: &Faces, seed: u64, count: usize) -> Result<Samples> {
    let (mut pixels, mut labels) = (Vec::with_capacity(count * SIDE * SIDE), vec![]);
    for index in 0..count as u64 {
        let page = page(faces, seed, index);
        pixels.extend(page.pixels);
        labels.push(page.label);
    }
    let image = |pixels| ArrayD::from_shape_vec(vec![count, 1, SIDE, SIDE], pixels);
    let x = image(pixels).unwrap_or_else(|_| ArrayD::zeros(vec![0, 1, SIDE, SIDE]));
    Samples::of_bytes(Batch::new().with("x", x), Some(labels))
}

/// Page number `index` of this seed.
pub fn page(faces: &Faces, seed: u64, index: u64) -> Page {
    let mut random = Random(
        seed.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ index.wrapping_mul(0x8cb9_2ba7_2f3d_8dd7),
    );
    random.next();
    let label = random.below(4);
    let kind = match random.below(100) {
        0..=41 => 0,
        42..=55 => 1,
        56..=69 => 2,
        70..=81 => 3,
        82..=91 => 4,
        _ => 5,
    };
    let wear = match random.below(100) {
        0..=54 => 0,
        55..=86 => 1,
        _ => 2,
    };
    let level = wear as f64;
    let slope = random.between(-0.012, 0.012) * (1.0 + 2.0 * level);
    let mut sheet = Sheet { faces, ink: vec![0.0; SIDE * SIDE], slope };
    let face = if random.chance(50) { SERIF } else { SANS };
    let size =
        random.between(5.0, 9.0) + if random.chance(35) { random.between(0.0, 6.0) } else { 0.0 };
    let style = Style {
        face,
        size,
        leading: size * random.between(1.1, 1.7),
        align: if random.chance(50) { 1 } else { 0 },
        capitals: random.chance(4),
        dark: random.between(0.8, 1.0),
    };
    match kind {
        0 => prose(&mut random, &mut sheet, style),
        1 => letter(&mut random, &mut sheet, style),
        2 => table(&mut random, &mut sheet, style),
        3 => few_lines(&mut random, &mut sheet, style),
        4 => figure(&mut random, &mut sheet, style),
        _ => card(&mut random, &mut sheet, style),
    }
    let pixels = turned(&scanned(&mut random, &sheet.ink, wear), label);
    Page { pixels, label, kind, wear }
}
