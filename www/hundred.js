// @ts-check
// One hundred inputs in the lanes that they take. Rust says which tile stands in which lane; tiles are made once and move.

import { $, make, painter } from "./dom.js";

/**
 * @import { HundredState, RaceState } from "./types"
 */

/** @typedef {(index: number) => ImageData} TilePicture */

/** Signs of answers, as a style sheet names them. */
/** @type {Record<string, string>} */
const ANSWERS = { "+": "positive", "−": "negative" };

export class Hundred {
  #picture;
  #story;
  #part = painter();
  #key = "";
  /** @type {HTMLButtonElement[]} */
  #tiles = [];
  /** @type {HundredState | null} */
  #state = null;
  /** The tile that the keys are at. */
  #at = 0;
  #racing = false;

  /**
   * @param {object} calls
   * @param {TilePicture} calls.picture gives a tile's pixels
   * @param {(index: number) => string[]} calls.story tells what becomes of a tile's input
   */
  constructor({ picture, story }) {
    this.#picture = picture;
    this.#story = story;
    const lanes = $("lanes");
    for (const place of [lanes, $("examples")]) {
      place.addEventListener("click", (event) => {
        const tile = /** @type {HTMLElement} */ (event.target).closest("button");
        if (tile) this.#tell(tile);
      });
    }
    lanes.addEventListener("keydown", (event) => this.#move(event));
    const close = () => this.#close();
    document.addEventListener("keydown", ({ key }) => key === "Escape" && close());
    document.addEventListener("pointerdown", ({ target }) => {
      if (!(/** @type {HTMLElement} */ (target).closest("#hundred"))) close();
    });
  }

  /**
   * Shows the inputs at the setting of the moment.
   * @param {HundredState | null} state
   */
  show(state) {
    this.#state = state;
    $("hundred").hidden = !state;
    if (!state) return;
    if (state.key !== this.#key) {
      this.#key = state.key;
      this.#make(state);
    }
    this.#part("caption", state.caption, (caption) => {
      if (!this.#racing) $("hundred-caption").textContent = caption;
    });
    this.#part("lanes", [state.key, state.lanes], () => this.#place(state));
    this.#part("examples", state.examples, () => this.#examples(state));
    this.#part("open", [state.key, state.lanes], () => this.#close());
  }

