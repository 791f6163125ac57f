//! What was published, beside what is measured here.

use perforate_report::text::percent;
use perforate_report::{ModelReport, ScenarioReport, Section};

/// An encoder-free network against a transformer of two layers: 88.7 → 89.5 % accuracy on SST-2 with 88.9 % fewer
/// parameters (4.43 to 0.49 million), as published. The section sets what is measured here beside it; none while
/// figures are missing.
pub fn without_encoder(report: &ScenarioReport) -> Option<Section> {
    let finding = encoder_free(report)?;
    let section = Section::new("claim", "Published, and measured here");
    Some(section.with_finding(Some(finding)).folded_at_first())
}

/// Share of the parameters that the encoder-free network is said to save.
const SAVED: f64 = 0.889;

fn encoder_free(report: &ScenarioReport) -> Option<String> {
    let find = |wanted: &dyn Fn(&&ModelReport) -> bool| report.models.iter().find(wanted);
    let own = find(&|model| model.role == "light")?;
    let named = |end: &'static str| {
        move |model: &&ModelReport| model.name.as_deref().is_some_and(|name| name.ends_with(end))
    };
    let (tiny, plain) = (find(&named("-tiny"))?, find(&named("-plain"))?);
    let share = |own: usize, other: usize| 1.0 - own as f64 / other as f64;
    let (own_accuracy, tiny_accuracy) = (own.accuracy?, tiny.accuracy?);
    let gain = 100.0 * (own_accuracy - tiny_accuracy);
    let dendrites = 100.0 * (own_accuracy - plain.accuracy?);
    let times = tiny.macs? / own.macs?;
    let saved = share(own.parameters, tiny.parameters);
    let holds = |holds: bool| if holds { "holds here" } else { "does not hold here" };
    Some(format!(
        "Published: without its encoder a transformer of two layers gains accuracy on SST-2, from 88.7 to 89.5\u{a0}%, with 88.9\u{a0}% fewer parameters. Measured here: {} without encoder, {} with it ({gain:+.2}\u{a0}pp): that nothing is lost {}. It has {} fewer parameters, and {} fewer if the word embeddings, which both need, are left out: the published saving {}. It takes {times:.0} times fewer operations. The dendrites are worth {dendrites:+.2}\u{a0}pp against a plain layer.",
        percent(own_accuracy),
        percent(tiny_accuracy),
        holds(gain >= 0.0),
        percent(saved),
        percent(share(own.parameters_without_tables, tiny.parameters_without_tables)),
        holds(saved >= SAVED),
    ))
}
