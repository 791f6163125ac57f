// @ts-check
// ONNX Runtime Web beside our full model: both take turns on the same inputs, each in a worker of its own. It comes from the
// page's own folder, and only when somebody asks for it.

/**
 * @import { LabWorker } from "./lab.js"
 * @import { PeerTimes } from "./types"
 */

const PLACE = "./ort/ort.wasm.min.mjs";
const ROUNDS = 15;
const WARM_UP = 2;

/**
 * What is wrong, as a person reads it: the page lacks the files.
 */
const NOT_HERE = "This copy of the page does not carry ONNX Runtime Web. Run ./setup.sh before the page is built, and open it from a server.";

/** Threads to try: one, and what ONNX Runtime Web takes by itself where it may. */
function threads() {
  const usual = Math.min(4, Math.ceil((navigator.hardwareConcurrency || 1) / 2));
  return crossOriginIsolated && usual > 1 ? [1, usual] : [1];
}

/**
 * A worker with ONNX Runtime Web; each question gets one answer.
 * @param {string} address
 */
function open(address) {
  const worker = new Worker(new URL("./peer-worker.js", import.meta.url), { type: "module" });
  /**
   * @param {unknown} question
   * @returns {Promise<any>}
   */
  const ask = (question) =>
    new Promise((answer, failed) => {
      worker.onmessage = ({ data }) => (data.error == null ? answer(data) : failed(new Error(data.error)));
      worker.onerror = (event) => failed(new Error(event.message || "its worker could not be started"));
      worker.postMessage(question);
    });
  return { ask, close: () => worker.terminate(), ready: () => ask({ place: address }) };
}

/**
 * Measures; calls `told` with what was found for each number of threads.
 * @param {LabWorker} lab
 * @param {(times: PeerTimes) => void} told
 */
export async function measurePeer(lab, told) {
  const address = new URL(PLACE, document.baseURI).href;
  const there = globalThis.packed == null && (await fetch(address, { method: "HEAD" }).then(({ ok }) => ok, () => false));
  if (!there) throw new Error(NOT_HERE);
  /** @type {{ model: Uint8Array, rows: unknown[], answers: number[][] }} */
  const { model, rows, answers } = await lab.ask("case");
  for (const count of threads()) {
    const peer = open(address);
    try {
      await peer.ready();
      const { outputs } = await peer.ask({ model, rows, threads: count });
      /** @type {[number, number][]} */
      const rounds = [];
      for (let round = -WARM_UP; round < ROUNDS; round += 1) {
        const own = async () => (await lab.ask("turn")).seconds;
        const theirs = async () => (await peer.ask({ turn: true })).seconds;
        // Who begins takes turns too.
        const [first, second] = round % 2 ? [own, theirs] : [theirs, own];
        const [a, b] = [await first(), await second()];
        if (round >= 0) rounds.push(round % 2 ? [a, b] : [b, a]);
      }
      told({ threads: count, rounds, rows: rows.length, answers: rows.map((_, ix) => [answers[ix], outputs[ix]]) });
    } finally {
      peer.close();
    }
  }
}
