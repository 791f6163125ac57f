"""Prunes the full Fashion-MNIST network: whole channels go, the rest is trained on.

    python prune.py [--data DIR] [--work DIR] [--test]

A channel's importance is the sum of the absolute values of what writes it, normalisation's scale included, each
convolution's divided by its mean (Li et al., "Pruning filters for efficient ConvNets", ICLR 2017). All convolutions
that write into one residual stream lose the same channels. What is left is distilled from `teacher`, like the light
and static networks, and quantised by `quantise.py`; only that is shipped.
"""

import argparse
import json
import time

import torch

from common import FASHION_MNIST_DIR, accuracy, count_macs, hold_out, near_views, read_split, run_batched, set_up
from fashion import DISTILLED, build, checkpoint, load, teacher_logits
from fit import Recipe, classifier_loss, train
from nets import ConvUnit, Residual

RECIPE = Recipe(epochs=10, rate=0.05, **DISTILLED)


def writes(unit):
    """Importance [O] of a unit's output channels, 1 on the average."""
    size = (unit.conv.weight.flatten(1).abs().sum(1) * unit.norm.weight.abs()).detach()
    return size / size.mean()


def strongest(scores, count):
    """Indices of the `count` largest, in their order."""
    return torch.sort(torch.topk(scores, count).indices).values


def copy_unit(new, old, inputs, outputs):
    """Copies the kept channels' weights and statistics."""
    new.conv.weight.copy_(old.conv.weight[outputs][:, inputs])
    for mine, theirs in zip(new.norm.state_dict().values(), old.norm.state_dict().values()):
        mine.copy_(theirs[outputs] if theirs.ndim else theirs)


@torch.no_grad()
def prune(full, pruned):
    """Fills `pruned`, of the same layers with fewer channels, from `full`."""
    kept = torch.arange(1)
    for old_stage, new_stage in zip(full.stages, pruned.stages):
        old, new = list(old_stage), list(new_stage)
        for ix, (was, now) in enumerate(zip(old, new)):
            if isinstance(was, ConvUnit):
                # The stream begins here: the blocks up to the next unit write into it as well.
                stream = [was]
                for layer in old[ix + 1 :]:
                    if not isinstance(layer, Residual):
                        break
                    stream.append(layer.conv2)
                inputs, kept = kept, strongest(sum(map(writes, stream)), now.conv.out_channels)
                copy_unit(now, was, inputs, kept)
            else:
                inner = strongest(writes(was.conv1), now.conv1.conv.out_channels)
                copy_unit(now.conv1, was.conv1, kept, inner)
                copy_unit(now.conv2, was.conv2, inner, kept)
    pruned.head.weight.copy_(full.head.weight[:, kept])
    pruned.head.bias.copy_(full.head.bias)
    return pruned


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=FASHION_MNIST_DIR, help="folder of the four idx files")
    parser.add_argument("--work", default="target/train", help="folder of the checkpoints")
    parser.add_argument("--test", action="store_true", help="also evaluate on the 10,000 test images")
    args = parser.parse_args()

    set_up(RECIPE.seed)
    part, held = hold_out(read_split(args.data, "train"))
    net = prune(load(args.work, "full"), build("pruned"))
    macs = count_macs(net, torch.zeros(1, 1, 28, 28))
    print(f"pruned: {macs} MACs, {RECIPE}; untrained {accuracy(run_batched(net.eval(), held.images)[0], held.labels)}",
          flush=True)
    table, started = teacher_logits(args.work, part), time.time()
    log = lambda line: print(line, flush=True)
    keep = checkpoint(args.work, "pruned")
    net = train(net, part, held, RECIPE, near_views(), classifier_loss, table, log, keep)
    report = {
        "name": "fashion-pruned", "macs": macs, "parameters": sum(p.numel() for p in net.parameters()),
        "seed": RECIPE.seed, "seconds": round(time.time() - started),
        "held_out": accuracy(run_batched(net, held.images)[0], held.labels),
    }
    if args.test:
        test = read_split(args.data, "t10k")
        report["test"] = accuracy(run_batched(net, test.images)[0], test.labels)
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
