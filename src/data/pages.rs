//! Pages of text in four rotations, drawn from a seed: inputs for a network that tells which way up a page is.
//!
//! A page is a pure function of a seed and an index. Everything is computed with whole numbers and with +, −, ×, ÷ and
//! floor of f64, so that every machine, and `models/train/pages.py`, draws the same bytes.
//!
//! Characters are small pictures of three DejaVu faces (`models/pages/glyphs.bin`, written by `models/train/glyphs.py`). They are
//! scaled by exact integration over each pixel. A page is a crop of a sheet: prose in columns, a letter, a table, a few
//! lines, a figure with text, or a card. It is skewed a little, unevenly lit, blurred and noisy to a random degree, and
//! turned by 0, 90, 180 or 270 degrees.

use ndarray::ArrayD;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::Batch;

use crate::samples::Samples;

/// Pixels on each side of a page.
pub const SIDE: usize = 224;
/// What lies on a page; [`Page::kind`] is an index.
pub const KINDS: [&str; 6] = ["prose", "letter", "table", "few lines", "figure", "card"];

/// Half of the side.
const MIDDLE: f64 = SIDE as f64 / 2.0;
/// Faces in the file.
const SERIF: usize = 0;
const SANS: usize = 1;
const BOLD: usize = 2;
/// Words that lines are made of.
const WORDS: &str = "the of and to in is that for it as was with be by on not he his but at are this have from or had \
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

/// A generator of random numbers: SplitMix64.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `count`.
    fn below(&mut self, count: usize) -> usize {
        (((self.next() >> 32) * count as u64) >> 32) as usize
    }

    /// Whether something happens that does so in `percent` of the cases.
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A number from `low` to `high`.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0))
    }
}

/// The picture of a character, as sums over its pixels from the origin: `sums[y * (width + 1) + x]`.
#[derive(Debug)]
struct Glyph {
    advance: f64,
    left: f64,
    top: f64,
    width: usize,
    height: usize,
    sums: Vec<u32>,
}

/// The faces, read from the file once, and the words.
#[derive(Debug)]
pub struct Faces {
    size: f64,
    glyphs: Vec<Glyph>,
    words: Vec<&'static str>,
}

/// Printable ASCII characters, from 32 on.
const CHARACTERS: usize = 95;

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

    fn glyph(&self, face: usize, code: u8) -> &Glyph {
        &self.glyphs[CHARACTERS * face + usize::from(code) - 32]
    }

    /// Width of a text of this size.
    fn width(&self, face: usize, size: f64, text: &str) -> f64 {
        let advances: f64 = text.bytes().map(|code| self.glyph(face, code).advance).sum();
        advances * (size / self.size)
    }
}

/// Sum of a glyph's pixels above and left of a point between pixels.
fn sum_to(glyph: &Glyph, x: f64, y: f64) -> f64 {
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

/// A sheet that is being printed on.
struct Sheet<'a> {
    faces: &'a Faces,
    /// How much of each pixel is ink, from 0 to 1.
    ink: Vec<f64>,
    /// Rise of lines to the right.
    slope: f64,
}

/// How a paragraph is set.
#[derive(Debug, Clone, Copy)]
struct Style {
    face: usize,
    size: f64,
    /// Distance of lines.
    leading: f64,
    /// 0 left, 1 justified, 2 centred, 3 right.
    align: usize,
    capitals: bool,
    dark: f64,
}

