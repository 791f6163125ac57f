// @ts-check
// What the browser keeps: measurements by what was asked for, in IndexedDB; and the view painted last, as plain JSON, so that
// it is on the screen before the module has loaded. Refused or full storage is told once, and breaks nothing.

/** @import { Event, State } from "./types" */

/**
 * A measurement.
 * @typedef {object} Kept
 * @property {string} date when it was measured, in ISO 8601
 * @property {string} scenario
 * @property {string | undefined} note its verdict in a few words
 * @property {Event[]} events what shows it again
 */

/**
 * What was on the screen.
 * @typedef {object} LastView
 * @property {string} address the query that it is of
 * @property {string} date
 * @property {Partial<State>} state
 * @property {string} hero the first chart, as SVG
 */

const NAME = "perforate";
const TABLE = "measurements";
const VIEW = "last-view";
const LONGEST_WAIT_MS = 1500;
/** A browser that answers too late so often is one that keeps nothing. */
const MOST_LATE = 3;

class Late extends Error {}

export class Store {
  #fail;
  #told = false;
  #late = 0;
  /** @type {Promise<IDBDatabase> | undefined} */
  #base;

  /** @param {(message: string) => void} fail is told once that nothing can be kept */
  constructor(fail) {
    this.#fail = fail;
  }

  /**
   * What is kept under this key; nothing if storage is refused.
   * @param {string} key
   * @returns {Promise<Kept | undefined>}
   */
  async get(key) {
    return this.#try(async (base) => {
      const found = await done(base.transaction(TABLE).objectStore(TABLE).get(key));
      return isKept(found) ? found : undefined;
    });
  }

  /**
   * @param {string} key
   * @param {Kept} kept
   */
  async put(key, kept) {
    await this.#try((base) => done(base.transaction(TABLE, "readwrite").objectStore(TABLE).put(kept, key)));
  }

  /** Scenario and note of everything that is kept, oldest first. */
  async notes() {
    const all = await this.#try((base) => done(base.transaction(TABLE).objectStore(TABLE).getAll()));
    const kept = (all ?? []).filter(isKept).sort((a, b) => a.date.localeCompare(b.date));
    return kept.map(({ scenario, note }) => ({ scenario, note }));
  }

  async clear() {
    forgetView();
    await this.#try((base) => done(base.transaction(TABLE, "readwrite").objectStore(TABLE).clear()));
  }

  /**
   * @template T
   * @param {(base: IDBDatabase) => Promise<T>} work
   */
  async #try(work) {
    try {
      this.#base ??= open();
      return await Promise.race([this.#base.then(work), late()]);
    } catch (error) {
      this.#base = undefined;
      // Once it may be slow, as while another page that opened the same goes away.
      if (error instanceof Late && (this.#late += 1) < MOST_LATE) return undefined;
      if (this.#told) return undefined;
      this.#told = true;
      const why = error instanceof Error ? error.message : String(error);
      this.#fail(`This browser keeps no measurements for the next visit (${why}). Everything else works.`);
      return undefined;
    }
  }
}

/** A browser may never answer, as when another page was closed while it opened the same. @returns {Promise<never>} */
function late() {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Late("it does not answer")), LONGEST_WAIT_MS);
  });
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
  return done(request);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("it was refused"));
  });
}

/**
 * @param {unknown} value
 * @returns {value is Kept}
 */
function isKept(value) {
  const kept = /** @type {Kept | null} */ (value);
  return typeof kept?.date === "string" && typeof kept.scenario === "string" && Array.isArray(kept.events);
}

/**
 * Keeps the view of the moment; synchronous, so that it works while the page goes away.
 * @param {LastView} view
 */
export function keepView(view) {
  try {
    localStorage.setItem(VIEW, JSON.stringify(view));
  } catch {
    // Refused or full: the next visit waits for the module, then.
  }
}

/** @returns {LastView | undefined} */
export function lastView() {
  try {
    const view = /** @type {LastView | null} */ (JSON.parse(localStorage.getItem(VIEW) ?? "null"));
    const whole = typeof view?.address === "string" && typeof view.date === "string" && typeof view.state === "object";
    return whole && view ? view : undefined;
  } catch {
    return undefined;
  }
}

export function forgetView() {
  try {
    localStorage.removeItem(VIEW);
  } catch {
    // Nothing was kept.
  }
}

/**
 * A date as a person here writes it.
 * @param {string} iso
 */
export function written(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.valueOf())) return "at an unknown time";
  return date.toLocaleString("en", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
}
