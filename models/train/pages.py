"""Trains the small networks that tell which way up a page of text is, as the full one would: light, and static, a little larger.

It learns the answers of pages/full.onnx on generated pages, which `cargo run --release --example pages` writes: per page a
byte each for its rotation, kind and wear, then its pixels, 224 x 224 bytes. Every page is seen in all four rotations; the
full network's answers turn with it. Weights are averaged over the last steps.

A page is read at its full resolution once, in tiles of 4 x 4 pixels; everything behind is small.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

import export
from common import count_macs, model_name, model_path, set_up
from fit import average, distillation, parameter_groups
from nets import ConvNet

SIDE = 224
LAYOUTS = {"light": ("16k4/4v 24/2 32/2 48/2",), "static": ("16k6/4v 24/2 32/2 64/2",)}
EPOCHS = {"light": 8, "static": 14}
HELD_OUT = 1000
TEMPERATURE = 2.0
DECAY = 0.995


def read_pages(path):
    """Pixels uint8 [N, 1, 224, 224] and rotations int64 [N]."""
    rows = np.fromfile(path, np.uint8).reshape(-1, 3 + SIDE * SIDE)
    return torch.from_numpy(rows[:, 3:].reshape(-1, 1, SIDE, SIDE)), torch.from_numpy(rows[:, 0].astype(np.int64))


def to_input(pixels):
    return pixels.float().div_(255.0)


def answers(model, pixels, cache):
    """Logits of the full network, [N, 4], kept in the file `cache`."""
    if not Path(cache).exists():
        session = export.session(model)
        rows = [session.run(None, {"x": to_input(row[None]).numpy()})[0] for row in pixels]
        np.save(cache, np.concatenate(rows))
    return torch.from_numpy(np.load(cache))


@torch.no_grad()
def agreement(net, pixels, teacher, batch=250):
    """Share of the pages that the network answers as the full one does."""
    net.eval()
    own = torch.cat([net(to_input(part))[0] for part in pixels.split(batch)])
    return (own.argmax(1) == teacher.argmax(1)).double().mean().item()


def train(net, pixels, teacher, args):
    generator = torch.Generator().manual_seed(args.seed)
    net = net.to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(net)
    groups = parameter_groups(net, 1e-4)
    optimizer = torch.optim.SGD(groups, lr=args.rate, momentum=0.9, nesterov=True)
    count = len(pixels) - HELD_OUT
    steps = count // args.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.rate, total_steps=args.epochs * steps, pct_start=0.2, cycle_momentum=False, final_div_factor=1e3
    )
    started = time.time()
    for epoch in range(1, args.epochs + 1):
        net.train()
        order, total = torch.randperm(count, generator=generator), 0.0
        for step in range(steps):
            index = order[step * args.batch : (step + 1) * args.batch]
            x, logits = to_input(pixels[index]), teacher[index]
            quarter = int(torch.randint(4, (1,), generator=generator))
            x, logits = x.rot90(-quarter, (2, 3)).contiguous(memory_format=torch.channels_last), logits.roll(quarter, 1)
            own = net(x)[0]
            loss = F.cross_entropy(own, logits.softmax(1)) + distillation(own, logits, TEMPERATURE)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average(averaged, net, DECAY if epoch > 1 else 0.9)
            total += loss.item()
        held = agreement(averaged, pixels[count:], teacher[count:])
        print(f"epoch {epoch}/{args.epochs} loss {total / steps:.4f} held out {held:.4f} {time.time() - started:.0f} s", flush=True)
        torch.save(averaged.state_dict(), Path(args.work) / f"pages-{args.name}.pt")
    return averaged.eval()


def write(net, name, folder, sample):
    """Exports the network and compares it with PyTorch."""
    graph = export.Graph(name)
    top = "x"
    for name, stage in net.stages.named_children():
        top = graph.sequence(stage, top, name)
    features = graph.pool(top, "head", "features")
    graph.linear(net.head, features, "head/classifier", "logits")
    path = model_path(folder, "pages", name)
    metadata = {
        "name": model_name(path), "task": "which way up a page of text is: 0, 90, 180 or 270 degrees",
        "dataset": "generated pages", "licence": "MIT OR Apache-2.0",
    }
    outputs = {"logits": [4], "features": [net.head.in_features]}
    digest = export.save(graph, path, {"x": [1, SIDE, SIDE]}, outputs, metadata)
    worst = export.compare(path, net, sample)
    return {
        "name": model_name(path), "macs": count_macs(net, sample[:1]), "sha256": digest, "bytes": path.stat().st_size,
        "parameters": sum(p.numel() for p in net.parameters()), "worst": worst,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=LAYOUTS)
    parser.add_argument("pages", help="file of pages; the last thousand are held out")
    parser.add_argument("--full", default="models/pages/full.onnx")
    parser.add_argument("--work", default="target/train", help="folder for checkpoints")
    parser.add_argument("--out", default="models", help="folder for the ONNX files")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    set_up(args.seed)
    Path(args.work).mkdir(parents=True, exist_ok=True)
    pixels, labels = read_pages(args.pages)
    teacher = answers(args.full, pixels, Path(args.work) / "pages-full.npy")
    print(f"{len(pixels)} pages, the full network right on {(teacher.argmax(1) == labels).double().mean():.4f}", flush=True)
    args.epochs = args.epochs or EPOCHS[args.name]
    layout = LAYOUTS[args.name]
    net = ConvNet(layout, classes=4)
    print(f"{count_macs(net, torch.zeros(1, 1, SIDE, SIDE))} MACs, layout {layout}", flush=True)
    net = train(net, pixels, teacher, args)
    print(json.dumps(write(net, args.name, args.out, to_input(pixels[:5]))))


if __name__ == "__main__":
    main()
