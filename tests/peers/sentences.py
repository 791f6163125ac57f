"""Runs a model on sentences one by one, at settings of its knob: sentences.py MODEL ROWS.npz KNOB OUT.npz SETTING…"""
import sys

import numpy as np
import onnxruntime as ort

model, rows, knob, out, *settings = sys.argv[1:]
options = ort.SessionOptions()
# Exact products in eight bits on processors without VNNI too.
options.add_session_config_entry("session.x64quantprecision", "1")
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
rows = np.load(rows)
outputs = []
for setting in settings:
    value = np.array(setting, np.float32)
    for ids, mask in zip(rows["ids"], rows["mask"]):
        length = int(mask.sum())
        feeds = {"ids": ids[None, :length].astype(np.int64), "mask": mask[None, :length], knob: value}
        outputs.append(session.run(None, feeds)[0])
np.savez(out, out=np.concatenate(outputs).astype(np.float32))
