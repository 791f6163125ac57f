"""The students of the transformer: augmented text with its logits, shared word embeddings, joint training."""

import copy
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import sentences_data as data
from fit import distillation
from sentences_fit import average, linear_schedule
from sentences_nets import TINY, Dsn, Exits

HIDDEN, DENDRITES = 128, 4
NEIGHBOURS = 8
FIRST_WORD = 1000  # ids below are special or unused


@dataclass(frozen=True)
class Recipe:
    """What decides the students' training: `word_rate` is the rate of the shared table, `rate` that of all else,
    `soft` the share of distillation in the loss on text with a label."""

    epochs: int = 12
    batch: int = 128
    rate: float = 1e-3
    word_rate: float = 1e-3
    soft: float = 0.7
    seed: int = 1


def neighbours(table):
    """The ids of the `NEIGHBOURS` rows of `table` [V, D] nearest to each row by cosine: int64 [V, NEIGHBOURS]."""
    unit = F.normalize(table - table[FIRST_WORD:].mean(0), dim=1)
    unit[:FIRST_WORD] = 0
    parts = [(rows @ unit.T).topk(NEIGHBOURS + 1, 1).indices[:, 1:] for rows in unit.split(2048)]
    return torch.cat(parts)


def augment(sentence, near, pieces, generator):
    """A variation of `sentence` [L]: perhaps only a span of it, perhaps one of `pieces` behind it; a word may turn
    into a near one (1 in 7), any word of the corpus (1 in 30), [MASK] (1 in 20), or be dropped (1 in 20)."""
    draw = lambda n: torch.randint(n, (1,), generator=generator).item()
    words = sentence[1:-1]
    if len(words) > 3 and draw(4) == 0:
        start = draw(len(words) - 2)
        words = words[start : start + 2 + draw(len(words) - start - 1)]
    elif draw(5) == 0:
        words = torch.cat([words, pieces[draw(len(pieces))][1:-1]])[: data.MAX_TOKENS - 2]
    chance = torch.rand(len(words), generator=generator)
    column = torch.randint(NEIGHBOURS, (len(words),), generator=generator)
    other = pieces[draw(len(pieces))][1:-1]
    other = other[torch.randint(len(other), (len(words),), generator=generator)]
    words = torch.where((chance < 1 / 7) & (words >= FIRST_WORD), near[words, column], words)
    words = torch.where((chance > 0.5) & (chance < 0.5 + 1 / 30), other, words)
    words = torch.where((chance > 0.6) & (chance < 0.65), torch.tensor(data.MASK_ID), words)
    kept = words[chance < 0.95]
    return torch.cat([sentence[:1], kept if len(kept) else words, sentence[-1:]])


def label(teacher, part, count, log, seed=1):
    """The training text as it is, in its natural spelling, and in `count` variations, with the teacher's logits:
    a list of (sentences, logits float32 [N, 2], labels int64 [N], -100 where the text was varied)."""
    generator = torch.Generator().manual_seed(seed)
    near = neighbours(teacher.embedding.words.weight.detach().clone())
    variants = [(part.ids, part.labels), (part.natural, part.labels)]
    unknown = torch.full_like(part.labels, -100)
    for number in range(count):
        source = (part.ids, part.natural)[number % 2]
        variants.append(([augment(s, near, part.ids, generator) for s in source], unknown))
    labelled, started = [], time.time()
    for sentences, labels in variants:
        with torch.autocast("cpu", torch.bfloat16):
            logits = data.run_sorted(teacher, sentences)[:, -1]
        labelled.append((sentences, logits, labels))
        log(f"labelled {len(labelled)} of {len(variants)}, {time.time() - started:.0f} s")
    return labelled


def projection(table, width=TINY.width):
    """Principal axes of the rows of `table` [V, D] that stand for words: (mean [D], axes [D, width])."""
    rows = table[FIRST_WORD:].double()
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean))
    return mean.float(), vectors[:, -width:].flip(1).float()


def make_students(names, teacher):
    """The students in `names`, by name. They share one table of word embeddings [V, 128], started as the principal
    components of the teacher's; the positions of `tiny` are started alike."""
    table, places = teacher.embedding.words.weight.detach(), teacher.embedding.positions.weight.detach()
    mean, axes = projection(table)
    words = nn.Embedding(len(table), TINY.width)
    words.weight.data = (table - mean) @ axes
    words.weight.data /= words.weight.data[FIRST_WORD:].std()
    nets = {}
    for name in names:
        if name == "tiny":
            nets[name] = Exits(TINY, dropout=0.1, early=False)
            nets[name].embedding.words = words
            nets[name].embedding.positions.weight.data = (places - places.mean(0)) @ axes
        else:
            nets[name] = Dsn(words, HIDDEN, DENDRITES if name == "dsn" else 0, dropout=0.1)
    return nn.ModuleDict(nets)


def student_loss(logits, teacher, labels, soft, temperature=2.0):
    """Distillation, mixed with cross-entropy on the sentences that have a label."""
    loss = soft * distillation(logits, teacher, temperature)
    if (labels >= 0).any():
        loss = loss + (1 - soft) * F.cross_entropy(logits, labels)
    return loss


def last(logits):
    return logits[-1] if isinstance(logits, tuple) else logits


def train_students(nets, labelled, held, recipe, log, keep=None):
    """Trains the students together and returns their averages. An epoch is one spelling and two variations."""
    generator = torch.Generator().manual_seed(recipe.seed)
    averaged = copy.deepcopy(nets).eval()
    table = next(p for n, p in nets.named_parameters() if "words" in n)
    rest = [p for p in nets.parameters() if p is not table]
    matrices = lambda wanted: [p for p in rest if (p.ndim > 1) == wanted]
    optimizer = torch.optim.AdamW([
        {"params": [table], "lr": recipe.word_rate, "weight_decay": 0.0},
        {"params": matrices(True), "lr": recipe.rate, "weight_decay": 0.01},
        {"params": matrices(False), "lr": recipe.rate, "weight_decay": 0.0},
    ], fused=True)
    plain, varied = labelled[:2], labelled[2:]
    steps = recipe.epochs * 3 * -(-len(plain[0][0]) // recipe.batch)
    schedule = linear_schedule(optimizer, steps, 0.06)
    started, done = time.time(), 0
    for epoch in range(recipe.epochs):
        turn = [plain[epoch % 2]] + [varied[(2 * epoch + k) % len(varied)] for k in (0, 1)]
        sentences, logits, labels = [s for t in turn for s in t[0]], *(torch.cat([t[k] for t in turn]) for k in (1, 2))
        nets.train()
        total, count = 0.0, 0
        for index in data.batches([len(s) for s in sentences], recipe.batch, generator):
            ids, mask = data.pad([sentences[i] for i in index])
            loss = sum(
                student_loss(last(net(ids, mask)), logits[index], labels[index], recipe.soft) for net in nets.values()
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(rest, 1.0)
            optimizer.step()
            schedule.step()
            done, count, total = done + 1, count + 1, total + loss.item()
            average(averaged, nets, done)
        scores = {name: data.accuracies(net, held)[-1] for name, net in averaged.items()}
        log(f"epoch {epoch + 1}/{recipe.epochs} loss {total / count:.4f} held-out {scores} {time.time() - started:.0f} s")
        if keep:
            torch.save(averaged.state_dict(), keep)
    return averaged
