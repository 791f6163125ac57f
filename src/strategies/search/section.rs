//! The exits that were tried for a model that had none, or the models of a cascade, and why routing pays or does not.

use perforate_base::units::percent;
use perforate_routing::search::Exit;

use perforate_report::{OperatingPoint, Section, Table};

/// The section of what was tried; none where nothing was.
pub fn section(exits: &[Exit], chosen: &OperatingPoint, tolerance: Option<f32>) -> Option<Section> {
    let caption =
        "Candidate exits, in order of depth; agreement is on rows that no head was fitted on";
    let table = Table::of("exit", caption, exits.iter().map(cells))?;
    let finding = finding(exits, chosen, tolerance);
    let title = "Exits that were tried";
    Some(
        Section::new("exits", title)
            .with_finding(finding)
            .with_table(Some(table))
            .with_data(&exits),
    )
}

/// Below this share of agreement in the first half of a model, exits agree too rarely.
const RARELY: f64 = 0.6;
/// Above this share of the operations, heads cost too much.
const DEAR_HEADS: f64 = 0.1;

/// Title and cells of a table's columns.
pub fn cells(exit: &Exit) -> Vec<(&'static str, String)> {
    vec![
        (if exit.is_model() { "model" } else { "tensor" }, exit.tensor.clone()),
        (
            if exit.is_model() { "operations" } else { "operations before it" },
            percent(exit.share, 1),
        ),
        ("numbers read", if exit.is_model() { "–".into() } else { exit.features.to_string() }),
        (
            "operations of the head",
            if exit.is_model() { "–".into() } else { percent(exit.head, 2) },
        ),
        ("agreement with the whole model", percent(exit.agreement, 1)),
        ("kept", if exit.kept { "yes" } else { "no" }.into()),
    ]
}

/// What was found, in sentences; none where nothing was looked for. `tolerance` is that of a model that answers with
/// numbers.
pub fn finding(exits: &[Exit], chosen: &OperatingPoint, tolerance: Option<f32>) -> Option<String> {
    let kept: Vec<&Exit> = exits.iter().filter(|exit| exit.kept).collect();
    let (first, deepest) = (kept.first()?, kept.last()?);
    let mut told = if first.is_model() {
        told_of_models(exits, &kept)
    } else {
        told_of_exits(exits, first, deepest, kept.len())
    };
    if let Some(tolerance) = tolerance {
        told += &format!(
            " The model answers with numbers: one within {tolerance:.3} of the whole model’s, a tenth of their standard deviation, agrees with it."
        );
    }
    Some(match against(exits, &kept, chosen) {
        Some(why) => format!("{told} Routing does not pay for this model, because {why}."),
        None => told,
    })
}

fn told_of_models(exits: &[Exit], kept: &[&Exit]) -> String {
    let each = kept.iter().map(|model| {
        format!(
            "{} at {} of the operations, agreeing with the costliest model in {} of the inputs",
            model.tensor,
            percent(model.share, 1),
            percent(model.agreement, 1)
        )
    });
    format!(
        "{} to be asked first were tried, and {} kept: {}.",
        counted(exits.len(), "model"),
        kept.len(),
        each.collect::<Vec<_>>().join("; ")
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn told_of_exits(exits: &[Exit], first: &Exit, deepest: &Exit, kept: usize) -> String {
    format!(
        "{} places for an exit were tried, and {} kept: the first after {} of the operations, agreeing with the whole model in {} of the inputs, the last after {}, agreeing in {}.",
        exits.len(),
        kept,
        percent(first.share, 1),
        percent(first.agreement, 1),
        percent(deepest.share, 1),
        percent(deepest.agreement, 1)
    )
}

/// Why it does not pay, if it does not.
fn against(exits: &[Exit], kept: &[&Exit], chosen: &OperatingPoint) -> Option<String> {
    let point = chosen.point.as_ref();
    let measured = point.and_then(|point| point.batch1).map(|timing| timing.speedup);
    if chosen.risk.certified && measured.is_none_or(|speedup| speedup.lo > 1.0) {
        return None;
    }
    let heads: f64 = kept.iter().map(|exit| exit.head).sum();
    let early = exits.iter().filter(|exit| exit.share <= 0.5).map(|exit| exit.agreement);
    let best = early.fold(0.0, f64::max);
    let ideal = point.map_or(1.0, |point| point.ideal_speedup);
    Some(if heads > DEAR_HEADS {
        format!("the heads alone take {} of its operations", percent(heads, 0))
    } else if !chosen.risk.certified {
        format!(
            "no setting keeps the risk that was asked for on {} inputs: bring more inputs, or allow more",
            chosen.risk.n
        )
    } else if best < RARELY && !kept[0].is_model() {
        format!(
            "exits agree too rarely: in the first half of it, in {} of the inputs at most",
            percent(best, 0)
        )
    } else if ideal > 1.1 {
        let speedup = measured.map_or(0.0, |speedup| speedup.median);
        format!(
            "overhead dominates: by operations it would be {ideal:.2} times as fast, and is {speedup:.2} times"
        )
    } else {
        "too few inputs are sure early".to_string()
    })
}
