// From the view's state to the document. Only parts that changed are touched, so that focus,
// selections and scroll positions survive a thousand updates.

const $ = (id) => document.getElementById(id);

/** An element with text; the ready-made text comes from Rust and is never parsed as HTML. */
function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text != null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A drawing that Rust made, as SVG. */
function drawing(svg) {
  const { documentElement } = new DOMParser().parseFromString(svg, "image/svg+xml");
  return document.importNode(documentElement, true);
}

const shown = new Map();

/** Calls `paint(value)` when the value differs from the one painted last under this name. */
function part(name, value, paint) {
  const key = JSON.stringify(value) ?? "";
  if (shown.get(name) === key) return false;
  shown.set(name, key);
  paint(value);
  return true;
}

function text(id, value) {
  part(id, value ?? "", (value) => {
    $(id).textContent = value;
  });
}

/** Paints a whole state. `charts` is told which figures there are; `picture(index)` gives a sample's ImageData. */
export function render(state, charts, picture) {
  const mode = state.running ? "measuring" : state.error ? "error" : "idle";
  const root = document.documentElement;
  root.dataset.state = mode;
  root.dataset.curve = state.measured ?? 0;
  root.dataset.verdict = state.verdict;
  text("title-text", state.title);
  text("strategy", state.strategy);
  text("summary", state.summary);
  text("comparison", state.comparison);
  text("status", state.status);
  part("document-title", state.title, (title) => {
    document.title = title ? `${title} · Perforate` : "Perforate";
  });
  part("progress", state.progress ?? null, paintProgress);
  part("activity", [state.running, state.measured > 0 || Boolean(state.error)], ([running, some]) => {
    $("progress").hidden = !running;
    $("cancel").hidden = !running;
    $("run").hidden = running || !some;
  });
  part("error", state.error ?? null, (error) => {
    $("error").hidden = !error;
    $("error").textContent = error ?? "";
  });
  part("warnings", state.warnings ?? [], (warnings) => {
    $("warnings").hidden = warnings.length === 0;
    $("warnings").replaceChildren(...warnings.map((warning) => make("li", warning)));
  });
  part("scenarios", state.scenarios ?? [], paintScenarios);
  part("knob", state.knob ?? null, paintKnob);
  part("routing", Boolean(state.routing), (on) => {
    $("routing").checked = on;
    root.dataset.routing = on ? "on" : "off";
  });
  part("figures", state.figures ?? [], paintFigures);
  part("settings", state.settings ?? [], paintSettings);
  part("table", state.table ?? null, (table) => paintTable($("table"), table));
  part("segments", state.segments ?? null, (table) => {
    $("parts").hidden = !table;
    paintTable($("segments"), table);
  });
  part("models", state.models ?? null, (table) => {
    $("beside").hidden = !table;
    paintTable($("models"), table);
  });
  text("claim", state.claim);
  part("robustness", state.robustness ?? null, (table) => {
    $("disturbed").hidden = !table;
    paintTable($("robustness"), table);
  });
  $("spending").hidden = !state.live;
  text("precision-finding", state.precision_finding);
  part("stages", state.stages ?? null, (table) => paintTable($("stages"), table));
  part("spending", state.live ?? null, paintLive);
  part("lengths", state.lengths ?? null, paintLengths);
  part("exits", state.exits ?? null, (table) => {
    $("tried").hidden = !table;
    paintTable($("exits"), table);
  });
  text("exits-finding", state.exits_finding);
  part("dropped", state.dropped ?? null, paintDropped);
  text("memory", state.memory && `The measuring worker has taken ${state.memory} of memory.`);
  part("usage", state.usage ?? [], paintUsage);
  text("robustness-finding", state.robustness_finding);
  part("charts", state.charts ?? [], (list) => charts.show(list));
  text("how", state.how);
  part("look", state.inside == null, (none) => {
    $("look").hidden = none;
  });
  if (state.inside) paintInside(state.inside, picture);
  part("files", state.files ?? [], (files) => {
    const button = ({ label, kind }) => make("button", label, { type: "button", "data-export": kind });
    $("files").replaceChildren(...files.map(button));
  });
  part("about", state.about ?? [], (about) => {
    const row = ({ term, text }) => {
      const div = make("div");
      div.append(make("dt", term), make("dd", text));
      return div;
    };
    $("about").replaceChildren(...about.map(row));
  });
  // A screen reader hears the turns of events, not every slice of the progress.
  part("live", mode, () => {
    $("live").textContent = state.running ? state.status : state.summary;
  });
}

function paintProgress(progress) {
  if (progress == null) $("progress").removeAttribute("value");
  else $("progress").value = progress;
}

/** Perforated attention by length: what was found, and all numbers. */
function paintLengths(lengths) {
  $("by-length").hidden = !lengths;
  if (!lengths) return;
  $("measure-lengths").disabled = !lengths.can_measure;
  $("length-findings").replaceChildren(...lengths.findings.map((finding) => make("p", finding)));
  paintTable($("lengths"), lengths.table);
}

