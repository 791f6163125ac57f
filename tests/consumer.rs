//! The library as others use it: a project with nothing but `perforate` and an allocator of its own builds for
//! `wasm32-unknown-unknown`, and its lines run a routed file.

use std::path::Path;
use std::process::Command;

use perforate::onnx::{GraphBuilder, Metadata, OPSET, Size, encode};

#[path = "consumer/lib.rs"]
mod consumer;

/// `y = 10 x`, a product of matrices, where `x ≥ threshold`, else `y = x`.
fn tenfold() -> perforate::Result<Vec<u8>> {
    let shape = [Size::Rows, Size::Fixed(1)];
    let mut graph = GraphBuilder::new("tenfold", OPSET);
    let x = graph.input("x", &shape)?;
    let threshold = graph.knob("threshold", 0.0)?;
    let large = graph.node("GreaterOrEqual", "large", &[&x, &threshold])?;
    let (mut full, mut light) = (graph.branch("full"), graph.branch("light"));
    let weights = full.constant("weights", &[1, 1], &[10.0])?;
    full.node("MatMul", "product", &[&x, &weights])?;
    full.output("product", &shape)?;
    light.node("Identity", "kept", &[&x])?;
    light.output("kept", &shape)?;
    graph.gate("gate", &large, full, light, &["y"])?;
    graph.output("y", &shape)?;
    Ok(encode(&graph.into_model(&Metadata::default())?))
}

#[test]
fn its_lines_run_a_routed_file() {
    let file = tenfold().unwrap();
    let rows = consumer::answers(&file, &[1.0, 3.0], 2.0).unwrap();
    assert_eq!(rows.iter().map(|(answer, _)| *answer).collect::<Vec<_>>(), [1.0, 30.0]);
    let (light, full) = (&rows[0].1, &rows[1].1);
    assert!(light.macs.0 < full.macs.0 && light.path != full.path, "{light:?} {full:?}");
    let sum = unsafe { consumer::sum(file.as_ptr(), file.len(), 2.0) };
    assert_eq!(sum, 1.0 + 20.0 + 30.0);
}

#[test]
fn it_compiles_for_webassembly_with_an_allocator_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = root.join("tests/consumer/Cargo.toml");
    // The very versions that the library is tested with; cargo leaves out what is not needed.
    std::fs::copy(root.join("Cargo.lock"), manifest.with_file_name("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        // A check resolves allocators as a build does, in a third of the time.
        .args(["check", "--offline", "--target", "wasm32-unknown-unknown", "--manifest-path"])
        .arg(&manifest)
        // From here cargo finds the flags of this project: 128-bit vectors.
        .current_dir(root)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("consumer"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn natively_nothing_comes_along_that_only_applications_need() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .args(["--package", "perforate"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"tract-onnx") && names.contains(&"perforate-routing"), "{tree}");
    for name in ["clap", "image", "resvg", "plotters", "wasm-bindgen", "js-sys", "indicatif"] {
        assert!(!names.contains(&name), "{name}");
    }
    assert!(!names.iter().any(|name| ["perforate-lab", "perforate-chart"].contains(name)));
}
