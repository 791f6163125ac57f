//! Everything that the page shows, computed once a frame.

use perforate_base::Named;
use perforate_base::units::{Bytes, Seconds, three_digits};
use perforate_bench::sweep::Active;
use perforate_bench::verdict::VerdictClass;
use perforate_report::plots::Layer;
use perforate_report::text::{dash, knob, percent, speedup};
use perforate_report::{PointReport, ScenarioReport, page_tables};

use crate::about;
use crate::catalogue::scenarios;
use crate::inside::HundredState;
use crate::messages::UserFiles;
use crate::picture_form::FormTexts;

use super::chip::{Activity, chip};
use super::events::{DONE, View};
use super::exports::ExportKind;
use super::race::{RaceState, race};
use super::state::{
    Card, DroppedState, Figure, InsideState, KnobState, LayerState, ModelState, State, UsageState,
};

/// Languages of [`crate::messages::Event::Usage`].
const LANGUAGES: [&str; 2] = ["Python", "JavaScript"];

impl View {
    /// Everything to show.
    pub fn state(&self) -> State {
        let scenario = self.link.scenario;
        let report = self.scenario_report();
        let cards = scenarios().into_iter().map(|s| Card {
            name: s.name,
            title: s.title,
            text: s.text,
            term: s.term,
            verdict: self.verdicts.get(s.name).cloned(),
            group: s.group.title(),
            current: s.name == scenario.name,
            glyph: s.strategy.glyph(),
        });
        State {
            title: scenario.title,
            document_title: format!("{} · Perforate", scenario.title),
            strategy: format!("Known as {} in the literature. {}", scenario.term, scenario.text),
            summary: report.map_or_else(|| "Measuring…".into(), |r| r.summary.clone()),
            comparison: report.and_then(|r| r.comparison.clone()),
            verdict: mark(report.map_or(VerdictClass::Measuring, |r| r.verdict)),
            status: self.status_text(),
            progress: self.progress,
            running: self.running,
            error: self.error.clone(),
            chip: chip(
                report,
                Activity { running: self.running, done: self.status == DONE },
                &self.complaints,
            ),
            kept: self.kept_text(),
            tab: self.link.tab.name(),
            scenarios: cards.collect(),
            knob: report.map(|_| self.knob_state()),
            routing: self.link.routing,
            settings: self.link.settings.groups(scenario, &self.usual()),
            address: self.link.encode(),
            figures: self.shown().map_or_else(Vec::new, |point| self.figures(point)),
            hundred: self.hundred(),
            race: self.race(),
            layers: self.layers(),
            peer: report.filter(|r| r.references.full.batch1.is_some()).map(|_| {
                let routed = self.shown().and_then(|point| Some(point.batch1?.speedup));
                self.peer.state(self.running, routed.filter(|_| self.link.routing))
            }),
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
                    lost: inside.lost(setting, scenario.classes),
                    reads_text: inside.reads_text(),
                    reads_images: inside.reads_images(),
                }
            }),
            files: report.map_or_else(Vec::new, |_| ExportKind::offered()),
            about: self.report.as_ref().map_or_else(Vec::new, |r| about::lines(r, self.shown())),
            dropped: self.dropped.as_ref().map(|(summary, own)| self.dropped(summary, own)),
            usage: self
                .usage
                .iter()
                .flat_map(|lines| LANGUAGES.into_iter().zip(lines))
                .map(usage)
                .collect(),
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
            text: format!("{} · {} active", knob(value), percent(point.active)),
            ends: ["fast", "careful"],
            certified: self.certified(),
        }
    }

    fn figures(&self, point: &PointReport) -> Vec<Figure> {
        let timing = point.batch1;
        let full = self.scenario_report().and_then(|report| report.references.full.batch1);
        let speedup = Figure {
            label: "Speed-up, batch 1",
            value: dash(timing.map(speedup)),
            note: timing.map_or("not timed yet".into(), |t| {
                let [lo, hi] = [t.speedup.lo, t.speedup.hi].map(three_digits);
                format!("{lo} to {hi}")
            }),
        };
        let latency = Figure {
            label: "Time a sample",
            value: dash(timing.map(|t| Seconds(t.latency_s.median).to_string())),
            note: full.map_or("not timed yet".into(), |t| {
                format!("full {}", Seconds(t.latency_s.median))
            }),
        };
        let active = Figure {
            label: "Active",
            value: percent(point.active),
            note: active_note(self.means()).into(),
        };
        vec![speedup, latency, quality(point), active]
    }

    /// What is going on; once the verdict is in, that it is more than that.
    fn status_text(&self) -> String {
        let is_in = |report: &ScenarioReport| report.verdict != VerdictClass::Measuring;
        match self.status.as_str() {
            DONE => String::new(),
            status if self.running && self.scenario_report().is_some_and(is_in) => {
                format!("Verdict is in. More: {status}")
            }
            status => status.to_string(),
        }
    }

    fn hundred(&self) -> Option<HundredState> {
        let inside = self.inside.as_ref()?;
        let setting = self.link.routing.then(|| self.index());
        let shown = self.shown();
        let shares = |label: &str| {
            let paths = &shown?.paths;
            Some(paths.get(label).copied().unwrap_or(0.0)).filter(|_| !paths.is_empty())
        };
        inside.hundred(setting, shares, self.link.scenario.classes)
    }

    fn race(&self) -> Option<RaceState> {
        let report = self.scenario_report().filter(|_| self.link.routing)?;
        let inputs = self.inside.as_ref()?.hundred_count();
        race(&report.references.full, report.curve.get(self.index())?, inputs)
    }

    /// What becomes of one of the hundred, in sentences.
    pub fn tile_story(&self, index: usize) -> Vec<String> {
        let setting = self.link.routing.then(|| self.index());
        let classes = self.link.scenario.classes;
        self.inside.as_ref().map_or(vec![], |inside| inside.tile_story(index, setting, classes))
    }

    fn layers(&self) -> Vec<LayerState> {
        let there = self.scenario_report().map_or(vec![], Layer::in_report);
        let of = |layer: Layer| LayerState {
            id: layer.name(),
            title: layer.title(),
            on: self.layers.contains(&layer),
        };
        there.into_iter().map(of).collect()
    }

    fn dropped(&self, summary: &str, own: &UserFiles) -> DroppedState {
        DroppedState {
            summary: summary.to_string(),
            models: own.models.iter().map(|name| model(name)).collect(),
            inputs: own.inputs.clone(),
            details: own.details.clone(),
            form: own.form.as_ref().map(FormTexts::of),
            can_route_newest: !own.models.is_empty() && !self.running,
            can_route_all: own.models.len() > 1 && !self.running,
        }
    }
}

