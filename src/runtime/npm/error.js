// @ts-check
// What goes wrong, the same from a model and from a pool.

/** What went wrong: `kind` is a fixed word, `file` and `node` say where, if that is known. */
export class PerforateError extends Error {
  /**
   * @param {string} message
   * @param {{ kind: string, file?: string, node?: string, cause?: unknown }} about
   */
  constructor(message, { kind, file, node, cause }) {
    super(message, { cause });
    this.name = "PerforateError";
    this.kind = kind;
    this.file = file;
    this.node = node;
  }

  /**
   * What the engine throws is a plain error with the same properties; what a worker sends is an object with them.
   * @param {unknown} error
   * @returns {PerforateError}
   */
  static from(error) {
    if (error instanceof PerforateError) return error;
    const told = /** @type {Partial<PerforateError>} */ (error ?? {});
    const message = told.message ?? String(error);
    return new PerforateError(message, { kind: told.kind ?? "internal", file: told.file, node: told.node, cause: error });
  }
}
