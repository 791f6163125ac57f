//! Files that are routed here, in ONNX Runtime for Python and in onnxruntime-web: the same outputs, and the lines that are
//! given for them work as they stand. `./setup.sh` installs both; PERFORATE_PEERS=no goes without them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ndarray::ArrayD;
use perforate::data::{Samples, images, npz};
use perforate::engine::{Batch, Knobs, Program, Session, to_array};
use perforate::onnx::{
    Component, GraphBuilder, Metadata, Size, encode, functions, int_attribute, require_knobs,
};
use perforate::report::usage::{Language, usage};
use perforate::routing::exits::RANGE;
use perforate::routing::fit::quantise::{Bits, quantise};
use perforate::routing::search::{Found, Options, exits as find_exits, model_chain};
use perforate::strategies::perforated::long_texts::{self, LongTexts};
use perforate::strategies::precision::{path_of, plan_of};
use perforate_lab::Opened;
use perforate_lab::experiment::Experiment;
use perforate_lab::find;

use crate::common;

const ROWS: usize = 40;
const TOLERANCE: f32 = 1e-4;
/// How far outputs of networks in eight bits may differ.
const IN_EIGHT_BITS: f32 = 0.05;

/// Where set-up puts them; none where they are not wanted.
pub fn peers() -> Option<PathBuf> {
    if std::env::var("PERFORATE_PEERS").is_ok_and(|value| value == "no") {
        eprintln!("NOT RUN: PERFORATE_PEERS=no");
        return None;
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = cache.or_else(home).expect("a home").join("perforate/peers");
    assert!(
        folder.join("node_modules/onnxruntime-web").exists() && folder.join("python").exists(),
        "{} holds no ONNX Runtime: run ./setup.sh, or set PERFORATE_PEERS=no",
        folder.display()
    );
    Some(folder)
}

#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}", text(&output.stderr));
    text(&output.stdout)
}

/// A folder in which both engines run models on the same rows.
pub struct Engines {
    folder: tempfile::TempDir,
    pub python: PathBuf,
    sizes: Vec<String>,
}

impl Engines {
    pub fn with(rows: &ArrayD<f32>) -> Option<Engines> {
        let peers = peers()?;
        let folder = tempfile::tempdir().unwrap();
        let path = |file: &str| folder.path().join(file);
        std::os::unix::fs::symlink(peers.join("node_modules"), path("node_modules")).unwrap();
        for script in ["run.py", "run.mjs"] {
            fs::copy(Path::new("tests/peers").join(script), path(script)).unwrap();
        }
        let bytes: Vec<u8> = rows.iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(path("rows.bin"), bytes).unwrap();
        // One array of an .npz file is an .npy file.
        let archive = npz::write(&[("x", rows)]).unwrap();
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
        let mut array = fs::File::create(path("rows.npy")).unwrap();
        std::io::copy(&mut archive.by_index(0).unwrap(), &mut array).unwrap();
        let sizes = rows.shape()[1..].iter().map(usize::to_string).collect();
        Some(Engines { python: peers.join("python/bin/python"), folder, sizes })
    }

    #[track_caller]
    pub fn call(&self, program: &Path, arguments: &[&str]) -> String {
        succeeds(Command::new(program).args(arguments).current_dir(self.folder.path()))
    }

