"""Times a model in ONNX Runtime.

Reads a line: 1 where the model is to be quantised first, else 0; the sizes of model and inputs (.npz). Then both. Answers a
line of JSON: threads of the sessions and the size of the outputs, then the outputs (.npz); or an error. From then on each
line "SESSION RUNS" is answered by seconds.
"""
import io
import json
import logging
import os
import sys
import tempfile
import time

import numpy as np
import onnxruntime as ort

# Idle threads of a session spin for a while, which would slow the other engine down.
PAUSE = 0.02
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


def tasks():
    """Threads of this process, where the system tells."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return None


def quantise(model):
    """ONNX Runtime's dynamic quantisation, as its documentation advises: constants folded first, weights in eight bits by column."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("full.onnx", "folded.onnx", "int8.onnx")]
        with open(paths[0], "wb") as file:
            file.write(model)
        quant_pre_process(paths[0], paths[1], skip_symbolic_shape=True)
        quantize_dynamic(paths[1], paths[2], per_channel=True, weight_type=QuantType.QInt8)
        with open(paths[2], "rb") as file:
            return file.read()


def open_session(model, threads):
    """A session and its number of threads; 0 is ONNX Runtime's default."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    before = tasks()
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    after = tasks()
    # The calling thread is one of them.
    return session, threads or (os.cpu_count() if before is None else 1 + after - before)


def bind(session, arrays):
    """Binds inputs and outputs once, so that runs do not pay for it."""
    binding, kept = session.io_binding(), []
    for given in session.get_inputs():
        array = np.ascontiguousarray(arrays[given.name].astype(TYPES[given.type]))
        kept.append(ort.OrtValue.ortvalue_from_numpy(array))  # it may borrow the array
        binding.bind_ortvalue_input(given.name, kept[-1])
    for output in session.get_outputs():
        binding.bind_output(output.name)
    return binding, kept


def main():
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    is_quantised, *sizes = [int(size) for size in stdin.readline().split()]
    model, inputs = (stdin.read(size) for size in sizes)
    try:
        model = quantise(model) if is_quantised else model
        arrays = np.load(io.BytesIO(inputs))
        sessions, threads = zip(*(open_session(model, threads) for threads in (1, 0)))
        bindings = [bind(session, arrays) for session in sessions]
        sessions[0].run_with_iobinding(bindings[0][0])
        outputs = [value.numpy() for value in bindings[0][0].get_outputs()]
        packed = io.BytesIO()
        np.savez(packed, **{f"output{ix}": np.asarray(value, np.float32) for ix, value in enumerate(outputs)})
    except Exception as error:  # the other process prints it
        print(json.dumps({"error": " ".join(str(error).split())}), flush=True)
        return
    head = {"threads": threads, "outputs": packed.tell()}
    stdout.write(json.dumps(head).encode() + b"\n" + packed.getvalue())
    stdout.flush()
    for line in stdin:
        index, runs = (int(word) for word in line.split())
        session, (binding, _) = sessions[index], bindings[index]
        if runs > 1:
            session.run_with_iobinding(binding)  # not counted: the other process has left its data in the caches
        began = time.perf_counter()
        for _ in range(runs):
            session.run_with_iobinding(binding)
        seconds = time.perf_counter() - began
        time.sleep(PAUSE)
        print(seconds, flush=True)


main()
