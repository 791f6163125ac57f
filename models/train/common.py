"""Data, seeding, augmentation, multiply-accumulate counting and logging shared by the training scripts.

Images are kept as `uint8` tensors [N, 28, 28]; networks see `float32` [N, 1, 28, 28] = pixel / 255.
"""

import gzip
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

SPLIT_SEED = 20261121
HELD_OUT_PER_CLASS = 500
THREADS = 1
FASHION_MNIST_DIR = "/usr/share/datasets/fashion-mnist"


def model_path(folder, data, name):
    """`folder/data/name.onnx`; makes its folder."""
    path = Path(folder) / data / f"{name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def model_name(path):
    """What the file of `model_path` is called in its metadata and in reports: `data-name`."""
    return f"{path.parent.name}-{path.stem}"


@dataclass
class Split:
    """A part of a data set: `images` uint8 [N, 28, 28] and `labels` int64 [N]."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self):
        return len(self.labels)


def set_up(seed, threads=THREADS):
    """Fixes seeds and the thread count, and asks PyTorch for deterministic kernels."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)


def read_idx(path):
    """Reads an idx file of unsigned bytes, gzipped or raw, as a numpy array of the shape its header states."""
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an idx file of unsigned bytes")
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    values = np.frombuffer(raw, np.uint8, -1, 4 + 4 * rank)
    return values.reshape(shape.astype(int))


def read_split(folder, prefix):
    """Reads `<prefix>-images-idx3-ubyte[.gz]` and its labels from `folder`; `prefix` is `train` or `t10k`."""
    def find(kind):
        for suffix in (".gz", ""):
            path = Path(folder) / f"{prefix}-{kind}-ubyte{suffix}"
            if path.exists():
                return path
        raise FileNotFoundError(f"{folder}: no {prefix}-{kind}-ubyte[.gz]")

    images = torch.from_numpy(read_idx(find("images-idx3")).copy())
    labels = torch.from_numpy(read_idx(find("labels-idx1")).astype(np.int64))
    return Split(images, labels)


def hold_out(whole, per_class=HELD_OUT_PER_CLASS, seed=SPLIT_SEED):
    """Splits off `per_class` images of each class, chosen by `seed`: (training part, held-out part)."""
    generator = np.random.default_rng(seed)
    labels = whole.labels.numpy()
    held = np.concatenate(
        [generator.permutation(np.flatnonzero(labels == c))[:per_class] for c in range(labels.max() + 1)]
    )
    mask = np.zeros(len(labels), bool)
    mask[held] = True
    pick = lambda m: Split(whole.images[torch.from_numpy(m)], whole.labels[torch.from_numpy(m)])
    return pick(~mask), pick(mask)


def to_input(images):
    """uint8 [N, 28, 28] to float32 [N, 1, 28, 28] in 0..1."""
    return images.unsqueeze(1).float().div_(255.0)


def all_views(shift):
    """Every (flip, dy, dx) with both shifts in -shift..shift."""
    steps = range(-shift, shift + 1)
    return [(flip, dy, dx) for flip in (0, 1) for dy in steps for dx in steps]


def near_views():
    """Both flips of the image in place and of its four shifts by one pixel: ten (flip, dy, dx)."""
    return [view for view in all_views(1) if abs(view[1]) + abs(view[2]) <= 1]


class Augmenter:
    """Draws one of `views` (flip, dy, dx) per image, and random erasing in a share `erase` of the images.

    `draw` returns the batch, float32 [B, 1, 28, 28], and the number of each image's view, int64 [B], by which a table
    of teacher logits can be looked up.
    """

    def __init__(self, images, views, erase=0.0, generator=None):
        shift = max(max(abs(dy), abs(dx)) for _, dy, dx in views)
        padded = nn.functional.pad(images, (shift,) * 4)
        self.windows = padded.unfold(1, 28, 1).unfold(2, 28, 1)
        self.views = torch.tensor(views) + torch.tensor([0, shift, shift])
        self.erase, self.generator = erase, generator

    def view(self, index, number):
        """The images at `index` [B] under view `number` [B] each: float32 [B, 1, 28, 28]."""
        flip, dy, dx = self.views[number].unbind(1)
        batch = self.windows[index, dy, dx]
        batch = torch.where(flip.bool()[:, None, None], batch.flip(-1), batch)
        return to_input(batch)

    def draw(self, index):
        number = torch.randint(len(self.views), (len(index),), generator=self.generator)
        batch = self.view(index, number)
        return (self._erase(batch) if self.erase > 0 else batch), number

    def _erase(self, batch):
        """Fills a random rectangle, sides 4 to 12 pixels, with noise in a share `erase` of the images."""
        count = len(batch)
        uniform = lambda: torch.rand(count, generator=self.generator)
        grid = torch.arange(28)
        inside = []
        for _ in range(2):
            side = (4 + uniform() * 9).floor()
            start = (uniform() * (29 - side)).floor()
            inside.append((grid >= start[:, None]) & (grid < (start + side)[:, None]))
        mask = inside[0][:, :, None] & inside[1][:, None, :] & (uniform() < self.erase)[:, None, None]
        noise = torch.rand(batch.shape, generator=self.generator)
        return torch.where(mask[:, None], noise, batch)


def count_macs(net, *inputs):
    """Multiply-accumulates of all convolutions and linear layers for one forward pass at batch size 1."""
    total = [0]

    def add(layer, _inputs, output):
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
            total[0] += output[0].numel() * fan_in
        else:
            total[0] += output[0].numel() * layer.in_features

    hooks = [m.register_forward_hook(add) for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        net.eval()(*inputs)
    for hook in hooks:
        hook.remove()
    return total[0]


@torch.no_grad()
def run_batched(net, images, batch=500):
    """Runs `net` in float32 on uint8 images [N, 28, 28]; concatenates each of its outputs over the batches."""
    net.eval()
    parts = [net(to_input(images[i : i + batch])) for i in range(0, len(images), batch)]
    if isinstance(parts[0], torch.Tensor):
        return torch.cat(parts)
    return tuple(torch.cat(column) for column in zip(*parts))


def accuracy(logits, labels):
    """Share of rows of `logits` [N, C] whose argmax is the label."""
    return (logits.argmax(1) == labels).double().mean().item()
