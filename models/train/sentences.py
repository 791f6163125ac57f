"""Trains the sentence networks on SST-2: a transformer with an exit after every layer, and students of it.

    python sentences.py snippets --sst2 DIR --vader SDIST [--out DIR]
    python sentences.py table    --sst2 DIR [--work DIR]
    python sentences.py minilm   --sst2 DIR --minilm DIR [--work DIR] [--out DIR] [--snippets FILE]
    python sentences.py label    --sst2 DIR --minilm DIR --tag A+B [--work DIR]
    python sentences.py exits    --sst2 DIR --minilm DIR --teachers A+B --tag C [--work DIR]
    python sentences.py mean     --sst2 DIR --teachers A+B --tag C [--work DIR]
    python sentences.py tiny dsn dsn-plain --sst2 DIR --minilm DIR [--work DIR] [--out DIR] [--snippets FILE]

`--sst2` holds train.tsv and dev.tsv of GLUE's SST-2; `--minilm` model.safetensors and tokenizer.json of
all-MiniLM-L6-v2. `label` writes the mean logits of transformers on augmented text, from which `exits` trains one with
all its exits, and the students learn. Students named together are trained together on one table of word embeddings.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

import sentences_data as data
import sentences_export as export
import sentences_fit as fit
import sentences_students as students
from common import THREADS, model_path, set_up
from sentences_nets import MINILM, TINY, Ensemble, Exits, dsn_macs, layer_macs

LENGTHS = (8, 16, 32)
VARIATIONS = 3
TASK = "sentiment of a sentence, 2 classes (0 negative, 1 positive): "
TASKS = {
    "tiny": TASK + "2-layer transformer, distilled",
    "dsn": TASK + "mean of word embeddings and a dendritic layer, distilled",
    "dsn-plain": TASK + "mean of word embeddings and a plain layer, distilled",
}


def log(line):
    print(line, flush=True)


def read_rows(args, name):
    return data.read_tsv(Path(args.sst2) / f"{name}.tsv")


def write_snippets(args):
    """The human-rated snippets without the texts of SST-2."""
    texts = [text for name in ("train", "dev") for _, text in read_rows(args, name)]
    rows = data.unseen(data.read_ratings(args.vader), texts)
    path = Path(args.out) / "snippets.tsv.gz"
    data.write_snippets(rows, path)
    positive = sum(label for label, _ in rows)
    log(json.dumps({"name": path.name, "n": len(rows), "positive": positive, "bytes": path.stat().st_size}))


def write_table(args):
    """SST-2's held-out part to calibrate on and its dev part to test on, as a table for `perforate bench --table`. Not to
    be passed on: SST-2 states no licence."""
    _, held = data.hold_out(read_rows(args, "train"))
    path = Path(args.work) / "sst2.tsv"
    parts = (("calibration", held), ("test", read_rows(args, "dev")))
    lines = [f"{part}\t{label}\t{text}\n" for part, rows in parts for label, text in rows]
    path.write_text("part\tlabel\tsentence\n" + "".join(lines), "utf-8")
    log(json.dumps({"name": str(path), "n": len(lines)}))


def read_sets(args):
    """The training part, and what accuracies are reported on by name."""
    tokenizer = data.load_tokenizer(args.minilm)
    part, held = (data.encode(tokenizer, rows) for rows in data.hold_out(read_rows(args, "train")))
    sets = {"held_out": held, "dev": data.encode(tokenizer, read_rows(args, "dev"))}
    if args.snippets:
        sets["snippets"] = data.encode(tokenizer, data.read_snippets(args.snippets))
    return part, sets


def describe(net):
    """Parameters, of embeddings and of the rest, and MACs by sentence length."""
    count = sum(p.numel() for p in net.parameters())
    words = (net.words if hasattr(net, "words") else net.embedding.words).weight.numel()
    if hasattr(net, "layers"):
        macs = {length: len(net.layers) * layer_macs(net.shape, length) for length in LENGTHS}
        words += net.embedding.positions.weight.numel() + net.embedding.kind.numel()
    else:
        macs = dict.fromkeys(LENGTHS, dsn_macs(net))
    return {"embedding_parameters": words, "other_parameters": count - words, "macs": macs}


def scores(net, sets):
    return {name: data.accuracies(net, text) for name, text in sets.items()}


def minilm(args):
    """Trains or, with `--export`, reads the transformer; writes its files and reports on them."""
    part, sets = read_sets(args)
    keep, started = Path(args.work) / f"{args.tag}.pt", time.time()
    if args.export:
        net = read_minilm(keep)
    else:
        start = load_file(Path(args.minilm) / "model.safetensors")
        recipe = fit.Recipe(
            epochs=args.epochs, rate=args.rate, power=args.power, words=args.words, pool=args.pool,
            seed=args.seed, short=args.short, drop=args.drop, agree=args.agree,
        )
        net = fit.train_minilm(part, sets["held_out"], start, recipe, log, keep)
    log(json.dumps({"name": "minilm", "seconds": round(time.time() - started), **describe(net), **scores(net, sets)}))
    for storage in ("float16", "int8"):
        stored = export.round_weights(copy.deepcopy(net), storage)
        log(json.dumps({"name": "minilm", "storage": storage, **scores(stored, sets)}))
    for report in export.write_exits(net, args.out):
        log(json.dumps(report))
    log(json.dumps({"difference": check(stored, exit_files(args.out), sets["dev"])}))


def read_minilm(path):
    net = Exits(MINILM, pool="mean")
    net.load_state_dict(torch.load(path))
    return net.eval()


def exit_files(folder):
    names = ["embed", *(f"layer{k}" for k in range(1, MINILM.layers + 1))]
    return [model_path(folder, "sentences", name) for name in names]


@torch.no_grad()
def check(net, paths, text, count=40, tolerance=1e-3):
    """Largest difference of ONNX Runtime's logits from `net`'s, and from its own without padding; raises if they
    exceed `tolerance` and 1e-4."""
    ids, mask = data.pad(text.ids[:count])
    outputs = net(ids, mask)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    names = ["logits"] if len(paths) < 3 else [*(f"logits{k}" for k in range(1, len(outputs))), "logits"]
    wires = export.run_files(paths, ids, mask)
    apart = [export.run_files(paths, s[None], torch.ones(1, len(s))) for s in text.ids[:count]]
    worst, padding = 0.0, 0.0
    for name, expected in zip(names, outputs[-len(names) :], strict=True):
        got = torch.from_numpy(wires[name])
        worst = max(worst, (got - expected).abs().max().item())
        padding = max(padding, (got - torch.cat([torch.from_numpy(w[name]) for w in apart])).abs().max().item())
    if worst > tolerance or padding > 1e-4:
        raise ValueError(f"{paths[0]}: differs from PyTorch by {worst}, by padding {padding}")
    return {"pytorch": worst, "padding": padding}


def label(args):
    """Labels the augmented training text by the transformer, or by several that answer together."""
    part, _ = read_sets(args)
    nets = [read_minilm(Path(args.work) / f"{tag}.pt") for tag in args.tag.split("+")]
    labelled = students.label(Ensemble(nets).eval(), part, args.variations, log)
    torch.save(labelled, Path(args.work) / f"labelled-{args.tag}.pt")


def exits(args):
    """Trains all exits from the labels of `--teachers`, starting from the mean of the transformers of that name."""
    _, sets = read_sets(args)
    tags = args.teachers.split("+")
    states = [torch.load(Path(args.work) / f"{tag}.pt") for tag in tags]
    labelled = torch.load(Path(args.work) / f"labelled-{args.teachers}.pt")
    recipe = fit.Distilling(epochs=args.epochs, rate=args.rate, power=args.power, short=args.short, seed=args.seed)
    start = fit.mean_state(states)
    fit.distil_exits(start, labelled, sets["held_out"], recipe, log, Path(args.work) / f"{args.tag}.pt")


def mean(args):
    """The mean of the weights of `--teachers` as one transformer (Wortsman et al., "Model soups", ICML 2022)."""
    states = [torch.load(Path(args.work) / f"{tag}.pt") for tag in args.teachers.split("+")]
    torch.save(fit.mean_state(states), Path(args.work) / f"{args.tag}.pt")


def train_students(args):
    """Trains the named students together, writes their files and reports on them."""
    _, sets = read_sets(args)
    teacher = read_minilm(Path(args.work) / f"{args.tag}.pt")
    nets = students.make_students(args.names, teacher)
    keep, started = Path(args.work) / f"{'-'.join(args.names)}{args.suffix}.pt", time.time()
    if args.export:
        nets.load_state_dict(torch.load(keep))
        nets.eval()
    else:
        labelled = torch.load(Path(args.work) / f"labelled-{args.teachers or args.tag}.pt")
        recipe = students.Recipe(epochs=args.student_epochs, word_rate=args.word_rate)
        nets = students.train_students(nets, labelled, sets["held_out"], recipe, log, keep)
    log(json.dumps({"seconds": round(time.time() - started), "names": args.names}))
    for name, net in nets.items():
        log(json.dumps({"name": name, **describe(net), **scores(net, sets)}))
    table = next(iter(nets.values()))
    table = table.words if hasattr(table, "words") else table.embedding.words
    words = model_path(args.out, "sentences", "words")
    log(json.dumps(export.write_words(table.weight, words)))
    for name, net in nets.items():
        body = model_path(args.out, "sentences", name)
        log(json.dumps(export.write_student(net, body, TASKS[name])))
        stored = export.round_weights(copy.deepcopy(net))
        log(json.dumps({"name": name, "storage": "int8", **scores(stored, sets)}))
        log(json.dumps({"difference": check(stored, [words, body], sets["dev"])}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=["snippets", "table", "minilm", "label", "exits", "mean", *TASKS])
    parser.add_argument("--sst2", required=True, help="folder of SST-2's train.tsv and dev.tsv")
    parser.add_argument("--minilm", help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--vader", help="sdist of vaderSentiment 3.3.2")
    parser.add_argument("--snippets", help="the snippets file, to report on")
    parser.add_argument("--work", default="target/train", help="folder for checkpoints")
    parser.add_argument("--out", default="models", help="folder for what is shipped")
    parser.add_argument("--export", action="store_true", help="do not train: read the checkpoint, write and report")
    parser.add_argument("--pool", default="mean")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--student-epochs", type=int, default=12)
    parser.add_argument("--word-rate", type=float, default=1e-3)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--power", type=float, default=1.0, help="exit k of n has the weight (k / n) ** power")
    parser.add_argument("--words", action="store_true", help="train the word embeddings too")
    parser.add_argument("--agree", type=float, default=0.0, help="weight of the agreement of two runs under dropout")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", type=float, default=1.0, help="share of the short texts per epoch")
    parser.add_argument("--drop", type=float, default=0.0, help="share of tokens left out in training")
    parser.add_argument("--tag", default="minilm", help="name of the checkpoint; for `label`, of several, joined by +")
    parser.add_argument("--teachers", help="names of the checkpoints whose labels are learned from, joined by +")
    parser.add_argument("--variations", type=int, default=VARIATIONS, help="variations of every text that are labelled")
    parser.add_argument("--suffix", default="")
    args = parser.parse_args()

    set_up(1, THREADS)
    Path(args.work).mkdir(parents=True, exist_ok=True)
    alone = {"snippets": write_snippets, "table": write_table, "minilm": minilm, "label": label}
    alone |= {"exits": exits, "mean": mean}
    alone.get(args.names[0], train_students)(args)


if __name__ == "__main__":
    main()
