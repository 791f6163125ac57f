//! Cascade: whole models of rising cost; the first that is sure answers.
//!
//! Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features" (CVPR 2001); for language
//! models, Chen et al., "FrugalGPT" (2023). The file is composed by [`perforate_routing::model_chain`].

pub mod claim;
mod eight_bits;

use std::collections::BTreeMap;
use std::sync::Arc;

use perforate_base::Result;
use perforate_bench::sweep::Active;
use perforate_data::Scaling;
use perforate_onnx::Component;
use perforate_routing::exits::{self, Confidence};
use perforate_routing::model_chain::{self, ModelChain};
use perforate_routing::score;

pub use eight_bits::{CascadeInEightBits, IN_EIGHT_BITS};

use crate::CONFIDENCE_SCORES;
#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::glyph;
use crate::recipe::{fit, numbered, provenance};
#[cfg(feature = "commands")]
use crate::search;
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, Strategy};
#[cfg(feature = "commands")]
use crate::{confidence_arguments, given_confidence};

/// Name of the strategy.
pub const NAME: &str = "cascade";
/// Picture of the strategy: models of rising size, one after the other.
const GLYPH: &str = glyph!(
    r#"<path d="M1 14h46"/><rect x="4" y="11" width="6" height="6"/><rect x="15" y="8" width="9" height="12"/><rect x="29" y="2" width="15" height="24"/>"#
);

/// See the module.
#[derive(Debug)]
pub struct Cascade;

impl Strategy for Cascade {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "A small model answers first. Where its best class is less probable than the threshold, the next one reads the input, and so on to the last, which may answer at those of its own exits that are better than the models before."
    }

    fn glyph(&self) -> &'static str {
        GLYPH
    }

    fn scores(&self) -> &'static [score::Kind] {
        CONFIDENCE_SCORES
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let Ingredients { parts, scaling, confidence: spec, .. } = input;
        let (models, temperatures, provenance) = useful_stages(&parts, scaling)?;
        let last = models.count() - 1;
        let confidence = Confidence { score: spec.kind.of(spec.classes, last), temperatures };
        let threshold = model_chain::RANGE.default;
        Ok(Models {
            full: models.alone(last)?.model().clone(),
            light: models.alone(0)?.model().clone(),
            routed: models.compose(NAME, &confidence, threshold, provenance)?,
            knob: model_chain::KNOB,
            range: model_chain::RANGE,
            active: Active::Operations,
            light_always_runs: true,
            companion: Arc::new(()),
        })
    }

    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        let models = "Their files, in order; a model may be several, and ends with the one that gives logits";
        let exits = "Other outputs that are answers too, where a stage ends: exits of the last model, such as logits3";
        let inputs = "Inputs on which to choose the models worth asking and their thresholds; then each file is a whole model";
        let mut arguments = vec![
            Argument::new("models", Value::Files(2), models),
            Argument::new("exits", Value::Words, exits),
            Argument::new("inputs", Value::OptionalFile, inputs),
        ];
        arguments.extend(search::arguments());
        arguments.extend(confidence_arguments(score::Kind::Patience));
        Some(Route {
            name: "cascade",
            about: "Whole models, cheapest first: the first that is sure answers",
            arguments,
        })
    }

    #[cfg(feature = "commands")]
    fn compose(&self, host: &dyn Host) -> Result<perforate_onnx::pb::ModelProto> {
        if !host.files("inputs")?.is_empty() {
            return search::compose(host, NAME, "models");
        }
        let models = ModelChain::new(&host.components("models")?, &host.words("exits"))?;
        let confidence = given_confidence(host, models.count() - 1)?;
        let provenance = host.numbered("file", "models")?;
        models.compose(NAME, &confidence, host.number("threshold"), provenance)
    }
}

/// Models as stages, with the exits that are better than all models before, and temperatures, by labelled samples.
fn useful_stages(
    parts: &[Component],
    scaling: Option<&Scaling>,
) -> Result<(ModelChain, Vec<f32>, BTreeMap<String, String>)> {
    let provenance = provenance(&numbered("file", parts.len()), parts);
    let outputs = parts.iter().flat_map(Component::outputs).map(|output| output.name.clone());
    let heads: Vec<String> = outputs.filter(|name| exits::is_head(name)).collect();
    let all = ModelChain::new(parts, &heads)?;
    let fits = scaling.map(|samples| fit(&all.stages()?.all_heads()?, &samples.0)).transpose()?;
    let (mut kept, mut temperatures, mut best) = (vec![], vec![], 0.0);
    for ix in 0..all.count() - 1 {
        let exit = exits::is_head(all.answer(ix));
        if let Some(fit) = fits.as_ref().map(|fits| fits[ix]) {
            if exit && fit.accuracy <= best {
                continue;
            }
            // Among themselves exits are as good as equal on so few samples, and cost no more than a head each.
            if !exit {
                best = best.max(fit.accuracy);
            }
            temperatures.push(fit.temperature);
        }
        kept.extend(exit.then(|| all.answer(ix).to_string()));
    }
    Ok((ModelChain::new(parts, &kept)?, temperatures, provenance))
}
