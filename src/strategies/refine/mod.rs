//! A light look at every input, and where it is unsure a careful one that reuses what the first has computed.

mod compose;

use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::Result;
use perforate_base::units::Macs;
use perforate_bench::sweep::{Active, LightRole};
use perforate_engine::{PlanCache, Program};

pub use compose::{BUDGET, BUDGET_RANGE, KNOB, NAME, OUTPUT, Parts, RANGE, alone};

#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::glyph;
use crate::recipe::{exactly, provenance};
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, Strategy};

/// See the module.
#[derive(Debug)]
pub struct Refine;

impl Strategy for Refine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "A light pass looks at every input. Where its best class is less probable than the threshold, and the budget covers a second pass, a careful network looks again. It takes over the maps that the first pass has computed."
    }

    // A cheap look, and a careful one after it.
    fn glyph(&self) -> &'static str {
        glyph!(
            r#"<path d="M1 14h8M14 14h12M26 14h6M22 14v11h23"/><rect x="4" y="10" width="8" height="8"/><path class="gate" d="M22 9l5 5-5 5-5-5z"/><rect x="31" y="4" width="14" height="16"/>"#
        )
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let Ingredients { parts, scaling, .. } = input;
        let provenance = provenance(&["cheap", "refinement"], &parts);
        let [cheap, refinement] = exactly(parts)?;
        let light = alone(&cheap)?;
        let parts = Parts { cheap, refinement, cost: 0.0, temperature: 1.0 };
        let full = parts.full()?;
        let temperature = match scaling {
            Some(own) => own.fit(&light, &full)?[0].temperature as f32,
            None => 1.0,
        };
        let macs = |model: &ModelProto| -> Result<Option<Macs>> {
            let program = Program::from_proto(&PlanCache::default(), "pass", model, 0)?;
            Ok(program.segments().map(|segment| segment.macs).sum())
        };
        let cost = match (macs(&light)?, macs(&full)?) {
            (Some(cheap), Some(both)) => 1.0 - cheap / both,
            // Without operations to count, the second pass is taken for all of the work.
            _ => 1.0,
        };
        let parts = Parts { cost: cost as f32, temperature, ..parts };
        Ok(Models {
            routed: parts.compose(RANGE.default, provenance)?,
            full,
            light,
            knob: KNOB,
            range: RANGE,
            active: Active::FullPath,
            light_role: LightRole::Choice,
            companion: Arc::new(()),
        })
    }

    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        let cost = "What the refinement costs, as a share of both passes";
        Some(Route {
            name: "refine",
            about: "A light pass, and where it is unsure and the budget allows, one more that reuses what it computed",
            arguments: vec![
                Argument::new("cheap", Value::File, "The first pass"),
                Argument::new("refinement", Value::File, "The second pass"),
                Argument::new("cost", Value::Number(None), cost),
                Argument::new(
                    "temperature",
                    Value::Number(Some(1.0)),
                    "Temperature of the first pass's answer",
                ),
                Argument::new("threshold", Value::Number(Some(0.9)), "Default of the knob"),
            ],
        })
    }

    #[cfg(feature = "commands")]
    fn compose(&self, host: &dyn Host) -> Result<ModelProto> {
        let parts = Parts {
            cheap: host.component("cheap")?,
            refinement: host.component("refinement")?,
            cost: host.number("cost"),
            temperature: host.number("temperature"),
        };
        parts.compose(host.number("threshold"), host.provenance(&["cheap", "refinement"])?)
    }
}
