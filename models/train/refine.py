"""Trains and exports the refinement stage of the Fashion-MNIST cascade: it looks again at the image in full, with
what the light network has already seen.

    python refine.py [--data DIR] [--work DIR] [--out DIR] [--test]

The light network is not changed. Its second feature map h [N, 32, 3, 3] joins the refinement's own maps.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from torch import nn

import export
from common import (
    FASHION_MNIST_DIR, accuracy, count_macs, hold_out, model_name, model_path, near_views, read_split, run_batched,
    set_up, to_input,
)
from fashion import DISTILLED, load, teacher_logits
from fit import Recipe, classifier_loss, train
from nets import stack

RECIPE = Recipe(epochs=24, **DISTILLED)
TRUNK, TOP = "16 48/2 r 96/2 r 96/2", "128 r"


class Refinement(nn.Module):
    """logits(x, h): a trunk on the image, joined with h at 4 x 4, and a top over both."""

    def __init__(self):
        super().__init__()
        self.trunk, channels = stack(1, TRUNK)
        self.top, channels = stack(channels + 32, TOP)
        self.head = nn.Linear(channels, 10)

    def forward(self, x, h):
        # From 3 x 3 to 4 x 4, as the exported graph does: zeros after the last row and column.
        h = nn.functional.pad(h, (0, 1, 0, 1))
        return self.head(self.top(torch.cat([self.trunk(x), h], 1)).mean((2, 3)))


class Refined(nn.Module):
    """The whole network: the light one's first two convolutions, frozen, and the refinement."""

    def __init__(self, light):
        super().__init__()
        layers = list(light.stages.stage1.children())
        self.seen = nn.Sequential(*layers[:2]).requires_grad_(False)
        self.refinement = Refinement()

    def train(self, mode=True):
        super().train(mode)
        self.seen.eval()
        return self

    def forward(self, x):
        h = self.seen(x)
        return self.refinement(x, h), h


def write_cheap(light, path, sample):
    """Exports the light network with h as an output. Returns the sha256."""
    graph = export.Graph("cheap")
    convs = list(light.stages.stage1.children())
    x = graph.conv(convs[0], "x", "conv1")
    h = graph.conv(convs[1], x, "conv2", "h")
    x = graph.conv(convs[2], h, "conv3")
    features = graph.pool(x, "head", "features", 1)
    graph.linear(light.head, features, "classifier", "logits")
    metadata = {"name": model_name(path), "task": "image classification, 10 classes: the cheap pass", **PROVENANCE}
    outputs = {"h": [32, 3, 3], "features": [light.head.in_features], "logits": [10]}
    digest = export.save(graph, path, {"x": [1, 28, 28]}, outputs, metadata)

    def all_of(x):
        logits, features = light(x)
        return nn.Sequential(*convs[:2])(x), features, logits

    export.compare(path, all_of, sample)
    return digest


def write_refinement(net, path, sample, h):
    """Exports the refinement. Returns the sha256."""
    graph = export.Graph("refinement")
    x = graph.sequence(net.trunk, "x", "trunk")
    pads = graph.constant("seen/pads", torch.tensor([0, 0, 0, 0, 0, 0, 1, 1]).numpy())
    seen = graph.node("Pad", ["h", pads], "seen")
    joined = graph.node("Concat", [x, seen], "joined", axis=1)
    features = graph.pool(graph.sequence(net.top, joined, "top"), "head")
    graph.linear(net.head, features, "classifier", "logits")
    task = "image classification, 10 classes: the second, careful pass"
    metadata = {"name": model_name(path), "task": task, **PROVENANCE}
    digest = export.save(graph, path, {"x": [1, 28, 28], "h": [32, 3, 3]}, {"logits": [10]}, metadata)
    export.compare(path, lambda x, h: (net(x, h),), sample, h)
    return digest


PROVENANCE = {
    "dataset": "Fashion-MNIST (MIT), 55,000 of its 60,000 training images", "licence": "MIT OR Apache-2.0",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=FASHION_MNIST_DIR, help="folder of the four idx files")
    parser.add_argument("--work", default="target/train", help="folder of the checkpoints")
    parser.add_argument("--out", default="models", help="folder for the ONNX files")
    parser.add_argument("--test", action="store_true", help="also evaluate on the 10,000 test images")
    args = parser.parse_args()

    set_up(RECIPE.seed)
    part, held = hold_out(read_split(args.data, "train"))
    light = load(args.work, "light")
    net = Refined(light)
    print(f"refinement: {count_macs(net, torch.zeros(1, 1, 28, 28))} MACs, {RECIPE}", flush=True)
    started = time.time()
    keep = Path(args.work) / "fashion-refinement.pt"
    table = teacher_logits(args.work, part)
    log = lambda line: print(line, flush=True)
    net = train(net, part, held, RECIPE, near_views(), classifier_loss, table, log, keep)
    sample = to_input(held.images[:5])
    path = lambda name: model_path(args.out, "fashion", name)
    with torch.no_grad():
        h = net.seen(sample)
    report = {
        "seconds": round(time.time() - started), "held_out": accuracy(run_batched_first(net, held.images), held.labels),
        "cheap": write_cheap(light, path("cheap"), sample),
        "refinement": write_refinement(net.refinement, path("refinement"), sample, h),
        "macs": count_macs(net.refinement, sample[:1], h[:1]),
        "parameters": sum(p.numel() for p in net.refinement.parameters()),
    }
    if args.test:
        test = read_split(args.data, "t10k")
        report["test"] = accuracy(run_batched_first(net, test.images), test.labels)
    print(json.dumps(report), flush=True)


@torch.no_grad()
def run_batched_first(net, images, batch=500):
    """The network's logits on uint8 images [N, 28, 28]."""
    net.eval()
    return torch.cat([net(to_input(images[i : i + batch]))[0] for i in range(0, len(images), batch)])


if __name__ == "__main__":
    main()
