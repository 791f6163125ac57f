//! The command line: results to stdout, progress to stderr; exit 2 if the input is at fault, 1 if we are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use perforate::bench::sweep::{CostBasis, Options, Sweep};
use perforate::bench::timing::measure_tick;
use perforate::chart::{self, Size, Theme};
use perforate::clock::SystemClock;
use perforate::engine::{Knobs, Program};
use perforate::fit::calibrate::Loss;
use perforate::lab::experiment::Experiment;
use perforate::lab::plots::{self, Selected};
use perforate::lab::scenario::SEED;
use perforate::lab::{self, SCENARIOS, find, launches};
use perforate::onnx::{Component, encode};
use perforate::report::{Host, Report, ScenarioReport, scenario_report};
use perforate::route::score;
use perforate::route::{cascade, dendritic, early_exit, energy, experts, fuzzy, learned, refine};
use perforate::{Error, ErrorKind, Result};

/// Size of the charts that are written to files.
const CHART_SIZE: Size = Size { width: 720.0, height: 450.0, device_pixel_ratio: 1.0 };

/// Prints a line to stdout; whoever reads it may have had enough, as `head` does, which is no fault.
macro_rules! say {
    ($($text:tt)*) => {
        say(format_args!($($text)*))?
    };
}

fn say(text: std::fmt::Arguments) -> Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(Error::new(ErrorKind::Io, format!("the result cannot be printed ({e})"))),
        Ok(()) => Ok(()),
    }
}

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
    /// Show a model's segments, gates, knobs and costs.
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
    /// One launch of a measurement: an experiment on stdin, its times on stdout.
    #[command(name = launches::SUBCOMMAND, hide = true)]
    Launch,
    /// Compose a routed model.
    Route {
        #[command(subcommand)]
        strategy: Strategy,
    },
}

