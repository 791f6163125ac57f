"""Measures the exported Fashion-MNIST models on the 10,000 test images with ONNX Runtime.

    python report.py [--data DIR] [--models DIR]
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from common import read_split, to_input
from export import session
from gate import RATES, escalate


def outputs(path, x, batch=500):
    """All outputs of the model on x [N, 1, 28, 28], by name."""
    runtime = session(path)
    names = [o.name for o in runtime.get_outputs()]
    parts = [runtime.run(None, {"x": x[i : i + batch].numpy()}) for i in range(0, len(x), batch)]
    return {name: torch.from_numpy(np.concatenate(column)) for name, column in zip(names, zip(*parts))}


def cascade(models, x, labels, speed_ratio):
    """Prints accuracy loss and ideal speed-up of gate and max-probability at each escalation rate.

    `speed_ratio` is the light network's cost as a share of the full one's."""
    full = outputs(models / "full.onnx", x)["logits"].argmax(1)
    light = outputs(models / "light.onnx", x)
    predicted = light["logits"].argmax(1)
    feeds = {name: light[name].numpy() for name in ("features", "logits")}
    scores = {
        "gate": torch.from_numpy(session(models / "gate.onnx").run(None, feeds)[0][:, 0]),
        "max-probability": 1 - torch.softmax(light["logits"].double(), 1).amax(1),
        "oracle": ((predicted != labels) & (full == labels)).float() + (predicted != full) * 0.5,
    }
    light_right, full_right = predicted == labels, full == labels
    base = full_right.double().mean().item()
    print(f"full {base:.4f} light {light_right.double().mean():.4f} disagree {(predicted != full).double().mean():.4f}")
    print("| escalated | speed-up | " + " | ".join(f"{name}, pp" for name in scores) + " |")
    print("|" + "---|" * (2 + len(scores)))
    for rate in RATES:
        losses = [100 * (base - escalate(s, light_right, full_right, rate)) for s in scores.values()]
        cells = " | ".join(f"{loss:.2f}" for loss in losses)
        print(f"| {100 * rate:.0f} % | {1 / (speed_ratio + rate):.2f} | {cells} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="models/data/fashion-mnist", help="folder of the two t10k idx files")
    parser.add_argument("--models", default="models/fashion", help="folder of the ONNX files", type=Path)
    parser.add_argument("--ratio", default=0.031, help="MACs of light and gate as a share of full's", type=float)
    args = parser.parse_args()
    test = read_split(args.data, "t10k")
    x = to_input(test.images)
    for path in sorted(args.models.glob("*.onnx")):
        if [i.name for i in session(path).get_inputs()] == ["x"]:
            logits = outputs(path, x).get("logits")
            if logits is not None:
                print(f"{path.stem}: {(logits.argmax(1) == test.labels).double().mean():.4f}")
    cascade(args.models, x, test.labels, args.ratio)


if __name__ == "__main__":
    main()
