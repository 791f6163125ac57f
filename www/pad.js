// @ts-check
// A pad to draw on; what is drawn is run at the end of each stroke.

import { $ } from "./dom.js";

/** @typedef {[number, number]} Place */

/** @type {Record<string, Place>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param {(width: number, grey: number[]) => void} draw takes what was drawn */
export function wirePad(draw) {
  const canvas = $("pad", HTMLCanvasElement);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  Object.assign(pen, { lineWidth: canvas.width / 12, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  /** @type {Place | undefined} */
  let from;
  /** @type {(event: PointerEvent) => Place} */
  const place = (event) => {
    const scale = canvas.width / canvas.clientWidth;
    return [event.offsetX * scale, event.offsetY * scale];
  };
  /** @type {(from: Place, to: Place) => void} */
  const stroke = (from, to) => {
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  };
  /** @param {PointerEvent} event */
  const line = (event) => {
    const to = place(event);
    stroke(from ?? to, to);
    from = to;
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = place(event);
    line(event);
  });
  canvas.addEventListener("pointermove", (event) => from && line(event));
  const end = () => {
    if (!from) return;
    from = undefined;
    finish();
  };
  const finish = () => {
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    draw(canvas.width, Array.from({ length: data.length / 4 }, (_, index) => data[4 * index + 3]));
  };
  // The same with keys: a cross shows where the pen is.
  const step = canvas.width / 24;
  let [x, y, down] = [canvas.width / 2, canvas.height / 4, false];
  const show = () => {
    const cross = $("pad-pen");
    cross.style.left = `${(100 * x) / canvas.width}%`;
    cross.style.top = `${(100 * y) / canvas.height}%`;
    cross.dataset.pen = down ? "down" : "up";
  };
  canvas.addEventListener("keydown", (event) => {
    const [dx, dy] = ARROWS[event.key] ?? [0, 0];
    if (dx === 0 && dy === 0 && event.key !== " ") return;
    event.preventDefault();
    /** @param {number} value */
    const within = (value) => Math.min(Math.max(value, step), canvas.width - step);
    /** @type {Place} */
    const next = [within(x + dx * step), within(y + dy * step)];
    if (event.key === " ") down = !down;
    if (down) stroke([x, y], next);
    [x, y] = next;
    if (event.key === " " && !down) finish();
    show();
  });
  show();
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  $("pad-clear").addEventListener("click", () => pen.clearRect(0, 0, canvas.width, canvas.height));
}
