// Runs a model on rows one by one: run.mjs MODEL ROWS.bin OUT.bin SIZE… [KNOB=VALUE…], the sizes of one row; numbers are
// little-endian f32.
import { readFile, writeFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";

const [model, rows, out, ...rest] = process.argv.slice(2);
const sizes = rest.filter((word) => !word.includes("="));
const pairs = rest.filter((word) => word.includes("=")).map((word) => word.split("="));
const knobs = Object.fromEntries(pairs.map(([name, value]) => [name, new ort.Tensor("float32", [Number(value)], [])]));
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(model);
const { buffer } = Uint8Array.from(await readFile(rows));
const all = new Float32Array(buffer);
const shape = [1, ...sizes.map(Number)];
const width = shape.reduce((a, b) => a * b);
const outputs = [];
const name = session.inputNames.find((own) => !(own in knobs));
for (let at = 0; at < all.length; at += width) {
  const x = new ort.Tensor("float32", all.slice(at, at + width), shape);
  const given = await session.run({ [name]: x, ...knobs });
  outputs.push(...given[session.outputNames[0]].data);
}
await writeFile(out, new Uint8Array(Float32Array.from(outputs).buffer));
