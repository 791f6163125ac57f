// @ts-check
// The sections that a strategy adds to the report: each is a box with a title, texts, a table, charts, and what can be
// done in it. Nothing here knows a strategy.

import { make, painter, paintTable, tableBox } from "./dom.js";

/** @import { LiveState, SectionState } from "./types" */

/**
 * A section's elements; `paint` repaints what changed.
 * @typedef {object} Box
 * @property {HTMLDetailsElement} element
 * @property {HTMLElement} charts where its charts go
 * @property {(section: SectionState, running: boolean) => void} paint
 * @property {() => number} value where its live control stands
 */

export class Sections {
  #container;
  /** @type {Map<string, Box>} */
  #boxes = new Map();
  /** @type {SectionState[]} */
  #list = [];
  /** @type {string | undefined} */
  #running;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
  }

  /**
   * Shows these sections, and no others. One that was there stays the same element, opened or closed as it is.
   * @param {SectionState[]} list
   */
  show(list) {
    this.#list = list;
    for (const [id, { element }] of this.#boxes) {
      if (list.some((section) => section.id === id)) continue;
      element.remove();
      this.#boxes.delete(id);
    }
    list.forEach((section, index) => {
      const box = this.#boxes.get(section.id) ?? makeBox(section);
      this.#boxes.set(section.id, box);
      const there = this.#container.children[index];
      if (there !== box.element) this.#container.insertBefore(box.element, there ?? null);
      box.paint(section, section.id === this.#running);
    });
  }

  /**
   * Where a section's charts go.
   * @param {string} id
   */
  charts(id) {
    return /** @type {Box} */ (this.#boxes.get(id)).charts;
  }

  /**
   * Where a section's live control stands; none without such a section.
   * @param {string} id
   */
  value(id) {
    return this.#boxes.get(id)?.value();
  }

  /**
   * Shows that this section's live control runs, and no other.
   * @param {string | undefined} id
   */
  setRunning(id) {
    this.#running = id;
    this.show(this.#list);
  }
}

/**
 * @param {SectionState} section
 * @returns {Box}
 */
function makeBox({ id, title, open }) {
  const element = make("details", null, { id: `section-${id}`, class: "card section" });
  element.open = open;
  const heading = make("h2", title);
  const summary = make("summary");
  summary.append(heading);
  const text = make("p", null, { class: "standing" });
  const findings = make("div", null, { class: "findings" });
  const action = make("div", null, { class: "files" });
  const study = make("button", null, { type: "button", "data-study": id });
  const note = make("span", null, { class: "remark" });
  action.append(study, note);
  const live = makeLive(id);
  const [box, table] = tableBox(title);
  const charts = make("div", null, { class: "charts" });
  element.append(summary, text, findings, action, ...live.elements, box, charts);

  const part = painter();
  /** @type {Box["paint"]} */
  const paint = (section, running) => {
    part("title", section.title, (title) => {
      heading.textContent = title;
      box.setAttribute("aria-label", title);
      live.rows.setAttribute("aria-label", title);
    });
    part("text", section.text, (content) => {
      text.textContent = content;
      text.hidden = !content;
    });
    part("findings", section.findings, (lines) => {
      findings.replaceChildren(...lines.map((line) => make("p", line)));
    });
    part("action", section.action, (offered) => {
      // What somebody asked for is told when it comes.
      if (offered) findings.setAttribute("role", "status");
      action.hidden = !offered;
      study.textContent = offered?.label ?? "";
      study.disabled = !offered?.enabled;
      note.textContent = offered?.note ?? "";
    });
    part("live", [section.live, running], () => live.paint(section.live, running));
    part("table", section.table, (content) => {
      box.hidden = !content;
      paintTable(table, content);
    });
  };
  return { element, charts, paint, value: () => live.range.valueAsNumber };
}

/**
 * A range, a button that runs inputs at the value of the moment, and what becomes of them.
 * @param {string} id
 */
function makeLive(id) {
  const name = `section-${id}-value`;
  const bar = make("div", null, { class: "spend" });
  const label = make("label", null, { for: name });
  const range = make("input", null, { id: name, type: "range", min: 0, max: 1, step: 0.01, value: 0.5 });
  const button = make("button", null, { type: "button", "data-live": id });
  bar.append(label, range, button);
  const told = make("p", null, { class: "remark live-told" });
  const rows = make("ol", null, { class: "live-rows" });
  /**
   * @param {LiveState | null} live
   * @param {boolean} running
   */
  const paint = (live, running) => {
    for (const element of [bar, told, rows]) element.hidden = !live;
    if (!live) return;
    label.textContent = live.label;
    button.textContent = running ? live.stop : live.run;
    button.setAttribute("aria-pressed", String(running));
    told.textContent = live.told;
    rows.replaceChildren(...live.rows.map(makeRow));
  };
  return { elements: [bar, told, rows], range, rows, paint };
}

/** @param {LiveState["rows"][number]} row */
function makeRow({ text, cells, answer }) {
  const row = make("li");
  const stages = make("span", null, { class: "stages" });
  stages.append(...cells.map((cell) => make("span", cell ?? "·", { "data-variant": cell ?? "" })));
  row.append(stages, make("span", answer, { class: "answer" }), make("span", text, { class: "text" }));
  return row;
}