  /** @param {HundredState} state */
  #make({ lanes, texts }) {
    const count = lanes.reduce((sum, { tiles }) => sum + tiles.length, 0);
    this.#at = 0;
    this.#tiles = Array.from({ length: count }, (_, index) => {
      const tile = make("button", null, { type: "button", "data-tile": index, tabindex: -1 });
      if (!texts) {
        const pixels = this.#picture(index);
        const canvas = make("canvas", null, { width: pixels.width, height: pixels.height, "aria-hidden": true });
        canvas.getContext("2d")?.putImageData(pixels, 0, 0);
        tile.append(canvas);
      }
      return tile;
    });
    $("lanes").replaceChildren();
  }

  /** @param {HundredState} state */
  #place({ lanes, texts }) {
    const place = $("lanes");
    place.dataset.kind = texts ? "texts" : "pictures";
    place.dataset.many = lanes.length > 5 ? "many" : lanes.length > 3 ? "some" : "few";
    while (place.children.length > lanes.length) place.lastElementChild?.remove();
    lanes.forEach(({ title, share, note, tiles }, ix) => {
      const lane = place.children[ix] ?? place.appendChild(makeLane());
      const [head, grid] = /** @type {[HTMLElement, HTMLElement]} */ (/** @type {unknown} */ (lane.children));
      head.replaceChildren(make("strong", title), make("b", share), make("span", note));
      head.title = `${title} · ${share} · ${note}`;
      /** @type {HTMLElement} */ (lane).style.setProperty("--n", String(tiles.length));
      lane.setAttribute("aria-label", `${title}: ${tiles.length} of ${this.#tiles.length}`);
      grid.replaceChildren(
        ...tiles.map(({ index, mark, sign }) => {
          const tile = this.#tiles[index];
          tile.dataset.mark = mark;
          tile.dataset.answer = ANSWERS[sign] ?? "";
          if (texts) tile.textContent = sign;
          tile.setAttribute("aria-label", `Input ${index + 1}, ${title}${MARKS[mark] ?? ""}`);
          return tile;
        }),
      );
    });
    this.#tiles.forEach((tile, index) => tile.setAttribute("tabindex", index === this.#at ? "0" : "-1"));
  }

  /** @param {HundredState} state */
  #examples({ texts, examples }) {
    const list = $("examples");
    list.hidden = !texts || examples.length === 0;
    list.replaceChildren(
      ...examples.map(({ index, text, answer, mark, cost }) => {
        const row = make("li");
        const button = make("button", null, { type: "button", "data-tile": index, "data-mark": mark });
        const bar = make("span", null, { class: "spent", "aria-hidden": true });
        bar.style.setProperty("--spent", String(Math.min(1, cost)));
        button.append(bar, make("q", text), make("span", answer, { class: "answer" }));
        row.append(button);
        return row;
      }),
    );
  }

  /**
   * Tells what becomes of an input, beside its tile.
   * @param {HTMLElement} tile
   */
  #tell(tile) {
    const box = $("tile-story");
    const index = Number(tile.dataset.tile);
    const same = box.dataset.tile === String(index) && !box.hidden;
    this.#close();
    if (same) return;
    this.#focus(index, false);
    box.dataset.tile = String(index);
    box.textContent = this.#story(index).join("\n");
    box.hidden = false;
    const [frame, at] = [$("hundred").getBoundingClientRect(), tile.getBoundingClientRect()];
    box.style.left = `${Math.max(0, Math.min(at.left - frame.left, frame.width - box.offsetWidth))}px`;
    box.style.top = `${at.bottom - frame.top + 4}px`;
    tile.setAttribute("aria-expanded", "true");
  }

  #close() {
    $("tile-story").hidden = true;
    for (const open of $("hundred").querySelectorAll("[aria-expanded]")) open.removeAttribute("aria-expanded");
  }

  /**
   * @param {number} index
   * @param {boolean} focus
   */
  #focus(index, focus) {
    this.#tiles[this.#at]?.setAttribute("tabindex", "-1");
    this.#at = index;
    this.#tiles[index]?.setAttribute("tabindex", "0");
    if (focus) this.#tiles[index]?.focus();
  }

  /**
   * Arrow keys go from tile to tile, in the order that is seen.
   * @param {KeyboardEvent} event
   */
  #move(event) {
    const order = (this.#state?.lanes ?? []).flatMap(({ tiles }) => tiles.map(({ index }) => index));
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const ends = { Home: 0, End: order.length - 1 }[event.key];
    if (step == null && ends == null) return;
    event.preventDefault();
    const here = order.indexOf(this.#at);
    const next = ends ?? Math.max(0, Math.min(order.length - 1, here + (step ?? 0)));
    this.#focus(order[next], true);
  }

  /**
   * Replays both models over the inputs, at the times that were measured; calls `over` in the end.
   * @param {RaceState} race
   * @param {() => void} over
   */
  race(race, over) {
    if (this.#racing) return;
    this.#racing = true;
    const tiles = (this.#state?.lanes ?? []).flatMap((lane) => lane.tiles).sort((a, b) => a.index - b.index);
    const cost = tiles.reduce((sum, tile) => sum + tile.cost, 0) || 1;
    let sum = 0;
    const due = tiles.map((tile) => (sum += (tile.cost / cost) * race.routed_s));
    const caption = $("hundred-caption");
    const [full, routed] = ["Full model", "Routed"].map((name) => makeTrack(name, tiles.length));
    const text = make("span", race.text);
    caption.replaceChildren(full.element, routed.element, text);
    for (const tile of this.#tiles) tile.dataset.done = "false";
    const began = performance.now();
    const frame = () => {
      const now = (performance.now() - began) / 1000;
      full.set(Math.min(tiles.length, Math.floor((now / race.full_s) * tiles.length)));
      const done = due.findIndex((at) => at > now);
      const count = done < 0 ? tiles.length : done;
      routed.set(count);
      for (let ix = 0; ix < count; ix += 1) this.#tiles[tiles[ix].index].dataset.done = "true";
      if (now < Math.max(race.full_s, race.routed_s)) return void requestAnimationFrame(frame);
      setTimeout(() => {
        this.#racing = false;
        for (const tile of this.#tiles) delete tile.dataset.done;
        caption.textContent = this.#state?.caption ?? "";
      }, AFTER_RACE_MS);
      over();
    };
    requestAnimationFrame(frame);
  }
}

/** How long the end of a race stays. */
const AFTER_RACE_MS = 4000;

/** @type {Record<string, string>} */
const MARKS = { lost: ", lost", wrong: ", wrong in both", changed: ", answer changed" };

function makeLane() {
  const lane = make("div", null, { class: "lane", role: "group" });
  lane.append(make("p"), make("div", null, { class: "tiles" }));
  return lane;
}

/**
 * @param {string} name
 * @param {number} all
 */
function makeTrack(name, all) {
  const element = make("span", null, { class: "race" });
  const bar = make("progress", null, { max: all, value: 0, "aria-label": name });
  const count = make("span");
  element.append(make("strong", name), bar, count);
  return {
    element,
    /** @param {number} done */
    set(done) {
      bar.value = done;
      count.textContent = `${done} of ${all}`;
    },
  };
}
