//! ONNX's own node tests through the command line: none is answered wrongly.
//!
//! `tests/conformance/cases.py` makes them of the `onnx` package, which `./setup.sh` installs; PERFORATE_PEERS=no goes without.
//! PERFORATE_BLESS=1 writes `tests/conformance/operators.csv` anew.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::peers::peers;

/// Fewer right answers than this would be a step back.
const LEAST_RIGHT: usize = 1400;

#[test]
fn node_tests_are_right_or_refused_by_name() {
    let Some(peers) = peers() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let output = Command::new(peers.join("python/bin/python"))
        .arg(root.join("tests/conformance/cases.py"))
        .args([Path::new(env!("CARGO_BIN_EXE_perforate")), out.path()])
        // A debug build on a busy machine takes longer.
        .args(["--limit", "60"])
        .output()
        .expect("Python");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{said}");
    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).expect("a table");
    let mut counts = BTreeMap::<String, usize>::new();
    for line in read("cases.csv").lines().skip(1) {
        let mut cells = line.split(',');
        let verdict = cells.nth(3).unwrap();
        *counts.entry(verdict.to_string()).or_default() += 1;
        assert!(["right", "refused"].contains(&verdict), "{line}");
    }
    assert!(counts["right"] >= LEAST_RIGHT, "{counts:?}");
    let (table, kept) = (read("operators.csv"), root.join("tests/conformance/operators.csv"));
    if std::env::var("PERFORATE_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(&kept, &table).expect("the table");
    }
    let kept = std::fs::read_to_string(kept).expect("the committed table");
    assert!(
        kept == table,
        "the table by operator is another one: PERFORATE_BLESS=1 writes it anew"
    );
}
