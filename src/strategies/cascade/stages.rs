//! What both cascades share: the models worth asking, how sure they must be, the picture.

use std::collections::BTreeMap;

use perforate_base::Result;
use perforate_onnx::Component;
use perforate_routing::exits::{self, Confidence};
use perforate_routing::model_chain::ModelChain;

use crate::fitting::Fitting;
use crate::glyph;
use crate::recipe::{numbered, provenance};
use crate::strategy::ConfidenceSpec;

/// Picture of the strategy: models of rising size, one after the other.
pub const GLYPH: &str = glyph!(
    r#"<path d="M1 14h46"/><rect x="4" y="11" width="6" height="6"/><rect x="15" y="8" width="9" height="12"/><rect x="29" y="2" width="15" height="24"/>"#
);

/// Models as stages, and what asks their answers.
pub struct Stages {
    /// The models, and those exits that agree with the last one more often than all models before.
    pub chain: ModelChain,
    /// The score, with temperatures by the last model's answers.
    pub confidence: Confidence,
    /// Where the models come from.
    pub provenance: BTreeMap<String, String>,
}

impl Stages {
    /// Chooses among the exits of `parts`, by samples where there are some.
    ///
    /// # Errors
    /// `Model` where the parts do not fit.
    pub fn choose(
        parts: &[Component],
        scaling: Option<&Fitting<'_>>,
        spec: ConfidenceSpec,
    ) -> Result<Stages> {
        let provenance = provenance(&numbered("file", parts.len()), parts);
        let outputs = parts.iter().flat_map(Component::outputs).map(|output| output.name.clone());
        let heads: Vec<String> = outputs.filter(|name| exits::is_head(name)).collect();
        let all = ModelChain::new(parts, &heads)?;
        let stages = all.stages()?;
        let fit = |own: &Fitting<'_>| own.fit(&stages.all_heads()?, &stages.full()?);
        let fits = scaling.map(fit).transpose()?;
        let (mut kept, mut temperatures, mut best) = (vec![], vec![], 0.0);
        for ix in 0..all.count() - 1 {
            let exit = exits::is_head(all.answer(ix));
            if let Some(fit) = fits.as_ref().map(|fits| fits[ix]) {
                if exit && fit.agreement <= best {
                    continue;
                }
                // Among themselves exits are as good as equal on so few samples, and cost no more than a head each.
                if !exit {
                    best = best.max(fit.agreement);
                }
                temperatures.push(fit.temperature as f32);
            }
            kept.extend(exit.then(|| all.answer(ix).to_string()));
        }
        let chain = ModelChain::new(parts, &kept)?;
        let score = spec.kind.of(spec.classes, chain.count() - 1);
        Ok(Stages { chain, confidence: Confidence { score, temperatures }, provenance })
    }
}
