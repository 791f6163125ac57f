//! The command line: results to stdout, progress to stderr; exit 2 if the input is at fault, 1 if we are.

mod cli;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use perforate::Result;
use perforate::bench::launches;
use perforate::report::usage::Language;
use perforate::routing::fit::quantise::Bits;
use perforate_lab::SCENARIOS;

use cli::bench::BenchArguments;
use cli::io::{PictureArguments, named, say};
use cli::model::Risk;
use cli::route::Strategy;

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
    /// Print a few lines that run a model in ONNX Runtime.
    Usage {
        model: PathBuf,
        #[arg(long, value_parser = named::<Language>(), default_value = "python")]
        language: Language,
    },
    /// Time the products in eight and four bits against those in f32, at the shapes of MiniLM.
    Kernels {
        /// Rounds for each shape.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// Time perforated attention, by itself and in the sentence transformer, against dense attention at several lengths.
    Lengths {
        /// Lengths of the texts in tokens.
        #[arg(long, num_args = 1.., default_values_t = perforate::bench::lengths::LENGTHS)]
        tokens: Vec<usize>,
        /// Texts at once.
        #[arg(long, default_value_t = 1)]
        texts: usize,
        /// Rounds for each length.
        #[arg(long, default_value_t = 9)]
        rounds: usize,
    },
    /// Leave out blocks of keys by what was learned, by parts of it, by distance and at random: how far is the answer off?
    Ablations {
        /// Length of the texts in tokens.
        #[arg(long, default_value_t = 512)]
        tokens: usize,
        /// Number of texts.
        #[arg(long, default_value_t = 6)]
        texts: usize,
    },
    /// Run every mix of precisions of six layers, and what controllers make of a budget beside the best of them.
    Mixes {
        /// Table of sentences to run, as for `bench`; the built-in ones unless given.
        #[arg(long)]
        table: Option<PathBuf>,
        /// Samples, at most: each takes about two seconds.
        #[arg(long, default_value_t = 200)]
        rows: usize,
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
    #[command(name = launches::SUBCOMMAND, hide = true)]
    Launch,
    /// Compose a routed model.
    Route {
        #[command(subcommand)]
        strategy: Strategy,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(if error.is_users() { 2 } else { 1 })
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Bench(arguments) => cli::bench::bench(arguments),
        Command::List => {
            for s in &SCENARIOS {
                say!("{}\t{}\t{}\t{}\t{}", s.name, s.strategy, s.model, s.data, s.text);
            }
            Ok(())
        }
        Command::Inspect { model } => cli::model::inspect(&model),
        Command::Run { model, input, knob, out } => cli::model::run(&model, &input, &knob, out),
        Command::Calibrate { model, inputs, pictures, risk, out } => {
            cli::model::calibrate(&model, &inputs, &pictures, &risk, &out)
        }
        Command::Usage { model, language } => cli::model::usage(&model, language),
        Command::Kernels { rounds } => cli::kernels::kernels(rounds),
        Command::Lengths { tokens, texts, rounds } => cli::kernels::lengths(&tokens, texts, rounds),
        Command::Ablations { tokens, texts } => cli::kernels::ablations(tokens, texts),
        Command::Quantise { model, bits, out } => cli::model::quantise(&model, bits, &out),
        Command::Mixes { table, rows } => cli::bench::mixes(table.as_deref(), rows),
        Command::Launch => cli::bench::launch(),
        Command::Route { strategy } => cli::route::route(strategy),
    }
}
