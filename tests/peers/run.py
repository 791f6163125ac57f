"""Runs a model on rows one by one: run.py MODEL ROWS.npy OUT.npy [KNOB=VALUE…]"""
import sys

import numpy as np
import onnxruntime as ort

model, rows, out, *knobs = sys.argv[1:]
knobs = {name: np.array(value, np.float32) for name, value in (knob.split("=") for knob in knobs)}
options = ort.SessionOptions()
# Exact products in eight bits on processors without VNNI too.
options.add_session_config_entry("session.x64quantprecision", "1")
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
name = next(given.name for given in session.get_inputs() if given.name not in knobs)
outputs = [session.run(None, {name: row[None], **knobs})[0] for row in np.load(rows)]
np.save(out, np.concatenate(outputs).astype(np.float32))
