//! The command line as a user meets it: exit codes, where results go, and one clear sentence for
//! whatever is wrong with the input.

use std::path::Path;
use std::process::{Command, Output};

use ndarray::ArrayD;
use perforate::data::{images, npz};
use perforate::engine::{Batch, Program, to_array};
use perforate::onnx::{GraphBuilder, Metadata, OPSET, Size, encode};

use crate::common;

fn perforate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perforate"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let output = perforate(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code 2, nothing on stdout, and one sentence on stderr that names all of `words`.
#[track_caller]
fn blames_the_input(arguments: &[&str], words: &[&str]) {
    let output = perforate(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty(), "{arguments:?} writes to stdout");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.trim_end().ends_with('.') && !text.contains("panicked"), "{text}");
    for word in words {
        assert!(text.contains(word), "{word} is not named: {text}");
    }
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// One operator between an input and an output of 16 numbers a row.
fn model(op: &str) -> Vec<u8> {
    let shape = [Size::Rows, Size::Fixed(16)];
    let mut graph = GraphBuilder::new("tiny", OPSET);
    graph.input("x", &shape).unwrap();
    graph.node(op, "y", &["x"]).unwrap();
    graph.output("y", &shape).unwrap();
    encode(&graph.into_model(&Metadata::default()).unwrap())
}

fn array(shape: &[usize], value: f32) -> Vec<u8> {
    npz::write(&[("x", &ArrayD::from_elem(shape, value))]).unwrap()
}

#[test]
fn models_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let good = model("Relu");
    let cases: [(&str, &[u8], &[&str]); 4] = [
        ("corrupt.onnx", b"this is not a protobuf of ONNX", &["corrupt.onnx"]),
        ("truncated.onnx", &good[..good.len() / 2], &["truncated.onnx"]),
        ("empty.onnx", b"", &["empty.onnx", "empty"]),
        ("unknown.onnx", &model("Frobnicate"), &["unknown.onnx", "Frobnicate", "`y`"]),
    ];
    for (name, bytes, words) in cases {
        let file = write(folder, name, bytes);
        blames_the_input(&["inspect", &file], words);
    }
    let missing = folder.join("missing.onnx").display().to_string();
    blames_the_input(&["inspect", &missing], &["missing.onnx"]);
}

#[test]
fn inputs_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let model = write(folder, "relu.onnx", model("Relu"));
    let cases: [(&str, Vec<u8>, &[&str]); 3] = [
        ("wide.npz", array(&[3, 17], 1.0), &["wide.npz", "`x`", "[3, 17]", "[N, 16]"]),
        ("none.npz", array(&[0, 16], 1.0), &["none.npz", "`x`", "no rows"]),
        ("text.npz", b"1, 2, 3".to_vec(), &["text.npz", ".npz"]),
    ];
    for (name, bytes, words) in cases {
        let file = write(folder, name, bytes);
        blames_the_input(&["run", &model, "--input", &file], words);
    }
    // Without a gate there is nothing that a value could be compared with; calibration compares answers.
    let nan = write(folder, "nan.npz", array(&[3, 16], f32::NAN));
    succeeds(&["run", &model, "--input", &nan]);
    let out = folder.join("certified.onnx").display().to_string();
    let calibrate = ["calibrate", &model, "--inputs", &nan, "--out", &out];
    blames_the_input(&calibrate, &["nan.npz", "`x`", "row 0", "NaN"]);
    let good = write(folder, "good.npz", array(&[3, 16], 1.0));
    blames_the_input(&["run", &model, "--input", &good, "--knob", "threshold=1"], &["threshold"]);
    blames_the_input(
        &["run", &model, "--input", &good, "--knob", "x"],
        &["--knob x", "NAME=VALUE"],
    );
    assert_eq!(succeeds(&["run", &model, "--input", &good]).lines().count(), 3);
}

