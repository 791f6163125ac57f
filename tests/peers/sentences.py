"""Runs a model on sentences one by one, at settings of its knob: sentences.py MODEL ROWS.npz KNOB OUT.npz SETTING…"""
import sys

import numpy as np
import onnxruntime as ort

model, rows, knob, out, *settings = sys.argv[1:]
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
rows = np.load(rows)
outputs = []
for setting in settings:
    value = np.array(setting, np.float32)
    for ids, mask in zip(rows["ids"], rows["mask"]):
        length = int(mask.sum())
        feeds = {"ids": ids[None, :length].astype(np.int64), "mask": mask[None, :length], knob: value}
        outputs.append(session.run(None, feeds)[0])
np.savez(out, out=np.concatenate(outputs).astype(np.float32))
