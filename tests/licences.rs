//! Licences of everything that a build links: each must be one under which this project may pass it on.

use std::iter::Peekable;
use std::path::Path;
use std::process::{Command, Output};
use std::vec::IntoIter;

/// Licences that ask for no more than that their text goes along, by their SPDX names.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OFL-1.1",
    "Ubuntu-font-1.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether an SPDX expression can be met with allowed licences alone. Old ones write `/` for `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<String> = spaced.split_whitespace().map(String::from).collect();
    let mut words = words.into_iter().peekable();
    any(&mut words) && words.next().is_none()
}

fn any(words: &mut Peekable<IntoIter<String>>) -> bool {
    let mut allowed = all(words);
    while words.next_if(|word| word == "OR").is_some() {
        allowed |= all(words);
    }
    allowed
}

fn all(words: &mut Peekable<IntoIter<String>>) -> bool {
    let mut allowed = one(words);
    while words.next_if(|word| word == "AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Peekable<IntoIter<String>>) -> bool {
    let Some(mut name) = words.next() else { return false };
    if name == "(" {
        let allowed = any(words);
        return words.next().is_some_and(|word| word == ")") && allowed;
    }
    if words.next_if(|word| word == "WITH").is_some() {
        name = format!("{name} WITH {}", words.next().unwrap_or_default());
    }
    ALLOWED.contains(&name.as_str())
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    for good in ["MIT", "MIT/Apache-2.0", "MIT OR GPL-3.0", "(MIT OR GPL-3.0) AND Zlib"] {
        assert!(is_allowed(good), "{good}");
    }
    for bad in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib", "Apache-2.0 WITH Other", "MIT MIT"]
    {
        assert!(!is_allowed(bad), "{bad}");
    }
}

#[test]
fn every_dependency_may_be_passed_on() {
    let said = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let compiler = said(Command::new("rustc").arg("-vV").output().expect("rustc"));
    let host = compiler.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", host, "--filter-platform", "wasm32-unknown-unknown"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("cargo");
    let metadata: serde_json::Value = serde_json::from_str(&said(metadata)).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "{} packages", packages.len());
    for package in packages {
        let (name, licence) = (&package["name"], package["license"].as_str().unwrap_or_default());
        assert!(is_allowed(licence), "{name} is under \"{licence}\", which is not allowed here");
    }
}
