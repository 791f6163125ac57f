// Runs a model on rows one by one: run.mjs MODEL ROWS.bin OUT.bin SIZE…, the sizes of one row; numbers are little-endian f32.
import { readFile, writeFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";

const [model, rows, out, ...sizes] = process.argv.slice(2);
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(model);
const { buffer } = Uint8Array.from(await readFile(rows));
const all = new Float32Array(buffer);
const shape = [1, ...sizes.map(Number)];
const width = shape.reduce((a, b) => a * b);
const outputs = [];
for (let at = 0; at < all.length; at += width) {
  const x = new ort.Tensor("float32", all.slice(at, at + width), shape);
  const given = await session.run({ [session.inputNames[0]]: x });
  outputs.push(...given[session.outputNames[0]].data);
}
await writeFile(out, new Uint8Array(Float32Array.from(outputs).buffer));
