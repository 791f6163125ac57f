"""Writes what `sentences_perforate.py` learned as ONNX components: importance, and the threshold for a target sparsity."""

import numpy as np
import torch
from onnx import TensorProto, numpy_helper

from common import model_path
from sentences_export import TextGraph, save
from sentences_nets import MINILM

ALL = -3e38


class ImportanceGraph(TextGraph):
    """A `TextGraph` with the pieces of importance."""

    def scalar(self, name, value):
        """A constant without axes."""
        name = f"{self.prefix}/{name}"
        if name not in (weight.name for weight in self.weights):
            self.weights.append(numpy_helper.from_array(np.array(value), name))
        return name

    def looked_up(self, table, name, output=None):
        """The entry of `table`, one for each tenth, at the target `sparsity`."""
        tenths = self.node("Mul", ["sparsity", self.scalar("ten", np.float32(10))], f"{name}/tenths")
        bounds = [self.scalar("none", np.float32(0)), self.scalar("most", np.float32(len(table) - 1))]
        tenths = self.node("Clip", [self.node("Round", [tenths], f"{name}/round"), *bounds], f"{name}/clip")
        place = self.node("Cast", [tenths], f"{name}/place", to=TensorProto.INT64)
        table = self.constant(f"{name}/table", np.array(table, np.float32))
        return self.node("Gather", [table, place], name, output, axis=0)

    def plain(self, layer, x, name):
        """A linear layer on the last axis, stored in float32."""
        weight = self.constant(f"{name}/weight", layer.weight.detach().numpy().T)
        y = self.node("MatMul", [x, weight], f"{name}/product")
        return self.node("Add", [y, self.constant(f"{name}/bias", layer.bias.detach().numpy())], name)


def write_tokens(importance, thresholds, folder):
    """`sentences/tokens{k}.onnx`: from `h{k-1}` [N, L, D] and `sparsity` to `importance` [N, L] and `threshold`."""
    reports = []
    for k in range(MINILM.layers):
        graph = ImportanceGraph(f"tokens{k + 1}")
        inner = graph.node("Relu", [graph.plain(importance.first[k], f"h{k}", "first")], "relu")
        scores = graph.plain(importance.second[k], inner, "second")
        graph.node("Squeeze", [scores, graph.integers(2)], "importance", "importance")
        graph.looked_up([ALL, *(row[k] for row in thresholds)], "threshold", "threshold")
        inputs = [(f"h{k}", ["N", "L", MINILM.width]), ("sparsity", [])]
        outputs = [("importance", ["N", "L"]), ("threshold", [])]
        task = f"importance of a sentence's tokens before layer {k + 1} of {MINILM.layers}"
        reports.append(save(graph, model_path(folder, "sentences", f"tokens{k + 1}"), inputs, outputs, task))
    return reports


def write_blocks(importance, courses, folder, block, far):
    """`sentences/blocks{k}.onnx`: from `h{k-1}` [N, L, D], rows of one length, and `sparsity` to `importance`
    [N, heads, b, b] and `threshold` [N, 1, 1, 1], b blocks of `block` tokens. `courses` are where on its course the threshold
    meets each target."""
    reports, width, heads = [], MINILM.width, MINILM.heads
    for k in range(MINILM.layers):
        graph = ImportanceGraph(f"blocks{k + 1}")
        turned = graph.node("Transpose", [f"h{k}"], "turned", perm=[0, 2, 1])
        means = graph.node("AveragePool", [turned], "pool", kernel_shape=[block], strides=[block], ceil_mode=1)
        means = graph.node("Transpose", [means], "means", perm=[0, 2, 1])

        def split(layer, name, order, factor=1.0):
            weight = graph.constant(f"{name}/weight", (layer.weight * factor).detach().numpy().T)
            y = graph.node("MatMul", [means, weight], f"{name}/product")
            rank = layer.out_features // heads
            y = graph.node("Reshape", [y, graph.integers(0, 0, heads, rank)], f"{name}/split")
            return graph.node("Transpose", [y], f"{name}/heads", perm=order)

        rank = importance.query[k].out_features // heads
        query = split(importance.query[k], "query", [0, 2, 1, 3], rank**-0.5)
        scores = graph.node("MatMul", [query, split(importance.key[k], "key", [0, 2, 3, 1])], "content")

        zero, one = graph.scalar("zero", np.int64(0)), graph.scalar("one", np.int64(1))
        count = graph.node("Gather", [graph.node("Shape", [means], "shape"), one], "count", axis=0)
        places = graph.node("Range", [zero, count, one], "places")
        rows = graph.node("Unsqueeze", [places, graph.integers(1)], "rows")
        apart = graph.node("Sub", [places, rows], "apart")
        bounds = [graph.scalar("near", np.int64(-far)), graph.scalar("far", np.int64(far))]
        apart = graph.node("Add", [graph.node("Clip", [apart, *bounds], "clipped"), bounds[1]], "bucket")
        table = (importance.distance[k] + importance.gate[k][:, None]).detach().numpy()
        distance = graph.node("Gather", [graph.constant("distance", table), apart], "by_distance", axis=1)
        first = graph.node("Cast", [graph.node("Equal", [places, zero], "is_first")], "first", to=TensorProto.FLOAT)
        first = graph.node("Mul", [first, graph.constant("of_first", importance.first[k].detach().numpy()[:, None, None])], "more")
        fixed = graph.node("Add", [distance, first], "fixed")
        graph.node("Add", [scores, fixed], "importance", "importance")

        slope = torch.nn.functional.softplus(importance.slopes[k]).item()
        course = graph.looked_up([ALL, *(slope * x for x in courses)], "course")
        pooled = graph.node("ReduceMean", [means], "pooled", axes=[1], keepdims=1)
        base = graph.plain(importance.pooled[k], pooled, "base")
        base = graph.node("Unsqueeze", [base, graph.integers(1)], "base_apart")
        graph.node("Add", [base, course], "threshold", "threshold")
        inputs = [(f"h{k}", ["N", "L", width]), ("sparsity", [])]
        outputs = [("importance", ["N", heads, None, None]), ("threshold", ["N", 1, 1, 1])]
        task = f"importance of blocks of keys to blocks of queries in layer {k + 1} of {MINILM.layers}"
        reports.append(save(graph, model_path(folder, "sentences", f"blocks{k + 1}"), inputs, outputs, task))
    return reports
