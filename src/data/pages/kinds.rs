//! What lies on a page.

use super::SIDE;
use super::faces::BOLD;
use super::random::Random;
use super::sheet::{Sheet, Style, word};

/// A heading: larger, perhaps bold, capital or centred.
pub(super) fn heading(random: &mut Random, style: Style) -> Style {
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
pub(super) fn prose(random: &mut Random, sheet: &mut Sheet, style: Style) {
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
pub(super) fn letter(random: &mut Random, sheet: &mut Sheet, style: Style) {
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
pub(super) fn table(random: &mut Random, sheet: &mut Sheet, style: Style) {
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
pub(super) fn few_lines(random: &mut Random, sheet: &mut Sheet, style: Style) {
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
pub(super) fn figure(random: &mut Random, sheet: &mut Sheet, style: Style) {
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
pub(super) fn card(random: &mut Random, sheet: &mut Sheet, style: Style) {
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
