//! What the page shows, as ready-made text and plots: events in, state out.

mod exports;
mod sections;
mod state;

use perforate_base::units::{Bytes, Seconds};
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::sweep::Active;
use perforate_chart::Plot;
use perforate_data::pictures::Form;
use perforate_report::plots::{self, Selected};
use perforate_report::text::{dash, knob, of_active, percent, speedup, time_left, times};
use perforate_report::{PointReport, Report, ScenarioReport, Section, Table, page_tables};
use perforate_strategies::Moment;

use super::about;
use super::catalogue::{find, scenarios};
use super::chosen_files::{self, ChosenFile, SortedFiles};
use super::experiment::Experiment;
use super::inside::{Filter, Inspector, Picture};
use super::link::Link;
use super::picture_form::FormTexts;
use super::worker::{Command, Event, UserFiles};

pub use exports::ExportKind;
pub use state::{
    ActionState, Card, ChartState, DroppedState, Export, Figure, InsideState, KnobState, LiveRow,
    LiveState, SectionState, State,
};

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
    inside: Option<Box<Inspector>>,
    /// The sample that is looked at, and which others are shown.
    sample: usize,
    filter: Filter,
    status: String,
    progress: Option<f64>,
    running: bool,
    error: Option<String>,
    /// What there is of the user's, and the last word on it.
    dropped: Option<(String, UserFiles)>,
    /// Inputs of a network on a live budget, the one on its way first.
    live: Vec<Moment>,
    /// What studies found, newer than the report.
    studies: Vec<Section>,
    /// How the routed model is run elsewhere, by language.
    usage: Option<[String; 2]>,
    /// Bytes that the measuring side has taken.
    memory: Option<f64>,
}

/// Inputs on a live budget that are shown.
const LIVE_ROWS: usize = 8;

/// Languages of [`Event::Usage`].
const LANGUAGES: [&str; 2] = ["Python", "JavaScript"];

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
            studies: vec![],
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

    /// The command that runs the study of a section.
    pub fn study(&self, section: &str) -> Command {
        Command::Study { section: section.to_string(), quick: self.link.quick }
    }

    /// The command that takes an input one gate further, at this value of the knob.
    pub fn live(&self, section: &str, value: f32) -> Command {
        Command::Live { section: section.to_string(), value }
    }

    /// What becomes of files that were chosen or dropped.
    pub fn sort_files(&self, files: &[ChosenFile]) -> SortedFiles {
        chosen_files::sort(files, self.form().is_some())
    }

    /// The form of pictures that these texts make of the model's.
    ///
    /// # Errors
    /// `Config`, naming the field, or where no model is there that reads pictures.
    pub fn picture_form(&self, texts: &FormTexts) -> Result<Form> {
        let form = self.form().ok_or_else(|| {
            let text = "there is no model yet that reads some: choose an .onnx file first";
            Error::new(ErrorKind::Config, text).at("pictures")
        })?;
        texts.read(form)
    }

    /// How pictures become inputs of the user's newest model.
    fn form(&self) -> Option<&Form> {
        self.dropped.as_ref().and_then(|(_, own)| own.form.as_ref())
    }

    /// Notes how much memory the measuring side has taken, in bytes.
    pub fn set_memory(&mut self, bytes: f64) {
        self.memory = Some(bytes);
    }

    fn dropped(&self, summary: &str, own: &UserFiles) -> DroppedState {
        DroppedState {
            summary: summary.to_string(),
            models: own.models.clone(),
            inputs: own.inputs.clone(),
            details: own.details.clone(),
            form: own.form.as_ref().map(FormTexts::of),
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
                self.studies.clear();
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
            Event::Inspector { inside } => self.inside = Some(inside),
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
            Event::Section { section } => {
                self.studies.retain(|known| known.id != section.id);
                self.studies.push(*section);
            }
            Event::Usage { python, javascript } => self.usage = Some([python, javascript]),
            Event::File { summary, user } => {
                self.dropped = Some((summary.clone(), user));
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
        let cards = scenarios().into_iter().map(|s| Card {
            name: s.name,
            title: s.title,
            text: s.text,
            current: s.name == scenario.name,
            glyph: s.strategy.glyph(),
        });
        State {
            title: scenario.title,
            strategy: format!("{}: {}", scenario.strategy.name().replace('_', " "), scenario.text),
            summary: report.map_or_else(|| "Measuring…".into(), |r| r.summary.clone()),
            comparison: report.and_then(|r| r.comparison.clone()),
            verdict: match report {
                None => "pending",
                Some(r) if r.pays => "pays",
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
            table: report.map(|r| page_tables::numbers(r, self.link.routing.then(|| self.index()))),
            segments: report.and_then(page_tables::segments),
            models: report.and_then(page_tables::models),
            sections: self.sections(),
            charts: self.charts(),
            how: scenario.explanation(),
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
            files: report.map_or_else(Vec::new, |_| ExportKind::offered()),
            about: self.report.as_ref().map_or_else(Vec::new, |r| about::lines(r, self.shown())),
            dropped: self.dropped.as_ref().map(|(summary, own)| self.dropped(summary, own)),
            usage: LANGUAGES.into_iter().zip(self.usage.clone().into_iter().flatten()).collect(),
            memory: self
                .memory
                .map(|bytes| format!("The measuring worker uses {} of memory.", Bytes(bytes))),
            measured: self.curve().iter().filter(|p| p.batch1.is_some()).count(),
        }
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
            ends: ["light model only", "full model"],
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
        let mut studied = self.studies.iter().flat_map(|section| &section.plots);
        let studied = studied.find(|plot| plot.id == id).map(|plot| plot.plot.clone());
        studied.or_else(|| plots::plot(id, self.scenario_report(), selected))
    }

    /// The numbers of this chart.
    pub fn plot_table(&self, id: &str) -> Option<Table> {
        self.plot(id).map(|plot| page_tables::behind(&plot))
    }
}
