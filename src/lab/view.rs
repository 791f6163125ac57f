//! What the page shows, as ready-made text and plots: events in, state out.

use serde::Serialize;

use crate::bench::sweep::Active;
use crate::chart::Plot;
use crate::report::{PointReport, Report, ScenarioReport, TemperatureReport};
use crate::units::{Bytes, Macs, Seconds, three_digits};

use super::inside::{Inside, Picture, Thumb};
use super::plots::{self, Selected};
use super::scenario::SCENARIOS;
use super::tables::{self, Table};
use super::text::{dash, knob, of_active, percent, speedup};
use super::worker::Event;

/// The state of the view.
#[derive(Debug)]
pub struct View {
    scenario: &'static str,
    report: Option<Box<Report>>,
    inside: Option<Box<Inside>>,
    /// The sample that is looked at.
    sample: usize,
    status: String,
    progress: Option<f64>,
    running: bool,
    error: Option<String>,
    knob: Option<usize>,
    routing: bool,
}

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
    /// Whether a sentence may be typed.
    reads_text: bool,
}

/// A scenario's card.
#[derive(Debug, Serialize)]
pub struct Card {
    name: &'static str,
    title: &'static str,
    text: &'static str,
    current: bool,
}

/// The knob's slider.
#[derive(Debug, Serialize)]
pub struct KnobState {
    label: String,
    index: usize,
    count: usize,
    text: String,
    ends: [&'static str; 2],
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

/// A line of the box on model, data and host.
#[derive(Debug, Serialize)]
pub struct About {
    term: &'static str,
    text: String,
}

/// Everything that the page shows, but for the charts' pixels.
#[derive(Debug, Serialize)]
pub struct State {
    title: &'static str,
    /// The strategy, and what the scenario shows.
    strategy: String,
    summary: String,
    /// The routed model against the static one, in a sentence.
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
    figures: Vec<Figure>,
    table: Option<Table>,
    segments: Option<Table>,
    /// The models beside each other.
    models: Option<Table>,
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
}

impl Default for View {
    fn default() -> View {
        View {
            scenario: SCENARIOS[0].name,
            report: None,
            inside: None,
            sample: 0,
            status: "Starting".into(),
            progress: None,
            running: true,
            error: None,
            knob: None,
            routing: true,
        }
    }
}

impl View {
    /// Takes an event.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Opened { scenario } => {
                let known = SCENARIOS.iter().find(|s| s.name == scenario);
                self.scenario = known.map_or(self.scenario, |s| s.name);
                (self.report, self.knob, self.error) = (None, None, None);
                (self.inside, self.sample) = (None, 0);
                (self.running, self.progress) = (true, Some(0.0));
                self.status = "Opening".into();
            }
            Event::Need { files } => self.status = format!("Fetching {} files", files.len()),
            Event::Loading { name, received, total } => {
                let file = name.rsplit('/').next().unwrap_or(&name).to_string();
                self.status = format!("Fetching {file}");
                self.progress = (total > 0.0).then(|| (received / total).clamp(0.0, 1.0));
            }
            Event::Progress { text, share } => {
                (self.status, self.progress, self.running) = (text, Some(share), true);
            }
            Event::Results { report } => {
                self.report = Some(report);
                if self.knob.is_some_and(|ix| ix >= self.curve().len()) {
                    self.knob = None;
                }
            }
            Event::Inside { inside } => self.inside = Some(inside),
            Event::Typed { sample } => {
                if let Some(inside) = &mut self.inside {
                    inside.insert(*sample);
                    (self.sample, self.error) = (0, None);
                }
            }
            Event::File { summary } => {
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
        self.knob = Some(index.min(self.curve().len().saturating_sub(1)));
    }

    /// Looks at another sample.
    pub fn set_sample(&mut self, index: usize) {
        self.sample = index;
    }

    /// The picture of a sample.
    pub fn picture(&self, index: usize) -> Option<&Picture> {
        self.inside.as_ref()?.picture(index)
    }

    /// Routing on, or the full model alone.
    pub fn set_routing(&mut self, on: bool) {
        self.routing = on;
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

    /// The knob's position: where it was put, else the certified point, else the middle.
    fn index(&self) -> usize {
        let chosen = || {
            let point = self.scenario_report()?.operating_point.point.as_ref()?;
            self.curve().iter().position(|p| p.knob == point.knob)
        };
        self.knob.or_else(chosen).unwrap_or(self.curve().len() / 2)
    }

    /// What the figures are about: the routed model at the knob, or the full model.
    fn shown(&self) -> Option<&PointReport> {
        let report = self.scenario_report()?;
        if self.routing { report.curve.get(self.index()) } else { Some(&report.references.full) }
    }

    /// Everything to show.
    pub fn state(&self) -> State {
        let scenario = SCENARIOS.iter().find(|s| s.name == self.scenario).unwrap_or(&SCENARIOS[0]);
        let report = self.scenario_report();
        let cards = SCENARIOS.iter().map(|s| Card {
            name: s.name,
            title: s.title,
            text: s.text,
            current: s.name == scenario.name,
        });
        let charts = plots::charts(report).into_iter().map(|(id, title)| ChartState {
            id,
            title,
            alt: report.map_or_else(
                || format!("{title}: nothing measured yet"),
                |r| format!("{title}. {}", r.summary),
            ),
        });
        let exports =
            [("Report, JSON", "json"), ("Table, CSV", "csv"), ("Table, Markdown", "markdown")];
        State {
            title: scenario.title,
            strategy: format!("{}: {}", scenario.strategy.replace('_', " "), scenario.text),
            summary: report.map_or_else(|| "Measuring…".into(), |r| r.summary.clone()),
            comparison: report.and_then(|r| r.comparison.clone()),
            verdict: match report {
                None => "pending",
                Some(r) if pays(r) => "pays",
                Some(_) => "does-not-pay",
            },
            status: self.status.clone(),
            progress: self.progress,
            running: self.running,
            error: self.error.clone(),
            warnings: report.map_or_else(Vec::new, |r| r.warnings.clone()),
            scenarios: cards.collect(),
            knob: report.map(|_| self.knob_state()),
            routing: self.routing,
            figures: self.shown().map_or_else(Vec::new, |point| self.figures(point)),
            table: report.map(|r| tables::numbers(r, self.routing.then(|| self.index()))),
            segments: report.and_then(tables::segments),
            models: report.and_then(tables::models),
            robustness: report.and_then(tables::robustness),
            robustness_finding: report.and_then(|r| r.robustness_finding.clone()),
            claim: report.and_then(|r| scenario.claim?.judge(r)),
            charts: charts.collect(),
            how: scenario.how,
            inside: self.inside.as_ref().map(|inside| {
                let setting = self.routing.then(|| self.index());
                InsideState {
                    key: format!("{} {}", scenario.name, inside.key()),
                    diagram: inside.svg(self.sample, setting),
                    samples: inside.thumbs(self.sample, setting, scenario.classes),
                    story: inside.story(self.sample, setting, scenario.classes),
                    reads_text: inside.reads_text(),
                }
            }),
            files: report
                .map(|_| exports.map(|(label, kind)| Export { label, kind }).into())
                .unwrap_or_default(),
            about: self.about(),
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
            ends: ["never", "always"],
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
            figure(
                "Ideal",
                format!("{}\u{a0}×", three_digits(point.ideal_speedup)),
                "from operations alone",
            ),
        ]
    }

    fn about(&self) -> Vec<About> {
        let Some(report) = &self.report else { return vec![] };
        let Some(scenario) = report.scenarios.first() else { return vec![] };
        let overhead = scenario.gate_overhead.map(|o| {
            format!(
                "{} ({} to {}) with all computation active{}",
                percent(o.median),
                percent(o.lo),
                percent(o.hi),
                scenario.gate_alone.map_or(String::new(), |alone| format!(
                    "; {} without the light model",
                    percent(alone.median)
                ))
            )
        });
        let risk = &scenario.operating_point.risk;
        vec![
            About {
                term: "Model",
                text: format!(
                    "{}; full model {}",
                    scenario.model,
                    Macs(scenario.references.full.macs)
                ),
            },
            About { term: "Data", text: scenario.data.name.clone() },
            About {
                term: "Oracle’s gain realised",
                text: dash(scenario.figures.oracle_share.map(percent)),
            },
            About {
                term: "Guarantee",
                text: format!(
                    "risk ≤ {} with {} confidence, n = {}, p = {:.3}{}",
                    percent(risk.epsilon),
                    percent(1.0 - risk.delta),
                    risk.n,
                    risk.p_value,
                    if risk.certified { "" } else { ": not certifiable" }
                ),
            },
            About { term: "Routing overhead", text: dash(overhead) },
            About {
                term: "By the segments’ times",
                text: dash(scenario.router_share.map(|share| {
                    format!(
                        "what is not the full model takes {} ({} to {}) of its time",
                        percent(share.median),
                        percent(share.lo),
                        percent(share.hi)
                    )
                })),
            },
            About {
                term: "Predicted speed-ups",
                text: dash(scenario.prediction_error.map(|error| {
                    format!("{} off in the median of the measured settings", percent(error))
                })),
            },
            About { term: "Memory", text: memory(scenario) },
            About { term: "Temperature", text: temperatures(scenario) },
            About { term: "Clock tick", text: Seconds(report.host.clock_tick_s).to_string() },
            About {
                term: "Host",
                text: format!("{}, {}, one thread", report.host.target, report.host.simd),
            },
        ]
    }

    /// The plot of this chart.
    pub fn plot(&self, id: &str) -> Option<Plot> {
        let selected = if self.routing { Selected::Knob(self.index()) } else { Selected::Full };
        plots::plot(id, self.scenario_report(), selected)
    }
}

fn pays(report: &ScenarioReport) -> bool {
    if let Some(battery) = &report.battery {
        return battery.pays();
    }
    report.figures.beats_lots != Some(false)
        && report
            .operating_point
            .point
            .as_ref()
            .and_then(|p| p.batch1)
            .is_some_and(|t| t.speedup.lo > 1.0)
}

/// Weights and live tensors of the full and the routed model.
fn memory(scenario: &ScenarioReport) -> String {
    let of = |role: &str| {
        let memory = scenario.memory.get(role)?;
        let live = memory.peak_live_bytes.map_or("–".into(), |bytes| Bytes(bytes).to_string());
        Some(format!("{role} {} weights, {live} live", Bytes(memory.weight_bytes)))
    };
    ["full", "routed"].into_iter().filter_map(of).collect::<Vec<_>>().join("; ")
}

/// What each path's confidence had to be divided by, and how far off it is without and with that.
fn temperatures(scenario: &ScenarioReport) -> String {
    let of = |(path, t): (&String, &TemperatureReport)| {
        format!(
            "{path} {:.2} (calibration error {} without, {} with)",
            t.temperature,
            percent(t.before.ece),
            percent(t.after.ece)
        )
    };
    let all: Vec<String> = scenario.temperatures.iter().map(of).collect();
    if all.is_empty() { "–".into() } else { all.join("; ") }
}
