//! Every room that others may depend on can be packaged, and its package holds code and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Largest file of a package, in bytes.
const LARGEST: u64 = 200_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--allow-dirty"])
        .current_dir(root())
        // Beside the target folder of this build, whose lock this test's own run may hold.
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("packages"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Names and folders of the packages of the workspace that may be published.
fn publishable() -> Vec<(String, PathBuf)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    // `publish = false` is an empty list of registries here.
    let open = packages.filter(|package| package["publish"].is_null());
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_string();
    open.map(|package| {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        (text(&package["name"]), manifest.parent().unwrap().to_path_buf())
    })
    .collect()
}

#[test]
fn all_rooms_but_the_pages_module_can_be_packaged() {
    let names: Vec<String> = publishable().into_iter().map(|(name, _)| name).collect();
    assert!(names.len() > 10 && !names.contains(&"perforate-web".into()), "{names:?}");
    let mut arguments = vec!["package", "--no-verify"];
    names.iter().for_each(|name| arguments.extend(["-p", name]));
    cargo(&arguments);
}

#[test]
fn a_package_holds_no_model_no_page_and_no_large_file() {
    // What cargo itself puts in.
    let made = [".cargo_vcs_info.json", "Cargo.toml", "Cargo.toml.orig", "Cargo.lock"];
    let known = ["rs", "py", "txt", "md"];
    for (name, folder) in publishable() {
        let list = cargo(&["package", "--list", "-p", &name]);
        assert!(list.lines().any(|file| file.ends_with("lib.rs")), "{name}: {list}");
        for file in list.lines().filter(|file| !made.contains(file)) {
            let place = format!("{name}: {file}");
            let extension = Path::new(file).extension().map(|e| e.to_string_lossy().into_owned());
            let is_code = extension.is_some_and(|extension| known.contains(&extension.as_str()));
            assert!(is_code || file.starts_with("LICENSE"), "{place}");
            assert!(!["models/", "www/", "tests/"].iter().any(|f| file.starts_with(f)), "{place}");
            let path = folder.join(file);
            // A README may come from further up.
            let size = path.metadata().or_else(|_| root().join(file).metadata()).unwrap().len();
            assert!(size <= LARGEST, "{place} has {size} bytes");
        }
    }
}
