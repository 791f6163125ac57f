// @ts-check
// The measuring worker: hands commands and files to the Rust `Lab`, lets it work in slices, and posts
// its events. Between slices the message queue gets its turn, so that a cancel arrives at once.
//
// In:  {start: WebAssembly.Module, base, packed?}  once, first; packed are blobs by file
//      {command, files?: [{name, bytes}]}     any time after "ready"
//      {command: pictures, pictures: [{path, file}]}   pictures to decode
//      {take: name, knob}                     the routed model as a file, with that default
//      {rest: true | false}                  measure nothing for a while
//      {ask: "case" | "turn"}                a comparison's inputs; a turn of the full model
//      {go: true}                             what was posted is on the screen
// Out: {ready: true} · {events: [Event], memory} · {file: {name, bytes}} · {inputs: {name, bytes}} · {answer} or {refused: sentence} · {crash: sentence}

import init, { Lab } from "./perforate-web.js";

/** @import { Command, Event, FetchFault, FileRequest } from "./types" */

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));
/** @type {Lab} */
let lab;
/** @type {WebAssembly.Memory} */
let memory;
/** @type {string} */
let base;
/** @type {Record<string, Blob> | undefined} */
let packed;
let downloads = new AbortController();

// A message to oneself comes back without the 4 ms clamp of nested timers.
const slice = new MessageChannel();
let scheduled = false;
slice.port1.onmessage = () => {
  scheduled = false;
  attempt(() => {
    const events = lab.step();
    post(events);
    if (events.length > 0) hold();
  });
};

// While the page draws, nothing is measured: drawing slows the model down, and always the one that
// happens to come first. A page that does not answer is not waited for for ever.
const LONGEST_HOLD_MS = 10_000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let held;
// Neither while somebody drags the knob or watches a race.
/** @type {ReturnType<typeof setTimeout> | undefined} */
let resting;

function hold() {
  clearTimeout(held);
  held = setTimeout(goOn, LONGEST_HOLD_MS);
}

/**
 * Answers for the comparison with another runtime.
 * @param {"case" | "turn"} what
 */
function compare(what) {
  try {
    const answer = what === "turn" ? { seconds: lab.peer_turn() } : { ...lab.peer_case(), model: lab.full_model() };
    scope.postMessage({ answer });
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) attempt(() => { throw error; });
    scope.postMessage({ refused: reason(error) });
  }
}

/** @param {boolean} rests */
function rest(rests) {
  clearTimeout(resting);
  resting = rests ? setTimeout(() => rest(false), LONGEST_HOLD_MS) : undefined;
  if (!rests) attempt(() => {});
}

function goOn() {
  clearTimeout(held);
  held = undefined;
  attempt(() => {});
}

/**
 * What the page posts; see above.
 * @typedef {object} Message
 * @property {WebAssembly.Module} [start]
 * @property {string} [base]
 * @property {Record<string, Blob>} [packed]
 * @property {"case" | "turn"} [ask]
 * @property {boolean} [rest]
 * @property {boolean} [go]
 * @property {string} [take]
 * @property {number} [knob]
 * @property {Command} [command]
 * @property {{ name: string, bytes: Uint8Array }[]} [files]
 * @property {{ path: string, file: File }[]} [pictures]
 */

/** @param {MessageEvent<Message>} event */
scope.onmessage = async ({ data }) => {
  const { command, files = [], pictures, knob } = data;
  if (data.start) return start(data.start, data);
  if (data.go) return goOn();
  if (data.ask) return compare(data.ask);
  if (data.rest != null) return rest(data.rest);
  if (data.take && knob != null) {
    attempt(() => {
      const bytes = lab.routed_model(knob);
      scope.postMessage({ file: { name: data.take, bytes } }, [bytes.buffer]);
    });
  }
  if (!command) return;
  // Files on their way for an earlier model are not wanted any more. A cancel lets them come: who
  // goes on after it will need them.
  if (command.type === "open") {
    downloads.abort();
    downloads = new AbortController();
  }
  if (command.type === "pictures") return takePictures(command, pictures ?? []);
  attempt(() => {
    post(lab.command(command));
    for (const { name, bytes } of files) post(lab.supply(name, bytes));
  });
};

/**
 * @param {WebAssembly.Module} module
 * @param {Message} places
 */
