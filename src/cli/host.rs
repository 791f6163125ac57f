//! Arguments that strategies declare, as options of clap, and the values that were given for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgMatches, Args, FromArgMatches, value_parser};
use perforate_bench::clock::{Clock, SystemClock};
use perforate_bench::sweep::BenchTarget;
use perforate_engine::Program;
use perforate_lab::catalogue::scenarios;
use perforate_lab::experiment::Experiment;
use perforate_strategies::Companion;
use perforate_strategies::command::{Argument, File, Host, Value};

use crate::{Error, ErrorKind, Result};

use super::io::{PictureArguments, read, read_inputs, say};
use super::open::open;
use super::table::print_table;

/// Adds the options of a strategy's subcommand.
pub fn with_arguments(mut command: clap::Command, arguments: &[Argument]) -> clap::Command {
    for argument in arguments {
        command = match argument.value {
            Value::Pictures => {
                // Arguments that are taken over bring words of their own, which are not the command's.
                let about = command.get_about().cloned();
                PictureArguments::augment_args(command).about(about.unwrap_or_default())
            }
            _ => command.arg(option(argument)),
        };
    }
    command
}

fn option(argument: &Argument) -> Arg {
    let mut arg = Arg::new(argument.name).long(argument.name).help(argument.help);
    if argument.name == "inputs" {
        arg = arg.alias("data");
    }
    let paths = value_parser!(PathBuf);
    let numbers = ValueParser::from(value_parser!(f32));
    let mut needed = false;
    arg = match &argument.value {
        Value::File => {
            needed = true;
            arg.value_parser(paths)
        }
        Value::OptionalFile => arg.value_parser(paths),
        Value::Files(least) => {
            needed = true;
            arg.value_parser(paths).num_args(*least..)
        }
        Value::Number(None) => {
            needed = true;
            arg.value_parser(numbers).allow_negative_numbers(true)
        }
        Value::Number(Some(default)) => arg
            .value_parser(numbers)
            .allow_negative_numbers(true)
            .default_value(default.to_string()),
        Value::Numbers(0) => arg.value_parser(numbers).num_args(1..),
        Value::Numbers(least) => {
            needed = true;
            arg.value_parser(numbers).num_args(*least..).allow_negative_numbers(true)
        }
        Value::ExactNumbers(count) => {
            needed = true;
            arg.value_parser(numbers).num_args(*count)
        }
        Value::Count(default) => {
            arg.value_parser(value_parser!(usize)).default_value(default.to_string())
        }
        Value::Counts(defaults) => arg
            .value_parser(value_parser!(usize))
            .num_args(1..)
            .default_values(defaults.iter().map(usize::to_string)),
        Value::Choice(names) => {
            let first = names.first().copied().unwrap_or_default();
            arg.value_parser(PossibleValuesParser::new(names)).default_value(first)
        }
        Value::Words => arg.num_args(1..),
        Value::Pictures => arg,
    };
    if needed {
        arg = match argument.unless {
            [] => arg.required(true),
            others => arg.required_unless_present_any(others).conflicts_with_all(others),
        };
    }
    arg
}

/// What was given for a strategy's subcommand.
pub struct Given<'a> {
    matches: &'a ArgMatches,
    bar: indicatif::ProgressBar,
}

impl<'a> Given<'a> {
    /// Of these matches.
    pub fn new(matches: &'a ArgMatches) -> Given<'a> {
        Given { matches, bar: indicatif::ProgressBar::new(1) }
    }

    fn all<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Vec<T> {
        let values = self.matches.try_get_many::<T>(name).ok().flatten();
        values.map_or_else(Vec::new, |values| values.cloned().collect())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.all(name).into_iter().next()
    }
}

impl Host for Given<'_> {
    fn files(&self, name: &str) -> Result<Vec<File>> {
        let file = |path: PathBuf| {
            // A folder of pictures is read by `inputs`, which knows what they are for.
            let bytes = if path.is_dir() { vec![] } else { read(&path)? };
            Ok(File { path: path.display().to_string(), bytes })
        };
        self.all::<PathBuf>(name).into_iter().map(file).collect()
    }

    fn numbers(&self, name: &str) -> Vec<f32> {
        self.all(name)
    }

    fn counts(&self, name: &str) -> Vec<usize> {
        self.all(name)
    }

    fn words(&self, name: &str) -> Vec<String> {
        self.all(name)
    }

    fn inputs(&self, name: &str, program: &Program) -> Result<Option<File>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        let pictures = PictureArguments::from_arg_matches(self.matches)
            .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        let bytes = read_inputs(&path, || pictures.form(program))?;
        Ok(Some(File { path: path.display().to_string(), bytes }))
    }

    fn project_file(&self, name: &str) -> Result<Vec<u8>> {
        read(Path::new(name))
    }

    fn open(&self, strategy: &str, table: &str) -> Result<(BenchTarget, Arc<dyn Companion>)> {
        let all = scenarios();
        let scenario = all.iter().find(|scenario| scenario.strategy.name() == strategy);
        let scenario = scenario.ok_or_else(|| {
            Error::new(ErrorKind::Config, "no scenario has this strategy").at(strategy)
        })?;
        let usual = Experiment::usual(scenario, false);
        let experiment = match self.path(table) {
            Some(path) => Experiment { table: Some(path.display().to_string()), ..usual },
            None => usual,
        };
        let (_, _, opened) = open(experiment)?;
        Ok((opened.subject, opened.companion))
    }

    fn table(&self, titles: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
        self.bar.finish_and_clear();
        print_table(titles, rows)
    }

    fn say(&self, line: &str) -> Result<()> {
        say!("{line}");
        Ok(())
    }

    fn clock(&self) -> Box<dyn Clock> {
        Box::new(SystemClock::default())
    }

    fn progress(&self, done: usize, of: usize) {
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
    }
}
