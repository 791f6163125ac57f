//! ONNX Runtime in a Python process, which runs a model as often as it is told and answers with the seconds.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ndarray::ArrayD;
use perforate_data::npz;
use perforate_engine::{Batch, to_array};
use serde_json::Value;

use crate::units::Seconds;
use crate::{Error, ErrorKind, Result};

use super::Case;

/// Its first lines describe the protocol.
const SCRIPT: &str = include_str!("onnxruntime.py");

/// The folder where setup.sh installs other engines.
pub fn peers_folder() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    cache.or_else(home).unwrap_or_default().join("perforate/peers")
}

/// The Python interpreter that has ONNX Runtime.
///
/// # Errors
/// Where it is not installed.
pub fn python() -> Result<PathBuf> {
    let python = peers_folder().join("python/bin/python");
    if python.exists() {
        return Ok(python);
    }
    let text = "ONNX Runtime for Python is not installed here: run ./setup.sh";
    Err(Error::new(ErrorKind::Config, text).at(python.display().to_string()))
}

/// A model in ONNX Runtime: one session with one thread, another with its default. The process ends when this is dropped.
#[derive(Debug)]
pub struct OnnxRuntime {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Threads of each session: one, and the default.
    pub threads: Vec<usize>,
    /// Outputs in order: `output0`, `output1` and so on.
    pub outputs: Batch,
}

impl OnnxRuntime {
    /// Loads a model.
    ///
    /// # Errors
    /// Where ONNX Runtime rejects the model or the inputs.
    pub fn start(python: &Path, case: &Case) -> Result<OnnxRuntime> {
        let fault = |text: String| {
            Error::new(ErrorKind::Config, format!("ONNX Runtime does not start ({text})"))
                .at(python.display().to_string())
        };
        let mut child = Command::new(python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| fault(e.to_string()))?;
        let (Some(commands), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fault("it has no pipes".into()));
        };
        let mut started = OnnxRuntime {
            child,
            commands,
            answers: BufReader::new(answers),
            threads: vec![],
            outputs: Batch::new(),
        };
        let inputs = as_numbers(&case.inputs)?;
        let file = case.full.as_ref().unwrap_or(&case.file);
        let head = format!("{} {} {}\n", u8::from(case.full.is_some()), file.len(), inputs.len());
        for bytes in [head.as_bytes(), file, &inputs] {
            started.commands.write_all(bytes).map_err(|e| fault(e.to_string()))?;
        }
        started.commands.flush().map_err(|e| fault(e.to_string()))?;
        let head = started.answer()?;
        let head: Value = serde_json::from_str(&head).map_err(|e| fault(e.to_string()))?;
        if let Some(reason) = head["error"].as_str() {
            let text = format!("ONNX Runtime rejects the model or its inputs ({reason})");
            return Err(Error::new(ErrorKind::Model, text).at(&case.model));
        }
        let threads = head["threads"].as_array().into_iter().flatten();
        started.threads = threads.filter_map(Value::as_u64).map(|count| count as usize).collect();
        let mut outputs = vec![0; head["outputs"].as_u64().unwrap_or_default() as usize];
        started.answers.read_exact(&mut outputs).map_err(|e| fault(e.to_string()))?;
        started.outputs = npz::read("the outputs of ONNX Runtime", &outputs, "output0")?;
        Ok(started)
    }

    /// Seconds of `runs` runs in a session, by its place in [`OnnxRuntime::threads`].
    ///
    /// # Errors
    /// Where the process has ended.
    pub fn time(&mut self, session: usize, runs: usize) -> Result<Seconds> {
        let asked =
            writeln!(self.commands, "{session} {runs}").and_then(|()| self.commands.flush());
        asked.map_err(|e| ended(&e))?;
        let answer = self.answer()?;
        answer.trim().parse().map(Seconds).map_err(|_| ended(&answer.trim()))
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err(ended(&"see its message above")),
            Ok(_) => Ok(line),
            Err(e) => Err(ended(&e)),
        }
    }
}

fn ended(reason: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("the process of ONNX Runtime ended early ({reason})"))
}

impl Drop for OnnxRuntime {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The inputs as an `.npz` file of floats. The script casts them to the types that the model takes.
fn as_numbers(inputs: &Batch) -> Result<Vec<u8>> {
    let arrays = inputs.names().filter_map(|name| Some((name, inputs.get(name)?)));
    let arrays: Vec<(&str, ArrayD<f32>)> =
        arrays.map(|(name, tensor)| Ok((name, to_array(tensor)?))).collect::<Result<_>>()?;
    npz::write(&arrays.iter().map(|(name, array)| (*name, array)).collect::<Vec<_>>())
}
