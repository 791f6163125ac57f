"""Fits and exports the dendritic gate of the Fashion-MNIST cascade: P(light and full predict different classes).

    python gate.py [--data DIR] [--work DIR] [--out DIR]

Only the held-out part is used. Width and weight decay are chosen by cross-validation, then the gate is fitted on
all of it.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import export
from common import FASHION_MNIST_DIR, accuracy, count_macs, hold_out, read_split, run_batched, set_up
from fashion import load

SEED = 1
FOLDS = 5
REPEATS = 2
STEPS = 400
WIDTHS = (0, 8, 16)
DECAYS = (0.003, 0.01, 0.03)
RATES = (0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.50)


class Gate(nn.Module):
    """score = sigmoid(main(h) + sum_i w_i tanh(dendrite_i(h))), h = (features, softmax(logits), its maximum).

    Maps features [N, F] and logits [N, C] to a score [N, 1] in 0..1. Inputs are standardised inside.
    """

    def __init__(self, features, classes, width):
        super().__init__()
        inputs = features + classes + 1
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.main = nn.Linear(inputs, 1)
        self.dendrites = nn.Linear(inputs, width) if width else None
        self.soma = nn.Linear(width, 1, bias=False) if width else None
        nn.init.zeros_(self.main.weight)

    @staticmethod
    def gather(features, logits):
        p = torch.softmax(logits, 1)
        return torch.cat([features, p, p.amax(1, keepdim=True)], 1)

    def standardise(self, features, logits):
        """Sets the input scale from a sample."""
        h = self.gather(features, logits)
        self.mean.copy_(h.mean(0))
        self.spread.copy_(h.std(0) + 1e-3)

    def raw(self, features, logits):
        """The score before the sigmoid, [N, 1]."""
        h = (self.gather(features, logits) - self.mean) / self.spread
        y = self.main(h)
        return y if self.dendrites is None else y + self.soma(torch.tanh(self.dendrites(h)))

    def forward(self, features, logits):
        return torch.sigmoid(self.raw(features, logits))


def fit(features, logits, target, width, decay, seed=SEED):
    """Minimises the cross-entropy of `target` [N] in {0, 1} by full-batch AdamW."""
    torch.manual_seed(seed)
    gate = Gate(features.shape[1], logits.shape[1], width)
    gate.standardise(features, logits)
    with torch.no_grad():
        gate.main.bias.fill_(torch.logit(target.mean()).item())
    penalised = [p for p in gate.parameters() if p.ndim > 1]
    optimizer = torch.optim.Adam(gate.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        loss = F.binary_cross_entropy_with_logits(gate.raw(features, logits)[:, 0], target)
        loss = loss + decay * sum(p.square().sum() for p in penalised)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return gate.eval()


def escalate(score, light_right, full_right, rate):
    """Accuracy when the share `rate` of highest score goes to the full network."""
    count = round(rate * len(score))
    chosen = torch.zeros(len(score), dtype=torch.bool)
    chosen[torch.argsort(score, descending=True, stable=True)[:count]] = True
    return torch.where(chosen, full_right, light_right).double().mean().item()


def mean_accuracy(score, light_right, full_right):
    """Mean of the accuracies at all `RATES`."""
    return sum(escalate(score, light_right, full_right, r) for r in RATES) / len(RATES)


def cross_validated_score(features, logits, target, width, decay, seed):
    """Out-of-fold scores [N]."""
    order = torch.randperm(len(target), generator=torch.Generator().manual_seed(seed))
    score = torch.empty(len(target))
    for fold in range(FOLDS):
        out = order[fold::FOLDS]
        kept = torch.ones(len(target), dtype=torch.bool)
        kept[out] = False
        gate = fit(features[kept], logits[kept], target[kept], width, decay, seed)
        with torch.no_grad():
            score[out] = gate(features[out], logits[out])[:, 0]
    return score


def choose(features, logits, target, light_right, full_right):
    """The (width, decay) of lowest out-of-fold cross-entropy; prints all of them beside plain max-probability."""
    plain = 1 - torch.softmax(logits, 1).amax(1)
    print(f"max-probability: mean accuracy {mean_accuracy(plain, light_right, full_right):.5f}", flush=True)
    results = {}
    for width in WIDTHS:
        for decay in DECAYS:
            runs = [cross_validated_score(features, logits, target, width, decay, s) for s in range(REPEATS)]
            loss = sum(F.binary_cross_entropy(s, target).item() for s in runs) / REPEATS
            mean = sum(mean_accuracy(s, light_right, full_right) for s in runs) / REPEATS
            results[width, decay] = loss
            print(f"width {width} decay {decay}: log-loss {loss:.5f} mean accuracy {mean:.5f}", flush=True)
    return min((w, d) for w, d in results if results[w, d] == min(results.values()))


def scaled(layer, gate):
    """A linear layer on unscaled inputs that equals `layer` on standardised ones."""
    with torch.no_grad():
        weight = layer.weight.double() / gate.spread.double()
        bias = layer.bias.double() - weight @ gate.mean.double()
        plain = nn.Linear(layer.in_features, layer.out_features)
        plain.weight.copy_(weight)
        plain.bias.copy_(bias)
    return plain


def write(gate, path, features, logits):
    """Exports the gate, standardisation folded into its weights, and compares it with PyTorch. Returns the sha256."""
    graph = export.Graph("gate")
    p = graph.node("Softmax", ["logits"], "probabilities", axis=1)
    top = graph.node("ReduceMax", [p], "confidence", axes=[1], keepdims=1)
    h = graph.node("Concat", ["features", p, top], "inputs", axis=1)
    y = graph.linear(scaled(gate.main, gate), h, "main")
    if gate.dendrites is not None:
        d = graph.linear(scaled(gate.dendrites, gate), h, "dendrites")
        d = graph.node("Tanh", [d], "dendrites/tanh")
        weight = graph.constant("soma/weight", gate.soma.weight.detach().numpy().T)
        y = graph.node("Add", [y, graph.node("MatMul", [d, weight], "soma")], "sum")
    graph.node("Sigmoid", [y], "sigmoid", "score")
    metadata = {
        "name": "fashion-gate",
        "task": "probability that fashion-light and fashion-full predict different classes; higher needs the full one",
        "dataset": "Fashion-MNIST (MIT), 5,000 held-out of its 60,000 training images",
        "licence": "MIT OR Apache-2.0",
    }
    shapes = {"features": [features.shape[1]], "logits": [logits.shape[1]]}
    digest = export.save(graph, path, shapes, {"score": [1]}, metadata)
    export.compare(path, lambda f, l: (gate(f, l),), features, logits)
    return digest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=FASHION_MNIST_DIR, help="folder of the four idx files")
    parser.add_argument("--work", default="target/train", help="folder of the checkpoints of full and light")
    parser.add_argument("--out", default="models", help="folder for the ONNX file")
    parser.add_argument("--light", default="light", help="which light network of the working folder")
    args = parser.parse_args()

    set_up(SEED)
    _, held = hold_out(read_split(args.data, "train"))
    full_class = run_batched(load(args.work, "full"), held.images)[0].argmax(1)
    logits, features = run_batched(load(args.work, args.light), held.images)
    target = (logits.argmax(1) != full_class).float()
    light_right, full_right = logits.argmax(1) == held.labels, full_class == held.labels
    print(f"held-out: light {accuracy(logits, held.labels):.4f} full {full_right.double().mean():.4f} "
          f"disagree {target.mean():.4f}", flush=True)
    width, decay = choose(features, logits, target, light_right, full_right)
    gate = fit(features, logits, target, width, decay)
    path = Path(args.out) / "fashion-gate.onnx"
    print(json.dumps({
        "name": "fashion-gate", "width": width, "decay": decay, "macs": count_macs(gate, features[:1], logits[:1]),
        "parameters": sum(p.numel() for p in gate.parameters()), "seed": SEED,
        "sha256": write(gate, path, features[:5], logits[:5]), "bytes": path.stat().st_size,
    }))


if __name__ == "__main__":
    main()
