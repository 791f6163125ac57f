// @ts-check
// Canvases: one figure a chart, painted by Rust. This file knows sizes and the pointer, nothing of
// what is drawn.

import { make, paintTable, tableBox } from "./dom.js";

/**
 * @import { View } from "./perforate-web.js"
 * @import { ChartState } from "./types"
 */

/**
 * A chart on the page.
 * @typedef {object} Chart
 * @property {string} id
 * @property {HTMLElement} element
 * @property {HTMLElement} heading
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} tip
 * @property {HTMLDetailsElement} numbers
 * @property {HTMLTableElement} table
 * @property {boolean} stale whether it may look otherwise than it does
 * @property {boolean} visible
 */

const HIDDEN_TAB_PAUSE_MS = 100;
const LONGEST_WAIT_MS = 500;
const IDLE_MS = 50;

/**
 * A function that runs `work` once per frame, however often it is called.
 * @param {() => void} work
 */
export function coalesce(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    const run = () => {
      waiting = false;
      work();
    };
    // Frames stop in a hidden tab; measuring, and the table, go on.
    if (document.hidden) setTimeout(run, HIDDEN_TAB_PAUSE_MS);
    else requestAnimationFrame(run);
  };
}

/**
 * When the page has nothing else to do; after a while in any case: a busy machine may never call it idle.
 * @param {() => void} work
 */
function whenIdle(work) {
  if ("requestIdleCallback" in window) window.requestIdleCallback(work, { timeout: LONGEST_WAIT_MS });
  else setTimeout(work, IDLE_MS); // Safari
}

/**
 * Observes the size in device pixels: it also changes with the zoom, or on another screen.
 * @param {ResizeObserver} observer
 * @param {HTMLCanvasElement} canvas
 */
function watchPixels(observer, canvas) {
  try {
    observer.observe(canvas, { box: "device-pixel-content-box" });
  } catch {
    observer.observe(canvas); // Safari knows CSS pixels alone
    window.addEventListener("resize", () => observer.observe(canvas)); // its zoom is a resize
  }
}

export class Charts {
  #view;
  #onPick;
  #download;
  /** @type {Map<string, Chart>} */
  #figures = new Map();
  #paintSoon = coalesce(() => this.#paint());
  #calm = true;

  /**
   * @param {View} view
   * @param {object} calls
   * @param {(knob: number) => void} calls.onPick is a click on a point
   * @param {(kind: string, canvas?: HTMLCanvasElement) => void} calls.download takes a chart away
   */
  constructor(view, { onPick, download }) {
    this.#view = view;
    this.#onPick = onPick;
    this.#download = download;
  }

  /**
   * Makes the figures of `list`, each in its place, and no others. The first one is on screen from the start.
   * @param {(ChartState & { place: HTMLElement })[]} list
   */
  show(list) {
    for (const [id, figure] of this.#figures) {
      if (list.some((chart) => chart.id === id)) continue;
      this.#sizes.unobserve(figure.canvas);
      this.#screen.unobserve(figure.canvas);
      figure.element.remove();
      this.#figures.delete(id);
    }
    list.forEach((chart, index) => {
      const figure = this.#figures.get(chart.id) ?? this.#make(chart, index === 0);
      if (figure.element.parentElement !== chart.place) chart.place.append(figure.element);
      figure.heading.textContent = chart.title;
      figure.canvas.setAttribute("aria-label", chart.alt);
    });
  }

