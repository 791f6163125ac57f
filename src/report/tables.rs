//! The report as tables: CSV for programs, Markdown for people.

use std::iter::repeat;

use perforate_base::units::{Bytes, Macs, Seconds, percent, three_digits};

use perforate_base::{Error, ErrorKind, Named, Result};

use crate::models::ModelReport;
use crate::point::{PointReport, TimingReport};
use crate::schema::{Report, ScenarioReport};
use crate::table::Table;

/// A point of a scenario's tables.
#[derive(Debug, Clone, Copy)]
pub struct PointRow<'a> {
    /// full, light, static, strategy, oracle, agreement oracle, routed or random.
    pub kind: &'static str,
    /// Which model it is, where the kind is not enough.
    pub name: Option<&'a str>,
    /// How it fares.
    pub point: &'a PointReport,
}

impl PointRow<'_> {
    /// Kind and name.
    pub fn title(&self) -> String {
        self.name.map_or(self.kind.into(), |name| format!("{} {name}", self.kind))
    }
}

/// Columns of the CSV file.
const COLUMNS: [&str; 20] = [
    "scenario",
    "kind",
    "knob",
    "active",
    "macs",
    "ideal_speedup",
    "batch1_latency_s",
    "batch1_speedup",
    "batch1_speedup_lo",
    "batch1_speedup_hi",
    "batch1_realised",
    "batch32_latency_s",
    "batch32_speedup",
    "accuracy",
    "accuracy_delta_pp",
    "agreement",
    "deviation_max",
    "deviation_mean",
    "name",
    "strategy",
];

impl Report {
    /// One line a point, all scenarios.
    ///
    /// # Errors
    /// `Internal` if the lines cannot be written.
    pub fn to_csv(&self) -> Result<String> {
        let fault = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Internal, e.to_string());
        let mut csv = csv::Writer::from_writer(vec![]);
        csv.write_record(COLUMNS).map_err(|e| fault(&e))?;
        for scenario in &self.scenarios {
            for row in scenario.rows() {
                csv.write_record(record(scenario, &row)).map_err(|e| fault(&e))?;
            }
        }
        let bytes = csv.into_inner().map_err(|e| fault(&e))?;
        String::from_utf8(bytes).map_err(|e| fault(&e))
    }

    /// Tables for people.
    pub fn to_markdown(&self) -> String {
        let host = &self.host;
        let mut text = format!(
            "# Perforate {} report\n\n{}, {}, {} thread, {}, clock tick {}{}\n",
            self.version,
            host.target,
            host.cpu.as_deref().unwrap_or("unknown processor"),
            host.threads,
            host.simd,
            Seconds(host.clock_tick_s),
            if self.quick { "; quick run" } else { "" },
        );
        for scenario in &self.scenarios {
            text += &scenario.to_markdown();
        }
        text
    }
}

/// The cells of a point.
fn record(scenario: &ScenarioReport, row: &PointRow<'_>) -> [String; 20] {
    let point = row.point;
    let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
    let (one, many) = (point.batch1, point.batch32);
    [
        scenario.name.clone(),
        row.kind.to_string(),
        point.knob.values().next().map_or(String::new(), |v| v.to_string()),
        point.active.to_string(),
        point.macs.to_string(),
        point.ideal_speedup.to_string(),
        number(one.map(|t| t.latency_s.median)),
        number(one.map(|t| t.speedup.median)),
        number(one.map(|t| t.speedup.lo)),
        number(one.map(|t| t.speedup.hi)),
        number(one.map(|t| t.realised)),
        number(many.map(|t| t.latency_s.median)),
        number(many.map(|t| t.speedup.median)),
        number(point.accuracy),
        number(point.accuracy_delta_pp),
        point.agreement.to_string(),
        point.deviation_max.to_string(),
        point.deviation_mean.to_string(),
        row.name.unwrap_or_default().to_string(),
        scenario.strategy.clone(),
    ]
}

