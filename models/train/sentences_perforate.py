"""Learns what attention and layers of the frozen sentence transformer may leave out: tokens, and blocks of keys.

    python sentences_perforate.py tokens --sst2 DIR [--work DIR] [--out DIR]
    python sentences_perforate.py blocks --sst2 DIR [--work DIR] [--out DIR]

The transformer is read from the ONNX files in `--out`. Both learn by a mask between 0 and 1 that hardens while they do
(Kim et al., "Learned Token Pruning for Transformers", KDD 2022), from the dense network's outputs, under a target for
the share that is left out, drawn anew for every batch; after that the thresholds that meet each target are found on the
held-out part. `tokens`: an importance of each token before each layer, from its hidden state. `blocks`: an
importance of each block of keys to each block of queries and head.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F

import sentences_data as data
import sentences_perforate_export as export
from common import model_path, set_up
from fit import distillation
from sentences_nets import EXCLUDED, MINILM, Exits, masked_mean

TARGETS = [t / 10 for t in range(10)]
BLOCK = 32
RANK = 8
INNER = 32
RATES = (2e-3, 1e-2)
FAR = 8
LENGTHS = (128, 256, 512)
TOKENS = 1024
SURE = 30.0


def log(line):
    print(line, flush=True)


def read_weights(folder):
    """The transformer of the ONNX files in `folder`, its weights as stored there restored to float32, frozen."""
    net = Exits(MINILM, dropout=0.0)
    arrays = lambda name: {
        i.name: torch.from_numpy(numpy_helper.to_array(i).copy())
        for i in onnx.load(model_path(folder, "sentences", name)).graph.initializer
    }
    restored = lambda a, name: a[f"{name}/rows"].float() * a[f"{name}/scale"]
    a = arrays("embed")
    net.embedding.words.weight.data = restored(a, "embed/embed/words")
    net.embedding.positions.weight.data = restored(a, "embed/embed/positions")
    for part in ("weight", "bias"):
        getattr(net.embedding.norm, part).data = a[f"embed/embed/norm/{part}"]
    for k, layer in enumerate(net.layers, 1):
        a, own = arrays(f"layer{k}"), f"layer{k}/layer"
        places = {key: f"attention/{key}" for key in ("query", "key", "value", "mix")}
        places |= {key: key for key in ("expand", "contract")}
        for key, place in places.items():
            factor = (MINILM.width // MINILM.heads) ** 0.5 if key == "query" else 1.0
            dense = getattr(layer, key)
            dense.weight.data = (restored(a, f"{own}/{place}/weight") * factor).T.contiguous()
            dense.bias.data = a[f"{own}/{place}/bias"] * factor
        for norm in ("norm1", "norm2"):
            for part in ("weight", "bias"):
                getattr(getattr(layer, norm), part).data = a[f"{own}/{norm}/{part}"]
        for part in ("weight", "bias"):
            getattr(layer.head, part).data = a[f"{own}/exit/classifier/{part}"]
    return net.requires_grad_(False).eval()


def run_layer(layer, h, exclusion, reads=None):
    """A layer without its exit; `exclusion` is added to the scores, broadcastable to [N, heads, L, L]; what heads read is
    multiplied by `reads`, zero where a query has no key left."""
    split = lambda x: x.unflatten(2, (layer.heads, -1)).transpose(1, 2)
    query, key, value = split(layer.query(h)), split(layer.key(h)), split(layer.value(h))
    weights = (query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + exclusion).softmax(3)
    read = weights @ value if reads is None else (weights @ value) * reads
    h = layer.norm1(h + layer.mix(read.transpose(1, 2).flatten(2)))
    return layer.norm2(h + layer.contract(F.gelu(layer.expand(h))))


def padding(mask):
    """What is added to scores so that padding is left out: [N, 1, 1, L]."""
    return (1 - mask)[:, None, None, :] * EXCLUDED


def logit(x):
    return np.log(x / (1 - x))


class TokenImportance(nn.Module):
    """Importance of each token before every layer, two linear layers on its hidden state, and the course of the threshold
    over the logit of the target."""

    def __init__(self, layers, width, inner=INNER):
        super().__init__()
        self.first = nn.ModuleList(nn.Linear(width, inner) for _ in range(layers))
        self.second = nn.ModuleList(nn.Linear(inner, 1) for _ in range(layers))
        self.slopes = nn.Parameter(torch.ones(layers))
        self.offsets = nn.Parameter(torch.linspace(-2.5, 0.5, layers))

    def score(self, k, h):
        """Before layer `k`, counted from 0: [N, L]; the first token stays whatever happens."""
        scores = self.second[k](F.relu(self.first[k](h)))[:, :, 0]
        return scores.index_fill(1, torch.tensor([0]), SURE)

    def threshold(self, k, x):
        return self.offsets[k] + F.softplus(self.slopes[k]) * x


def run_tokens(net, importance, ids, mask, thresholds, temperature=None):
    """The logits of all exits and the share of tokens kept for each layer, [N, layers]; a token once left out stays out.
    `temperature` makes the mask soft."""
    h = net.embedding(ids)
    alive, exits, kept = mask, [], []
    for k, layer in enumerate(net.layers):
        scores = importance.score(k, h).float() - thresholds[k]
        own = (scores >= 0).float() if temperature is None else torch.sigmoid(scores / temperature)
        alive = alive * own
        kept.append(alive.sum(1) / mask.sum(1))
        exclusion = padding(alive) if temperature is None else torch.log(alive.clamp_min(1e-6))[:, None, None, :]
        h = run_layer(layer, h, exclusion)
        exits.append(layer.head(masked_mean(h, alive)))
    return exits, torch.stack(kept, 1)


class BlockImportance(nn.Module):
    """Importance of blocks of keys to blocks of queries for each head of each layer: projections of the blocks' mean hidden
    states, a term for the distance, one for the first block, one for the head; and a threshold that follows the mean of
    all blocks and the logit of the target. Without `content`, only what does not depend on the input."""

    def __init__(self, shape, rank=RANK, content=True):
        super().__init__()
        layers, heads, width = shape.layers, shape.heads, shape.width
        self.heads, self.content = heads, content
        self.query = nn.ModuleList(nn.Linear(width, heads * rank, bias=False) for _ in range(layers))
        self.key = nn.ModuleList(nn.Linear(width, heads * rank, bias=False) for _ in range(layers))
        self.distance = nn.Parameter(-0.2 * torch.arange(-FAR, FAR + 1).abs().float().repeat(layers, heads, 1))
        self.first = nn.Parameter(torch.ones(layers, heads))
        self.gate = nn.Parameter(torch.zeros(layers, heads))
        self.pooled = nn.ModuleList(nn.Linear(width, 1) for _ in range(layers))
        self.slopes = nn.Parameter(torch.ones(layers))

    def score(self, k, h):
        """Before layer `k`: [N, heads, b, b] of h [N, b * BLOCK, D], and the threshold's part from the input, [N, 1, 1, 1]."""
        means = h.unflatten(1, (-1, BLOCK)).mean(2)
        blocks = means.shape[1]
        places = torch.arange(blocks)
        apart = (places[None, :] - places[:, None]).clamp(-FAR, FAR) + FAR
        scores = self.distance[k][:, apart] + self.gate[k][:, None, None]
        scores = scores + self.first[k][:, None, None] * (places == 0).float()
        if not self.content:
            return scores[None].expand(len(h), -1, -1, -1), torch.zeros(len(h), 1, 1, 1)
        split = lambda x: x.unflatten(2, (self.heads, -1)).transpose(1, 2)
        query, key = split(self.query[k](means)), split(self.key[k](means))
        scores = scores + query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        return scores, self.pooled[k](means.mean(1))[:, :, None, None]

    def course(self, k, x):
        return F.softplus(self.slopes[k]) * x


