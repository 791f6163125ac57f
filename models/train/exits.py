"""Trains early-exit networks, all exits jointly, and exports each stage as its own ONNX file.

    python exits.py mnist --data DIR [--work DIR] [--out DIR]
    python exits.py fashion [--data DIR] [--work DIR] [--out DIR]

Stage 1 maps x to (h1, logits1), stage 2 h1 to (h2, logits2), stage 3 h2 to logits.
"""

import argparse
import json
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import export
from common import (
    FASHION_MNIST_DIR, THREADS, accuracy, all_views, count_macs, hold_out, model_name, model_path, near_views,
    read_split, run_batched, set_up, to_input,
)
from fashion import DISTILLED, teacher_logits
from fit import Recipe, distillation, train
from nets import stack


@dataclass(frozen=True)
class Plan:
    """One early-exit network: its stages, in the words of `nets.stack`; behind each stands an exit.

    With a recipe that distils, the teacher is `teacher` of fashion.py, from the same working folder."""

    stages: tuple
    flips: bool
    weights: tuple
    data: str
    recipe: Recipe


PLANS = {
    "mnist": Plan(
        stages=("64k7/4 64", "r r", "96/2 r r 128/2 r"),
        flips=False, weights=(0.5, 0.5, 1.0),
        data="MNIST (CC BY-SA 3.0), 55,000 of its 60,000 training images",
        recipe=Recipe(epochs=24, rate=0.1, weight_decay=5e-4, erase=0.0),
    ),
    "fashion": Plan(
        stages=("32k5/2 64/2 64", "r", "r 96/2 r r r r 128/2 r r"),
        flips=True, weights=(0.5, 0.5, 1.0),
        data="Fashion-MNIST (MIT), 55,000 of its 60,000 training images",
        recipe=Recipe(epochs=24, **DISTILLED),
    ),
}


class Stage(nn.Module):
    """A piece of the trunk with a linear exit: [N, I, H, W] to (h [N, O, H', W'], logits [N, 10]).

    The exit reads all of h and no mean over space, which costs little and is worth a point of accuracy early on."""

    def __init__(self, shape, layout):
        super().__init__()
        self.trunk, _ = stack(shape[0], layout)
        with torch.no_grad():
            self.shape = tuple(self.trunk.eval()(torch.zeros(1, *shape)).shape[1:])
        self.classifier = nn.Linear(math.prod(self.shape), 10)

    def forward(self, h):
        h = self.trunk(h)
        return h, self.classifier(h.flatten(1))


class ExitNet(nn.Module):
    """The stages in a row: [N, 1, 28, 28] to (logits1, logits2, logits)."""

    def __init__(self, plan):
        super().__init__()
        shape, stages = (1, 28, 28), OrderedDict()
        for number, layout in enumerate(plan.stages, 1):
            stages[f"stage{number}"] = Stage(shape, layout)
            shape = stages[f"stage{number}"].shape
        self.stages = nn.Sequential(stages)

    def forward(self, h):
        outputs = []
        for stage in self.stages:
            h, logits = stage(h)
            outputs.append(logits)
        return tuple(outputs)


def joint_loss(weights):
    """Weighted loss of all exits: distillation from the teacher mixed with cross-entropy, or without a teacher
    cross-entropy, the early exits also drawn to the last one's softened distribution."""

    def loss(net, x, labels, teacher, recipe):
        with torch.autocast("cpu", torch.bfloat16):
            exits = net(x)
        exits = [logits.float() for logits in exits]
        if teacher is not None:
            soft, hard = recipe.teacher_weight, 1 - recipe.teacher_weight
            each = lambda y: hard * F.cross_entropy(y, labels) + soft * distillation(y, teacher, recipe.temperature)
            return sum(weight * each(logits) for weight, logits in zip(weights, exits))
        teacher = exits[-1].detach()
        total = weights[-1] * F.cross_entropy(exits[-1], labels)
        for weight, logits in zip(weights, exits[:-1]):
            hard = F.cross_entropy(logits, labels)
            total = total + weight * 0.5 * (hard + distillation(logits, teacher, recipe.temperature))
        return total

    return loss


def write(net, name, data, folder, sample):
    """Exports the stages and compares each with PyTorch; `sample` is float32 [5, 1, 28, 28]. One report per file."""
    reports, h, last = [], sample, len(net.stages)
    for number, stage in enumerate(net.stages, 1):
        graph = export.Graph(f"stage{number}")
        source = "x" if number == 1 else f"h{number - 1}"
        final = number == last
        top = graph.sequence(stage.trunk, source, "trunk", None if final else f"h{number}")
        flat = graph.node("Flatten", [top], "exit/flatten", axis=1)
        logits = "logits" if final else f"logits{number}"
        graph.linear(stage.classifier, flat, "exit/classifier", logits)
        outputs = {logits: [10]} if final else {f"h{number}": list(stage.shape), logits: [10]}
        path = model_path(folder, name, f"stage{number}")
        metadata = {
            "name": model_name(path),
            "task": f"image classification, 10 classes, stage {number} of {last} with its exit",
            "dataset": data, "licence": "MIT OR Apache-2.0",
        }
        digest = export.save(graph, path, {source: list(h.shape[1:])}, outputs, metadata)
        export.compare(path, lambda x: stage(x)[1:] if final else stage(x), h)
        reports.append({
            "name": model_name(path), "macs": count_macs(stage, h[:1]), "sha256": digest, "bytes": path.stat().st_size,
            "parameters": sum(p.numel() for p in stage.parameters()),
        })
        with torch.no_grad():
            h = stage(h)[0]
    return reports


def exit_accuracies(net, part):
    return [round(accuracy(logits, part.labels), 4) for logits in run_batched(net, part.images)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(PLANS))
    parser.add_argument("--data", default=FASHION_MNIST_DIR, help="folder of the four idx files")
    parser.add_argument("--work", default="target/train", help="folder for checkpoints")
    parser.add_argument("--out", default="models", help="folder for the ONNX files")
    parser.add_argument("--test", action="store_true", help="also evaluate on the 10,000 test images")
    args = parser.parse_args()

    plan = PLANS[args.name]
    set_up(plan.recipe.seed)
    Path(args.work).mkdir(parents=True, exist_ok=True)
    part, held = hold_out(read_split(args.data, "train"))
    net = ExitNet(plan)
    macs = count_macs(net, torch.zeros(1, 1, 28, 28))
    print(f"{args.name}: {macs} MACs, {plan}, {THREADS} thread(s)", flush=True)
    started = time.time()
    views = [view for view in all_views(2) if plan.flips or view[0] == 0]
    table = None
    if plan.recipe.teacher_weight:
        table, views = teacher_logits(args.work, part), near_views()
    log = lambda line: print(line, flush=True)
    keep = Path(args.work) / f"{args.name}-exits.pt"
    net = train(net, part, held, plan.recipe, views, joint_loss(plan.weights), table, log, keep)
    print(json.dumps({
        "seconds": round(time.time() - started), "held_out": exit_accuracies(net, held), "seed": plan.recipe.seed,
        "epochs": plan.recipe.epochs,
    }))
    for report in write(net, args.name, plan.data, args.out, to_input(held.images[:5])):
        print(json.dumps(report))
    if args.test:
        print(json.dumps({"test": exit_accuracies(net, read_split(args.data, "t10k"))}))


if __name__ == "__main__":
    main()
