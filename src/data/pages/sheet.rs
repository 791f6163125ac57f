//! A sheet that is printed on: characters, rules and paragraphs.

use super::faces::{Faces, sum_to};
use super::random::Random;
use super::{MIDDLE, SIDE};

/// A sheet that is being printed on.
pub(super) struct Sheet<'a> {
    pub(super) faces: &'a Faces,
    /// How much of each pixel is ink, from 0 to 1.
    pub(super) ink: Vec<f64>,
    /// Rise of lines to the right.
    pub(super) slope: f64,
}

/// How a paragraph is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) face: usize,
    pub(super) size: f64,
    /// Distance of lines.
    pub(super) leading: f64,
    /// 0 left, 1 justified, 2 centred, 3 right.
    pub(super) align: usize,
    pub(super) capitals: bool,
    pub(super) dark: f64,
}

impl Sheet<'_> {
    pub(super) fn mark(&mut self, x: usize, y: usize, cover: f64) {
        let ink = &mut self.ink[y * SIDE + x];
        *ink = *ink + cover * (1.0 - *ink);
    }

    /// Where a point of the straight sheet lies on the skewed one.
    pub(super) fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (x - self.slope * (y - MIDDLE), y + self.slope * (x - MIDDLE))
    }

    /// A rectangle without skew, as a part of which larger things are made.
    pub(super) fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, dark: f64) {
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
    pub(super) fn rule(
        &mut self,
        x: f64,
        y: f64,
        length: f64,
        upright: bool,
        thick: f64,
        dark: f64,
    ) {
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
    pub(super) fn picture(&mut self, random: &mut Random, x: f64, y: f64, width: f64, height: f64) {
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
    pub(super) fn text(&mut self, style: Style, x: f64, y: f64, text: &str) -> f64 {
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
    pub(super) fn paragraph(
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
pub(super) fn word(faces: &Faces, random: &mut Random, style: Style, start: &mut bool) -> String {
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
