//! The npm package as its users meet it: packed, installed into an empty folder, and used in Node, under TypeScript's checker
//! and in a browser without a bundler.
//!
//! It needs what `./setup.sh` installs; PERFORATE_PEERS=no goes without.

#[path = "common/mod.rs"]
mod common;
#[allow(dead_code)] // the page's tests use the rest
#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use perforate::engine::{Batch, Knobs, Program, Session, to_array};
use perforate::onnx::{Certificate, certify, encode, require_knobs};
use serde_json::{Value, json};

const THRESHOLD: f32 = 0.2;
const EIGHT_BITS: &str = "models/fashion/full-int8.onnx";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a program says, which must succeed.
#[track_caller]
fn says(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// The folder of the built package.
fn package() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = support::build::target().join("npm");
        let mut build = Command::new("sh");
        build.arg(root().join("src/runtime/npm/build.sh")).arg(&folder).current_dir(root());
        build.env("CARGO_TARGET_DIR", support::build::target());
        says(build.env("PATH", support::build::path_with_cargo_tools()));
        folder
    })
}

/// An empty project with the packed package installed, and a routed model in it.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let packed = says(
        Command::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(folder.path())
            .current_dir(package()),
    );
    let tarball = folder.path().join(packed.trim());
    fs::write(folder.path().join("package.json"), r#"{ "private": true, "type": "module" }"#)
        .unwrap();
    let mut install = Command::new("npm");
    install.args(["install", "--offline", "--no-audit", "--no-fund", "--silent"]).arg(&tarball);
    says(install.current_dir(folder.path()));
    fs::write(folder.path().join("routed.onnx"), routed()).unwrap();
    fs::write(folder.path().join("int8.onnx"), common::read(EIGHT_BITS)).unwrap();
    let mut required = common::dendritic_fashion(THRESHOLD);
    require_knobs(&mut required).expect("a knob");
    fs::write(folder.path().join("required.onnx"), encode(&required)).unwrap();
    folder
}

/// A routed model with a certificate.
fn routed() -> Vec<u8> {
    let mut model = common::dendritic_fashion(THRESHOLD);
    let certificate = Certificate {
        knob: "threshold".into(),
        value: THRESHOLD,
        loss: "error".into(),
        epsilon: 0.005,
        delta: 0.1,
        n: 4000,
    };
    certify(&mut model, certificate).expect("a certificate");
    encode(&model)
}

/// A row by itself: its path, its operations, its answer.
type Alone = (String, f64, Vec<f32>);

/// Images, and what the native program makes of each by itself.
fn images(count: usize) -> (Vec<f32>, Vec<Alone>) {
    let file = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let all = perforate::data::images::read_images(file, &common::read(file)).expect("the images");
    let batch = Batch::new().with("x", all).slice(0..count).expect("rows");
    let x: Vec<f32> = to_array::<f32>(batch.get("x").unwrap()).unwrap().into_iter().collect();
    let program = Arc::new(Program::load("routed.onnx", &routed()).expect("the model"));
    let mut session = Session::new(program.clone());
    let alone = (0..count).map(|row| {
        let outcome = session.run(&batch.slice(row..row + 1).unwrap(), &Knobs::new()).unwrap();
        let trace = &outcome.trace.rows[0];
        let logits = outcome.first().unwrap().into_iter().collect();
        (program.path_label(trace.path), trace.work.macs.0, logits)
    });
    (x, alone.collect())
}

/// What the native program makes of images in eight bits.
fn in_eight_bits(x: &[f32], count: usize) -> Vec<f32> {
    let program = Program::load("int8.onnx", &common::read(EIGHT_BITS)).expect("the model");
    let x = ndarray::ArrayD::from_shape_vec(vec![count, 1, 28, 28], x.to_vec()).unwrap();
    let batch = Batch::new().with(program.inputs()[0].name.clone(), x);
    let outcome = Session::new(Arc::new(program)).run(&batch, &Knobs::new()).unwrap();
    outcome.first().unwrap().into_iter().collect()
}

/// Where `setup.sh` puts what the tests compare with.
fn peers() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
    cache.unwrap_or_else(home).join("perforate/peers")
}

fn has_peers() -> bool {
    let wanted = !std::env::var("PERFORATE_PEERS").is_ok_and(|value| value == "no");
    if !wanted {
        eprintln!("NOT RUN: PERFORATE_PEERS=no");
    }
    wanted
}

