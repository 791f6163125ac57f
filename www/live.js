// @ts-check
// Runs the inputs of a section's live control stage by stage, at a value that may be turned in between. Paced by the
// page, so that one can watch; each stage is asked for when the one before has been shown.

const STAGE_MS = 140;

export class LiveRun {
  #advance;
  #changed;
  /** @type {string | undefined} */
  #section;
  /** Whether a stage is on its way; who stops and starts at once does not get two runs. */
  #asked = false;

  /**
   * @param {object} calls
   * @param {(section: string) => void} calls.advance asks the worker for one stage more
   * @param {(section: string | undefined) => void} calls.changed is told which section runs, if any does
   */
  constructor({ advance, changed }) {
    this.#advance = advance;
    this.#changed = changed;
  }

  /**
   * Starts a section's run, or stops it. Returns whether it runs.
   * @param {string} section
   */
  toggle(section) {
    const runs = this.#section !== section;
    this.#set(runs ? section : undefined);
    if (runs && !this.#asked) this.#ask(section);
    return runs;
  }

  /** What was asked for is not waited for any more. */
  stop() {
    this.#asked = false;
    if (this.#section !== undefined) this.#set(undefined);
  }

  /** A stage is done. */
  advanced() {
    setTimeout(() => {
      this.#asked = false;
      if (this.#section !== undefined) this.#ask(this.#section);
    }, STAGE_MS);
  }

  /** @param {string} section */
  #ask(section) {
    this.#asked = true;
    this.#advance(section);
  }

  /** @param {string | undefined} section */
  #set(section) {
    this.#section = section;
    this.#changed(section);
  }
}