#[derive(clap::Args)]
struct BenchArguments {
    /// Scenario to run; all of them if none is given.
    #[arg(long)]
    scenario: Vec<String>,
    /// Experiment to run, in JSON: an object, a list of them, or a report whose experiments are repeated.
    #[arg(long, conflicts_with_all = ["scenario", "quick"])]
    config: Option<PathBuf>,
    /// Measure less; the report says so.
    #[arg(long)]
    quick: bool,
    /// Largest risk of the operating point, in 0…1, instead of the scenario's own.
    #[arg(long)]
    epsilon: Option<f64>,
    /// Probability that the guarantee fails, in 0…1; 0.1 unless given.
    #[arg(long)]
    delta: Option<f64>,
    /// What counts as a loss: a right answer lost (unless given), or any answer changed.
    #[arg(long, value_enum)]
    loss: Option<LossName>,
    /// What counts as cost where settings and models are compared: operations (unless given), or time here.
    #[arg(long, value_enum)]
    cost: Option<CostName>,
    /// How sure an early exit or a model of a cascade is; its largest probability unless given.
    #[arg(long, value_enum)]
    score: Option<ScoreName>,
    /// Sentences to calibrate and test on, instead of the scenario's: lines of label, tab, sentence.
    #[arg(long)]
    table: Option<PathBuf>,
    /// Write the report as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the report as JSON, CSV and Markdown, and the charts as SVG and PNG, into this folder.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LossName {
    Error,
    Disagreement,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum CostName {
    Operations,
    Time,
}

#[derive(Subcommand)]
enum Strategy {
    /// Gate → full model or light arm.
    Dendritic {
        #[arg(long)]
        full: PathBuf,
        #[arg(long)]
        light: PathBuf,
        #[arg(long)]
        gate: PathBuf,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.5)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Several models, cheapest first, and a gate that weighs what each gains against its cost.
    Experts {
        #[arg(long, num_args = 2.., required = true)]
        experts: Vec<PathBuf>,
        /// Reads what the first expert computes; gives leave1, leave2 …
        #[arg(long)]
        gate: PathBuf,
        /// Default of the knob: right answers that a unit of cost must bring.
        #[arg(long, default_value_t = 0.05)]
        price: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Models of rising cost and accuracy: the best one that the budget covers answers.
    SelectionEnergy {
        #[arg(long, num_args = 2.., required = true)]
        models: Vec<PathBuf>,
        /// What each model but the first costs, as a share of the last one's cost, rising to 1.
        #[arg(long, num_args = 1.., required = true)]
        costs: Vec<f32>,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.5)]
        budget: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Three models, cheapest first, chosen among by fuzzy rules on contrast, edges and entropy of an image.
    SelectionFuzzy {
        #[arg(long, num_args = 3, required = true)]
        models: Vec<PathBuf>,
        /// Corners of LOW, MEDIUM and HIGH: three values each for contrast, edges and entropy.
        #[arg(long, num_args = 9, required = true)]
        corners: Vec<f32>,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.5)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Models, cheapest first, chosen among by scores linear in contrast, edges and entropy of an image, their
    /// squares and their products.
    SelectionLearned {
        #[arg(long, num_args = 2.., required = true)]
        models: Vec<PathBuf>,
        /// For each model but the last, nine weights and a constant.
        #[arg(long, num_args = 10.., required = true, allow_negative_numbers = true)]
        weights: Vec<f32>,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.05)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// A cheap pass, and where it is unsure and the budget allows, one more that reuses what it computed.
    Refine {
        #[arg(long)]
        cheap: PathBuf,
        #[arg(long)]
        refinement: PathBuf,
        /// What the refinement costs, as a share of both passes.
        #[arg(long)]
        cost: f32,
        /// Temperature of the cheap pass's answer.
        #[arg(long, default_value_t = 1.0)]
        temperature: f32,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.9)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Whole models, cheapest first: the first that is sure answers.
    Cascade {
        /// Their files, in order; a model may be several, and ends with the one that gives logits.
        #[arg(long, num_args = 2.., required = true)]
        models: Vec<PathBuf>,
        /// Other outputs that are answers too, where a stage ends: exits of the last model, as logits3.
        #[arg(long, num_args = 1..)]
        exits: Vec<String>,
        /// How sure a stage is.
        #[arg(long, value_enum, default_value_t = ScoreName::MaxProbability)]
        score: ScoreName,
        /// Temperatures of the stages but the last, in order; 1 where none is given.
        #[arg(long, num_args = 1..)]
        temperature: Vec<f32>,
        /// Number of classes, which the entropy needs.
        #[arg(long, default_value_t = 10)]
        classes: usize,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.9)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// One network in stages: the first head that is sure ends it.
    EarlyExit {
        /// The stages, in order: the first maps x to h1 and logits1, the last maps to logits.
        #[arg(long, num_args = 2.., required = true)]
        stages: Vec<PathBuf>,
        /// How sure a head is.
        #[arg(long, value_enum, default_value_t = ScoreName::MaxProbability)]
        score: ScoreName,
        /// Temperatures of the early heads, in order; 1 where none is given.
        #[arg(long, num_args = 1..)]
        temperature: Vec<f32>,
        /// Number of classes, which the entropy needs.
        #[arg(long, default_value_t = 10)]
        classes: usize,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.9)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ScoreName {
    MaxProbability,
    Margin,
    Entropy,
    Patience,
}

impl From<ScoreName> for score::Kind {
    fn from(name: ScoreName) -> score::Kind {
        match name {
            ScoreName::MaxProbability => score::Kind::MaxProbability,
            ScoreName::Margin => score::Kind::Margin,
            ScoreName::Entropy => score::Kind::Entropy,
            ScoreName::Patience => score::Kind::Patience,
        }
    }
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
        Command::Bench(arguments) => bench(arguments),
        Command::List => {
            for s in &SCENARIOS {
                say!("{}\t{}\t{}\t{}\t{}", s.name, s.strategy, s.model, s.data, s.text);
            }
            Ok(())
        }
        Command::Inspect { model } => inspect(&model),
        Command::Run { model, input, knob, out } => run_model(&model, &input, &knob, out),
        Command::Launch => launch(),
        Command::Route { strategy } => route(strategy),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        Error::new(ErrorKind::Io, format!("the file cannot be read ({e})"))
            .at(path.display().to_string())
    })
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, content).map_err(|e| {
        Error::new(ErrorKind::Io, format!("the file cannot be written ({e})"))
            .at(path.display().to_string())
    })
}

