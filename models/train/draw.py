"""The pages of src/data/pages.rs once more in Python: byte for byte the same, and slow. For reading and checking.

    python draw.py SEED INDEX page.png
"""

import sys
from math import floor
from pathlib import Path

import numpy as np

SIDE, MIDDLE = 224, 112.0
SERIF, SANS, BOLD = 0, 1, 2
MASK = (1 << 64) - 1
WORDS = """the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one
you were her all she there would their we him been has when who will more no if out so said what up its about into
than them can only other new some could time these two may then do first any my now such like our over man me even
most made after also did many before must through back years where much your way well down should because each just
those people how too little state good very make world still own see men work long get here between both life being
under never day same another know while last might us great old year off come since against go came right used take
three himself few house use during without again place around however home small found thought went say part once
general high upon school every does got united left number course war until always away something fact water less
public put think almost hand enough far took head yet government system better set told nothing night end why called
eyes find going look asked later knew point next program city business give group toward young days let room side
social present given several order national possible rather second face per among form important often things looked
early white case become large big need four within felt along children saw best""".split()


class Random:
    """SplitMix64."""

    def __init__(self, state):
        self.state = state & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, count):
        return ((self.next() >> 32) * count) >> 32

    def chance(self, percent):
        return self.below(100) < percent

    def between(self, low, high):
        return low + (high - low) * (float(self.next() >> 11) * (1.0 / 9007199254740992.0))


