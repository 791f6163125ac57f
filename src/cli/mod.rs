//! The command line: results to stdout, progress to stderr; exit 2 if the input is at fault, 1 if the program is.
//!
//! `route` and the studies come from the registry of strategies: [`perforate_strategies::registered`].

mod answers;
mod bench;
mod host;
mod io;
mod kernels;
mod knob_form;
mod model;
mod open;
mod optimise;
mod quantities;
mod route;
mod serve;
mod split;
mod table;
pub mod versus;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use perforate_bench::process_runs;
use perforate_lab::scenarios;
use perforate_report::usage::Language;
use perforate_routing::fit::quantise::Bits;
use perforate_strategies::registered;

use crate::Result;

use bench::BenchArguments;
use host::{Given, with_arguments};
use io::{PictureArguments, named};
use knob_form::KnobForm;
use model::Risk;
use serve::ServeArguments;
use split::SplitArguments;
use versus::VersusArguments;

/// Measures what routing gains on an ONNX model.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios, print their tables, write the report.
    Bench(BenchArguments),
    /// Record what every path of the built-in scenarios answers, into models/answers, so that the page only has to time them.
    Answers {
        /// Scenario to record; all of them if none is given.
        #[arg(long)]
        scenario: Vec<String>,
    },
    /// List the scenarios.
    List,
    /// Show what a model reads, gives and costs, where it can be cut, its segments, gates and knobs.
    Inspect { model: PathBuf },
    /// Run a model on a NumPy file.
    Run {
        model: PathBuf,
        #[arg(long)]
        input: PathBuf,
        /// NAME=VALUE
        #[arg(long)]
        knob: Vec<String>,
        /// Write the outputs as .npz.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Choose the default of a routed model's knob with a guarantee, on inputs of your own.
    Calibrate {
        model: PathBuf,
        /// An .npz, .npy or .csv file, with labels or without; or a folder of pictures.
        #[arg(long, alias = "data")]
        inputs: PathBuf,
        #[command(flatten)]
        pictures: PictureArguments,
        #[command(flatten)]
        risk: Risk,
        /// Where to write the model with that default.
        #[arg(long)]
        out: PathBuf,
    },
    /// Split a routed model at a gate: a file for the device, and one for a server that runs the rest.
    ///
    /// Writes `device.onnx` and `server.onnx`. The device's file gives the answer of the gate's light branch, the gate's
    /// `score`, and `answered`: true where that answer is the whole file's. For the other rows send the server's inputs, which
    /// are the device's inputs or further outputs of its file. Each file keeps the knobs that it reads; set those of both
    /// alike. With --inputs it also measures what the split saves.
    Split(SplitArguments),
    /// Serve a model over HTTP.
    ///
    /// POST /v1/run takes inputs and knobs as JSON or as safetensors and answers in the form that `Accept` asks for; GET
    /// /v1/model says what the model takes and gives; GET /health and GET /metrics are for whoever watches it. Requests that
    /// wait are run as one batch. SIGTERM and SIGINT end it, once every accepted request is answered.
    Serve(ServeArguments),
    /// Print a few lines that run a model in ONNX Runtime.
    Usage {
        model: PathBuf,
        #[arg(long, value_parser = named::<Language>(), default_value = "python")]
        language: Language,
    },
    /// Time our products: in f32, and in eight and four bits against those.
    Kernels {
        /// Rounds for each shape.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// Time models in this engine and in ONNX Runtime, on the same inputs.
    Versus(VersusArguments),
    /// Move work that one branch of an `If` needs into that branch, and fold constants; the outputs stay the same.
    Optimise {
        model: PathBuf,
        #[arg(long, value_parser = named::<KnobForm>(), default_value = "default", help = knob_form::HELP)]
        knob: KnobForm,
        /// Where to write the model.
        #[arg(short, long)]
        out: PathBuf,
    },
    /// Put the matrix products of a model into eight or four bits.
    Quantise {
        model: PathBuf,
        /// Bits of a weight.
        #[arg(long, value_parser = named::<Bits>(), default_value = "8")]
        bits: Bits,
        #[arg(long)]
        out: PathBuf,
    },
    /// One launch of a measurement: an experiment on stdin, its times on stdout.
    #[command(name = process_runs::SUBCOMMAND, hide = true)]
    ProcessRun,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    match run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(if error.is_users() { 2 } else { 1 })
        }
    }
}

/// Runs a command line: the program's name, then what follows it. Arguments that clap refuses end the process.
///
/// # Errors
/// Whatever the subcommand finds wrong.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<()> {
    let matches = command().get_matches_from(arguments);
    if let Some((name, own)) = matches.subcommand() {
        if name == "route" {
            return route::route(own);
        }
        let mut studies = registered().into_iter().flat_map(|strategy| strategy.commands());
        if let Some(study) = studies.find(|study| study.name == name) {
            return (study.run)(&Given::new(own));
        }
    }
    obey(&matches)
}

/// All subcommands: those below, and those that strategies offer.
fn command() -> clap::Command {
    let studies = registered().into_iter().flat_map(|strategy| strategy.commands());
    let studies = studies.map(|study| {
        with_arguments(clap::Command::new(study.name).about(study.about), &study.arguments)
    });
    Cli::command().subcommand(route::command()).subcommands(studies)
}

fn obey(matches: &ArgMatches) -> Result<()> {
    let cli = Cli::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    match cli.command {
        Command::Answers { scenario } => answers::answers(&scenario),
        Command::Bench(arguments) => bench::bench(arguments),
        Command::List => {
            let row = |s: &&perforate_lab::Scenario| {
                let texts = [s.name, s.strategy.name(), s.model, s.data, s.text];
                texts.map(String::from).to_vec()
            };
            let rows: Vec<Vec<String>> = scenarios().iter().map(row).collect();
            if std::io::stdout().is_terminal() {
                let titles = ["name", "strategy", "model", "data", "shows"];
                return table::print_table(&titles, rows);
            }
            // For scripts: a line each, fields between tabs.
            rows.iter().try_for_each(|row| io::print(format_args!("{}", row.join("\t"))))
        }
        Command::Inspect { model } => model::inspect(&model),
        Command::Run { model, input, knob, out } => model::run(&model, &input, &knob, out),
        Command::Calibrate { model, inputs, pictures, risk, out } => {
            model::calibrate(&model, &inputs, &pictures, &risk, &out)
        }
        Command::Split(arguments) => split::split(&arguments),
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Usage { model, language } => model::usage(&model, language),
        Command::Kernels { rounds } => kernels::kernels(rounds),
        Command::Versus(arguments) => versus::versus(arguments),
        Command::Optimise { model, knob, out } => optimise::optimise_file(&model, knob, &out),
        Command::Quantise { model, bits, out } => model::quantise(&model, bits, &out),
        Command::ProcessRun => bench::launch(),
    }
}
