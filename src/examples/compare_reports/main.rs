//! Compares two reports of `perforate bench --json` in everything that does not come from a clock.
//!
//!     cargo run --example compare_reports -- BEFORE.json AFTER.json [--map FILE] [--except TEXT]... [--reworded]
//!
//! A pair is made by one command, run at the commit before a change and at the one after it. Seeds are fixed and no time is
//! compared, so the machine does not matter:
//!
//!     git worktree add ../before main
//!     (cd ../before && cargo run --release --features cli -- bench --quick --json /tmp/before.json)
//!     cargo run --release --features cli -- bench --quick --json /tmp/after.json
//!     cargo run --example compare_reports -- /tmp/before.json /tmp/after.json
//!
//! `--scenario NAME` measures one scenario alone. Prints one line per difference and exits with 1 if there is any. Numbers may differ by 1e-6, relative or absolute.
//!
//! - `--map FILE`: a line `OLD NEW` says that a name (of a file, a model, a path) changed.
//! - `--except TEXT`: differences whose place contains TEXT are printed but not counted. Say why where you use it.
//! - `--reworded`: of sentences only the numbers are compared.
//!
//! Schema 1 has fields of single strategies; schema 2 has sections. A section's table is compared with the field's records:
//! a number that a column shows must be shown in every row. What no column shows is listed as having no counterpart.

mod compare;
mod sections;
mod texts;

use std::process::ExitCode;

use compare::{Comparison, Rules};
use serde_json::Value;

const USAGE: &str =
    "usage: compare_reports BEFORE.json AFTER.json [--map FILE] [--except TEXT]... [--reworded]";

