/** Where a model comes from: its address, or its bytes; in Node a path too. */
export type Source = string | URL | Uint8Array | ArrayBuffer;

/** A tensor as onnxruntime-web has it too. */
export interface Tensor {
  data: Float32Array | BigInt64Array;
  dims: readonly number[];
}

/** Tensors by name; axis 0 of each is the row. */
export type Tensors = Record<string, Tensor>;

export interface ModelInput {
  name: string;
  /** "float32", "int64", … */
  type: string;
  /** Sizes after the row axis; null where any is accepted. */
  shape: (number | null)[];
}

export interface Knob {
  name: string;
  /** The value that the file carries, in its graph or its metadata; null where it must be given. */
  default: number | null;
  /** At this value every row takes the cheapest path, and at `full` the full one; null where the file does not say. */
  light: number | null;
  full: number | null;
}

/** What was shown on calibration inputs before the file was written. */
export interface Certificate {
  knob: string;
  value: number;
  /** What counts as a loss: "error" or "disagreement". */
  loss: string;
  /** At most this share is lost, */
  epsilon: number;
  /** but for this probability. */
  delta: number;
  /** Calibration inputs. */
  n: number;
}

/** How a file that was split at a gate fits its other half. */
export interface Split {
  side: "device" | "server";
  gate: string;
  /** The device's output, 1 where a row is answered there and 0 where the server has to run. */
  answered: string;
  /** The device's output with the gate's score, if the gate compares one. */
  score: string | null;
  /** The outputs of the whole file, which both halves have. */
  answers: string[];
  /** What to send for a row that is not answered: inputs and outputs of the device's file, by name. */
  sent: string[];
  /** Bytes of that for a row; null where sizes of the input decide. */
  bytes: number | null;
}

/** Values of knobs by name, and a signal that cancels. */
export type RunOptions = { signal?: AbortSignal } & { [knob: string]: number | AbortSignal | undefined };

export interface RunResult {
  outputs: Tensors;
  /** The path of each row. */
  paths: string[];
  /** Multiply-accumulates of each row. */
  macs: Float64Array;
}

/** What has been run so far. */
export interface Report {
  rows: number;
  /** Rows by path. */
  paths: Record<string, number>;
  /** Multiply-accumulates. */
  macs: number;
  /** Since the model is observed. */
  observed?: Observed;
}

export interface ObserveOptions {
  /** Probability that a drift alarm sounds without need, however long it listens; 0.01 unless given. */
  delta?: number;
}

/** What an observed model did. `report.schema.json` describes it as JSON Schema. */
export interface Observed {
  /** Version of this format. */
  version: 1;
  rows: number;
  /** Multiply-accumulates. */
  macs: number;
  /** Rows by path. */
  paths: Record<string, number>;
  /** In the order in which a row meets them. */
  gates: GateReport[];
  /** Those that ran. */
  segments: SegmentReport[];
}

export interface GateReport {
  name: string;
  /** What its branches are called: then, else. */
  labels: [string, string];
  /** Rows that took each. */
  taken: [number, number];
  /** Upper ends of the classes of scores but the last: quantiles of the calibration, or of the first 256 scores. */
  edges: number[];
  /** Scores in each class; one more than edges. */
  counts: number[];
  /** Scores of the calibration in the same classes; null where the file has none. */
  calibration: number[] | null;
  /** The alarm; null where the file has no scores of a calibration. */
  drift: Drift | null;
}

/** Whether inputs are still like those of the calibration. */
export interface Drift {
  delta: number;
  /** Scores that it has heard: those of runs at the knobs' defaults, and all at the first gate. */
  heard: number;
  /** The most that the evidence has been; the alarm sounds at 1 / delta. */
  evidence: number;
  /** After how many scores it sounded; null if it has not. */
  soundedAfter: number | null;
}

export interface SegmentReport {
  name: string;
  runs: number;
  rows: number;
  /** Milliseconds in all. Browsers round their clock: sums over many runs mean more than one. */
  ms: number;
}

export interface PoolOptions {
  /** By default one for each core. */
  workers?: number | undefined;
  /** Whether, and how, each worker observes its model. */
  observe?: ObserveOptions | undefined;
}

/** What went wrong. */
export class PerforateError extends Error {
  /** A fixed word: "not_onnx", "unsupported_op", "model", "input", "knob", "io", "disposed", "internal", … */
  readonly kind: string;
  /** The file concerned, if it is known. */
  readonly file?: string;
  /** The node or tensor concerned, if it is known. */
  readonly node?: string;
}

/** A loaded model. */
export class Model {
  private constructor();
  readonly inputs: readonly ModelInput[];
  readonly outputs: readonly string[];
  readonly knobs: readonly Knob[];
  /** The guarantee that the file carries for its knob's default, if it carries one. */
  readonly certificate?: Certificate;
  /** How the file fits its other half, if it is one of two. */
  readonly split?: Split;
  /** Runs the model on a batch; each row takes its own path. */
  run(inputs: Tensors, options?: RunOptions): Promise<RunResult>;
  /** The same model in several workers, for a stream of inputs. */
  pool(workers?: number, options?: { observe?: ObserveOptions }): Promise<Pool>;
  /** From now on counts scores, times segments and listens for drift. */
  observe(options?: ObserveOptions): void;
  /** What has been run so far. */
  report(): Report;
  /** Gives its memory back. */
  dispose(): void;
}

/** Several workers, each with the model. */
export class Pool {
  private constructor();
  static open(bytes: Uint8Array, options?: PoolOptions): Promise<Pool>;
  readonly size: number;
  /** How many inputs wait for a worker. */
  readonly waiting: number;
  /** Resolves as soon as the queue is short enough for the next input. */
  room(): Promise<void>;
  /** Runs the model on inputs as soon as a worker is free. An input whose worker dies is given to another one. */
  run(inputs: Tensors, options?: RunOptions): Promise<RunResult>;
  /** What each worker has observed, if the pool was opened with `observe`. What a worker that died had seen is lost. */
  report(): Promise<Observed[]>;
  /** Ends the workers. What has not been run by now fails. */
  close(): void;
}

/** Loads an ONNX model, routed or not. */
export function load(source: Source): Promise<Model>;
