"""How many times as fast the second model is, each with one thread: faster.py MODEL OTHER SIDE, the numbers in a row"""
import sys
import time

import numpy as np
import onnxruntime as ort

*models, side = sys.argv[1:]
ROUNDS = 15
x = np.random.default_rng(0).standard_normal((16, int(side)), np.float32)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
sessions = [ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]) for model in models]
times = [[], []]
for _ in range(ROUNDS):
    for session, own in zip(sessions, times):
        session.run(None, {"x": x})
        began = time.perf_counter()
        session.run(None, {"x": x})
        own.append(time.perf_counter() - began)
full, other = (float(np.median(own)) for own in times)
print(f"{full / other:.2f}")