def run_blocks(net, importance, ids, x, temperature=None):
    """Hidden states behind the last layer, [N, L, D], and the share of blocks kept by layer, [layers]; without
    `importance`, dense. `temperature` makes the mask soft."""
    h, kept = net.embedding(ids), []
    for k, layer in enumerate(net.layers):
        exclusion, reads = torch.zeros(()), None
        if importance is not None:
            scores, base = importance.score(k, h.float())
            scores = scores - base - importance.course(k, x)
            own = (scores >= 0).float() if temperature is None else torch.sigmoid(scores / temperature)
            kept.append(own.mean())
            exclusion = torch.log(own.clamp_min(1e-9))
            exclusion = exclusion.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)
            reads = own.amax(3, keepdim=True).repeat_interleave(BLOCK, 2)
        h = run_layer(layer, h, exclusion, reads)
    return h, torch.stack(kept) if kept else None


def documents(sentences, length, count, seed):
    """Sentences in random order, one after the other, as texts of `length` tokens: [count, length]."""
    order, texts = np.random.default_rng(seed), []
    for _ in range(count):
        tokens = [data.CLS]
        while len(tokens) < length:
            tokens += sentences[order.integers(len(sentences))].tolist()[1:]
        texts.append(torch.tensor(tokens[: length - 1] + [data.SEP]))
    return torch.stack(texts)


def off(h, dense):
    """Squared distance of hidden states [N, L, D], each dimension as a share of its own variance over the tokens: a few
    dimensions of a transformer are far larger than all others."""
    return (((h - dense) ** 2).mean((0, 1)) / dense.var((0, 1))).mean()


