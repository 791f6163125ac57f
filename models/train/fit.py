"""One training loop: SGD with Nesterov momentum, one-cycle rate, averaged weights, optional distillation."""

import copy
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from common import Augmenter, accuracy, run_batched


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run besides the network and the data.

    `decay` is the per-step decay of the averaged weights; `erase` the share of images with an erased rectangle;
    `teacher_weight` the share of the distillation term in the loss, at softmax temperature `temperature`.
    """

    epochs: int
    batch: int = 256
    rate: float = 0.2
    weight_decay: float = 5e-4
    erase: float = 0.5
    smoothing: float = 0.0
    decay: float = 0.998
    teacher_weight: float = 0.0
    temperature: float = 3.0
    seed: int = 1


def teacher_table(net, images, views, batch=500):
    """Logits of `net` for every view of every image: float16 [N, views, classes]."""
    augmenter = Augmenter(images, views)
    net = net.eval().to(memory_format=torch.channels_last)
    table = torch.empty(len(images), len(views), 10, dtype=torch.float16)
    for number in range(len(views)):
        for index in torch.arange(len(images)).split(batch):
            x = augmenter.view(index, torch.full_like(index, number))
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                logits = net(x.contiguous(memory_format=torch.channels_last))[0]
            table[index, number] = logits.half()
    return table


def distillation(logits, teacher, temperature):
    """KL divergence from the teacher's softened distribution, scaled by the squared temperature."""
    student = F.log_softmax(logits / temperature, 1)
    target = F.log_softmax(teacher / temperature, 1)
    return F.kl_div(student, target, reduction="batchmean", log_target=True) * temperature**2


def parameter_groups(net, weight_decay):
    """Weight decay on the matrices and kernels only, not on biases and normalisation."""
    parameters = list(net.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def train(net, part, held, recipe, views, loss_of, table=None, log=print, keep=None):
    """Trains `net` on `part` under `views` (flip, dy, dx) and returns its averaged copy.

    `loss_of(net, x, labels, teacher, recipe)` gives the loss of one batch, with `teacher` the looked-up teacher
    logits [B, classes] or None. Held-out accuracy is logged, never used to stop. With a path `keep`, the averaged
    state is saved there at every evaluation, so that an interrupted run leaves something.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    augmenter = Augmenter(part.images, views, recipe.erase, generator)
    net = net.to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(net)
    optimizer = torch.optim.SGD(
        parameter_groups(net, recipe.weight_decay), lr=recipe.rate, momentum=0.9, nesterov=True
    )
    steps = len(part) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.epochs * steps, pct_start=0.2, cycle_momentum=False,
        final_div_factor=1e3,
    )
    started, done = time.time(), 0
    for epoch in range(1, recipe.epochs + 1):
        net.train()
        order, total = torch.randperm(len(part), generator=generator), 0.0
        for step in range(steps):
            index = order[step * recipe.batch : (step + 1) * recipe.batch]
            x, view = augmenter.draw(index)
            x = x.contiguous(memory_format=torch.channels_last)
            teacher = None if table is None else table[index, view].float()
            loss = loss_of(net, x, part.labels[index], teacher, recipe)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
            average(averaged, net, min(recipe.decay, (1 + done) / (10 + done)))
            total += loss.item()
        line = f"epoch {epoch}/{recipe.epochs} loss {total / steps:.4f} {time.time() - started:.0f} s"
        if epoch % 4 == 0 or epoch == recipe.epochs or epoch <= 2:
            outputs = run_batched(averaged, held.images)
            scores = [accuracy(o, held.labels) for o in outputs if o.shape[1:] == (10,)]
            line += " held-out " + " ".join(f"{s:.4f}" for s in scores)
            if keep:
                torch.save(averaged.state_dict(), keep)
        log(line)
    return averaged.eval()


@torch.no_grad()
def average(averaged, net, decay):
    """Moves each weight and running statistic of `averaged` a share 1 - `decay` of the way to `net`'s."""
    for mine, theirs in zip(averaged.state_dict().values(), net.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)


def classifier_loss(net, x, labels, teacher, recipe):
    """Cross-entropy, mixed with distillation where a teacher is given; the network runs in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(x)[0]
    logits = logits.float()
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.smoothing)
    if teacher is None:
        return loss
    soft = distillation(logits, teacher, recipe.temperature)
    return (1 - recipe.teacher_weight) * loss + recipe.teacher_weight * soft