fn bench(arguments: BenchArguments) -> Result<()> {
    let experiments = experiments(&arguments)?;
    let seed = experiments.first().map_or(SEED, |e| e.seed);
    let quick = experiments.iter().any(|e| e.quick);
    let mut report = Report::new(seed, quick, host());
    report.scenarios = measure(experiments)?;
    say!("{}", report.to_markdown());
    if let Some(path) = &arguments.json {
        write(path, report.to_json()?)?;
    }
    match &arguments.out {
        Some(folder) => write_folder(folder, &report),
        None => Ok(()),
    }
}

/// What the arguments ask for, an experiment a scenario.
fn experiments(arguments: &BenchArguments) -> Result<Vec<Experiment>> {
    let mut experiments = match &arguments.config {
        Some(path) => {
            let name = path.display().to_string();
            let text = String::from_utf8(read(path)?)
                .map_err(|_| Error::new(ErrorKind::Config, "this is no text").at(&name))?;
            Experiment::read(&name, &text)?
        }
        None if arguments.scenario.is_empty() => {
            SCENARIOS.iter().map(|s| Experiment::usual(s, arguments.quick)).collect()
        }
        None => arguments
            .scenario
            .iter()
            .map(|name| Ok(Experiment::usual(find(name)?, arguments.quick)))
            .collect::<Result<_>>()?,
    };
    for experiment in &mut experiments {
        if let Some(score) = arguments.score {
            experiment.score = score.into();
        }
        if let Some(table) = &arguments.table {
            experiment.table = Some(table.display().to_string());
        }
        if let Some(epsilon) = arguments.epsilon {
            experiment.epsilon = epsilon;
        }
        if let Some(delta) = arguments.delta {
            experiment.delta = delta;
        }
        if let Some(loss) = arguments.loss {
            experiment.loss = match loss {
                LossName::Error => Loss::Error,
                LossName::Disagreement => Loss::Disagreement,
            };
        }
        if let Some(cost) = arguments.cost {
            experiment.cost = match cost {
                CostName::Operations => CostBasis::Operations,
                CostName::Time => CostBasis::Time,
            };
        }
    }
    Ok(experiments)
}

/// Runs experiments, with the progress on stderr. The launches of one stand between those of the others, so
/// that a slow minute is not one experiment's alone.
fn measure(experiments: Vec<Experiment>) -> Result<Vec<ScenarioReport>> {
    let bar = indicatif::ProgressBar::new(1000);
    let mut runs = vec![];
    for experiment in experiments {
        let chosen = find(&experiment.scenario)?;
        let files = read_files(&experiment)?;
        let experiment = experiment.with_files(&files)?;
        let subject = chosen.subject(&files, &experiment)?;
        let mut sweep = Sweep::new(subject, experiment.options()?, SystemClock::default())?;
        while !sweep.is_done() {
            sweep.step()?;
            let progress = sweep.progress();
            bar.set_position((progress.share * 1000.0) as u64);
            bar.set_message(progress.text);
        }
        runs.push((experiment.context(&files)?, experiment, sweep));
    }
    let program = std::env::current_exe().map_err(|e| {
        Error::new(ErrorKind::Internal, format!("this program cannot be found again ({e})"))
    })?;
    let launches = runs.iter().map(|(_, e, _)| e.launches).max().unwrap_or(1);
    for number in 1..launches {
        bar.set_position(1000 * number as u64 / launches as u64);
        bar.set_message(format!("Launch {} of {launches}", number + 1));
        for (_, experiment, sweep) in runs.iter_mut().filter(|(_, e, _)| e.launches > number) {
            sweep.absorb(&launches::launch(&program, experiment)?)?;
        }
    }
    bar.finish_and_clear();
    runs.iter()
        .map(|(context, _, sweep)| {
            let results = sweep.results().ok_or_else(|| {
                Error::new(ErrorKind::Internal, "the sweep ended without results")
            })?;
            Ok(scenario_report(context, sweep.subject(), &results))
        })
        .collect()
}

