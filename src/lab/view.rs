//! What the page shows, as ready-made text and plots: events in, state out.

use serde::Serialize;

use perforate_base::Result;
use perforate_base::units::{Bytes, Seconds};
use perforate_bench::sweep::Active;
use perforate_chart::Plot;
use perforate_data::pictures::Form;
use perforate_report::{LengthsReport, PointReport, Report, ScenarioReport};
use perforate_routing::perforated;

use super::about::{self, About};
use super::experiment::Experiment;
use super::glyph;
use super::inside::{Filter, Inside, Picture, Thumb};
use super::link::Link;
use super::live::{LiveState, Moment};
use super::plots::{self, Selected};
use super::registry::{SCENARIOS, find};
use super::settings::Group;
use super::tables::{self, Table};
use super::text::{dash, knob, of_active, percent, speedup, time_left, times};
use super::worker::{Command, Event, Own};

/// The state of the view.
#[derive(Debug)]
pub struct View {
    link: Link,
    /// What is wrong with the address.
    complaints: Vec<String>,
    /// The user's table that the scenario is measured on.
    table: Option<String>,
    /// The user's models, and inputs for them, where these are measured.
    own: Option<(Vec<String>, Option<String>)>,
    report: Option<Box<Report>>,
    inside: Option<Box<Inside>>,
    /// The sample that is looked at, and which others are shown.
    sample: usize,
    filter: Filter,
    status: String,
    progress: Option<f64>,
    running: bool,
    error: Option<String>,
    /// What there is of the user's, and the last word on it.
    dropped: Option<(String, Own)>,
    /// Inputs of a network on a live budget, the one on its way first.
    live: Vec<Moment>,
    /// Perforated attention by length.
    lengths: Option<Box<LengthsReport>>,
    /// How the routed model is run elsewhere, by language.
    usage: Option<[String; 2]>,
    /// Bytes that the measuring side has taken.
    memory: Option<f64>,
}

/// Inputs on a live budget that are shown.
const LIVE_ROWS: usize = 8;

/// Languages of [`Event::Usage`].
const LANGUAGES: [&str; 2] = ["Python", "JavaScript"];

/// A look inside the model.
#[derive(Debug, Serialize)]
pub struct InsideState {
    /// Differs where the samples do.
    key: String,
    /// The model, as SVG.
    diagram: String,
    samples: Vec<Thumb>,
    /// What becomes of the chosen sample.
    story: Vec<String>,
    /// Names and titles of what may be shown, and what is.
    filters: Vec<(String, String)>,
    filter: String,
    /// Whether a sentence may be typed.
    reads_text: bool,
    /// Whether an image may be drawn.
    reads_images: bool,
}

/// A scenario's card.
#[derive(Debug, Serialize)]
pub struct Card {
    name: &'static str,
    title: &'static str,
    text: &'static str,
    current: bool,
    /// A small picture of the strategy, as SVG.
    glyph: &'static str,
}

/// The knob's slider.
#[derive(Debug, Serialize)]
pub struct KnobState {
    label: String,
    index: usize,
    count: usize,
    text: String,
    ends: [&'static str; 2],
    /// The position that carries the guarantee.
    certified: Option<usize>,
}

/// One key figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    label: &'static str,
    value: String,
    note: String,
}

/// A chart's place on the page.
#[derive(Debug, Serialize)]
pub struct ChartState {
    id: &'static str,
    title: &'static str,
    alt: String,
}

/// A file that can be taken away.
#[derive(Debug, Serialize)]
pub struct Export {
    label: &'static str,
    kind: &'static str,
}