#[test]
fn a_routed_model_is_composed_inspected_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let routed = folder.join("routed.onnx").display().to_string();
    let parts = ["full", "light", "gate"].map(|part| format!("models/fashion/{part}.onnx"));
    let compose = ["route", "dendritic", "--full", &parts[0], "--light", &parts[1], "--gate"];
    succeeds(&[&compose[..], &[&parts[2], "--out", &routed]].concat());
    let text = succeeds(&["inspect", &routed]);
    for word in ["knob    threshold", "gate    gate then full else light", "without a cost: GTE"] {
        assert!(text.contains(word), "{word} is missing from:\n{text}");
    }

    let images = write(folder, "images.npz", array(&[2, 1, 28, 28], 0.5));
    let output = folder.join("out.npz").display().to_string();
    let run = ["run", &routed, "--input", &images, "--out", &output, "--knob"];
    for (knob, path) in [("threshold=2", "light"), ("threshold=0", "full")] {
        let text = succeeds(&[&run[..], &[knob]].concat());
        assert!(text.lines().all(|line| line.split('\t').nth(1) == Some(path)), "{text}");
        let outputs = npz::read(&output, &std::fs::read(&output).unwrap(), "logits").unwrap();
        assert_eq!(outputs.get("logits").unwrap().shape(), [2, 10]);
    }
    // The knob as an input: here the metadata's default holds, elsewhere a value must be given.
    let input = folder.join("input.onnx").display().to_string();
    succeeds(&[&compose[..], &[&parts[2], "--knob", "input", "--out", &input]].concat());
    let text = succeeds(&["inspect", &input]);
    assert!(text.contains("; other runtimes must be given a value)"), "{text}");
    let run = ["run", &input, "--input", &images, "--out", &output];
    let at_default = succeeds(&run);
    assert_eq!(at_default, succeeds(&["run", &routed, "--input", &images]));
    let text = succeeds(&[&run[..], &["--knob", "threshold=2"]].concat());
    assert!(text.lines().all(|line| line.split('\t').nth(1) == Some("light")), "{text}");
    let text = succeeds(&["usage", &input, "--language", "javascript"]);
    assert!(text.contains("\"threshold\": new ort.Tensor(\"float32\","), "{text}");
    let text = succeeds(&["usage", &routed, "--language", "javascript"]);
    assert!(text.contains("--knob input"), "{text}");
    // A file that is there already can be given that form, too.
    let turned = folder.join("turned.onnx").display().to_string();
    succeeds(&["optimise", &routed, "--knob", "input", "-o", &turned]);
    assert_eq!(succeeds(&["inspect", &turned]), succeeds(&["inspect", &input]));
    // The parts in the wrong roles.
    let wrong = ["route", "dendritic", "--full", &parts[2], "--light", &parts[1], "--gate"];
    blames_the_input(&[&wrong[..], &[&parts[0], "--out", &routed]].concat(), &["fashion/gate"]);
}

/// A plain model gets exits, and a threshold with a guarantee on other inputs; what cannot be promised is not.
#[test]
fn a_model_of_ones_own_is_routed_and_calibrated() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let pixels = images::read_images(file, &common::read(file)).unwrap();
    let some = |from: usize, to: usize| {
        let rows = Batch::new().with("x", pixels.clone()).slice(from..to).unwrap();
        npz::write(&[("x", &to_array(rows.get("x").unwrap()).unwrap())]).unwrap()
    };
    let inputs = write(folder, "fit.npz", some(0, 400));
    let others = write(folder, "other.npz", some(400, 900));
    let [routed, safe] =
        ["routed.onnx", "safe.onnx"].map(|name| folder.join(name).display().to_string());
    let route = ["route", "early-exit", "--model", "models/fashion/full.onnx", "--inputs"];
    let text = succeeds(&[&route[..], &[&inputs, "--out", &routed]].concat());
    let kept = text.lines().filter(|line| line.ends_with("  yes")).count();
    assert!(kept > 0 && text.contains("expected to spend"), "{text}");
    let text =
        succeeds(&["calibrate", &routed, "--inputs", &others, "--epsilon", "0.02", "--out", &safe]);
    assert!(text.starts_with("threshold = ") && text.contains("n = 500"), "{text}");
    let value = text["threshold = ".len()..].split(':').next().unwrap();
    let text = succeeds(&["inspect", &safe]);
    assert!(text.contains(&format!("knob    threshold (default {value})")), "{text}");
    // The file keeps the scores that an alarm holds later ones against.
    let program = Program::load("safe.onnx", &std::fs::read(&safe).unwrap()).unwrap();
    let of_first = &program.metadata().scores[&program.gates()[0].name];
    assert!(of_first.total() == 500 && of_first.edges.len() < 256, "{of_first:?}");

    let few = write(folder, "few.npz", some(0, 20));
    let calibrate = ["calibrate", &routed, "--inputs", &few, "--out", &safe];
    blames_the_input(&calibrate, &["20 inputs", "230"]);
    let plain = ["calibrate", "models/fashion/full.onnx", "--inputs", &few, "--out", &safe];
    blames_the_input(&plain, &["fashion/full.onnx", "no knob"]);
    blames_the_input(&[&route[..], &[&few, "--out", &routed]].concat(), &["20 rows"]);
}