  /**
   * Everything may have changed: repaints what is on screen now, then calls `done`. The rest is painted when it comes on
   * screen, or if nothing is measured (`calm`) when the page is idle: drawing takes time from what is measured.
   * @param {() => void} done
   * @param {boolean} calm
   */
  repaint(done, calm) {
    this.#calm = calm;
    for (const figure of this.#figures.values()) figure.stale = true;
    this.#paint(done);
  }

  #sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const figure = this.#of(target);
      if (figure) figure.stale = true;
    }
    this.#paintSoon();
  });

  #screen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const figure = this.#of(target);
      if (figure) figure.visible = isIntersecting;
    }
    this.#paintSoon();
  });

  /**
   * The figure of a canvas.
   * @param {Element} canvas
   */
  #of(canvas) {
    return this.#figures.get(/** @type {HTMLElement} */ (canvas).dataset.chart ?? "");
  }

  #paint(done = () => {}) {
    /** @type {Chart[]} */
    const unseen = [];
    for (const figure of this.#figures.values()) {
      if (!figure.stale) continue;
      if (figure.visible) this.#draw(figure);
      else if (this.#calm) unseen.push(figure);
    }
    this.#paintUnseen(unseen, done);
  }

  /**
   * One figure per idle moment, so that the page never stalls.
   * @param {Chart[]} figures
   * @param {() => void} done
   */
  #paintUnseen(figures, done) {
    const [first, ...rest] = figures;
    if (!first) return void done();
    whenIdle(() => {
      try {
        if (first.stale) this.#draw(first);
      } finally {
        this.#paintUnseen(rest, done); // one chart that fails takes no other along
      }
    });
  }

  /** @param {Chart} figure */
  #draw(figure) {
    const { clientWidth, clientHeight } = figure.canvas;
    if (clientWidth === 0 || clientHeight === 0) return;
    if (figure.numbers.open) this.#write(figure);
    this.#view.draw(figure.id, figure.canvas, clientWidth, clientHeight, window.devicePixelRatio);
    figure.stale = false;
  }

  /** @param {Chart} figure */
  #write({ id, table }) {
    paintTable(table, this.#view.table(id));
  }

  /**
   * @param {ChartState & { place: HTMLElement }} chart
   * @param {boolean} visible
   * @returns {Chart}
   */
  #make({ id, as_svg, as_png, numbers: label, place }, visible) {
    const element = make("figure");
    const caption = make("figcaption");
    const heading = make("h2");
    const canvas = make("canvas", null, { id: `chart-${id}`, "data-chart": id, role: "img" });
    const tip = make("div", null, { class: "tip" });
    tip.hidden = true;
    caption.append(
      heading,
      this.#button("SVG", as_svg, () => this.#download(`svg:${id}`)),
      this.#button("PNG", as_png, () => this.#download(`png:${id}`, canvas)),
    );
    const stage = make("div", null, { class: "stage" });
    stage.append(canvas, tip);
    const numbers = make("details", null, { class: "behind" });
    const [box, table] = tableBox(label);
    numbers.append(make("summary", "Numbers"), box);
    element.append(caption, stage, numbers);
    place.append(element);
    /** @type {Chart} */
    const figure = { id, element, heading, canvas, tip, numbers, table, stale: true, visible };
    numbers.addEventListener("toggle", () => numbers.open && this.#write(figure));
    this.#figures.set(id, figure);
    watchPixels(this.#sizes, canvas);
    this.#screen.observe(canvas);
    this.#point(figure);
    return figure;
  }

  /**
   * @param {string} text
   * @param {string} label
   * @param {() => void} onClick
   */
  #button(text, label, onClick) {
    const button = make("button", text, { type: "button", class: "quiet", "aria-label": label });
    button.addEventListener("click", onClick);
    return button;
  }

  /**
   * Shows what is under the pointer.
   * @param {Chart} figure
   */
  #point({ id, canvas, tip }) {
    /** @param {MouseEvent} event */
    const at = (event) => this.#view.hover(id, event.offsetX, event.offsetY);
    /** @param {ReturnType<View["hover"]>} hit */
    const show = (hit) => {
      tip.hidden = !hit;
      canvas.classList.toggle("hit", hit != null && hit.knob != null);
      if (!hit) return;
      tip.textContent = hit.text;
      tip.style.left = `${hit.x}px`;
      tip.style.top = `${hit.y}px`;
      tip.classList.toggle("leftward", hit.x > canvas.clientWidth / 2);
      tip.classList.toggle("below", hit.y < tip.offsetHeight + 20);
    };
    /** @type {MouseEvent | undefined} */
    let last;
    const follow = coalesce(() => show(last ? at(last) : null));
    canvas.addEventListener("pointermove", (event) => {
      last = event;
      follow();
    });
    canvas.addEventListener("pointerleave", () => {
      last = undefined;
      follow();
    });
    canvas.addEventListener("click", (event) => {
      const hit = at(event);
      show(hit);
      if (hit?.knob != null) this.#onPick(hit.knob);
    });
  }
}
