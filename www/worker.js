// The measuring worker: hands commands and files to the Rust `Lab`, lets it work in slices, and posts
// its events. Between slices the message queue gets its turn, so that a cancel arrives at once.
//
// In:  {start: WebAssembly.Module, base, packed?}  once, first; packed are blobs by file
//      {command, files?: [{name, bytes}]}     any time after "ready"
//      {command: pictures, pictures: [{path, file}]}   pictures to decode
//      {take: name, knob}                     the routed model as a file, with that default
//      {go: true}                             what was posted is on the screen
// Out: {ready: true} · {events: [Event], memory} · {file: {name, bytes}} · {inputs: {name, bytes}} · {crash: sentence}

import init, { Lab } from "./perforate.js";

let lab;
let memory;
let base;
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
let held;

function hold() {
  clearTimeout(held);
  held = setTimeout(goOn, LONGEST_HOLD_MS);
}

function goOn() {
  clearTimeout(held);
  held = undefined;
  attempt(() => {});
}

self.onmessage = async ({ data }) => {
  if (data.start) {
    ({ base, packed } = data);
    try {
      ({ memory } = await init({ module_or_path: data.start }));
      lab = new Lab();
      self.postMessage({ ready: true });
    } catch (error) {
      self.postMessage({ crash: `The inference engine did not start: ${error.message}.` });
    }
    return;
  }
  if (data.go) return goOn();
  if (data.take) {
    return attempt(() => {
      const bytes = lab.routed_model(data.knob);
      self.postMessage({ file: { name: data.take, bytes } }, [bytes.buffer]);
    });
  }
  // Files on their way for an earlier model are not wanted any more. A cancel lets them come: who
  // goes on after it will need them.
  if (data.command.type === "open") {
    downloads.abort();
    downloads = new AbortController();
  }
  if (data.pictures) return takePictures(data);
  attempt(() => {
    post(lab.command(data.command));
    for (const { name, bytes } of data.files ?? []) post(lab.supply(name, bytes));
  });
};

function post(events) {
  if (events.length > 0) self.postMessage({ events, memory: memory.buffer.byteLength });
  for (const event of events) {
    if (event.type === "need") for (const file of event.files) download(file, downloads.signal);
  }
}

/** Calls into the lab; then goes on as long as it has work. Returns whether nothing was thrown. */
function attempt(work) {
  try {
    work();
    if (lab?.busy() && !scheduled && held === undefined) {
      scheduled = true;
      slice.port2.postMessage(null);
    }
    return true;
  } catch (error) {
    // A trap leaves the module in an unknown state: only a new worker helps. All else is an answer.
    if (error instanceof WebAssembly.RuntimeError) {
      self.postMessage({ crash: `The measurement stopped unexpectedly (${error.message}).` });
    } else {
      self.postMessage({ events: [{ type: "error", message: String(error.message ?? error) }] });
    }
    return false;
  }
}

let run = 0;

/** Decodes pictures one by one, hands each to the lab, and tells how far that is; until others come. */
async function takePictures({ command, pictures }) {
  const own = ++run;
  let failed = false;
  const hand = (events) => {
    failed ||= events.some(({ type }) => type === "error");
    post(events);
  };
  if (!attempt(() => hand(lab.command(command))) || failed) return;
  for (const [index, { path, file }] of pictures.entries()) {
    const picture = await decode(file).catch(() => undefined);
    if (own !== run) return;
    if (!picture) {
      const message = `${path}: it cannot be read as a picture: leave it out, or save it anew as PNG or JPEG.`;
      return post([{ type: "error", message }]);
    }
    const { width, height, data } = picture;
    if (!attempt(() => hand(lab.picture(path, width, height, data))) || failed) return;
    if (index % 20 === 0) {
      const text = `Reading pictures, ${index + 1} of ${pictures.length}`;
      post([{ type: "progress", text, share: index / pictures.length }]);
    }
  }
  attempt(() => {
    post(lab.command({ type: "pictures_done" }));
    const bytes = lab.inputs();
    if (bytes) self.postMessage({ inputs: { name: command.name, bytes } }, [bytes.buffer]);
  });
}

async function decode(file) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, data: new Uint8Array(context.getImageData(0, 0, width, height).data.buffer) };
}

async function download(file, signal) {
  try {
    const bytes = await read(file, signal);
    if (!signal.aborted) attempt(() => post(lab.supply(file.name, bytes)));
  } catch (error) {
    if (signal.aborted) return;
    const message = `The file "${file.title ?? file.name}" (${file.url}) could not be loaded: ${error.message}.`;
    self.postMessage({ events: [{ type: "error", message }] });
  }
}

/** The file's bytes; says on the way how many have come. */
async function read({ name, url }, signal) {
  if (packed && !packed[url]) throw new Error("this one-file page does not carry it: open the page from a server");
  const asked = packed ? Promise.resolve(new Response(packed[url])) : fetch(new URL(url, base), { signal });
  const response = await asked.catch(() => {
    throw new Error("the server did not answer");
  });
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
  // The header counts what is sent, which says nothing about a compressed body's length.
  const encoded = response.headers.has("content-encoding");
  const total = encoded ? 0 : Number(response.headers.get("content-length") ?? 0);
  const chunks = [];
  let received = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    received += value.byteLength;
    self.postMessage({ events: [{ type: "loading", name, received, total }] });
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
