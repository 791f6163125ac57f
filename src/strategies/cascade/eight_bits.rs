//! The cascade with its last model in eight bits.

use std::sync::Arc;

use perforate_base::Result;
use perforate_bench::sweep::{Active, LightRole};
use perforate_onnx::Component;
use perforate_routing::exits;
use perforate_routing::fit::quantise::int8;
use perforate_routing::model_chain::{self, ModelChain};
use perforate_routing::score;

use super::stages::{GLYPH, Stages};
use crate::confidence::CONFIDENCE_SCORES;
use crate::strategy::{Ingredients, Models, Strategy};

/// Name of the strategy.
pub const IN_EIGHT_BITS: &str = "cascade_int8";

/// A cascade whose last model runs in eight bits, and in f32 where the threshold leaves nothing to the others.
#[derive(Debug)]
pub struct CascadeInEightBits;

impl Strategy for CascadeInEightBits {
    fn name(&self) -> &'static str {
        IN_EIGHT_BITS
    }

    fn explanation(&self) -> &'static str {
        "The cascade, with the matrix products of the last model in eight bits. A threshold that no confidence can reach leaves nothing to the models in eight bits: then the last model runs in f32, which is the full model. The last model in eight bits alone and the cascade in f32 stand beside it, so the gain of each can be read off."
    }

    fn glyph(&self) -> &'static str {
        GLYPH
    }

    fn scores(&self) -> &'static [score::Kind] {
        CONFIDENCE_SCORES
    }

    /// Temperatures, and which exits are useful, are those in eight bits as well.
    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let Ingredients { parts, scaling, confidence: spec, .. } = input;
        let whole = ModelChain::new(&parts, &[])?;
        let full = whole.alone(whole.count() - 1)?;
        // The last model begins behind the last but one's answer.
        let answers =
            parts.iter().enumerate().filter(|(_, part)| part.output(model_chain::OUTPUT).is_ok());
        let border = answers.map(|(ix, _)| ix + 1).rev().nth(1).unwrap_or(0);
        let mut near = parts[..border].to_vec();
        for part in &parts[border..] {
            // What stands before the first exit looks up embeddings, and has no products.
            let answers = |name: &str| name == model_chain::OUTPUT || exits::is_head(name);
            near.push(match part.outputs().iter().any(|output| answers(&output.name)) {
                true => Component::new(part.name(), int8(part)?.model)?,
                false => part.clone(),
            });
        }
        let Stages { chain, confidence, provenance } = Stages::choose(&near, scaling, spec)?;
        let threshold = model_chain::RANGE.default;
        Ok(Models {
            routed: chain.compose_beside(
                &full,
                &confidence,
                (IN_EIGHT_BITS, "eight bits"),
                threshold,
                provenance,
            )?,
            full: full.model().clone(),
            light: chain.alone(0)?.model().clone(),
            knob: model_chain::KNOB,
            range: model_chain::RANGE,
            active: Active::Energy,
            light_role: LightRole::Choice,
            companion: Arc::new(()),
        })
    }
}
