// Everything a person can operate: buttons, slider, keys, files, theme. Each does one call into
// `actions` (see app.js).

const $ = (id) => document.getElementById(id);

export function wire(actions) {
  $("cancel").addEventListener("click", () => actions.cancel());
  $("run").addEventListener("click", () => actions.run());
  $("knob").addEventListener("input", (event) => actions.knob(event.target.valueAsNumber));
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
  $("typing").addEventListener("submit", (event) => {
    event.preventDefault();
    actions.type($("typed").value);
  });
  document.addEventListener("keydown", (event) => key(event, actions));
  files(actions);
}

function key(event, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (event.target.matches("textarea, input[type=text], input[type=number]")) return;
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
  $("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) actions.file(file);
    event.target.value = ""; // the same file may be chosen again
  });
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
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) actions.file(file);
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
