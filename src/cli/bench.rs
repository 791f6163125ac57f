//! `bench`: runs scenarios, prints their tables, writes the report and its charts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use perforate::bench::clock::SystemClock;
use perforate::bench::launches;
use perforate::bench::sweep::{CostBasis, Options, Sweep};
use perforate::bench::timing::measure_tick;
use perforate::engine::Program;
use perforate::report::{Context, Host, Report, ScenarioReport, scenario_report};
use perforate::routing::fit::calibrate::Loss;
use perforate::routing::score::Kind;
use perforate::{Error, ErrorKind, Result};
use perforate_chart::{Size, Theme};
use perforate_lab::experiment::{Answers, Experiment};
use perforate_lab::plots::{self, Selected};
use perforate_lab::scenario::{Opened, SEED};
use perforate_lab::{OWN, OWN_CASCADE, SCENARIOS, find, mixes};

use super::io::{PictureArguments, named, read, read_inputs, say, write};

/// Size of the charts that are written to files.
const CHART_SIZE: Size = Size { width: 720.0, height: 450.0, device_pixel_ratio: 1.0 };

#[derive(clap::Args)]
/// Which experiments to run, and where to write what they show.
pub struct BenchArguments {
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
    #[arg(long, value_parser = named::<Loss>())]
    loss: Option<Loss>,
    /// What counts as cost where settings and models are compared: operations (unless given), or time here.
    #[arg(long, value_parser = named::<CostBasis>())]
    cost: Option<CostBasis>,
    /// How sure an early exit or a model of a cascade is; its largest probability unless given.
    #[arg(long, value_parser = named::<Kind>())]
    score: Option<Kind>,
    /// A model of your own: exits are looked for, and measured. Several become a cascade that replaces the costliest.
    #[arg(long, num_args = 1.., conflicts_with_all = ["scenario", "config", "table"])]
    model: Vec<PathBuf>,
    /// Inputs for it: an .npz, .npy or .csv file, with labels or without, or a folder of .png and .jpeg files, whose
    /// folders are classes; some are drawn if there are none.
    #[arg(long, requires = "model")]
    inputs: Option<PathBuf>,
    /// What it answers with.
    #[arg(long, value_parser = named::<Answers>(), requires = "model")]
    answers: Option<Answers>,
    #[command(flatten)]
    pictures: PictureArguments,
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

/// Runs the experiments.
pub fn bench(arguments: BenchArguments) -> Result<()> {
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
        None if !arguments.model.is_empty() => vec![own(arguments)?],
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
            experiment.score = score;
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
            experiment.loss = loss;
        }
        if let Some(cost) = arguments.cost {
            experiment.cost = cost;
        }
    }
    Ok(experiments)
}

/// The experiment on the user's own models.
fn own(arguments: &BenchArguments) -> Result<Experiment> {
    let name = |path: &PathBuf| path.display().to_string();
    let models: Vec<String> = arguments.model.iter().map(name).collect();
    let scenario = if models.len() > 1 { &OWN_CASCADE } else { &OWN };
    let usual = Experiment::usual(scenario, arguments.quick);
    let inputs = arguments.inputs.as_ref();
    let folder = inputs.filter(|inputs| inputs.is_dir());
    let form = |_| {
        let program = Program::load(&models[0], &read(&arguments.model[0])?)?;
        arguments.pictures.form(&program)
    };
    Ok(Experiment {
        answers: arguments.answers.unwrap_or_default(),
        pictures: folder.map(form).transpose()?,
        ..usual.with_models(&models, inputs.map(name).as_deref())
    })
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
        let Opened { subject, exits, plan, .. } = chosen.open(&files, &experiment)?;
        let mut sweep = Sweep::new(subject, experiment.options()?, SystemClock::default())?;
        while !sweep.is_done() {
            sweep.step()?;
            let progress = sweep.progress();
            bar.set_position((progress.share * 1000.0) as u64);
            bar.set_message(progress.text);
        }
        let context = Context { exits, plan, ..experiment.context(&files)? };
        runs.push((context, experiment, sweep));
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

/// Runs every mix of precisions, and says what the controllers make of budgets beside the best of them.
pub fn mixes(table: Option<&Path>, rows: usize) -> Result<()> {
    let scenario = find("precision/sentences")?;
    let usual = Experiment::usual(scenario, false);
    let experiment = match table {
        Some(path) => Experiment { table: Some(path.display().to_string()), ..usual },
        None => usual,
    };
    let opened = scenario.open(&read_files(&experiment)?, &experiment)?;
    let bar = indicatif::ProgressBar::new(rows.min(opened.subject.test.0.len()) as u64);
    let all = mixes::all(&opened, rows, |row| bar.set_position(row as u64))?;
    bar.finish_and_clear();
    let told = |ix: usize| {
        let mix = &all[ix];
        let names: Vec<&str> =
            mix.variants.iter().map(|&v| perforate::routing::precision::VARIANTS[v]).collect();
        let (energy, accuracy) = (100.0 * mix.energy, 100.0 * mix.accuracy);
        format!("{energy:.1} %\t{accuracy:.2} %\t{:.4}\t{}", mix.deviation, names.join(" "))
    };
    say!("{} mixes on {} samples", all.len(), rows.min(opened.subject.test.0.len()));
    say!("budget\twho\tenergy\taccuracy\tdeviation\tstages");
    let budgets: Vec<f64> = (3..=20).map(|step| f64::from(step) / 20.0).collect();
    for spent in mixes::spend(&opened, &all, &budgets)? {
        let [greedy, ahead] = spent.controllers;
        let [accurate, near] = spent.oracles;
        let who = [
            ("greedy", greedy),
            ("look-ahead", ahead),
            ("most accurate", accurate),
            ("nearest", near),
        ];
        for (who, ix) in who {
            say!("{:.0} %\t{who}\t{}", 100.0 * spent.budget, told(ix));
        }
    }
    Ok(())
}

/// Measures the times of the experiment on stdin.
pub fn launch() -> Result<()> {
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
    let form = || {
        experiment.pictures.clone().ok_or_else(|| {
            let text = "it is not given, so nothing is known of how pictures become inputs";
            Error::new(ErrorKind::Config, text).node("pictures")
        })
    };
    let files = experiment.needed()?.into_iter();
    files.map(|file| read_inputs(Path::new(&file), form).map(|content| (file, content))).collect()
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
        for (id, _) in plots::charts(Some(scenario), None) {
            let Some(plot) = plots::plot(id, Some(scenario), chosen(scenario)) else {
                continue;
            };
            let name = format!("{}-{id}", scenario.name.replace('/', "-"));
            let svg = perforate_chart::svg(&plot, &Theme::light(), CHART_SIZE);
            let png = perforate_chart::png(&svg)
                .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
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
