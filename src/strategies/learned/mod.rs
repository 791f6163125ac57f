//! Learned selection: a score fitted in closed form to contrast, edges and entropy of an image chooses the model.

mod compose;

use std::sync::Arc;

use nalgebra::DMatrix;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::record;
use perforate_bench::sweep::{Active, LightRole};
use perforate_onnx::Component;
use perforate_routing::fit::ridge::ridge_cv;

pub use compose::{KNOB, NAME, RANGE, TERMS, Weights, compose, terms as features};

#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::fitting::Fitting;
use crate::glyph;
use crate::recipe::{answers, image_size, provenance};
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, Strategy};

/// See the module.
#[derive(Debug)]
pub struct Learned;

impl Strategy for Learned {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "It reads the same three features as the fuzzy selection, with their squares and products. Ridge regression weights them to predict where a model will disagree with the largest one. If this does not route well either, the features do not say how hard an image is."
    }

    // A line fitted to points.
    fn glyph(&self) -> &'static str {
        glyph!(
            r#"<path d="M2 23h18M2 21l17-15"/><circle cx="5" cy="15" r="1.500"/><circle cx="9" cy="17" r="1.500"/><circle cx="13" cy="9" r="1.500"/><circle cx="17" cy="10" r="1.500"/><path d="M22 16l5-9h3M22 16l8 6"/><rect x="30" y="2" width="7" height="8"/><rect x="30" y="15" width="16" height="11"/>"#
        )
    }

    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let Ingredients { parts, scaling, .. } = input;
        let provenance = provenance(&["expert1", "expert2", "expert3"], &parts);
        let samples = scaling.map(Fitting::samples).ok_or_else(|| {
            Error::new(ErrorKind::Data, "there are no samples to learn scores from")
        })?;
        let [light, .., full] = &parts[..] else {
            return Err(Error::new(ErrorKind::Internal, "there are too few models"));
        };
        let (height, width) = image_size(samples)?;
        let terms = answers(&features(light.opset(), height, width)?, samples)?;
        let x = DMatrix::from_fn(terms.nrows(), terms.ncols(), |r, c| f64::from(terms[[r, c]]));
        let classes = |part: &Component| -> Result<Vec<usize>> {
            let logits = answers(part.model(), samples)?;
            Ok(logits.rows().into_iter().map(|row| record::argmax(&row.to_vec())).collect())
        };
        let last = classes(full)?;
        let weights = parts[..parts.len() - 1]
            .iter()
            .map(|part| {
                let own = classes(part)?;
                let y =
                    DMatrix::from_fn(last.len(), 1, |r, _| f64::from(u8::from(own[r] != last[r])));
                let (line, _) = ridge_cv(&x, &y, &[1e-6, 1e-5, 1e-4, 1e-3, 1e-2], 5)?;
                Ok(Weights {
                    terms: std::array::from_fn(|ix| line.weights[ix] as f32),
                    constant: line.bias[0] as f32,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Models {
            full: full.model().clone(),
            light: light.model().clone(),
            routed: compose(&parts, &weights, RANGE.default, provenance)?,
            knob: KNOB,
            range: RANGE,
            active: Active::Operations,
            light_role: LightRole::Choice,
            companion: Arc::new(()),
        })
    }

    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        let weights = "For each model but the last, nine weights and a constant";
        Some(Route {
            name: "selection-learned",
            about: "Models, cheapest first, chosen among by scores linear in contrast, edges and entropy of an image, their squares and their products",
            arguments: vec![
                Argument::new("models", Value::Files(2), "The models, cheapest first"),
                Argument::new("weights", Value::Numbers(10), weights),
                Argument::new("threshold", Value::Number(Some(0.05)), "Default of the knob"),
            ],
        })
    }

    #[cfg(feature = "commands")]
    fn compose(&self, host: &dyn Host) -> Result<perforate_onnx::pb::ModelProto> {
        let weights = host.numbers("weights");
        let scores = weights.chunks(TERMS + 1).map(Weights::from_slice);
        let scores = scores.collect::<Result<Vec<_>>>().map_err(|e| e.at("--weights"))?;
        let (models, provenance) = (host.components("models")?, host.numbered("expert", "models")?);
        compose(&models, &scores, host.number("threshold"), provenance)
    }
}