#[test]
fn what_a_model_is_and_how_it_is_used_elsewhere() {
    let text = succeeds(&["inspect", "models/fashion/full.onnx"]);
    for part in ["float32 [N, 1, 28, 28]", "47.2 MMAC a row", "1166332", "places: behind `"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = succeeds(&["usage", "models/fashion/full.onnx"]);
    assert!(text.contains("InferenceSession(\"full.onnx\""), "{text}");
    assert!(text.contains("np.zeros((1, 1, 28, 28,), dtype=np.float32)"), "{text}");
    let text = succeeds(&["usage", "models/fashion/full.onnx", "--language", "javascript"]);
    assert!(text.contains("new Float32Array(1 * 1 * 28 * 28)"), "{text}");
}

#[test]
fn pictures_numbers_gates_and_cascades_go_through_the_same_door() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    // 120 garments as pictures, twice as large and in colour, in two folders.
    let file = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let pixels = images::read_images(file, &common::read(file)).unwrap();
    for row in 0..120usize {
        let class = folder.join("pictures").join(if row % 2 == 0 { "even" } else { "odd" });
        std::fs::create_dir_all(&class).unwrap();
        let picture = image::RgbImage::from_fn(56, 56, |x, y| {
            let grey = (255.0 * pixels[[row, 0, y as usize / 2, x as usize / 2]]).round() as u8;
            image::Rgb([grey; 3])
        });
        picture.save(class.join(format!("{row}.png"))).unwrap();
    }
    let (pictures, routed) = (path("pictures"), path("routed.onnx"));
    let route = ["route", "early-exit", "--model", "models/fashion/static-s.onnx", "--data"];
    let text = succeeds(&[&route[..], &[&pictures, "--score", "gate", "--out", &routed]].concat());
    assert!(text.contains("expected to spend"), "{text}");
    let text = succeeds(&["inspect", &routed]);
    assert!(text.contains("score ") && text.contains("logits: float32"), "{text}");
    let cascade = ["route", "cascade", "--models", "models/fashion/static-s.onnx"];
    let more = ["models/fashion/light.onnx", "--data", &pictures, "--out", &routed];
    let text = succeeds(&[&cascade[..], &more].concat());
    assert!(text.contains("\nmodels/fashion/light.onnx "), "{text}");

    let wrong = [&route[..], &[&pictures, "--deviation", "0", "--out", &routed]].concat();
    blames_the_input(&wrong, &["pictures", "deviation"]);
    let wrong = [&route[..], &[&pictures, "--score", "margin", "--out", &routed]].concat();
    blames_the_input(&wrong, &["--score", "gate"]);
    std::fs::write(folder.join("pictures/even/broken.png"), b"no picture").unwrap();
    let broken = [&route[..], &[&pictures, "--out", &routed]].concat();
    blames_the_input(&broken, &["broken.png", "picture"]);
    let empty = path("empty");
    std::fs::create_dir(&empty).unwrap();
    blames_the_input(&[&route[..], &[&empty, "--out", &routed]].concat(), &["empty", ".png"]);

    // A label beyond the classes.
    let x = to_array::<f32>(
        Batch::new().with("x", pixels.clone()).slice(0..120).unwrap().get("x").unwrap(),
    )
    .unwrap();
    let y = ArrayD::from_shape_fn(vec![120], |at| if at[0] == 77 { 10.0f32 } else { 3.0 });
    let data = write(folder, "beyond.npz", npz::write(&[("x", &x), ("y", &y)]).unwrap());
    let bench = ["bench", "--quick", "--model", "models/fashion/static-s.onnx", "--inputs", &data];
    blames_the_input(&bench, &["beyond.npz", "row 77 is 10", "10 classes"]);

    // Labels that are numbers are no fault of a model that answers with numbers.
    let mlp = perforate::strategies::dendritic::reference::build(42).unwrap();
    let model = write(folder, "mlp.onnx", encode(mlp.full.model()));
    let x = perforate::engine::to_array::<f32>(mlp.samples(300).get("x").unwrap()).unwrap();
    let y = ndarray::ArrayD::from_elem(vec![300], 0.25f32);
    let data = write(folder, "d.npz", npz::write(&[("x", &x), ("y", &y)]).unwrap());
    let route = ["route", "early-exit", "--model", &model, "--data", &data, "--out", &routed];
    blames_the_input(&route, &["d.npz", "0.25"]);
    succeeds(&[&route[..], &["--answers", "numbers"]].concat());
    let text = succeeds(&[
        "calibrate",
        &routed,
        "--data",
        &data,
        "--epsilon",
        "0.2",
        "--out",
        &path("safe.onnx"),
    ]);
    assert!(text.starts_with("threshold = "), "{text}");

    let int8 = path("int8.onnx");
    let text = succeeds(&["quantise", &model, "--out", &int8]);
    assert!(text.starts_with("2 products in eight bits, 1572864 weights in 1.58 MB"), "{text}");
    let text = succeeds(&["quantise", &model, "--bits", "4", "--out", &path("int4.onnx")]);
    assert!(text.starts_with("2 products in four bits, 1572864 weights in 885 kB"), "{text}");
    blames_the_input(
        &["quantise", "models/fashion/gate.onnx", "--out", &int8],
        &["fashion/gate.onnx"],
    );
}

