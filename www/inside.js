// @ts-check
// A look inside: the model as a drawing, samples, and what becomes of the chosen one.

import { $, drawing, make, painter } from "./dom.js";

/** @import { InsideState, SampleCard } from "./types" */

const part = painter();

/**
 * Paints the look inside, or hides it. `picture(index)` gives a sample's pixels.
 * @param {InsideState | null} inside
 * @param {(index: number) => ImageData} picture
 */
export function paintInside(inside, picture) {
  $("look").hidden = inside == null;
  if (!inside) return;
  const { key, diagram, filters, filter, samples, story } = inside;
  $("typing").hidden = !inside.reads_text;
  $("drawing").hidden = !inside.reads_images;
  part("filters", filters, (filters) => {
    $("filter").replaceChildren(...filters.map(([value, title]) => make("option", title, { value })));
  });
  $("filter", HTMLSelectElement).value = filter;
  $("no-samples").hidden = samples.length > 0;
  part("diagram", diagram, (svg) => {
    $("diagram").replaceChildren(drawing(svg));
  });
  part("samples", [key, samples.map(({ index }) => index)], () => paintSamples(samples, picture));
  part("samples-state", [key, samples], () => {
    for (const [index, button] of $("samples").querySelectorAll("button").entries()) {
      paintSample(button, samples[index]);
    }
  });
  part("story", story, (lines) => $("story").replaceChildren(...lines.map((line) => make("li", line))));
}

/**
 * Inputs that the full model answers rightly and the router does not, with both answers.
 * @param {InsideState | null} inside
 * @param {(index: number) => ImageData} picture
 */
export function paintLost(inside, picture) {
  const lost = inside?.lost ?? [];
  part("lost", [inside?.key, lost], () => {
    $("lost").hidden = inside == null;
    $("lost-text").textContent =
      lost.length > 0
        ? `${lost.length} of the inputs that were checked: the full model is right, the router is wrong at this setting.`
        : "None at this setting, among the inputs that were checked.";
    $("lost-list").dataset.kind = lost[0]?.text == null ? "pictures" : "texts";
    $("lost-list").replaceChildren(
      ...lost.map(({ index, text, full, routed, path }) => {
        const item = make("li");
        const answers = make("span", null, { class: "answers" });
        answers.append(make("span", full), " → ", make("strong", routed), make("span", ` (${path})`));
        item.append(text == null ? drawPicture(picture(index)) : make("q", text), answers);
        return item;
      }),
    );
  });
}

/** @param {ImageData} pixels */
function drawPicture(pixels) {
  const canvas = make("canvas", null, { width: pixels.width, height: pixels.height, "aria-hidden": true });
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}

/**
 * @param {SampleCard[]} samples
 * @param {(index: number) => ImageData} picture
 */
function paintSamples(samples, picture) {
  const list = $("samples");
  list.dataset.kind = samples[0]?.text == null ? "pictures" : "texts";
  /** @param {SampleCard} sample */
  const item = ({ index, text }) => {
    const button = make("button", null, { type: "button", "data-sample": index });
    button.append(text == null ? drawPicture(picture(index)) : make("q", text), make("span"));
    const item = make("li");
    item.append(button);
    return item;
  };
  list.replaceChildren(...samples.map(item));
}

/**
 * @param {HTMLButtonElement} button
 * @param {SampleCard} sample
 */
function paintSample(button, { title, path, verdict, selected }) {
  button.title = title;
  button.setAttribute("aria-label", title);
  button.setAttribute("aria-pressed", String(selected));
  button.dataset.verdict = verdict;
  /** @type {HTMLElement} */ (button.lastElementChild).textContent = path;
}
