//! This engine against ONNX Runtime, natively and in one page of a real browser: equal outputs, and a table of times.
//! `./setup.sh` installs what this needs; PERFORATE_PEERS=no goes without it.
//!
//! `cargo test --release --test versus -- --nocapture` prints the table. Times are never asserted. A build for development
//! compares the outputs of one small model; `PERFORATE_VERSUS=1` has it do everything.
//!
//! `PERFORATE_VERSUS_MODELS=fashion-full,minilm` takes only models with one of these texts in their names, and
//! `PERFORATE_VERSUS_ROUNDS=5` fewer rounds.

mod modules;
#[allow(dead_code)] // the page's tests use the rest
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ndarray::ArrayD;
use perforate::cli::versus::{
    Case, HEADER, ROUNDS, Row, SAMPLE, SHIPPED, Shipped, agree, agree_in_eight_bits, compare,
    peers_folder, python,
};
use perforate::data::npz;
use perforate::engine::{Batch, DatumType, to_array};
use serde_json::{Value, json};

use support::{Browser, Page, Server};

const PEER: &str = "onnxruntime-web";
/// Longer than any model takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often the page is asked whether it is done: seldom, since it measures.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Held by whoever measures.
static MACHINE: Mutex<()> = Mutex::new(());

/// Whether to time all models; otherwise only the outputs of one small model are compared.
fn is_thorough() -> bool {
    !cfg!(debug_assertions) || std::env::var("PERFORATE_VERSUS").is_ok_and(|value| value == "1")
}

fn is_wanted() -> bool {
    let unwanted = std::env::var("PERFORATE_PEERS").is_ok_and(|value| value == "no");
    if unwanted {
        eprintln!("NOT RUN: PERFORATE_PEERS=no");
    }
    !unwanted
}

fn rounds() -> usize {
    let given = std::env::var("PERFORATE_VERSUS_ROUNDS").ok();
    let rounds = given.map(|text| text.parse().expect("PERFORATE_VERSUS_ROUNDS is a number"));
    rounds.unwrap_or(if is_thorough() { ROUNDS } else { 3 })
}

fn chosen() -> Vec<&'static Shipped> {
    let small = || if is_thorough() { String::new() } else { "fashion-light".into() };
    let texts = std::env::var("PERFORATE_VERSUS_MODELS").unwrap_or_else(|_| small());
    let is_chosen = |shipped: &&Shipped| texts.split(',').any(|text| shipped.name.contains(text));
    let chosen: Vec<_> = SHIPPED.iter().filter(is_chosen).collect();
    assert!(!chosen.is_empty(), "no model has one of these texts in its name: {texts}");
    chosen
}

#[test]
fn natively() {
    if !is_wanted() {
        return;
    }
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let python = python().unwrap();
    println!("{HEADER}");
    for shipped in chosen() {
        let rows = compare(&python, &shipped.open().unwrap(), rounds()).unwrap();
        rows.iter().for_each(|row| println!("{row}"));
        assert!(rows.len() == 2 && rows[0].threads == 1, "{rows:?}");
    }
}

fn perforate(arguments: &[&str], cache: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perforate"));
    cache.map(|cache| command.env("XDG_CACHE_HOME", cache));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

#[test]
fn a_model_and_inputs_of_the_users_own() {
    if !is_wanted() {
        return;
    }
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("x.npz");
    let images = ArrayD::from_shape_fn(vec![3, 1, 28, 28], |at| (at[0] + at[3]) as f32 / 30.0);
    fs::write(&inputs, npz::write(&[("x", &images)]).unwrap()).unwrap();
    let own = ["--model", "models/fashion/light.onnx", "--inputs", inputs.to_str().unwrap()];
    let output = perforate(&[&["versus", "--rounds", "2"], &own[..]].concat(), None);
    let text = String::from_utf8(output.stdout).unwrap();
    let [head, one, all] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(head.starts_with("model\tbatch\tengine\tthreads\tours_ms\ttheirs_ms\tratio"), "{head}");
    for line in [one, all] {
        assert!(line.starts_with("models/fashion/light.onnx\t3\tonnxruntime\t"), "{line}");
        let figures: Vec<f64> = line.split('\t').filter_map(|cell| cell.parse().ok()).collect();
        assert!(figures.len() == 7 && figures.iter().all(|figure| *figure > 0.0), "{line}");
    }
}

#[test]
fn the_command_line_says_what_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&["versus"][..], "run ./setup.sh"),
        (&["versus", "--model", "models/fashion/light.onnx"], "--inputs"),
    ] {
        let output = perforate(arguments, Some(empty.path()));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{text}");
        assert!(text.lines().count() == 1 && text.contains(words), "{text}");
    }
}