impl Sheet<'_> {
    fn mark(&mut self, x: usize, y: usize, cover: f64) {
        let ink = &mut self.ink[y * SIDE + x];
        *ink = *ink + cover * (1.0 - *ink);
    }

    /// Where a point of the straight sheet lies on the skewed one.
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (x - self.slope * (y - MIDDLE), y + self.slope * (x - MIDDLE))
    }

    /// A rectangle without skew, as a part of which larger things are made.
    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, dark: f64) {
        let clip = |at: f64| at.max(0.0).min(SIDE as f64);
        let (x0, x1, y0, y1) = (clip(x), clip(x + width), clip(y), clip(y + height));
        for row in y0.floor() as usize..(y1 + 1.0).floor().min(SIDE as f64) as usize {
            let tall = (y1.min(row as f64 + 1.0) - y0.max(row as f64)).max(0.0);
            for column in x0.floor() as usize..(x1 + 1.0).floor().min(SIDE as f64) as usize {
                let wide = (x1.min(column as f64 + 1.0) - x0.max(column as f64)).max(0.0);
                self.mark(column, row, tall * wide * dark);
            }
        }
    }

    /// A line, from pieces.
    fn rule(&mut self, x: f64, y: f64, length: f64, upright: bool, thick: f64, dark: f64) {
        let mut at = 0.0;
        while at < length {
            let piece = (length - at).min(4.0);
            if upright {
                let (x, y) = self.place(x, y + at);
                self.rectangle(x, y, thick, piece, dark);
            } else {
                let (x, y) = self.place(x + at, y);
                self.rectangle(x, y, piece, thick, dark);
            }
            at += 4.0;
        }
    }

    /// A picture: blocks of random shades.
    fn picture(&mut self, random: &mut Random, x: f64, y: f64, width: f64, height: f64) {
        let (x, y) = self.place(x, y);
        let (low, high) = (random.between(0.05, 0.4), random.between(0.4, 0.9));
        let (columns, rows) = (1 + random.below(9), 1 + random.below(9));
        let (wide, tall) = (width / columns as f64, height / rows as f64);
        for row in 0..rows {
            for column in 0..columns {
                let dark = random.between(low, high);
                self.rectangle(x + wide * column as f64, y + tall * row as f64, wide, tall, dark);
            }
        }
    }

    /// A text on the baseline `y`; returns where it ends.
    fn text(&mut self, style: Style, x: f64, y: f64, text: &str) -> f64 {
        let (faces, scale) = (self.faces, style.size / self.faces.size);
        let mut x = x;
        for code in text.bytes() {
            let glyph = faces.glyph(style.face, code);
            let (at_x, at_y) = self.place(x, y);
            let (left, top) = (at_x + glyph.left * scale, at_y + glyph.top * scale);
            let (right, bottom) =
                (left + glyph.width as f64 * scale, top + glyph.height as f64 * scale);
            let clip = |at: f64| at.max(0.0).min(SIDE as f64) as usize;
            let columns = clip(left.floor())..clip((right + 1.0).floor());
            for row in clip(top.floor())..clip((bottom + 1.0).floor()) {
                let v0 = (row as f64 - top) / scale;
                let v1 = (row as f64 + 1.0 - top) / scale;
                for column in columns.clone() {
                    let u0 = (column as f64 - left) / scale;
                    let u1 = (column as f64 + 1.0 - left) / scale;
                    let sum = sum_to(glyph, u1, v1) - sum_to(glyph, u0, v1) - sum_to(glyph, u1, v0)
                        + sum_to(glyph, u0, v0);
                    let cover = (sum * scale * scale / 15.0).clamp(0.0, 1.0);
                    self.mark(column, row, cover * style.dark);
                }
            }
            x += glyph.advance * scale;
        }
        x
    }

    /// Lines of random words in a column; `last` is how much of the last line is full. Returns the next baseline.
    fn paragraph(
        &mut self,
        random: &mut Random,
        style: Style,
        (x, y, width): (f64, f64, f64),
        lines: usize,
        last: f64,
    ) -> f64 {
        let space = self.faces.width(style.face, style.size, " ");
        let mut y = y;
        let mut start = true;
        let mut next = word(self.faces, random, style, &mut start);
        for line in 0..lines {
            let room = if line + 1 == lines { width * last } else { width };
            let (mut words, mut used) = (vec![], 0.0);
            loop {
                let long = self.faces.width(style.face, style.size, &next);
                if !words.is_empty() && used + space + long > room {
                    break;
                }
                used += if words.is_empty() { long } else { space + long };
                words.push(std::mem::replace(
                    &mut next,
                    word(self.faces, random, style, &mut start),
                ));
            }
            let spare = (width - used).max(0.0);
            let full = line + 1 < lines && words.len() > 1;
            let (mut at, gap) = match style.align {
                1 if full => (x, space + spare / (words.len() - 1) as f64),
                2 => (x + spare / 2.0, space),
                3 => (x + spare, space),
                _ => (x, space),
            };
            if y > -style.size && y < SIDE as f64 + 2.0 * style.size {
                for word in &words {
                    at = self.text(style, at, y, word) + gap;
                }
            }
            y += style.leading;
        }
        y
    }
}

