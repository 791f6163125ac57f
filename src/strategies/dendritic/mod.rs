//! A light model on every input, and a learned gate that calls the full model where the answer would change.

mod compose;
pub mod reference;

use std::sync::Arc;

use perforate_base::Result;
use perforate_bench::sweep::{Active, LightRole};
use perforate_data::Samples;
use perforate_onnx::Component;

pub use compose::{GATE, KNOB, NAME, OUTPUT, Parts, RANGE, compose};

#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::glyph;
use crate::recipe::{exactly, provenance};
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, Strategy};

/// See the module.
#[derive(Debug)]
pub struct Dendritic;

impl Strategy for Dendritic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "The light model runs on every input. A gate reads what it computed and estimates how likely the full model is to answer otherwise. Only where that reaches the threshold does the full model run as well; else the light answer stands."
    }

    // A gate, and behind it the full model or a light one.
    fn glyph(&self) -> &'static str {
        glyph!(
            r#"<path d="M2 14h6M16 14l6-6h4M16 14l6 9h6"/><path class="gate" d="M12 9l5 5-5 5-5-5z"/><rect x="26" y="1" width="18" height="14"/><rect x="28" y="20" width="8" height="6"/>"#
        )
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let parts = input.parts;
        let provenance = provenance(&["full", "light", "gate"], &parts);
        let [full, light, gate] = exactly(parts)?;
        let parts = Parts { full, light, gate };
        Ok(Models {
            full: parts.full.model().clone(),
            light: parts.light.model().clone(),
            routed: compose(&parts, RANGE.default, provenance)?,
            knob: KNOB,
            range: RANGE,
            active: Active::FullPath,
            light_role: LightRole::GateReads,
            companion: Arc::new(()),
        })
    }

    fn synthetic(&self, seed: u64, n: usize) -> Result<(Vec<Component>, Samples)> {
        let reference = reference::build(seed)?;
        let samples = Samples::new(reference.samples(n), None)?;
        let reference::ReferenceMlp { full, light, gate, .. } = reference;
        Ok((vec![full, light, gate], samples))
    }

    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        Some(Route {
            name: "dendritic",
            about: "A light model on every input, the full model where a gate asks for it",
            arguments: vec![
                Argument::new("full", Value::File, "The model to be replaced"),
                Argument::new("light", Value::File, "Runs on every input"),
                Argument::new(
                    "gate",
                    Value::File,
                    "Reads what the light model computes; gives score",
                ),
                Argument::new("threshold", Value::Number(Some(0.5)), "Default of the knob"),
            ],
        })
    }

    #[cfg(feature = "commands")]
    fn compose(&self, host: &dyn Host) -> Result<perforate_onnx::pb::ModelProto> {
        let parts = Parts {
            full: host.component("full")?,
            light: host.component("light")?,
            gate: host.component("gate")?,
        };
        compose(&parts, host.number("threshold"), host.provenance(&["full", "light", "gate"])?)
    }
}
