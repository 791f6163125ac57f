//! Builds what a release consists of into one folder, with checksums.
//!
//! `cargo run --example release [-- [--out FOLDER] [PART…]]`
//!
//! | part | makes | takes |
//! |---|---|---|
//! | `page` | `page/`: the static page, for any web server | trunk, wasm-bindgen |
//! | `npm` | `perforate-VERSION.tgz`: the npm package | wasm-bindgen, npm |
//! | `crates` | `crates/*.crate`: the crates, as `cargo publish` takes them; the tree must be clean | – |
//! | `binary` | `perforate-TRIPLE`: the command line for this machine | – |
//!
//! All of them unless some are named; the folder is `target/release-folder` unless given, and is emptied first. `SHA256SUMS` in it
//! lists every file: `sha256sum -c SHA256SUMS` checks them. `./setup.sh` installs the tools.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Crates of the workspace that only the page and the npm package need, as modules.
const NO_CRATES: [&str; 3] = ["perforate-web", "perforate-plain-simd", "perforate-runtime"];

/// One part of a release, and what makes it.
struct Part {
    name: &'static str,
    build: fn(&Folders) -> Result<()>,
}

const PARTS: [Part; 4] = [
    Part { name: "page", build: page },
    Part { name: "npm", build: npm },
    Part { name: "crates", build: crates },
    Part { name: "binary", build: binary },
];

/// Where things are.
struct Folders {
    /// The repository.
    root: PathBuf,
    /// What cargo builds into.
    target: PathBuf,
    /// The release.
    out: PathBuf,
}

fn main() -> Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| root.join("target"));
    let (out, parts) = arguments(std::env::args().skip(1), &target)?;
    let folders = Folders { root, target, out };
    if folders.out.exists() {
        // A folder that something else is in is not ours to empty.
        if !folders.out.join(SUMS).exists() && fs::read_dir(&folders.out)?.next().is_some() {
            let text =
                format!("{}: it holds no release: name another folder", folders.out.display());
            return Err(text.into());
        }
        fs::remove_dir_all(&folders.out)?;
    }
    fs::create_dir_all(&folders.out)?;
    // From now on the folder is known as one of a release.
    fs::write(folders.out.join(SUMS), "")?;
    for part in parts {
        println!("{} …", part.name);
        (part.build)(&folders)?;
    }
    fs::write(folders.out.join(SUMS), checksums(&folders.out)?)?;
    println!("{}", folders.out.display());
    Ok(())
}

/// The folder, and the parts to build.
fn arguments(
    given: impl IntoIterator<Item = String>,
    target: &Path,
) -> Result<(PathBuf, Vec<&'static Part>)> {
    let (mut out, mut parts) = (target.join("release-folder"), vec![]);
    let mut given = given.into_iter();
    while let Some(word) = given.next() {
        if word == "--out" {
            out = given.next().ok_or("name a folder after --out")?.into();
            continue;
        }
        let names = PARTS.map(|part| part.name).join(", ");
        let part = PARTS.iter().find(|part| part.name == word);
        parts.push(part.ok_or_else(|| format!("`{word}` is no part of a release: {names} are"))?);
    }
    if parts.is_empty() {
        parts = PARTS.iter().collect();
    }
    Ok((out, parts))
}

fn page(folders: &Folders) -> Result<()> {
    let dist = folders.out.join("page");
    run(folders, Command::new("trunk").args(["build", "--release", "--dist"]).arg(dist))
}

fn npm(folders: &Folders) -> Result<()> {
    let package = folders.target.join("npm");
    let script = folders.root.join("src/runtime/npm/build.sh");
    run(folders, Command::new("sh").arg(script).arg(&package))?;
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", "--pack-destination"]).arg(&folders.out).arg(&package);
    run(folders, &mut pack)
}

fn crates(folders: &Folders) -> Result<()> {
    let made = folders.target.join("package");
    // Those of other versions may lie there.
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    // Tests build them all, and one that depends on them: that need not be repeated for each.
    let mut package = cargo();
    package.args(["package", "--workspace", "--no-verify"]);
    package.args(NO_CRATES.iter().flat_map(|name| ["--exclude", name]));
    run(folders, &mut package)?;
    let to = folders.out.join("crates");
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(&made)? {
        let path = entry?.path();
        if let Some(name) =
            path.file_name().filter(|_| path.extension().is_some_and(|e| e == "crate"))
        {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn binary(folders: &Folders) -> Result<()> {
    run(folders, cargo().args(["build", "--release", "--features", "cli", "--bin", "perforate"]))?;
    let told = Command::new("rustc").arg("-vV").output()?;
    let told = String::from_utf8(told.stdout)?;
    let triple = told.lines().find_map(|line| line.strip_prefix("host: "));
    let triple = triple.ok_or("rustc -vV names no host")?;
    let suffix = std::env::consts::EXE_SUFFIX;
    let from = folders.target.join("release").join(format!("perforate{suffix}"));
    fs::copy(from, folders.out.join(format!("perforate-{triple}{suffix}")))?;
    Ok(())
}

/// The cargo that runs this example.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn run(folders: &Folders, command: &mut Command) -> Result<()> {
    let status = command.current_dir(&folders.root).status().map_err(|e| {
        let program = command.get_program().display();
        format!("{program} cannot be started ({e}): run ./setup.sh, which installs it")
    })?;
    match status.success() {
        true => Ok(()),
        false => {
            Err(format!("{} failed; its message is above", command.get_program().display()).into())
        }
    }
}

/// The file of the checksums.
pub const SUMS: &str = "SHA256SUMS";

/// A line `SHA-256  path` for every file in a folder but the checksums themselves, in order of their paths: what
/// `sha256sum -c` reads.
pub fn checksums(folder: &Path) -> Result<String> {
    let mut files = vec![];
    collect(folder, &mut files)?;
    let mut lines: Vec<(String, PathBuf)> = vec![];
    for path in files {
        let inside = path.strip_prefix(folder)?.display().to_string().replace('\\', "/");
        lines.push((inside, path));
    }
    lines.sort();
    let mut text = String::new();
    for (inside, path) in lines.iter().filter(|(inside, _)| inside != SUMS) {
        let digest = Sha256::digest(fs::read(path)?);
        digest.iter().try_for_each(|byte| write!(text, "{byte:02x}"))?;
        writeln!(text, "  {inside}")?;
    }
    Ok(text)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