/// A word; `start` tells whether a sentence begins.
fn word(faces: &Faces, random: &mut Random, style: Style, start: &mut bool) -> String {
    let mut word = faces.words[random.below(faces.words.len())].to_string();
    let kind = random.below(100);
    if kind < 6 {
        word = (0..1 + random.below(5)).map(|_| (b'0' + random.below(10) as u8) as char).collect();
    } else if *start || kind < 14 || style.capitals {
        let count = if style.capitals { word.len() } else { 1 };
        word = word[..count].to_ascii_uppercase() + &word[count..];
    }
    *start = kind >= 92;
    match kind {
        92.. => word + ".",
        86..=91 => word + ",",
        _ => word,
    }
}

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

/// A heading: larger, perhaps bold, capital or centred.
fn heading(random: &mut Random, style: Style) -> Style {
    let size = style.size * random.between(1.2, 2.2);
    Style {
        face: if random.chance(60) { BOLD } else { style.face },
        size,
        leading: size * 1.3,
        align: if random.chance(40) { 2 } else { 0 },
        capitals: random.chance(25),
        ..style
    }
}

/// Columns of paragraphs, with headings between.
fn prose(random: &mut Random, sheet: &mut Sheet, style: Style) {
    let columns = if style.size < 8.0 { 1 + random.below(3) } else { 1 };
    let (left, right) = (random.between(-6.0, 30.0), random.between(-6.0, 30.0));
    let gutter = random.between(8.0, 16.0);
    let wide = (SIDE as f64 - left - right - gutter * (columns - 1) as f64) / columns as f64;
    let top =
        if random.chance(50) { random.between(-12.0, 6.0) } else { random.between(6.0, 60.0) };
    let end = if random.chance(70) { SIDE as f64 + 12.0 } else { random.between(90.0, 220.0) };
    let (gap, indent) = (random.between(0.0, 1.2) * style.leading, random.chance(40));
    let longest = 3 + random.below(12);
    for column in 0..columns {
        let x = left + (wide + gutter) * column as f64;
        let mut y = top + style.size;
        while y < end {
            if random.chance(15) {
                let heading = heading(random, style);
                y += heading.size * 0.6;
                y = sheet.paragraph(random, heading, (x, y, wide), 1, 0.9);
            }
            let lines = 1 + random.below(longest);
            let shift = if indent && lines > 1 { style.size * 1.5 } else { 0.0 };
            if shift > 0.0 {
                y = sheet.paragraph(random, style, (x + shift, y, wide - shift), 1, 1.0);
            }
            let last = random.between(0.15, 1.0);
            y = sheet.paragraph(random, style, (x, y, wide), lines, last) + gap;
        }
    }
}

/// Sender, date, address, text, and a name.
fn letter(random: &mut Random, sheet: &mut Sheet, style: Style) {
    let left = random.between(4.0, 30.0);
    let wide = SIDE as f64 - 2.0 * left;
    let mut y = random.between(4.0, 30.0) + style.size;
    if random.chance(50) {
        let heading = heading(random, style);
        y = sheet.paragraph(random, heading, (left, y, wide), 1, 0.7) + style.leading;
    }
    for _ in 0..1 + random.below(2) {
        let block = wide * random.between(0.3, 0.5);
        let x = if random.chance(40) { left + wide - block } else { left };
        let address = Style { align: 0, ..style };
        for _ in 0..1 + random.below(4) {
            let last = random.between(0.4, 1.0);
            y = sheet.paragraph(random, address, (x, y, block), 1, last);
        }
        y += style.leading;
    }
    for _ in 0..1 + random.below(3) {
        let (lines, last) = (1 + random.below(6), random.between(0.2, 0.9));
        y = sheet.paragraph(random, style, (left, y, wide), lines, last) + style.leading * 0.6;
    }
    y += style.leading;
    sheet.paragraph(random, Style { align: 0, ..style }, (left, y, wide * 0.4), 2, 0.8);
}

