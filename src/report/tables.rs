//! The report as tables: CSV for programs, Markdown for people.

use std::iter::repeat;

use perforate_base::units::{Bytes, Macs, Seconds, percent, three_digits};

use super::{ModelReport, PointReport, Report, RobustnessReport, ScenarioReport, TimingReport};

/// A table of rows that are cells with their columns' titles; nothing without rows.
fn markdown(rows: impl Iterator<Item = Vec<(&'static str, String)>>) -> String {
    let mut text = String::new();
    for row in rows {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        if text.is_empty() {
            let titles: Vec<String> = row.iter().map(|(title, _)| title.to_string()).collect();
            text += "\n";
            text += &line(titles);
            text += &format!("{}|\n", "|---".repeat(row.len()));
        }
        text += &line(row.into_iter().map(|(_, cell)| cell).collect());
    }
    text
}

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

/// A cell of a CSV file (RFC 4180).
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

impl Report {
    /// One line a point, all scenarios.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from(
            "scenario,kind,knob,active,macs,ideal_speedup,batch1_latency_s,batch1_speedup,batch1_speedup_lo,batch1_speedup_hi,batch1_realised,batch32_latency_s,batch32_speedup,accuracy,accuracy_delta_pp,agreement,deviation_max,deviation_mean,name\n",
        );
        for scenario in &self.scenarios {
            for row in scenario.rows() {
                let PointRow { kind, point, .. } = row;
                let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
                let (one, many) = (point.batch1, point.batch32);
                let cells = [
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
                    quoted(row.name.unwrap_or_default()),
                ];
                csv += &format!("{},{kind},{}\n", scenario.name, cells.join(","));
            }
        }
        csv
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
        rows.extend(named("strategy", references.rivals.iter().map(|it| &it.point).collect()));
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
                " Of the oracle's gain over drawing lots it realises {:.0} %; hypervolume {:.3}, mean quality along the curve {:.2} %.",
                share * 100.0,
                self.figures.hypervolume,
                self.figures.area * 100.0
            );
        }
        if let Some(finding) = &self.exits_finding {
            text += &format!("\n\n{finding}");
        }
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
        let risk = &self.operating_point.risk;
        text += &match &self.operating_point.point {
            Some(point) => format!(
                "\nOperating point: {}; risk of {:?} ≤ {} % with confidence {} %, n = {}, p = {:.3}.\n",
                point.knob.iter().map(|(k, v)| format!("{k} = {v}")).collect::<Vec<_>>().join(", "),
                risk.loss,
                risk.epsilon * 100.0,
                (1.0 - risk.delta) * 100.0,
                risk.n,
                risk.p_value
            ),
            None => format!("\nNot certifiable with n = {} (p = {:.3}).\n", risk.n, risk.p_value),
        };
        for target in &self.targets {
            text += &format!(
                "\nTarget {} {}: {}, {}.\n",
                target.name,
                target.wanted,
                target.got.map_or("no figure".into(), |got| format!("{got:.6}")),
                if target.met { "met" } else { "not met" }
            );
        }
        text += &markdown(self.models.iter().map(ModelReport::cells));
        text += &markdown(self.robustness.iter().map(RobustnessReport::cells));
        if let Some(finding) = &self.robustness_finding {
            text += &format!("\n{finding}\n");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_commas_and_quotes_stay_one_cell() {
        assert_eq!(quoted("fashion-static-s"), "fashion-static-s");
        assert_eq!(quoted("cascade, threshold 0.9"), "\"cascade, threshold 0.9\"");
        assert_eq!(quoted("a \"b\""), "\"a \"\"b\"\"\"");
    }
}
