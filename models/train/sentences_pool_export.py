"""Reads and writes what `sentences_pool.py` changes: heads, students, and layer 1 with an exit of two small layers."""

import hashlib

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

import sentences_export as export
from common import model_name, model_path
from sentences_nets import MINILM, TINY, Dsn, Exits
from sentences_perforate import read_weights
from sentences_students import DENDRITES, HIDDEN

TASK = "sentiment of a sentence, 2 classes (0 negative, 1 positive): "
TASKS = {
    "tiny": TASK + "2-layer transformer, distilled",
    "dsn": TASK + "mean of word embeddings and a dendritic layer, distilled",
}


def arrays(folder, name):
    model = onnx.load(model_path(folder, "sentences", name))
    return {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}


def restored(a, name):
    return a[f"{name}/rows"].float() * a[f"{name}/scale"]


def read_student(name, folder):
    """The student of the ONNX files in `folder`, its words frozen."""
    a, table = arrays(folder, name), restored(arrays(folder, "words"), "words/words")
    words = nn.Embedding(*table.shape, _weight=table).requires_grad_(False)

    def own(layer, place):
        for part in ("weight", "bias"):
            getattr(layer, part).data = a[f"student/{place}/{part}"]

    if name == "dsn":
        net = Dsn(words, HIDDEN, DENDRITES, dropout=0.1)
        own(net.layer.main, "layer/main")
        own(net.head, "head")
        for number, branch in enumerate(net.layer.branches, 1):
            own(branch, f"layer/branch{number}")
            net.layer.weights.data[number - 1] = a[f"student/layer/weight{number}"]
        return net
    net = Exits(TINY, dropout=0.1, early=False)
    net.embedding.words, net.embedding.positions.weight.data = words, restored(a, "student/embed/positions")
    own(net.embedding.norm, "embed/norm")
    for k, layer in enumerate(net.layers, 1):
        for key in ("query", "key", "value", "mix", "expand", "contract"):
            place = f"student/layer{k}/{'' if key in ('expand', 'contract') else 'attention/'}{key}"
            factor = (TINY.width // TINY.heads) ** 0.5 if key == "query" else 1.0
            getattr(layer, key).weight.data = (restored(a, f"{place}/weight") * factor).T.contiguous()
            getattr(layer, key).bias.data = a[f"{place}/bias"] * factor
        for norm in ("norm1", "norm2"):
            own(getattr(layer, norm), f"layer{k}/{norm}")
    own(net.layers[-1].head, f"layer{TINY.layers}/exit/classifier")
    return net


def write_heads(heads, folder):
    """Puts `heads`, by the number of their layer, into the files of the layers; nothing else in them changes."""
    reports = []
    for k, head in heads.items():
        path = model_path(folder, "sentences", f"layer{k}")
        model = onnx.load(path)
        for weight in model.graph.initializer:
            for part in ("weight", "bias"):
                if weight.name == f"layer{k}/layer/exit/classifier/{part}":
                    values = np.ascontiguousarray(getattr(head, part).detach().numpy())
                    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
        onnx.checker.check_model(model, full_check=True)
        bytes_ = model.SerializeToString(deterministic=True)
        path.write_bytes(bytes_)
        reports.append({"name": model_name(path), "bytes": len(bytes_), "sha256": hashlib.sha256(bytes_).hexdigest()})
    return reports


def deep_exit(graph, net, logits):
    """The nodes of a `Deep` from `h1` and `mask` to `logits`."""
    x = graph.norm(net.norm, graph.dense(net.lift, "h1", "deep/lift"), "deep/norm")
    exclusion = graph.exclusion("mask", "deep/exclusion")
    for k, layer in enumerate(net.layers, 1):
        x = graph.layer(layer, x, "mask", exclusion, f"deep/layer{k}", None, logits if k == len(net.layers) else None)


def write(name, net, folder):
    """Writes a student, or `layer1-deep.onnx`: the shipped layer 1 with `net` as its exit."""
    if name != "deep":
        return [export.write_student(net, model_path(folder, "sentences", name), TASKS[name])]
    graph = export.TextGraph("layer1")
    layer = read_weights(folder).layers[0]
    graph.layer(layer, "h0", "mask", graph.exclusion("mask", "exclusion"), "layer", "h1")
    deep_exit(graph, net, "logits1")
    hidden = lambda k: (f"h{k}", ["N", "L", MINILM.width])
    path = model_path(folder, "sentences", "layer1-deep")
    task = f"{TASK}layer 1 of {MINILM.layers} with an exit of two small layers"
    return [export.save(graph, path, [hidden(0), export.MASK], [hidden(1), ("logits1", export.LOGITS)], task)]
