"""Makes the sentence networks agree with the six layers where routing asks: on unlabelled sentences, before the last layer.

    python sentences_pool.py cache --sst2 DIR --corpora DIR --vader SDIST [--work DIR] [--out DIR]
    python sentences_pool.py heads dsn tiny deep --sst2 DIR [--work DIR] [--out DIR]

`cache` runs the six layers of `--out` once over unlabelled sentences and phrases of SST-2, and keeps what the others read.
`heads` fits the exits of layers 1 to 5 anew, `dsn` and `tiny` go on from the students of `--out`, and `deep` trains an exit
of two small layers on what layer 1 gives. All learn the last layer's answers; the six layers stay as they are.

`--corpora` holds movie_reviews.zip, subjectivity.zip, product_reviews_1.zip and product_reviews_2.zip of nltk_data (Pang and
Lee 2004, Hu and Liu 2004, Ding et al. 2008; CC BY 4.0). Their labels are not read. No sentence is used that shares its
letters, or a run of 28 of them, with a snippet, with SST-2's dev part or with the held-out sentences.
"""

import argparse
import copy
import io
import json
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn
from torch.nn import functional as F

import sentences_data as data
import sentences_pool_export as export
from common import set_up
from fit import distillation
from sentences_fit import average
from sentences_nets import MINILM, TINY, Layer, masked_mean
from sentences_perforate import read_weights

CORPORA = ("movie_reviews", "subjectivity", "product_reviews_1", "product_reviews_2")
AMAZON = "amazonReviewSnippets_GroundTruth.txt"
LONGEST, SHORT = 64, 8
APART = (700, 4500)  # quotes and sentences of reviews that nothing is trained on: routers are compared on them
TAKEN = (36_000, 6_000)  # of the other sentences, and of SST-2's short phrases
SPARED = 2e-4


def log(line):
    print(line, flush=True)


def lines_of(archive, wanted):
    with zipfile.ZipFile(archive) as file:
        for name in sorted(file.namelist()):
            if wanted(name):
                yield from file.read(name).decode("utf-8", "replace").splitlines()


def read_unlabelled(args):
    """Sentences set apart for comparing routers, quotes of reviews, other sentences of reviews, plots and product reviews,
    SST-2's training rows and its held-out ones. The first three share nothing with what accuracies are reported on."""
    folder, tables = Path(args.corpora), Path(args.sst2)
    part, held = data.hold_out(data.read_tsv(tables / "train.tsv"))
    snippets = data.read_snippets(Path(args.out) / "data/sentences/snippets.tsv.gz")
    reported = [*held, *data.read_tsv(tables / "dev.tsv"), *snippets]
    pieces = set().union(*(data.runs(data.key(text)) for _, text in reported))
    seen = {data.key(text) for _, text in part}

    def new(lines):
        for line in map(str.strip, lines):
            mark = data.key(line)
            if len(mark) >= 12 and mark not in seen and not data.runs(mark) & pieces:
                seen.add(mark)
                yield line

    movies = list(new(lines_of(folder / "movie_reviews.zip", lambda name: "/cv" in name)))
    subjective = folder / "subjectivity.zip"
    quotes, plots = (list(new(lines_of(subjective, lambda name: kind in name))) for kind in ("/quote.", "/plot."))
    with tarfile.open(args.vader) as outer:
        name = next(n for n in outer.getnames() if n.endswith("hutto_ICWSM_2014.tar.gz"))
        inner = io.BytesIO(outer.extractfile(name).read())
    with tarfile.open(fileobj=inner) as archive:
        raw = archive.extractfile(f"hutto_ICWSM_2014/{AMAZON}").read().decode("utf-8", "replace")
    goods = list(new(line.split("\t", 2)[2] for line in raw.splitlines() if line.count("\t") >= 2))
    for name in CORPORA[2:]:
        lines = lines_of(folder / f"{name}.zip", lambda name: "README" not in name and name.endswith(".txt"))
        goods += new(line.split("##", 1)[1] for line in lines if "##" in line)
    generator = np.random.default_rng(5)
    quotes, movies = ([lines[i] for i in generator.permutation(len(lines))] for lines in (quotes, movies))
    apart = quotes[: APART[0]] + movies[: APART[1]]
    return apart, quotes[APART[0] :], movies[APART[1] :] + plots + goods, part, held