#[test]
fn scenarios_are_listed_and_a_wrong_name_is_answered_with_the_right_ones() {
    let text = succeeds(&["list"]);
    assert!(text.lines().all(|line| line.split('\t').count() == 5), "{text}");
    assert!(text.starts_with("early-exit/mnist\t"));
    blames_the_input(&["bench", "--scenario", "dendritic/x"], &["dendritic/x", "dendritic/mlp"]);
}

/// The report's contract, which others write scripts against.
#[track_caller]
fn assert_matches_schema(report: &serde_json::Value) {
    let schema = serde_json::from_slice(&common::read("tests/report.schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(report)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .take(5)
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_report_of_labelled_data_keeps_the_contract_too() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json").display().to_string();
    let risk = ["--epsilon", "0.02", "--delta", "0.05", "--loss", "disagreement"];
    let arguments = ["bench", "--quick", "--scenario", "dendritic/fashion", "--json", &json];
    let tables = succeeds(&[&arguments[..], &risk].concat());
    for size in ["s", "m", "l"] {
        assert!(tables.contains(&format!("\nstatic fashion-static-{size}  ")), "{tables}");
    }
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_matches_schema(&report);
    let scenario = &report["scenarios"][0];
    assert!(scenario["references"]["full"]["accuracy"].is_number());
    assert_eq!(scenario["references"]["statics"].as_array().unwrap().len(), 3);
    assert!(scenario["references"]["matched"]["batch32"]["speedup"]["median"].is_number());
    let risk = &scenario["operating_point"]["risk"];
    assert_eq!((&risk["epsilon"], &risk["delta"]), (&0.02.into(), &0.05.into()));
    assert_eq!(risk["loss"], "disagreement");
    let temperatures = scenario["temperatures"].as_object().unwrap();
    assert_eq!(temperatures.len(), 2, "one for each path");
    assert_eq!(scenario["files"].as_array().unwrap().len(), 8);
    // The contract can be broken.
    let mut broken = report.clone();
    broken["scenarios"][0]["curve"][0]["agreement"] = 1.5.into();
    assert!(std::panic::catch_unwind(|| assert_matches_schema(&broken)).is_err());
    blames_the_input(&["bench", "--epsilon", "2"], &["epsilon", "2"]);
}

#[test]
fn a_bench_writes_its_report_and_charts() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let json = folder.path().join("report.json").display().to_string();
    let arguments = ["bench", "--quick", "--scenario", "dendritic/mlp", "--json", &json, "--out"];
    let table = succeeds(&[&arguments[..], &[&out.display().to_string()]].concat());
    assert!(table.contains("dendritic/mlp"), "{table}");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_matches_schema(&report);
    assert_eq!(report["schema"], 2);
    assert_eq!(report["quick"], true);
    assert!(report["scenarios"][0]["curve"][3]["batch1"]["speedup"]["median"].is_number());
    for chart in ["quality", "latency", "speedup"] {
        let file = out.join(format!("dendritic-mlp-{chart}.svg"));
        let svg = std::fs::read_to_string(&file).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("<circle"), "{}", file.display());
        let png = std::fs::read(file.with_extension("png")).unwrap();
        assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000, "{} bytes", png.len());
    }
    for file in ["report.json", "report.csv", "report.md"] {
        assert!(out.join(file).metadata().unwrap().len() > 500, "{file}");
    }
}

