"""Fits and exports the gating network of the Fashion-MNIST mixture of experts.

    python experts.py [--data DIR] [--work DIR] [--out DIR]

Experts are the light, the static-s and the full network, in order of cost. From the light one's features and logits the
gate predicts p_k, the probability that expert k is right. With costs c_k (multiply-accumulates as shares of the full
network's) and a price per unit of cost, the best expert maximises p_k - price * c_k. So a row leaves the first expert
while price < max_k (p_k - p_1) / (c_k - c_1), and the second while price < (p_3 - p_2) / (c_3 - c_2): these two prices
are the gate's scores, and the price is the knob. Only the held-out part is used, each image under its ten near views.
"""

import argparse
import json

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import export
from common import FASHION_MNIST_DIR, count_macs, hold_out, model_path, near_views, read_split, set_up
from fashion import build, load
from gate import scaled, run_views

SEED = 1
FOLDS = 5
STEPS = 400
WIDTHS = (8, 16)
DECAYS = (3e-4, 1e-3, 3e-3)
EXPERTS = ("light", "static-s", "full")
PRICES = (0.02, 0.05, 0.1, 0.2, 0.4)


class Gate(nn.Module):
    """p = sigmoid(linear(relu(linear(features))) + slope * log(1 + 1e-6 - max softmax(logits)) + bias).

    Maps features [N, F] and logits [N, C] to the probabilities [N, 3] that each expert is right."""

    def __init__(self, features, width):
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.hidden = nn.Linear(features, width)
        self.out = nn.Linear(width, len(EXPERTS))
        self.slope = nn.Parameter(torch.full((1, len(EXPERTS)), -0.5))

    def standardise(self, features):
        """Sets the input scale from a sample."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0) + 1e-3)

    def raw(self, features, logits):
        """The log-odds [N, 3]."""
        doubt = torch.log(1 + 1e-6 - torch.softmax(logits, 1).amax(1, keepdim=True))
        hidden = torch.relu(self.hidden((features - self.mean) / self.spread))
        return self.out(hidden) + doubt * self.slope

    def forward(self, features, logits):
        return torch.sigmoid(self.raw(features, logits))


def prices(p, costs):
    """The scores [N, 2]: below which price a row leaves the first expert, and the second."""
    first = torch.maximum(
        (p[:, 1] - p[:, 0]) / (costs[1] - costs[0]), (p[:, 2] - p[:, 0]) / (costs[2] - costs[0]))
    second = (p[:, 2] - p[:, 1]) / (costs[2] - costs[1])
    return torch.stack([first, second], 1)


def fit(features, logits, right, width, decay, seed=SEED):
    """Minimises the cross-entropy of `right` [N, 3] by full-batch Adam."""
    torch.manual_seed(seed)
    gate = Gate(features.shape[1], width)
    gate.standardise(features)
    optimizer = torch.optim.Adam(gate.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        loss = F.binary_cross_entropy_with_logits(gate.raw(features, logits), right)
        loss = loss + decay * sum(layer.weight.square().sum() for layer in (gate.hidden, gate.out))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return gate.eval()


def judge(scores, right, costs):
    """Prints accuracy and cost at some prices; all [N, ...]."""
    for price in PRICES:
        chosen = (scores[:, 0] > price).long() * (1 + (scores[:, 1] > price).long())
        accuracy = right.gather(1, chosen[:, None]).double().mean().item()
        cost = torch.tensor(costs)[chosen].mean().item()
        shares = [round((chosen == k).double().mean().item(), 3) for k in range(3)]
        print(f"price {price}: accuracy {accuracy:.4f} cost {cost:.4f} shares {shares}", flush=True)


def write(gate, costs, path, features, logits):
    """Exports the gate with its prices and compares it with PyTorch. Returns the sha256."""
    graph = export.Graph("experts")
    p = graph.node("Softmax", ["logits"], "probabilities", axis=1)
    top = graph.node("ReduceMax", [p], "confidence", axes=[1], keepdims=1)
    one = graph.constant("doubt/one", np.array([1 + 1e-6], np.float32))
    doubt = graph.node("Log", [graph.node("Sub", [one, top], "doubt/rest")], "doubt")
    slope = graph.constant("slope", gate.slope.detach().numpy())
    sloped = graph.node("Mul", [doubt, slope], "sloped")
    h = graph.node("Relu", [graph.linear(scaled(gate.hidden, gate), "features", "hidden")], "hidden/relu")
    odds = graph.node("Add", [graph.linear(gate.out, h, "out"), sloped], "odds")
    p = graph.node("Sigmoid", [odds], "right")
    # Differences of the probabilities over those of the costs, as one product: (2-1), (3-1), (3-2).
    pairs = np.zeros((3, 3), np.float32)
    for column, (a, b) in enumerate([(1, 0), (2, 0), (2, 1)]):
        pairs[a, column] = 1 / (costs[a] - costs[b])
        pairs[b, column] = -1 / (costs[a] - costs[b])
    from_first = graph.node("MatMul", [p, graph.constant("pairs/first", pairs[:, :2])], "prices/first")
    graph.node("ReduceMax", [from_first], "prices/most", "leave1", axes=[1], keepdims=1)
    graph.node("MatMul", [p, graph.constant("pairs/second", pairs[:, 2:])], "prices/second", "leave2")
    metadata = {
        "name": "fashion-experts-gate",
        "task": "prices below which a row leaves fashion-light for a dearer expert, and fashion-static-s for fashion-full",
        "dataset": "Fashion-MNIST (MIT), 5,000 held-out of its 60,000 training images",
        "licence": "MIT OR Apache-2.0",
    }
    shapes = {"features": [features.shape[1]], "logits": [logits.shape[1]]}
    digest = export.save(graph, path, shapes, {"leave1": [1], "leave2": [1]}, metadata)
    both = lambda f, l: tuple(prices(gate(f, l), costs).split(1, 1))
    export.compare(path, both, features, logits)
    return digest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=FASHION_MNIST_DIR, help="folder of the four idx files")
    parser.add_argument("--work", default="target/train", help="folder of the experts' checkpoints")
    parser.add_argument("--out", default="models", help="folder for the ONNX file")
    args = parser.parse_args()

    set_up(SEED)
    _, held = hold_out(read_split(args.data, "train"))
    sample = torch.zeros(1, 1, 28, 28)
    macs = [count_macs(build(name), sample) for name in EXPERTS]
    costs = [m / macs[-1] for m in macs]
    runs = [run_views(load(args.work, name), held.images) for name in EXPERTS]
    logits, features = runs[0]
    right = torch.stack([(run[0].argmax(2) == held.labels[:, None]).float() for run in runs], 2)
    print("held-out:", [round(right[:, 0, k].mean().item(), 4) for k in range(3)], "costs", costs, flush=True)

    order = torch.randperm(len(held), generator=torch.Generator().manual_seed(SEED))
    best = None
    for width in WIDTHS:
        for decay in DECAYS:
            p = torch.empty(len(held), len(EXPERTS))
            for fold in range(FOLDS):
                out = order[fold::FOLDS]
                kept = torch.ones(len(held), dtype=torch.bool)
                kept[out] = False
                gate = fit(*(t[kept].flatten(0, 1) for t in (features, logits, right)), width, decay)
                with torch.no_grad():
                    p[out] = gate(features[out, 0], logits[out, 0])
            loss = F.binary_cross_entropy(p, right[:, 0]).item()
            print(f"width {width} decay {decay}: log-loss {loss:.5f}", flush=True)
            if best is None or loss < best[0]:
                best = (loss, width, decay)
                judge(prices(p, costs), right[:, 0], costs)
    _, width, decay = best
    gate = fit(*(t.flatten(0, 1) for t in (features, logits, right)), width, decay)
    path = model_path(args.out, "fashion", "experts-gate")
    print(json.dumps({
        "name": "fashion-experts-gate", "width": width, "decay": decay,
        "macs": count_macs(gate, features[:1, 0], logits[:1, 0]), "seed": SEED,
        "parameters": sum(p.numel() for p in gate.parameters()),
        "sha256": write(gate, costs, path, features[:5, 0], logits[:5, 0]), "bytes": path.stat().st_size,
    }))


if __name__ == "__main__":
    main()
