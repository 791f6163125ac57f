"""Runs a routed file in ONNX Runtime, image by image, and prints which way each went.

A routed file is standard ONNX: its gates are `If` nodes, its knob is an input with a default.

    python classify.py [--threshold 0.2] [--model ../shared/routed.onnx]
"""

import argparse
import base64
import json
import statistics
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

SHARED = Path(__file__).resolve().parent.parent / "shared"
REPEATS = 15


def images() -> tuple[np.ndarray, list[str]]:
    """The images as the model reads them, [n, 1, 28, 28] from 0 to 1, and what they show."""
    file = json.loads((SHARED / "images.json").read_text())
    pixels = np.frombuffer(base64.b64decode(file["pixels"]), dtype=np.uint8)
    shown = [file["classes"][label] for label in file["labels"]]
    return pixels.reshape(len(shown), 1, 28, 28).astype(np.float32) / 255, shown


def open_model(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    # It warns that the knob is an input with a default, which is the point of it.
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(session: ort.InferenceSession, image: np.ndarray, threshold: float | None) -> tuple[np.ndarray, float]:
    """The logits of one image, and the median time in milliseconds. Batch 1: in a batch, one `If` decides for all rows."""
    feeds = {"x": image[np.newaxis]}
    if threshold is not None:
        feeds["threshold"] = np.array(threshold, dtype=np.float32)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        (logits,) = session.run(["logits"], feeds)
        times.append(1e3 * (time.perf_counter() - began))
    return logits[0], statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=SHARED / "routed.onnx")
    parser.add_argument("--threshold", type=float, help="the knob; unless given, the default that the file carries")
    arguments = parser.parse_args()

    session = open_model(arguments.model)
    # The file says what its knob means: its default, and the values that never and always take the full network.
    metadata = session.get_modelmeta().custom_metadata_map
    knob = json.loads(metadata["perforate.knobs"])["threshold"]
    classes = json.loads((SHARED / "images.json").read_text())["classes"]
    threshold = knob["default"] if arguments.threshold is None else arguments.threshold
    print(f"threshold {threshold:.2f} (default {knob['default']:.2f})")

    times: dict[str, list[float]] = {"light": [], "full": []}
    right = 0
    for image, shown in zip(*images(), strict=True):
        logits, took = run(session, image, arguments.threshold)
        # An answer that differs from that of the light branch comes from the full network.
        light, _ = run(session, image, knob["never"])
        path = "light" if np.array_equal(logits, light) else "full"
        label = classes[int(logits.argmax())]
        times[path].append(took)
        right += label == shown
        print(f"{shown:<10} → {label:<10} {path:<5} {took:6.3f} ms")

    for path, each in times.items():
        if each:
            print(f"{path}: {len(each)} images, median {statistics.median(each):.3f} ms")
    print(f"{right} of {sum(map(len, times.values()))} right")


if __name__ == "__main__":
    main()
