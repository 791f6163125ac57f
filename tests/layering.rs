//! The house's rules, read from the sources: dependencies point one way, platforms are told apart in
//! four places, and strategies never read a clock.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the ground up; a module may use those of lower floors.
const FLOORS: [&[&str]; 10] = [
    &["error", "units"],
    &["clock"],
    &["onnx"],
    &["engine"],
    &["data", "route", "fit"],
    &["energy", "auto"],
    &["bench"],
    &["report", "chart"],
    &["lab"],
    &["web", "cli"],
];

fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    collect(&root, &mut files);
    files
        .into_iter()
        .map(|(path, text)| (path.strip_prefix(&root).unwrap().to_path_buf(), text))
        .collect()
}

/// The top-level module that a file belongs to; none for the roots of the two crates.
fn module(file: &Path) -> Option<String> {
    let first = file.components().next()?.as_os_str().to_str()?;
    let name = first.trim_end_matches(".rs");
    (!["lib", "main"].contains(&name)).then(|| name.to_string())
}

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&module))
        .unwrap_or_else(|| panic!("the module `{module}` stands on no floor: add it to FLOORS"))
}

/// The part of a file that is not its unit tests.
fn outside_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = vec![];
    for (file, text) in sources() {
        let Some(own) = module(&file).filter(|_| !file.ends_with("tests.rs")) else { continue };
        for (start, _) in outside_tests(&text).match_indices("crate::") {
            let used: String = text[start + "crate::".len()..]
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if !used.is_empty() && used != own && floor(&used) >= floor(&own) {
                wrong.push(format!("{}: `{own}` uses `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn platforms_are_told_apart_in_four_places() {
    for (file, text) in sources() {
        let allowed = [
            "clock.rs",
            "lib.rs",
            "engine/ops/attention/kernel.rs",
            "engine/ops/integer/kernel.rs",
            "engine/ops/integer/kernel/wasm.rs",
            "engine/ops/integer/kernel/x86.rs",
        ]
        .iter()
        .any(|name| file == Path::new(name))
            || file.starts_with("web");
        assert!(allowed || !text.contains("target_arch"), "{}", file.display());
    }
}

#[test]
fn only_the_timer_reads_a_clock() {
    for (file, text) in sources() {
        let allowed = ["clock.rs", "bench/timing.rs"].iter().any(|name| file == Path::new(name));
        assert!(allowed || !text.contains(".now()"), "{} reads a clock", file.display());
    }
}

#[test]
fn strategies_and_the_engine_never_read_a_clock() {
    for (file, text) in sources() {
        let own = module(&file).unwrap_or_default();
        if ["engine", "route", "fit", "data", "onnx"].contains(&own.as_str()) {
            for word in ["clock", "Instant", "SystemTime"] {
                assert!(!text.contains(word), "{} names `{word}`", file.display());
            }
        }
    }
}

#[test]
fn no_file_has_outgrown_its_purpose() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 650, "{} has {lines} lines: split it", file.display());
    }
}

#[test]
fn the_page_carries_every_file_that_a_scenario_needs() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("www/index.html"));
    let page = page.unwrap();
    for scenario in &perforate::lab::SCENARIOS {
        for file in scenario.files() {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let copied = [file, folder].iter().any(|path| page.contains(&format!("/{path}\"")));
            assert!(copied, "{}: {file} is not copied by www/index.html", scenario.name);
        }
    }
}
