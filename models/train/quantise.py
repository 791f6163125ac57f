"""Quantises a trained Fashion-MNIST network to eight bits after training, weights and activations.

    python quantise.py full | pruned [--data DIR] [--work DIR] [--out DIR] [--test]

Weights are int8, symmetric, with one scale an output channel; activations are uint8 with one scale a tensor, from 0
(they come out of a ReLU, or are pixels) to the `QUANTILE` of what `CALIBRATION` training images give (Jacob et al.,
"Quantization and training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018). Products
are summed in int32 by `ConvInteger`; scales, biases and residual sums stay in float32.
"""

import argparse
import json

import numpy as np
import torch

import export
from common import FASHION_MNIST_DIR, accuracy, count_macs, hold_out, model_path, read_split, set_up, to_input
from fashion import load
from nets import ConvUnit, Residual

SEED = 1
CALIBRATION = 2000
QUANTILE = 0.9999


class Quantised(torch.nn.Module):
    """A `ConvNet` computed as the exported graph computes it. [N, 1, 28, 28] to logits [N, classes].

    Integers are held in float64, where sums of products of eight-bit numbers are exact."""

    def __init__(self, net, images):
        super().__init__()
        self.net, self.scales, self.seen = net, {}, {}
        with torch.no_grad():
            self.walk(to_input(images), self.observe)
        self.scales = {name: max(values) for name, values in self.seen.items()}

    def forward(self, x):
        return self.walk(x, self.convolve)

    def walk(self, x, conv):
        """The network with `conv(unit, x, name)` for each of its convolutions."""
        for stage, layers in self.net.stages.named_children():
            for key, layer in layers.named_children():
                name = f"{stage}/{key}"
                if isinstance(layer, Residual):
                    y = conv(layer.conv2, conv(layer.conv1, x, f"{name}/conv1"), f"{name}/conv2")
                    x = torch.relu(x + y)
                else:
                    x = conv(layer, x, name)
        return self.net.head(x.mean((2, 3)))

    def observe(self, unit, x, name):
        """Notes the range of `x`, and goes on in float32."""
        top = np.quantile(x.numpy().reshape(-1)[::7], QUANTILE)
        self.seen.setdefault(name, []).append(max(float(top), 1e-6) / 255)
        return unit(x)

    def convolve(self, unit, x, name):
        scale, (weight, scales, bias) = np.float32(self.scales[name]), quantised(unit)
        q = torch.clamp(torch.round(x * (1 / scale)), 0, 255).double()
        conv = unit.conv
        y = torch.nn.functional.conv2d(q, torch.from_numpy(weight).double(), None, conv.stride, conv.padding)
        factor = torch.from_numpy(scales * scale)[:, None, None]
        y = y.float() * factor + torch.from_numpy(bias)[:, None, None]
        return torch.relu(y) if unit.relu else y


def quantised(unit):
    """Weight int8 [O, I, k, k], its scales float32 [O], and the bias float32 [O], normalisation folded in."""
    weight, bias = export.fold(unit)
    scales = (np.abs(weight).reshape(len(weight), -1).max(1) / 127).astype(np.float32)
    scales = np.maximum(scales, np.float32(1e-12))
    whole = np.clip(np.round(weight / scales[:, None, None, None]), -127, 127).astype(np.int8)
    return whole, scales, bias


class Graph(export.Graph):
    """Writes convolutions on integers."""

    def __init__(self, prefix, scales):
        super().__init__(prefix)
        self.scales = scales
        self.low, self.high = self.constant("zero", np.float32(0)), self.constant("top", np.float32(255))

    def conv(self, unit, x, name, output=None):
        scale, (weight, scales, bias) = np.float32(self.scales[name]), quantised(unit)
        steps = self.constant(f"{name}/steps", 1 / scale)
        q = self.node("Mul", [x, steps], f"{name}/scaled")
        q = self.node("Round", [q], f"{name}/round")
        q = self.node("Clip", [q, self.low, self.high], f"{name}/clip")
        q = self.node("Cast", [q], f"{name}/uint8", to=export.TensorProto.UINT8)
        weight = self.constant(f"{name}/weight", weight)
        conv = unit.conv
        y = self.node(
            "ConvInteger", [q, weight], name, kernel_shape=list(conv.kernel_size), strides=list(conv.stride),
            pads=list(conv.padding) * 2,
        )
        y = self.node("Cast", [y], f"{name}/float", to=export.TensorProto.FLOAT)
        factor = self.constant(f"{name}/factor", (scales * scale)[:, None, None])
        bias = self.constant(f"{name}/bias", bias[:, None, None])
        y = self.node("Mul", [y, factor], f"{name}/times")
        y = self.node("Add", [y, bias], f"{name}/plus", None if unit.relu else output)
        return self.node("Relu", [y], f"{name}/relu", output) if unit.relu else y


def write(net, model, name, path, sample):
    """Exports the quantised network and compares it with `model`. Returns the sha256."""
    graph, x = Graph(name, model.scales), "x"
    for stage, layers in net.stages.named_children():
        x = graph.sequence(layers, x, stage)
    graph.linear(net.head, graph.pool(x, "head"), "head/classifier", "logits")
    metadata = {
        "name": f"fashion-{name}",
        "task": "image classification, 10 classes; input pixel / 255; eight-bit weights and activations",
        "dataset": "Fashion-MNIST (MIT), 55,000 of its 60,000 training images",
        "licence": "MIT OR Apache-2.0",
    }
    digest = export.save(graph, path, {"x": [1, 28, 28]}, {"logits": [10]}, metadata)
    export.compare(path, lambda x: (model(x),), sample)
    return digest


@torch.no_grad()
def classify(model, images, batch=500):
    """Logits [N, classes] of images uint8 [N, 28, 28]."""
    return torch.cat([model(to_input(part)) for part in images.split(batch)])


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["full", "pruned"])
    parser.add_argument("--data", default=FASHION_MNIST_DIR, help="folder of the four idx files")
    parser.add_argument("--work", default="target/train", help="folder of the network's checkpoint")
    parser.add_argument("--out", default="models", help="folder for the ONNX file")
    parser.add_argument("--test", action="store_true", help="also evaluate on the 10,000 test images")
    args = parser.parse_args()

    set_up(SEED)
    part, held = hold_out(read_split(args.data, "train"))
    net = load(args.work, args.name)
    model = Quantised(net, part.images[:CALIBRATION]).eval()
    name = f"{args.name}-int8"
    path = model_path(args.out, "fashion", name)
    sample = to_input(held.images[:5])
    report = {
        "name": f"fashion-{name}", "macs": count_macs(net, sample[:1]),
        "parameters": sum(p.numel() for p in net.parameters()), "seed": SEED,
        "sha256": write(net, model, name, path, sample), "bytes": path.stat().st_size,
        "held_out": accuracy(classify(model, held.images), held.labels),
    }
    if args.test:
        test = read_split(args.data, "t10k")
        report["test"] = accuracy(classify(model, test.images), test.labels)
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
