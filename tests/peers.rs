//! Files that are routed here, in ONNX Runtime for Python and in onnxruntime-web: the same outputs, and the lines that are
//! given for them work as they stand. `./setup.sh` installs both; PERFORATE_PEERS=no goes without them.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ndarray::ArrayD;
use perforate::auto::{Found, Options, cascade, early_exits};
use perforate::data::{Samples, images, npz};
use perforate::engine::{Batch, Knobs, Program, Session, to_array};
use perforate::fit::quantise::{Bits, quantise};
use perforate::lab::experiment::Experiment;
use perforate::lab::find;
use perforate::lab::precision::path_of;
use perforate::onnx::{Component, encode};
use perforate::report::usage::{Language, usage};
use perforate::route::early_exit::RANGE;

const ROWS: usize = 40;
const TOLERANCE: f32 = 1e-4;

/// Where set-up puts them; none where they are not wanted.
fn peers() -> Option<PathBuf> {
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
struct Engines {
    folder: tempfile::TempDir,
    python: PathBuf,
    sizes: Vec<String>,
}

impl Engines {
    fn with(rows: &ArrayD<f32>) -> Option<Engines> {
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
    fn call(&self, program: &Path, arguments: &[&str]) -> String {
        succeeds(Command::new(program).args(arguments).current_dir(self.folder.path()))
    }

    /// The first output of a model, by engine.
    fn run(&self, model: &[u8]) -> [(&'static str, Vec<f32>); 2] {
        let path = |file: &str| self.folder.path().join(file);
        fs::write(path("model.onnx"), model).unwrap();
        self.call(&self.python, &["run.py", "model.onnx", "rows.npy", "out.npy"]);
        let arrays = npz::read("out.npy", &fs::read(path("out.npy")).unwrap(), "out").unwrap();
        let python = to_array::<f32>(arrays.get("out").unwrap()).unwrap().into_iter().collect();
        let arguments = ["run.mjs", "model.onnx", "rows.bin", "out.bin"].into_iter();
        let arguments: Vec<&str> = arguments.chain(self.sizes.iter().map(String::as_str)).collect();
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
    for threshold in [RANGE.never, 0.6, 0.95, RANGE.always] {
        let file = encode(&found.compose(threshold, Default::default()).unwrap());
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
fn compare(what: &str, own: &[f32], theirs: &[f32]) {
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
    let found = early_exits(
        component("models/fashion-static-s.onnx"),
        garments(0, 300),
        Options::default(),
    );
    check("early exits", &found.unwrap(), &rows_of(&garments(300, 300 + ROWS)));
}

#[test]
fn a_model_that_answers_with_numbers_and_has_gates() {
    let mlp = perforate::lab::mlp::build(42).unwrap();
    let samples = Samples::new(mlp.samples(400), None).unwrap();
    let options = Options { numbers: true, ..Options::default() };
    let found = early_exits(mlp.full.clone(), samples.clone(), options).unwrap();
    let some = samples.select(&(0..ROWS).collect::<Vec<_>>()).unwrap();
    check("numbers", &found, &rows_of(&some));
}

#[test]
fn a_cascade_of_models() {
    let models = [
        "models/fashion-light.onnx",
        "models/fashion-static-s.onnx",
        "models/fashion-static-m.onnx",
    ];
    let found = cascade(models.map(component).into(), garments(0, 200), Options::default());
    check("cascade", &found.unwrap(), &rows_of(&garments(300, 300 + ROWS)));
}

/// The bodies of our functions, as other engines run them, are what the kernels compute.
#[test]
fn products_in_fewer_bits() {
    let mlp = perforate::lab::mlp::build(42).unwrap();
    let samples = Samples::new(mlp.samples(ROWS), None).unwrap();
    let engines = Engines::with(&rows_of(&samples));
    for bits in [Bits::Eight, Bits::Four] {
        let quantised = quantise(&mlp.full, bits).unwrap();
        assert_eq!(quantised.products.len(), 2, "{:?}", quantised.products);
        let file = encode(&quantised.model);
        let program = Arc::new(Program::load("integers.onnx", &file).unwrap());
        let outcome = Session::new(program).run(samples.inputs(), &Knobs::new()).unwrap();
        let own: Vec<f32> = outcome.first().unwrap().into_iter().collect();
        let Some(engines) = &engines else { return };
        for (engine, theirs) in engines.run(&file) {
            compare(&format!("{bits:?} bits, {engine}"), &own, &theirs);
        }
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
    const AT_MOST: f32 = 0.05;
    const ON_AVERAGE: f32 = 0.01;
    let Some(peers) = peers() else { return };
    let scenario = find("precision/sentences").unwrap();
    let sizes = Experiment {
        scaling: 20,
        calibration: 20,
        test: SENTENCES,
        ..Experiment::usual(scenario, true)
    };
    let opened = scenario.open(&common::files(scenario.name), &sizes).unwrap();
    let samples = &opened.subject.test.0;
    let plan = opened.plan.as_ref().unwrap();
    let program = &opened.subject.routed;
    let mut session = Session::new(program.clone());
    // One budget for each mix that the controller can be led to.
    let mut budgets: Vec<(f32, Vec<usize>)> = vec![];
    for step in 0..=400 {
        let budget = step as f32 / 400.0;
        let mix = plan.mix(budget);
        let path = session.foresee(&Knobs::new().with("budget", budget)).unwrap();
        assert_eq!(path, Some(path_of(mix.clone())), "the plan and the graph at {budget}");
        if budgets.last().is_none_or(|(_, last)| *last != mix) {
            budgets.push((budget, mix));
        }
    }
    assert!(budgets.len() >= 8, "{budgets:?}");

    let folder = tempfile::tempdir().unwrap();
    let path = |file: &str| folder.path().join(file);
    fs::write(path("model.onnx"), encode(&opened.routed)).unwrap();
    let array = |name: &str| -> ArrayD<f32> {
        let tensor = samples.inputs().get(name).unwrap();
        match name {
            "ids" => to_array::<i64>(tensor).unwrap().mapv(|id| id as f32),
            _ => to_array(tensor).unwrap(),
        }
    };
    let rows = npz::write(&[("ids", &array("ids")), ("mask", &array("mask"))]).unwrap();
    fs::write(path("rows.npz"), rows).unwrap();
    let mut command = Command::new(peers.join("python/bin/python"));
    command.arg(fs::canonicalize("tests/peers/sentences.py").unwrap()).current_dir(&folder);
    command.args(["model.onnx", "rows.npz", "budget", "out.npz"]);
    succeeds(command.args(budgets.iter().map(|(budget, _)| budget.to_string())));
    let theirs = npz::read("out.npz", &fs::read(path("out.npz")).unwrap(), "out").unwrap();
    let theirs = to_array::<f32>(theirs.get("out").unwrap()).unwrap();
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
        assert!(largest <= AT_MOST && mean <= ON_AVERAGE, "{budget}: {mix:?}: {mean}, {largest}");
    }
}