def pooled_off(h, dense):
    """The same of the means over the tokens, as a share of the variance over tokens."""
    return (((h.mean(1) - dense.mean(1)) ** 2).mean(0) / dense.var((0, 1))).mean()


def blocks(args, net):
    """Learns or, with `--export`, reads the importance of blocks, and finishes it."""
    part, held, _ = read_texts(args)
    keep = Path(args.work) / ("blocks-fixed.pt" if args.fixed else "blocks.pt")
    if args.export:
        importance = BlockImportance(MINILM, content=not args.fixed)
        importance.load_state_dict(torch.load(keep))
    else:
        importance = learn_blocks(args, net, part)
        torch.save(importance.state_dict(), keep)
    finish_blocks(args, net, importance, held)


def learn_blocks(args, net, part):
    """Learns from the dense network's last hidden states on texts joined from `part`."""
    importance = BlockImportance(MINILM, content=not args.fixed)
    rates = (3e-3, 2e-2)
    narrow = [p for n, p in importance.named_parameters() if not n.startswith(("query", "key", "pooled"))]
    wide = [p for n, p in importance.named_parameters() if n.startswith(("query", "key", "pooled"))]
    optimizer = torch.optim.Adam([{"params": wide, "lr": rates[0]}, {"params": narrow, "lr": rates[1]}])
    generator, started = torch.Generator().manual_seed(1), time.time()
    for done in range(args.steps):
        length = LENGTHS[done % len(LENGTHS)]
        ids = documents(part.ids, length, TOKENS // length, done)
        target = 0.1 + 0.8 * torch.rand((), generator=generator).item()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            dense = run_blocks(net, None, ids, 0.0)[0].float()
        with torch.autocast("cpu", torch.bfloat16):
            h, kept = run_blocks(net, importance, ids, logit(target), 1.0 * 0.1 ** (done / args.steps))
        h, kept = h.float(), kept.float()
        loss = off(h, dense) + 4 * pooled_off(h, dense)
        total = loss + 20 * (1 - kept.mean() - target) ** 2
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(importance.parameters(), 1.0)
        optimizer.step()
        for group, rate in zip(optimizer.param_groups, rates):
            group["lr"] = rate * (1 - done / args.steps)
        if (done + 1) % 25 == 0:
            log(f"step {done + 1} target {target:.2f} left out {1 - kept.mean().item():.2f} loss {loss.item():.4f} {time.time() - started:.0f} s")
    return importance


@torch.no_grad()
def finish_blocks(args, net, importance, held):
    """Finds where on the course of the threshold each target is met, reports, writes the files, unless the pattern is a
    fixed one, which only stands to be compared with."""
    texts = documents(held.ids, LENGTHS[-1], 6, 2)
    dense, _ = run_blocks(net, None, texts, 0.0)
    found = []
    for target in TARGETS[1:]:
        share = lambda x: 1 - run_blocks(net, importance, texts, x)[1].mean().item()
        [x] = meets(share, [target], -8.0, 8.0, 10)
        h, kept = run_blocks(net, importance, texts, x)
        found.append(x)
        report = {"target": target, "off": off(h, dense).item(), "pooled": pooled_off(h, dense).item()}
        log(json.dumps(report | {"out": [round(1 - v, 3) for v in kept.tolist()]}))
    if not args.fixed:
        for report in export.write_blocks(importance, found, args.out, BLOCK, FAR):
            log(json.dumps(report))


def meets(share_of, targets, low=-40.0, high=40.0, steps=24):
    """For each target the number at which the rising `share_of(number)` reaches it, by bisection."""
    found = []
    for target in targets:
        a, b = low, high
        for _ in range(steps):
            middle = (a + b) / 2
            a, b = (middle, b) if share_of(middle) < target else (a, middle)
        found.append((a + b) / 2)
    return found


def tokens(args, net):
    """Learns or, with `--export`, reads the importance of tokens, and finishes it."""
    part, held, dev = read_texts(args)
    if args.export:
        importance = TokenImportance(MINILM.layers, MINILM.width)
        importance.load_state_dict(torch.load(Path(args.work) / "tokens.pt"))
    else:
        importance = learn_tokens(args, net, part)
    finish_tokens(args, net, importance, held, dev)


def learn_tokens(args, net, part):
    """Learns from the dense network's exits on the texts of `part`."""
    teacher = all_exits(net, part)
    importance = TokenImportance(MINILM.layers, MINILM.width)
    optimizer = torch.optim.Adam([
        {"params": [*importance.first.parameters(), *importance.second.parameters()], "lr": RATES[0]},
        {"params": [importance.slopes, importance.offsets], "lr": RATES[1]},
    ])
    generator, started, done = torch.Generator().manual_seed(1), time.time(), 0
    lengths = [len(s) for s in part.ids]
    while done < args.steps:
        for index in data.batches(lengths, 64, generator):
            if done == args.steps:
                break
            ids, mask = data.pad([part.ids[i] for i in index])
            target = 0.1 + 0.8 * torch.rand((), generator=generator).item()
            temperature = 1.0 * (0.1 / 1.0) ** (done / args.steps)
            thresholds = [importance.threshold(k, logit(target)) for k in range(MINILM.layers)]
            with torch.autocast("cpu", torch.bfloat16):
                exits, kept = run_tokens(net, importance, ids, mask, thresholds, temperature)
            exits, kept = [e.float() for e in exits], kept.float()
            loss = sum(distillation(e, t, 2.0) for e, t in zip(exits, teacher[index].unbind(1))) / 6
            loss = loss + distillation(exits[-1], teacher[index][:, -1], 2.0)
            total = loss + 20 * (1 - kept.mean() - target) ** 2
            optimizer.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(importance.parameters(), 1.0)
            optimizer.step()
            for group, factor in zip(optimizer.param_groups, RATES):
                group["lr"] = factor * (1 - done / args.steps)
            done += 1
            if done % 25 == 0:
                log(f"step {done} target {target:.2f} left out {1 - kept.mean().item():.2f} loss {loss.item():.4f} {time.time() - started:.0f} s")
    torch.save(importance.state_dict(), Path(args.work) / "tokens.pt")
    return importance


@torch.no_grad()
def left_out(net, importance, text, thresholds):
    """Right answers of all exits, [exits], agreement of the last with the dense one, and the share left out by layer."""
    right, agree, kept, n = 0, 0, 0, 0
    for index in data.batches([len(s) for s in text.ids], 64):
        ids, mask = data.pad([text.ids[i] for i in index])
        exits, own = run_tokens(net, importance, ids, mask, thresholds)
        answers = torch.stack(exits, 1).argmax(2)
        right = right + (answers == text.labels[index][:, None]).double().sum(0)
        kept = kept + own.double().sum(0)
        n += len(index)
    return right / n, 1 - kept / n


@torch.no_grad()
def finish_tokens(args, net, importance, held, dev):
    """Finds the thresholds that meet each target on the held-out part, reports, writes the files."""
    table = []
    for target in TARGETS[1:]:
        at = lambda x: [importance.threshold(k, x) for k in range(MINILM.layers)]
        share = lambda x: left_out(net, importance, held, at(x))[1].mean().item()
        [x] = meets(share, [target], -8.0, 8.0, 12)
        thresholds = [float(t) for t in at(x)]
        for name, text in (("held_out", held), ("dev", dev)):
            right, out = left_out(net, importance, text, thresholds)
            rounded = lambda values: [round(v, 4) for v in values.tolist()]
            log(json.dumps({"target": target, "on": name, "accuracy": rounded(right), "left_out": rounded(out)}))
        table.append(thresholds)
    for report in export.write_tokens(importance, table, args.out):
        log(json.dumps(report))


def all_exits(net, text):
    """Dense logits of all exits: [N, exits, 2]."""
    with torch.autocast("cpu", torch.bfloat16):
        return data.run_sorted(net, text.ids)


def read_texts(args):
    """Whole sentences to learn from, the held-out part, and the dev part."""
    tokenizer = data.load_tokenizer(Path(args.out) / "data/sentences")
    part, held = data.hold_out(data.read_tsv(Path(args.sst2) / "train.tsv"))
    part = [row for row in part if len(row[1].split()) >= 10]
    order = np.random.default_rng(1).permutation(len(part))[: args.texts]
    part = [part[i] for i in order]
    dev = data.read_tsv(Path(args.sst2) / "dev.tsv")
    return (data.encode(tokenizer, rows) for rows in (part, held, dev))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tokens", "blocks"])
    parser.add_argument("--sst2", required=True, help="folder of SST-2's train.tsv and dev.tsv")
    parser.add_argument("--work", default="target/train", help="folder for checkpoints")
    parser.add_argument("--out", default="..", help="folder of what is shipped")
    parser.add_argument("--export", action="store_true", help="do not learn: read the checkpoint, report and write")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--texts", type=int, default=16000)
    parser.add_argument("--fixed", action="store_true", help="`blocks`: learn a pattern that does not depend on the input")
    args = parser.parse_args()
    set_up(1, 1)
    Path(args.work).mkdir(parents=True, exist_ok=True)
    net = read_weights(args.out)
    {"tokens": tokens, "blocks": blocks}[args.what](args, net)


if __name__ == "__main__":
    main()