async function start(module, places) {
  ({ base = "", packed } = places);
  try {
    ({ memory } = await init({ module_or_path: module }));
    lab = new Lab();
    scope.postMessage({ ready: true });
  } catch (error) {
    scope.postMessage({ crash: `The inference engine did not start: ${reason(error)}.` });
  }
}

/** @param {Event[]} events */
function post(events) {
  if (events.length > 0) scope.postMessage({ events, memory: memory.buffer.byteLength });
  for (const event of events) {
    if (event.type === "need") for (const file of event.files) download(file, downloads.signal);
  }
}

/**
 * What was thrown, in words.
 * @param {unknown} error
 */
function reason(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Tells what went wrong.
 * @param {string} message
 * @returns {Event[]}
 */
function failure(message) {
  return [{ type: "error", message, fatal: false }];
}

/**
 * Calls into the lab; then goes on as long as it has work. Returns whether nothing was thrown.
 * @param {() => void} work
 */
function attempt(work) {
  try {
    work();
    if (lab?.busy() && !scheduled && held === undefined && resting === undefined) {
      scheduled = true;
      slice.port2.postMessage(null);
    }
    return true;
  } catch (error) {
    // A trap leaves the module in an unknown state: only a new worker helps. All else is an answer.
    if (error instanceof WebAssembly.RuntimeError) {
      scope.postMessage({ crash: `The measurement stopped unexpectedly (${error.message}).` });
    } else {
      scope.postMessage({ events: failure(reason(error)) });
    }
    return false;
  }
}

let run = 0;

/**
 * Decodes pictures one by one, hands each to the lab, and tells how far that is; until others come.
 * @param {Extract<Command, { type: "pictures" }>} command
 * @param {{ path: string, file: File }[]} pictures
 */
async function takePictures(command, pictures) {
  const own = ++run;
  let failed = false;
  /** @param {Event[]} events */
  const hand = (events) => {
    failed ||= events.some(({ type }) => type === "error");
    post(events);
  };
  if (!attempt(() => hand(lab.command(command))) || failed) return;
  for (const [index, { path, file }] of pictures.entries()) {
    const picture = await decode(file).catch(() => undefined);
    if (own !== run) return;
    if (!picture) {
      return post(lab.no_picture(path));
    }
    const { width, height, data } = picture;
    if (!attempt(() => hand(lab.picture(path, width, height, data))) || failed) return;
    if (index % 20 === 0) {
      post(lab.reading_pictures(index, pictures.length));
    }
  }
  attempt(() => {
    post(lab.command({ type: "pictures_done" }));
    const bytes = lab.inputs();
    if (bytes) scope.postMessage({ inputs: { name: command.name, bytes } }, [bytes.buffer]);
  });
}

/** @param {File} file */
async function decode(file) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, data: new Uint8Array(context.getImageData(0, 0, width, height).data.buffer) };
}

/**
 * @param {FileRequest} file
 * @param {AbortSignal} signal
 */
async function download(file, signal) {
  try {
    const bytes = await read(file, signal);
    if (!signal.aborted) attempt(() => post(lab.supply(file.name, bytes)));
  } catch (error) {
    if (signal.aborted) return;
    const fault = error instanceof Unfetched ? error.fault : { other: reason(error) };
    attempt(() => post(lab.not_fetched(file, fault)));
  }
}

/** Why a file did not come, for Rust to say. */
class Unfetched extends Error {
  /** @param {FetchFault} fault */
  constructor(fault) {
    super();
    this.fault = fault;
  }
}

/**
 * The file's bytes; says on the way how many have come.
 * @param {FileRequest} file
 * @param {AbortSignal} signal
 */
async function read({ name, url }, signal) {
  if (packed && !packed[url]) throw new Unfetched("not_packed");
  const asked = packed ? Promise.resolve(new Response(packed[url])) : fetch(new URL(url, base), { signal });
  const response = await asked.catch(() => {
    throw new Unfetched("no_answer");
  });
  if (!response.ok) throw new Unfetched({ status: `${response.status} ${response.statusText}` });
  // The header counts what is sent, which says nothing about a compressed body's length.
  const encoded = response.headers.has("content-encoding");
  const total = encoded ? 0 : Number(response.headers.get("content-length") ?? 0);
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const chunks = [];
  let received = 0;
  const body = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body);
  for (const reader = body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    received += value.byteLength;
    scope.postMessage({ events: [{ type: "loading", name, received, total }] });
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
