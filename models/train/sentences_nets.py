"""Transformer layers with an exit each, and the encoder-free networks on means of word embeddings.

`ids` is int64 [N, L], `mask` float32 [N, L], hidden states `h` float32 [N, L, D], logits [N, 2].
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

NORM_EPSILON = 1e-12
EXCLUDED = -1e4


@dataclass(frozen=True)
class Shape:
    """Geometry of a transformer: layers, width, attention heads, width of the feed-forward part, positions."""

    layers: int
    width: int
    heads: int
    inner: int
    words: int = 30522
    positions: int = 512


MINILM = Shape(layers=6, width=384, heads=12, inner=1536)
TINY = Shape(layers=2, width=128, heads=2, inner=512)


def masked_mean(h, mask):
    """Mean over the tokens, [N, L, D] to [N, D]: divided by the true length, padding left out."""
    return (h * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)


class Embedding(nn.Module):
    """Word, position and type embeddings added and normalised: (ids, mask) to h0 [N, L, D]."""

    def __init__(self, shape, dropout):
        super().__init__()
        self.words = nn.Embedding(shape.words, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.kind = nn.Parameter(torch.zeros(shape.width))
        self.norm = nn.LayerNorm(shape.width, NORM_EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids):
        h = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.kind
        return self.dropout(self.norm(h))


class Layer(nn.Module):
    """A BERT layer and its exit: (h, mask) to (h', logits) with h' [N, L, D] and logits [N, 2], None without exit.

    The exit is a linear layer on the masked mean of h', or on h' of the first token where `pool` is "first"."""

    def __init__(self, shape, dropout, pool="mean", exit_=True):
        super().__init__()
        width = shape.width
        self.heads, self.pool = shape.heads, pool
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.mix = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, NORM_EPSILON)
        self.expand, self.contract = nn.Linear(width, shape.inner), nn.Linear(shape.inner, width)
        self.norm2 = nn.LayerNorm(width, NORM_EPSILON)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 2) if exit_ else None

    def attend(self, h, mask):
        split = lambda x: x.unflatten(2, (self.heads, -1)).transpose(1, 2)
        query, key, value = split(self.query(h)), split(self.key(h)), split(self.value(h))
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
        weights = (scores + (1 - mask)[:, None, None, :] * EXCLUDED).softmax(3)
        return self.mix((self.dropout(weights) @ value).transpose(1, 2).flatten(2))

    def forward(self, h, mask):
        h = self.norm1(h + self.dropout(self.attend(h, mask)))
        h = self.norm2(h + self.dropout(self.contract(F.gelu(self.expand(h)))))
        if self.head is None:
            return h, None
        pooled = h[:, 0] if self.pool == "first" else masked_mean(h, mask)
        return h, self.head(self.dropout(pooled))


class Exits(nn.Module):
    """The embedding and all layers: (ids, mask) to a tuple of logits, one per layer, or the last's only where `early`
    is false."""

    def __init__(self, shape, dropout=0.1, pool="mean", early=True):
        super().__init__()
        self.shape = shape
        self.embedding = Embedding(shape, dropout)
        self.layers = nn.ModuleList(
            Layer(shape, dropout, pool, early or k == shape.layers) for k in range(1, shape.layers + 1)
        )

    def forward(self, ids, mask):
        h, outputs = self.embedding(ids), []
        for layer in self.layers:
            h, logits = layer(h, mask)
            outputs.append(logits)
        return tuple(logits for logits in outputs if logits is not None)


class Ensemble(nn.Module):
    """Several `Exits` as one: (ids, mask) to the mean of their last logits."""

    def __init__(self, nets):
        super().__init__()
        self.nets = nn.ModuleList(nets)
        self.embedding = nets[0].embedding

    def forward(self, ids, mask):
        return (torch.stack([net(ids, mask)[-1] for net in self.nets]).mean(0),)


class Dendritic(nn.Module):
    """main(x) + sum_i w_i * D_i(x), with D_i a linear layer followed by tanh and w_i a vector: [N, I] to [N, O].

    Without dendrites it is the plain linear layer."""

    def __init__(self, inputs, outputs, dendrites):
        super().__init__()
        self.main = nn.Linear(inputs, outputs)
        self.branches = nn.ModuleList(nn.Linear(inputs, outputs) for _ in range(dendrites))
        self.weights = nn.Parameter(torch.full((dendrites, outputs), 0.1))

    def forward(self, x):
        y = self.main(x)
        for weight, branch in zip(self.weights, self.branches):
            y = y + weight * torch.tanh(branch(x))
        return y


class Dsn(nn.Module):
    """No encoder: masked mean of word embeddings, dendritic layer, linear head: (ids, mask) to logits [N, 2]."""

    def __init__(self, words, hidden, dendrites, dropout=0.0):
        super().__init__()
        self.words = words
        self.layer = Dendritic(words.embedding_dim, hidden, dendrites)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, 2)

    def forward(self, ids, mask):
        return self.head(self.layer(self.dropout(masked_mean(self.words(ids), mask))))


NAMES = {
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "mix": "attention.output.dense", "norm1": "attention.output.LayerNorm", "expand": "intermediate.dense",
    "contract": "output.dense", "norm2": "output.LayerNorm",
}


def load_pretrained(net, tensors):
    """Copies BERT's tensors, by their published names, into an `Exits`; the exits' own layers stay as they are."""
    copy = lambda target, name: target.data.copy_(tensors[name])
    embedding = net.embedding
    copy(embedding.words.weight, "embeddings.word_embeddings.weight")
    copy(embedding.positions.weight, "embeddings.position_embeddings.weight")
    embedding.kind.data.copy_(tensors["embeddings.token_type_embeddings.weight"][0])
    copy(embedding.norm.weight, "embeddings.LayerNorm.weight")
    copy(embedding.norm.bias, "embeddings.LayerNorm.bias")
    for number, layer in enumerate(net.layers):
        for mine, theirs in NAMES.items():
            for part in ("weight", "bias"):
                copy(getattr(getattr(layer, mine), part), f"encoder.layer.{number}.{theirs}.{part}")


def quantise_rows(weight):
    """int8 rows of `weight` [O, ...] and their float32 scales [O]: weight is about rows * scale."""
    flat = weight.detach().float().flatten(1)
    scale = flat.abs().amax(1).clamp_min(1e-12) / 127
    return torch.round(flat / scale[:, None]).to(torch.int8).reshape(weight.shape), scale


def rounded(weight):
    """`weight` [O, I] after storage as int8 with one scale per row."""
    rows, scale = quantise_rows(weight)
    return rows.float() * scale[:, None]


def layer_macs(shape, length):
    """Multiply-accumulates of one transformer layer and its exit for a sentence of `length` tokens."""
    dense = length * (4 * shape.width**2 + 2 * shape.width * shape.inner)
    return dense + 2 * length**2 * shape.width + 2 * shape.width


def dsn_macs(net):
    """Multiply-accumulates of the layer and the head of a `Dsn`; the mean over the tokens multiplies nothing."""
    matrices = [m.weight.numel() for m in net.modules() if isinstance(m, nn.Linear)]
    return sum(matrices) + net.layer.weights.numel()
