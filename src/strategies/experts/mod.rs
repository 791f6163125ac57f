//! Several models, cheapest first, and a gate that weighs what each would gain against its cost.

mod compose;

use std::sync::Arc;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::sweep::{Active, LightRole};

pub use compose::{KNOB, NAME, Parts, RANGE, compose};

#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::glyph;
use crate::recipe::provenance;
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, Strategy};

/// See the module.
#[derive(Debug)]
pub struct Experts;

impl Strategy for Experts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "The light expert runs on every input, and a gate reads what it computed. The gate estimates for each larger expert how much likelier it is to be right, and divides that by what it costs more. Where the ratio exceeds the price, which is the knob, the input goes on to the next expert."
    }

    // A gate that weighs several models against each other.
    fn glyph(&self) -> &'static str {
        glyph!(
            r#"<path d="M1 14h6M14 14l12-9h3M14 14h15M14 14l12 10h3"/><path class="gate" d="M11 9l5 5-5 5-5-5z"/><rect x="29" y="2" width="6" height="6"/><rect x="29" y="10" width="10" height="7"/><rect x="29" y="19" width="17" height="8"/>"#
        )
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let mut parts = input.parts;
        let provenance = provenance(&["expert1", "expert2", "expert3", "gate"], &parts);
        let gate =
            parts.pop().ok_or_else(|| Error::new(ErrorKind::Internal, "there are no parts"))?;
        let parts = Parts { experts: parts, gate };
        let [light, .., full] = &parts.experts[..] else {
            return Err(Error::new(ErrorKind::Internal, "there are too few experts"));
        };
        Ok(Models {
            full: full.model().clone(),
            light: light.model().clone(),
            routed: compose(&parts, RANGE.default, provenance)?,
            knob: KNOB,
            range: RANGE,
            active: Active::Operations,
            light_role: LightRole::GateReads,
            companion: Arc::new(()),
        })
    }

    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        let price = "Default of the knob: right answers that a unit of cost must bring";
        Some(Route {
            name: "experts",
            about: "Several models, cheapest first, and a gate that weighs what each gains against its cost",
            arguments: vec![
                Argument::new("experts", Value::Files(2), "The models, cheapest first"),
                Argument::new(
                    "gate",
                    Value::File,
                    "Reads what the first expert computes; gives leave1, leave2 …",
                ),
                Argument::new("price", Value::Number(Some(0.05)), price),
            ],
        })
    }

    #[cfg(feature = "commands")]
    fn compose(&self, host: &dyn Host) -> Result<perforate_onnx::pb::ModelProto> {
        let mut provenance = host.numbered("expert", "experts")?;
        provenance.extend(host.provenance(&["gate"])?);
        let parts = Parts { experts: host.components("experts")?, gate: host.component("gate")? };
        compose(&parts, host.number("price"), provenance)
    }
}
