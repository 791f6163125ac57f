// @ts-check
// Elements: finding, making and filling them. Ready-made text comes from Rust and is never parsed as HTML.

/** @import { Table } from "./types" */

/**
 * The element of this id.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind] its class, where more than a plain element's properties is needed
 * @returns {T}
 */
export function $(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof (kind ?? HTMLElement))) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (element);
}

/**
 * An element with text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string | null} [text]
 * @param {Record<string, string | number | boolean>} [attributes]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text != null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/**
 * A term and its description, for a `<dl>`.
 * @param {string} term
 * @param {string} text
 */
export function entry(term, text) {
  const row = make("div");
  row.append(make("dt", term), make("dd", text));
  return row;
}

/**
 * A drawing that Rust made, as SVG.
 * @param {string} svg
 */
export function drawing(svg) {
  const { documentElement } = new DOMParser().parseFromString(svg, "image/svg+xml");
  return document.importNode(documentElement, true);
}

/**
 * Remembers what was painted. The function that it returns calls `paint(value)` when the value differs from the one
 * painted last under this name, so that focus, selections and scroll positions survive a thousand updates.
 */
export function painter() {
  /** @type {Map<string, string>} */
  const painted = new Map();
  /**
   * @template T
   * @param {string} name
   * @param {T} value
   * @param {(value: T) => void} paint
   */
  return (name, value, paint) => {
    const key = JSON.stringify(value) ?? "";
    if (painted.get(name) === key) return;
    painted.set(name, key);
    paint(value);
  };
}

/**
 * A box that scrolls sideways, with the table in it: reached by keys, and named for screen readers.
 * @param {string} label
 * @returns {[HTMLElement, HTMLTableElement]}
 */
export function tableBox(label) {
  const box = make("div", null, { class: "scroll", tabindex: 0, role: "region", "aria-label": label });
  const table = make("table");
  box.append(table);
  return [box, table];
}

/**
 * A table of ready-made text; none is empty.
 * @param {HTMLElement} element
 * @param {Table | null} table
 */
export function paintTable(element, table) {
  if (!table) return element.replaceChildren();
  const head = make("thead");
  const names = make("tr");
  for (const { id, title, unit } of table.columns) {
    const cell = make("th", title, { scope: "col", "data-column": id });
    if (unit) cell.append(make("span", unit));
    names.append(cell);
  }
  head.append(names);
  const body = make("tbody");
  for (const row of table.rows) {
    const line = make("tr", null, { "data-kind": row.kind ?? "" });
    if (row.selected) line.setAttribute("aria-current", "true");
    row.cells.forEach((cell, index) => {
      line.append(index === 0 ? make("th", cell, { scope: "row" }) : make("td", cell));
    });
    body.append(line);
  }
  const caption = make("caption");
  caption.append(make("span", table.caption));
  element.replaceChildren(caption, head, body);
}