/// Rows and columns of words and numbers, with rules or without.
fn table(random: &mut Random, sheet: &mut Sheet, style: Style) {
    let (columns, rows) = (2 + random.below(5), 3 + random.below(20));
    let left = random.between(0.0, 24.0);
    let wide = (SIDE as f64 - 2.0 * left) / columns as f64;
    let tall = style.leading * random.between(1.0, 1.5);
    let (across, upright) = (random.chance(60), random.chance(35));
    let mut y = random.between(2.0, 40.0) + style.size;
    if random.chance(50) {
        let heading = heading(random, style);
        y = sheet.paragraph(random, heading, (left, y, SIDE as f64 - 2.0 * left), 1, 0.8) + tall;
    }
    let top = y - style.size;
    let numbers: Vec<bool> = (0..columns).map(|column| column > 0 && random.chance(45)).collect();
    let mut start = true;
    for row in 0..rows {
        for (column, &number) in numbers.iter().enumerate() {
            let x = left + wide * column as f64 + 2.0;
            let cell = Style { face: if row == 0 { BOLD } else { style.face }, align: 0, ..style };
            if number && row > 0 {
                let digits = 1 + random.below(5);
                let text: String =
                    (0..digits).map(|_| (b'0' + random.below(10) as u8) as char).collect();
                let long = sheet.faces.width(style.face, style.size, &text);
                sheet.text(cell, x + wide - 6.0 - long, y, &text);
            } else {
                let text = word(sheet.faces, random, cell, &mut start);
                sheet.text(cell, x, y, &text);
            }
        }
        if across || row == 0 {
            sheet.rule(left, y + style.size * 0.35, wide * columns as f64, false, 0.7, 0.8);
        }
        y += tall;
    }
    if upright {
        for column in 0..=columns {
            sheet.rule(
                left + wide * column as f64,
                top,
                y - top - tall + style.size * 0.4,
                true,
                0.7,
                0.8,
            );
        }
    }
}

/// One to six lines on an empty sheet, small or large.
fn few_lines(random: &mut Random, sheet: &mut Sheet, style: Style) {
    let size = random.between(7.0, 24.0);
    let face = random.below(3);
    let own = Style {
        face,
        size,
        leading: size * random.between(1.1, 1.8),
        capitals: random.chance(20),
        ..style
    };
    let align = [0, 2, 3][random.below(3)];
    let lines = 1 + random.below(6);
    let wide = random.between(90.0, 200.0);
    let x = random.between(4.0, SIDE as f64 - wide);
    let y = random.between(size, (SIDE as f64 - own.leading * lines as f64).max(size + 1.0));
    let last = random.between(0.3, 1.0);
    sheet.paragraph(random, Style { align, ..own }, (x, y, wide), lines, last);
}

/// A picture with a caption, and text above, below or beside.
fn figure(random: &mut Random, sheet: &mut Sheet, style: Style) {
    let left = random.between(2.0, 24.0);
    let wide = SIDE as f64 - 2.0 * left;
    let tall = random.between(40.0, 120.0);
    let mut y = random.between(0.0, 16.0) + style.size;
    if random.chance(60) {
        let (lines, last) = (1 + random.below(8), random.between(0.2, 1.0));
        y = sheet.paragraph(random, style, (left, y, wide), lines, last);
    }
    if random.chance(50) {
        let part = wide * random.between(0.35, 0.6);
        let lines = (tall / style.leading) as usize;
        let right = random.chance(50);
        let (picture, text) =
            if right { (left + wide - part, left) } else { (left, left + part + 6.0) };
        sheet.picture(random, picture, y - style.size, part, tall);
        sheet.paragraph(random, style, (text, y, wide - part - 6.0), lines, 1.0);
        y += tall + style.leading;
    } else {
        let inner = wide * random.between(0.5, 1.0);
        sheet.picture(random, left + (wide - inner) / 2.0, y - style.size, inner, tall);
        y += tall + style.leading * 0.4;
        let caption = Style { size: style.size * 0.9, align: 2, ..style };
        let last = random.between(0.4, 1.0);
        y = sheet.paragraph(random, caption, (left, y, wide), 1, last) + style.leading * 0.6;
    }
    while y < SIDE as f64 + style.size {
        let (lines, last) = (1 + random.below(8), random.between(0.2, 1.0));
        y = sheet.paragraph(random, style, (left, y, wide), lines, last) + style.leading * 0.5;
    }
}

