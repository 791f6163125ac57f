//! The models of a scenario beside each other: what they are made of, cost and answer.

use serde::{Deserialize, Serialize};

use perforate_base::units::{Macs, Seconds, percent, three_digits};
use perforate_bench::sweep::{BenchTarget, Point, Reference, ReferenceRole, Results};
use perforate_engine::Program;
use perforate_routing::names::model_name;

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// full, light, static, strategy (another one than is measured) or routed.
    pub role: String,
    /// Its name, where the role is not enough.
    pub name: Option<String>,
    /// Constant values.
    pub parameters: usize,
    /// The same without tables of which a run looks up a few rows, such as word embeddings.
    pub parameters_without_tables: usize,
    /// Mean operations a sample; of the routed model at the operating point.
    pub macs: Option<f64>,
    /// Share of right answers.
    pub accuracy: Option<f64>,
    /// Seconds a sample at batch 1.
    pub latency_s: Option<f64>,
}

/// All models of a subject.
pub(super) fn report(subject: &BenchTarget, results: &Results) -> Vec<ModelReport> {
    let of = |role: &str, program: &Program, point: Option<&Point>| ModelReport {
        role: role.to_string(),
        name: None,
        parameters: program.parameters(),
        parameters_without_tables: program.parameters() - program.parameters_in_tables(),
        macs: point.map(|point| point.quality.work.macs.0),
        accuracy: point.and_then(|point| point.quality.accuracy),
        latency_s: point.and_then(|point| point.batch1).map(|timing| timing.latency.median),
    };
    let named = |name: &'static str, role: ReferenceRole| {
        results.references_of(role).map(move |Reference { program, point }| ModelReport {
            name: Some(model_name(program.name())),
            ..of(name, program, Some(point))
        })
    };
    let chosen = results.certificate.chosen.map(|ix| &results.curve[ix]);
    let ends = [
        of("full", &subject.full, Some(&results.full)),
        of("light", &subject.light, Some(&results.light)),
    ];
    ends.into_iter()
        .chain(named("static", ReferenceRole::Static))
        .chain(named("strategy", ReferenceRole::OtherStrategy))
        .chain([of("routed", &subject.routed, chosen)])
        .collect()
}

impl ModelReport {
    /// Title and cells of a table's columns.
    pub fn cells(&self) -> Vec<(&'static str, String)> {
        let dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
        let name = self.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
        vec![
            ("model", format!("{}{name}", self.role)),
            ("parameters", three_digits_of(self.parameters)),
            ("without tables", three_digits_of(self.parameters_without_tables)),
            ("operations", dash(self.macs.map(|macs| Macs(macs).to_string()))),
            ("latency", dash(self.latency_s.map(|s| Seconds(s).to_string()))),
            ("accuracy", dash(self.accuracy.map(|share| percent(share, 2)))),
        ]
    }
}

fn three_digits_of(count: usize) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}\u{a0}k", three_digits(count as f64 / 1e3)),
        _ => format!("{}\u{a0}M", three_digits(count as f64 / 1e6)),
    }
}
