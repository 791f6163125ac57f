//! What the page says of model, data, guarantee and host.

use serde::Serialize;

use perforate_base::units::{Bytes, Joules, Macs, Seconds, three_digits};
use perforate_bench::self_check::TimingQuality;
use perforate_report::{PointReport, Report, ScenarioReport, TargetReport, TemperatureReport};

use perforate_report::text::{dash, percent};

/// A line of the box on model, data and host.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct About {
    term: &'static str,
    text: String,
}

/// Everything worth knowing about a report; energy is that of the setting which is shown.
pub fn lines(report: &Report, shown: Option<&PointReport>) -> Vec<About> {
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
            text: format!("{}; full model {}", scenario.model, Macs(scenario.references.full.macs)),
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
        About { term: "Answers", text: answers(scenario) },
        About { term: "Self-check", text: dash(self_check(scenario)) },
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
        About { term: "Energy a sample", text: dash(shown.map(energy)) },
        About { term: "Targets", text: targets(scenario) },
        About { term: "Memory", text: memory(scenario) },
        About { term: "Temperature", text: temperatures(scenario) },
        About { term: "Clock tick", text: Seconds(report.host.clock_tick_s).to_string() },
        About {
            term: "Host",
            text: format!("{}, {}, one thread", report.host.target, report.host.simd),
        },
    ]
}

/// Where the answers come from.
fn answers(scenario: &ScenarioReport) -> String {
    match scenario.answers_check {
        None => "all computed here".into(),
        Some(check) if check.holds() => format!(
            "recorded with these models and this data; {} of {} inputs came out the same when they were run again here",
            check.alike, check.checked
        ),
        Some(check) => format!(
            "all computed here, since only {} of {} came out as recorded",
            check.alike, check.checked
        ),
    }
}

/// What the full model against itself shows.
fn self_check(scenario: &ScenarioReport) -> Option<String> {
    let check = scenario.self_check?;
    let timing = match scenario.quality? {
        TimingQuality::Good => "timing is good",
        TimingQuality::Fair => "timing is fair",
        TimingQuality::Noisy => "timing is noisy",
    };
    let found = if check.found_planted() { "found" } else { "missed" };
    Some(format!(
        "{timing}: A/A ratio {:.3} ({:.3} to {:.3}); planted slow-down of {} {found}",
        check.same.median,
        check.same.lo,
        check.same.hi,
        percent(check.planted)
    ))
}

/// Both estimates, named as such.
fn energy(point: &PointReport) -> String {
    let operations = format!("{} by operations", Joules(point.energy_j.operations));
    match point.energy_j.time {
        Some(time) => format!("{} by time, {operations}; both are estimates", Joules(time)),
        None => format!("{operations}, an estimate"),
    }
}

/// What was asked of the operating point, and what became of it.
fn targets(scenario: &ScenarioReport) -> String {
    let of = |target: &TargetReport| {
        let got = target.got.map_or("nothing measured".into(), three_digits);
        let verdict = if target.met { "met" } else { "missed" };
        format!(
            "{} {}: {got}, {verdict}",
            target.name.replace('_', " "),
            three_digits(target.wanted)
        )
    };
    let all: Vec<String> = scenario.targets.iter().map(of).collect();
    if all.is_empty() { "none set".into() } else { all.join("; ") }
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
