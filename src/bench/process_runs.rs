//! Launches: the measuring program started anew, so that what differs from one process to the next is in the
//! intervals. The first launch is the process at hand; each other one is told the experiment on its standard
//! input and answers with its times.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::sweep::ProcessRun;
use perforate_base::{Error, ErrorKind, Result};

use serde::Serialize;

/// The command line's hidden subcommand that is one launch.
pub const SUBCOMMAND: &str = "launch";

/// Has `program`, the command line, measure the experiment's times in a process of its own.
pub fn launch(program: &Path, experiment: &impl Serialize) -> Result<ProcessRun> {
    let fault = |e: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Internal, format!("a launch of the measurement failed ({e})"))
    };
    let text = serde_json::to_vec(experiment).map_err(|e| fault(&e))?;
    let mut child = Command::new(program)
        .arg(SUBCOMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| fault(&e))?;
    // Dropped at the end of the statement, so that the child sees the end of its input.
    child.stdin.take().map_or(Ok(()), |mut input| input.write_all(&text)).map_err(|e| fault(&e))?;
    let output = child.wait_with_output().map_err(|e| fault(&e))?;
    if !output.status.success() {
        return Err(fault(&String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| fault(&e))
}
