"""Writes the sentence networks as ONNX components of standard operators, weights stored as int8 or float16.

A stored matrix is an initializer of int8 rows with one float32 scale per row (or float16) and the nodes that restore
it; a runtime folds them into a float32 constant at load. Word embeddings are restored after the lookup instead, so
that the table stays small in memory too. `N` and `L` are symbolic.
"""

import hashlib
import math
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from common import model_name, model_path
from export import IR_VERSION, OPSET, Graph, session
from sentences_nets import EXCLUDED, NORM_EPSILON, quantise_rows, rounded

VOCABULARY = 30522
LICENCE = "Apache-2.0"
DATASET = "SST-2 (GLUE) train, not included"


class TextGraph(Graph):
    """A `Graph` with the pieces of transformers; `storage` is "int8" or "float16"."""

    def __init__(self, prefix, storage="int8"):
        super().__init__(prefix)
        self.storage, self.shared = storage, {}

    def integers(self, *values):
        name = "ints/" + "_".join(str(v).replace("-", "m") for v in values)
        if name not in self.shared:
            self.shared[name] = self.constant(name, np.array(values, np.int64))
        return self.shared[name]

    def number(self, name, value):
        """A scalar used in several places, stored once."""
        if name not in self.shared:
            self.shared[name] = self.constant(name, np.float32(value))
        return self.shared[name]

    def restored(self, name, weight, transpose):
        """`weight` [O, I] as float32 from its stored form, as [I, O] where `transpose`."""
        turn = (lambda a: a.T) if transpose else (lambda a: a)
        if self.storage == "float16":
            half = self.constant(f"{name}/half", turn(weight.detach().half().numpy()))
            return self.node("Cast", [half], f"{name}/restore", to=TensorProto.FLOAT)
        rows, scale = quantise_rows(weight)
        rows = self.constant(f"{name}/rows", turn(rows.numpy()))
        scale = self.constant(f"{name}/scale", turn(scale.numpy()[:, None]))
        rows = self.node("Cast", [rows], f"{name}/cast", to=TensorProto.FLOAT)
        return self.node("Mul", [rows, scale], f"{name}/restore")

    def dense(self, layer, x, name, factor=1.0):
        """A linear layer on the last axis of `x`, its result times `factor`."""
        weight = self.restored(f"{name}/weight", layer.weight * factor, True)
        bias = self.constant(f"{name}/bias", (layer.bias * factor).detach().numpy())
        return self.node("Add", [self.node("MatMul", [x, weight], f"{name}/product"), bias], name)

    def words(self, table, ids, name, output=None):
        """Rows of `table` [V, D], stored as int8, looked up by `ids` [N, L] and restored: [N, L, D]."""
        rows, scale = quantise_rows(table)
        rows, scale = self.constant(f"{name}/rows", rows.numpy()), self.constant(f"{name}/scale", scale.numpy()[:, None])
        rows = self.node("Gather", [rows, ids], f"{name}/gather", axis=0)
        rows = self.node("Cast", [rows], f"{name}/cast", to=TensorProto.FLOAT)
        scale = self.node("Gather", [scale, ids], f"{name}/gather_scale", axis=0)
        return self.node("Mul", [rows, scale], f"{name}/restore", output)

    def norm(self, layer, x, name, output=None):
        """Layer normalisation over the last axis, in steps."""
        mean = self.node("ReduceMean", [x], f"{name}/mean", axes=[-1], keepdims=1)
        centred = self.node("Sub", [x, mean], f"{name}/centred")
        square = self.node("Mul", [centred, centred], f"{name}/square")
        variance = self.node("ReduceMean", [square], f"{name}/variance", axes=[-1], keepdims=1)
        variance = self.node("Add", [variance, self.number("norm/epsilon", NORM_EPSILON)], f"{name}/floor")
        deviation = self.node("Sqrt", [variance], f"{name}/deviation")
        y = self.node("Div", [centred, deviation], f"{name}/unit")
        y = self.node("Mul", [y, self.constant(f"{name}/weight", layer.weight.detach().numpy())], f"{name}/scaled")
        return self.node("Add", [y, self.constant(f"{name}/bias", layer.bias.detach().numpy())], name, output)

    def gelu(self, x, name):
        """x * (1 + erf(x / sqrt 2)) / 2."""
        y = self.node("Mul", [x, self.number("gelu/root", 1 / math.sqrt(2))], f"{name}/scaled")
        y = self.node("Erf", [y], f"{name}/erf")
        y = self.node("Add", [y, self.number("gelu/one", 1)], f"{name}/shifted")
        y = self.node("Mul", [x, y], f"{name}/product")
        return self.node("Mul", [y, self.number("gelu/half", 0.5)], name)

    def embedding(self, net, ids, name, words=None):
        """Word, position and type embeddings, normalised: [N, L, D]. `words` are looked-up rows, if at hand."""
        words = words or self.words(net.words.weight, ids, f"{name}/words")
        table = self.restored(f"{name}/positions", net.positions.weight + net.kind, False)
        length = self.node("Gather", [self.node("Shape", [words], f"{name}/shape"), self.integers(1)], f"{name}/length")
        places = self.node("Slice", [table, self.integers(0), length, self.integers(0)], f"{name}/places")
        return self.norm(net.norm, self.node("Add", [words, places], f"{name}/sum"), f"{name}/norm")

    def exclusion(self, mask, name):
        """0 on tokens and a large negative number on padding, [N, 1, 1, L], to add to attention scores."""
        padding = self.node("Sub", [self.number("one", 1), mask], f"{name}/padding")
        padding = self.node("Mul", [padding, self.number("excluded", EXCLUDED)], f"{name}/excluded")
        return self.node("Unsqueeze", [padding, self.integers(1, 2)], name)

    def attention(self, layer, h, exclusion, name):
        width, heads = layer.query.in_features, layer.heads
        factor = 1 / math.sqrt(width // heads)

        def split(part, key, order, factor=1.0):
            y = self.dense(part, h, f"{name}/{key}", factor)
            y = self.node("Reshape", [y, self.integers(0, 0, heads, width // heads)], f"{name}/{key}/split")
            return self.node("Transpose", [y], f"{name}/{key}/heads", perm=order)

        query = split(layer.query, "query", [0, 2, 1, 3], factor)
        key, value = split(layer.key, "key", [0, 2, 3, 1]), split(layer.value, "value", [0, 2, 1, 3])
        scores = self.node("MatMul", [query, key], f"{name}/scores")
        scores = self.node("Add", [scores, exclusion], f"{name}/masked")
        weights = self.node("Softmax", [scores], f"{name}/weights", axis=-1)
        y = self.node("MatMul", [weights, value], f"{name}/read")
        y = self.node("Transpose", [y], f"{name}/tokens", perm=[0, 2, 1, 3])
        y = self.node("Reshape", [y, self.integers(0, 0, width)], f"{name}/joined")
        return self.dense(layer.mix, y, f"{name}/mix")

    def masked_mean(self, h, mask, name):
        """Mean over the tokens, padding left out: [N, L, D] to [N, D]."""
        weights = self.node("Unsqueeze", [mask, self.integers(2)], f"{name}/column")
        total = self.node("ReduceSum", [self.node("Mul", [h, weights], f"{name}/kept"), self.integers(1)],
                          f"{name}/sum", keepdims=0)
        length = self.node("ReduceSum", [mask, self.integers(1)], f"{name}/length", keepdims=1)
        return self.node("Div", [total, length], name)

    def layer(self, layer, h, mask, exclusion, name, hidden=None, logits=None):
        """A transformer layer and, where `logits` names its output, the exit."""
        y = self.attention(layer, h, exclusion, f"{name}/attention")
        h = self.norm(layer.norm1, self.node("Add", [h, y], f"{name}/add1"), f"{name}/norm1")
        y = self.gelu(self.dense(layer.expand, h, f"{name}/expand"), f"{name}/gelu")
        y = self.dense(layer.contract, y, f"{name}/contract")
        h = self.norm(layer.norm2, self.node("Add", [h, y], f"{name}/add2"), f"{name}/norm2", hidden)
        if logits:
            if layer.pool == "first":
                pooled = self.node("Gather", [h, self.constant("first", np.int64(0))], f"{name}/exit/first", axis=1)
            else:
                pooled = self.masked_mean(h, mask, f"{name}/exit/mean")
            self.linear(layer.head, pooled, f"{name}/exit/classifier", logits)
        return h

    def dendritic(self, layer, x, name):
        y = self.linear(layer.main, x, f"{name}/main")
        for number, (weight, branch) in enumerate(zip(layer.weights, layer.branches), 1):
            d = self.node("Tanh", [self.linear(branch, x, f"{name}/branch{number}")], f"{name}/dendrite{number}")
            weight = self.constant(f"{name}/weight{number}", weight.detach().numpy())
            y = self.node("Add", [y, self.node("Mul", [d, weight], f"{name}/weighted{number}")], f"{name}/sum{number}")
        return y


def save(graph, path, inputs, outputs, task):
    """Checks and writes the model; `inputs` and `outputs` are (name, shape) with `ids` the only integers."""
    kind = lambda name: TensorProto.INT64 if name == "ids" else TensorProto.FLOAT
    values = [[helper.make_tensor_value_info(n, kind(n), shape) for n, shape in part] for part in (inputs, outputs)]
    model = helper.make_model(
        helper.make_graph(graph.nodes, graph.prefix, *values, graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="perforate",
    )
    helper.set_model_props(model, {"name": model_name(path), "task": task, "dataset": DATASET, "licence": LICENCE})
    onnx.checker.check_model(model, full_check=True)
    bytes_ = model.SerializeToString(deterministic=True)
    Path(path).write_bytes(bytes_)
    return {"name": model_name(path), "bytes": len(bytes_), "sha256": hashlib.sha256(bytes_).hexdigest()}


IDS, MASK, LOGITS = ("ids", ["N", "L"]), ("mask", ["N", "L"]), ["N", 2]


def write_exits(net, folder, storage="int8"):
    """`sentences/embed.onnx` and one file per layer with its exit. Padded rows of h0 are zero."""
    hidden = lambda k: (f"h{k}", ["N", "L", net.shape.width])
    graph = TextGraph("embed", storage)
    h = graph.embedding(net.embedding, "ids", "embed")
    column = graph.node("Unsqueeze", ["mask", graph.integers(2)], "column")
    graph.node("Mul", [h, column], "kept", "h0")
    task = "sentiment of a sentence, 2 classes (0 negative, 1 positive)"
    reports = [save(graph, model_path(folder, "sentences", "embed"), [IDS, MASK], [hidden(0)], f"{task}: embeddings")]
    for k, layer in enumerate(net.layers, 1):
        last = k == len(net.layers)
        logits = "logits" if last else f"logits{k}"
        graph = TextGraph(f"layer{k}", storage)
        exclusion = graph.exclusion("mask", "exclusion")
        graph.layer(layer, f"h{k - 1}", "mask", exclusion, "layer", None if last else f"h{k}", logits)
        outputs = [(logits, LOGITS)] if last else [hidden(k), (logits, LOGITS)]
        part = f"{task}: layer {k} of {len(net.layers)} with its exit"
        path = model_path(folder, "sentences", f"layer{k}")
        reports.append(save(graph, path, [hidden(k - 1), MASK], outputs, part))
    return reports


def write_words(table, path):
    """The word embeddings alone, ids to `words` [N, L, D], for students that share them."""
    graph = TextGraph("words")
    graph.words(table, "ids", "words", "words")
    outputs = [("words", ["N", "L", table.shape[1]])]
    return save(graph, path, [IDS], outputs, "word embeddings of the sentence students")


def write_student(net, path, task):
    """A tiny transformer or a `Dsn`: the looked-up `words` and the mask to logits."""
    table = net.words if hasattr(net, "words") else net.embedding.words
    graph = TextGraph("student")
    if hasattr(net, "layers"):
        h = graph.embedding(net.embedding, None, "embed", "words")
        exclusion = graph.exclusion("mask", "exclusion")
        for k, layer in enumerate(net.layers, 1):
            last = k == len(net.layers)
            h = graph.layer(layer, h, "mask", exclusion, f"layer{k}", None, "logits" if last else None)
    else:
        x = graph.masked_mean("words", "mask", "mean")
        graph.linear(net.head, graph.dendritic(net.layer, x, "layer"), "head", "logits")
    return save(graph, path, [("words", ["N", "L", table.embedding_dim]), MASK], [("logits", LOGITS)], task)


@torch.no_grad()
def round_weights(net, storage="int8"):
    """Puts the stored form's values into `net`: its matrices, tables and positions, not heads and `Dsn` layers."""
    store = rounded if storage == "int8" else lambda w: w.half().float()
    for name, module in net.named_modules():
        if name.endswith(("words", "words.0")):
            module.weight.copy_(rounded(module.weight))
        elif name.endswith("positions"):
            module.weight.copy_(store(module.weight + net.embedding.kind) - net.embedding.kind)
        elif name.split(".")[-1] in ("query", "key", "value", "mix", "expand", "contract"):
            module.weight.copy_(store(module.weight))
    return net


def run_files(paths, ids, mask):
    """All outputs of the files run in a row by ONNX Runtime, each wire known by its name."""
    wires = {"ids": ids.numpy(), "mask": mask.numpy()}
    for path in paths:
        runtime = session(path)
        names = [o.name for o in runtime.get_outputs()]
        wires |= zip(names, runtime.run(names, {i.name: wires[i.name] for i in runtime.get_inputs()}))
    return wires
