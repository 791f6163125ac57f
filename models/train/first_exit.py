"""Trains a cheap first exit for the early-exit network of MNIST, so that there is something to route.

    python first_exit.py --data DIR --models DIR [--out DIR] [--test]

It splits the first stage of the network that exits.py made in two and trains an exit behind the first convolution.
Nothing else is trained: the whole network answers as before. `--models` holds the stages of exits.py.
"""

import argparse
import json
import math
import time
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

import exits
from common import hold_out, near_views, read_split, set_up, to_input
from fit import Recipe, classifier_loss, train
from nets import ConvUnit

MNIST = exits.Plan(
    stages=("64k7/4", "64", "r r 96/2 r r 128/2 r"),
    flips=False, weights=(1.0,), data=exits.PLANS["mnist"].data,
    recipe=Recipe(epochs=40, rate=0.2, weight_decay=1e-4, erase=0.0),
)


def initializers(path):
    """The weights of an exported network by name, without the graph's own name."""
    tensors = onnx.load(path).graph.initializer
    return {t.name.partition("/")[2]: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in tensors}


@torch.no_grad()
def fill(unit, weights, name):
    """Puts a folded convolution into a unit, whose normalisation becomes a mere shift by the bias."""
    unit.conv.weight.copy_(weights[f"{name}/weight"])
    unit.norm.bias.copy_(weights[f"{name}/bias"])
    unit.norm.weight.fill_(math.sqrt(1 + unit.norm.eps))
    unit.norm.running_mean.zero_()
    unit.norm.running_var.fill_(1)


def units(net):
    """The convolutions of an early-exit network in order."""
    return [module for module in net.modules() if isinstance(module, ConvUnit)]


@torch.no_grad()
def split_exits(folder):
    """The network of `MNIST` with the shipped one's weights; its first exit starts at random."""
    old, new = exits.ExitNet(exits.PLANS["mnist"]), exits.ExitNet(MNIST)
    for number, stage in enumerate(old.stages, 1):
        weights = initializers(Path(folder) / f"stage{number}.onnx")
        for name, module in stage.trunk.named_modules():
            if isinstance(module, ConvUnit):
                fill(module, weights, f"trunk/{name.replace('.', '/')}")
        stage.classifier.weight.copy_(weights["exit/classifier/weight"])
        stage.classifier.bias.copy_(weights["exit/classifier/bias"])
    for mine, theirs in zip(units(new), units(old), strict=True):
        mine.load_state_dict(theirs.state_dict())
    new.stages.stage2.classifier.load_state_dict(old.stages.stage1.classifier.state_dict())
    new.stages.stage3.classifier.load_state_dict(old.stages.stage3.classifier.state_dict())
    return new.eval()


class FirstExit(nn.Module):
    """A stage of which only the exit is trained: [N, 1, 28, 28] to (logits,)."""

    def __init__(self, stage):
        super().__init__()
        self.stage = stage
        stage.trunk.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        self.stage.trunk.eval()
        return self

    def forward(self, x):
        return (self.stage(x)[1],)


def train_exit(args, log):
    part, held = hold_out(read_split(args.data, "train"))
    torch.manual_seed(MNIST.recipe.seed)
    net = split_exits(args.models)
    log(f"{MNIST}, at first {exits.exit_accuracies(net, held)}")
    views = [view for view in near_views() if view[0] == 0]
    started = time.time()
    first = train(FirstExit(net.stages.stage1), part, held, MNIST.recipe, views, classifier_loss, None, log)
    net.stages.stage1.classifier.load_state_dict(first.stage.classifier.state_dict())
    print(json.dumps({
        "seconds": round(time.time() - started), "seed": MNIST.recipe.seed, "epochs": MNIST.recipe.epochs,
        "held_out": exits.exit_accuracies(net, held),
    }))
    for report in exits.write(net, "mnist", MNIST.data, args.out, to_input(held.images[:5])):
        print(json.dumps(report), flush=True)
    if args.test:
        print(json.dumps({"test": exits.exit_accuracies(net, read_split(args.data, "t10k"))}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of MNIST's idx files")
    parser.add_argument("--models", required=True, help="folder of the stages that exits.py wrote")
    parser.add_argument("--out", default="..", help="folder for the ONNX files")
    parser.add_argument("--test", action="store_true", help="also evaluate on the 10,000 test images")
    args = parser.parse_args()

    set_up(1)
    train_exit(args, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
