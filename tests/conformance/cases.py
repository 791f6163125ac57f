#!/usr/bin/env python3
"""Runs the node tests of the ONNX package through `perforate run` and compares the answers with those expected.

    python conformance.py target/release/perforate /tmp/conformance

Every node test of the installed `onnx` package is written to OUT/cases/NAME: `model.onnx`, `inputs.npz`,
`expected.npz`. Each is run with a time limit, one at a time. The verdicts:

    right    every output has the shape and the numbers that are expected
    refused  the program said in a sentence that it cannot do this
    wrong    it answered, with another shape or other numbers
    panic    it broke off: a panic, a signal, or an end without a sentence
    hang     it did not end within the time limit

OUT/cases.csv holds a line a case, OUT/operators.csv a line an operator, OUT/reasons.csv the refusals by reason.
The tests are drawn from fixed seeds, so that two runs with the same versions give the same tables.

What NumPy cannot write is given in a wider type: the program casts it to the type that the model declares. It answers in float32, so that expected numbers are compared after they are cast to that. Float
scalars among the inputs are knobs to the program, and given as `--knob NAME=VALUE`.
"""

import argparse
import collections
import csv
import io
import pathlib
import re
import subprocess
import sys
import warnings
import zipfile

import numpy as np

# What NumPy cannot write, in a type that holds all of its values.
WIDER = {"bfloat16": np.float32}
VERDICTS = ["right", "refused", "wrong", "panic", "hang"]
# The largest whole number up to which float32 holds all.
WHOLE = 2**24
# Exit states of a program that speaks for itself: 2, the input is at fault; 1, the program is.
SPOKEN = (1, 2)


def arguments():
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path, help="the perforate binary")
    parser.add_argument("out", type=pathlib.Path, help="folder for the cases and the tables")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds a case may take (default 10)")
    parser.add_argument("--only", default="", help="run cases whose name matches this regular expression")
    parser.add_argument(
        "--reuse", action="store_true", help="take the models and inputs that a run before wrote to OUT/cases"
    )
    return parser.parse_args()


def node_tests():
    """The node tests, sorted by name."""
    from onnx.backend.test.case.node import collect_testcases

    # Some tests divide by zero on purpose, and some print what they compute.
    out, sys.stdout = sys.stdout, io.StringIO()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            cases = collect_testcases(None)
    finally:
        sys.stdout = out
    return sorted(cases, key=lambda case: case.name)


def operators(graph):
    """The operators of a graph, those of graphs inside it too, each once, in order."""
    found = {}
    for node in graph.node:
        domain = "" if node.domain in ("", "ai.onnx") else node.domain + "."
        found[domain + node.op_type] = None
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                found.update(dict.fromkeys(operators(inner)))
    return list(found)


