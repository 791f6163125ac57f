//! The state of the view: events and choices in; what they mean for the point that is shown.

use std::collections::BTreeMap;

use perforate_base::{Error, ErrorKind, Named, Result};
use perforate_chart::Plot;
use perforate_data::pictures::Form;
use perforate_report::plots::{self, Layer, Selected};
use perforate_report::text::time_left;
use perforate_report::{PointReport, Report, ScenarioReport, Section, Table, page_tables};
use perforate_strategies::Moment;

use crate::catalogue::find;
use crate::chosen_files::{self, ChosenFile, SortedFiles};
use crate::experiment::Experiment;
use crate::inside::{Filter, Inspector, Picture};
use crate::link::{Link, Tab};
use crate::messages::{Command, Event, UserFiles};
use crate::picture_form::FormTexts;

use super::ghosts::{self, Ghost};
use super::peer::{Peer, PeerTimes};

/// The state of the view.
#[derive(Debug)]
pub struct View {
    pub(super) link: Link,
    /// What is wrong with the address.
    pub(super) complaints: Vec<String>,
    /// The user's table that the scenario is measured on.
    pub(super) table: Option<String>,
    /// The user's models, and inputs for them, where these are measured.
    pub(super) own: Option<(Vec<String>, Option<String>)>,
    pub(super) report: Option<Box<Report>>,
    pub(super) inside: Option<Box<Inspector>>,
    /// The sample that is looked at, and which others are shown.
    pub(super) sample: usize,
    pub(super) filter: Filter,
    /// What the first chart shows beside the routed model.
    pub(super) layers: Vec<Layer>,
    pub(super) status: String,
    pub(super) progress: Option<f64>,
    pub(super) running: bool,
    pub(super) error: Option<String>,
    /// What there is of the user's, and the last word on it.
    pub(super) dropped: Option<(String, UserFiles)>,
    /// Inputs of a network on a live budget, the one on its way first.
    pub(super) live: Vec<Moment>,
    /// What studies found, newer than the report.
    pub(super) studies: Vec<Section>,
    /// How the routed model is run elsewhere, by language.
    pub(super) usage: Option<[String; 2]>,
    /// Date of the measurement that is shown, if it comes from an earlier visit.
    pub(super) kept: Option<String>,
    /// Last verdicts by scenario.
    pub(super) verdicts: BTreeMap<String, String>,
    /// What was measured of ONNX Runtime Web.
    pub(super) peer: Peer,
    /// Curves of other devices.
    pub(super) ghosts: Vec<Ghost>,
    /// Bytes that the measuring side has taken.
    pub(super) memory: Option<f64>,
}

/// What the status says in the end.
pub(super) const DONE: &str = "Done";

/// The first chart.
pub(super) const HERO: &str = "quality";

