// Classifies the images of images.json, and again whenever the threshold is moved.

import { load } from "perforate";

const SIZE = 28;
const $ = (id) => document.getElementById(id);

try {
  const [model, images] = await Promise.all([load("routed.onnx"), fetch("images.json").then((answer) => answer.json())]);
  await run(model, images);
} catch (error) {
  $("summary").textContent = error.message;
  throw error;
}

async function run(model, { classes, labels, pixels }) {
  const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
  // All images in one batch: each row takes its own path.
  const x = { data: Float32Array.from(bytes, (byte) => byte / 255), dims: [labels.length, 1, SIZE, SIZE] };
  const pictures = labels.map((_, row) => picture(bytes.subarray(row * SIZE * SIZE, (row + 1) * SIZE * SIZE)));
  const slider = $("threshold");

  async function classify() {
    const threshold = slider.valueAsNumber;
    const { outputs, paths, macs } = await model.run({ x }, { threshold });
    const answers = labels.map((_, row) => {
      const logits = outputs.logits.data.subarray(row * classes.length, (row + 1) * classes.length);
      return classes[logits.indexOf(Math.max(...logits))];
    });
    $("value").value = threshold.toFixed(2);
    $("summary").textContent = `${paths.filter((path) => path === "full").length} of ${paths.length} images took the full network.`;
    $("rows").replaceChildren(...paths.map((path, row) => line(path, [pictures[row], answers[row], path, macs[row].toLocaleString("en")])));
  }

  slider.value = model.knobs[0].default;
  slider.addEventListener("input", classify);
  await classify();
}

/** A row of the table. */
function line(path, cells) {
  const line = document.createElement("tr");
  line.dataset.path = path;
  for (const cell of cells) line.insertCell().append(cell);
  return line;
}

/** An image of bytes, drawn. */
function picture(bytes) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const drawn = new ImageData(SIZE, SIZE);
  bytes.forEach((byte, ix) => drawn.data.set([byte, byte, byte, 255], 4 * ix));
  canvas.getContext("2d").putImageData(drawn, 0, 0);
  return canvas;
}
