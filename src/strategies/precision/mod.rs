//! Precision switching: stages in four bits, in eight and in f32, and a controller that spends an energy budget on them.

mod compose;
mod controller;
mod live;
#[cfg(feature = "commands")]
mod mixes;
mod plots;
mod report;
mod section;
mod variants;

use std::sync::Arc;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::sweep::{Active, LightRole};

pub use compose::{
    GREEDY, KNOB, NAME, OUTPUT, Plan, Policy, RANGE, StageCost, VARIANTS, Variants, compose, fixed,
};
pub use controller::plan_of;
#[cfg(feature = "commands")]
pub use mixes::{Mix, Spent, all as all_mixes, spend};
pub use report::{PrecisionReport, StageReport};
pub use variants::{mix_of, path_of};

use controller::Controller;

#[cfg(feature = "commands")]
use crate::command::Command;
use crate::glyph;
use crate::recipe::{numbered, provenance};
use crate::strategy::{Ingredients, Models, Strategy};

/// Picture of the strategy: stages, each in three sizes of which one is taken.
const GLYPH: &str = glyph!(
    r#"<path d="M1 21h46"/><rect x="4" y="2" width="10" height="10"/><rect x="4" y="14" width="10" height="6"/><rect class="fill" x="4" y="22" width="10" height="4"/><rect x="19" y="2" width="10" height="10"/><rect class="fill" x="19" y="14" width="10" height="6"/><rect x="19" y="22" width="10" height="4"/><rect class="fill" x="34" y="2" width="10" height="10"/><rect x="34" y="14" width="10" height="6"/><rect x="34" y="22" width="10" height="4"/>"#
);

/// The controller looks ahead: it keeps what later stages can use better.
#[derive(Debug)]
pub struct LookAhead;

impl Strategy for LookAhead {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "Every layer of a transformer comes in three precisions. Before each layer, a controller compares what is left of an energy budget with what the layer’s variants are worth. It knows what each costs and how much error it adds, and keeps energy that later layers can use better. Turn the budget while a sentence is on its way, and the remaining layers follow."
    }

    fn glyph(&self) -> &'static str {
        GLYPH
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        recipe(input, Policy::LookAhead)
    }

    #[cfg(feature = "commands")]
    fn commands(&self) -> Vec<Command> {
        vec![mixes::command()]
    }
}

/// The controller takes the best precision that is affordable now.
#[derive(Debug)]
pub struct Greedy;

impl Strategy for Greedy {
    fn name(&self) -> &'static str {
        GREEDY
    }

    fn explanation(&self) -> &'static str {
        "As in precision switching. But before each layer the controller takes the most expensive precision that leaves enough for all later layers at their cheapest: the first layers take all there is."
    }

    fn glyph(&self) -> &'static str {
        GLYPH
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        recipe(input, Policy::Greedy)
    }
}

/// The first part stands before the stages; the others are the stages.
fn recipe(input: Ingredients<'_>, policy: Policy) -> Result<Models> {
    let Ingredients { parts, scaling, library, .. } = input;
    let roles = [vec!["trunk".to_string()], numbered("stage", parts.len().saturating_sub(1))];
    let provenance = provenance(&roles.concat(), &parts);
    let samples = scaling.ok_or_else(|| {
        Error::new(ErrorKind::Data, "there are no samples to measure the variants on")
    })?;
    let precise = variants::compose(&parts, samples.samples(), policy, provenance, library)?;
    Ok(Models {
        full: precise.full,
        light: precise.light,
        routed: precise.routed,
        knob: KNOB,
        range: RANGE,
        active: Active::Energy,
        light_role: LightRole::Choice,
        companion: Arc::new(Controller(precise.plan)),
    })
}
