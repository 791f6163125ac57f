"""Fine-tuning of the transformer with all its exits: AdamW, averaged weights, bfloat16 products."""

import copy
import time
from dataclasses import dataclass

import torch
from torch.nn import functional as F

import sentences_data as data
from fit import distillation
from sentences_nets import MINILM, Exits, load_pretrained, rounded


@dataclass(frozen=True)
class Schedule:
    """What every training decides: `decay` is the factor of the rate per layer downwards, `power` gives exit k of n the
    weight (k / n) ** power, `soft` the share of distillation in the exits' losses. Of the texts of fewer than `long`
    tokens an epoch has only the share `short`."""

    epochs: int = 4
    batch: int = 64
    rate: float = 1e-4
    head_rate: float = 1e-3
    decay: float = 0.95
    power: float = 1.0
    soft: float = 0.5
    long: int = 14
    short: float = 1.0
    seed: int = 1


@dataclass(frozen=True)
class Recipe(Schedule):
    """What decides the fine-tuning; the earlier exits are distilled from the last. `drop` of a text's tokens are left
    out. Word embeddings are trained only where `words`. With `agree`, every text is run twice, and that weight is on how
    far the two runs' answers differ under dropout (R-Drop, Liang et al., NeurIPS 2021)."""

    drop: float = 0.0
    words: bool = False
    agree: float = 0.0
    pool: str = "mean"


@dataclass(frozen=True)
class Distilling(Schedule):
    """What decides the training of all exits from given logits."""

    rate: float = 5e-5
    head_rate: float = 5e-4
    soft: float = 0.7
    temperature: float = 2.0
    short: float = 0.5


def parameter_groups(net, recipe, weight_decay=0.01):
    """Groups for AdamW: the rate falls by the recipe's factor per layer from the last layer down to the embedding, and
    is `head_rate` for the exits; weight decay on matrices only. Frozen parameters are left out."""
    groups = []
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
        depth = int(name.split(".")[1]) + 1 if name.startswith("layers.") else 0
        rate = recipe.head_rate if ".head." in name else recipe.rate * recipe.decay ** (len(net.layers) - depth)
        groups.append({
            "params": [parameter], "lr": rate, "weight_decay": weight_decay if parameter.ndim > 1 else 0.0,
        })
    return groups


def joint_loss(exits, labels, weights, soft, temperature):
    """Weighted cross-entropy of all exits; a share `soft` of the earlier ones' is distillation from the last."""
    teacher = exits[-1].detach()
    total = weights[-1] * F.cross_entropy(exits[-1], labels)
    for weight, logits in zip(weights, exits[:-1]):
        hard = F.cross_entropy(logits, labels)
        total = total + weight * ((1 - soft) * hard + soft * distillation(logits, teacher, temperature))
    return total


def disagreement(exits, weights):
    """Weighted symmetric divergence between the answers of the first and the second half of the rows."""
    total = 0.0
    for weight, logits in zip(weights, exits):
        first, second = F.log_softmax(logits, 1).chunk(2)
        total = total + weight * 0.5 * (
            F.kl_div(first, second, reduction="batchmean", log_target=True)
            + F.kl_div(second, first, reduction="batchmean", log_target=True)
        )
    return total


@torch.no_grad()
def average(averaged, net, done):
    """Moves the trained weights of `averaged` towards `net`'s; the more steps `done`, the less, down to 1/500."""
    mine, theirs = ([p for p in n.parameters() if p.requires_grad] for n in (averaged, net))
    torch._foreach_lerp_(mine, theirs, 1 - min(0.998, (1 + done) / (10 + done)))


def linear_schedule(optimizer, steps, warm_up):
    """Rate rising over the share `warm_up` of `steps`, then falling linearly to zero."""
    rise = max(1, int(warm_up * steps))
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / rise, max(0.0, (steps - s) / max(1, steps - rise)))
    )


def choose(lengths, recipe, generator):
    """Indices of an epoch's texts: the long ones, and a share of the short ones drawn anew."""
    if recipe.short >= 1:
        return torch.arange(len(lengths))
    return torch.nonzero((lengths >= recipe.long) | (torch.rand(len(lengths), generator=generator) < recipe.short))[:, 0]


def thin(sentence, share, generator):
    """`sentence` [L] without a random share of its tokens, the first and the last and short texts left alone."""
    if share <= 0 or len(sentence) <= 6:
        return sentence
    kept = torch.rand(len(sentence), generator=generator) >= share
    kept[0] = kept[-1] = True
    return sentence[kept]


