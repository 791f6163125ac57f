//! Sections and charts of the page: those of the report, and what strategies offer beside them.

use perforate_report::plots;
use perforate_report::{ScenarioReport, Section};
use perforate_strategies::{LiveLabels, Moment, Study};

use super::events::View;
use super::state::{ActionState, ChartState, LiveRow, LiveState, SectionState};

impl View {
    /// The charts of every scenario.
    pub(super) fn charts(&self) -> Vec<ChartState> {
        let report = self.scenario_report();
        let charts = plots::charts(report).into_iter();
        charts.map(|(id, title)| chart(id, title, report)).collect()
    }

    /// The sections of the report, those of studies in the place of older ones, and what can be studied.
    pub(super) fn sections(&self) -> Vec<SectionState> {
        let report = self.scenario_report();
        let known = report.iter().flat_map(|report| &report.sections);
        let known = known.filter(|section| self.studies.iter().all(|own| own.id != section.id));
        let mut sections: Vec<SectionState> =
            known.chain(&self.studies).map(|section| self.section(section)).collect();
        let study = self.link.scenario.strategy.study().filter(|_| report.is_some());
        if let Some(study) = study {
            self.offer(study, &mut sections);
        }
        sections
    }

    fn section(&self, section: &Section) -> SectionState {
        let report = self.scenario_report();
        let charts = section.plots.iter().map(|plot| chart(&plot.id, &plot.plot.title, report));
        SectionState {
            id: section.id.clone(),
            title: section.title.clone(),
            text: section.text.clone(),
            findings: section.findings().map(String::from).collect(),
            table: section.table.clone(),
            charts: charts.collect(),
            open: !section.folded,
            action: None,
            live: section.live.as_ref().map(|labels| self.live_state(labels)),
        }
    }

    /// Adds a study's button to its section, which is made where there is none yet.
    fn offer(&self, study: Study, sections: &mut Vec<SectionState>) {
        if sections.iter().all(|section| section.id != study.section) {
            sections.push(self.section(&Section::new(study.section, study.title)));
        }
        for section in sections.iter_mut().filter(|section| section.id == study.section) {
            section.text = Some(study.text.into());
            section.action = Some(ActionState {
                label: study.button.into(),
                note: study.note.into(),
                enabled: !self.running,
            });
        }
    }

    fn live_state(&self, labels: &LiveLabels) -> LiveState {
        let moments = &self.live;
        LiveState {
            label: labels.knob.clone(),
            run: labels.run.clone(),
            stop: "Stop".into(),
            told: moments.first().map_or_else(|| labels.told.clone(), |moment| moment.told.clone()),
            rows: moments.iter().map(|moment| row(moment, self.link.scenario.classes)).collect(),
        }
    }
}

fn chart(id: &str, title: &str, report: Option<&ScenarioReport>) -> ChartState {
    let alt = report.map_or_else(
        || format!("{title}: nothing measured yet"),
        |report| format!("{title}. {}", report.summary),
    );
    ChartState {
        id: id.into(),
        title: title.into(),
        alt,
        as_svg: format!("Download “{title}” as SVG"),
        as_png: format!("Download “{title}” as PNG"),
        numbers: format!("Numbers of “{title}”"),
    }
}

fn row(moment: &Moment, classes: &[&str]) -> LiveRow {
    let class = |ix: usize| classes.get(ix).map_or(format!("class {ix}"), |c| c.to_string());
    LiveRow {
        text: moment.text.clone().unwrap_or_else(|| format!("Test sample {}", moment.input)),
        cells: moment.stages.clone(),
        answer: moment.answer.map_or("…".into(), |answer| match moment.truth {
            Some(truth) if truth == answer => format!("{}, right", class(answer)),
            Some(_) => format!("{}, wrong", class(answer)),
            None => class(answer),
        }),
    }
}
