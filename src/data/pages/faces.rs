//! The characters, and the words that lines are made of.

use perforate_base::{Error, ErrorKind, Result};

/// Faces in the file.
pub(super) const SERIF: usize = 0;
pub(super) const SANS: usize = 1;
pub(super) const BOLD: usize = 2;
/// Words that lines are made of.
pub(super) const WORDS: &str = "the of and to in is that for it as was with be by on not he his but at are this have from or had \
    an they which one you were her all she there would their we him been has when who will more no if out so said what \
    up its about into than them can only other new some could time these two may then do first any my now such like our \
    over man me even most made after also did many before must through back years where much your way well down should \
    because each just those people how too little state good very make world still own see men work long get here \
    between both life being under never day same another know while last might us great old year off come since against \
    go came right used take three himself few house use during without again place around however home small found \
    thought went say part once general high upon school every does got united left number course war until always away \
    something fact water less public put think almost hand enough far took head yet government system better set told \
    nothing night end why called eyes find going look asked later knew point next program city business give group \
    toward young days let room side social present given several order national possible rather second face per among \
    form important often things looked early white case become large big need four within felt along children saw best";

/// The picture of a character, as sums over its pixels from the origin: `sums[y * (width + 1) + x]`.
#[derive(Debug)]
pub(super) struct Glyph {
    pub(super) advance: f64,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) sums: Vec<u32>,
}

/// The faces, read from the file once, and the words.
#[derive(Debug)]
pub struct Faces {
    pub(super) size: f64,
    pub(super) glyphs: Vec<Glyph>,
    pub(super) words: Vec<&'static str>,
}

/// Printable ASCII characters, from 32 on.
pub(super) const CHARACTERS: usize = 95;

impl Faces {
    /// Reads them from the content of `glyphs.bin`, which `name` stands for in messages.
    ///
    /// # Errors
    /// `Data` where the file is damaged or another one.
    pub fn read(name: &str, file: &[u8]) -> Result<Faces> {
        let damaged = || {
            let text = "this is no file of characters, or it is damaged: fetch it again";
            Error::new(ErrorKind::Data, text).at(name)
        };
        let (&[count, size], mut rest) = file.split_first_chunk().ok_or_else(damaged)?;
        if usize::from(count) <= BOLD {
            return Err(damaged());
        }
        let mut glyphs = vec![];
        for _ in 0..CHARACTERS * usize::from(count) {
            let (head, pixels) = rest.split_first_chunk::<6>().ok_or_else(damaged)?;
            let (width, height) = (usize::from(head[4]), usize::from(head[5]));
            let (pixels, others) =
                pixels.split_at_checked((width * height).div_ceil(2)).ok_or_else(damaged)?;
            rest = others;
            let pixel = |ix: usize| u32::from(pixels[ix / 2] >> (4 * (ix % 2)) & 15);
            let mut sums = vec![0; (width + 1) * (height + 1)];
            for y in 0..height {
                let mut row = 0;
                for x in 0..width {
                    row += pixel(y * width + x);
                    sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
                }
            }
            glyphs.push(Glyph {
                advance: f64::from(u16::from_le_bytes([head[0], head[1]])) / 64.0,
                left: f64::from(head[2] as i8),
                top: f64::from(head[3] as i8),
                width,
                height,
                sums,
            });
        }
        let words = WORDS.split_ascii_whitespace().collect();
        Ok(Faces { size: f64::from(size), glyphs, words })
    }

    pub(super) fn glyph(&self, face: usize, code: u8) -> &Glyph {
        &self.glyphs[CHARACTERS * face + usize::from(code) - 32]
    }

    /// Width of a text of this size.
    pub(super) fn width(&self, face: usize, size: f64, text: &str) -> f64 {
        let advances: f64 = text.bytes().map(|code| self.glyph(face, code).advance).sum();
        advances * (size / self.size)
    }
}

/// Sum of a glyph's pixels above and left of a point between pixels.
pub(super) fn sum_to(glyph: &Glyph, x: f64, y: f64) -> f64 {
    let x = x.max(0.0).min(glyph.width as f64);
    let y = y.max(0.0).min(glyph.height as f64);
    let (i, j) = (x.floor(), y.floor());
    let (u, v) = (x - i, y - j);
    let (i, j) = (i as usize, j as usize);
    let (right, below) = ((i + 1).min(glyph.width), (j + 1).min(glyph.height));
    let at = |x: usize, y: usize| f64::from(glyph.sums[y * (glyph.width + 1) + x]);
    (at(i, j) * (1.0 - u) + at(right, j) * u) * (1.0 - v)
        + (at(i, below) * (1.0 - u) + at(right, below) * u) * v
}
