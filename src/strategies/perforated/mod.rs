//! Token perforation: before each layer of a transformer, tokens that matter little are dropped; with early exits too.

mod compose;
mod layers;
pub mod long_texts;

use std::sync::Arc;

use perforate_base::Result;
use perforate_bench::sweep::{Active, LightRole};
use perforate_report::Section;
use perforate_routing::exits::{self, Stages};
use perforate_routing::score;

pub use compose::{KNOB, NAME, OUTPUT, Parts, RANGE, WITH_EXITS};

#[cfg(feature = "commands")]
use crate::command::Command;
use crate::companion::{Companion, Measured};
use crate::confidence::CONFIDENCE_SCORES;
use crate::glyph;
use crate::recipe::{self, numbered, provenance};
use crate::strategy::{Ingredients, Models, Strategy, Study};

/// Picture of the strategy: words, fewer and fewer of them.
const GLYPH: &str = glyph!(
    r#"<path d="M1 14h46"/><path class="fill" d="M4 2h5v4H4zM4 8h5v4H4zM4 16h5v4H4zM4 22h5v4H4zM24 5h5v4h-5zM24 16h5v4h-5zM40 12h5v4h-5z"/><rect x="12" y="2" width="9" height="24"/><rect x="31" y="5" width="7" height="18"/>"#
);

/// See the module.
#[derive(Debug)]
pub struct Perforated;

impl Strategy for Perforated {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "Before every layer of a transformer, two small linear layers judge each token by its hidden state. Tokens below a threshold are dropped from this layer and all that follow; the first token always stays. The knob is the share to drop, on average over the layers; a learned table maps it to a threshold for each layer."
    }

    fn glyph(&self) -> &'static str {
        GLYPH
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let parts = input.parts;
        let provenance = provenance(&roles(parts.len()), &parts);
        let parts = Parts::new(parts)?;
        Ok(Models {
            full: parts.full()?,
            light: parts.fixed(RANGE.light)?,
            routed: parts.compose(RANGE.default, provenance)?,
            knob: KNOB,
            range: RANGE,
            active: Active::Operations,
            light_role: LightRole::Choice,
            companion: Arc::new(Layers),
        })
    }

    #[cfg(feature = "commands")]
    fn commands(&self) -> Vec<Command> {
        long_texts::commands()
    }

    fn study(&self) -> Option<Study> {
        Some(long_texts::STUDY)
    }
}

/// The target at which tokens are left out beside early exits: the highest at which no exit loses more than half a point on
/// the sentences held out from training.
const BESIDE_EXITS: f32 = 0.3;

/// The same with early exits on the tokens that are left.
#[derive(Debug)]
pub struct PerforatedWithExits;

impl Strategy for PerforatedWithExits {
    fn name(&self) -> &'static str {
        WITH_EXITS
    }

    fn explanation(&self) -> &'static str {
        "As in token perforation, three tenths of the tokens are dropped, on average over the layers. As in early exit, a head after each layer looks at the mean over the remaining tokens, and ends the run if its best class is more probable than the threshold. A threshold that no confidence can reach drops nothing: that is the full model."
    }

    fn glyph(&self) -> &'static str {
        GLYPH
    }

    fn scores(&self) -> &'static [score::Kind] {
        CONFIDENCE_SCORES
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let Ingredients { parts, scaling, confidence, .. } = input;
        let provenance = provenance(&roles(parts.len()), &parts);
        let parts = Parts::new(parts)?;
        let stages = Stages::new(parts.stages(Some(BESIDE_EXITS))?)?;
        let confidence = recipe::confidence(&stages, scaling, confidence)?;
        let threshold = exits::RANGE.default;
        Ok(Models {
            full: parts.full()?,
            light: stages.up_to_head(0)?,
            routed: parts.compose_with_exits(&confidence, BESIDE_EXITS, threshold, provenance)?,
            knob: exits::KNOB,
            range: exits::RANGE,
            active: Active::Operations,
            light_role: LightRole::FirstExit,
            companion: Arc::new(Layers),
        })
    }

    fn study(&self) -> Option<Study> {
        Some(long_texts::STUDY)
    }
}

fn roles(parts: usize) -> Vec<String> {
    let layers = parts / 2;
    [vec!["trunk".to_string()], numbered("layer", layers), numbered("tokens", layers)].concat()
}

/// Shows what each layer computes on.
#[derive(Debug)]
struct Layers;

impl Companion for Layers {
    fn sections(&self, measured: &Measured<'_>) -> Vec<Section> {
        layers::section(measured.report).into_iter().collect()
    }
}