/// What a figure of active computation is a share of, in few words.
fn active_note(means: Active) -> &'static str {
    match means {
        Active::FullPath => "need it all",
        Active::Operations => "of full operations",
        Active::Energy => "of full energy, est.",
    }
}

/// Accuracy, or agreement where nothing is labelled.
fn quality(point: &PointReport) -> Figure {
    match (point.accuracy, page_tables::difference(point)) {
        (Some(accuracy), Some(difference)) => Figure {
            label: "Accuracy",
            value: percent(accuracy),
            note: format!("{difference} points"),
        },
        _ => Figure {
            label: "Agreement",
            value: percent(point.agreement),
            note: "with the full model".into(),
        },
    }
}

/// How the headline is marked.
fn mark(verdict: VerdictClass) -> &'static str {
    match verdict {
        VerdictClass::PaysCertified | VerdictClass::PaysUncertified => "pays",
        VerdictClass::DoesNotPay | VerdictClass::FirstExitSuffices => "does-not-pay",
        VerdictClass::Undecided | VerdictClass::Noisy => "undecided",
        VerdictClass::Measuring => "pending",
    }
}

fn usage((language, lines): (&'static str, &String)) -> UsageState {
    UsageState { language, lines: lines.clone(), copy: format!("Copy the {language}") }
}

fn model(name: &str) -> ModelState {
    ModelState { name: name.to_string(), forget: format!("Leave {name} out") }
}
