// Classifies the images of images.json on this device, and asks the server for those that the gate does not let through.

import { load } from "perforate";
import { encode } from "./safetensors.js";

const SIZE = 28;
const SERVICE = new URLSearchParams(location.search).get("service") ?? "http://127.0.0.1:8090";
const $ = (id) => document.getElementById(id);

try {
  const [device, images] = await Promise.all([load("device.onnx"), fetch("images.json").then((answer) => answer.json())]);
  await run(device, images);
} catch (error) {
  $("summary").textContent = error.message;
  throw error;
}

async function run(device, { classes, labels, pixels }) {
  const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
  const inputs = { x: { data: Float32Array.from(bytes, (byte) => byte / 255), dims: [labels.length, 1, SIZE, SIZE] } };
  const pictures = labels.map((_, row) => picture(bytes.subarray(row * SIZE * SIZE, (row + 1) * SIZE * SIZE)));
  const slider = $("threshold");
  // Only the last move of the slider counts.
  let latest = 0;

  async function classify() {
    latest += 1;
    const own = latest;
    const threshold = slider.valueAsNumber;
    $("value").value = threshold.toFixed(2);
    const { rows, sent, fault } = await classifyAll(device, inputs, { threshold });
    if (own !== latest) return;
    const here = rows.filter(({ place }) => place === "device").length;
    const share = `${here} of ${rows.length} images were answered on this device (${((100 * here) / rows.length).toFixed(0)} %)`;
    const rest = here === rows.length ? "nothing was sent" : `${sent.toLocaleString("en")} bytes were sent for the others`;
    $("summary").textContent = fault ? `${share}; for the others the service did not answer: ${fault}` : `${share}; ${rest}.`;
    $("rows").replaceChildren(
      ...rows.map(({ logits, place, score }, row) => line(place, [pictures[row], classes[logits.indexOf(Math.max(...logits))], place, score.toFixed(3)])),
    );
  }

  slider.value = device.knobs[0].default;
  slider.addEventListener("input", classify);
  await classify();
}

/** Each row's logits and who gave them; how many bytes were sent; why the service did not answer, if it did not. */
async function classifyAll(device, inputs, knobs) {
  const { answered, answers, score, sent: names } = device.split;
  const { outputs } = await device.run(inputs, knobs);
  const done = outputs[answered].data;
  const rows = Array.from(done, (is, row) => ({
    logits: part(outputs[answers[0]], [row]).data,
    score: outputs[score].data[row],
    place: is ? "device" : "server",
  }));
  const open = rows.flatMap(({ place }, row) => (place === "server" ? [row] : []));
  if (open.length === 0) return { rows, sent: 0 };

  // What the server reads are inputs of the device's file, and outputs.
  const body = encode(Object.fromEntries(names.map((name) => [name, part(inputs[name] ?? outputs[name], open)])));
  try {
    const told = await ask(body);
    const { data, shape } = told.outputs[answers[0]];
    open.forEach((row, ix) => (rows[row].logits = part({ data, dims: shape }, [ix]).data));
    return { rows, sent: body.length };
  } catch (error) {
    // The device's own answer is better than none.
    for (const row of open) rows[row].place = "device, unsure";
    return { rows, sent: 0, fault: error.message };
  }
}

async function ask(body) {
  const headers = { "content-type": "application/vnd.safetensors", accept: "application/json" };
  const answer = await fetch(`${SERVICE}/v1/run`, { method: "POST", headers, body });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

/** Some rows of a tensor. */
function part({ data, dims: [rows, ...dims] }, chosen) {
  const size = data.length / rows;
  return { data: chosen.flatMap((row) => Array.from(data.slice(row * size, (row + 1) * size))), dims: [chosen.length, ...dims] };
}

/** A row of the table. */
function line(place, cells) {
  const line = document.createElement("tr");
  line.dataset.place = place;
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
