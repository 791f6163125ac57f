// @ts-check
// From the view's state to the document. Only parts that changed are touched.

import { $, drawing, entry, make, painter, paintTable } from "./dom.js";
import { paintInside } from "./inside.js";

/**
 * @import { Charts } from "./charts.js"
 * @import { Sections } from "./sections.js"
 * @import { Card, Control, DroppedState, Figure, Group, KnobState, State } from "./types"
 */

const part = painter();

/**
 * @param {string} id
 * @param {string | null} value
 */
function text(id, value) {
  part(id, value ?? "", (value) => {
    $(id).textContent = value;
  });
}

/**
 * Paints a whole state.
 * @param {State} state
 * @param {object} parts
 * @param {Charts} parts.charts
 * @param {Sections} parts.sections
 * @param {(index: number) => ImageData} parts.picture gives a sample's pixels
 */
export function render(state, { charts, sections, picture }) {
  const mode = state.running ? "measuring" : state.error ? "error" : "idle";
  const root = document.documentElement;
  root.dataset.state = mode;
  root.dataset.curve = String(state.measured);
  root.dataset.verdict = state.verdict;
  text("title-text", state.title);
  text("strategy", state.strategy);
  text("summary", state.summary);
  text("comparison", state.comparison);
  text("status", state.status);
  part("document-title", state.document_title, (title) => {
    document.title = title;
  });
  part("progress", state.progress, paintProgress);
  part("activity", [state.running, state.measured > 0 || Boolean(state.error)], ([running, some]) => {
    $("progress").hidden = !running;
    $("cancel").hidden = !running;
    $("run").hidden = running || !some;
  });
  part("error", state.error, (error) => {
    $("error").hidden = !error;
    $("error").textContent = error;
  });
  part("warnings", state.warnings, (warnings) => {
    $("warnings").hidden = warnings.length === 0;
    $("warnings").replaceChildren(...warnings.map((warning) => make("li", warning)));
  });
  part("scenarios", state.scenarios, paintScenarios);
  part("knob", state.knob, paintKnob);
  part("routing", state.routing, (on) => {
    $("routing", HTMLInputElement).checked = on;
    root.dataset.routing = on ? "on" : "off";
  });
  part("figures", state.figures, paintFigures);
  part("settings", state.settings, paintSettings);
  part("table", state.table, (table) => paintTable($("table"), table));
  part("segments", state.segments, (table) => {
    $("parts").hidden = !table;
    paintTable($("segments"), table);
  });
  part("models", state.models, (table) => {
    $("beside").hidden = !table;
    paintTable($("models"), table);
  });
  sections.show(state.sections);
  part("dropped", state.dropped, paintDropped);
  text("memory", state.memory);
  part("usage", state.usage, paintUsage);
  charts.show(placed(state, sections));
  text("how", state.how);
  paintInside(state.inside, picture);
  part("files", state.files, (files) => {
    /** @param {State["files"][number]} file */
    const button = ({ label, kind }) => make("button", label, { type: "button", "data-export": kind });
    $("files").replaceChildren(...files.map(button));
  });
  part("about", state.about, (about) => {
    $("about").replaceChildren(...about.map(({ term, text }) => entry(term, text)));
  });
  // A screen reader hears the turns of events, not every slice of the progress.
  part("live", mode, () => {
    $("live").textContent = state.running ? state.status : state.summary;
  });
}

/**
 * All charts, each with the element that it goes into: the first one is the page's, sections have their own.
 * @param {State} state
 * @param {Sections} sections
 */
function placed(state, sections) {
  const core = state.charts.map((chart, index) => ({ ...chart, place: $(index === 0 ? "hero" : "charts") }));
  const more = state.sections.flatMap(({ id, charts }) => {
    return charts.map((chart) => ({ ...chart, place: sections.charts(id) }));
  });
  return [...core, ...more];
}

/** @param {number | null} progress */
function paintProgress(progress) {
  const bar = $("progress", HTMLProgressElement);
  if (progress == null) bar.removeAttribute("value");
  else bar.value = progress;
}

/** @param {Card[]} scenarios */
function paintScenarios(scenarios) {
  const list = $("scenarios");
  const known = scenarios.map((s) => s.name).join("\n");
  if (list.dataset.known !== known) {
    list.dataset.known = known;
    list.replaceChildren(
      ...scenarios.map(({ name, title, text, glyph }) => {
        const button = make("button", null, { type: "button", "data-scenario": name, title: text });
        button.append(drawing(glyph), make("strong", title), make("span", text));
        const item = make("li");
        item.append(button);
        return item;
      }),
    );
  }
  list.querySelectorAll("button").forEach((button, index) => {
    const { current } = scenarios[index];
    const news = current && button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(current));
    // Where the cards are a row that scrolls, as on a phone, the chosen one is brought into view.
    const item = /** @type {HTMLElement} */ (button.parentElement);
    if (news) list.scrollTo({ left: item.offsetLeft - list.offsetLeft });
  });
}

