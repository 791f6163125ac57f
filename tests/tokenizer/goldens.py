"""Writes the tokens of 2,000 sentences by the reference implementation, as goldens for tests/tokenizer.rs.

    python tests/tokenizer/goldens.py

The reference is the algorithm that BERT was published with (Devlin et al., NAACL 2019; WordPiece by longest match
first), written here once more in plain Python. It must agree with the `tokenizers` package, whose Rust core the page
uses, before anything is written. The sentences are the first of the snippets and those of `texts.json`. `ids.npz` holds
`ids`, all tokens in a row, [CLS] and [SEP] included and cut at 128, and `lengths`, tokens of each sentence before the cut.
"""

import gzip
import json
import re
import unicodedata
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

COUNT = 2000
LONGEST = 128
HERE = Path(__file__).parent
DATA = HERE.parents[1] / "models/data/sentences"
CLS, SEP = "[CLS]", "[SEP]"


def is_punctuation(c):
    """ASCII that is neither letter nor digit nor space counts as punctuation, whatever Unicode says."""
    ascii_mark = 33 <= ord(c) <= 47 or 58 <= ord(c) <= 64 or 91 <= ord(c) <= 96 or 123 <= ord(c) <= 126
    return ascii_mark or unicodedata.category(c).startswith("P")


def is_ideograph(c):
    spans = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
             (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]
    return any(low <= ord(c) <= high for low, high in spans)


def words(text):
    """Cleaned, lower-cased words and marks without accents."""
    clean = []
    for c in text:
        if c in "\t\n\r" or unicodedata.category(c) == "Zs":
            clean.append(" ")
        elif ord(c) in (0, 0xFFFD) or unicodedata.category(c).startswith("C"):
            continue
        else:
            clean.append(f" {c} " if is_ideograph(c) else c)
    bare = [c for c in unicodedata.normalize("NFD", "".join(clean)) if unicodedata.category(c) != "Mn"]
    for chunk in "".join(bare).lower().split():
        word = ""
        for c in chunk:
            if is_punctuation(c):
                if word:
                    yield word
                yield c
                word = ""
            else:
                word += c
        if word:
            yield word


def pieces(word, vocabulary):
    """The longest piece that fits, again and again; unknown if one fits nowhere or the word is very long."""
    if len(word) > 100:
        return ["[UNK]"]
    found, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        end = next((e for e in range(len(word), start, -1) if prefix + word[start:e] in vocabulary), None)
        if end is None:
            return ["[UNK]"]
        found.append(prefix + word[start:end])
        start = end
    return found


def encode(text, vocabulary):
    """The numbers of the tokens; a special token that is written out stays one, as in the published tokenizers."""
    found = [CLS]
    for part in re.split(r"(\[(?:PAD|UNK|CLS|SEP|MASK)\])", text):
        whole = part in vocabulary and part.startswith("[")
        found += [part] if whole and len(part) > 1 else [p for w in words(part) for p in pieces(w, vocabulary)]
    return [vocabulary[p] for p in (*found, SEP)]


def main():
    tokenizer = Tokenizer.from_file(str(DATA / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    vocabulary = tokenizer.get_vocab()
    texts = json.loads((HERE / "texts.json").read_text("utf-8"))
    with gzip.open(DATA / "snippets.tsv.gz", "rt", encoding="utf-8", newline="\n") as file:
        snippets = [line.rstrip("\n").split("\t", 1)[1] for line in file]
    texts += snippets[: COUNT - len(texts)]
    all_ids, lengths = [], []
    for text in texts:
        ids = encode(text, vocabulary)
        theirs = tokenizer.encode(text).ids
        if ids != theirs:
            raise SystemExit(f"{text[:60]!r}: {ids[:20]} here, {theirs[:20]} by the package")
        lengths.append(len(ids))
        all_ids += ids if len(ids) <= LONGEST else [*ids[: LONGEST - 1], ids[-1]]
    np.savez_compressed(HERE / "ids.npz", ids=np.array(all_ids, np.int32), lengths=np.array(lengths, np.int32))
    print(f"{len(texts)} sentences, {len(all_ids)} tokens, longest {max(lengths)}")


if __name__ == "__main__":
    main()
