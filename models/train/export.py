"""Writes networks as ONNX graphs of standard operators, batch normalisation folded into the convolutions.

The bytes depend on nothing but the weights: no time, no path, no tool version.
"""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from nets import ConvUnit, Residual

OPSET = 17
IR_VERSION = 8


class Graph:
    """Collects named nodes and initializers of one ONNX graph; each method returns its output's name."""

    def __init__(self, prefix):
        self.prefix, self.nodes, self.weights = prefix, [], []

    def constant(self, name, values):
        name = f"{self.prefix}/{name}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, op, inputs, name, output=None, **attributes):
        name = f"{self.prefix}/{name}"
        output = output or f"{name}:out"
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def conv(self, unit, x, name, output=None):
        """A `ConvUnit` with its normalisation folded in, and its ReLU if it has one."""
        weight, bias = fold(unit)
        weight, bias = self.constant(f"{name}/weight", weight), self.constant(f"{name}/bias", bias)
        conv = unit.conv
        y = self.node(
            "Conv", [x, weight, bias], name, None if unit.relu else output, group=conv.groups,
            kernel_shape=list(conv.kernel_size), strides=list(conv.stride), pads=list(conv.padding) * 2,
        )
        return self.node("Relu", [y], f"{name}/relu", output) if unit.relu else y

    def residual(self, block, x, name, output=None):
        y = self.conv(block.conv1, x, f"{name}/conv1")
        y = self.conv(block.conv2, y, f"{name}/conv2")
        y = self.node("Add", [x, y], f"{name}/add")
        return self.node("Relu", [y], f"{name}/relu", output)

    def sequence(self, layers, x, name, output=None):
        """A `Sequential` of units and residual blocks; the last one writes `output`."""
        items = list(layers.named_children())
        for key, layer in items:
            write = {ConvUnit: self.conv, Residual: self.residual}[type(layer)]
            x = write(layer, x, f"{name}/{key}", output if key == items[-1][0] else None)
        return x

    def linear(self, layer, x, name, output=None):
        weight = self.constant(f"{name}/weight", layer.weight.detach().numpy())
        bias = self.constant(f"{name}/bias", layer.bias.detach().numpy())
        return self.node("Gemm", [x, weight, bias], name, output, transB=1)

    def pool(self, x, name, output=None, size=None):
        """Mean over height and width, [N, C, H, W] to [N, C]; of one value there is none to take."""
        if size != 1:
            x = self.node("GlobalAveragePool", [x], f"{name}/pool")
        return self.node("Flatten", [x], f"{name}/flatten", output, axis=1)


def fold(unit):
    """Weight [O, I, k, k] and bias [O] of the convolution that equals convolution followed by normalisation."""
    norm = unit.norm
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    weight = unit.conv.weight.double() * scale[:, None, None, None]
    bias = norm.bias.double() - norm.running_mean.double() * scale
    return weight.detach().float().numpy(), bias.detach().float().numpy()


def write_conv_net(net, prefix, with_features):
    """The graph of a `ConvNet`: x to logits, and to features where asked for."""
    graph, x = Graph(prefix), "x"
    for name, stage in net.stages.named_children():
        x = graph.sequence(stage, x, name)
    size = net.stages(torch.zeros(1, 1, 28, 28)).shape[2:].numel()
    features = graph.pool(x, "head", "features" if with_features else None, size)
    graph.linear(net.head, features, "head/classifier", "logits")
    return graph


def save(graph, path, inputs, outputs, metadata):
    """Checks and writes the model. `inputs` and `outputs` map names to shapes without the leading `N`."""
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, graph.prefix, [value(*i) for i in inputs.items()], [value(*o) for o in outputs.items()],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="perforate",
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString(deterministic=True)
    Path(path).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def session(path):
    """A single-threaded ONNX Runtime session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@torch.no_grad()
def compare(path, function, *inputs, tolerance=1e-4):
    """Largest absolute difference between ONNX Runtime and `function` (tensors to a tuple of tensors in output
    order) over batch sizes 1 and 5; raises if it exceeds `tolerance`."""
    runtime, worst = session(path), 0.0
    for count in (1, 5):
        batch = [tensor[:count] for tensor in inputs]
        feeds = {node.name: tensor.numpy() for node, tensor in zip(runtime.get_inputs(), batch)}
        for got, expected in zip(runtime.run(None, feeds), function(*batch), strict=True):
            if got.shape != tuple(expected.shape):
                raise ValueError(f"{path}: shape {got.shape}, expected {tuple(expected.shape)}")
            worst = max(worst, float(np.abs(got - expected.numpy()).max()))
    if worst > tolerance:
        raise ValueError(f"{path}: differs from PyTorch by {worst}")
    return worst