#[test]
fn the_package_holds_what_it_should_and_is_small() {
    if !has_peers() {
        return;
    }
    let listed =
        says(Command::new("npm").args(["pack", "--dry-run", "--json"]).current_dir(package()));
    let listed: Value = serde_json::from_str(&listed).expect("a list");
    let files = listed[0]["files"].as_array().expect("files");
    let mut names: Vec<&str> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "error.js",
            "index.d.ts",
            "index.js",
            "module.js",
            "package.json",
            "perforate_runtime.js",
            "perforate_runtime_bg.wasm",
            "perforate_runtime_plain_bg.wasm",
            "pool-worker.js",
            "pool.js",
            "report.schema.json",
        ]
    );
    let packed = says(
        Command::new("sh")
            .args(["-c", "gzip -9 -c perforate_runtime_bg.wasm | wc -c"])
            .current_dir(package()),
    );
    let size: f64 = packed.trim().parse().expect("bytes");
    println!("the engine's module: {:.2} MB gzipped", size / 1e6);
    assert!(size < 2.3e6, "{size} bytes");
}

/// The README's lines run as they are pasted, and TypeScript accepts them under its strictest checks.
#[test]
fn the_readme_runs_as_pasted() {
    if !has_peers() {
        return;
    }
    let project = project();
    let readme = fs::read_to_string(root().join("src/runtime/npm/README.md")).unwrap();
    let (_, rest) = readme.split_once("```js\n").expect("lines of JavaScript");
    let (lines, _) = rest.split_once("```").expect("their end");
    fs::write(project.path().join("main.mjs"), lines).unwrap();
    let told = says(Command::new("node").arg("main.mjs").current_dir(project.path()));
    assert!(told.contains("light") || told.contains("full"), "{told}");

    fs::write(project.path().join("main.mts"), lines).unwrap();
    let options = json!({
        "compilerOptions": {
            "strict": true, "noEmit": true, "module": "nodenext", "target": "esnext", "lib": ["esnext", "dom"], "types": [],
            "exactOptionalPropertyTypes": true, "noUncheckedIndexedAccess": true,
        },
        "files": ["main.mts"],
    });
    fs::write(project.path().join("tsconfig.json"), options.to_string()).unwrap();
    let tsc = peers().join("node_modules/typescript/bin/tsc");
    says(Command::new("node").arg(tsc).args(["--pretty", "false"]).current_dir(project.path()));
}

const NODE: &str = r#"
import { readFile } from "node:fs/promises";
import { PerforateError, load } from "perforate";
const { x, count } = JSON.parse(await readFile("inputs.json", "utf8"));
const model = await load("routed.onnx");
const pixels = Float32Array.from(x);
const row = (ix) => ({ x: { data: pixels.slice(ix * 784, (ix + 1) * 784), dims: [1, 1, 28, 28] } });
const batch = await model.run({ x: { data: pixels, dims: [count, 1, 28, 28] } });
const alone = [];
for (let ix = 0; ix < count; ix += 1) alone.push(await model.run(row(ix)));
const light = await model.run(row(0), { threshold: 2 });
// A knob that other runtimes must be given has a default here.
const required = await load("required.onnx");
const atDefault = await required.run({ x: { data: pixels, dims: [count, 1, 28, 28] } });
const turned = await required.run(row(0), { threshold: 2 });
const inputKnob = [required.knobs[0].default, atDefault.paths.join() === batch.paths.join(), turned.paths[0]];
// Node 20 knows no relaxed SIMD: this is the other module, eight-bit products included.
const eight = await load("int8.onnx");
const inEight = Object.values((await eight.run({ [eight.inputs[0].name]: { data: pixels, dims: [count, 1, 28, 28] } })).outputs)[0];
eight.dispose();
const faults = [];
for (const work of [
  () => load("nothing.onnx"),
  () => load(new Uint8Array(0)),
  () => load(new Uint8Array([1, 2, 3])),
  () => model.run({}),
  () => model.run({ x: { data: new Float32Array(3), dims: [1, 3] } }),
  () => model.run(row(0), { speed: 1 }),
  () => model.run(row(0), { signal: AbortSignal.abort(new Error("no more")) }),
]) {
  const error = await work().then(() => null, (error) => error);
  faults.push([error instanceof PerforateError, error?.kind ?? null, error?.message ?? null]);
}
// A stream through two workers, half of it cancelled on the way; nothing is lost, nothing comes twice.
const pool = await model.pool(2, { observe: {} });
const stop = new AbortController();
const ends = { done: 0, cancelled: 0, other: 0, apart: 0, longest: 0 };
const all = [];
for (let ix = 0; ix < 400; ix += 1) {
  await pool.room();
  ends.longest = Math.max(ends.longest, pool.waiting);
  const signal = ix >= 200 ? stop.signal : undefined;
  all.push(pool.run(row(ix % count), { signal }).then(({ outputs }) => {
    ends.done += 1;
    if (outputs.logits.data.some((value, at) => value !== alone[ix % count].outputs.logits.data[at])) ends.apart += 1;
  }, (error) => { if (error === stop.signal.reason) ends.cancelled += 1; else ends.other += 1; }));
  if (ix === 300) stop.abort();
}
await Promise.all(all);
const seen = (await Promise.all([pool.report(), pool.report()]))[1];
pool.close();
const afterwards = await pool.report();
const report = model.report();
// The same rows again, watched.
model.observe();
await model.run({ x: { data: pixels, dims: [count, 1, 28, 28] } });
const { observed } = model.report();
const badDelta = await Promise.resolve().then(() => model.observe({ delta: 2 })).then(() => null, (error) => error.kind);
model.dispose();
const gone = await model.run(row(0)).then(() => null, (error) => error.kind);
console.log(JSON.stringify({
  inputs: model.inputs, outputs: model.outputs, knobs: model.knobs, certificate: model.certificate,
  paths: batch.paths, macs: [...batch.macs], logits: [...batch.outputs.logits.data],
  alone: alone.map(({ paths, outputs }) => [paths[0], [...outputs.logits.data]]),
  light: light.paths[0], inputKnob, eight: [...inEight.data], faults, ends, report, observed, badDelta, gone,
  seen: [seen.length, seen.reduce((sum, { rows }) => sum + rows, 0), afterwards.length],
}));
"#;

