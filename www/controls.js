// @ts-check
// Everything a person can operate: buttons, slider, keys, files, theme. Each does one call into
// `actions` (see app.js).

import { $ } from "./dom.js";
import { chosenFiles, droppedFiles } from "./own.js";
import { wirePad } from "./pad.js";

/**
 * @import { Entry } from "./own.js"
 * @import { FormTexts } from "./types"
 */

/**
 * What the controls do.
 * @typedef {object} Actions
 * @property {() => void} run
 * @property {() => void} cancel
 * @property {() => void} resume
 * @property {(index: number) => void} knob
 * @property {(on: boolean) => void} routing
 * @property {(scenario: string) => void} open
 * @property {(all: boolean) => void} route
 * @property {() => void} sampleModels takes models and inputs that lie beside the page
 * @property {(section: string) => void} study
 * @property {(section: string) => void} live
 * @property {(model: string) => void} forget
 * @property {(setting: string, text: string) => string | undefined} set returns what is wrong with the text
 * @property {(entries: Entry[]) => void} files
 * @property {(form: FormTexts) => void} pictures
 * @property {(kind: string) => void} export
 * @property {(index: number) => void} sample
 * @property {(name: string) => void} filter
 * @property {(text: string) => void} type
 * @property {(width: number, grey: number[]) => void} draw
 * @property {(name: string) => void} tab
 * @property {(name: string, on: boolean) => void} layer
 * @property {() => void} race
 * @property {() => void} peer
 * @property {() => void} rest nothing is timed for a while
 * @property {() => void} goOn
 * @property {() => void} share
 * @property {() => void} forgetAll
 * @property {(name: string, text: string) => void} report
 * @property {() => void} theme
 */

/** @param {Actions} actions */
export function wire(actions) {
  $("cancel").addEventListener("click", () => actions.cancel());
  $("run").addEventListener("click", () => actions.run());
  const knob = $("knob", HTMLInputElement);
  knob.addEventListener("input", () => actions.knob(knob.valueAsNumber));
  knob.addEventListener("pointerdown", () => actions.rest());
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) knob.addEventListener(end, () => actions.goOn());
  const routing = $("routing", HTMLInputElement);
  routing.addEventListener("change", () => actions.routing(routing.checked));
  $("route-newest").addEventListener("click", () => actions.route(false));
  $("route-all").addEventListener("click", () => actions.route(true));
  $("sample").addEventListener("click", () => actions.sampleModels());
  $("theme").addEventListener("click", () => actions.theme());
  $("help-open").addEventListener("click", () => $("help", HTMLDialogElement).showModal());
  onButton("own-models", "forget", actions.forget);
  onButton("scenarios", "scenario", actions.open);
  $("race").addEventListener("click", () => actions.race());
  $("peer-run").addEventListener("click", () => actions.peer());
  $("copy-link").addEventListener("click", () => actions.share());
  $("forget-all").addEventListener("click", () => actions.forgetAll());
  $("hero").addEventListener("click", (event) => {
    const button = target(event).closest("button");
    const layer = button?.dataset.layer;
    if (button && layer != null) actions.layer(layer, button.getAttribute("aria-pressed") !== "true");
  });
  onButton("sections", "study", actions.study);
  onButton("sections", "live", actions.live);
  onButton("files", "export", actions.export);
  onButton("samples", "sample", (index) => actions.sample(Number(index)));
  $("usage").addEventListener("click", (event) => {
    const code = target(event).closest("button")?.parentElement?.querySelector("pre");
    if (code) copy(code.textContent);
  });
  const pictures = $("pictures", HTMLFormElement);
  pictures.addEventListener("submit", (event) => {
    event.preventDefault();
    actions.pictures(/** @type {FormTexts} */ (Object.fromEntries(new FormData(pictures))));
  });
  settings(actions);
  const filter = $("filter", HTMLSelectElement);
  filter.addEventListener("change", () => actions.filter(filter.value));
  wirePad(actions.draw);
  $("typing").addEventListener("submit", (event) => {
    event.preventDefault();
    actions.type($("typed", HTMLInputElement).value);
  });
  document.addEventListener("keydown", (event) => key(event, actions));
  files(actions);
}

/** @param {globalThis.Event} event */
function target(event) {
  return /** @type {HTMLElement} */ (event.target);
}

/**
 * Calls `act` with what a button in this element carries under this name; buttons may come and go.
 * @param {string} id
 * @param {string} name
 * @param {(value: string) => void} act
 */
function onButton(id, name, act) {
  $(id).addEventListener("click", (event) => {
    const value = target(event).closest("button")?.dataset[name];
    if (value != null) act(value);
  });
}

/**
 * A setting counts when its field is left, or at Enter; what is wrong is said below, and the field keeps it.
 * @param {Actions} actions
 */
function settings(actions) {
  const form = $("settings-form");
  const fault = $("settings-fault");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", (event) => {
    const field = /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target);
    const wrong = actions.set(field.dataset.setting ?? "", field.value);
    field.setAttribute("aria-invalid", String(wrong != null));
    fault.textContent = wrong ?? "";
  });
  $("settings-usual").addEventListener("click", () => {
    for (const field of form.querySelectorAll("[data-own=true] > [data-setting]")) {
      actions.set(/** @type {HTMLElement} */ (field).dataset.setting ?? "", "");
    }
    for (const field of form.querySelectorAll("[aria-invalid=true]")) field.removeAttribute("aria-invalid");
    fault.textContent = "";
  });
}

/**
 * Into the clipboard, if that is allowed.
 * @param {string} text
 */
function copy(text) {
  return navigator.clipboard.writeText(text).catch(() => {});
}

/**
 * @param {KeyboardEvent} event
 * @param {Actions} actions
 */
function key(event, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help", HTMLDialogElement).open) return;
  if (target(event).matches("textarea, select, input:not([type=range], [type=checkbox], [type=file])")) return;
  /** @type {Record<string, () => void>} */
  const keys = {
    "?": () => $("help", HTMLDialogElement).showModal(),
    r: () => $("routing").click(),
    t: () => actions.theme(),
    c: () => ($("cancel").hidden ? actions.resume() : actions.cancel()),
  };
  const press = keys[event.key];
  if (press) {
    event.preventDefault();
    press();
  }
}

/**
 * Files arrive through the button or anywhere on the page by drag and drop.
 * @param {Actions} actions
 */
function files(actions) {
  for (const id of ["file", "folder"]) {
    const input = $(id, HTMLInputElement);
    input.addEventListener("change", () => {
      actions.files(chosenFiles(input.files));
      input.value = ""; // the same file may be chosen again
    });
  }
  const zone = $("drop");
  /** @param {DragEvent} event */
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    if (!event.dataTransfer || !carries(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    actions.files(await droppedFiles(event.dataTransfer));
  });
}

const system = window.matchMedia("(prefers-color-scheme: dark)");

/** Whether the page is dark now: by choice, else by the system. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
}

export function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Not remembered, then.
  }
}

/** @param {() => void} changed */
export function onSystemTheme(changed) {
  system.addEventListener("change", changed);
}

/**
 * Offers a blob as a file.
 * @param {string} name
 * @param {Blob} blob
 */
export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has to have begun reading before the address goes.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
