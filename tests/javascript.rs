//! The page's scripts: TypeScript's checker reads them all, against types that are written from Rust.
//!
//! `PERFORATE_BLESS=1 cargo test --test javascript` writes `www/types.d.ts` anew. The checker needs what `./setup.sh`
//! installs; PERFORATE_PEERS=no goes without it.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use perforate_lab::chosen_files::{ChosenFile, SortedFiles};
use perforate_lab::picture_form::FormTexts;
use perforate_lab::sample::SampleFiles;
use perforate_lab::view::{CardText, PeerTimes, State};
use perforate_lab::worker::{Command, Event, FetchFault};
use ts_rs::{Config, TS, TypeVisitor};

const HEAD: &str = "\
// Written by tests/javascript.rs from the types in Rust: PERFORATE_BLESS=1 cargo test --test javascript
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// Names of the page's scripts.
fn scripts() -> Vec<String> {
    let entries = fs::read_dir(root().join("www")).expect("the page's folder");
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut scripts: Vec<String> = names.filter(|name| name.ends_with(".js")).collect();
    scripts.sort();
    assert!(scripts.len() > 10, "{scripts:?}");
    scripts
}

/// Where set-up puts TypeScript; none where it is not wanted.
fn peers() -> Option<PathBuf> {
    if std::env::var("PERFORATE_PEERS").is_ok_and(|value| value == "no") {
        eprintln!("NOT RUN: PERFORATE_PEERS=no");
        return None;
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = cache.or_else(home).expect("a home").join("perforate/peers");
    assert!(
        folder.join("node_modules/typescript").exists(),
        "{} holds no TypeScript: run ./setup.sh, or set PERFORATE_PEERS=no",
        folder.display()
    );
    Some(folder)
}

/// What a program says, which must succeed.
#[track_caller]
fn succeeds(command: &mut Process) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn typescript_finds_no_fault_in_the_scripts() {
    for script in scripts() {
        let text = read(&format!("www/{script}"));
        assert!(text.starts_with("// @ts-check\n"), "{script} does not ask to be checked");
        for way_out in ["@ts-nocheck", "@ts-ignore", "@ts-expect-error", "{any}", "{*}"] {
            assert!(!text.contains(way_out), "{script} has {way_out}");
        }
    }
    let Some(peers) = peers() else { return };
    for project in ["page", "workers"] {
        let project = root().join(format!("tests/javascript/{project}.json"));
        let tsc = peers.join("node_modules/typescript/bin/tsc");
        succeeds(Process::new("node").arg(tsc).args(["--pretty", "false", "-p"]).arg(project));
    }
}

/// Declarations of types, those in them too, by name.
#[derive(Default)]
struct Declarations {
    texts: BTreeMap<String, String>,
    seen: BTreeSet<TypeId>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        let config = Config::new();
        // Only types of one's own have a file that they could be written to.
        if T::output_path().is_some() {
            let text = T::decl(&config);
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            let known = self.texts.insert(T::ident(&config), lines.join("\n"));
            assert_eq!(known, None, "two types are called {}", T::ident(&config));
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

#[test]
fn types_are_those_of_rust() {
    let mut declarations = Declarations::default();
    declarations.visit::<ChosenFile>();
    declarations.visit::<SortedFiles>();
    declarations.visit::<FormTexts>();
    declarations.visit::<SampleFiles>();
    declarations.visit::<State>();
    declarations.visit::<Command>();
    declarations.visit::<Event>();
    declarations.visit::<FetchFault>();
    declarations.visit::<PeerTimes>();
    declarations.visit::<CardText>();
    let types = declarations.texts.values().map(|text| format!("\nexport {text}\n"));
    let wanted = HEAD.to_string() + &types.collect::<String>();
    let file = "www/types.d.ts";
    if std::env::var("PERFORATE_BLESS").is_ok_and(|value| value == "1") {
        fs::write(root().join(file), &wanted).expect("the declarations");
    }
    assert!(
        read(file) == wanted,
        "{file} is not what Rust has: PERFORATE_BLESS=1 cargo test --test javascript"
    );
}

/// Names of functions and methods that follow `before` in a line.
fn names<'a>(text: &'a str, before: &'a str) -> BTreeSet<&'a str> {
    let after = text.lines().filter_map(|line| line.trim_start().strip_prefix(before));
    let name = |line: &'a str| line.split_once('(').map(|(name, _)| name);
    let word = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
    after.filter_map(name).filter(word).collect()
}

/// wasm-bindgen would type most values as `any`: `perforate-web.d.ts` is written by hand, so that nothing may be missing
/// there, or be there no more.
#[test]
fn bindings_are_declared_as_they_are() {
    let (rust, script) = (read("src/web/lib.rs"), read("www/perforate-web.d.ts"));
    let mut bound = names(&rust, "pub fn ");
    assert!(bound.remove("new") && bound.remove("start"), "{bound:?}");
    let mut declared: BTreeSet<&str> = names(&script, "");
    declared.extend(names(&script, "export function "));
    assert!(declared.remove("constructor"), "{declared:?}");
    assert_eq!(bound, declared);
}

#[test]
fn every_script_is_copied_and_packed() {
    let (page, pack) = (read("www/index.html"), read("www/pack.sh"));
    for script in scripts() {
        let copied = format!("rel=\"copy-file\" href=\"{script}\"");
        assert!(page.contains(&copied), "trunk does not copy {script}");
        // A page from file:// has no service worker.
        assert!(script == "sw.js" || pack.contains(&script), "pack.sh leaves {script} out");
    }
}

#[test]
fn scripts_pass_their_own_tests() {
    if peers().is_none() {
        return;
    }
    // Modules by their extension: node reads a `.js` file as one only where a package says so.
    let folder = tempfile::tempdir().unwrap();
    fs::copy(root().join("www/live.js"), folder.path().join("live.mjs")).unwrap();
    let test = folder.path().join("live.test.mjs");
    fs::copy(root().join("tests/javascript/live.test.mjs"), &test).unwrap();
    succeeds(Process::new("node").arg("--test").arg(test));
}