@torch.no_grad()
def answered(net, texts, labels, free):
    """What the frozen layers give for `texts`: half-precision h1 by token, means of h1 to h5, and all logits."""
    hidden, means = [None] * len(texts), torch.zeros(len(texts), MINILM.layers - 1, MINILM.width)
    logits = torch.zeros(len(texts), MINILM.layers, 2)
    for index in data.batches([len(s) for s in texts], 64):
        ids, mask = data.pad([texts[i] for i in index])
        h = net.embedding(ids) * mask[:, :, None]
        for k, layer in enumerate(net.layers):
            h, logits[index, k] = layer(h, mask)
            if k < MINILM.layers - 1:
                means[index, k] = masked_mean(h, mask)
            if k == 0:
                for row, i in enumerate(index.tolist()):
                    hidden[i] = h[row, : len(texts[i])].half()
    return {"ids": texts, "h1": hidden, "means": means, "logits": logits, "labels": labels, "free": free}


def cache(args, net):
    apart, quotes, others, part, held = read_unlabelled(args)
    tokenizer, generator = data.load_tokenizer(Path(args.out) / "data/sentences"), np.random.default_rng(3)
    cut = lambda ids: ids if len(ids) <= LONGEST else torch.cat([ids[: LONGEST - 1], ids[-1:]])
    encode = lambda texts: [cut(ids) for ids in data.encode(tokenizer, [(0, text) for text in texts]).ids]
    others = quotes + [others[i] for i in generator.permutation(len(others))[: TAKEN[0]]]
    others = encode([data.natural(text) if i % 2 else text for i, text in enumerate(others)])
    phrases = data.encode(tokenizer, part)
    lengths = np.array([len(ids) for ids in phrases.ids])
    short = generator.permutation(np.flatnonzero(lengths < SHORT))[: TAKEN[1]]
    chosen = np.concatenate([np.flatnonzero(lengths >= SHORT), short])
    texts = others + [cut(phrases.ids[i]) for i in chosen]
    labels = torch.cat([torch.full((len(others),), -1), phrases.labels[torch.from_numpy(chosen)]])
    order = generator.permutation(len(texts))[: args.texts]
    sets = {
        "train": answered(net, [texts[i] for i in order], labels[order], torch.from_numpy(order < len(others))),
        "apart": answered(net, encode([data.natural(text) for text in apart]), torch.full((len(apart),), -1), None),
    }
    held = data.encode(tokenizer, held)
    sets["held_out"] = answered(net, held.ids, held.labels, None)
    torch.save(sets, Path(args.work) / "pool.pt")
    log(json.dumps({name: len(text["ids"]) for name, text in sets.items()}))


def agreement(logits, text):
    """Shares of the sentences that get the last layer's answer, and the right one where labels are known."""
    answers = logits.argmax(1)
    found = {"agree": round((answers == text["logits"][:, -1].argmax(1)).float().mean().item(), 4)}
    if (text["labels"] >= 0).all():
        found["accuracy"] = round((answers == text["labels"]).float().mean().item(), 4)
    return found


def heads(args, net, sets):
    """Logistic regression of the last layer's soft answer on the mean of layer k's tokens, from the shipped head on; a weight
    `SPARED` holds it near that."""
    text = sets["train"]
    soft = lambda logits: (logits[:, 1] - logits[:, 0]).double().numpy()
    goal = 1 / (1 + np.exp(-soft(text["logits"][text["free"], -1])))
    fitted = {}
    for k in range(MINILM.layers - 1):
        x, head = text["means"][text["free"], k].double().numpy(), net.layers[k].head
        start = np.append((head.weight[1] - head.weight[0]).numpy(), (head.bias[1] - head.bias[0]).item()).astype(float)

        def loss(w):
            score, far = x @ w[:-1] + w[-1], (w - start)[:-1]
            miss = (1 / (1 + np.exp(-score)) - goal) / len(x)
            value = (np.logaddexp(0, score) - goal * score).mean() + SPARED * (far**2).sum()
            return value, np.append(x.T @ miss + 2 * SPARED * far, miss.sum())

        w = torch.from_numpy(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 80}).x).float()
        head.weight.data, head.bias.data = torch.stack([-w[:-1], w[:-1]]) / 2, torch.stack([-w[-1], w[-1]]) / 2
        fitted[k + 1] = head
        scores = {name: agreement(head(t["means"][:, k]), t) for name, t in sets.items() if name != "train"}
        log(json.dumps({"name": f"layer{k + 1}", **scores}))
    for report in export.write_heads(fitted, args.out):
        log(json.dumps(report))