class Glyph:
    def __init__(self, data, at):
        self.advance = (data[at] | data[at + 1] << 8) / 64.0
        self.left, self.top = (float(np.int8(np.uint8(v))) for v in data[at + 2 : at + 4])
        self.width, self.height = data[at + 4], data[at + 5]
        count = self.width * self.height
        packed = np.frombuffer(data[at + 6 : at + 6 + (count + 1) // 2], np.uint8)
        pixels = np.stack([packed & 15, packed >> 4], 1).reshape(-1)[:count].reshape(self.height, self.width)
        self.sums = np.zeros((self.height + 1, self.width + 1))
        self.sums[1:, 1:] = pixels.astype(np.float64).cumsum(0).cumsum(1)
        self.end = at + 6 + len(packed)

    def sum_to(self, x, y):
        """Sums of the pixels above and left of the points at columns `x` and rows `y`."""
        x, y = np.clip(x, 0.0, self.width)[None, :], np.clip(y, 0.0, self.height)[:, None]
        i, j = np.floor(x), np.floor(y)
        u, v = x - i, y - j
        i, j = i.astype(int), j.astype(int)
        right, below = np.minimum(i + 1, self.width), np.minimum(j + 1, self.height)
        s = self.sums
        return (s[j, i] * (1.0 - u) + s[j, right] * u) * (1.0 - v) + (s[below, i] * (1.0 - u) + s[below, right] * u) * v


class Faces:
    def __init__(self, path=Path(__file__).parents[1] / "pages/glyphs.bin"):
        data, at, self.glyphs = Path(path).read_bytes(), 2, []
        self.size = float(data[1])
        for _ in range(95 * data[0]):
            self.glyphs.append(Glyph(data, at))
            at = self.glyphs[-1].end

    def glyph(self, face, letter):
        return self.glyphs[95 * face + ord(letter) - 32]

    def width(self, face, size, text):
        advances = 0.0
        for letter in text:
            advances += self.glyph(face, letter).advance
        return advances * (size / self.size)


class Style:
    def __init__(self, face, size, leading, align, capitals, dark):
        self.face, self.size, self.leading, self.align, self.capitals, self.dark = face, size, leading, align, capitals, dark

    def but(self, **changes):
        return Style(**{**vars(self), **changes})


def word(random, style, start):
    """A word, and whether a sentence begins behind it."""
    word = WORDS[random.below(len(WORDS))]
    kind = random.below(100)
    if kind < 6:
        word = "".join([chr(48 + random.below(10)) for _ in range(1 + random.below(5))])
    elif start or kind < 14 or style.capitals:
        count = len(word) if style.capitals else 1
        word = word[:count].upper() + word[count:]
    if kind >= 92:
        return word + ".", True
    return (word + "," if kind >= 86 else word), False


class Sheet:
    def __init__(self, faces, slope):
        self.faces, self.slope, self.ink = faces, slope, np.zeros((SIDE, SIDE))

    def place(self, x, y):
        return x - self.slope * (y - MIDDLE), y + self.slope * (x - MIDDLE)

    def mark(self, rows, columns, cover):
        ink = self.ink[rows, columns]
        self.ink[rows, columns] = ink + cover * (1.0 - ink)

    def rectangle(self, x, y, width, height, dark):
        clip = lambda at: min(max(at, 0.0), float(SIDE))
        x0, x1, y0, y1 = clip(x), clip(x + width), clip(y), clip(y + height)
        rows = np.arange(floor(y0), int(min(floor(y1 + 1.0), SIDE)))
        columns = np.arange(floor(x0), int(min(floor(x1 + 1.0), SIDE)))
        if len(rows) == 0 or len(columns) == 0:
            return
        tall = np.maximum(np.minimum(y1, rows + 1.0) - np.maximum(y0, rows), 0.0)
        wide = np.maximum(np.minimum(x1, columns + 1.0) - np.maximum(x0, columns), 0.0)
        self.mark(slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1), tall[:, None] * wide[None, :] * dark)

    def rule(self, x, y, length, upright, thick, dark):
        at = 0.0
        while at < length:
            piece = min(length - at, 4.0)
            if upright:
                self.rectangle(*self.place(x, y + at), thick, piece, dark)
            else:
                self.rectangle(*self.place(x + at, y), piece, thick, dark)
            at += 4.0

    def picture(self, random, x, y, width, height):
        x, y = self.place(x, y)
        low, high = random.between(0.05, 0.4), random.between(0.4, 0.9)
        columns, rows = 1 + random.below(9), 1 + random.below(9)
        wide, tall = width / columns, height / rows
        for row in range(rows):
            for column in range(columns):
                self.rectangle(x + wide * column, y + tall * row, wide, tall, random.between(low, high))

    def text(self, style, x, y, text):
        scale = style.size / self.faces.size
        clip = lambda at: int(min(max(at, 0.0), float(SIDE)))
        for letter in text:
            glyph = self.faces.glyph(style.face, letter)
            at_x, at_y = self.place(x, y)
            left, top = at_x + glyph.left * scale, at_y + glyph.top * scale
            right, bottom = left + glyph.width * scale, top + glyph.height * scale
            columns = slice(clip(floor(left)), clip(floor(right + 1.0)))
            rows = slice(clip(floor(top)), clip(floor(bottom + 1.0)))
            if columns.start < columns.stop and rows.start < rows.stop:
                across, down = np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)
                u0, u1 = (across - left) / scale, (across + 1.0 - left) / scale
                v0, v1 = (down - top) / scale, (down + 1.0 - top) / scale
                sum = glyph.sum_to(u1, v1) - glyph.sum_to(u0, v1) - glyph.sum_to(u1, v0) + glyph.sum_to(u0, v0)
                self.mark(rows, columns, np.clip(sum * scale * scale / 15.0, 0.0, 1.0) * style.dark)
            x += glyph.advance * scale
        return x

    def paragraph(self, random, style, box, lines, last):
        x, y, width = box
        long = lambda text: self.faces.width(style.face, style.size, text)
        space = long(" ")
        next, start = word(random, style, True)
        for line in range(lines):
            room = width * last if line + 1 == lines else width
            words, used = [], 0.0
            while not words or used + space + long(next) <= room:
                used += space + long(next) if words else long(next)
                words.append(next)
                next, start = word(random, style, start)
            spare = max(width - used, 0.0)
            at, gap = x, space
            if style.align == 1 and line + 1 < lines and len(words) > 1:
                gap = space + spare / (len(words) - 1)
            elif style.align == 2:
                at = x + spare / 2.0
            elif style.align == 3:
                at = x + spare
            if -style.size < y < SIDE + 2.0 * style.size:
                for each in words:
                    at = self.text(style, at, y, each) + gap
            y += style.leading
        return y


def heading(random, style):
    size = style.size * random.between(1.2, 2.2)
    face = BOLD if random.chance(60) else style.face
    align = 2 if random.chance(40) else 0
    return style.but(face=face, size=size, leading=size * 1.3, align=align, capitals=random.chance(25))


def prose(random, sheet, style):
    columns = 1 + random.below(3) if style.size < 8.0 else 1
    left, right = random.between(-6.0, 30.0), random.between(-6.0, 30.0)
    gutter = random.between(8.0, 16.0)
    wide = (SIDE - left - right - gutter * (columns - 1)) / columns
    top = random.between(-12.0, 6.0) if random.chance(50) else random.between(6.0, 60.0)
    end = SIDE + 12.0 if random.chance(70) else random.between(90.0, 220.0)
    gap, indent = random.between(0.0, 1.2) * style.leading, random.chance(40)
    longest = 3 + random.below(12)
    for column in range(columns):
        x, y = left + (wide + gutter) * column, top + style.size
        while y < end:
            if random.chance(15):
                own = heading(random, style)
                y = sheet.paragraph(random, own, (x, y + own.size * 0.6, wide), 1, 0.9)
            lines = 1 + random.below(longest)
            shift = style.size * 1.5 if indent and lines > 1 else 0.0
            if shift > 0.0:
                y = sheet.paragraph(random, style, (x + shift, y, wide - shift), 1, 1.0)
            last = random.between(0.15, 1.0)
            y = sheet.paragraph(random, style, (x, y, wide), lines, last) + gap


