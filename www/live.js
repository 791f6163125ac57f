// Runs the inputs of a scenario stage by stage on a budget that may be turned in between. Paced by the page, so that one
// can watch; each stage is asked for when the one before has been shown.

const $ = (id) => document.getElementById(id);
const STAGE_MS = 140;

export class LiveBudget {
  #send;
  #begin;
  #running = false;

  /** `send(command)` reaches the worker; `begin()` is called when it must have time for this. */
  constructor(send, begin) {
    this.#send = send;
    this.#begin = begin;
    $("live-run").addEventListener("click", () => (this.#running ? this.stop() : this.#start()));
  }

  #start() {
    this.#begin();
    this.#show(true);
    this.#advance();
  }

  stop() {
    this.#show(false);
  }

  /** A stage is done. */
  advanced() {
    setTimeout(() => this.#running && this.#advance(), STAGE_MS);
  }

  #advance() {
    this.#send({ type: "advance", budget: Number($("budget").value) });
  }

  #show(running) {
    this.#running = running;
    $("live-run").textContent = running ? "Stop" : "Run sentences";
    $("live-run").setAttribute("aria-pressed", String(running));
  }
}
