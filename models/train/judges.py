"""Writes the inputs on which the judges of the pools are fitted, as .npz files for `perforate route pool`.

    python judges.py fashion [--data DIR] --out FILE   # the held-out images, with labels
    python judges.py pages PAGES --out FILE            # pages that `cargo run --release --example pages` wrote, without
"""

import argparse

import numpy as np

from common import FASHION_MNIST_DIR, hold_out, read_split, to_input
from pages import read_pages, to_input as page_input


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("fashion", "pages"))
    parser.add_argument("pages", nargs="?", help="file of pages")
    parser.add_argument("--data", default=FASHION_MNIST_DIR)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    if args.what == "pages":
        pixels, _ = read_pages(args.pages)
        np.savez(args.out, x=page_input(pixels).numpy())
        return
    _, held = hold_out(read_split(args.data, "train"))
    np.savez(args.out, x=to_input(held.images).numpy(), y=held.labels.numpy())


if __name__ == "__main__":
    main()