def letter(random, sheet, style):
    left = random.between(4.0, 30.0)
    wide = SIDE - 2.0 * left
    y = random.between(4.0, 30.0) + style.size
    plain = style.but(align=0)
    if random.chance(50):
        y = sheet.paragraph(random, heading(random, style), (left, y, wide), 1, 0.7) + style.leading
    for _ in range(1 + random.below(2)):
        block = wide * random.between(0.3, 0.5)
        x = left + wide - block if random.chance(40) else left
        for _ in range(1 + random.below(4)):
            y = sheet.paragraph(random, plain, (x, y, block), 1, random.between(0.4, 1.0))
        y += style.leading
    for _ in range(1 + random.below(3)):
        lines, last = 1 + random.below(6), random.between(0.2, 0.9)
        y = sheet.paragraph(random, style, (left, y, wide), lines, last) + style.leading * 0.6
    sheet.paragraph(random, plain, (left, y + style.leading, wide * 0.4), 2, 0.8)


def table(random, sheet, style):
    columns, rows = 2 + random.below(5), 3 + random.below(20)
    left = random.between(0.0, 24.0)
    wide = (SIDE - 2.0 * left) / columns
    tall = style.leading * random.between(1.0, 1.5)
    across, upright = random.chance(60), random.chance(35)
    y = random.between(2.0, 40.0) + style.size
    if random.chance(50):
        y = sheet.paragraph(random, heading(random, style), (left, y, SIDE - 2.0 * left), 1, 0.8) + tall
    top = y - style.size
    numbers = [column > 0 and random.chance(45) for column in range(columns)]
    start = True
    for row in range(rows):
        for column, number in enumerate(numbers):
            x = left + wide * column + 2.0
            cell = style.but(face=BOLD if row == 0 else style.face, align=0)
            if number and row > 0:
                text = "".join([chr(48 + random.below(10)) for _ in range(1 + random.below(5))])
                sheet.text(cell, x + wide - 6.0 - sheet.faces.width(style.face, style.size, text), y, text)
            else:
                text, start = word(random, cell, start)
                sheet.text(cell, x, y, text)
        if across or row == 0:
            sheet.rule(left, y + style.size * 0.35, wide * columns, False, 0.7, 0.8)
        y += tall
    if upright:
        for column in range(columns + 1):
            sheet.rule(left + wide * column, top, y - top - tall + style.size * 0.4, True, 0.7, 0.8)


def few_lines(random, sheet, style):
    size = random.between(7.0, 24.0)
    face = random.below(3)
    own = style.but(face=face, size=size, leading=size * random.between(1.1, 1.8), capitals=random.chance(20))
    own.align = [0, 2, 3][random.below(3)]
    lines = 1 + random.below(6)
    wide = random.between(90.0, 200.0)
    x = random.between(4.0, SIDE - wide)
    y = random.between(size, max(SIDE - own.leading * lines, size + 1.0))
    sheet.paragraph(random, own, (x, y, wide), lines, random.between(0.3, 1.0))


def figure(random, sheet, style):
    left = random.between(2.0, 24.0)
    wide = SIDE - 2.0 * left
    tall = random.between(40.0, 120.0)
    y = random.between(0.0, 16.0) + style.size
    if random.chance(60):
        lines, last = 1 + random.below(8), random.between(0.2, 1.0)
        y = sheet.paragraph(random, style, (left, y, wide), lines, last)
    if random.chance(50):
        part = wide * random.between(0.35, 0.6)
        lines = int(tall / style.leading)
        picture, text = (left + wide - part, left) if random.chance(50) else (left, left + part + 6.0)
        sheet.picture(random, picture, y - style.size, part, tall)
        sheet.paragraph(random, style, (text, y, wide - part - 6.0), lines, 1.0)
        y += tall + style.leading
    else:
        inner = wide * random.between(0.5, 1.0)
        sheet.picture(random, left + (wide - inner) / 2.0, y - style.size, inner, tall)
        y += tall + style.leading * 0.4
        caption = style.but(size=style.size * 0.9, align=2)
        y = sheet.paragraph(random, caption, (left, y, wide), 1, random.between(0.4, 1.0)) + style.leading * 0.6
    while y < SIDE + style.size:
        lines, last = 1 + random.below(8), random.between(0.2, 1.0)
        y = sheet.paragraph(random, style, (left, y, wide), lines, last) + style.leading * 0.5