    /// The first output of a model, by engine.
    pub fn run(&self, model: &[u8]) -> [(&'static str, Vec<f32>); 2] {
        self.run_at(model, &[])
    }

    /// The same at these settings of its knobs, `NAME=VALUE`.
    fn run_at(&self, model: &[u8], knobs: &[&str]) -> [(&'static str, Vec<f32>); 2] {
        let path = |file: &str| self.folder.path().join(file);
        fs::write(path("model.onnx"), model).unwrap();
        let arguments = [&["run.py", "model.onnx", "rows.npy", "out.npy"], knobs].concat();
        self.call(&self.python, &arguments);
        let arrays = npz::read("out.npy", &fs::read(path("out.npy")).unwrap(), "out").unwrap();
        let python = to_array::<f32>(arrays.get("out").unwrap()).unwrap().into_iter().collect();
        let arguments = ["run.mjs", "model.onnx", "rows.bin", "out.bin"].into_iter();
        let arguments = arguments.chain(self.sizes.iter().map(String::as_str));
        let arguments: Vec<&str> = arguments.chain(knobs.iter().copied()).collect();
        self.call(Path::new("node"), &arguments);
        let bytes = fs::read(path("out.bin")).unwrap();
        let web = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        [("Python", python), ("web", web.collect())]
    }

    /// Runs the lines of usage for the model that ran last; each prints the shape that is wanted first.
    fn use_it(&self, program: &Program, width: usize) {
        let path = |file: &str| self.folder.path().join(file);
        fs::write(path("use.py"), usage(Language::Python, "model.onnx", program)).unwrap();
        let said = self.call(&self.python, &["use.py"]);
        assert!(said.starts_with(&format!("(1, {width})")), "{said}");
        fs::write(path("use.mjs"), usage(Language::Javascript, "model.onnx", program)).unwrap();
        let said = self.call(Path::new("node"), &["use.mjs"]);
        assert!(said.starts_with(&format!("[ 1, {width} ]")), "{said}");
    }
}

/// Runs `found` at several settings in all three engines, and the lines of usage.
fn check(name: &str, found: &Found, rows: &ArrayD<f32>) {
    let Some(engines) = Engines::with(rows) else { return };
    for threshold in [RANGE.light, 0.6, 0.95, RANGE.full] {
        let file = encode(&found.compose("found", threshold, Default::default()).unwrap());
        let program = Arc::new(Program::load("routed.onnx", &file).unwrap());
        let input = program.inputs()[0].name.clone();
        let mut session = Session::new(program.clone());
        let outcome = session.run(&Batch::new().with(&input, rows.clone()), &Knobs::new()).unwrap();
        let own: Vec<f32> = outcome.first().unwrap().into_iter().collect();
        for (engine, theirs) in engines.run(&file) {
            compare(&format!("{name} at {threshold}, {engine}"), &own, &theirs);
        }
        if threshold == 0.6 {
            engines.use_it(&program, own.len() / ROWS);
        }
    }
}

#[track_caller]
pub fn compare(what: &str, own: &[f32], theirs: &[f32]) {
    assert_eq!(own.len(), theirs.len(), "{what}");
    let worst = own.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("{what}: at most {worst:e} apart");
    assert!(worst <= TOLERANCE, "{what}: {worst}");
}

fn garments(from: usize, to: usize) -> Samples {
    let name = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let pixels = images::read_images(name, &common::read(name)).unwrap();
    let all = Samples::new(Batch::new().with("x", pixels), None).unwrap();
    all.select(&(from..to).collect::<Vec<_>>()).unwrap()
}

fn rows_of(samples: &Samples) -> ArrayD<f32> {
    to_array::<f32>(samples.inputs().get("x").unwrap()).unwrap()
}

fn component(file: &str) -> Component {
    Component::decode(file, &common::read(file)).unwrap()
}

#[test]
fn a_network_with_exits() {
    let found =
        find_exits(component("models/fashion/static-s.onnx"), garments(0, 300), Options::default());
    check("early exits", &found.unwrap(), &rows_of(&garments(300, 300 + ROWS)));
}

#[test]
fn a_model_that_answers_with_numbers_and_has_gates() {
    let mlp = perforate::strategies::dendritic::reference::build(42).unwrap();
    let samples = Samples::new(mlp.samples(400), None).unwrap();
    let options = Options { numbers: true, ..Options::default() };
    let found = find_exits(mlp.full.clone(), samples.clone(), options).unwrap();
    let some = samples.select(&(0..ROWS).collect::<Vec<_>>()).unwrap();
    check("numbers", &found, &rows_of(&some));
}

#[test]
fn a_cascade_of_models() {
    let models = [
        "models/fashion/light.onnx",
        "models/fashion/static-s.onnx",
        "models/fashion/static-m.onnx",
    ];
    let found = model_chain(models.map(component).into(), garments(0, 200), Options::default());
    check("cascade", &found.unwrap(), &rows_of(&garments(300, 300 + ROWS)));
}

/// Without an initializer a knob can be turned in onnxruntime-web too; here it then has the default of the metadata.
#[test]
fn a_knob_that_is_an_input_can_be_turned_everywhere() {
    const DEFAULT: f32 = 0.1;
    let mut model = common::dendritic_fashion(DEFAULT);
    require_knobs(&mut model).unwrap();
    let file = encode(&model);
    let program = Arc::new(Program::load("routed.onnx", &file).unwrap());
    assert_eq!((program.knobs()[0].default, program.knobs()[0].is_required), (Some(DEFAULT), true));
    let samples = garments(0, ROWS);
    let mut session = Session::new(program.clone());
    let mut run = |knobs: Knobs| {
        let outcome = session.run(samples.inputs(), &knobs).unwrap();
        let light = outcome.trace.rows.iter().filter(|row| row.path.at(0) == Some(false)).count();
        (light, outcome.first().unwrap().into_iter().collect::<Vec<f32>>())
    };
    let engines = Engines::with(&rows_of(&samples));
    let mut lights = vec![];
    for threshold in [2.0, DEFAULT, 0.0] {
        let (light, own) = run(Knobs::new().with("threshold", threshold));
        lights.push(light);
        if threshold == DEFAULT {
            assert_eq!(run(Knobs::new()), (light, own.clone()), "the default");
        }
        let Some(engines) = &engines else { continue };
        for (engine, theirs) in engines.run_at(&file, &[&format!("threshold={threshold}")]) {
            compare(&format!("threshold {threshold}, {engine}"), &own, &theirs);
        }
    }
    assert!(lights[0] == ROWS && (1..ROWS).contains(&lights[1]) && lights[2] == 0, "{lights:?}");
    if let Some(engines) = engines {
        engines.use_it(&program, 10);
    }
}

/// The bodies of our functions, as other engines run them, are what the kernels compute.
fn products_are_equal(bits: Bits) {
    let mlp = perforate::strategies::dendritic::reference::build(42).unwrap();
    let samples = Samples::new(mlp.samples(ROWS), None).unwrap();
    let engines = Engines::with(&rows_of(&samples));
    let quantised = quantise(&mlp.full, bits).unwrap();
    assert_eq!(quantised.products.len(), 2, "{:?}", quantised.products);
    let file = encode(&quantised.model);
    let program = Arc::new(Program::load("integers.onnx", &file).unwrap());
    let outcome = Session::new(program).run(samples.inputs(), &Knobs::new()).unwrap();
    let own: Vec<f32> = outcome.first().unwrap().into_iter().collect();
    let Some(engines) = engines else { return };
    for (engine, theirs) in engines.run(&file) {
        compare(&format!("{bits:?} bits, {engine}"), &own, &theirs);
    }
    let program = Program::load("integers.onnx", &file).unwrap();
    engines.use_it(&program, own.len() / ROWS);
    let lines = usage(Language::Python, "model.onnx", &program);
    assert_eq!(lines.contains("x64quantprecision"), bits == Bits::Eight, "{lines}");
}

/// ONNX Runtime multiplies eight bits faster than f32, since the function's body is what it has kernels for: natively 1.8 to 2.8
/// times at a MiniLM's sizes. The bound is wide, for the machine may do something else too.
#[test]
fn products_in_eight_bits_are_fast_in_onnx_runtime() {
    const SIDE: usize = 768;
    let Some(peers) = peers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut graph = GraphBuilder::new("products", 17);
    let mut x = graph.input("x", &[Size::Rows, Size::Fixed(SIDE)]).unwrap();
    for layer in 0..4usize {
        let value = |ix: usize| ((ix * 29 + layer) % 83) as f32 / 830.0 - 0.05;
        let values: Vec<f32> = (0..SIDE * SIDE).map(value).collect();
        let weights = graph.constant(&format!("w{layer}"), &[SIDE, SIDE], &values).unwrap();
        x = graph.node("MatMul", &format!("h{layer}"), &[&x, &weights]).unwrap();
    }
    graph.output(&x, &[Size::Rows, Size::Fixed(SIDE)]).unwrap();
    let full = graph.into_model(&Metadata::default()).unwrap();
    let eight = quantise(&Component::new("products", full.clone()).unwrap(), Bits::Eight).unwrap();
    fs::write(folder.path().join("full.onnx"), encode(&full)).unwrap();
    fs::write(folder.path().join("eight.onnx"), encode(&eight.model)).unwrap();
    let mut command = Command::new(peers.join("python/bin/python"));
    command.arg(fs::canonicalize("tests/peers/faster.py").unwrap()).current_dir(&folder);
    let told = succeeds(command.args(["full.onnx", "eight.onnx", &SIDE.to_string()]));
    println!("eight bits in ONNX Runtime: {} times as fast as f32", told.trim());
    assert!(told.trim().parse::<f64>().unwrap() > 0.8, "{told}");
}

#[test]
fn products_in_eight_bits() {
    products_are_equal(Bits::Eight);
}

#[test]
fn products_in_four_bits() {
    products_are_equal(Bits::Four);
}

/// What ONNX Runtime for Python gives for the test sentences of a scenario, one by one, at each setting of its knob.
fn at_settings(peers: &Path, opened: &Opened, knob: &str, settings: &[f32]) -> ArrayD<f32> {
    run_sentences(peers, &encode(&opened.routed), opened.subject.test.0.inputs(), knob, settings)
}

/// The same for a model and a batch of `ids` and `mask`.
fn run_sentences(
    peers: &Path,
    model: &[u8],
    batch: &Batch,
    knob: &str,
    settings: &[f32],
) -> ArrayD<f32> {
    let folder = tempfile::tempdir().unwrap();
    let path = |file: &str| folder.path().join(file);
    fs::write(path("model.onnx"), model).unwrap();
    let array = |name: &str| -> ArrayD<f32> {
        let tensor = batch.get(name).unwrap();
        match name {
            "ids" => to_array::<i64>(tensor).unwrap().mapv(|id| id as f32),
            _ => to_array(tensor).unwrap(),
        }
    };
    let rows = npz::write(&[("ids", &array("ids")), ("mask", &array("mask"))]).unwrap();
    fs::write(path("rows.npz"), rows).unwrap();
    let mut command = Command::new(peers.join("python/bin/python"));
    command.arg(fs::canonicalize("tests/peers/sentences.py").unwrap()).current_dir(&folder);
    command.args(["model.onnx", "rows.npz", knob, "out.npz"]);
    succeeds(command.args(settings.iter().map(f32::to_string)));
    let theirs = npz::read("out.npz", &fs::read(path("out.npz")).unwrap(), "out").unwrap();
    to_array(theirs.get("out").unwrap()).unwrap()
}

/// A scenario of sentences with this many of them.
fn sentences(name: &str, count: usize) -> Opened {
    let scenario = find(name).unwrap();
    let usual = Experiment::usual(scenario, true);
    let sizes = Experiment { scaling: 20, calibration: 20, test: count, ..usual };
    scenario.open(&common::files(scenario.name), &sizes).unwrap()
}

/// A scenario's routed file at these settings of its knob, sentence by sentence.
fn is_routed_alike(name: &str, settings: &[f32], tolerance: f32) {
    const SENTENCES: usize = 12;
    let Some(peers) = peers() else { return };
    let opened = sentences(name, SENTENCES);
    let knob = opened.subject.knob.clone();
    let theirs = at_settings(&peers, &opened, &knob, settings);
    let mut session = Session::new(opened.subject.routed.clone());
    let mut theirs = theirs.rows().into_iter();
    for &setting in settings {
        let knobs = Knobs::new().with(&knob, setting);
        for row in 0..SENTENCES {
            let one = opened.subject.test.0.row(row).unwrap();
            let ours = session.run(&one, &knobs).unwrap().first().unwrap();
            for (a, b) in ours.iter().zip(theirs.next().unwrap()) {
                assert!((a - b).abs() <= tolerance, "{name}, {setting}, {row}: {a}, {b}");
            }
        }
    }
}

/// Tokens are left out by the function's body there and by our operator here: at every target.
#[test]
fn perforated_sentences_are_routed_alike() {
    let settings: Vec<f32> = (0..10).map(|tenth| tenth as f32 / 10.0).collect();
    is_routed_alike("perforated/sentences", &settings, TOLERANCE);
}

#[test]
fn perforated_sentences_with_exits_are_routed_alike() {
    is_routed_alike("perforated-exits/sentences", &[0.0, 0.7, 0.9, 2.0], TOLERANCE);
}

/// Products in eight bits are nearly equal, see [`precision_on_a_budget`].
#[test]
fn a_cascade_in_eight_bits_is_routed_alike() {
    is_routed_alike("cascade-int8/sentences", &[0.0, 0.7, 0.9, 1.0, 2.0], IN_EIGHT_BITS);
}

/// A transformer whose attention is perforated by what was learned of its blocks.
#[test]
fn perforated_transformer() {
    const LENGTH: usize = 100;
    let Some(peers) = peers() else { return };
    let files = long_texts::files().into_iter().map(|file| (file.clone(), fs::read(file).unwrap()));
    let long = LongTexts::read(&files.collect()).unwrap();
    let (file, texts) = (long.routed(LENGTH).unwrap(), long.texts(LENGTH, 0, 2).unwrap());
    let settings = [0.0, 0.3, 0.5, 0.9];
    let theirs = run_sentences(&peers, &file, &texts, "sparsity", &settings);
    let mut session = Session::new(Arc::new(Program::load("long.onnx", &file).unwrap()));
    let dense = long.pair(LENGTH).unwrap().dense;
    let dense = Session::new(dense).run(&texts, &Knobs::new()).unwrap().first().unwrap();
    let mut theirs = theirs.rows().into_iter();
    for setting in settings {
        let knobs = Knobs::new().with("sparsity", setting);
        let ours = session.run(&texts, &knobs).unwrap().first().unwrap();
        for own in ours.rows() {
            for (a, b) in own.iter().zip(theirs.next().unwrap()) {
                assert!((a - b).abs() <= TOLERANCE, "{setting}: {a}, {b}");
            }
        }
        let apart = ours.iter().zip(&dense).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!((apart <= TOLERANCE) == (setting == 0.0), "{setting}: {apart} from the dense one");
    }
}

/// Attention over what is kept: the dense body with a mask there, blocks that are never loaded here.
#[test]
fn perforated_attention() {
    const HEADS: usize = 2;
    const LENGTH: usize = 70;
    const DEPTH: usize = 8;
    let blocks = LENGTH.div_ceil(functions::ATTENTION_BLOCK);
    // Queries, keys, values, a column of the mask, and the importance in a corner of what is left.
    let width = 3 * DEPTH + 1 + blocks;
    let mut graph = GraphBuilder::new("attention", 17);
    let sizes =
        |n: usize, d: usize| [Size::Rows, Size::Fixed(HEADS), Size::Fixed(n), Size::Fixed(d)];
    graph.input("x", &sizes(LENGTH, width)).unwrap();
    let mut part = |name: &str, [from, to]: [usize; 2], until: usize| {
        let whole = |what: &str, values: [usize; 2], graph: &mut GraphBuilder| {
            graph.integers(&format!("{name}/{what}"), &values.map(|v| v as i64)).unwrap()
        };
        let inputs = [
            "x".to_string(),
            whole("from", [0, from], &mut graph),
            whole("to", [until, to], &mut graph),
            whole("axes", [2, 3], &mut graph),
        ];
        graph.node("Slice", name, &inputs.each_ref().map(String::as_str)).unwrap()
    };
    let q = part("q", [0, DEPTH], LENGTH);
    let k = part("k", [DEPTH, 2 * DEPTH], LENGTH);
    let v = part("v", [2 * DEPTH, 3 * DEPTH], LENGTH);
    let column = part("column", [3 * DEPTH, 3 * DEPTH + 1], LENGTH);
    let importance = part("importance", [3 * DEPTH + 1, width], blocks);
    let half = graph.constant("half", &[], &[-0.5]).unwrap();
    let high = graph.node("Greater", "high", &[&column, &half]).unwrap();
    let high = graph.node_with("Cast", "number", &[&high], vec![int_attribute("to", 1)]).unwrap();
    let first = graph.integers("first", &[0]).unwrap();
    let head = graph.node_with("Gather", "head", &[&high, &first], vec![int_attribute("axis", 1)]);
    let flat = graph.integers("flat", &[-1, LENGTH as i64]).unwrap();
    let mask = graph.node("Reshape", "mask", &[&head.unwrap(), &flat]).unwrap();
    let threshold = graph.constant("threshold", &[], &[0.3]).unwrap();
    let inputs = [&q, &k, &v, &importance, &threshold, &mask].map(String::as_str);
    let y = graph.call(functions::perforated_attention(17), "attention", &inputs).unwrap();
    graph.output(&y[0], &sizes(LENGTH, DEPTH)).unwrap();
    let file = encode(&graph.into_model(&Metadata::default()).unwrap());

    let rows = ArrayD::from_shape_fn(vec![3, HEADS, LENGTH, width], |at| {
        (((at[0] * 31 + at[1] * 17 + at[2] * 7 + at[3]) * 2654435761usize % 2000) as f32) / 1000.0
            - 1.0
    });
    let Some(engines) = Engines::with(&rows) else { return };
    let program = Arc::new(Program::load("attention.onnx", &file).unwrap());
    let outcome =
        Session::new(program).run(&Batch::new().with("x", rows.clone()), &Knobs::new()).unwrap();
    let own = outcome.first().unwrap();
    assert!(own.iter().any(|y| *y == 0.0) && own.iter().any(|y| *y != 0.0), "some is left out");
    for (engine, theirs) in engines.run(&file) {
        let apart = own.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(theirs.len() == own.len() && apart <= 1e-5, "{engine}: {apart}");
    }
}

/// A network that switches its precision, at every budget that its controller tells apart.
///
/// Activations are rounded to 255 steps a row. Where engines add up in another order, a number on the border of two steps
/// falls to the other one: outputs differ by more than sums do, but by far less than the quantised network differs from the
/// one in f32 (0.03 and 0.13 on average).
#[test]
fn precision_on_a_budget() {
    const SENTENCES: usize = 12;
    const ON_AVERAGE: f32 = 0.01;
    let Some(peers) = peers() else { return };
    let opened = sentences("precision/sentences", SENTENCES);
    let samples = &opened.subject.test.0;
    let plan = plan_of(&*opened.companion).unwrap();
    let program = &opened.subject.routed;
    let mut session = Session::new(program.clone());
    // One budget for each mix that the controller can be led to.
    let mut budgets: Vec<(f32, Vec<usize>)> = vec![];
    for step in 0..=400 {
        let budget = step as f32 / 400.0;
        let mix = plan.mix(budget);
        let path = session.path_from_knobs(&Knobs::new().with("budget", budget)).unwrap();
        assert_eq!(path, Some(path_of(mix.clone())), "the plan and the graph at {budget}");
        if budgets.last().is_none_or(|(_, last)| *last != mix) {
            budgets.push((budget, mix));
        }
    }
    assert!(budgets.len() >= 8, "{budgets:?}");

    let settings: Vec<f32> = budgets.iter().map(|(budget, _)| *budget).collect();
    let theirs = at_settings(&peers, &opened, "budget", &settings);
    let mut theirs = theirs.rows().into_iter();
    for (budget, mix) in &budgets {
        let knobs = Knobs::new().with("budget", *budget);
        let (mut largest, mut sum, mut count) = (0f32, 0f32, 0);
        for row in 0..SENTENCES {
            let ours = session.run(&samples.row(row).unwrap(), &knobs).unwrap().first().unwrap();
            for (a, b) in ours.iter().zip(theirs.next().unwrap()) {
                largest = largest.max((a - b).abs());
                (sum, count) = (sum + (a - b).abs(), count + 1);
            }
        }
        let mean = sum / count as f32;
        println!("budget {budget}: {mix:?}: {mean:.5} apart on average, {largest:.5} at most");
        assert!(
            largest <= IN_EIGHT_BITS && mean <= ON_AVERAGE,
            "{budget}: {mix:?}: {mean}, {largest}"
        );
    }
}