/// Measures the times of the experiment on stdin.
fn launch() -> Result<()> {
    let internal = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Internal, e.to_string());
    let text = std::io::read_to_string(std::io::stdin()).map_err(|e| internal(&e))?;
    for experiment in Experiment::read("standard input", &text)? {
        let chosen = find(&experiment.scenario)?;
        let files = read_files(&experiment)?;
        let subject = chosen.subject(&files, &experiment)?;
        let options = Options { timing_only: true, ..experiment.options()? };
        let mut sweep = Sweep::new(subject, options, SystemClock::default())?;
        while !sweep.is_done() {
            sweep.step()?;
        }
        let launch = sweep.launch().ok_or_else(|| internal(&"the sweep ended without times"))?;
        say!("{}", serde_json::to_string(&launch).map_err(|e| internal(&e))?);
    }
    Ok(())
}

fn read_files(experiment: &Experiment) -> Result<BTreeMap<String, Vec<u8>>> {
    let files = experiment.needed()?.into_iter();
    files.map(|file| read(Path::new(&file)).map(|content| (file, content))).collect()
}

/// The report in every form, and the charts.
fn write_folder(folder: &Path, report: &Report) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| {
        Error::new(ErrorKind::Io, format!("the folder cannot be made ({e})"))
            .at(folder.display().to_string())
    })?;
    write(&folder.join("report.json"), report.to_json()?)?;
    write(&folder.join("report.csv"), report.to_csv())?;
    write(&folder.join("report.md"), report.to_markdown())?;
    for scenario in &report.scenarios {
        for (id, _) in plots::charts(Some(scenario)) {
            let Some(plot) = plots::plot(id, Some(scenario), chosen(scenario)) else {
                continue;
            };
            let name = format!("{}-{id}", scenario.name.replace('/', "-"));
            let svg = chart::svg(&plot, &Theme::light(), CHART_SIZE);
            let png =
                chart::png(&svg).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
            write(&folder.join(format!("{name}.svg")), svg)?;
            write(&folder.join(format!("{name}.png")), png)?;
        }
    }
    Ok(())
}

/// The point that a chart marks: the certified one.
fn chosen(scenario: &ScenarioReport) -> Selected {
    let point = scenario.operating_point.point.as_ref();
    let index = point.and_then(|p| scenario.curve.iter().position(|c| c.knob == p.knob));
    index.map_or(Selected::Nothing, Selected::Knob)
}

fn host() -> Host {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        line.split(": ").nth(1).map(str::to_string)
    });
    Host {
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        cpu,
        threads: 1,
        simd: "chosen at run time".into(),
        clock_tick_s: measure_tick(&SystemClock::default()).0,
    }
}

fn load(path: &Path) -> Result<Program> {
    Program::load(&path.display().to_string(), &read(path)?)
}

fn inspect(path: &Path) -> Result<()> {
    let program = load(path)?;
    say!("{}: {}, {} parameters", path.display(), program.file_size(), program.parameters());
    for input in program.inputs() {
        say!("input   {} {:?} [N, {:?}]", input.name, input.datum_type, input.row_shape);
    }
    for knob in program.knobs() {
        say!("knob    {} default {:?}", knob.name, knob.default);
    }
    for segment in program.segments() {
        let macs = segment.macs.map_or("depends on sizes".into(), |m| m.to_string());
        say!(
            "segment {} {macs} {} parameters: {}",
            segment.name,
            segment.cost.parameters,
            segment.operators.join(" ")
        );
    }
    for gate in program.gates() {
        say!(
            "gate    {} then {} else {}, score {}",
            gate.name,
            gate.labels[0],
            gate.labels[1],
            gate.score.as_deref().unwrap_or("–")
        );
    }
    let uncosted = program.uncosted_operators();
    say!(
        "without a cost: {}",
        if uncosted.is_empty() { "none".into() } else { uncosted.join(", ") }
    );
    Ok(())
}

fn run_model(model: &Path, input: &Path, knobs: &[String], out: Option<PathBuf>) -> Result<()> {
    let program = std::sync::Arc::new(load(model)?);
    let mut values = Knobs::new();
    for text in knobs {
        let parsed = text.split_once('=').and_then(|(n, v)| Some((n, v.parse::<f32>().ok()?)));
        let (name, value) = parsed.ok_or_else(|| {
            Error::new(ErrorKind::Knob, "write it as NAME=VALUE, with a number")
                .at(format!("--knob {text}"))
        })?;
        values = values.with(name, value);
    }
    let ran = lab::run::run(&program, &input.display().to_string(), &read(input)?, &values)?;
    for (row, (path, macs)) in ran.rows.iter().enumerate() {
        say!("{row}\t{path}\t{macs}");
    }
    match out {
        Some(path) => write(&path, ran.to_npz()?),
        None => Ok(()),
    }
}