/** Each row is a sentence: its stages, and what it answers. */
function paintLive(live) {
  if (live?.told) $("live-told").textContent = live.told;
  const rows = (live?.rows ?? []).map(({ text, cells, answer }) => {
    const row = make("li");
    const stages = make("span", null, { class: "stages" });
    stages.append(...cells.map((cell) => make("span", cell ?? "·", { "data-variant": cell ?? "" })));
    row.append(stages, make("span", answer, { class: "answer" }), make("span", text, { class: "text" }));
    return row;
  });
  $("live-rows").replaceChildren(...rows);
}

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
    const current = Boolean(scenarios[index].current);
    const news = current && button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(current));
    // Where the cards are a row that scrolls, as on a phone, the chosen one is brought into view.
    if (news) list.scrollTo({ left: button.parentElement.offsetLeft - list.offsetLeft });
  });
}

/** One field a setting. Fields are kept while they are the same, so that what is being typed stays. */
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
    const field = $(`set-${id}`);
    if (field !== document.activeElement || field.tagName === "SELECT") field.value = value;
    field.parentElement.dataset.own = value !== usual;
  }
}

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

function paintKnob(knob) {
  $("knob-box").hidden = !knob;
  if (!knob) return;
  const input = $("knob");
  input.max = knob.count - 1;
  input.value = knob.index;
  input.setAttribute("aria-valuetext", knob.text);
  const mark = $("knob-certified");
  mark.hidden = knob.certified == null;
  mark.style.setProperty("--at", knob.certified / Math.max(1, knob.count - 1));
  $("knob-label").textContent = knob.label;
  $("knob-text").textContent = knob.text;
  [$("knob-low").textContent, $("knob-high").textContent] = knob.ends;
}

function paintInside({ key, diagram, filters, filter, samples, story, reads_text, reads_images }, picture) {
  part("typing", reads_text, (reads) => {
    $("typing").hidden = !reads;
  });
  part("drawing", reads_images, (reads) => {
    $("drawing").hidden = !reads;
  });
  part("filters", filters, (filters) => {
    $("filter").replaceChildren(...filters.map(([value, title]) => make("option", title, { value })));
  });
  $("filter").value = filter;
  $("no-samples").hidden = samples.length > 0;
  part("diagram", diagram, (svg) => {
    $("diagram").replaceChildren(drawing(svg));
  });
  const list = $("samples");
  part("samples", [key, samples.map(({ index }) => index)], () => {
    list.dataset.kind = samples[0]?.text == null ? "pictures" : "texts";
    const draw = (index) => {
      const pixels = picture(index);
      const canvas = make("canvas", null, { width: pixels.width, height: pixels.height, "aria-hidden": "true" });
      canvas.getContext("2d").putImageData(pixels, 0, 0);
      return canvas;
    };
    const item = ({ index, text }) => {
      const button = make("button", null, { type: "button", "data-sample": index });
      button.append(text == null ? draw(index) : make("q", text), make("span"));
      const item = make("li");
      item.append(button);
      return item;
    };
    list.replaceChildren(...samples.map(item));
  });
  part("samples-state", [key, samples], () => {
    list.querySelectorAll("button").forEach((button, index) => {
      const { title, path, verdict, selected } = samples[index];
      button.title = title;
      button.setAttribute("aria-label", title);
      button.setAttribute("aria-pressed", String(selected));
      button.dataset.verdict = verdict;
      button.lastElementChild.textContent = path;
    });
  });
  part("story", story, (lines) => $("story").replaceChildren(...lines.map((line) => make("li", line))));
}

/** The user's models: what the newest one is, and what can be done with them. */
function paintDropped(dropped) {
  const { summary, models = [], details = [], can_route, can_cascade } = dropped ?? {};
  $("own").textContent = summary ?? "";
  $("route").hidden = !can_route;
  $("cascade").hidden = !can_cascade;
  const chip = (name) => {
    const item = make("li", name);
    item.append(make("button", "×", { type: "button", "data-forget": name, "aria-label": `Leave ${name} out` }));
    return item;
  };
  $("own-models").replaceChildren(...(models.length > 1 ? models.map(chip) : []));
  const row = ([term, text]) => {
    const div = make("div");
    div.append(make("dt", term), make("dd", text));
    return div;
  };
  $("own-details").replaceChildren(...details.map(row));
}

/** The form for pictures, filled from the model, with how many there are. */
export function paintPictures(count, form) {
  $("pictures").hidden = !form || count === 0;
  if (!form) return;
  $("pictures-count").textContent = `${count} pictures. How do they become inputs?`;
  const text = (value) => (Array.isArray(value) ? value.map(text).join(", ") : String(Number(value.toPrecision?.(7) ?? value)));
  for (const name of ["width", "height", "scale", "mean", "deviation"]) $("pictures").elements[name].value = text(form[name]);
  $("pictures").elements.layout.value = form.layout;
}

/** Lines of code, each with a button that copies them. */
function paintUsage(usage) {
  $("use").hidden = usage.length === 0;
  const block = ([language, code]) => {
    const box = make("div", null, { class: "code" });
    const lines = make("pre", code, { tabindex: "0", "data-language": language });
    box.append(make("h3", language), make("button", "Copy", { type: "button", "aria-label": `Copy the ${language}` }), lines);
    return box;
  };
  $("usage").replaceChildren(...usage.map(block));
}

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
    remark.textContent = note ?? "";
  });
}

/** A table of ready-made text. */
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
    const line = make("tr", null, { "data-kind": row.kind });
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
