"""Fits and exports the dendritic gate of the Fashion-MNIST cascade: P(light and full predict different classes).

    python gate.py [--data DIR] [--work DIR] [--out DIR]

Only the held-out part is used, each image under its ten near views. Width and weight decay are chosen by
cross-validation over images, scored on the unshifted view; then the gate is fitted on all of it. The weight of the
doubt log(1 - max probability) is not decayed, so that strong decay ends at the ranking by max-probability.
"""

import argparse
import json

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import export
from common import (
    FASHION_MNIST_DIR, Augmenter, accuracy, count_macs, hold_out, model_path, near_views, read_split, set_up,
)
from fashion import load

SEED = 1
FOLDS = 5
REPEATS = 1
STEPS = 300
WIDTHS = (8, 16)
DECAYS = (1e-4, 3e-4, 1e-3)
SMALLEST = 1e-6
RATES = (0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.50)


class Gate(nn.Module):
    """score = sigmoid(main(doubt) + sum_i w_i tanh(dendrite_i(features))), doubt = log(1 + 1e-6 - max softmax(logits)).

    Maps features [N, F] and logits [N, C] to a score [N, 1] in 0..1. Features are standardised inside. Few and small
    operators: at this size a runtime's cost an operator counts, not its operations.
    """

    def __init__(self, features, width):
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.main = nn.Linear(1, 1)
        self.dendrites = nn.Linear(features, width)
        self.soma = nn.Linear(width, 1, bias=False)
        nn.init.constant_(self.main.weight, 1.0)
        nn.init.zeros_(self.soma.weight)

    def standardise(self, features):
        """Sets the input scale from a sample."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0) + 1e-3)

    def raw(self, features, logits):
        """The score before the sigmoid, [N, 1]."""
        doubt = torch.log(1 + SMALLEST - torch.softmax(logits, 1).amax(1, keepdim=True))
        branches = torch.tanh(self.dendrites((features - self.mean) / self.spread))
        return self.main(doubt) + self.soma(branches)

    def forward(self, features, logits):
        return torch.sigmoid(self.raw(features, logits))


def fit(features, logits, target, width, decay, seed=SEED):
    """Minimises the cross-entropy of `target` [N] in {0, 1} by full-batch AdamW."""
    torch.manual_seed(seed)
    gate = Gate(features.shape[1], width)
    gate.standardise(features)
    penalty = lambda: [gate.dendrites.weight, gate.soma.weight]
    optimizer = torch.optim.Adam(gate.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        loss = F.binary_cross_entropy_with_logits(gate.raw(features, logits)[:, 0], target)
        loss = loss + decay * sum(p.square().sum() for p in penalty())
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
    """Out-of-fold scores [N] of the first view; all views of an image share a fold. Inputs are [N, views, ...]."""
    order = torch.randperm(len(target), generator=torch.Generator().manual_seed(seed))
    score = torch.empty(len(target))
    for fold in range(FOLDS):
        out = order[fold::FOLDS]
        kept = torch.ones(len(target), dtype=torch.bool)
        kept[out] = False
        gate = fit(*(t[kept].flatten(0, 1) for t in (features, logits, target)), width, decay, seed)
        with torch.no_grad():
            score[out] = gate(features[out, 0], logits[out, 0])[:, 0]
    return score


@torch.no_grad()
def run_views(net, images, batch=500):
    """(logits [N, views, 10], features [N, views, F]) on the near views, the unshifted one first."""
    views = sorted(near_views(), key=lambda view: view != (0, 0, 0))
    augmenter = Augmenter(images, views)
    columns = []
    for number in range(len(views)):
        parts = [net(augmenter.view(i, torch.full_like(i, number))) for i in torch.arange(len(images)).split(batch)]
        columns.append([torch.cat(column) for column in zip(*parts)])
    return tuple(torch.stack(outputs, 1) for outputs in zip(*columns))


def choose(features, logits, target, light_right, full_right):
    """The (width, decay) of lowest out-of-fold cross-entropy; prints all of them beside plain max-probability."""
    plain = 1 - torch.softmax(logits[:, 0], 1).amax(1)
    print(f"max-probability: mean accuracy {mean_accuracy(plain, light_right, full_right):.5f}", flush=True)
    results = {}
    for width in WIDTHS:
        for decay in DECAYS:
            runs = [cross_validated_score(features, logits, target, width, decay, s) for s in range(REPEATS)]
            loss = sum(F.binary_cross_entropy(s, target[:, 0]).item() for s in runs) / REPEATS
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
    one = graph.constant("doubt/one", np.array([1 + SMALLEST], np.float32))
    doubt = graph.node("Log", [graph.node("Sub", [one, top], "doubt/rest")], "doubt")
    slope = graph.constant("main/slope", gate.main.weight.detach().numpy().reshape(1))
    y = graph.node("Mul", [doubt, slope], "main")
    d = graph.linear(scaled(gate.dendrites, gate), "features", "dendrites")
    d = graph.node("Tanh", [d], "dendrites/tanh")
    # The bias of `main` stands in the last product's, which is the same sum.
    soma = nn.Linear(gate.soma.in_features, 1)
    with torch.no_grad():
        soma.weight.copy_(gate.soma.weight)
        soma.bias.copy_(gate.main.bias)
    y = graph.node("Add", [y, graph.linear(soma, d, "soma")], "sum")
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
    full_class = run_views(load(args.work, "full"), held.images)[0].argmax(2)
    logits, features = run_views(load(args.work, args.light), held.images)
    target = (logits.argmax(2) != full_class).float()
    light_right, full_right = logits[:, 0].argmax(1) == held.labels, full_class[:, 0] == held.labels
    print(f"held-out: light {accuracy(logits[:, 0], held.labels):.4f} full {full_right.double().mean():.4f} "
          f"disagree {target[:, 0].mean():.4f}", flush=True)
    width, decay = choose(features, logits, target, light_right, full_right)
    gate = fit(*(t.flatten(0, 1) for t in (features, logits, target)), width, decay)
    features, logits = features[:, 0], logits[:, 0]
    path = model_path(args.out, "fashion", "gate")
    print(json.dumps({
        "name": "fashion-gate", "width": width, "decay": decay, "macs": count_macs(gate, features[:1], logits[:1]),
        "parameters": sum(p.numel() for p in gate.parameters()), "seed": SEED,
        "sha256": write(gate, path, features[:5], logits[:5]), "bytes": path.stat().st_size,
    }))


if __name__ == "__main__":
    main()
