// The user's own files: what becomes of each that is chosen or dropped, and how a fresh worker gets them again.

import { paintPictures } from "./render.js";

const MODEL = /\.onnx$/i;
const TABLE = /\.tsv(\.gz)?$/i;
const KNOWN = /\.(onnx|npy|npz|csv|tsv|tsv\.gz)$/i;
const PICTURE = /\.(png|jpe?g)$/i;
/** A model is held several times over while it is compiled, and WebAssembly addresses four gigabytes. */
const LARGEST_MB = 500;
/** A side of a row of pixels; the engine has the same limit. */
const LARGEST_SIDE = 4096;
/** What pictures are called together. */
const PICTURES = "pictures.npz";

export class OwnFiles {
  #worker;
  #dropped;
  #fail;
  #files = new Map();
  #pictures = [];
  #form = ""; // as it was painted last

  /** `dropped()` is the view's state of the user's files; `fail(message)` tells what is wrong. */
  constructor(worker, { dropped, fail }) {
    this.#worker = worker;
    this.#dropped = dropped;
    this.#fail = fail;
  }

  /** Takes files ([{path, file}]), models first; pictures wait for their form. Returns the last one to look at again. */
  async take(entries) {
    const pictures = entries.filter(({ path }) => PICTURE.test(path));
    const others = entries.filter(({ path }) => KNOWN.test(path));
    if (pictures.length + others.length === 0) {
      const [{ path }] = entries;
      this.#fail(`"${path}" is neither an .onnx model nor an .npy, .npz, .csv or .tsv file of inputs, nor a .png or .jpeg picture.`);
      return undefined;
    }
    others.sort((a, b) => MODEL.test(b.path) - MODEL.test(a.path));
    let last;
    for (const { file } of others) {
      if (!(await this.#send(file))) continue;
      // A model is looked at once more; a table stays with its scenario.
      last = TABLE.test(file.name) ? undefined : file;
    }
    if (pictures.length > 0) {
      this.#pictures = pictures;
      this.refresh();
      // The form of a model that came along is on its way.
      if (!this.#dropped()?.form && !others.some(({ path }) => MODEL.test(path))) {
        this.#fail(`"${pictures[0].path}" is a picture, and there is no model yet that reads one: choose an .onnx file first.`);
      }
    }
    return last;
  }

  /** Takes one more look at a file. */
  again(file) {
    return this.#send(file);
  }

  /** Decodes the pictures that wait, by a form's texts. */
  decode(texts) {
    const numbers = (text) => text.split(/[,;\s]+/).filter(Boolean).map(Number);
    const usual = this.#dropped()?.form;
    const form = {
      ...usual,
      layout: texts.layout,
      width: Number(texts.width),
      height: Number(texts.height),
      scale: Number(texts.scale),
      mean: numbers(texts.mean),
      deviation: numbers(texts.deviation),
    };
    const wrong = Object.entries(form).find(([, value]) => [value].flat().some(Number.isNaN));
    const side = ["width", "height"].find((name) => !Number.isInteger(form[name]) || form[name] < 1 || form[name] > LARGEST_SIDE);
    if (wrong || side) return this.#fail(`Pictures: the ${wrong?.[0] ?? side} is not a number that can be used.`);
    this.#worker.pictures(PICTURES, form, this.#pictures);
  }

  /** Keeps what the worker made of the pictures, which need no form any more. */
  keep({ name, bytes }) {
    this.#files.set(name, new File([bytes], name));
    this.#pictures = [];
    this.refresh();
  }

  /** Shows the form for the pictures that wait, as the newest model has it. */
  refresh() {
    const form = this.#dropped()?.form;
    const shown = JSON.stringify([this.#pictures.length, form]);
    if (shown === this.#form) return;
    this.#form = shown;
    paintPictures(this.#pictures.length, form);
  }

  /** A fresh worker, which is given again what there is. */
  async renew() {
    const { models = [], inputs } = this.#dropped() ?? {};
    this.#worker.renew();
    for (const name of [...models, inputs]) {
      const file = this.#files.get(name);
      if (file) await this.#send(file, { again: true });
    }
  }

  async #send(file, more = {}) {
    if (file.size > LARGEST_MB * 1e6) {
      const size = (file.size / 1e9).toFixed(1);
      this.#fail(`"${file.name}" has ${size} GB, and the page takes files up to ${LARGEST_MB} MB: measure it with the command line.`);
      return false;
    }
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      this.#files.set(file.name, file);
      this.#worker.send({ type: "file", name: file.name, ...more }, [{ name: file.name, bytes }]);
      return true;
    } catch (error) {
      this.#fail(`"${file.name}" could not be read: ${error.message}.`);
      return false;
    }
  }
}

/** All files of a drop, those in folders too, as [{path, file}]. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return chosenFiles(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/** The files of an input element, as [{path, file}]. */
export function chosenFiles(files) {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    return void found.push({ path: entry.fullPath.replace(/^\//, ""), file });
  }
  const reader = entry.createReader();
  // A folder is handed out in parts, until one is empty.
  for (;;) {
    const part = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (part.length === 0) return;
    for (const inner of part) await walk(inner, found);
  }
}
