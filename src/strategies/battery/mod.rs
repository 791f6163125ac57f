//! Energy-aware selection: before each input, the best of several models that what is left of a battery can pay for.

mod compose;
mod plots;
mod report;
mod section;
mod simulation;

use std::sync::Arc;

use perforate_base::units::Joules;
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::energy::EnergyModel;
use perforate_bench::sweep::{Active, LightRole};
use perforate_bench::verdict::VerdictClass;
use perforate_engine::{Path, PlanCache, Program};
use perforate_report::Section;

pub use compose::{KNOB, NAME, RANGE, compose};
pub use report::{BatteryReport, BudgetReport, CandidateReport, DrainReport};
pub use simulation::{Candidate, Drain, Policy, drain};

#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::companion::{Companion, Headline, Measured};
use crate::glyph;
use crate::recipe::{numbered, provenance};
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, Strategy};

/// See the module.
#[derive(Debug)]
pub struct Battery;

impl Strategy for Battery {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "Each model costs the energy of its operations, by precision; eight-bit ones take a fifteenth of the others. The gates compare that with a budget, which is set before each input. The greedy policy spends all that leaves enough for the cheapest model to answer the rest. The paced policy gives each input an equal part of what is left."
    }

    // A battery that chooses.
    fn glyph(&self) -> &'static str {
        glyph!(
            r#"<path d="M18 14l8-9h3M18 14h11M18 14l8 10h3"/><rect x="2" y="8" width="13" height="12"/><path d="M15 12h2v4h-2"/><path class="fill" d="M4 10h5v8h-5z"/><rect x="29" y="2" width="6" height="6"/><rect x="29" y="10" width="10" height="7"/><rect x="29" y="19" width="17" height="8"/>"#
        )
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let parts = input.parts;
        let provenance = provenance(&numbered("model", parts.len()), &parts);
        let joules = parts
            .iter()
            .map(|part| {
                let program = Program::from_proto(&PlanCache::default(), "model", part.model(), 0)?;
                let work = program.work(Path::default()).ok_or_else(|| {
                    let text =
                        "its operations depend on the sizes of the input, so it has no one cost";
                    Error::new(ErrorKind::Model, text).at(part.name())
                })?;
                Ok(EnergyModel::default().by_operations(work))
            })
            .collect::<Result<Vec<Joules>>>()?;
        let ([light, .., full], [_, dearer @ .., last]) = (&parts[..], &joules[..]) else {
            return Err(Error::new(ErrorKind::Internal, "there are too few models"));
        };
        let costs: Vec<f32> =
            dearer.iter().chain([last]).map(|&cost| (cost / *last) as f32).collect();
        Ok(Models {
            full: full.model().clone(),
            light: light.model().clone(),
            routed: compose(&parts, &costs, RANGE.default, provenance)?,
            knob: KNOB,
            range: RANGE,
            active: Active::Operations,
            light_role: LightRole::Choice,
            companion: Arc::new(Simulation),
        })
    }

    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        let costs =
            "What each model but the first costs, as a share of the last one's cost, rising to 1";
        Some(Route {
            name: "selection-energy",
            about: "Models of rising cost and accuracy: the best one that the budget covers answers",
            arguments: vec![
                Argument::new("models", Value::Files(2), "The models, cheapest first"),
                Argument::new("costs", Value::Numbers(1), costs),
                Argument::new("budget", Value::Number(Some(0.5)), "Default of the knob"),
            ],
        })
    }

    #[cfg(feature = "commands")]
    fn compose(&self, host: &dyn Host) -> Result<perforate_onnx::pb::ModelProto> {
        let (models, costs) = (host.components("models")?, host.numbers("costs"));
        compose(&models, &costs, host.number("budget"), host.numbered("model", "models")?)
    }
}

/// Runs the battery down once every model has answered.
#[derive(Debug)]
struct Simulation;

impl Companion for Simulation {
    fn sections(&self, measured: &Measured<'_>) -> Vec<Section> {
        let battery = report::report(measured);
        battery.iter().map(|battery| section::section(battery, measured.results)).collect()
    }

    fn headline(&self, measured: &Measured<'_>) -> Option<Headline> {
        Some(match report::report(measured) {
            Some(battery) => Headline {
                summary: battery.finding.clone(),
                comparison: battery.beside(),
                verdict: battery.verdict(),
            },
            None => Headline {
                summary: "The battery simulation starts when every model has been evaluated."
                    .into(),
                comparison: None,
                verdict: VerdictClass::Measuring,
            },
        })
    }
}