def card(random, sheet, style):
    left, top = random.between(6.0, 30.0), random.between(20.0, 60.0)
    wide, tall = SIDE - 2.0 * left, SIDE - 2.0 * top
    sheet.rule(left, top, wide, False, 0.8, 0.7)
    sheet.rule(left, top + tall, wide, False, 0.8, 0.7)
    sheet.rule(left, top, tall, True, 0.8, 0.7)
    sheet.rule(left + wide, top, tall, True, 0.8, 0.7)
    photo = wide * random.between(0.25, 0.35)
    picture, x = (left + wide - photo - 5.0, left + 6.0) if random.chance(50) else (left + 5.0, left + photo + 12.0)
    sheet.picture(random, picture, top + tall * 0.25, photo, tall * 0.5)
    own = heading(random, style)
    y = sheet.paragraph(random, own, (left + 6.0, top + 4.0 + own.size, wide - 12.0), 1, 0.9) + 2.0
    room = wide - photo - 18.0
    plain, bold = style.but(align=0), style.but(face=BOLD, align=0)
    while y < top + tall - style.size * 0.5:
        name, _ = word(random, bold, True)
        end = sheet.text(bold, x, y, name) + style.size * 0.6
        rest = max(x + room - end, style.size)
        y = sheet.paragraph(random, plain, (end, y, rest), 1, random.between(0.5, 1.0))


def blurred(image):
    for axis in (1, 0):
        padded = np.pad(image, [(1, 1) if axis == 0 else (0, 0), (1, 1) if axis == 1 else (0, 0)], mode="edge")
        before, after = (padded[:-2], padded[2:]) if axis == 0 else (padded[:, :-2], padded[:, 2:])
        image = (before + 2.0 * image + after) * 0.25
    return image


def scanned(random, ink, wear):
    level = float(wear)
    paper = random.between(0.97 - 0.12 * level, 1.0 - 0.05 * level)
    contrast = random.between(0.92 - 0.22 * level, 1.0 - 0.1 * level)
    across, down = random.between(-0.2, 0.2) * level, random.between(-0.2, 0.2) * level
    noise = random.between(0.0, 0.02 + 0.025 * level)
    for _ in range(random.below(1 + min(wear, 1))):
        ink = blurred(ink)
    at = np.arange(SIDE) / float(SIDE) - 0.5
    light = 1.0 + across * at[None, :] + down * at[:, None]
    bits = np.array([random.next() for _ in range(SIDE * SIDE)], np.uint64).reshape(SIDE, SIDE)
    grain = np.zeros((SIDE, SIDE))
    for part in range(4):
        grain += ((bits >> np.uint64(16 * part)) & np.uint64(0xFFFF)).astype(np.float64) / 65536.0 - 0.5
    value = paper * light * (1.0 - contrast * ink) + grain * noise * 2.0
    return np.floor(np.clip(value, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def page(faces, seed, index):
    """Pixels uint8 [224, 224], rotation, kind, wear."""
    random = Random((seed * 0xD1B54A32D192ED03) ^ (index * 0x8CB92BA72F3D8DD7 & MASK))
    random.next()
    label = random.below(4)
    pick = lambda value, *limits: sum(value >= limit for limit in limits)
    kind = pick(random.below(100), 42, 56, 70, 82, 92)
    wear = pick(random.below(100), 55, 87)
    slope = random.between(-0.012, 0.012) * (1.0 + 2.0 * wear)
    sheet = Sheet(faces, slope)
    face = SERIF if random.chance(50) else SANS
    size = random.between(5.0, 9.0) + (random.between(0.0, 6.0) if random.chance(35) else 0.0)
    leading = size * random.between(1.1, 1.7)
    align = 1 if random.chance(50) else 0
    style = Style(face, size, leading, align, random.chance(4), random.between(0.8, 1.0))
    [prose, letter, table, few_lines, figure, card][kind](random, sheet, style)
    return np.rot90(scanned(random, sheet.ink, wear), -label), label, kind, wear


def checksum(pixels):
    """Sum of the pixels, each times its place modulo 251 plus 1."""
    flat = pixels.reshape(-1).astype(np.int64)
    return int((flat * (np.arange(len(flat)) % 251 + 1)).sum())


def main():
    from PIL import Image

    seed, index, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    pixels, *about = page(Faces(), seed, index)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    print(*about, checksum(np.ascontiguousarray(pixels)))


if __name__ == "__main__":
    main()
