// @ts-check
// What opens over the page or under it: the picker of scenarios, panels, tabs.

import { $, drawing, make, painter } from "./dom.js";

/**
 * @import { Card, ChipState, LayerState } from "./types"
 */

const part = painter();
const TOAST_MS = 4000;

/**
 * The scenarios, by group.
 * @param {Card[]} cards
 */
export function paintPicker(cards) {
  const known = cards.map(({ name, verdict }) => name + verdict).join("\n");
  const place = $("scenarios");
  if (place.dataset.known !== known) {
    place.dataset.known = known;
    const groups = Map.groupBy(cards, ({ group }) => group);
    place.replaceChildren(...[...groups].map(([title, group]) => makeGroup(title, group)));
  }
  for (const button of place.querySelectorAll("button")) {
    const card = cards.find(({ name }) => name === button.dataset.scenario);
    button.setAttribute("aria-pressed", String(card?.current ?? false));
  }
}

/**
 * @param {string} title
 * @param {Card[]} cards
 */
function makeGroup(title, cards) {
  const group = make("section");
  const list = make("ul");
  list.append(
    ...cards.map(({ name, title, text, term, glyph, verdict }) => {
      const button = make("button", null, { type: "button", "data-scenario": name, title: text });
      const words = make("span", null, { class: "words" });
      words.append(make("strong", title), make("span", term, { class: "term" }));
      if (verdict) words.append(make("span", verdict, { class: "last" }));
      button.append(drawing(glyph), words);
      const item = make("li");
      item.append(button);
      return item;
    }),
  );
  group.append(make("h2", title), list);
  return group;
}

/** @param {ChipState} chip */
export function paintChip(chip) {
  part("chip", chip, ({ label, level, advice, warnings }) => {
    $("chip").textContent = label;
    $("chip").dataset.level = level;
    $("chip").dataset.warnings = String(warnings.length);
    $("advice").replaceChildren(...advice.map((line) => make("p", line)));
    $("warnings").replaceChildren(...warnings.map((warning) => make("li", warning)));
    $("warnings").hidden = warnings.length === 0;
  });
}

/** @param {string} tab */
export function paintTab(tab) {
  part("tab", tab, (tab) => {
    for (const button of $("tabs").querySelectorAll("button")) {
      const selected = button.dataset.tab === tab;
      button.setAttribute("aria-selected", String(selected));
      button.setAttribute("tabindex", selected ? "0" : "-1");
      $(`panel-${button.dataset.tab}`).hidden = !selected;
    }
  });
}

/**
 * Switches of what the first chart shows, in its caption.
 * @param {LayerState[]} layers
 */
export function paintLayers(layers) {
  part("layers", layers, (layers) => {
    const place = document.querySelector("#hero figcaption");
    if (!place) return;
    const there = place.querySelector(".layers") ?? place.appendChild(make("span", null, { class: "layers", role: "group", "aria-label": "Shown in the chart" }));
    const known = layers.map(({ id }) => id).join();
    if (/** @type {HTMLElement} */ (there).dataset.known !== known) {
      /** @type {HTMLElement} */ (there).dataset.known = known;
      there.replaceChildren(
        ...layers.map(({ id, title }) => make("button", title, { type: "button", class: "layer", "data-layer": id })),
      );
    }
    layers.forEach(({ on }, ix) => there.children[ix].setAttribute("aria-pressed", String(on)));
  });
}

/**
 * @param {object} actions
 * @param {(name: string) => void} actions.tab opens a tab
 */
export function wirePanels({ tab }) {
  const search = $("search", HTMLInputElement);
  search.addEventListener("input", () => filter(search.value));
  $("picker").addEventListener("toggle", (event) => {
    const open = /** @type {ToggleEvent} */ (event).newState === "open";
    $("picker-open").setAttribute("aria-expanded", String(open));
    if (!open) return;
    search.value = "";
    filter("");
    search.focus();
  });
  $("scenarios").addEventListener("click", ({ target }) => {
    if (/** @type {HTMLElement} */ (target).closest("button")) $("picker").hidePopover();
  });
  $("picker").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step == null) return;
    event.preventDefault();
    const all = [search, ...shown()];
    const here = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    all[Math.max(0, Math.min(all.length - 1, here + step))].focus();
  });
  search.addEventListener("keydown", ({ key }) => {
    if (key === "Enter") shown()[0]?.click();
  });
  document.addEventListener("click", ({ target }) => {
    const button = /** @type {HTMLElement} */ (target).closest("button[data-tab]");
    if (!(button instanceof HTMLElement)) return;
    tab(button.dataset.tab ?? "");
    // From the bar, or where the panel lies below the window.
    $("tabs").scrollIntoView({ block: "start" });
  });
  $("tabs").addEventListener("keydown", (event) => {
    const buttons = [...$("tabs").querySelectorAll("button")];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step == null) return;
    event.preventDefault();
    const here = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const next = buttons[(here + step + buttons.length) % buttons.length];
    tab(next.dataset.tab ?? "");
    next.focus();
  });
}

/** The scenarios' buttons that the search leaves. */
function shown() {
  const buttons = [...$("scenarios").querySelectorAll("button")];
  return buttons.filter((button) => !button.parentElement?.hidden);
}

/** @param {string} text */
function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const group of $("scenarios").querySelectorAll("section")) {
    const items = [...group.querySelectorAll("li")];
    for (const item of items) {
      const button = item.firstElementChild;
      const content = `${item.textContent} ${button?.getAttribute("title")} ${button?.getAttribute("data-scenario")}`.toLowerCase();
      item.hidden = !words.every((word) => content.includes(word));
    }
    group.hidden = items.every((item) => item.hidden);
  }
  $("none-found").hidden = shown().length > 0;
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let closing;

/**
 * Says something for a moment.
 * @param {string} text
 */
export function toast(text) {
  const box = $("toast");
  box.textContent = text;
  box.showPopover();
  clearTimeout(closing);
  closing = setTimeout(() => box.hidePopover(), TOAST_MS);
}
