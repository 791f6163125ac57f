// Written by tests/javascript.rs from the types in Rust: PERFORATE_BLESS=1 cargo test --test javascript

export type About = { term: string, text: string, };

export type ActionState = { label: string, note: string, enabled: boolean, };

export type Card = { name: string, title: string, text: string,
/**
 * The field's term.
 */
term: string,
/**
 * The last verdict on this device, in a few words.
 */
verdict: string | null,
/**
 * Title of the group that it stands in.
 */
group: string, current: boolean,
/**
 * A small picture of the strategy, as SVG.
 */
glyph: string, };

export type CardText = { title: string, headline: string, line: string,
/**
 * Sample, timing, the strongest rival.
 */
facts: Array<string>,
/**
 * Device and date.
 */
footer: string, };

export type ChartState = { id: string, title: string, alt: string,
/**
 * What its buttons do, and what its table is, for screen readers.
 */
as_svg: string, as_png: string, numbers: string, };

export type ChipState = { label: string,
/**
 * `good`, `fair`, `noisy`, or `open` as long as that is not known.
 */
level: string,
/**
 * Plain advice.
 */
advice: Array<string>, warnings: Array<string>, };

export type ChosenFile = {
/**
 * In the folder that was chosen, or its name alone.
 */
path: string,
/**
 * In bytes.
 */
size: number, };

export type Column = {
/**
 * Differs from those of the table's other columns.
 */
id: string,
/**
 * Its heading.
 */
title: string,
/**
 * The unit, or what its numbers are a share of; may be empty.
 */
unit?: string, };

export type Command = { "type": "open",
/**
 * What.
 */
experiment: unknown, } | { "type": "file",
/**
 * Its name.
 */
name: string,
/**
 * Knob values for a run.
 */
knobs: { [key in string]: number },
/**
 * Whether it was taken before, by another worker, and is only to be known.
 */
again: boolean, } | { "type": "pictures",
/**
 * What they are called together.
 */
name: string,
/**
 * How they become inputs.
 */
form: unknown, } | { "type": "pictures_done" } | { "type": "forget",
/**
 * Its file.
 */
name: string, } | { "type": "type",
/**
 * The sentence.
 */
text: string, } | { "type": "draw",
/**
 * Pixels in a row.
 */
width: number,
/**
 * Pixels row by row, from 0, nothing, to 255.
 */
grey: Array<number>, } | { "type": "route",
/**
 * Whether less than usual is measured.
 */
quick: boolean,
/**
 * Whether all models become one.
 */
all: boolean, } | { "type": "study",
/**
 * Id of its section.
 */
section: string,
/**
 * Whether less than usual is measured.
 */
quick: boolean, } | { "type": "live",
/**
 * Id of the section that the control stands in.
 */
section: string,
/**
 * The knob.
 */
value: number, } | { "type": "cancel" } | { "type": "resume" };

export type Control = { id: string, label: string, unit: string,
/**
 * The value, as it is entered; empty where there is none.
 */
value: string,
/**
 * The usual one.
 */
usual: string,
/**
 * Value and label of each choice; none for a number.
 */
choices: Array<[string, string]>, };

export type DroppedState = { summary: string, models: Array<ModelState>, inputs: string | null,
/**
 * What the newest model is.
 */
details: Array<[string, string]>,
/**
 * How pictures become inputs of it.
 */
form: FormTexts | null,
/**
 * Whether the newest model can be routed by itself, and whether there are several that can be routed together.
 */
can_route_newest: boolean, can_route_all: boolean, };

export type Event = { "type": "opened",
/**
 * Its name.
 */
scenario: string,
/**
 * The user's table that it is measured on.
 */
table: string | null,
/**
 * The user's models, the last one to be replaced, and inputs for them.
 */
models: Array<string>, inputs: string | null, } | { "type": "usage",
/**
 * Lines of Python.
 */
python: string,
/**
 * Lines of JavaScript.
 */
javascript: string, } | { "type": "need",
/**
 * Which.
 */
files: Array<FileRequest>, } | { "type": "loading",
/**
 * The file.
 */
name: string,
/**
 * Bytes so far.
 */
received: number,
/**
 * Bytes in all, or 0.
 */
total: number, } | { "type": "progress",
/**
 * What is being done.
 */
text: string,
/**
 * Share done.
 */
share: number,
/**
 * Seconds left, once that can be told.
 */
left: number | null, } | { "type": "results",
/**
 * A report of one scenario.
 */
report: unknown, } | { "type": "inspector",
/**
 * What there is to see.
 */
inside: unknown, } | { "type": "own",
/**
 * What there is to see.
 */
sample: unknown, } | { "type": "advanced",
/**
 * Where it stands.
 */
moment: unknown, } | { "type": "section",
/**
 * All of it.
 */
section: unknown, } | { "type": "file",
/**
 * What it is, or what came of it, in a sentence.
 */
summary: string,
/**
 * What there is of the user's now.
 */
user: UserFiles, } | { "type": "cancelled" } | { "type": "done" } | { "type": "error",
/**
 * One sentence.
 */
message: string,
/**
 * Whether the worker died of it.
 */
fatal: boolean, };

