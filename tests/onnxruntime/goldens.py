"""Writes what ONNX Runtime answers for a routed model, one row at a time, as goldens for tests/onnxruntime.rs.

    perforate route dendritic --full models/fashion/full.onnx --light models/fashion/light.onnx \
        --gate models/fashion/gate.onnx --out target/dendritic-fashion.onnx
    python tests/onnxruntime/goldens.py target/dendritic-fashion.onnx tests/onnxruntime/dendritic-fashion.npz \
        --knob threshold --values 2.0 0.1 0.0

and so on: early exits of MNIST with every `--score` at 0.0 0.995 2.0 (patience: 0.0 0.75 2.0), those of Fashion-MNIST at 0.9 with
`--temperature 1.25 1.5`; the experts light, static-s, full at `--knob price --values 1000000 0.05 -1000000`;
the refinement with `--cost 0.99 --temperature 1.2` at 0.0 0.9 2.0; the fuzzy selection among the experts with
`--corners 0.2 0.3 0.4 0.15 0.3 0.5 0.4 0.65 0.85` at 2 0.6 -2; the learned one with the weights in the test at
1000 0.18 -1000; the pool light, static-s, full with `--judges models/fashion/judges.onnx` at 0.0 0.95 2.0; early exits and the cascade (`--exits logits3 logits4`) on sentences with `--sentences` at 0.0 0.9 2.0; the energy-aware one among light, pruned-int8, full-int8 and full with `--costs 0.02 0.08 1` at
`--knob budget --values 0 0.05 1`, and 0 0.5 1 for `-wide`.

The file holds, for every knob value and then every row: `knob`, the model's first output, and `taken`,
the condition of each top-level `If` as ONNX Runtime computed it. Packages as in models/train/requirements.txt.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer

ROWS = 256
SENTENCES = 48
LONGEST = 128
DATA = Path(__file__).parents[2] / "models/data"
IMAGES = DATA / "fashion-mnist/t10k-images-idx3-ubyte.gz"


def images(path, count):
    """The first images of a gzipped idx file, float32 [count, 1, height, width] in 0..1."""
    data = gzip.decompress(Path(path).read_bytes())
    _, height, width = np.frombuffer(data, ">u4", 3, offset=4)
    pixels = np.frombuffer(data, np.uint8, count * height * width, offset=16)
    return pixels.reshape(count, 1, height, width).astype(np.float32) / np.float32(255)


def snippets(count):
    """The first snippets, one row each without padding: [{ids int64 [1, L], mask float32 [1, L]}]."""
    tokenizer = Tokenizer.from_file(str(DATA / "sentences/tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    with gzip.open(DATA / "sentences/snippets.tsv.gz", "rt", encoding="utf-8", newline="\n") as file:
        texts = [next(file).rstrip("\n").split("\t", 1)[1] for _ in range(count)]
    ids = [np.array([e.ids], np.int64) for e in tokenizer.encode_batch(texts)]
    return [{"ids": row, "mask": np.ones(row.shape, np.float32)} for row in ids]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--knob", default="threshold")
    parser.add_argument("--values", type=float, nargs="+", required=True)
    parser.add_argument("--images", type=Path, default=IMAGES)
    parser.add_argument("--sentences", action="store_true")
    args = parser.parse_args()

    model = onnx.load(args.model)
    onnx.checker.check_model(model)
    conditions = [node.input[0] for node in model.graph.node if node.op_type == "If"]
    for name in conditions:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    runtime = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    output = model.graph.output[0].name
    if args.sentences:
        rows = snippets(SENTENCES)
    else:
        x = images(args.images, ROWS)
        rows = [{"x": x[row : row + 1]} for row in range(ROWS)]

    knobs, outputs, taken = [], [], []
    for value in args.values:
        for row in rows:
            answer = runtime.run([output, *conditions], {**row, args.knob: np.array(value, np.float32)})
            knobs.append(np.float32(value))
            outputs.append(answer[0][0])
            taken.append([np.float32(np.any(condition)) for condition in answer[1:]])
        share = np.mean(taken[-len(rows) :], axis=0)
        print(f"{args.knob} = {value}: taken {share}")
    np.savez_compressed(args.out, knob=np.array(knobs), output=np.array(outputs), taken=np.array(taken))
    print(f"{args.out}: ONNX Runtime {onnxruntime.__version__}, {len(knobs)} rows")


if __name__ == "__main__":
    main()
