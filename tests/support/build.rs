//! Builds the page through trunk, once for all tests and only where the sources are newer.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

/// What the page is made of; folders with all that is in them.
const SOURCES: &[&str] =
    &["src", "www", "models", "Cargo.toml", "Cargo.lock", "Trunk.toml", ".cargo"];

/// Sources of the models, of the command line, and what only the scripts' checker reads; not of the page.
const NOT_SOURCES: &[&str] =
    &["models/train", "src/cli", "src/runtime", "src/lib.rs", "src/main.rs"];
const NOT_SOURCE: &str = ".d.ts";

/// The folder that cargo builds into.
pub fn target() -> &'static Path {
    // cargo gives each package's integration tests the folder `tmp` in it.
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the folder for temporary files is inside the target folder")
}

/// The folder of the built page, which is up to date.
///
/// # Panics
/// If it cannot be built: every test of the page then fails with the same words.
pub fn page() -> &'static Path {
    static PAGE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PAGE.get_or_init(build_if_stale) {
        Ok(folder) => folder,
        Err(reason) => panic!("{reason}"),
    }
}

fn build_if_stale() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = target().join("page-for-tests");
    let stamp = target().join("page-for-tests.stamp");

    // Other test runners give each test its own process; the first of them builds.
    let lock = File::create(target().join("page-for-tests.lock")).map_err(|e| format!("{e}"))?;
    lock.lock().map_err(|e| format!("{e}"))?;

    let built = modified(&stamp);
    if folder.join("index.html").exists() && built.is_some() && newest_source(root) < built {
        return Ok(folder);
    }
    // Of the time before the build: a source that changes meanwhile makes the page stale again.
    let began = (Instant::now(), SystemTime::now());
    let status = Command::new("trunk")
        .args(["build", "--release", "--dist"])
        .arg(&folder)
        .current_dir(root)
        .env("PATH", path_with_cargo_tools())
        // trunk reads NO_COLOR as a flag that must be true or false, where others only look whether it is there.
        .env_remove("NO_COLOR")
        .status()
        .map_err(|e| format!("trunk does not start ({e}): run ./setup.sh"))?;
    if !status.success() {
        return Err("trunk could not build the page: see its messages above".into());
    }
    eprintln!("built the page in {:.0?}", began.0.elapsed());
    File::create(&stamp)
        .and_then(|file| file.set_modified(began.1))
        .map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(folder)
}

/// The path of this process and, behind it, the folder in which `cargo install` puts programs: it is not
/// on everyone's path.
pub fn path_with_cargo_tools() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let folders = std::env::split_paths(&path).chain(cargo_home.map(|home| home.join("bin")));
    std::env::join_paths(folders).unwrap_or(path)
}

fn newest_source(root: &Path) -> Option<SystemTime> {
    let ignored: Vec<PathBuf> = NOT_SOURCES.iter().map(|name| root.join(name)).collect();
    SOURCES.iter().filter_map(|name| newest(&root.join(name), &ignored)).max()
}

fn newest(path: &Path, ignored: &[PathBuf]) -> Option<SystemTime> {
    let declarations = path.to_string_lossy().ends_with(NOT_SOURCE);
    if declarations || ignored.iter().any(|other| other == path) {
        return None;
    }
    // A folder's own time tells of files that were removed.
    let inside = fs::read_dir(path).ok().and_then(|entries| {
        entries.flatten().filter_map(|entry| newest(&entry.path(), ignored)).max()
    });
    modified(path).max(inside)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