/**
 * One field a setting. Fields are kept while they are the same, so that what is being typed stays.
 * @param {Group[]} groups
 */
function paintSettings(groups) {
  const form = $("settings-form");
  const known = groups.flatMap(({ controls }) => controls.map(({ id }) => id)).join();
  if (form.dataset.known !== known) {
    form.dataset.known = known;
    form.replaceChildren(
      ...groups.map(({ title, controls }) => {
        const set = make("fieldset");
        set.append(make("legend", title), ...controls.map(makeControl));
        return set;
      }),
    );
  }
  for (const { id, value, usual } of groups.flatMap(({ controls }) => controls)) {
    const field = /** @type {HTMLInputElement | HTMLSelectElement} */ ($(`set-${id}`));
    if (field !== document.activeElement || field instanceof HTMLSelectElement) field.value = value;
    /** @type {HTMLElement} */ (field.parentElement).dataset.own = String(value !== usual);
  }
}

/** @param {Control} control */
function makeControl({ id, label, unit, usual, choices }) {
  const line = make("div");
  const name = make("label", unit ? `${label}, ${unit}` : label, { for: `set-${id}` });
  const field =
    choices.length > 0
      ? make("select", null, { id: `set-${id}`, "data-setting": id })
      : make("input", null, { id: `set-${id}`, "data-setting": id, inputmode: "decimal", autocomplete: "off", placeholder: usual || "none" });
  field.append(...choices.map(([value, text]) => make("option", text, { value })));
  line.append(name, field);
  return line;
}

/** @param {KnobState | null} knob */
function paintKnob(knob) {
  $("knob-box").hidden = !knob;
  if (!knob) return;
  const input = $("knob", HTMLInputElement);
  input.max = String(knob.count - 1);
  input.value = String(knob.index);
  input.setAttribute("aria-valuetext", knob.text);
  const mark = $("knob-certified");
  mark.hidden = knob.certified == null;
  mark.style.setProperty("--at", String((knob.certified ?? 0) / Math.max(1, knob.count - 1)));
  $("knob-label").textContent = knob.label;
  $("knob-text").textContent = knob.text;
  [$("knob-low").textContent, $("knob-high").textContent] = knob.ends;
}

/**
 * The user's models: what the newest one is, and what can be done with them.
 * @param {DroppedState | null} dropped
 */
function paintDropped(dropped) {
  const models = dropped?.models ?? [];
  const details = dropped?.details ?? [];
  $("own").textContent = dropped?.summary ?? "";
  $("route-newest").hidden = !dropped?.can_route_newest;
  $("route-all").hidden = !dropped?.can_route_all;
  /** @param {DroppedState["models"][number]} model */
  const chip = ({ name, forget }) => {
    const item = make("li", name);
    item.append(make("button", "×", { type: "button", "data-forget": name, "aria-label": forget }));
    return item;
  };
  $("own-models").replaceChildren(...(models.length > 1 ? models.map(chip) : []));
  $("own-details").replaceChildren(...details.map(([term, text]) => entry(term, text)));
}

/**
 * Lines of code, each with a button that copies them.
 * @param {State["usage"]} usage
 */
function paintUsage(usage) {
  $("use").hidden = usage.length === 0;
  /** @param {State["usage"][number]} usage */
  const block = ({ language, lines: code, copy }) => {
    const box = make("div", null, { class: "code" });
    const lines = make("pre", code, { tabindex: "0", "data-language": language });
    box.append(make("h3", language), make("button", "Copy", { type: "button", "aria-label": copy }), lines);
    return box;
  };
  $("usage").replaceChildren(...usage.map(block));
}

/** @param {Figure[]} figures */
function paintFigures(figures) {
  const list = $("figures");
  if (list.children.length !== figures.length) {
    list.replaceChildren(
      ...figures.map(() => {
        const div = make("div");
        div.append(make("dt"), make("dd"), make("dd", null, { class: "note" }));
        return div;
      }),
    );
  }
  figures.forEach(({ label, value, note }, index) => {
    const [term, number, remark] = list.children[index].children;
    term.textContent = label;
    number.textContent = value;
    remark.textContent = note;
  });
}