/// A card: a frame, a photograph, and names with values.
fn card(random: &mut Random, sheet: &mut Sheet, style: Style) {
    let (left, top) = (random.between(6.0, 30.0), random.between(20.0, 60.0));
    let (wide, tall) = (SIDE as f64 - 2.0 * left, SIDE as f64 - 2.0 * top);
    for (x, y, length, upright) in [
        (left, top, wide, false),
        (left, top + tall, wide, false),
        (left, top, tall, true),
        (left + wide, top, tall, true),
    ] {
        sheet.rule(x, y, length, upright, 0.8, 0.7);
    }
    let photo = wide * random.between(0.25, 0.35);
    let right = random.chance(50);
    let (picture, x) = if right {
        (left + wide - photo - 5.0, left + 6.0)
    } else {
        (left + 5.0, left + photo + 12.0)
    };
    sheet.picture(random, picture, top + tall * 0.25, photo, tall * 0.5);
    let heading = heading(random, style);
    let y = sheet.paragraph(
        random,
        heading,
        (left + 6.0, top + 4.0 + heading.size, wide - 12.0),
        1,
        0.9,
    );
    let mut y = y + 2.0;
    let room = wide - photo - 18.0;
    while y < top + tall - style.size * 0.5 {
        let bold = Style { face: BOLD, align: 0, ..style };
        let mut start = true;
        let name = word(sheet.faces, random, bold, &mut start);
        let end = sheet.text(bold, x, y, &name) + style.size * 0.6;
        let rest = (x + room - end).max(style.size);
        let last = random.between(0.5, 1.0);
        y = sheet.paragraph(random, Style { align: 0, ..style }, (end, y, rest), 1, last);
    }
}

/// Ink on paper, as a scanner or a camera sees it.
fn scanned(random: &mut Random, ink: &[f64], wear: usize) -> Vec<u8> {
    let level = wear as f64;
    let paper = random.between(0.97 - 0.12 * level, 1.0 - 0.05 * level);
    let contrast = random.between(0.92 - 0.22 * level, 1.0 - 0.1 * level);
    let (across, down) = (random.between(-0.2, 0.2) * level, random.between(-0.2, 0.2) * level);
    let noise = random.between(0.0, 0.02 + 0.025 * level);
    let side = SIDE as f64;
    let mut image = ink.to_vec();
    for _ in 0..random.below(1 + wear.min(1)) {
        image = blurred(&image);
    }
    let seen = |(ix, ink): (usize, &f64)| {
        let (x, y) = ((ix % SIDE) as f64 / side - 0.5, (ix / SIDE) as f64 / side - 0.5);
        let light = 1.0 + across * x + down * y;
        let mut grain = 0.0;
        let bits = random.next();
        for part in 0..4 {
            grain += ((bits >> (16 * part)) & 0xffff) as f64 / 65536.0 - 0.5;
        }
        let value = paper * light * (1.0 - contrast * ink) + grain * noise * 2.0;
        (value.clamp(0.0, 1.0) * 255.0 + 0.5).floor() as u8
    };
    image.iter().enumerate().map(seen).collect()
}

/// Mixed with the neighbours 1 : 2 : 1, first across, then down; the border repeats.
fn blurred(image: &[f64]) -> Vec<f64> {
    let mix = |a: f64, b: f64, c: f64| (a + 2.0 * b + c) * 0.25;
    let pass = |image: &[f64], step: usize, place: fn(usize) -> usize| -> Vec<f64> {
        let value = |(ix, &own): (usize, &f64)| {
            let before = if place(ix) == 0 { own } else { image[ix - step] };
            let after = if place(ix) == SIDE - 1 { own } else { image[ix + step] };
            mix(before, own, after)
        };
        image.iter().enumerate().map(value).collect()
    };
    pass(&pass(image, 1, |ix| ix % SIDE), SIDE, |ix| ix / SIDE)
}

