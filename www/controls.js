// Everything a person can operate: buttons, slider, keys, files, theme. Each does one call into
// `actions` (see app.js).

import { chosenFiles, droppedFiles } from "./own.js";

const $ = (id) => document.getElementById(id);

export function wire(actions) {
  $("cancel").addEventListener("click", () => actions.cancel());
  $("run").addEventListener("click", () => actions.run());
  $("knob").addEventListener("input", (event) => actions.knob(event.target.valueAsNumber));
  $("route").addEventListener("click", () => actions.route(false));
  $("cascade").addEventListener("click", () => actions.route(true));
  $("measure-lengths").addEventListener("click", () => actions.lengths());
  $("own-models").addEventListener("click", (event) => {
    const button = event.target.closest("[data-forget]");
    if (button) actions.forget(button.dataset.forget);
  });
  $("pictures").addEventListener("submit", (event) => {
    event.preventDefault();
    actions.pictures(Object.fromEntries(new FormData(event.target)));
  });
  $("usage").addEventListener("click", (event) => {
    const code = event.target.closest("button")?.parentElement.querySelector("pre");
    if (code) copy(code.textContent);
  });
  $("routing").addEventListener("change", (event) => actions.routing(event.target.checked));
  $("theme").addEventListener("click", () => actions.theme());
  $("help-open").addEventListener("click", () => $("help").showModal());
  $("scenarios").addEventListener("click", (event) => {
    const button = event.target.closest("[data-scenario]");
    if (button) actions.open(button.dataset.scenario);
  });
  $("files").addEventListener("click", (event) => {
    const button = event.target.closest("[data-export]");
    if (button) actions.export(button.dataset.export);
  });
  $("samples").addEventListener("click", (event) => {
    const button = event.target.closest("[data-sample]");
    if (button) actions.sample(Number(button.dataset.sample));
  });
  settings(actions);
  $("filter").addEventListener("change", (event) => actions.filter(event.target.value));
  pad(actions);
  $("typing").addEventListener("submit", (event) => {
    event.preventDefault();
    actions.type($("typed").value);
  });
  document.addEventListener("keydown", (event) => key(event, actions));
  files(actions);
}

/** A pad to draw on; what is drawn is run at the end of each stroke. */
function pad(actions) {
  const canvas = $("pad");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { lineWidth: canvas.width / 12, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  let from;
  const place = (event) => {
    const scale = canvas.width / canvas.clientWidth;
    return [event.offsetX * scale, event.offsetY * scale];
  };
  const stroke = (from, to) => {
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  };
  const line = (event) => {
    const to = place(event);
    stroke(from, to);
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
    actions.draw(canvas.width, Array.from({ length: data.length / 4 }, (_, index) => data[4 * index + 3]));
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
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (dx === 0 && dy === 0 && event.key !== " ") return;
    event.preventDefault();
    const within = (value) => Math.min(Math.max(value, step), canvas.width - step);
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

/** A setting counts when its field is left, or at Enter; what is wrong is said below, and the field keeps it. */
function settings(actions) {
  const form = $("settings-form");
  const fault = $("settings-fault");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", ({ target }) => {
    const wrong = actions.set(target.dataset.setting, target.value);
    target.setAttribute("aria-invalid", String(wrong != null));
    fault.textContent = wrong ?? "";
  });
  $("settings-usual").addEventListener("click", () => {
    for (const field of form.querySelectorAll("[data-own=true] > [data-setting]")) actions.set(field.dataset.setting, "");
    for (const field of form.querySelectorAll("[aria-invalid=true]")) field.removeAttribute("aria-invalid");
    fault.textContent = "";
  });
  $("copy-link").addEventListener("click", async () => {
    await copy(location.href);
    $("copied").textContent = "The link is in the clipboard, and in the address bar.";
  });
}

/** Into the clipboard, if that is allowed. */
function copy(text) {
  return navigator.clipboard.writeText(text).catch(() => {});
}

function key(event, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (event.target.matches("textarea, select, input:not([type=range], [type=checkbox], [type=file])")) return;
  const press = {
    "?": () => $("help").showModal(),
    r: () => $("routing").click(),
    t: () => actions.theme(),
    c: () => ($("cancel").hidden ? actions.resume() : actions.cancel()),
  }[event.key];
  if (press) {
    event.preventDefault();
    press();
  }
}

/** Files arrive through the button or anywhere on the page by drag and drop. */
function files(actions) {
  for (const id of ["file", "folder"]) {
    $(id).addEventListener("change", (event) => {
      actions.files(chosenFiles(event.target.files));
      event.target.value = ""; // the same file may be chosen again
    });
  }
  const zone = $("drop");
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
    if (!carries(event)) return;
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

export function onSystemTheme(changed) {
  system.addEventListener("change", changed);
}

/** Offers text or a blob as a file. */
export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has to have begun reading before the address goes.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