#[test]
fn in_the_browser() {
    if !is_wanted() {
        return;
    }
    if !is_thorough() {
        eprintln!("NOT RUN: a build for development; PERFORATE_VERSUS=1 runs it");
        return;
    }
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    // A folder that stays, so that the page can be opened by hand.
    let site = Path::new(env!("CARGO_TARGET_TMPDIR")).join("versus");
    fs::create_dir_all(site.join("cases")).unwrap();
    modules::build(&site);
    link(&peers_folder().join("node_modules/onnxruntime-web/dist"), &site.join("ort"));
    let cases: Vec<Value> = chosen()
        .into_iter()
        .map(|shipped| write(&shipped.open().unwrap(), &site.join("cases")))
        .collect();
    fs::write(site.join("cases/cases.json"), Value::from(cases.clone()).to_string()).unwrap();

    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/versus");
    let server = Server::start(&[&here, &site]).unwrap();
    let page = Page::open(Browser::Chromium, &server.url());
    let names = modules::MODULES.map(|(name, _)| name).join(",");
    println!("{HEADER}");
    for threads in threads() {
        page.visit(&format!("?threads={threads}&modules={names}"));
        modules::MODULES.iter().for_each(|(module, _)| describes_itself(&page, &cases[0], module));
        // A model in eight bits is compared with the one in f32 in this engine, once.
        for case in cases.iter().filter(|case| threads == 1 || case["full"].is_null()) {
            let result = measure(&page, case);
            rows(case, threads, &result).iter().for_each(|row| println!("{row}"));
        }
    }
    println!("model\tbatch\tworkers\tper_s\ttimes_one");
    for case in cases.iter().filter(|case| STREAMED.contains(&case["name"].as_str().unwrap())) {
        stream(&page, case).iter().for_each(|line| println!("{line}"));
    }
    page.assert_console_is_clean();
}

/// What is sent through pools of workers: a short run and a long one.
const STREAMED: [&str; 2] = ["fashion-full-batch1", "minilm-128-batch1"];