fn main() -> ExitCode {
    if std::env::args().skip(1).any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(std::env::args().skip(1)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(count) => {
            eprintln!("{count} differences");
            ExitCode::from(1)
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// Returns how many differences count.
fn run(mut arguments: impl Iterator<Item = String>) -> Result<usize, String> {
    let (mut files, mut rules) = (vec![], Rules::default());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--map" => rules.add_names(&read(&value()?)?)?,
            "--except" => rules.except.push(value()?),
            "--reworded" => rules.reworded = true,
            _ => files.push(argument),
        }
    }
    let [before, after] = &files[..] else {
        return Err(USAGE.into());
    };
    let report = |file: &String| -> Result<Value, String> {
        serde_json::from_str(&read(file)?).map_err(|e| format!("{file}: {e}"))
    };
    let mut comparison = Comparison::new(&rules);
    comparison.reports(&report(before)?, &report(after)?);
    for line in comparison.uncounted.iter().chain(&comparison.differences) {
        println!("{line}");
    }
    println!("{} values compared", comparison.compared);
    Ok(comparison.differences.len())
}

fn read(file: &str) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A report of schema 1 with one of each kind of field.
    fn report() -> Value {
        let point = |accuracy: f64| {
            json!({
                "knob": {"threshold": 0.5}, "macs": 1e6, "ideal_speedup": 3.0, "accuracy": accuracy,
                "batch1": {"speedup": {"median": 2.5}}, "energy_j": {"time": 1e-3, "operations": 1e-6},
                "per_correct": {"macs": 2e6, "energy_j": 1e-3}, "predicted_speedup": 2.9
            })
        };
        json!({
            "schema": 1, "seed": 42, "host": {"cpu": "a"},
            "scenarios": [{
                "name": "early-exit/mnist",
                "experiment": {"targets": {"speedup": 2.0}, "files": {"models/mnist-stage1.onnx": "ab"}},
                "files": [{"name": "models/mnist-stage1.onnx", "bytes": 10}],
                "curve": [point(0.9), point(0.95)],
                "targets": [{"name": "speedup", "wanted": 2.0, "got": 2.5, "met": true}],
                "summary": "At 0.10\u{a0}pp accuracy loss this router is 2.50\u{a0}× faster; 30\u{a0}% of inputs need the full model.",
                "exits": [{"tensor": "a", "share": 0.25, "kept": true}, {"tensor": "b", "share": 0.5, "kept": false}],
                "exits_finding": "2 places for an exit were tried.",
                "battery": null
            }]
        })
    }

    fn differences(after: &Value) -> Vec<String> {
        with(&Rules::default(), after)
    }

    fn with(rules: &Rules, after: &Value) -> Vec<String> {
        let mut comparison = Comparison::new(rules);
        comparison.reports(&report(), after);
        let equal = comparison.differences.is_empty();
        assert!(!equal || comparison.compared > 15, "{} compared", comparison.compared);
        comparison.differences
    }

    /// The report with one value set.
    fn changed(pointer: &str, value: Value) -> Value {
        let mut report = report();
        *report.pointer_mut(pointer).expect(pointer) = value;
        report
    }

    #[test]
    fn a_report_equals_itself_and_another_run_of_the_same() {
        assert_eq!(differences(&report()), [""; 0]);
        let mut other = changed("/host/cpu", json!("b"));
        let scenario = "/scenarios/0";
        for (field, value) in [
            ("/curve/0/batch1/speedup/median", json!(9.0)),
            ("/curve/0/energy_j/time", json!(9.0)),
            ("/curve/0/per_correct/energy_j", json!(9.0)),
            ("/curve/0/predicted_speedup", json!(9.0)),
            ("/curve/0/macs", json!(1e6 + 0.01)),
            ("/targets/0/got", json!(1.5)),
            ("/targets/0/met", json!(false)),
            (
                "/summary",
                json!(
                    "At 0.10\u{a0}pp accuracy loss this router is 2.61\u{a0}× faster; 30\u{a0}% of inputs need the full model."
                ),
            ),
        ] {
            *other.pointer_mut(&format!("{scenario}{field}")).expect(field) = value;
        }
        assert_eq!(differences(&other), [""; 0]);
    }

    #[test]
    fn every_other_change_is_named() {
        for (pointer, value, place) in [
            ("/seed", json!(43), "report.seed"),
            ("/scenarios/0/curve/1/accuracy", json!(0.95001), "early-exit/mnist.curve[1].accuracy"),
            ("/scenarios/0/curve/1/accuracy", json!(null), "curve[1].accuracy"),
            ("/scenarios/0/curve/0/ideal_speedup", json!(3.1), "ideal_speedup"),
            ("/scenarios/0/curve/0/per_correct/macs", json!(3e6), "per_correct.macs"),
            ("/scenarios/0/curve/0/energy_j/operations", json!(2e-5), "energy_j.operations"),
            ("/scenarios/0/curve", json!([]), "curve: 2 entries, then 0"),
            ("/scenarios/0/experiment/targets/speedup", json!(3.0), "experiment.targets.speedup"),
            ("/scenarios/0/targets/0/wanted", json!(3.0), "targets[0].wanted"),
            ("/scenarios/0/files/0/bytes", json!(11), "files[0].bytes"),
            ("/scenarios/0/exits/1/kept", json!(true), "exits[1].kept"),
            ("/scenarios/0/name", json!("other"), "early-exit/mnist: is missing in AFTER"),
            (
                "/scenarios/0/summary",
                json!(
                    "At 0.20\u{a0}pp accuracy loss this router is 2.50\u{a0}× faster; 30\u{a0}% of inputs need the full model."
                ),
                "summary",
            ),
        ] {
            let found = differences(&changed(pointer, value));
            assert!(found.iter().any(|line| line.contains(place)), "{place}: {found:?}");
        }
    }

    #[test]
    fn sentences_may_be_worded_anew_and_differences_expected() {
        let summary = "With 0.10\u{a0}pp less accuracy the router is 3.1\u{a0}× faster, and 30\u{a0}% of inputs take the full model.";
        let after = changed("/scenarios/0/summary", json!(summary));
        assert_eq!(differences(&after).len(), 1);
        assert_eq!(with(&Rules { reworded: true, ..Rules::default() }, &after), [""; 0]);
        let rules = Rules { except: vec!["mnist.summary".into()], ..Rules::default() };
        assert_eq!(with(&rules, &after), [""; 0]);
        let after = changed("/scenarios/0/summary", json!(summary.replace("30", "31")));
        assert_eq!(with(&Rules { reworded: true, ..Rules::default() }, &after).len(), 1);
    }

    #[test]
    fn files_may_have_moved() {
        let mut after = changed("/scenarios/0/files/0/name", json!("models/mnist/stage1.onnx"));
        let files = json!({"models/mnist/stage1.onnx": "ab"});
        *after.pointer_mut("/scenarios/0/experiment/files").unwrap() = files;
        assert_eq!(differences(&after), [""; 0]);
        *after.pointer_mut("/scenarios/0/files/0/name").unwrap() = json!("elsewhere.onnx");
        *after.pointer_mut("/scenarios/0/experiment/files").unwrap() =
            json!({"elsewhere.onnx": "ab"});
        assert_eq!(differences(&after).len(), 2);
        let mut rules = Rules::default();
        rules.add_names("models/mnist/stage1.onnx elsewhere.onnx").unwrap();
        assert_eq!(with(&rules, &after), [""; 0]);
        assert!(rules.add_names("alone").is_err());
    }

    /// The report with its exits as a section whose table has these rows.
    fn in_sections(rows: Value) -> Value {
        let mut report = report();
        let scenario = report["scenarios"][0].as_object_mut().unwrap();
        scenario.remove("exits");
        let finding = scenario.remove("exits_finding");
        let table = json!({"columns": ["tensor", "operations before it", "kept"], "rows": rows});
        let section = json!({"id": "exits", "finding": finding, "table": table});
        scenario.insert("sections".into(), json!([section]));
        report
    }

    #[test]
    fn a_section_shows_what_its_fields_said() {
        let rows = json!([["a", "25.0\u{a0}%", "yes"], ["b", "50.0\u{a0}%", "no"]]);
        assert_eq!(differences(&in_sections(rows)), [""; 0]);
        let wrong = json!([["a", "25.0\u{a0}%", "yes"], ["b", "50.1\u{a0}%", "no"]]);
        let found = differences(&in_sections(wrong));
        assert!(found.len() == 1 && found[0].contains("exits[1].share"), "{found:?}");
        // A column that is not there is no difference, but said.
        let narrow = in_sections(json!([["a", "yes"], ["b", "no"]]));
        let rules = Rules::default();
        let mut comparison = Comparison::new(&rules);
        comparison.reports(&report(), &narrow);
        assert_eq!(comparison.differences, [""; 0]);
        assert_eq!(comparison.uncounted.len(), 1, "{:?}", comparison.uncounted);
        let mut without = report();
        let scenario = without["scenarios"][0].as_object_mut().unwrap();
        scenario.retain(|name, _| !name.starts_with("exits"));
        scenario.insert("sections".into(), json!([]));
        assert!(differences(&without)[0].contains("has no section `exits`"));
    }
}