/// Turned by quarters of a turn, as often as the label says.
fn turned(image: &[u8], label: usize) -> Vec<u8> {
    let last = SIDE - 1;
    let source = |x: usize, y: usize| match label {
        0 => (x, y),
        1 => (y, last - x),
        2 => (last - x, last - y),
        _ => (last - y, x),
    };
    let pixel = |ix: usize| {
        let (x, y) = source(ix % SIDE, ix / SIDE);
        image[y * SIDE + x]
    };
    (0..SIDE * SIDE).map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faces() -> Faces {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/pages/glyphs.bin");
        Faces::read("glyphs.bin", &std::fs::read(file).unwrap()).unwrap()
    }

    #[test]
    fn a_damaged_file_of_characters_is_refused() {
        for file in [&b""[..], &[3, 24], &[1, 24, 0, 0], &[3, 24, 0, 0, 0, 0, 9, 9, 1]] {
            let text = Faces::read("glyphs.bin", file).unwrap_err().to_string();
            assert!(text.contains("glyphs.bin"), "{text}");
        }
    }

    /// Sum of the pixels, each times its place modulo 251 plus 1.
    fn checksum(pixels: &[u8]) -> u64 {
        pixels.iter().enumerate().map(|(ix, &pixel)| u64::from(pixel) * (ix as u64 % 251 + 1)).sum()
    }

    #[test]
    fn pages_are_those_of_the_python_version() {
        let faces = faces();
        // Seed, index, rotation, kind, wear and checksum, as `models/train/draw.py` prints them: every kind and wear.
        for (seed, index, label, kind, wear, sum) in [
            (1, 0, 1, 1, 0, 1_531_665_294),
            (1, 1, 0, 0, 1, 1_325_924_735),
            (1, 2, 0, 0, 1, 1_395_271_930),
            (7, 0, 2, 2, 0, 1_504_852_594),
            (7, 3, 0, 3, 1, 1_368_913_875),
            (7, 10, 0, 4, 0, 1_297_531_812),
            (7, 25, 0, 5, 1, 1_353_361_841),
            (9, 59, 3, 1, 2, 1_381_330_540),
        ] {
            let page = page(&faces, seed, index);
            let about = (page.label, page.kind, page.wear, checksum(&page.pixels));
            assert_eq!(about, (label, kind, wear, sum), "seed {seed}, page {index}");
        }
    }

    #[test]
    fn all_rotations_kinds_and_degrees_of_wear_occur() {
        let faces = faces();
        let pages: Vec<Page> = (0..400).map(|index| page(&faces, 3, index)).collect();
        let share = |of: &dyn Fn(&Page) -> bool| {
            pages.iter().filter(|&page| of(page)).count() as f64 / 400.0
        };
        for label in 0..4 {
            assert!((share(&|page| page.label == label) - 0.25).abs() < 0.08);
        }
        for (kind, expected) in [0.42, 0.14, 0.14, 0.12, 0.10, 0.08].into_iter().enumerate() {
            assert!((share(&|page| page.kind == kind) - expected).abs() < 0.08, "{}", KINDS[kind]);
        }
        for (wear, expected) in [0.55, 0.32, 0.13].into_iter().enumerate() {
            assert!((share(&|page| page.wear == wear) - expected).abs() < 0.08);
        }
    }

    #[test]
    fn every_page_has_ink_and_paper() {
        let faces = faces();
        for index in 0..200 {
            let values = page(&faces, 5, index).values();
            assert_eq!(values.len(), SIDE * SIDE);
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let least = values.iter().copied().fold(1.0, f32::min);
            assert!(
                mean > least + 0.1 && values.iter().all(|value| (0.0..=1.0).contains(value)),
                "{index}"
            );
        }
    }

    #[test]
    fn a_quarter_turn_is_clockwise_and_four_are_none() {
        let image: Vec<u8> = (0..SIDE * SIDE).map(|ix| (ix * 7 % 251) as u8).collect();
        let once = turned(&image, 1);
        assert_eq!(once[SIDE - 1], image[0]);
        assert_eq!(turned(&once, 1), turned(&image, 2));
        assert_eq!(turned(&turned(&image, 3), 1), image);
    }
}
