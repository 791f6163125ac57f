//! `bench`: runs scenarios, prints their tables, writes the report and its charts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Error, ErrorKind, Result};
use perforate_bench::clock::SystemClock;
use perforate_bench::process_runs;
use perforate_bench::stats::Interval;
use perforate_bench::sweep::{self, CostBasis, Options, Sweep};
use perforate_bench::timing::measure_tick;
use perforate_chart::{Size, Theme};
use perforate_engine::Program;
use perforate_lab::Opened;
use perforate_lab::catalogue::SEED;
use perforate_lab::experiment::{Answers, Experiment};
use perforate_lab::{OWN, OWN_POOL, find, scenarios};
use perforate_report::plots::{self, Selected};
use perforate_report::{Context, Host, Report, ScenarioReport, Table, page_tables};
use perforate_routing::fit::calibrate::Loss;
use perforate_routing::score::Kind;
use perforate_strategies::{Companion, scenario_report};

use super::io::{PictureArguments, named, read, say, write};
use super::open::open;
use super::table::aligned;

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
    /// Run only the self-check, this many times per scenario, and count false alarms and detections.
    #[arg(long, value_name = "RUNS", num_args = 0..=1, default_missing_value = "20", conflicts_with_all = ["json", "out"])]
    self_check: Option<usize>,
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
    if let Some(runs) = arguments.self_check {
        return experiments.into_iter().try_for_each(|experiment| check_itself(experiment, runs));
    }
    let seed = experiments.first().map_or(SEED, |e| e.seed);
    let quick = experiments.iter().any(|e| e.quick);
    let mut report = Report::new(seed, quick, host());
    report.scenarios = measure(experiments)?;
    for scenario in &report.scenarios {
        say!("{}", in_terminal(scenario));
    }
    if let Some(path) = &arguments.json {
        write(path, report.to_json()?)?;
    }
    match &arguments.out {
        Some(folder) => write_folder(folder, &report),
        None => Ok(()),
    }
}

/// Runs the self-check of an experiment, prints a line per run, and counts false alarms and detections.
fn check_itself(experiment: Experiment, runs: usize) -> Result<()> {
    let (experiment, _, opened) = open(experiment)?;
    let options = experiment.options()?;
    let (mut alarms, mut found) = (0, 0);
    say!("run\tA/A ratio\tslowed ratio\tplanted share");
    for run in 1..=runs {
        let clock = SystemClock::default();
        let Some(check) = sweep::check_itself(opened.subject.clone(), options, &clock)? else {
            continue;
        };
        alarms += usize::from(check.is_false_alarm());
        found += usize::from(check.found_planted());
        let within = |own: Interval| format!("{:.4} ({:.4}–{:.4})", own.median, own.lo, own.hi);
        let (same, slowed) = (within(check.same), within(check.slowed));
        say!("{run}\t{same}\t{slowed}\t{:.3}", check.planted);
    }
    let name = &experiment.scenario;
    say!("{name}: {alarms} false alarms and {found} detections in {runs} runs");
    Ok(())
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
            scenarios().iter().map(|s| Experiment::usual(s, arguments.quick)).collect()
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
    let scenario = if models.len() > 1 { &OWN_POOL } else { &OWN };
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
        let (experiment, files, opened) = open(experiment)?;
        let Opened { subject, companion, .. } = opened;
        let mut sweep = Sweep::new(subject, experiment.options()?, SystemClock::default())?;
        while !sweep.is_done() {
            sweep.step()?;
            let progress = sweep.progress();
            bar.set_position((progress.share * 1000.0) as u64);
            bar.set_message(progress.text);
        }
        let context = experiment.context(&files)?;
        runs.push(Run { context, companion, experiment, sweep });
    }
    let program = std::env::current_exe().map_err(|e| {
        Error::new(ErrorKind::Internal, format!("this program cannot be found again ({e})"))
    })?;
    let launches = runs.iter().map(|run| run.experiment.launches).max().unwrap_or(1);
    for number in 1..launches {
        bar.set_position(1000 * number as u64 / launches as u64);
        bar.set_message(format!("Launch {} of {launches}", number + 1));
        for run in runs.iter_mut().filter(|run| run.experiment.launches > number) {
            run.sweep.absorb(&process_runs::launch(&program, &run.experiment)?)?;
        }
    }
    bar.finish_and_clear();
    runs.iter().map(Run::report).collect()
}

/// An experiment that was run.
struct Run {
    context: Context,
    companion: Arc<dyn Companion>,
    experiment: Experiment,
    sweep: Sweep<SystemClock>,
}

impl Run {
    fn report(&self) -> Result<ScenarioReport> {
        let results = self
            .sweep
            .results()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the sweep ended without results"))?;
        let sections = find(&self.experiment.scenario)?.sections;
        let subject = self.sweep.subject();
        Ok(scenario_report(&self.context, subject, &results, &*self.companion, sections))
    }
}

/// Measures the times of the experiment on stdin.
pub fn launch() -> Result<()> {
    let internal = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Internal, e.to_string());
    let text = std::io::read_to_string(std::io::stdin()).map_err(|e| internal(&e))?;
    for experiment in Experiment::read("standard input", &text)? {
        let (experiment, _, opened) = open(experiment)?;
        let subject = opened.subject;
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

/// A scenario's finding, its table, its sections and warnings, for a terminal.
fn in_terminal(scenario: &ScenarioReport) -> String {
    let table = |table: &Table| {
        let titles: Vec<&str> = table.columns.iter().map(|column| column.title.as_str()).collect();
        aligned(&titles, table.rows.iter().map(|row| row.cells.clone()).collect())
    };
    let mut text = format!("{}\n{}\n", scenario.name, scenario.summary);
    text += &scenario.comparison.as_ref().map_or(String::new(), |line| format!("{line}\n"));
    text += &format!("\n{}\n", table(&page_tables::numbers(scenario, None)));
    for line in std::iter::once(scenario.operating_line()).chain(scenario.target_lines()) {
        text += &format!("{line}\n");
    }
    for section in &scenario.sections {
        text += &format!("\n{}\n", section.title);
        section.findings().for_each(|finding| text += &format!("{finding}\n"));
        text += &section.table.as_ref().map_or(String::new(), |own| format!("\n{}\n", table(own)));
    }
    scenario.warnings.iter().for_each(|warning| text += &format!("\nWarning: {warning}\n"));
    text
}

/// The report in every form, and the charts.
fn write_folder(folder: &Path, report: &Report) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| {
        Error::new(ErrorKind::Io, format!("the folder cannot be made ({e})"))
            .at(folder.display().to_string())
    })?;
    write(&folder.join("report.json"), report.to_json()?)?;
    write(&folder.join("report.csv"), report.to_csv()?)?;
    write(&folder.join("report.md"), report.to_markdown())?;
    for scenario in &report.scenarios {
        let core = plots::charts(Some(scenario)).into_iter().map(|(id, _)| id);
        let sections = scenario.sections.iter().flat_map(|section| &section.plots);
        for id in core.chain(sections.map(|plot| plot.id.as_str())) {
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