/// Everything of a report that is no time, and hangs on none.
fn timeless(report: &serde_json::Value) -> serde_json::Value {
    let scenario = &report["scenarios"][0];
    let bare = |point: &serde_json::Value| {
        let fields =
            ["knob", "active", "paths", "macs", "ideal_speedup", "agreement", "deviation_max"];
        fields.map(|field| point[field].clone())
    };
    let curve: Vec<_> = scenario["curve"].as_array().unwrap().iter().map(bare).collect();
    let risk = &scenario["operating_point"]["risk"];
    serde_json::json!([
        curve,
        risk,
        scenario["experiment"],
        scenario["memory"],
        scenario["figures"]
    ])
}

#[test]
fn an_experiment_is_repeated_from_its_file_and_from_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let experiment = r#"{
        "scenario": "dendritic/mlp", "quick": true, "rounds": 4, "launches": 2, "timed_rows": 8, "calibration": 200, "test": 200,
        "epsilon": 0.05, "cost": "time", "energy": {"watts_per_thread": 10},
        "targets": {"agreement": 0.5, "latency_s": 1e-9, "memory_bytes": 1e9}
    }"#;
    let config = write(folder.path(), "experiment.json", experiment);
    let run = |config: &str, name: &str| -> serde_json::Value {
        let text = succeeds(&["bench", "--config", config, "--json", &path(name)]);
        assert!(text.contains("Target latency_s"), "{text}");
        let report = serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap();
        assert_matches_schema(&report);
        report
    };
    let first = run(&config, "first.json");
    let scenario = &first["scenarios"][0];
    assert_eq!(scenario["cost"], "time");
    assert_eq!((&scenario["rounds"], &scenario["launches"]), (&4.into(), &2.into()));
    assert_eq!(scenario["energy_model"]["watts_per_thread"], 10.0);
    let met = |name: &str| {
        let targets = scenario["targets"].as_array().unwrap();
        targets.iter().find(|t| t["name"] == name).unwrap()["met"].as_bool().unwrap()
    };
    assert!(met("agreement") && met("memory_bytes") && !met("latency_s"));
    // By time, another setting of those that pass may be the cheapest: all else must be the same.
    let by_operations = experiment.replace(r#""cost": "time""#, r#""cost": "operations""#);
    let config = write(folder.path(), "operations.json", by_operations);
    let first = run(&config, "first.json");
    let again = run(&path("first.json"), "again.json");
    assert_eq!(timeless(&first), timeless(&again));

    let unknown =
        write(folder.path(), "unknown.json", r#"{"scenario": "dendritic/mlp", "round": 1}"#);
    blames_the_input(&["bench", "--config", &unknown], &["unknown.json", "round"]);
    let stale = r#"{"scenario": "early-exit/mnist", "files": {"models/mnist/stage1.onnx": "00"}}"#;
    let stale = write(folder.path(), "stale.json", stale);
    blames_the_input(&["bench", "--config", &stale], &["models/mnist/stage1.onnx", "SHA-256"]);
}

/// Work before a gate that one branch needs moves there, and the file answers as before.
#[test]
fn work_moves_into_the_branch_that_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let shape = [Size::Rows, Size::Fixed(16)];
    let mut main = GraphBuilder::new("gated", OPSET);
    let x = main.input("x", &shape).unwrap();
    let weights = main.constant("weights", &[16, 16], &[0.1; 256]).unwrap();
    let early = main.node("MatMul", "early", &[&x, &weights]).unwrap();
    let score = main.reduce("ReduceMax", "score", &x, 1).unwrap();
    let knob = main.knob("threshold", 0.5).unwrap();
    let hard = main.node("GreaterOrEqual", "hard", &[&score, &knob]).unwrap();
    let mut then = main.branch("full");
    then.node("Relu", "full/y", &[&early]).unwrap();
    then.output("full/y", &shape).unwrap();
    let mut otherwise = then.branch("light");
    otherwise.node("Abs", "light/y", &[&x]).unwrap();
    otherwise.output("light/y", &shape).unwrap();
    main.gate("gate", &hard, then, otherwise, &["y"]).unwrap();
    main.output("y", &shape).unwrap();
    let file = encode(&main.into_model(&Metadata::default()).unwrap());
    let file = write(folder, "gated.onnx", file);
    let moved = folder.join("moved.onnx").display().to_string();
    let text = succeeds(&["optimise", &file, "-o", &moved]);
    assert_eq!(text, "1 node moved into the then branch of `gate`: early\n");
    let values = ArrayD::from_shape_fn(vec![6, 16], |at| at[0] as f32 / 5.0 - at[1] as f32 / 40.0);
    let inputs = write(folder, "inputs.npz", npz::write(&[("x", &values)]).unwrap());
    let outputs = ["before.npz", "after.npz"].map(|name| folder.join(name).display().to_string());
    let macs = [&file, &moved].into_iter().zip(&outputs).map(|(model, out)| {
        let text = succeeds(&["run", model, "--input", &inputs, "--out", out]);
        text.lines().map(|line| line.rsplit('\t').next().unwrap().to_string()).collect::<Vec<_>>()
    });
    let macs: Vec<Vec<String>> = macs.collect();
    // The product's 256 are of the rows that need it.
    let spared = |rows: &[String]| rows.iter().filter(|macs| *macs == "16.0 MAC").count();
    assert!(spared(&macs[0]) == 0 && (1..6).contains(&spared(&macs[1])), "{macs:?}");
    assert_eq!(std::fs::read(&outputs[0]).unwrap(), std::fs::read(&outputs[1]).unwrap());
    // Nothing but the graph holds this knob's default.
    let lost = ["optimise", &file, "--knob", "input", "-o", &moved];
    blames_the_input(&lost, &["gated.onnx", "`threshold`", "default"]);
    let text = succeeds(&["optimise", "models/fashion/light.onnx", "--out", &moved]);
    assert!(text.starts_with("No node moved"), "{text}");
    let broken = write(folder, "broken.onnx", b"nothing");
    blames_the_input(&["optimise", &broken, "-o", &moved], &["broken.onnx"]);
}