/// Everything that the page shows, but for the charts' pixels.
#[derive(Debug, Serialize)]
pub struct State {
    title: &'static str,
    /// The strategy, and what the scenario shows.
    strategy: String,
    summary: String,
    /// The routed model against what is simpler, in a sentence.
    comparison: Option<String>,
    verdict: &'static str,
    status: String,
    progress: Option<f64>,
    running: bool,
    error: Option<String>,
    warnings: Vec<String>,
    scenarios: Vec<Card>,
    knob: Option<KnobState>,
    routing: bool,
    /// What can be set, in groups.
    settings: Vec<Group>,
    /// Names and values of the page's address.
    address: Vec<(&'static str, String)>,
    figures: Vec<Figure>,
    table: Option<Table>,
    segments: Option<Table>,
    /// The models beside each other.
    models: Option<Table>,
    /// The exits that were tried, as a table and in a sentence.
    exits: Option<Table>,
    exits_finding: Option<String>,
    /// What a controller of precisions goes by, in a table and a sentence, and a network on a live budget.
    stages: Option<Table>,
    precision_finding: Option<String>,
    live: Option<LiveState>,
    /// Perforated attention by length, where a scenario is about perforation.
    lengths: Option<LengthsState>,
    /// What disturbed samples do, as a table and in a sentence.
    robustness: Option<Table>,
    robustness_finding: Option<String>,
    /// What was claimed elsewhere, and what is measured here.
    claim: Option<String>,
    charts: Vec<ChartState>,
    /// How the strategy works.
    how: &'static str,
    inside: Option<InsideState>,
    files: Vec<Export>,
    about: Vec<About>,
    measured: usize,
    /// What there is of the user's.
    dropped: Option<DroppedState>,
    /// How to run the routed file elsewhere, by language.
    usage: Vec<(&'static str, String)>,
    /// What the measuring side has taken.
    memory: Option<String>,
}

/// Perforated attention by length.
#[derive(Debug, Serialize)]
struct LengthsState {
    findings: Vec<String>,
    table: Option<Table>,
    can_measure: bool,
}

/// What there is of the user's, and what can be done with it.
#[derive(Debug, Serialize)]
struct DroppedState {
    summary: String,
    models: Vec<String>,
    inputs: Option<String>,
    /// What the newest model is.
    details: Vec<(String, String)>,
    /// How pictures become inputs of it.
    form: Option<Form>,
    /// Whether exits can be looked for, and whether there are models for a cascade.
    can_route: bool,
    can_cascade: bool,
}

impl Default for View {
    fn default() -> View {
        View {
            link: Link::default(),
            complaints: vec![],
            table: None,
            own: None,
            report: None,
            inside: None,
            sample: 0,
            filter: Filter::All,
            status: "Starting".into(),
            progress: None,
            running: true,
            error: None,
            live: vec![],
            lengths: None,
            dropped: None,
            usage: None,
            memory: None,
        }
    }
}

impl View {
    /// A view of what an address asks for.
    pub fn at(address: &[(String, String)]) -> View {
        let (link, complaints) = Link::decode(address);
        View { link, complaints, ..View::default() }
    }

    /// Turns to another scenario; what was set for measuring stays.
    pub fn choose(&mut self, scenario: &str) {
        if let Ok(scenario) = find(scenario) {
            (self.link.scenario, self.link.knob) = (scenario, None);
            (self.table, self.own) = (None, None);
            self.complaints.clear();
        }
    }

    /// Sets what is measured, or how it is judged; empty means as usual. What cannot be run is refused.
    pub fn set(&mut self, setting: &str, text: &str) -> Result<()> {
        let usual = self.usual();
        self.complaints.clear();
        self.link.settings.set(&usual, setting, text)
    }

    /// What the worker is to do for that.
    pub fn request(&self) -> Command {
        let usual = self.usual();
        // What was set for another scenario may not be possible here.
        let experiment = self.link.settings.experiment(&usual).unwrap_or(usual);
        Command::Open { experiment: Box::new(experiment) }
    }

    /// The command that looks for exits in the user's model, or makes a cascade of several.
    pub fn route(&self, cascade: bool) -> Command {
        Command::Route { quick: self.link.quick, cascade }
    }

    /// The command that measures perforated attention by length.
    pub fn measure_lengths(&self) -> Command {
        Command::Lengths { quick: self.link.quick }
    }

    /// Notes how much memory the measuring side has taken, in bytes.
    pub fn set_memory(&mut self, bytes: f64) {
        self.memory = Some(bytes);
    }

    fn dropped(&self, summary: &str, own: &Own) -> DroppedState {
        DroppedState {
            summary: summary.to_string(),
            models: own.models.clone(),
            inputs: own.inputs.clone(),
            details: own.details.clone(),
            form: own.form.clone(),
            can_route: !own.models.is_empty() && !self.running,
            can_cascade: own.models.len() > 1 && !self.running,
        }
    }

    /// What is measured where nothing is set.
    fn usual(&self) -> Experiment {
        match (&self.own, &self.table) {
            (Some((models, inputs)), _) => self.link.usual().with_models(models, inputs.as_deref()),
            (None, Some(table)) => self.link.usual().with_table(table),
            (None, None) => self.link.usual(),
        }
    }

    /// Takes an event.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Opened { scenario, table, models, inputs } => {
                self.own = (!models.is_empty()).then_some((models, inputs));
                self.usage = None;
                self.link.scenario = find(&scenario).unwrap_or(self.link.scenario);
                (self.table, self.report, self.error) = (table, None, None);
                (self.inside, self.sample, self.filter) = (None, 0, Filter::All);
                self.live.clear();
                self.lengths = None;
                (self.running, self.progress) = (true, Some(0.0));
                self.status = "Opening".into();
            }
            Event::Need { files } => self.status = format!("Fetching {} files", files.len()),
            Event::Loading { name, received, total } => {
                let file = name.rsplit('/').next().unwrap_or(&name).to_string();
                self.status = format!("Fetching {file}");
                self.progress = (total > 0.0).then(|| (received / total).clamp(0.0, 1.0));
            }
            Event::Progress { text, share, left } => {
                self.status =
                    left.map_or_else(|| text.clone(), |s| format!("{text}, {}", time_left(s)));
                (self.progress, self.running) = (Some(share), true);
            }
            Event::Results { report } => {
                self.report = Some(report);
            }
            Event::Inside { inside } => self.inside = Some(inside),
            Event::Own { sample } => {
                if let Some(inside) = &mut self.inside {
                    inside.insert(*sample);
                    (self.sample, self.error, self.filter) = (0, None, Filter::All);
                }
            }
            Event::Advanced { moment } => {
                self.live.retain(|known| known.input != moment.input);
                self.live.insert(0, moment);
                self.live.truncate(LIVE_ROWS);
            }
            Event::Lengths { lengths } => self.lengths = Some(lengths),
            Event::Usage { python, javascript } => self.usage = Some([python, javascript]),
            Event::File { summary, own } => {
                self.dropped = Some((summary.clone(), own));
                (self.status, self.running, self.error) = (summary, false, None)
            }
            Event::Cancelled => (self.status, self.running) = ("Stopped".into(), false),
            Event::Done => {
                (self.status, self.progress, self.running) = ("Done".into(), None, false);
            }
            Event::Error { message, .. } => {
                (self.error, self.running, self.progress) = (Some(message), false, None);
            }
        }
    }

    /// Moves the knob to a position of the curve.
    pub fn set_knob(&mut self, index: usize) {
        let index = index.min(self.curve().len().saturating_sub(1));
        self.link.knob = self.knob_value(index);
    }

    /// Looks at another sample.
    pub fn set_sample(&mut self, index: usize) {
        self.sample = index;
    }

    /// Shows other samples.
    pub fn set_filter(&mut self, name: &str) {
        self.filter = Filter::named(name);
    }

    /// The picture of a sample.
    pub fn picture(&self, index: usize) -> Option<&Picture> {
        self.inside.as_ref()?.picture(index)
    }

    /// Routing on, or the full model alone.
    pub fn set_routing(&mut self, on: bool) {
        self.link.routing = on;
    }

    /// The report so far.
    pub fn report(&self) -> Option<&Report> {
        self.report.as_deref()
    }

    fn scenario_report(&self) -> Option<&ScenarioReport> {
        self.report.as_ref()?.scenarios.first()
    }

    fn curve(&self) -> &[PointReport] {
        self.scenario_report().map_or(&[], |s| &s.curve)
    }

    /// The knob's value at a position of the curve.
    fn knob_value(&self, index: usize) -> Option<f32> {
        self.curve().get(index)?.knob.values().next().copied()
    }

    /// The value of the knob that is shown.
    pub fn knob(&self) -> Option<f32> {
        self.knob_value(self.index())
    }

    /// The position of the curve whose knob is nearest to a value.
    fn nearest(&self, wanted: f32) -> Option<usize> {
        let far = |ix: usize| self.knob_value(ix).map_or(f32::INFINITY, |v| (v - wanted).abs());
        (0..self.curve().len()).min_by(|&a, &b| far(a).total_cmp(&far(b)))
    }

    /// The position of the operating point.
    fn certified(&self) -> Option<usize> {
        let point = self.scenario_report()?.operating_point.point.as_ref()?;
        self.curve().iter().position(|p| p.knob == point.knob)
    }

    /// The knob's position: where it was put, else the certified point, else the middle.
    fn index(&self) -> usize {
        self.link
            .knob
            .and_then(|wanted| self.nearest(wanted))
            .or_else(|| self.certified())
            .unwrap_or(self.curve().len() / 2)
    }

    /// What the figures are about: the routed model at the knob, or the full model.
    fn shown(&self) -> Option<&PointReport> {
        let report = self.scenario_report()?;
        if self.link.routing {
            report.curve.get(self.index())
        } else {
            Some(&report.references.full)
        }
    }

    /// Everything to show.
    pub fn state(&self) -> State {
        let scenario = self.link.scenario;
        let report = self.scenario_report();
        let cards = SCENARIOS.iter().map(|s| Card {
            name: s.name,
            title: s.title,
            text: s.text,
            current: s.name == scenario.name,
            glyph: glyph::of(s.strategy),
        });
        let charts =
            plots::charts(report, self.lengths.as_deref()).into_iter().map(|(id, title)| {
                ChartState {
                    id,
                    title,
                    alt: report.map_or_else(
                        || format!("{title}: nothing measured yet"),
                        |r| format!("{title}. {}", r.summary),
                    ),
                }
            });
        let exports = [
            ("Report, JSON", "json"),
            ("Table, CSV", "csv"),
            ("Table, Markdown", "markdown"),
            ("Experiment, JSON", "experiment"),
            ("Routed model, ONNX", "onnx"),
        ];
        State {
            title: scenario.title,
            strategy: format!("{}: {}", scenario.strategy.replace('_', " "), scenario.text),
            summary: report.map_or_else(|| "Measuring…".into(), |r| r.summary.clone()),
            comparison: report.and_then(|r| r.comparison.clone()),
            verdict: match report {
                None => "pending",
                Some(r) if r.pays() => "pays",
                Some(_) => "does-not-pay",
            },
            status: self.status.clone(),
            progress: self.progress,
            running: self.running,
            error: self.error.clone(),
            warnings: self
                .complaints
                .iter()
                .chain(report.iter().flat_map(|r| &r.warnings))
                .cloned()
                .collect(),
            scenarios: cards.collect(),
            knob: report.map(|_| self.knob_state()),
            routing: self.link.routing,
            settings: self.link.settings.groups(scenario, &self.usual()),
            address: self.link.encode(),
            figures: self.shown().map_or_else(Vec::new, |point| self.figures(point)),
            table: report.map(|r| tables::numbers(r, self.link.routing.then(|| self.index()))),
            segments: report.and_then(tables::segments),
            models: report.and_then(tables::models),
            exits: report.and_then(tables::exits),
            exits_finding: report.and_then(|r| r.exits_finding.clone()),
            stages: report.and_then(tables::stages),
            precision_finding: report.and_then(|r| r.precision.as_ref()?.finding.clone()),
            live: report
                .and_then(|r| r.precision.as_ref())
                .map(|_| LiveState::of(&self.live, scenario.classes)),
            lengths: self.lengths_state(),
            robustness: report.and_then(tables::robustness),
            robustness_finding: report.and_then(|r| r.robustness_finding.clone()),
            claim: report.and_then(|r| scenario.claim?.judge(r)),
            charts: charts.collect(),
            how: scenario.how,
            inside: self.inside.as_ref().map(|inside| {
                let setting = self.link.routing.then(|| self.index());
                InsideState {
                    key: format!("{} {}", scenario.name, inside.key()),
                    diagram: inside.svg(self.sample, setting),
                    filters: inside.filters(),
                    filter: self.filter.name(),
                    samples: inside.thumbs(&self.filter, self.sample, setting, scenario.classes),
                    story: inside.story(self.sample, setting, scenario.classes),
                    reads_text: inside.reads_text(),
                    reads_images: inside.reads_images(),
                }
            }),
            files: report
                .map(|_| exports.map(|(label, kind)| Export { label, kind }).into())
                .unwrap_or_default(),
            about: self.report.as_ref().map_or_else(Vec::new, |r| about::lines(r, self.shown())),
            dropped: self.dropped.as_ref().map(|(summary, own)| self.dropped(summary, own)),
            usage: LANGUAGES.into_iter().zip(self.usage.clone().into_iter().flatten()).collect(),
            memory: self.memory.map(|bytes| Bytes(bytes).to_string()),
            measured: self.curve().iter().filter(|p| p.batch1.is_some()).count(),
        }
    }

    fn lengths_state(&self) -> Option<LengthsState> {
        let strategy = self.link.scenario.strategy;
        let of_perforation = [perforated::STRATEGY, perforated::WITH_EXITS].contains(&strategy);
        let lengths = self.lengths.as_deref();
        of_perforation.then(|| LengthsState {
            findings: lengths.map_or_else(Vec::new, LengthsReport::findings),
            table: lengths.and_then(tables::lengths),
            can_measure: !self.running,
        })
    }

    fn means(&self) -> Active {
        self.scenario_report().map_or(Active::FullPath, |report| report.active_means)
    }

    fn knob_state(&self) -> KnobState {
        let index = self.index();
        let point = &self.curve()[index];
        let (name, value) =
            point.knob.iter().next().map_or(("knob", 0.0), |(n, v)| (n.as_str(), *v));
        KnobState {
            label: name.to_string(),
            index,
            count: self.curve().len(),
            text: format!("{}: {} {}", knob(value), percent(point.active), of_active(self.means())),
            ends: ["never", "always"],
            certified: self.certified(),
        }
    }

    fn figures(&self, point: &PointReport) -> Vec<Figure> {
        let timing = point.batch1;
        let figure = |label, value, note: &str| Figure { label, value, note: note.to_string() };
        vec![
            figure("Speed-up", dash(timing.map(speedup)), "at batch 1, against the full model"),
            figure(
                "Latency",
                dash(timing.map(|t| Seconds(t.latency_s.median).to_string())),
                "a sample, at batch 1",
            ),
            figure("Active", percent(point.active), of_active(self.means())),
            figure(
                "Accuracy",
                dash(point.accuracy.map(percent)),
                &point
                    .accuracy_delta_pp
                    .map_or("no labels".into(), |d| format!("{d:+.2} pp against full")),
            ),
            figure("Agreement", percent(point.agreement), "with the full model"),
            figure("Ideal", times(point.ideal_speedup), "from operations alone"),
        ]
    }

    /// The plot of this chart.
    pub fn plot(&self, id: &str) -> Option<Plot> {
        let selected =
            if self.link.routing { Selected::Knob(self.index()) } else { Selected::Full };
        let of_lengths = self.lengths.as_deref().and_then(|known| plots::plot_lengths(id, known));
        of_lengths.or_else(|| plots::plot(id, self.scenario_report(), selected))
    }

    /// The numbers of this chart.
    pub fn plot_table(&self, id: &str) -> Option<Table> {
        self.plot(id).map(|plot| tables::behind(&plot))
    }
}
