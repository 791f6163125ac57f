//! Changed files, drawn from a seed: whatever a file says, the program answers, or refuses it in a sentence.
//!
//! Each case runs in a process of its own kind, under a limit of time and memory, which is started again if it breaks. What
//! breaks it, panics outside of a guard, or is called a fault of the program's, fails the test and is written to a file. Cut
//! it down by hand, mend what it shows, and keep it in `tests/hostile`.
//!
//! `PERFORATE_FUZZ=10000 cargo test --test native fuzz::` runs so many cases of each kind; `PERFORATE_FUZZ_SEED=7` draws others.

mod bytes;
mod cases;
mod data;
mod model;
mod seeds;
mod tensors;
mod worker;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Begins the lines of a worker.
const MARK: &str = "\u{2}fuzz ";
/// Cases of each kind, unless the environment says otherwise.
const COUNT: u64 = 1000;
/// Processes at once.
const WORKERS: u64 = 2;
/// A case may take so long; alone once more, it may take longer: other tests run beside it.
const LIMIT: Duration = Duration::from_secs(5);
const ALONE: Duration = Duration::from_secs(30);
/// Address space of a worker, in KiB.
const MEMORY: &str = "4194304";

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Models,
    Data,
}

/// The cases of a worker: from `first`, every `step`th before `end`.
#[derive(Debug, Clone)]
struct Assignment {
    kind: Kind,
    seed: u64,
    first: u64,
    step: u64,
    end: u64,
}

impl Assignment {
    const VARIABLE: &str = "PERFORATE_FUZZ_WORKER";

    fn written(&self) -> String {
        let Assignment { kind, seed, first, step, end } = self;
        format!("{} {seed} {first} {step} {end}", u8::from(*kind == Kind::Data))
    }

    fn read(text: &str) -> Option<Assignment> {
        let numbers: Vec<u64> = text.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
        let &[kind, seed, first, step, end] = &numbers[..] else { return None };
        let kind = if kind == 0 { Kind::Models } else { Kind::Data };
        Some(Assignment { kind, seed, first, step, end })
    }
}

/// Not a test: the process that one starts.
#[test]
fn worker() {
    let given = std::env::var(Assignment::VARIABLE).ok();
    if let Some(assignment) = given.as_deref().and_then(Assignment::read) {
        worker::work(&assignment);
    }
}

#[test]
fn changed_models_are_answered_or_refused() {
    campaign(Kind::Models);
}

#[test]
fn changed_files_of_other_kinds_are_read_or_refused() {
    campaign(Kind::Data);
}

fn number(variable: &str, usual: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(usual, |text| text.parse().unwrap_or_else(|e| panic!("{variable}: {e}")))
}

fn campaign(kind: Kind) {
    let (seed, count) = (number("PERFORATE_FUZZ_SEED", 1), number("PERFORATE_FUZZ", COUNT));
    let all = move |first| Assignment { kind, seed, first, step: WORKERS, end: count };
    let threads = (0..WORKERS).map(|first| std::thread::spawn(move || oversee(all(first))));
    let threads: Vec<_> = threads.collect();
    let mut counts = BTreeMap::<String, u64>::new();
    let mut faults = vec![];
    for thread in threads {
        for (number, said) in thread.join().expect("an overseer") {
            let word = said.split(' ').next().unwrap_or_default().to_string();
            if word != "ok" && word != "refused" {
                faults.push(format!("{}: {said}", kept(kind, seed, number).display()));
            }
            *counts.entry(word).or_default() += 1;
        }
    }
    println!("{kind:?}, seed {seed}: {counts:?}");
    assert!(counts.values().sum::<u64>() == count, "cases are missing: {counts:?}");
    let least = count / 50;
    assert!(counts.get("ok").is_some_and(|&ok| ok >= least), "hardly any file is read: {counts:?}");
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
}

/// Writes a case to a file.
fn kept(kind: Kind, seed: u64, number: u64) -> PathBuf {
    let case = cases::case(kind, seed, number);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(format!("{seed}-{number}.{}", case.ending()));
    std::fs::write(&path, &case.bytes).expect("a file");
    path
}

/// Sees a worker through its cases; starts another where it broke.
fn oversee(mut left: Assignment) -> Vec<(u64, String)> {
    let mut verdicts = vec![];
    while left.first < left.end {
        let Broken { at, why, done } = see_through(&left, LIMIT);
        verdicts.extend(done);
        let Some(at) = at else { break };
        let alone = Assignment { first: at, step: 1, end: at + 1, ..left.clone() };
        let again = see_through(&alone, ALONE);
        let said = again.done.into_iter().next().map(|(_, said)| said);
        verdicts.push((at, said.unwrap_or_else(|| again.why.unwrap_or(why.unwrap_or_default()))));
        left.first = at + left.step;
    }
    verdicts
}

/// How far a worker came.
struct Broken {
    /// The case that it broke at.
    at: Option<u64>,
    why: Option<String>,
    done: Vec<(u64, String)>,
}

fn see_through(assignment: &Assignment, limit: Duration) -> Broken {
    let mut child = start(assignment);
    let lines = lines(&mut child);
    let mut errors = child.stderr.take().expect("a pipe");
    let errors = std::thread::spawn(move || {
        let mut text = vec![];
        let _ = errors.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let (mut at, mut done) = (None, vec![]);
    let hangs = loop {
        match lines.recv_timeout(if at.is_some() { limit } else { ALONE }) {
            Ok(line) => match line.split_once(' ') {
                Some(("begin", number)) => at = number.parse::<u64>().ok(),
                Some(("end", said)) => {
                    let said = said.split_once(' ').map_or(said, |(_, said)| said);
                    done.extend(at.take().map(|number| (number, said.to_string())));
                }
                _ => {}
            },
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    let why = if hangs {
        let _ = child.kill();
        Some(format!("hang: not done after {} s", limit.as_secs()))
    } else {
        None
    };
    let status = child.wait().expect("a child");
    let said = errors.join().expect("a reader");
    let tells = |line: &&str| !line.is_empty() && !line.starts_with("note:");
    let last = said.lines().rfind(tells).unwrap_or_default();
    let why = why.or_else(|| Some(format!("abort: {status}: {last}")));
    Broken { at, why, done }
}

fn start(assignment: &Assignment) -> Child {
    let program = std::env::current_exe().expect("this test");
    Command::new("sh")
        .args(["-c", &format!("ulimit -v {MEMORY}; exec \"$@\""), "sh"])
        .arg(program)
        .args(["--exact", "fuzz::worker", "--nocapture", "--test-threads=1"])
        .env(Assignment::VARIABLE, assignment.written())
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell")
}

/// The lines of a worker, as they come.
fn lines(child: &mut Child) -> Receiver<String> {
    let (send, receive) = channel();
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    std::thread::spawn(move || {
        for line in out.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            // The test runner and the command line print too, and perhaps no end of their line.
            if let Some((_, own)) = line.split_once(MARK)
                && send.send(own.to_string()).is_err()
            {
                return;
            }
        }
    });
    receive
}
