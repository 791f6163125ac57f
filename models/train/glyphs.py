"""Writes glyphs.bin: the printable ASCII characters of three DejaVu faces as small pictures, for the pages.

Faces: Serif, Sans, Sans Bold (Debian's package fonts-dejavu-core; Bitstream Vera licence). Bytes: number of faces, size
in pixels; then per face and character 32..126: advance in 1/64 pixel (u16, little endian), left and top relative to the
origin on the baseline (i8, downwards positive), width, height (u8), and the pixels in rows, 0 to 15, two per byte, the
first in the low half.
"""

import argparse
import struct

from PIL import Image, ImageDraw, ImageFont

FACES = ["DejaVuSerif", "DejaVuSans", "DejaVuSans-Bold"]
SIZE = 24


def glyph(font, code):
    """Advance in 1/64 pixel, left, top, width, height, pixels 0..15."""
    image = Image.new("L", (4 * SIZE, 4 * SIZE))
    ImageDraw.Draw(image).text((SIZE, 2 * SIZE), chr(code), fill=255, font=font, anchor="ls")
    box = image.getbbox() or (SIZE, 2 * SIZE, SIZE, 2 * SIZE)
    pixels = [(value * 15 + 127) // 255 for value in image.crop(box).tobytes()]
    return round(font.getlength(chr(code)) * 64), box[0] - SIZE, box[1] - 2 * SIZE, box[2] - box[0], box[3] - box[1], pixels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", default="/usr/share/fonts/truetype/dejavu")
    parser.add_argument("--out", default="glyphs.bin")
    args = parser.parse_args()
    data = bytearray([len(FACES), SIZE])
    for face in FACES:
        font = ImageFont.truetype(f"{args.fonts}/{face}.ttf", SIZE, layout_engine=ImageFont.Layout.BASIC)
        for code in range(32, 127):
            advance, left, top, width, height, pixels = glyph(font, code)
            data += struct.pack("<HbbBB", advance, left, top, width, height)
            pixels += [0] * (len(pixels) % 2)
            data += bytes(low | high << 4 for low, high in zip(pixels[::2], pixels[1::2]))
    with open(args.out, "wb") as file:
        file.write(data)
    print(f"{args.out}: {len(data)} bytes")


if __name__ == "__main__":
    main()