def fit_exits(net, lengths, held, recipe, draw, log, keep):
    """Trains the exits of `net` on texts of `lengths` tokens and returns its averaged weights as a network; saved at
    `keep` after every epoch. `draw(index, generator)` gives the ids and mask of a batch, and its loss by the exits' logits
    and weights."""
    averaged = copy.deepcopy(net).eval()
    optimizer = torch.optim.AdamW(parameter_groups(net, recipe), fused=True)
    generator = torch.Generator().manual_seed(recipe.seed)
    epochs = [choose(lengths, recipe, generator) for _ in range(recipe.epochs)]
    steps = sum(-(-len(chosen) // recipe.batch) for chosen in epochs)
    schedule = linear_schedule(optimizer, steps, 0.06)
    weights = [(k / MINILM.layers) ** recipe.power for k in range(1, MINILM.layers + 1)]
    started, done, tokens = time.time(), 0, 0
    for epoch, chosen in enumerate(epochs, 1):
        net.train()
        total, count = 0.0, 0
        for index in data.batches(lengths[chosen], recipe.batch, generator):
            ids, mask, loss_of = draw(chosen[index], generator)
            with torch.autocast("cpu", torch.bfloat16):
                exits = net(ids, mask)
            loss = loss_of([logits.float() for logits in exits], weights)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([p for p in net.parameters() if p.requires_grad], 1.0)
            optimizer.step()
            schedule.step()
            done, count, tokens = done + 1, count + 1, tokens + ids.numel()
            average(averaged, net, done)
            total += loss.item()
            if done % 100 == 0:
                log(f"step {done}/{steps} loss {total / count:.4f} {time.time() - started:.0f} s {tokens} tokens")
        if keep:
            torch.save(averaged.state_dict(), keep)
        log(f"epoch {epoch} held-out {data.accuracies(averaged, held)} {time.time() - started:.0f} s")
    return averaged


def train_minilm(part, held, start, recipe, log=print, keep=None):
    """Fine-tunes all exits jointly on labels and returns the averaged network; saved at `keep` after every epoch."""
    net = Exits(MINILM, dropout=0.1, pool=recipe.pool)
    load_pretrained(net, start)
    net.embedding.words.weight.data = rounded(net.embedding.words.weight)
    net.embedding.words.weight.requires_grad_(recipe.words)

    def draw(index, generator):
        plain = torch.rand(len(index), generator=generator) < 0.5
        texts = [(part.ids if p else part.natural)[i] for i, p in zip(index, plain)]
        ids, mask = data.pad([thin(text, recipe.drop, generator) for text in texts])
        labels = part.labels[index]
        if recipe.agree:
            ids, mask, labels = ids.repeat(2, 1), mask.repeat(2, 1), labels.repeat(2)

        def loss_of(exits, weights):
            loss = joint_loss(exits, labels, weights, recipe.soft, 2.0)
            return loss + recipe.agree * disagreement(exits, weights) if recipe.agree else loss

        return ids, mask, loss_of

    lengths = torch.tensor([len(s) for s in part.ids])
    return fit_exits(net, lengths, held, recipe, draw, log, keep)


def mean_state(states):
    """The mean of several networks' weights."""
    return {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}


def taught_loss(exits, teacher, labels, weights, soft, temperature):
    """Weighted loss of all exits: distillation from `teacher` and, on texts with a label, cross-entropy."""
    known = labels >= 0
    total = 0.0
    for weight, logits in zip(weights, exits):
        loss = soft * distillation(logits, teacher, temperature)
        if known.any():
            share = known.float().mean()
            loss = loss + (1 - soft) * share * F.cross_entropy(logits[known], labels[known])
        total = total + weight * loss
    return total


def distil_exits(start, labelled, held, recipe, log=print, keep=None):
    """Trains all exits of a network that starts from the weights `start` to answer as the teacher did on the variants
    `labelled` of the text, of which every step draws one a text. Returns the averaged network."""
    net = Exits(MINILM, dropout=0.1, pool="mean")
    net.load_state_dict(start)
    net.embedding.words.weight.requires_grad_(False)
    log(f"start held-out {data.accuracies(copy.deepcopy(net).eval(), held)}")

    def draw(index, generator):
        index = index.tolist()
        drawn = [labelled[v] for v in torch.randint(len(labelled), (len(index),), generator=generator).tolist()]
        ids, mask = data.pad([texts[i] for i, (texts, _, _) in zip(index, drawn)])
        teacher = torch.stack([logits[i] for i, (_, logits, _) in zip(index, drawn)])
        labels = torch.stack([own[i] for i, (_, _, own) in zip(index, drawn)])
        return ids, mask, lambda exits, weights: taught_loss(
            exits, teacher, labels, weights, recipe.soft, recipe.temperature
        )

    lengths = torch.tensor([len(s) for s in labelled[0][0]])
    return fit_exits(net, lengths, held, recipe, draw, log, keep)
