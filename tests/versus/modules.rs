//! The engine's WebAssembly modules, built for the comparison: with 128-bit vectors, and with relaxed ones.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::build;

/// Names of the modules, and the features that they are built with.
pub const MODULES: [(&str, &[&str]); 2] =
    [("simd128", &[]), ("relaxed-simd", &["--features", "relaxed"])];

/// Builds all modules into folders of their names under `folder`. The first time takes minutes.
pub fn build(folder: &Path) {
    for (name, features) in MODULES {
        let (target, triple) = (build::target(), "wasm32-unknown-unknown");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "-p", "perforate-runtime", "--profile", "web", "--target", triple]);
        cargo.args(features).arg("--target-dir").arg(target);
        succeeds(&mut cargo);
        let module = target.join(triple).join("web/perforate_runtime.wasm");
        let mut bindgen = Command::new("wasm-bindgen");
        bindgen.env("PATH", build::path_with_cargo_tools());
        bindgen.args(["--target", "web", "--no-typescript", "--out-dir"]);
        succeeds(bindgen.arg(folder.join(name)).arg(module));
        for script in ["module.js", "pool.js", "pool-worker.js"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/runtime/npm").join(script);
            fs::copy(from, folder.join(name).join(script)).unwrap();
        }
    }
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    let status =
        status.unwrap_or_else(|e| panic!("{command:?} does not start ({e}): run ./setup.sh"));
    assert!(status.success(), "{command:?} failed: see its messages above");
}
