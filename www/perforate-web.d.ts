// What src/web/lib.rs binds, with the types that its values have; tests/javascript.rs compares the names.

import type { CardText, ChosenFile, Command, Event, FetchFault, FileRequest, FormTexts, PeerTimes, SampleFiles, SortedFiles, State, Table } from "./types";

/** Starts the module. */
export default function init(options: { module_or_path: WebAssembly.Module }): Promise<{ memory: WebAssembly.Memory }>;

/** The measuring side, for the worker. */
export class Lab {
  command(command: Command): Event[];
  supply(name: string, bytes: Uint8Array): Event[];
  picture(path: string, width: number, height: number, rgba: Uint8Array): Event[];
  no_picture(path: string): Event[];
  reading_pictures(done: number, all: number): Event[];
  not_fetched(file: FileRequest, fault: FetchFault): Event[];
  inputs(): Uint8Array<ArrayBuffer> | undefined;
  step(): Event[];
  outputs(): Uint8Array | undefined;
  routed_model(knob: number): Uint8Array<ArrayBuffer>;
  full_model(): Uint8Array<ArrayBuffer>;
  peer_case(): { rows: unknown[]; answers: number[][] };
  peer_turn(): number;
  busy(): boolean;
}

/** What the page shows. */
export class View {
  constructor(dark: boolean, address: [string, string][]);
  choose(scenario: string): void;
  /** Returns what is wrong with the text, if anything is. */
  set(setting: string, text: string): string | undefined;
  request(): Command;
  route(all: boolean): Command;
  sample_files(): SampleFiles;
  sample_inputs(images: Uint8Array, labels: Uint8Array): Uint8Array<ArrayBuffer>;
  study(section: string): Command;
  live(section: string, value: number): Command;
  sort_files(files: ChosenFile[]): SortedFiles;
  unreadable(file: string, reason: string): string;
  /** Throws what is wrong with the texts. */
  picture_form(texts: FormTexts): unknown;
  set_memory(bytes: number): void;
  record_key(): string | undefined;
  restore(date: string): void;
  verdict_note(): string | undefined;
  remember_verdict(scenario: string, note: string): void;
  card(device: string, date: string): CardText | null;
  start_peer(): void;
  take_peer(times: PeerTimes): void;
  end_peer(fault?: string): void;
  /** Throws what is wrong with the report. */
  take_report(file: string, text: string): string;
  take_shared(text: string): void;
  share(device: string): string | undefined;
  set_tab(name: string): void;
  set_layer(name: string, on: boolean): void;
  tile_story(index: number): string[];
  tile_width(index: number): number;
  tile_picture(index: number): Uint8Array<ArrayBuffer>;
  knob(): number | undefined;
  apply(event: Event): void;
  state(): State;
  set_knob(index: number): void;
  set_routing(on: boolean): void;
  set_sample(index: number): void;
  set_filter(name: string): void;
  picture_width(index: number): number;
  picture(index: number): Uint8Array;
  set_theme(dark: boolean): void;
  draw(id: string, canvas: HTMLCanvasElement, width: number, height: number, device_pixel_ratio: number): void;
  table(id: string): Table | null;
  hover(id: string, x: number, y: number): { text: string; knob: number | null; x: number; y: number } | null;
  file_name(kind: string): string;
  export(kind: string): string;
}

export function time_integers(rows: number, k: number, n: number, rounds: number): unknown;

declare global {
  /** The files of the one-file page, which has them at hand. */
  var packed: Record<string, Blob> | undefined;
}
