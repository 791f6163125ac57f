//! Small files, each of which once ended the process, kept it busy for ever, or was answered wrongly: `tests/hostile`. Each is
//! loaded and, where inputs lie beside it, run by the command line, under a limit of time and memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use perforate::data::npz;
use perforate::engine::{Knobs, Program, Session};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")
}

/// The files of this ending in a folder, by name.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|p| p.extension().is_some_and(|e| e == ending)).collect();
    paths.sort();
    paths
}

/// Runs the command line with 4 GiB of memory and a time limit that is wide for a busy machine.
fn perforate(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_perforate");
    Command::new("sh")
        .args(["-c", "ulimit -v 4194304; exec timeout 60 \"$@\"", "sh", program])
        .args(arguments)
        .output()
        .expect("a shell with timeout")
}

/// It was done, or said in a sentence what is wrong with the file.
#[track_caller]
fn ends_well(arguments: &[&str]) {
    let output = perforate(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => {}
        Some(2) => {
            assert_eq!(said.trim_end().lines().count(), 1, "{arguments:?}: {said}");
            assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        }
        code => panic!("{arguments:?} ends with {code:?}: {said}"),
    }
}

#[test]
fn no_model_ends_the_process_or_keeps_it_busy() {
    let models = files(&folder(), "onnx");
    assert!(models.len() > 70, "{} models", models.len());
    for model in models {
        let path = model.to_str().unwrap();
        ends_well(&["inspect", path]);
        let inputs = model.with_extension("npz");
        if inputs.exists() {
            ends_well(&["run", path, "--input", inputs.to_str().unwrap()]);
        }
    }
}

#[test]
fn no_inputs_end_the_process_or_keep_it_busy() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fashion/light.onnx");
    let data = folder().join("data");
    for inputs in files(&data, "npy").into_iter().chain(files(&data, "npz")) {
        ends_well(&["run", model.to_str().unwrap(), "--input", inputs.to_str().unwrap()]);
    }
}

/// Recurrent operators begin anew with every row: a row answers in a batch as by itself, whatever ran before.
#[test]
fn rows_of_recurrent_models_know_nothing_of_each_other() {
    for name in ["lstm", "gru", "rnn", "scan"] {
        let path = folder().join(format!("wrong-{name}.onnx"));
        let program = Arc::new(Program::load(name, &fs::read(&path).unwrap()).unwrap());
        let inputs = program.inputs()[0].name.clone();
        let batch =
            npz::read(name, &fs::read(path.with_extension("npz")).unwrap(), &inputs).unwrap();
        let mut session = Session::new(program);
        let mut answers = |from: usize, to: usize| -> Vec<f32> {
            let outcome = session.run(&batch.slice(from..to).unwrap(), &Knobs::new()).unwrap();
            outcome.first().unwrap().into_iter().collect()
        };
        let together = answers(0, batch.rows());
        let alone: Vec<f32> = (0..batch.rows()).flat_map(|row| answers(row, row + 1)).collect();
        assert_eq!(together, alone, "{name}");
        assert_eq!(together, answers(0, batch.rows()), "{name}, once more");
    }
}
