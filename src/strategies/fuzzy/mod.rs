//! Fuzzy selection: rules on contrast, edges and entropy of an image choose which of three models answers.

mod compose;

use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::sweep::{Active, LightRole};
use perforate_data::Samples;
use perforate_engine::{Knobs, PlanCache, Program, Session};

pub use compose::{Corners, KNOB, NAME, RANGE, STEP, compose, reasoning, tell};

#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::companion::Companion;
use crate::glyph;
use crate::image_features;
use crate::recipe::{answers, image_size, provenance};
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, Strategy};

/// See the module.
#[derive(Debug)]
pub struct Fuzzy;

impl Strategy for Fuzzy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "Contrast, edges and entropy of an image are LOW, MEDIUM or HIGH to a degree. Seven rules combine them, and the centroid of the result is the image’s complexity. The more complex the image, the larger the model that answers. No model has to run for that, and nothing is learned."
    }

    // Low, medium, high: overlapping memberships.
    fn glyph(&self) -> &'static str {
        glyph!(
            r#"<path d="M2 22h19M3 10l6 12M4 22l7.500-12 7.500 12M14 22l6-12"/><path d="M22 16l5-9h3M22 16l8 6"/><rect x="30" y="2" width="7" height="8"/><rect x="30" y="15" width="16" height="11"/>"#
        )
    }

    /// The membership functions have their corners at quantiles of the features.
    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let Ingredients { parts, scaling, .. } = input;
        let provenance = provenance(&["expert1", "expert2", "expert3"], &parts);
        let samples = scaling.ok_or_else(|| {
            let text = "the fuzzy rules need labelled samples, on which to place their corners";
            Error::new(ErrorKind::Data, text)
        })?;
        let opset = parts[0].opset();
        let corners = corners(samples.samples(), opset)?;
        let reasoning = reasoning(opset, image_size(samples.samples())?, &corners)?;
        let [light, _, full] = &parts[..] else {
            return Err(Error::new(ErrorKind::Internal, "the rules choose among three models"));
        };
        Ok(Models {
            full: full.model().clone(),
            light: light.model().clone(),
            routed: compose(&parts, &corners, RANGE.default, provenance)?,
            knob: KNOB,
            range: RANGE,
            active: Active::Operations,
            light_role: LightRole::Choice,
            companion: Arc::new(Reasoning::new(&reasoning)?),
        })
    }

    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        let corners =
            "Corners of LOW, MEDIUM and HIGH: three values each for contrast, edges and entropy";
        Some(Route {
            name: "selection-fuzzy",
            about: "Three models, cheapest first, chosen among by fuzzy rules on contrast, edges and entropy of an image",
            arguments: vec![
                Argument::new("models", Value::Files(3), "The models, cheapest first"),
                Argument::new("corners", Value::ExactNumbers(9), corners),
                Argument::new("threshold", Value::Number(Some(0.5)), "Default of the knob"),
            ],
        })
    }

    #[cfg(feature = "commands")]
    fn compose(&self, host: &dyn Host) -> Result<ModelProto> {
        let corners = host.numbers("corners");
        let of = |ix: usize| Corners {
            low: corners[3 * ix],
            middle: corners[3 * ix + 1],
            high: corners[3 * ix + 2],
        };
        let (models, provenance) = (host.components("models")?, host.numbered("expert", "models")?);
        compose(&models, &[of(0), of(1), of(2)], host.number("threshold"), provenance)
    }
}

/// Shows what the rules see of an image.
#[derive(Debug)]
struct Reasoning(Arc<Program>);

impl Reasoning {
    fn new(model: &ModelProto) -> Result<Reasoning> {
        Ok(Reasoning(Arc::new(Program::from_proto(&PlanCache::default(), "rules", model, 0)?)))
    }
}

impl Companion for Reasoning {
    fn notes(&self, samples: &Samples, row: usize) -> Vec<String> {
        let one = samples.row(row);
        let seen =
            one.and_then(|one| Session::new(self.0.clone()).run(&one, &Knobs::new())?.first());
        seen.map_or(vec![], |seen| tell(&seen.into_iter().collect::<Vec<f32>>()))
    }
}

/// The tenth, the middle and the ninetieth percentile of each feature.
fn corners(samples: &Samples, opset: i64) -> Result<[Corners; 3]> {
    let (height, width) = image_size(samples)?;
    let features = answers(&image_features::model(opset, height, width)?, samples)?;
    let corner = |column: usize| {
        let mut values: Vec<f32> = features.column(column).to_vec();
        values.sort_by(f32::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        Corners { low: at(0.1), middle: at(0.5), high: at(0.9) }
    };
    Ok([corner(0), corner(1), corner(2)])
}