def write_npz(path, arrays):
    """Writes arrays, whatever they are called: `numpy.savez` has names of its own."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array).reshape(array.shape))
            # A fixed date, so that equal arrays make equal files.
            archive.writestr(zipfile.ZipInfo(name + ".npy"), content.getvalue())


def as_array(value):
    """A value of a test as an array; none for sequences, optionals and types of less than a byte."""
    import onnx

    if isinstance(value, onnx.TensorProto):
        value = onnx.numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, (np.ndarray, np.generic)) else None


def plain(array):
    """The array in a type that the program reads; none if there is no such type."""
    name = array.dtype.name
    if name in WIDER:
        array = array.astype(WIDER[name])
    known = array.dtype.kind in "biu" or array.dtype.name in ("float16", "float32", "float64")
    return array if known else None


def is_knob(array):
    """Whether the program takes an input as a knob: a scalar of floating point."""
    return array.ndim == 0 and array.dtype.name in ("float16", "float32", "float64")


def given(model, values):
    """The inputs of a test as arrays by name and as knobs by name; those that cannot be given are left out."""
    arrays, knobs = {}, {}
    for info, value in zip(model.graph.input, values):
        array = as_array(value)
        if array is not None and is_knob(array):
            knobs[info.name] = float(array)
        elif array is not None and plain(array) is not None:
            arrays[info.name] = plain(array)
    return arrays, knobs


def compare(expected, got, rtol, atol):
    """What is wrong with an output; an empty text if nothing is."""
    if got.shape != expected.shape:
        return f"shape {list(got.shape)}, not {list(expected.shape)}"
    with np.errstate(all="ignore"):
        wanted = expected.astype(np.float32)
    if expected.dtype.kind in "biu":
        # Whole numbers are compared as such where float32 holds them all.
        small = np.abs(wanted) <= WHOLE
        same = np.where(small, got == wanted, np.isclose(got, wanted, rtol=rtol, atol=atol))
    else:
        if expected.dtype.name == "bfloat16":
            rtol = max(rtol, 2**-6)
        same = np.isclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True)
    if same.all():
        return ""
    at = tuple(int(i) for i in np.argwhere(~same)[0])
    return f"{int((~same).sum())} of {same.size} numbers differ: at {list(at)} {got[at]}, not {wanted[at]}"


def sentence_of(text):
    """The last line that a program said, without the place of the file."""
    lines = [line for line in text.strip().splitlines() if line]
    return re.sub(r"^\S*/(model\.onnx|inputs\.npz): ", "", lines[-1]) if lines else ""


def run(program, folder, knobs, outputs, tolerance, limit):
    """Runs a case: its verdict, and a sentence about it."""
    answer = folder / "answer.npz"
    answer.unlink(missing_ok=True)
    command = [program, "run", folder / "model.onnx", "--input", folder / "inputs.npz", "--out", answer]
    for name, value in knobs.items():
        command += ["--knob", f"{name}={value!r}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return "hang", f"not done after {limit:g} s"
    said = done.stderr.decode(errors="replace")
    if "panicked at" in said or done.returncode not in (0, *SPOKEN):
        panic = re.search(r"panicked at ([^\n]*)\n([^\n]*)", said)
        return "panic", " ".join(panic.groups()) if panic else f"exit {done.returncode}: {sentence_of(said)}"
    if done.returncode != 0:
        said = sentence_of(said)
        return ("refused", said) if said else ("panic", f"exit {done.returncode} without a sentence")
    with np.load(answer) as got:
        for name, expected in outputs:
            if expected is None or expected.dtype.kind not in "biufV":
                return "wrong", f"`{name}` is not a tensor of numbers, but was answered with one"
            if name not in got:
                return "wrong", f"`{name}` is missing"
            fault = compare(expected, got[name], *tolerance)
            if fault:
                return "wrong", f"`{name}`: {fault}"
    return "right", ""


def reason_of(sentence):
    """What refusals of one kind share: the sentence without the names and numbers of the case."""
    text = re.sub(r"^(at|input|knob) `[^`]*`: ", r"", sentence)
    text = re.sub(r"graph input `[^`]*`", "graph input `…`", text)
    text = re.sub(r"in output_facts invocation for \S+ ", "in output_facts invocation for … ", text)
    text = re.sub(r"#\d+ \"[^\"]*\"|\"[^\"]*\"", "…", text)
    text = re.sub(r"Output mismatch after rewiring expansion for output #\d+.*", "output mismatch", text)
    text = re.sub(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", "#", text)
    text = re.sub(r"#(,\s*#)+", "#", text)
    return text.strip()


def write_table(path, titles, rows):
    """Writes a table as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(titles)
        table.writerows(rows)


def main():
    """Runs every case and writes the tables."""
    options = arguments()
    program = options.program.resolve()
    rows = []
    for case in node_tests():
        if not re.search(options.only, case.name):
            continue
        folder = options.out / "cases" / case.name
        folder.mkdir(parents=True, exist_ok=True)
        names, verdict, sentence = operators(case.model.graph), "right", ""
        if not (options.reuse and (folder / "model.onnx").exists()):
            (folder / "model.onnx").write_bytes(case.model.SerializeToString(deterministic=True))
        for values, wanted in case.data_sets:
            arrays, knobs = given(case.model, values)
            outputs = [(info.name, as_array(value)) for info, value in zip(case.model.graph.output, wanted)]
            write_npz(folder / "inputs.npz", arrays)
            write_npz(folder / "expected.npz", {name: a for name, a in outputs if a is not None and a.dtype.kind in "biuf"})
            verdict, sentence = run(program, folder, knobs, outputs, (case.rtol, case.atol), options.limit)
            if verdict != "right":
                break
        opset = max((o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx")), default=0)
        rows.append([case.name, " ".join(names), opset, verdict, sentence])
        print(f"{len(rows):5} {verdict:8} {case.name}", file=sys.stderr, flush=True)
    write_table(options.out / "cases.csv", ["case", "operators", "opset", "verdict", "sentence"], rows)

    by_operator = collections.defaultdict(collections.Counter)
    reasons = collections.defaultdict(list)
    for name, names, _, verdict, sentence in rows:
        for operator in names.split():
            by_operator[operator][verdict] += 1
        if verdict == "refused":
            reasons[reason_of(sentence)].append(name)
    table = [[operator, *(counts[v] for v in VERDICTS)] for operator, counts in sorted(by_operator.items())]
    write_table(options.out / "operators.csv", ["operator", *VERDICTS], table)
    ordered = sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    write_table(
        options.out / "reasons.csv",
        ["cases", "reason", "examples"],
        [[len(cases), reason, " ".join(cases[:3])] for reason, cases in ordered],
    )

    totals = collections.Counter(row[3] for row in rows)
    print(", ".join(f"{totals[verdict]} {verdict}" for verdict in VERDICTS) + f", of {len(rows)}")
    return 0 if totals["wrong"] + totals["panic"] + totals["hang"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