impl ScenarioReport {
    /// Every point with its kind, references first.
    pub fn rows(&self) -> Vec<PointRow<'_>> {
        let references = &self.references;
        let row = |kind, point| PointRow { kind, name: None, point };
        let models = |kind| self.models.iter().filter(move |model| model.role == kind);
        let named = |kind, points: Vec<_>| {
            // A report of an earlier version may not name them.
            let names = models(kind).map(|model| model.name.as_deref()).chain(repeat(None));
            points.into_iter().zip(names).map(move |(point, name)| PointRow { kind, name, point })
        };
        let mut rows = vec![row("full", &references.full), row("light", &references.light)];
        rows.extend(named("static", references.statics.iter().collect()));
        rows.extend(named(
            "strategy",
            references.other_strategies.iter().map(|it| &it.point).collect(),
        ));
        rows.push(row("oracle", &references.oracle));
        rows.push(row("agreement oracle", &references.agreement_oracle));
        rows.extend(self.curve.iter().map(|point| row("routed", point)));
        rows.extend(references.random.iter().map(|point| row("random", point)));
        rows
    }

    /// A table for people.
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "\n## {}\n\n{} {}\n\n{}: {} calibration and {} test samples; {} rounds in {} launches. ",
            self.name,
            self.summary,
            self.comparison.as_deref().unwrap_or_default(),
            self.data.name,
            self.data.calibration_n,
            self.data.test_n,
            self.rounds,
            self.launches
        );
        text += &self.remarks_to_markdown();
        text += &self.points_to_markdown();
        for line in std::iter::once(self.operating_line()).chain(self.target_lines()) {
            text += &format!("\n{line}\n");
        }
        let models = Table::of("model", "", self.models.iter().map(ModelReport::cells));
        text += &models.map_or(String::new(), |table| format!("\n{}", table.to_markdown()));
        for section in &self.sections {
            text += &section.to_markdown();
        }
        text += &self.segments_to_markdown();
        for warning in &self.warnings {
            text += &format!("\n> {warning}\n");
        }
        text += "\nEnergy, carbon and money in the JSON report are estimates. Constants:";
        let constants = serde_json::to_value(self.energy_model).unwrap_or_default();
        for (field, source) in &self.energy_sources {
            text += &format!(" {field} = {} ({source});", constants[field]);
        }
        text += "\n";
        if !self.uncosted_ops.is_empty() {
            text += &format!("\nNot counted in MACs: {}.\n", self.uncosted_ops.join(", "));
        }
        text
    }

    /// What gates cost, how well segments predict, and how far the router is from the oracle, in sentences.
    fn remarks_to_markdown(&self) -> String {
        let mut text = String::new();
        if let Some(overhead) = self.gate_overhead {
            text += &format!(
                "Overhead with all computation active: {:.1} % ({:.1} to {:.1})",
                overhead.median * 100.0,
                overhead.lo * 100.0,
                overhead.hi * 100.0
            );
            if let Some(alone) = self.gate_alone {
                text += &format!(", {:.1} % without the light model", alone.median * 100.0);
            }
            text += ".";
        }
        if let Some(share) = self.router_share {
            text += &format!(
                " By the segments' times, all that is not the full model is {:.2} % of it ({:.2} to {:.2}).",
                share.median * 100.0,
                share.lo * 100.0,
                share.hi * 100.0
            );
        }
        if let Some(error) = self.prediction_error {
            text += &format!(
                " Speed-ups predicted from segments are {:.1} % off in the median.",
                error * 100.0
            );
        }
        if let Some(share) = self.figures.oracle_share {
            text += &format!(
                " Of the oracle's gain over a random router it realises {:.0} %; hypervolume {}, mean quality along the curve {:.2} %.",
                share * 100.0,
                self.figures.hypervolume.map_or("–".into(), |share| format!("{share:.3}")),
                self.figures.area * 100.0
            );
        }
        text
    }

    /// All points, as a table.
    fn points_to_markdown(&self) -> String {
        let mut text = String::new();
        text += "\n\n| | knob | active | MACs | ideal × | batch 1 | speed-up (95 %) | realised | batch 32 | speed-up | accuracy | Δ pp | agreement | max dev | mean dev |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
        for row in self.rows() {
            let point = row.point;
            let percent = |share| percent(share, 2);
            let speedup = |t: TimingReport| {
                format!(
                    "{} ({}–{})",
                    three_digits(t.speedup.median),
                    three_digits(t.speedup.lo),
                    three_digits(t.speedup.hi)
                )
            };
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
            let cells = [
                row.title(),
                or_dash(point.knob.values().next().map(|v| format!("{v:.4}"))),
                percent(point.active),
                Macs(point.macs).to_string(),
                three_digits(point.ideal_speedup),
                or_dash(point.batch1.map(|t| Seconds(t.latency_s.median).to_string())),
                or_dash(point.batch1.map(speedup)),
                or_dash(point.batch1.map(|t| format!("{:.2}", t.realised))),
                or_dash(point.batch32.map(|t| Seconds(t.latency_s.median).to_string())),
                or_dash(point.batch32.map(speedup)),
                or_dash(point.accuracy.map(percent)),
                or_dash(point.accuracy_delta_pp.map(|v| format!("{v:+.2}"))),
                percent(point.agreement),
                three_digits(point.deviation_max),
                three_digits(point.deviation_mean),
            ];
            text += &format!("| {} |\n", cells.join(" | "));
        }
        text
    }

    /// The chosen setting with its guarantee, or that nothing can be certified, in a sentence.
    pub fn operating_line(&self) -> String {
        let risk = &self.operating_point.risk;
        let Some(point) = &self.operating_point.point else {
            return format!("Not certifiable with n = {} (p = {:.3}).", risk.n, risk.p_value);
        };
        let knobs: Vec<String> = point.knob.iter().map(|(k, v)| format!("{k} = {v}")).collect();
        format!(
            "Operating point: {}; risk of {} ≤ {} % with confidence {} %, n = {}, p = {:.3}.",
            knobs.join(", "),
            risk.loss.name(),
            risk.epsilon * 100.0,
            (1.0 - risk.delta) * 100.0,
            risk.n,
            risk.p_value
        )
    }

    /// What was asked of the operating point, and whether it is met, a sentence each.
    pub fn target_lines(&self) -> impl Iterator<Item = String> {
        self.targets.iter().map(|target| {
            format!(
                "Target {} {}: {}, {}.",
                target.name,
                target.wanted,
                target.got.map_or("no figure".into(), |got| format!("{got:.6}")),
                if target.met { "met" } else { "not met" }
            )
        })
    }

    /// The segments, the memory of the models and the temperatures, as tables.
    fn segments_to_markdown(&self) -> String {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
        let mut text = String::from(
            "\n| segment | MACs | parameters | weights | live | time here (95 %) |\n|---|---|---|---|---|---|\n",
        );
        for segment in &self.segments {
            text += &format!(
                "| {} | {} | {} | {} | {} | {} |\n",
                segment.name,
                or_dash(segment.macs.map(|v| Macs(v).to_string())),
                segment.parameters,
                Bytes(segment.bytes),
                or_dash(segment.peak_live_bytes.map(|v| Bytes(v).to_string())),
                or_dash(segment.latency_s.map(|t| format!(
                    "{} ({}–{})",
                    Seconds(t.median),
                    Seconds(t.lo),
                    Seconds(t.hi)
                ))),
            );
        }
        text += "\n| model | file | weights | live tensors, at most |\n|---|---|---|---|\n";
        for (role, memory) in &self.memory {
            text += &format!(
                "| {role} | {} | {} | {} |\n",
                Bytes(memory.model_bytes),
                Bytes(memory.weight_bytes),
                or_dash(memory.peak_live_bytes.map(|v| Bytes(v).to_string())),
            );
        }
        if !self.temperatures.is_empty() {
            text += "\n| answers of | temperature | ECE without, with | log-loss without, with |\n|---|---|---|---|\n";
        }
        for (path, t) in &self.temperatures {
            text += &format!(
                "| {path} | {:.2} | {:.4}, {:.4} | {:.4}, {:.4} |\n",
                t.temperature, t.before.ece, t.after.ece, t.before.nll, t.after.nll
            );
        }
        text
    }
}