class Deep(nn.Module):
    """An exit of two small layers on the hidden states of layer 1: (h1, mask) to logits."""

    def __init__(self, dropout=0.1):
        super().__init__()
        self.lift, self.norm = nn.Linear(MINILM.width, TINY.width), nn.LayerNorm(TINY.width, 1e-12)
        self.layers = nn.ModuleList(Layer(TINY, dropout, "mean", k == TINY.layers) for k in range(1, TINY.layers + 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, h, mask):
        h = self.dropout(self.norm(self.lift(self.dropout(h))))
        for layer in self.layers:
            h, logits = layer(h, mask)
        return logits


def given(name, text, index):
    """What the network reads of the sentences at `index`: word pieces or hidden states, and the mask."""
    ids, mask = data.pad([text["ids"][i] for i in index.tolist()])
    if name != "deep":
        return ids, mask
    return nn.utils.rnn.pad_sequence([text["h1"][i] for i in index.tolist()], batch_first=True).float(), mask


@torch.no_grad()
def run(name, net, text):
    logits = torch.zeros(len(text["ids"]), 2)
    for index in data.batches([len(s) for s in text["ids"]], 256):
        answer = net.eval()(*given(name, text, index))
        logits[index] = answer[-1] if isinstance(answer, tuple) else answer
    return logits


def learn(args, name, net, sets):
    """Distils the last layer's answers into `net`, the words of students frozen; returns its averaged weights."""
    text, generator, started = sets["train"], torch.Generator().manual_seed(args.seed), time.time()
    averaged = copy.deepcopy(net).eval()
    parameters = [p for p in net.parameters() if p.requires_grad]
    decayed = lambda wanted: [p for p in parameters if (p.ndim > 1) == wanted]
    groups = [{"params": decayed(True), "weight_decay": 0.02}, {"params": decayed(False), "weight_decay": 0.0}]
    optimizer, lengths = torch.optim.AdamW(groups, lr=args.rate, fused=True), [len(s) for s in text["ids"]]
    steps, done = args.epochs * -(-len(lengths) // args.batch), 0
    for epoch in range(1, args.epochs + 1):
        for index in data.batches(lengths, args.batch, generator):
            for group in optimizer.param_groups:
                group["lr"] = args.rate * min((done + 1) / 100, 1 - done / steps)
            x, mask = given(name, text, index)
            if name == "tiny":
                dropped = (torch.rand(x.shape, generator=generator) < 0.05) & (x >= 1000)
                x = torch.where(dropped, data.MASK_ID, x)
            with torch.autocast("cpu", torch.bfloat16):
                answer = net.train()(x, mask)
            logits = (answer[-1] if isinstance(answer, tuple) else answer).float()
            labels = text["labels"][index]
            hard = F.cross_entropy(logits, labels.clamp_min(0), reduction="none") * (labels >= 0)
            loss = distillation(logits, text["logits"][index, -1], 2.0) + args.hard * hard.mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            done += 1
            average(averaged, net, done)
        found = {part: agreement(run(name, averaged, t), t) for part, t in sets.items() if part != "train"}
        log(json.dumps({"name": name, "epoch": epoch, **found, "seconds": round(time.time() - started)}))
        torch.save(averaged.state_dict(), Path(args.work) / f"{name}-pool.pt")
    return averaged


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=["cache", "heads", "dsn", "tiny", "deep"])
    parser.add_argument("--sst2", help="folder of SST-2's train.tsv and dev.tsv")
    parser.add_argument("--corpora", help="folder of the archives of nltk_data")
    parser.add_argument("--vader", help="sdist of vaderSentiment 3.3.2")
    parser.add_argument("--work", default="target/train", help="folder for checkpoints")
    parser.add_argument("--out", default="..", help="folder of what is shipped")
    parser.add_argument("--texts", type=int, default=49152, help="texts to learn from")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--hard", type=float, default=0.15, help="weight of the labels, where there are some")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    args = parser.parse_args()
    set_up(args.seed, 1)
    Path(args.work).mkdir(parents=True, exist_ok=True)
    six = read_weights(args.out)
    if "cache" in args.names:
        return cache(args, six)
    sets = torch.load(Path(args.work) / "pool.pt")
    for name in args.names:
        if name == "heads":
            heads(args, six, sets)
            continue
        net = Deep() if name == "deep" else export.read_student(name, args.out)
        if args.resume:
            net.load_state_dict(torch.load(Path(args.work) / f"{name}-pool.pt"))
        for report in export.write(name, learn(args, name, net, sets), args.out):
            log(json.dumps(report))


if __name__ == "__main__":
    main()
