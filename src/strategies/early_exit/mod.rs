//! Early exit: one network in stages with a head behind each; the first head that is sure ends it.
//!
//! Teerapittayanon et al., "BranchyNet: Fast Inference via Early Exiting from Deep Neural Networks" (ICPR 2016). The
//! file is composed by [`perforate_routing::exits::compose`].

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::Result;
use perforate_bench::sweep::{Active, LightRole};
use perforate_routing::exits::{self, Confidence, Stages};
use perforate_routing::score;

#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::confidence::CONFIDENCE_SCORES;
#[cfg(feature = "commands")]
use crate::confidence::{confidence_arguments, given_confidence};
use crate::glyph;
use crate::recipe::{self, numbered, provenance};
#[cfg(feature = "commands")]
use crate::search;
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, Strategy};

/// Name of the strategy.
pub const NAME: &str = "early_exit";

/// Composes the routed model; see [`perforate_routing::exits::compose`].
///
/// # Errors
/// `Model` where the stages do not fit.
pub fn compose(
    stages: &Stages,
    confidence: &Confidence,
    threshold: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    let names = exits::exit_names(stages);
    exits::compose(stages, confidence, (NAME, &names), threshold, provenance)
}

/// See the module.
#[derive(Debug)]
pub struct EarlyExit;

impl Strategy for EarlyExit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "One network has small heads on its way. After each stage a head answers; if its best class is more probable than the threshold, the rest of the network is skipped."
    }

    // A network in stages, with a way out behind each.
    fn glyph(&self) -> &'static str {
        glyph!(
            r#"<path d="M1 9h45M15.500 9v14M31.500 9v14M13 21l2.500 3 2.500-3M29 21l2.500 3 2.500-3"/><rect x="4" y="3" width="8" height="12"/><rect x="19" y="3" width="9" height="12"/><rect x="35" y="3" width="10" height="12"/>"#
        )
    }

    fn scores(&self) -> &'static [score::Kind] {
        CONFIDENCE_SCORES
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let Ingredients { parts, scaling, confidence, .. } = input;
        let provenance = provenance(&numbered("stage", parts.len()), &parts);
        let stages = Stages::new(parts)?;
        let confidence = recipe::confidence(&stages, scaling, confidence)?;
        let threshold = exits::RANGE.default;
        Ok(Models {
            full: stages.full()?,
            light: stages.up_to_head(0)?,
            routed: compose(&stages, &confidence, threshold, provenance)?,
            knob: exits::KNOB,
            range: exits::RANGE,
            active: Active::Operations,
            light_role: LightRole::FirstExit,
            companion: Arc::new(()),
        })
    }

    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        let stages =
            "The stages, in order: the first maps x to h1 and logits1, the last maps to logits";
        let model =
            "A classifier without exits, instead: exits are found and fitted to its own answers";
        let inputs = "Inputs for that: an .npz, .npy or .csv file, or a folder of pictures; labels are not read. Drawn at random unless given";
        let mut arguments = vec![
            Argument::new("stages", Value::Files(2), stages).unless(&["model"]),
            Argument::new("model", Value::OptionalFile, model),
            Argument::new("inputs", Value::OptionalFile, inputs),
        ];
        arguments.extend(search::arguments());
        arguments.extend(confidence_arguments(score::Kind::Gate));
        Some(Route {
            name: "early-exit",
            about: "One network in stages: the first head that is sure ends it",
            arguments,
        })
    }

    #[cfg(feature = "commands")]
    fn compose(&self, host: &dyn Host) -> Result<ModelProto> {
        if !host.files("model")?.is_empty() {
            return search::compose(host, NAME, "model");
        }
        let stages = Stages::new(host.components("stages")?)?;
        let confidence = given_confidence(host, stages.heads())?;
        let provenance = host.numbered("stage", "stages")?;
        compose(&stages, &confidence, host.number("threshold"), provenance)
    }
}
