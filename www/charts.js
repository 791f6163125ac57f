// Canvases: one figure a chart, painted by Rust. This file knows sizes and the pointer, nothing of
// what is drawn.

import { paintTable } from "./render.js";

const HIDDEN_TAB_PAUSE_MS = 100;
const LONGEST_WAIT_MS = 500;

/** A function that runs `work` once per frame, however often it is called. */
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

/** When the page has nothing else to do; after a while in any case: a busy machine may never call it idle. */
function whenIdle(work) {
  if (window.requestIdleCallback) window.requestIdleCallback(work, { timeout: LONGEST_WAIT_MS });
  else setTimeout(work, 50);
}

/** Observes the size in device pixels: it also changes with the zoom, or on another screen. */
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
  #figures = new Map();
  #places;
  #paintSoon = coalesce(() => this.#paint());
  #calm = true;

  /** `places(id, index)` says which element a chart goes into; `onPick(knob)` is a click on a point. */
  constructor(view, { places, onPick, download }) {
    this.#view = view;
    this.#places = places;
    this.#onPick = onPick;
    this.#download = download;
  }

  /** Makes the figures of `list` ([{id, title, alt}]), and no others. */
  show(list) {
    for (const [id, figure] of this.#figures) {
      if (list.some((chart) => chart.id === id)) continue;
      this.#sizes.unobserve(figure.canvas);
      this.#screen.unobserve(figure.canvas);
      figure.element.remove();
      this.#figures.delete(id);
    }
    list.forEach((chart, index) => {
      const figure = this.#figures.get(chart.id) ?? this.#make(chart, index);
      figure.caption.textContent = chart.title;
      figure.canvas.setAttribute("aria-label", chart.alt);
    });
  }

  /**
   * Everything may have changed: repaints what is on screen now, then calls `done`. The rest is painted when it comes on
   * screen, or if nothing is measured (`calm`) when the page is idle: drawing takes time from what is measured.
   */
  repaint(done, calm) {
    this.#calm = calm;
    for (const figure of this.#figures.values()) figure.stale = true;
    this.#paint(done);
  }

  #sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) this.#figures.get(target.dataset.chart).stale = true;
    this.#paintSoon();
  });

  #screen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const figure = this.#figures.get(target.dataset.chart);
      if (figure) figure.visible = isIntersecting;
    }
    this.#paintSoon();
  });

  #paint(done = () => {}) {
    const unseen = [];
    for (const figure of this.#figures.values()) {
      if (!figure.stale) continue;
      if (figure.visible) this.#draw(figure);
      else if (this.#calm) unseen.push(figure);
    }
    this.#paintUnseen(unseen, done);
  }

  // One figure per idle moment, so that the page never stalls.
  #paintUnseen(figures, done) {
    if (figures.length === 0) return void done();
    whenIdle(() => {
      const [first, ...rest] = figures;
      try {
        if (first.stale) this.#draw(first);
      } finally {
        this.#paintUnseen(rest, done); // one chart that fails takes no other along
      }
    });
  }

  #draw(figure) {
    const { clientWidth, clientHeight } = figure.canvas;
    if (clientWidth === 0 || clientHeight === 0) return;
    if (figure.numbers.open) this.#write(figure);
    this.#view.draw(figure.id, figure.canvas, clientWidth, clientHeight, window.devicePixelRatio);
    figure.stale = false;
  }

  #write({ id, table }) {
    paintTable(table, this.#view.table(id));
  }

  #make({ id, title }, index) {
    const element = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const heading = document.createElement("h2");
    const canvas = document.createElement("canvas");
    const tip = document.createElement("div");
    canvas.id = `chart-${id}`;
    canvas.dataset.chart = id;
    canvas.setAttribute("role", "img");
    tip.className = "tip";
    tip.hidden = true;
    caption.append(
      heading,
      this.#button("SVG", `Download "${title}" as SVG`, () => this.#download(`svg:${id}`)),
      this.#button("PNG", `Download "${title}" as PNG`, () => this.#download(`png:${id}`, canvas)),
    );
    const stage = document.createElement("div");
    stage.className = "stage";
    stage.append(canvas, tip);
    const numbers = document.createElement("details");
    const summary = document.createElement("summary");
    const box = document.createElement("div");
    const table = document.createElement("table");
    numbers.className = "behind";
    summary.textContent = "Numbers";
    box.className = "scroll";
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `Numbers of "${title}"`);
    box.append(table);
    numbers.append(summary, box);
    element.append(caption, stage, numbers);
    this.#places(id, index).append(element);
    const figure = { id, element, caption: heading, canvas, tip, numbers, table, stale: true, visible: index === 0 };
    numbers.addEventListener("toggle", () => numbers.open && this.#write(figure));
    this.#figures.set(id, figure);
    watchPixels(this.#sizes, canvas);
    this.#screen.observe(canvas);
    this.#point(figure);
    return figure;
  }

  #button(text, label, onClick) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = text;
    button.setAttribute("aria-label", label);
    button.addEventListener("click", onClick);
    return button;
  }

  #point({ id, canvas, tip }) {
    const at = (event) => this.#view.hover(id, event.offsetX, event.offsetY);
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
    let last;
    const follow = coalesce(() => show(last && at(last)));
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
