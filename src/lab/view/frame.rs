//! Everything that the page shows, computed once a frame.

use perforate_base::units::{Bytes, Seconds};
use perforate_bench::sweep::Active;
use perforate_bench::verdict::VerdictClass;
use perforate_report::text::{dash, knob, of_active, percent, speedup, times};
use perforate_report::{PointReport, page_tables};

use crate::about;
use crate::catalogue::scenarios;
use crate::messages::UserFiles;
use crate::picture_form::FormTexts;

use super::events::View;
use super::exports::ExportKind;
use super::state::{
    Card, DroppedState, Figure, InsideState, KnobState, ModelState, State, UsageState,
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
            current: s.name == scenario.name,
            glyph: s.strategy.glyph(),
        });
        State {
            title: scenario.title,
            document_title: format!("{} · Perforate", scenario.title),
            strategy: format!("{}: {}", scenario.strategy.name().replace('_', " "), scenario.text),
            summary: report.map_or_else(|| "Measuring…".into(), |r| r.summary.clone()),
            comparison: report.and_then(|r| r.comparison.clone()),
            verdict: mark(report.map_or(VerdictClass::Measuring, |r| r.verdict)),
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
