//! What a strategy offers on the command line, without knowing who reads the arguments.

use std::collections::BTreeMap;
use std::sync::Arc;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;
use perforate_bench::sweep::BenchTarget;
use perforate_engine::Program;
use perforate_onnx::Component;

use crate::companion::Companion;

/// A study as a subcommand.
#[derive(Debug, Clone)]
pub struct Command {
    /// Its name, lower case with hyphens.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// What it takes.
    pub arguments: Vec<Argument>,
    /// Runs it.
    pub run: fn(&dyn Host) -> Result<()>,
}

/// An option of a subcommand: `--name VALUE`.
#[derive(Debug, Clone)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// What it takes.
    pub value: Value,
    /// Names of options one of which stands in its place; it is required unless they are given.
    pub unless: &'static [&'static str],
}

/// What an option takes.
#[derive(Debug, Clone)]
pub enum Value {
    /// A path that must be given.
    File,
    /// A path that may be given.
    OptionalFile,
    /// At least so many paths.
    Files(usize),
    /// A number, with its default; required without one.
    Number(Option<f32>),
    /// At least so many numbers; none need be given if it is 0.
    Numbers(usize),
    /// Exactly so many numbers.
    ExactNumbers(usize),
    /// A whole number with its default.
    Count(usize),
    /// Whole numbers with their defaults.
    Counts(&'static [usize]),
    /// One of these names; the first unless given.
    Choice(Vec<&'static str>),
    /// Any number of words.
    Words,
    /// How pictures become inputs: several options that the host knows.
    Pictures,
}

impl Argument {
    /// An option that stands for itself.
    pub fn new(name: &'static str, value: Value, help: &'static str) -> Argument {
        Argument { name, help, value, unless: &[] }
    }

    /// The same, not needed where one of these is given.
    pub fn unless(self, others: &'static [&'static str]) -> Argument {
        Argument { unless: others, ..self }
    }
}

/// A file as it was given.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl File {
    /// The file's name without its folder.
    pub fn name(&self) -> String {
        self.path.rsplit(['/', '\\']).next().unwrap_or_default().to_string()
    }
}

/// Where arguments come from and results go.
pub trait Host {
    /// The files given under this option.
    ///
    /// # Errors
    /// `Io`, naming the file.
    fn files(&self, name: &str) -> Result<Vec<File>>;
    /// The numbers given, or the defaults.
    fn numbers(&self, name: &str) -> Vec<f32>;
    /// The whole numbers given, or the defaults.
    fn counts(&self, name: &str) -> Vec<usize>;
    /// The words given, or the first choice.
    fn words(&self, name: &str) -> Vec<String>;
    /// Inputs for a model: a file, or a folder of pictures as such a file; none if none is given.
    ///
    /// # Errors
    /// `Io` or `Data`, naming the file.
    fn inputs(&self, name: &str, program: &Program) -> Result<Option<File>>;
    /// A file of the project, by its name there.
    ///
    /// # Errors
    /// `Io`, naming the file.
    fn project_file(&self, name: &str) -> Result<Vec<u8>>;
    /// What the first scenario of a strategy measures, on the table of sentences given under this option, if one is.
    ///
    /// # Errors
    /// As for opening a scenario.
    fn open(&self, strategy: &str, table: &str) -> Result<(BenchTarget, Arc<dyn Companion>)>;
    /// Prints a table of results: titles, then rows.
    ///
    /// # Errors
    /// `Io` if it cannot be printed.
    fn table(&self, titles: &[&str], rows: Vec<Vec<String>>) -> Result<()>;
    /// Prints a line of results.
    ///
    /// # Errors
    /// `Io` if it cannot be printed.
    fn say(&self, line: &str) -> Result<()>;
    /// The clock to measure with.
    fn clock(&self) -> Box<dyn Clock>;
    /// Shows how much is done.
    fn progress(&self, done: usize, of: usize);
}

impl dyn Host + '_ {
    /// The component models given under this option.
    pub fn components(&self, name: &str) -> Result<Vec<Component>> {
        let files = self.files(name)?;
        files.iter().map(|file| Component::decode(file.path.clone(), &file.bytes)).collect()
    }

    /// The one component model given under this option.
    pub fn component(&self, name: &str) -> Result<Component> {
        self.components(name)?.into_iter().next().ok_or_else(|| {
            Error::new(ErrorKind::Config, "it is not given: name an .onnx file")
                .at(format!("--{name}"))
        })
    }

    /// The one number given under this option.
    pub fn number(&self, name: &str) -> f32 {
        self.numbers(name).first().copied().unwrap_or_default()
    }

    /// The one whole number given under this option.
    pub fn count(&self, name: &str) -> usize {
        self.counts(name).first().copied().unwrap_or_default()
    }

    /// The one word given under this option.
    pub fn word(&self, name: &str) -> String {
        self.words(name).into_iter().next().unwrap_or_default()
    }

    /// Where one file each comes from, by the options' names.
    pub fn provenance(&self, names: &[&str]) -> Result<BTreeMap<String, String>> {
        let one = |name: &&str| {
            let file = self.files(name)?.first().map(File::name);
            Ok((name.to_string(), file.unwrap_or_default()))
        };
        names.iter().map(one).collect()
    }

    /// Where files of one option come from: `role1`, `role2` …
    pub fn numbered(&self, role: &str, name: &str) -> Result<BTreeMap<String, String>> {
        let files = self.files(name)?;
        let one = |(ix, file): (usize, &File)| (format!("{role}{}", ix + 1), file.name());
        Ok(files.iter().enumerate().map(one).collect())
    }
}
