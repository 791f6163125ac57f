// @ts-check
// From the view's state to the document. Only parts that changed are touched.

import { $, entry, make, painter, paintTable } from "./dom.js";
import { paintInside, paintLost } from "./inside.js";
import { paintChip, paintLayers, paintPicker, paintTab } from "./panels.js";

/**
 * @import { Charts } from "./charts.js"
 * @import { Sections } from "./sections.js"
 * @import { Hundred } from "./hundred.js"
 * @import { LastView } from "./store.js"
 * @import { Control, DroppedState, Figure, Group, KnobState, State } from "./types"
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
 * @param {Hundred} parts.hundred
 * @param {(index: number) => ImageData} parts.picture gives a sample's pixels
 */
export function render(state, { charts, sections, hundred, picture }) {
  const mode = state.running ? "measuring" : state.error ? "error" : "idle";
  const root = document.documentElement;
  root.dataset.state = mode;
  root.dataset.curve = String(state.measured);
  root.dataset.verdict = state.verdict;
  document.querySelector("#hero img")?.remove();
  text("strategy", state.strategy);
  text("status", state.status);
  paintClaim(state);
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
  part("scenarios", state.scenarios, paintPicker);
  paintTab(state.tab);
  part("routing", state.routing, (on) => {
    $("routing", HTMLInputElement).checked = on;
    root.dataset.routing = on ? "on" : "off";
  });
  part("race", state.race == null, (none) => {
    $("race").hidden = none;
  });
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
  paintLost(state.inside, picture);
  hundred.show(state.hundred);
  paintLayers(state.layers);
  part("peer", state.peer, (peer) => {
    $("peer").hidden = !peer;
    $("peer-run").textContent = peer?.button ?? "";
    $("peer-run", HTMLButtonElement).disabled = !peer?.enabled;
    $("peer-findings").replaceChildren(...(peer?.findings ?? []).map((line) => make("p", line)));
  });
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
 * What a headline, its chip and its figures say; of the last visit too, before the module has loaded.
 * @param {Partial<State>} state
 */
function paintClaim({ title, summary, comparison, chip, kept, knob, figures }) {
  text("title-text", title ?? "");
  text("summary", summary ?? "");
  text("comparison", comparison ?? "");
  text("kept", kept ?? "");
  $("kept").hidden = !kept;
  if (chip) paintChip(chip);
  part("knob", knob ?? null, paintKnob);
  part("figures", figures ?? [], paintFigures);
}

/**
 * Paints what was on the screen on the last visit.
 * @param {LastView} last
 * @param {string} date
 */
export function paintKept({ state, hero }, date) {
  const root = document.documentElement;
  root.dataset.verdict = state.verdict ?? "pending";
  root.dataset.kept = "true";
  paintClaim({ ...state, kept: `Measured on this device, ${date}` });
  const picture = make("img", null, { alt: state.summary ?? "", src: `data:image/svg+xml,${encodeURIComponent(hero)}` });
  $("hero").replaceChildren(picture);
  performance.mark("last-view");
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
