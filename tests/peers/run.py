"""Runs a model on rows one by one: run.py MODEL ROWS.npy OUT.npy"""
import sys

import numpy as np
import onnxruntime as ort

model, rows, out = sys.argv[1:]
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
outputs = [session.run(None, {name: row[None]})[0] for row in np.load(rows)]
np.save(out, np.concatenate(outputs).astype(np.float32))