/// Throughput of pools of 1, 2, 4, … workers, up to twice the cores: a line each.
fn stream(page: &Page, case: &Value) -> Vec<String> {
    let cores = thread::available_parallelism().map_or(1, |count| count.get());
    let sizes: Vec<usize> = std::iter::successors(Some(1), |size| Some(2 * size))
        .take_while(|size| *size <= 2 * cores)
        .collect();
    let (module, _) = modules::MODULES[1];
    page.script(&format!("startStream({case}, {module:?}, {sizes:?}, {}, 1)", rounds()));
    let result = wait(page, case);
    let rates: Values<Vec<f64>> = serde_json::from_value(result["rates"].clone()).unwrap();
    let one = &rates["1"];
    let of = |size: usize| {
        let own = &rates[&size.to_string()];
        let ratios = own.iter().zip(one).map(|(own, one)| own / one).collect();
        let (rate, ratio) = (median(own.clone()), median(ratios));
        format!(
            "{}\t{}\t{size}\t{rate:.2}\t{ratio:.3}",
            case["model"].as_str().unwrap(),
            case["batch"]
        )
    };
    sizes.into_iter().map(of).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A module names what a model takes and gives, and says in a sentence what is wrong.
fn describes_itself(page: &Page, case: &Value, module: &str) {
    let said = page.script(&format!("return describe({case}, {module:?})"));
    let inputs = case["inputs"].as_array().unwrap().iter().map(|input| &input["name"]);
    assert!(inputs.eq(said["inputs"].as_array().unwrap()), "{said}");
    assert!(!said["outputs"].as_array().unwrap().is_empty(), "{said}");
    assert_eq!(said["knobs"], json!([]), "{said}");
    let first = &case["inputs"][0]["name"].as_str().unwrap();
    let input = format!("input `{first}`");
    let words = ["the file is empty", &input, "input `other`", &input, "knob `other`"];
    for (error, words) in said["errors"].as_array().unwrap().iter().zip(words) {
        let error = error.as_str().unwrap();
        assert!(error.contains(words) && error.ends_with('.'), "{words}: {error}");
    }
}

/// Threads of onnxruntime-web: one, and its default of half the processor's threads and at most four, or two where that is one.
fn threads() -> Vec<usize> {
    let all = thread::available_parallelism().map_or(1, |count| count.get());
    let several = all.div_ceil(2).clamp(2, 4);
    if all > 1 { vec![1, several] } else { vec![1] }
}

fn link(from: &Path, to: &Path) {
    assert!(
        from.exists(),
        "{} is missing: run ./setup.sh, or set PERFORATE_PEERS=no",
        from.display()
    );
    fs::remove_file(to).ok();
    std::os::unix::fs::symlink(from, to).unwrap();
}

/// Writes a case where the page looks for it, and returns what the page must know of it.
fn write(case: &Case, folder: &Path) -> Value {
    let rows = case.inputs.rows();
    let name = format!("{}-batch{rows}", case.model);
    fs::write(folder.join(format!("{name}.onnx")), &case.file).unwrap();
    let full = case.full.as_ref().map(|file| {
        fs::write(folder.join(format!("{name}.f32.onnx")), file).unwrap();
        format!("{name}.f32")
    });
    let input = |input: &str| {
        let (kind, dims, bytes) = plain(&case.inputs, input);
        fs::write(folder.join(format!("{name}.{input}.bin")), bytes).unwrap();
        json!({ "name": input, "type": kind, "dims": dims })
    };
    let inputs: Vec<Value> = case.inputs.names().map(input).collect();
    json!({ "name": name, "full": full, "model": case.model, "batch": rows, "inputs": inputs })
}

/// Type, sizes and values of an input.
fn plain(inputs: &Batch, name: &str) -> (&'static str, Vec<usize>, Vec<u8>) {
    let tensor = inputs.get(name).unwrap();
    let dims = tensor.shape().to_vec();
    if tensor.datum_type() == DatumType::I64 {
        let values = to_array::<i64>(tensor).unwrap();
        return ("int64", dims, values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }
    let values = to_array::<f32>(tensor).unwrap();
    ("float32", dims, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// Has the page time a case.
fn measure(page: &Page, case: &Value) -> Value {
    page.script(&format!("start({case}, {}, {})", rounds(), SAMPLE.0));
    wait(page, case)
}

/// What the page found, once it has.
fn wait(page: &Page, case: &Value) -> Value {
    let began = Instant::now();
    loop {
        thread::sleep(LOOK_EVERY);
        let result = page.script("return window.result ?? null");
        assert!(result["error"].is_null(), "{case}: {}", result["error"]);
        if !result.is_null() {
            return result;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {case}");
    }
}

type Values<T> = BTreeMap<String, T>;

/// Lines of the table, of outputs that are equal.
fn rows(case: &Value, threads: usize, result: &Value) -> Vec<Row> {
    let read = |name: &str| result[name].clone();
    let seconds: Values<Vec<f64>> = serde_json::from_value(read("seconds")).unwrap();
    let outputs: Values<Values<Vec<f32>>> = serde_json::from_value(read("outputs")).unwrap();
    let is_quantised = !case["full"].is_null();
    let agree = if is_quantised { agree_in_eight_bits } else { agree };
    let rows = modules::MODULES.iter().map(|(module, _)| {
        let f32_here = format!("{module} f32");
        let peer = if is_quantised { &f32_here } else { PEER };
        for (name, theirs) in &outputs[peer] {
            let ours = &outputs[*module][name];
            assert_eq!(ours.len(), theirs.len(), "{case}, {module}, {name}");
            let wrong = ours.iter().zip(theirs).position(|(a, b)| !agree(*a, *b));
            let pair = wrong.map(|ix| (ix, ours[ix], theirs[ix]));
            assert_eq!(pair, None, "{case}, {module}, {name}: place, ours, theirs");
        }
        Row {
            model: case["model"].as_str().unwrap().into(),
            batch: case["batch"].as_u64().unwrap() as usize,
            engine: if is_quantised { "f32" } else { PEER },
            threads,
            build: (*module).into(),
            ours: seconds[*module].clone(),
            theirs: seconds[peer].clone(),
        }
    });
    rows.collect()
}
