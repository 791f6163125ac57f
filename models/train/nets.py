"""Convolutional networks made of few, plain operators: 3x3 convolutions, ReLU, residual additions, one mean pool."""

from collections import OrderedDict

import torch
from torch import nn


class ConvUnit(nn.Module):
    """Convolution without bias, batch normalisation, optional ReLU. [N, I, H, W] to [N, O, ceil(H/s), ceil(W/s)], or
    without padding to floor((H - k) / s) + 1."""

    def __init__(self, inputs, outputs, kernel=3, stride=1, relu=True, padded=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 if padded else 0, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x):
        y = self.norm(self.conv(x))
        return torch.relu(y) if self.relu else y


class Residual(nn.Module):
    """relu(x + conv2(conv1(x))) at constant shape [N, C, H, W]."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = ConvUnit(channels, channels)
        self.conv2 = ConvUnit(channels, channels, relu=False)
        nn.init.zeros_(self.conv2.norm.weight)

    def forward(self, x):
        return torch.relu(x + self.conv2(self.conv1(x)))


def stack(inputs, layout):
    """Builds one stage from strings: `16` is a 3x3 unit of 16 channels, `48/2` one of stride 2, `24k5/2` one with a
    5x5 kernel, `24k5/2v` the same without padding, `r` a residual block. Returns (module, output channels)."""
    layers, blocks, convs = OrderedDict(), 0, 0
    for item in layout.split():
        if item == "r":
            blocks += 1
            layers[f"block{blocks}"] = Residual(inputs)
            continue
        convs += 1
        padded = not item.endswith("v")
        shape, _, stride = item.rstrip("v").partition("/")
        outputs, _, kernel = shape.partition("k")
        layers[f"conv{convs}"] = ConvUnit(inputs, int(outputs), int(kernel or 3), int(stride or 1), padded=padded)
        inputs = int(outputs)
    return nn.Sequential(layers), inputs


class ConvNet(nn.Module):
    """Stages, mean over space, linear classifier. [N, 1, 28, 28] to (logits [N, classes], features [N, F])."""

    def __init__(self, layouts, classes=10):
        super().__init__()
        channels, stages = 1, OrderedDict()
        for number, layout in enumerate(layouts, 1):
            stages[f"stage{number}"], channels = stack(channels, layout)
        self.stages = nn.Sequential(stages)
        self.head = nn.Linear(channels, classes)

    def forward(self, x):
        features = self.stages(x).mean((2, 3))
        return self.head(features), features