fn route(strategy: Strategy) -> Result<()> {
    let component = |path: &PathBuf| Component::decode(path.display().to_string(), &read(path)?);
    let file_name = |path: &PathBuf| -> String {
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    // `role1`, `role2` … → file.
    let numbered = |role: &str, files: &[PathBuf]| -> BTreeMap<String, String> {
        let one = |(ix, path)| (format!("{role}{}", ix + 1), file_name(path));
        files.iter().enumerate().map(one).collect()
    };
    let (model, out) = match strategy {
        Strategy::Dendritic { full, light, gate, threshold, out } => {
            let roles = [("full", &full), ("light", &light), ("gate", &gate)];
            let provenance =
                roles.iter().map(|(role, path)| (role.to_string(), file_name(path))).collect();
            let parts = dendritic::Parts {
                full: component(&full)?,
                light: component(&light)?,
                gate: component(&gate)?,
            };
            (dendritic::compose(&parts, threshold, provenance)?, out)
        }
        Strategy::Experts { experts: files, gate, price, out } => {
            let mut provenance = numbered("expert", &files);
            provenance.insert("gate".into(), file_name(&gate));
            let parts = experts::Parts {
                experts: files.iter().map(component).collect::<Result<_>>()?,
                gate: component(&gate)?,
            };
            (experts::compose(&parts, price, provenance)?, out)
        }
        Strategy::SelectionEnergy { models: files, costs, budget, out } => {
            let models = files.iter().map(component).collect::<Result<Vec<_>>>()?;
            (energy::compose(&models, &costs, budget, numbered("model", &files))?, out)
        }
        Strategy::SelectionFuzzy { models: files, corners, threshold, out } => {
            let provenance = numbered("expert", &files);
            let models = files.iter().map(component).collect::<Result<Vec<_>>>()?;
            let of = |ix: usize| fuzzy::Corners {
                low: corners[3 * ix],
                middle: corners[3 * ix + 1],
                high: corners[3 * ix + 2],
            };
            (fuzzy::compose(&models, &[of(0), of(1), of(2)], threshold, provenance)?, out)
        }
        Strategy::SelectionLearned { models: files, weights, threshold, out } => {
            let models = files.iter().map(component).collect::<Result<Vec<_>>>()?;
            let scores = weights.chunks(learned::TERMS + 1).map(learned::Weights::from_slice);
            let scores = scores.collect::<Result<Vec<_>>>().map_err(|e| e.at("--weights"))?;
            (learned::compose(&models, &scores, threshold, numbered("expert", &files))?, out)
        }
        Strategy::Refine { cheap, refinement, cost, temperature, threshold, out } => {
            let roles = [("cheap", &cheap), ("refinement", &refinement)];
            let provenance =
                roles.iter().map(|(role, path)| (role.to_string(), file_name(path))).collect();
            let parts = refine::Parts {
                cheap: component(&cheap)?,
                refinement: component(&refinement)?,
                cost,
                temperature,
            };
            (parts.compose(threshold, provenance)?, out)
        }
        Strategy::Cascade { models: files, exits, score, classes, temperature, threshold, out } => {
            let parts = files.iter().map(component).collect::<Result<Vec<_>>>()?;
            let models = cascade::Models::new(&parts, &exits)?;
            let score = score::Kind::from(score).of(classes, models.count() - 1);
            let confidence = early_exit::Confidence { score, temperatures: temperature };
            let provenance = numbered("file", &files);
            (models.compose(&confidence, threshold, provenance)?, out)
        }
        Strategy::EarlyExit { stages: files, score, classes, temperature, threshold, out } => {
            let stages =
                early_exit::Stages::new(files.iter().map(component).collect::<Result<_>>()?)?;
            let score = score::Kind::from(score).of(classes, stages.heads());
            let confidence = early_exit::Confidence { score, temperatures: temperature };
            let provenance = numbered("stage", &files);
            (early_exit::compose(&stages, &confidence, threshold, provenance)?, out)
        }
    };
    let bytes = encode(&model);
    Program::load(&out.display().to_string(), &bytes)?;
    write(&out, bytes)
}