/// In Node: each row of a batch takes its own path and answers as by itself, faults are told, a pool loses nothing.
#[test]
fn node_runs_batches_pools_and_tells_faults() {
    if !has_peers() {
        return;
    }
    const COUNT: usize = 64;
    let (x, wanted) = images(COUNT);
    let project = project();
    fs::write(project.path().join("inputs.json"), json!({ "x": x, "count": COUNT }).to_string())
        .unwrap();
    fs::write(project.path().join("main.mjs"), NODE).unwrap();
    let told = says(Command::new("node").arg("main.mjs").current_dir(project.path()));
    let told: Value = serde_json::from_str(&told).expect("JSON");

    assert_eq!(told["inputs"], json!([{ "name": "x", "type": "float32", "shape": [1, 28, 28] }]));
    assert_eq!(told["outputs"], json!(["logits"]));
    assert_eq!(told["knobs"][0]["name"], "threshold");
    let close = |value: &Value, to: f32| (value.as_f64().unwrap() - f64::from(to)).abs() < 1e-6;
    assert!(
        close(&told["knobs"][0]["default"], THRESHOLD)
            && close(&told["certificate"]["value"], THRESHOLD)
    );
    assert_eq!(told["certificate"]["n"], 4000);
    let labels: std::collections::HashSet<&str> =
        wanted.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(labels.len(), 2, "both paths are taken: {labels:?}");
    for (row, (path, macs, logits)) in wanted.iter().enumerate() {
        assert_eq!(told["paths"][row], json!(path), "row {row}");
        assert_eq!(told["macs"][row].as_f64(), Some(*macs), "row {row}");
        let [path_alone, alone] = [&told["alone"][row][0], &told["alone"][row][1]];
        assert_eq!(path_alone, &json!(path));
        for (class, native) in logits.iter().enumerate() {
            let together = &told["logits"][row * logits.len() + class];
            assert_eq!(together, &alone[class], "row {row}: in a batch and alone");
            let apart = (together.as_f64().unwrap() - f64::from(*native)).abs();
            assert!(apart < 1e-4, "row {row}: {together} and {native}");
        }
    }
    assert_eq!(told["light"], "light");
    assert!(close(&told["inputKnob"][0], THRESHOLD), "{}", told["inputKnob"]);
    assert_eq!((&told["inputKnob"][1], &told["inputKnob"][2]), (&json!(true), &json!("light")));
    for (ix, native) in in_eight_bits(&x, COUNT).into_iter().enumerate() {
        let here = told["eight"][ix].as_f64().unwrap();
        assert!((here - f64::from(native)).abs() < 1e-4, "eight bits, {ix}: {here} and {native}");
    }
    let kinds: Vec<&str> =
        told["faults"].as_array().unwrap().iter().map(|f| f[1].as_str().unwrap_or("-")).collect();
    assert_eq!(
        kinds,
        ["io", "not_onnx", "not_onnx", "input", "input", "knob", "-"],
        "{}",
        told["faults"]
    );
    let ends = &told["ends"];
    assert_eq!(ends["done"].as_u64().unwrap() + ends["cancelled"].as_u64().unwrap(), 400, "{ends}");
    assert_eq!((&ends["other"], &ends["apart"]), (&json!(0), &json!(0)), "{ends}");
    assert!(ends["cancelled"].as_u64().unwrap() >= 100, "{ends}");
    assert!(ends["longest"].as_u64().unwrap() <= 8, "the queue stays short: {ends}");
    assert_eq!(told["report"]["rows"].as_u64(), Some(2 * COUNT as u64 + 1));
    let observed = &told["observed"];
    let schema = fs::read_to_string(root().join("src/runtime/npm/report.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).expect("a schema");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    if let Err(error) = schema.validate(observed) {
        panic!("{error}: {observed}");
    }
    let light = wanted.iter().filter(|(path, ..)| path == "light").count();
    assert_eq!(observed["rows"], COUNT);
    assert_eq!(observed["paths"]["light"], light);
    assert_eq!(observed["gates"][0]["taken"], json!([COUNT - light, light]));
    assert!(observed["segments"].as_array().unwrap().iter().any(|s| s["ms"].as_f64() > Some(0.0)));
    assert_eq!(told["badDelta"], "config");
    // What was cancelled while it ran was run all the same.
    let seen = told["seen"][1].as_u64().unwrap();
    assert!((ends["done"].as_u64().unwrap()..=400).contains(&seen), "{}", told["seen"]);
    assert_eq!((&told["seen"][0], &told["seen"][2]), (&json!(2), &json!(0)));
    assert_eq!(told["gone"], "disposed");
}

const BROWSER: &str = r#"<!doctype html>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'">
<title>perforate</title>
<script type="module" src="main.js"></script>
"#;

const IN_BROWSER: &str = r#"
import { load } from "./perforate/index.js";
const began = performance.now();
const { x, count } = await (await fetch("inputs.json")).json();
const model = await load("routed.onnx");
const pixels = Float32Array.from(x);
const first = await model.run({ x: { data: pixels.slice(0, 784), dims: [1, 1, 28, 28] } });
const ms = performance.now() - began;
const batch = await model.run({ x: { data: pixels, dims: [count, 1, 28, 28] } });
const pool = await model.pool(2);
const answers = await Promise.all(Array.from({ length: count }, (_, ix) =>
  pool.run({ x: { data: pixels.slice(ix * 784, (ix + 1) * 784), dims: [1, 1, 28, 28] } })));
pool.close();
window.told = { ms, first: first.paths[0], paths: batch.paths, pooled: answers.map(({ paths }) => paths[0]), logits: [...batch.outputs.logits.data] };
"#;

/// In Chromium, without a bundler, under a strict content security policy.
#[test]
fn a_page_without_a_bundler_runs_it() {
    if !has_peers() {
        return;
    }
    const COUNT: usize = 32;
    let (x, wanted) = images(COUNT);
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    write("index.html", BROWSER.as_bytes());
    write("main.js", IN_BROWSER.as_bytes());
    write("routed.onnx", &routed());
    write("inputs.json", json!({ "x": x, "count": COUNT }).to_string().as_bytes());
    fs::create_dir(folder.path().join("perforate")).unwrap();
    for entry in fs::read_dir(package()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join("perforate").join(entry.file_name())).unwrap();
    }
    support::with_folder("npm", folder.path(), |page| {
        page.wait_until("the answers", std::time::Duration::from_secs(60), |page| {
            page.script("return window.told != null") == true
        });
        let told = page.script("return window.told");
        println!("first answer {:.0} ms after the script began", told["ms"].as_f64().unwrap());
        for (row, (path, _, logits)) in wanted.iter().enumerate() {
            assert_eq!(
                (&told["paths"][row], &told["pooled"][row]),
                (&json!(path), &json!(path)),
                "row {row}"
            );
            for (class, native) in logits.iter().enumerate() {
                let here = told["logits"][row * logits.len() + class].as_f64().unwrap();
                assert!((here - f64::from(*native)).abs() < 1e-4, "row {row}");
            }
        }
    });
}

/// Every example by its own command, in a process or in a browser, with the packed package; and the pool under many inputs, with
/// workers that die. `test.mjs` prints a line of JSON for each check; what this machine lacks is skipped, and said.
#[test]
fn the_examples_start_by_one_command_and_do_what_they_say() {
    if !has_peers() {
        return;
    }
    let peers = peers();
    let mut node = Command::new("node");
    node.arg(root().join("src/runtime/npm/examples/test.mjs"));
    node.arg("--package").arg(package()).arg("--tsc").arg(&peers);
    node.arg("--python").arg(peers.join("python/bin/python")).arg("--offline");
    node.arg("--perforate").arg(env!("CARGO_BIN_EXE_perforate"));
    let output = node.output().expect("node");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut checks = 0;
    for line in told.lines() {
        let check: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        println!("{line}");
        assert_eq!(check["ok"], true, "{}", check["detail"].as_str().unwrap_or(line));
        checks += usize::from(check["skipped"] != true);
    }
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && checks >= 10, "{checks} checks: {told}{error}");
}