/// Inputs on a live budget that are shown.
const LIVE_ROWS: usize = 8;

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
            layers: Layer::USUAL.to_vec(),
            status: "Starting".into(),
            progress: None,
            running: true,
            error: None,
            live: vec![],
            studies: vec![],
            dropped: None,
            usage: None,
            kept: None,
            verdicts: BTreeMap::new(),
            peer: Peer::default(),
            ghosts: vec![],
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
            self.clear();
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

    /// The command that routes the newest of the user's models, or all of them as one.
    pub fn route(&self, all: bool) -> Command {
        Command::Route { quick: self.link.quick, all }
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

    /// What is measured where nothing is set.
    pub(super) fn usual(&self) -> Experiment {
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
                if !models.is_empty() {
                    self.link.tab = Tab::Explore;
                }
                self.own = (!models.is_empty()).then_some((models, inputs));
                (self.table, self.error) = (table, None);
                // An earlier measurement stays on screen until the new one has results.
                if self.kept.is_none() || self.link.scenario.name != scenario {
                    self.clear();
                }
                self.link.scenario = find(&scenario).unwrap_or(self.link.scenario);
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
                if self.running {
                    self.kept = None;
                }
                self.report = Some(report);
                if let Some(note) = self.verdict_note() {
                    self.verdicts.insert(self.link.scenario.name.to_string(), note);
                }
            }
            Event::Inspector { mut inside } => {
                if let Some(earlier) = &self.inside {
                    inside.adopt(earlier);
                }
                self.inside = Some(inside);
            }
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
                self.link.tab = Tab::Yours;
                (self.status, self.running, self.error) = (summary, false, None)
            }
            Event::Cancelled => (self.status, self.running) = ("Stopped".into(), false),
            Event::Done => {
                (self.status, self.progress, self.running) = (DONE.into(), None, false);
            }
            Event::Error { message, .. } => {
                (self.error, self.running, self.progress) = (Some(message), false, None);
            }
        }
    }

    /// Forgets everything about the current scenario.
    fn clear(&mut self) {
        (self.report, self.usage, self.kept) = (None, None, None);
        (self.inside, self.sample, self.filter) = (None, 0, Filter::All);
        self.live.clear();
        self.studies.clear();
        self.peer = Peer::default();
    }

    /// Marks ONNX Runtime Web as being timed.
    pub fn start_peer(&mut self) {
        self.peer = Peer { running: true, ..Peer::default() };
    }

    /// Adds its times.
    pub fn take_peer(&mut self, times: PeerTimes) {
        self.peer.times.push(times);
    }

    /// Ends the comparison; `fault` says what went wrong, if anything did.
    pub fn end_peer(&mut self, fault: Option<String>) {
        (self.peer.running, self.peer.fault) = (false, fault);
    }

    /// Draws another device's report beside this one; returns a sentence for the user.
    pub fn take_report(&mut self, file: &str, text: &str) -> Result<String> {
        let ghosts = Ghost::of_report(file, text)?;
        let device = ghosts[0].device.clone();
        let here = ghosts.iter().any(|ghost| ghost.scenario == self.link.scenario.name);
        let others: Vec<String> = ghosts.iter().map(|ghost| ghost.scenario.clone()).collect();
        ghosts::add(&mut self.ghosts, ghosts);
        Ok(if here {
            format!("{file}: measured on {device}; its curve is drawn in grey.")
        } else {
            let text = others.join(", ");
            format!("{file}: measured on {device}; choose {text} to see its curve.")
        })
    }

    /// Takes the curve that a link carries.
    pub fn take_shared(&mut self, text: &str) {
        match Ghost::decode(text) {
            Ok(ghost) => ghosts::add(&mut self.ghosts, [ghost]),
            Err(error) => self.complaints.push(error.to_string()),
        }
    }

    /// The curve that is shown, for a link; none before it is timed.
    pub fn share(&self, device: &str) -> Option<String> {
        let report = self.scenario_report()?;
        report.curve.iter().any(|p| p.batch1.is_some()).then(|| Ghost::encode(report, device))
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

    /// Shows a layer of references in the first chart, or hides it.
    pub fn set_layer(&mut self, name: &str, on: bool) {
        if let Ok(layer) = Layer::from_name(name) {
            self.layers.retain(|&known| known != layer);
            self.layers.extend(on.then_some(layer));
        }
    }

    /// Opens a tab.
    pub fn set_tab(&mut self, name: &str) {
        self.link.tab = Tab::from_name(name).unwrap_or_default();
    }

    /// The picture of one of the hundred inputs.
    pub fn tile_picture(&self, index: usize) -> Option<&Picture> {
        self.inside.as_ref()?.tile_picture(index)
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

    pub(super) fn scenario_report(&self) -> Option<&ScenarioReport> {
        self.report.as_ref()?.scenarios.first()
    }

    pub(super) fn curve(&self) -> &[PointReport] {
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
    pub(super) fn certified(&self) -> Option<usize> {
        let point = self.scenario_report()?.operating_point.point.as_ref()?;
        self.curve().iter().position(|p| p.knob == point.knob)
    }

    /// The setting in the headline when nothing is certified.
    fn empirical(&self) -> Option<usize> {
        let point = self.scenario_report()?.operating_point.empirical.as_ref()?;
        self.curve().iter().position(|p| p.knob == point.knob)
    }

    /// The knob's position: where it was put, else the one that the headline is about, else the middle.
    pub(super) fn index(&self) -> usize {
        self.link
            .knob
            .and_then(|wanted| self.nearest(wanted))
            .or_else(|| self.certified())
            .or_else(|| self.empirical())
            .unwrap_or(self.curve().len() / 2)
    }

    /// What the figures are about: the routed model at the knob, or the full model.
    pub(super) fn shown(&self) -> Option<&PointReport> {
        let report = self.scenario_report()?;
        if self.link.routing {
            report.curve.get(self.index())
        } else {
            Some(&report.references.full)
        }
    }

    /// The plot of this chart.
    pub fn plot(&self, id: &str) -> Option<Plot> {
        let selected =
            if self.link.routing { Selected::Knob(self.index()) } else { Selected::Full };
        let mut studied = self.studies.iter().flat_map(|section| &section.plots);
        let studied = studied.find(|plot| plot.id == id).map(|plot| plot.plot.clone());
        let plot = studied.or_else(|| plots::plot(id, self.scenario_report(), selected))?;
        if id != HERO {
            return Some(plot);
        }
        let mut plot = plots::at_marks(plot, &self.layers);
        if let Some(report) = self.scenario_report() {
            self.peer.draw(&mut plot, report);
        }
        ghosts::draw(&mut plot, &self.ghosts, self.link.scenario.name);
        Some(plot)
    }

    /// The numbers of this chart.
    pub fn plot_table(&self, id: &str) -> Option<Table> {
        self.plot(id).map(|plot| page_tables::behind(&plot))
    }
}
