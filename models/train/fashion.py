"""Trains and exports the Fashion-MNIST cascade: the full network, its light partners and static references.

    python fashion.py NAME [--data DIR] [--work DIR] [--out DIR]       NAME: teacher full light static-s -m -l

`teacher` comes first: light and static networks learn from its logits. It is not shipped.
"""

import argparse
import json
import time
from pathlib import Path

import torch

import export
from common import (
    FASHION_MNIST_DIR, THREADS, accuracy, all_views, count_macs, hold_out, model_path, near_views, read_split,
    run_batched, set_up, to_input,
)
from fit import Recipe, classifier_loss, teacher_table, train
from nets import ConvNet

DISTILLED = dict(erase=0.0, teacher_weight=0.9, temperature=3.0)

LAYOUTS = {
    "full": ["16 48/2 r r", "96/2 r r", "128/2 r r"],
    "teacher": ["16 48/2 r", "96/2 r", "128/2 r"],
    "light": ["32k4/4v 32/2v 32v"],
    "pruned": ["8 24/2 r r", "48/2 r r", "64/2 r r"],
    "static-s": ["16 16/2 r", "48/2 r", "64/2"],
    "static-m": ["16 32/2", "64/2 r", "96/2"],
    "static-l": ["16 32/2 r", "48/2 r", "64/2 r"],
}
RECIPES = {
    "teacher": Recipe(epochs=24),
    "full": Recipe(epochs=24),
    "light": Recipe(epochs=50, weight_decay=1e-4, **DISTILLED),
    "static": Recipe(epochs=24, **DISTILLED),
}


def build(name):
    return ConvNet(LAYOUTS[name])


def checkpoint(work, name):
    return Path(work) / f"fashion-{name}.pt"


def load(work, name):
    """The trained network `name` from the working folder."""
    net = build(name)
    net.load_state_dict(torch.load(checkpoint(work, name)))
    return net.eval()


def teacher_logits(work, part):
    """The teacher's logits on its ten near views of the training part, computed once and kept in the working folder."""
    path = Path(work) / "fashion-teacher-logits.pt"
    if not path.exists():
        torch.save(teacher_table(load(work, "teacher"), part.images, near_views()), path)
    return torch.load(path)


def write(net, name, path, sample):
    """Exports one network and compares it with PyTorch; `sample` is float32 [>=5, 1, 28, 28]. Returns the sha256."""
    light = name.startswith("light")
    graph = export.write_conv_net(net, name, light)
    outputs = {"logits": [10]}
    if light:
        outputs["features"] = [net.head.in_features]
    metadata = {
        "name": f"fashion-{name}",
        "task": "image classification, 10 classes; input pixel / 255",
        "dataset": "Fashion-MNIST (MIT), 55,000 of its 60,000 training images",
        "licence": "MIT OR Apache-2.0",
    }
    digest = export.save(graph, path, {"x": [1, 28, 28]}, outputs, metadata)
    export.compare(path, lambda x: net(x)[: len(outputs)], sample)
    return digest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[name for name in LAYOUTS if name != "pruned"])
    parser.add_argument("--data", default=FASHION_MNIST_DIR, help="folder of the four idx files")
    parser.add_argument("--work", default="target/train", help="folder for checkpoints")
    parser.add_argument("--out", default="models", help="folder for the ONNX file")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's, for a trial")
    parser.add_argument("--test", action="store_true", help="also evaluate on the 10,000 test images")
    args = parser.parse_args()

    recipe = RECIPES[args.name.partition("-")[0]]
    if args.epochs:
        recipe = Recipe(**{**recipe.__dict__, "epochs": args.epochs})
    set_up(recipe.seed)
    Path(args.work).mkdir(parents=True, exist_ok=True)
    part, held = hold_out(read_split(args.data, "train"))
    net = build(args.name)
    macs = count_macs(net, torch.zeros(1, 1, 28, 28))
    print(f"{args.name}: {macs} MACs, {recipe}, {THREADS} thread(s)", flush=True)
    table = teacher_logits(args.work, part) if recipe.teacher_weight else None
    started = time.time()
    log = lambda line: print(line, flush=True)
    views = all_views(2) if table is None else near_views()
    net = train(net, part, held, recipe, views, classifier_loss, table, log, checkpoint(args.work, args.name))

    path = model_path(args.out, "fashion", args.name)
    report = {
        "name": f"fashion-{args.name}", "macs": macs, "parameters": sum(p.numel() for p in net.parameters()),
        "seed": recipe.seed, "epochs": recipe.epochs, "seconds": round(time.time() - started),
        "sha256": write(net, args.name, path, to_input(held.images[:5])), "bytes": path.stat().st_size,
        "held_out": accuracy(run_batched(net, held.images)[0], held.labels),
    }
    if args.test:
        test = read_split(args.data, "t10k")
        report["test"] = accuracy(run_batched(net, test.images)[0], test.labels)
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