export type Example = { index: number, text: string,
/**
 * The router's answer.
 */
answer: string, mark: string,
/**
 * Operations or energy spent, as a share of the full path's.
 */
cost: number, };

export type Export = { label: string, kind: string, };

export type FetchFault = "not_packed" | "no_answer" | { "status": string } | { "other": string };

export type Figure = { label: string, value: string, note: string, };

export type FileRequest = {
/**
 * Name to supply it under.
 */
name: string,
/**
 * Relative to the page.
 */
url: string,
/**
 * For people.
 */
title: string, };

export type FormTexts = {
/**
 * Pixels in a line.
 */
width: string,
/**
 * Lines.
 */
height: string,
/**
 * Name of the order of the axes.
 */
layout: string,
/**
 * Factor of every pixel.
 */
scale: string,
/**
 * One value, or one per channel separated by commas.
 */
mean: string,
/**
 * The same.
 */
deviation: string, };

export type Group = { title: string, controls: Array<Control>, };

export type HundredState = {
/**
 * Differs where other inputs are shown.
 */
key: string,
/**
 * What the lanes and marks mean, with the counts at this setting.
 */
caption: string,
/**
 * Whether inputs are sentences.
 */
texts: boolean, lanes: Array<Lane>,
/**
 * A few sentences to read; empty for other inputs.
 */
examples: Array<Example>, };

export type InsideState = {
/**
 * Differs where the samples do.
 */
key: string,
/**
 * The model, as SVG.
 */
diagram: string, samples: Array<SampleCard>,
/**
 * What becomes of the chosen sample.
 */
story: Array<string>,
/**
 * Names and titles of what may be shown, and what is.
 */
filters: Array<[string, string]>, filter: string,
/**
 * Inputs that the full model answers rightly and the router does not; without labels, that they answer differently.
 */
lost: Array<LostInput>,
/**
 * Whether a sentence may be typed.
 */
reads_text: boolean,
/**
 * Whether an image may be drawn.
 */
reads_images: boolean, };

export type KnobState = { label: string, index: number, count: number, text: string, ends: [string, string],
/**
 * The position that carries the guarantee.
 */
certified: number | null, };

export type Lane = { title: string,
/**
 * Share of all test inputs.
 */
share: string,
/**
 * What an input costs here.
 */
note: string, tiles: Array<Tile>, };

export type LayerState = { id: string, title: string, on: boolean, };

export type LiveRow = { text: string,
/**
 * What each stage did; nothing yet for those to come.
 */
cells: Array<string | null>, answer: string, };

export type LiveState = {
/**
 * What the knob is called.
 */
label: string,
/**
 * What the button says to start, and to stop.
 */
run: string, stop: string,
/**
 * What the input on its way has spent.
 */
told: string,
/**
 * The inputs that went through last, newest first.
 */
rows: Array<LiveRow>, };

export type LostInput = {
/**
 * Among the samples.
 */
index: number,
/**
 * What stands instead of a picture.
 */
text: string | null,
/**
 * What the full model answers.
 */
full: string,
/**
 * What the router answers.
 */
routed: string,
/**
 * The path that answered.
 */
path: string, };

export type ModelState = {
/**
 * Its file.
 */
name: string,
/**
 * What the button that leaves it out does, for screen readers.
 */
forget: string, };

export type PeerState = { button: string, enabled: boolean, findings: Array<string>, };

export type PeerTimes = {
/**
 * Threads of ONNX Runtime Web.
 */
threads: number,
/**
 * Seconds of a turn, ours and theirs, in each round.
 */
rounds: Array<[number, number]>,
/**
 * Rows of a turn.
 */
rows: number,
/**
 * Answers of both to the same rows.
 */
answers: Array<[Array<number>, Array<number>]>, };

