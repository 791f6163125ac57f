// @ts-check
// The user's own files: what becomes of each that is chosen or dropped, and how a fresh worker gets them again.

import { resource } from "./browser.js";
import { $ } from "./dom.js";

/**
 * @import { LabWorker } from "./lab.js"
 * @import { View } from "./perforate-web.js"
 * @import { DroppedState, FormTexts } from "./types"
 */

/**
 * A file with its path in the folder that was chosen.
 * @typedef {{ path: string, file: File }} Entry
 */

/** What pictures are called together. */
const PICTURES = "pictures.npz";
/** Fields of the form for pictures. */
const FIELDS = /** @type {const} */ (["width", "height", "layout", "scale", "mean", "deviation"]);

export class OwnFiles {
  #worker;
  #view;
  #fail;
  /** @type {Map<string, File>} */
  #files = new Map();
  /** @type {Entry[]} */
  #pictures = [];
  /** @type {DroppedState | null} */
  #dropped = null;
  #form = ""; // as it was painted last
  /** Takes the report of another device. @type {(name: string, text: string) => void} */
  onReport = () => {};

  /**
   * @param {LabWorker} worker
   * @param {object} calls
   * @param {() => View} calls.view judges files and forms
   * @param {(message: string) => void} calls.fail tells what is wrong
   */
  constructor(worker, { view, fail }) {
    this.#worker = worker;
    this.#view = view;
    this.#fail = fail;
  }

  /**
   * Takes files, models first; pictures wait for their form. Returns the last one to look at again.
   * @param {Entry[]} entries
   */
  async take(entries) {
    const files = entries.map(({ path, file }) => ({ path, size: file.size }));
    const { send, pictures, reports, again, fault } = this.#view().sort_files(files);
    for (const index of send) await this.#send(entries[index].file);
    for (const index of reports) this.onReport(entries[index].path, await entries[index].file.text());
    if (pictures.length > 0) {
      this.#pictures = pictures.map((index) => entries[index]);
      this.#paintForm();
    }
    if (fault != null) this.#fail(fault);
    return again == null ? undefined : entries[again].file;
  }

  /** Takes the sample: models and inputs that lie beside the page. */
  async sample() {
    const view = this.#view();
    const { models, images, labels, inputs } = view.sample_files();
    /** @param {string} path */
    const bytes = async (path) => new Uint8Array(await (await resource(path)).arrayBuffer());
    const [pixels, classes, ...networks] = await Promise.all([images, labels, ...models].map(bytes));
    const files = networks.map((network, index) => new File([network], models[index].split("/").at(-1) ?? ""));
    files.push(new File([view.sample_inputs(pixels, classes)], inputs));
    await this.take(files.map((file) => ({ path: file.name, file })));
  }

  /**
   * Takes one more look at a file.
   * @param {File} file
   */
  again(file) {
    return this.#send(file);
  }

  /**
   * Decodes the pictures that wait, as the form's texts have it.
   * @param {FormTexts} texts
   */
  decode(texts) {
    try {
      this.#worker.pictures(PICTURES, this.#view().picture_form(texts), this.#pictures);
    } catch (error) {
      this.#fail(reason(error));
    }
  }

  /**
   * Keeps what the worker made of the pictures, which need no form any more.
   * @param {{ name: string, bytes: Uint8Array<ArrayBuffer> }} inputs
   */
  keep({ name, bytes }) {
    this.#files.set(name, new File([bytes], name));
    this.#pictures = [];
    this.#paintForm();
  }

  /**
   * Notes what there is of the user's, and shows the form for the pictures that wait, as the newest model has it.
   * @param {DroppedState | null} dropped
   */
  refresh(dropped) {
    this.#dropped = dropped;
    this.#paintForm();
  }

  /** A fresh worker, which is given again what there is. */
  async renew() {
    const { models, inputs } = this.#dropped ?? { models: [], inputs: null };
    this.#worker.renew();
    for (const name of [...models.map(({ name }) => name), ...(inputs == null ? [] : [inputs])]) {
      const file = this.#files.get(name);
      if (file) await this.#send(file, true);
    }
  }

  /**
   * @param {File} file
   * @param {boolean} [again] it is only to be known
   */
  async #send(file, again = false) {
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      this.#files.set(file.name, file);
      this.#worker.send({ type: "file", name: file.name, knobs: {}, again }, [{ name: file.name, bytes }]);
    } catch (error) {
      this.#fail(this.#view().unreadable(file.name, reason(error)));
    }
  }

  #paintForm() {
    const [count, form] = [this.#pictures.length, this.#dropped?.form];
    const painted = JSON.stringify([count, form]);
    if (painted === this.#form) return;
    this.#form = painted;
    $("pictures").hidden = !form || count === 0;
    if (!form) return;
    /** @type {HTMLElement} */ ($("pictures-count").firstElementChild).textContent = String(count);
    const { elements } = $("pictures", HTMLFormElement);
    for (const name of FIELDS) {
      const field = /** @type {HTMLInputElement | HTMLSelectElement} */ (elements.namedItem(name));
      field.value = form[name];
    }
  }
}

/**
 * What was thrown, in words.
 * @param {unknown} error
 */
export function reason(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * All files of a drop, those in folders too.
 * @param {DataTransfer} transfer
 */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry != null);
  if (entries.length === 0) return chosenFiles(transfer.files);
  /** @type {Entry[]} */
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/**
 * The files of an input element.
 * @param {FileList | null} files
 * @returns {Entry[]}
 */
export function chosenFiles(files) {
  return [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/**
 * @param {FileSystemEntry} entry
 * @param {Entry[]} found
 */
async function walk(entry, found) {
  if (entry.isFile) {
    /** @type {File} */
    const file = await new Promise((done, fail) => /** @type {FileSystemFileEntry} */ (entry).file(done, fail));
    found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  // A folder is handed out in parts, until one is empty.
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const part = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (part.length === 0) return;
    for (const inner of part) await walk(inner, found);
  }
}
