// Sends the images of ../shared/images.json to the service and prints a line for each: node client.mjs [http://127.0.0.1:8090]

import { readFile } from "node:fs/promises";

const service = process.argv[2] ?? "http://127.0.0.1:8090";
const { classes, labels, pixels } = JSON.parse(await readFile(new URL("../shared/images.json", import.meta.url), "utf8"));
const bytes = Buffer.from(pixels, "base64");

// All at once: the service queues what its workers cannot take yet.
const answers = await Promise.all(
  labels.map(async (_, row) => {
    const image = Array.from(bytes.subarray(row * 784, (row + 1) * 784), (byte) => byte / 255);
    const answer = await fetch(`${service}/classify`, { method: "POST", body: JSON.stringify({ pixels: image }) });
    return answer.json();
  }),
);
answers.forEach(({ label, path, macs }, row) => {
  console.log(`${classes[labels[row]].padEnd(10)} → ${label.padEnd(10)} ${path.padEnd(5)} ${macs.toLocaleString("en").padStart(9)} multiply-accumulates`);
});