export type RaceState = {
/**
 * Seconds that the full model takes in the replay.
 */
full_s: number,
/**
 * Seconds that the routed one takes.
 */
routed_s: number,
/**
 * What is shown, and how much slower than it is.
 */
text: string, };

export type Row = {
/**
 * One a column.
 */
cells: Array<string>,
/**
 * Whether it is the one at hand.
 */
selected?: boolean,
/**
 * What it is a row of.
 */
kind?: string, };

export type SampleCard = { index: number, title: string,
/**
 * What stands instead of a picture.
 */
text: string | null, path: string,
/**
 * right, wrong, or unknown without labels.
 */
verdict: string, selected: boolean, };

export type SampleFiles = {
/**
 * Models, the cheapest first.
 */
models: [string, string, string],
/**
 * Images and labels, of which the inputs are made.
 */
images: string, labels: string,
/**
 * What the inputs are called.
 */
inputs: string, };

export type SectionState = { id: string, title: string,
/**
 * What it is about.
 */
text: string | null, findings: Array<string>, table: Table | null, charts: Array<ChartState>,
/**
 * Whether it is unfolded at first.
 */
open: boolean,
/**
 * A study that can be started.
 */
action: ActionState | null,
/**
 * A live control.
 */
live: LiveState | null, };

export type SortedFiles = {
/**
 * What is read, models first.
 */
send: Array<number>,
/**
 * Pictures, which wait for their form.
 */
pictures: Array<number>,
/**
 * Reports of other devices.
 */
reports: Array<number>,
/**
 * What is read once more when the page is asked to measure again.
 */
again: number | null,
/**
 * What cannot be used, in a sentence.
 */
fault: string | null, };

export type State = { title: string,
/**
 * The title of the page as a whole.
 */
document_title: string,
/**
 * The strategy, and what the scenario shows.
 */
strategy: string, summary: string,
/**
 * The routed model against what is simpler, in a sentence.
 */
comparison: string | null, verdict: string, status: string, progress: number | null, running: boolean, error: string | null, chip: ChipState,
/**
 * Says when a measurement from an earlier visit was made.
 */
kept: string | null,
/**
 * The tab that is open, by its name in the address.
 */
tab: string, scenarios: Array<Card>, knob: KnobState | null, routing: boolean,
/**
 * What can be set, in groups.
 */
settings: Array<Group>,
/**
 * Names and values of the page's address.
 */
address: Array<[string, string]>, figures: Array<Figure>,
/**
 * One hundred inputs in the lanes that they take.
 */
hundred: HundredState | null,
/**
 * Full against routed; none before both are timed, or with routing off.
 */
race: RaceState | null,
/**
 * What the first chart may show beside the routed model.
 */
layers: Array<LayerState>,
/**
 * The full model in ONNX Runtime Web; none before ours is timed.
 */
peer: PeerState | null, table: Table | null, segments: Table | null,
/**
 * The models beside each other.
 */
models: Table | null,
/**
 * What not every scenario has.
 */
sections: Array<SectionState>, charts: Array<ChartState>,
/**
 * How the strategy works.
 */
how: string, inside: InsideState | null, files: Array<Export>, about: Array<About>, measured: number,
/**
 * What there is of the user's.
 */
dropped: DroppedState | null,
/**
 * How to run the routed file elsewhere, by language.
 */
usage: Array<UsageState>,
/**
 * What the measuring side has taken.
 */
memory: string | null, };

export type Table = {
/**
 * What it shows, in a sentence.
 */
caption: string,
/**
 * Its columns.
 */
columns: Array<Column>,
/**
 * Its rows, each with a cell for every column.
 */
rows: Array<Row>, };

export type Tile = { index: number,
/**
 * `lost` where the full model is right and the router wrong, `wrong` where both are, `changed` where the answer is
 * another and nothing is labelled; empty otherwise.
 */
mark: string,
/**
 * `+` or `−` for the answer of a two-class model; empty for others.
 */
sign: string,
/**
 * Operations or energy spent, as a share of the full path's.
 */
cost: number, };

export type UsageState = { language: string, lines: string,
/**
 * What the button that copies them does, for screen readers.
 */
copy: string, };

export type UserFiles = {
/**
 * Models, by file.
 */
models: Array<string>,
/**
 * Inputs for them.
 */
inputs: string | null,
/**
 * What the model that came last is: terms and texts.
 */
details: Array<[string, string]>,
/**
 * How pictures become inputs of it, if they can.
 */
form: unknown, };
