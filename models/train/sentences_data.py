"""SST-2, the movie-review snippets, word pieces and batches by length for the sentence networks.

A `Text` is a list of token-id tensors, int64 [L] each with [CLS] and [SEP], beside labels int64 [N] (1: positive).
Networks see `ids` int64 [N, L] padded with 0 and `mask` float32 [N, L], 1 on tokens and 0 on padding.
"""

import csv
import gzip
import io
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

HELD_OUT = 800
SPLIT_SEED = 20261121
SHARED_RUN = 28
MAX_TOKENS = 128
CLS, SEP, MASK_ID = 101, 102, 103
SNIPPETS = "movieReviewSnippets_GroundTruth.txt"


@dataclass
class Text:
    """Sentences as token ids, `natural` the same sentences without the tree bank's spacing, and their labels."""

    ids: list
    natural: list
    labels: torch.Tensor

    def __len__(self):
        return len(self.labels)

def key(text):
    """Letters and digits in lower case: by this two texts are compared for equality."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def natural(text):
    """Undoes the tree bank's tokenisation: `ca n't` becomes `can't`, `-lrb-` a parenthesis."""
    text = text.replace("-lrb-", "(").replace("-rrb-", ")").replace("``", '"').replace("''", '"')
    return re.sub(r" (n't|'(?:s|re|ve|ll|d|m))\b", r"\1", text)


def read_tsv(path):
    """Rows (label, text) of an SST-2 file with a header line."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return [(int(label), text.strip()) for label, text in rows]


def load_tokenizer(folder):
    """The WordPiece tokenizer of `tokenizer.json`, truncating at `MAX_TOKENS`, without padding."""
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def encode(tokenizer, rows):
    """Rows (label, text) as a `Text`."""
    tensors = lambda texts: [torch.tensor(e.ids) for e in tokenizer.encode_batch(texts)]
    texts = [text for _, text in rows]
    return Text(tensors(texts), tensors([natural(t) for t in texts]), torch.tensor([label for label, _ in rows]))


def hold_out(rows, count=HELD_OUT, seed=SPLIT_SEED):
    """Splits off `count` whole sentences chosen by `seed`: (training rows, held-out rows).

    SST-2's rows are phrases of its sentences as well; a whole sentence is a text that is part of no other. Phrases that
    occur in held-out sentences alone are in neither part."""
    wholes, longest = [], ""
    for mark in sorted({key(text) for _, text in rows}, key=lambda mark: (-len(mark), mark)):
        if mark not in longest:
            wholes.append(mark)
            longest += "|" + mark
    order = np.random.default_rng(seed).permutation(len(wholes))
    chosen = {wholes[i] for i in order[:count]}
    held, rest = "|".join(sorted(chosen)), "|".join(wholes[i] for i in order[count:])
    kept = [row for row in rows if key(row[1]) in rest or key(row[1]) not in held]
    first = {key(row[1]): row for row in reversed(rows)}
    return kept, [first[mark] for mark in sorted(chosen)]


def pad(sentences):
    """Token ids [L] each as (ids int64 [N, L], mask float32 [N, L]) with L of the longest."""
    ids = torch.nn.utils.rnn.pad_sequence(sentences, batch_first=True)
    lengths = torch.tensor([len(s) for s in sentences])
    return ids, (torch.arange(ids.shape[1]) < lengths[:, None]).float()


def batches(lengths, size, generator=None):
    """Index tensors of `size` sentences of like length, in random order; in order of length without a generator."""
    lengths = torch.as_tensor(lengths)
    if generator is None:
        return list(torch.argsort(lengths, stable=True).split(size))
    parts = []
    for pool in torch.randperm(len(lengths), generator=generator).split(64 * size):
        parts += pool[torch.argsort(lengths[pool], stable=True)].split(size)
    return [parts[i] for i in torch.randperm(len(parts), generator=generator)]


@torch.no_grad()
def run_sorted(net, sentences, size=64):
    """Runs `net(ids, mask)` on sentences batched by length: logits [N, heads, 2] float32 in the order given."""
    net.eval()
    parts, order = [], batches([len(s) for s in sentences], size)
    for index in order:
        logits = net(*pad([sentences[i] for i in index]))
        parts.append(torch.stack(logits, 1) if isinstance(logits, (tuple, list)) else logits[:, None])
    flat = torch.cat(parts).float()
    result = torch.empty_like(flat)
    result[torch.cat(order)] = flat
    return result


def accuracies(net, text):
    """Share of correct sentences at every head of `net`."""
    logits = run_sorted(net, text.ids)
    return [round(a, 4) for a in (logits.argmax(2) == text.labels[:, None]).double().mean(0).tolist()]


def read_ratings(sdist):
    """Rows (mean rating, text) of the human-rated snippets inside the sdist of vaderSentiment 3.3.2."""
    with tarfile.open(sdist) as outer:
        name = next(n for n in outer.getnames() if n.endswith("hutto_ICWSM_2014.tar.gz"))
        inner = io.BytesIO(outer.extractfile(name).read())
    with tarfile.open(fileobj=inner) as archive:
        raw = archive.extractfile(f"hutto_ICWSM_2014/{SNIPPETS}").read()
    rows = [line.split("\t", 2) for line in raw.decode("utf-8").splitlines() if line.strip()]
    return [(float(rating), text.strip()) for _, rating, text in rows]


def runs(mark, length=SHARED_RUN):
    """All runs of `length` characters of a key; the key itself where it is shorter."""
    return {mark[i : i + length] for i in range(max(1, len(mark) - length + 1))}


def unseen(ratings, texts):
    """Rows (label, text) of the ratings of at least 0.5 by size, each text once, that share no key and no run of
    `SHARED_RUN` letters and digits with `texts`: a snippet of two sentences is often two texts of SST-2."""
    known = {key(text) for text in texts}
    pieces = set().union(*map(runs, known))
    rows, seen = [], set()
    for rating, text in ratings:
        mark = key(text)
        if abs(rating) >= 0.5 and mark and mark not in known and mark not in seen and not runs(mark) & pieces:
            seen.add(mark)
            rows.append((int(rating > 0), " ".join(text.split())))
    return rows


def write_snippets(rows, path, seed=SPLIT_SEED):
    """Writes `label \\t text` lines, shuffled by `seed`, gzipped without a time."""
    order = np.random.default_rng(seed).permutation(len(rows))
    lines = "".join(f"{rows[i][0]}\t{rows[i][1]}\n" for i in order)
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(lines.encode("utf-8"))


def read_snippets(path):
    """Rows (label, text) of the file that `write_snippets` wrote."""
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        rows = [line.rstrip("\n").split("\t", 1) for line in file]
    return [(int(label), text) for label, text in rows]
