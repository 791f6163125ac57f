//! The cascade as it is.

use std::sync::Arc;

use perforate_base::Result;
use perforate_bench::sweep::{Active, LightRole};
use perforate_routing::model_chain;
#[cfg(feature = "commands")]
use perforate_routing::model_chain::ModelChain;
use perforate_routing::score;

use super::stages::{GLYPH, Stages};
#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::confidence::CONFIDENCE_SCORES;
#[cfg(feature = "commands")]
use crate::confidence::{confidence_arguments, given_confidence};
#[cfg(feature = "commands")]
use crate::search;
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, Strategy};

/// Name of the strategy.
pub const NAME: &str = "cascade";

/// Whole models of rising cost; see the folder.
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
        let Stages { chain, confidence, provenance } = Stages::choose(&parts, scaling, spec)?;
        let threshold = model_chain::RANGE.default;
        Ok(Models {
            full: chain.alone(chain.count() - 1)?.model().clone(),
            light: chain.alone(0)?.model().clone(),
            routed: chain.compose(NAME, &confidence, threshold, provenance)?,
            knob: model_chain::KNOB,
            range: model_chain::RANGE,
            active: Active::Operations,
            light_role: LightRole::GateReads,
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
