//! Models of a pool and their judges as one routed model.

use std::collections::BTreeMap;

use tract_onnx::pb::{ModelProto, ValueInfoProto};

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, GraphBuilder, KnobRange, Metadata};

use super::judge;
use crate::exits::{self, Confidence, OUTPUT, Stages};
use crate::names::short_names;
use crate::score::Score;

/// Name of the knob.
pub const KNOB: &str = exits::KNOB;
/// The threshold's ends: at 0 the first model answers every row, at 2 the last one does.
pub const RANGE: KnobRange = KnobRange { default: 0.99, ..exits::RANGE };

/// Models in the order in which they run, the last being the full model, and the judges behind the others.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Each reads the data inputs and gives `logits`.
    pub models: Vec<Component>,
    /// See [`judge::component`].
    pub judges: Component,
}

impl Pool {
    /// The models as stages, each with its judge.
    ///
    /// # Errors
    /// `Config` with fewer than two models; `Model` where a file does not fit.
    pub fn stages(&self) -> Result<Stages> {
        if self.models.len() < 2 {
            let text = "a pool needs two models or more, each with an output `logits`";
            return Err(Error::new(ErrorKind::Config, text));
        }
        let stages = (0..self.models.len()).map(|ix| self.stage(ix));
        Stages::new(stages.collect::<Result<Vec<_>>>()?)
    }

    /// Model `ix` with its judge: reads the data inputs and the logits of the models before, gives its own, `z{k}`, and as a
    /// stage `logits{k}` and `sure{k}`; the last one `logits` alone.
    fn stage(&self, ix: usize) -> Result<Component> {
        let model = &self.models[ix];
        let declared = model.output(OUTPUT)?;
        let like = |name: &str| ValueInfoProto { name: name.into(), ..declared.clone() };
        let (mut graph, wires) = GraphBuilder::around("stage", model)?;
        let given = graph.splice(model, "model", &wires)?;
        let own = given[&declared.name].clone();
        let mut outputs = vec![];
        if ix + 1 == self.models.len() {
            outputs.push((own, like(OUTPUT)));
        } else {
            let (answer, sure) = (judge::answer(ix), judge::sure(ix));
            let wanted =
                if ix == 0 { vec![sure.clone()] } else { vec![answer.clone(), sure.clone()] };
            let judges = judge::part(&self.judges, &wanted)?;
            let name = judge::logits(ix);
            let mut known = wires;
            for input in judges.inputs().filter(|input| input.name != name) {
                known.insert(input.name.clone(), graph.declare_input(like(&input.name))?);
            }
            known.insert(name.clone(), own.clone());
            known.extend(graph.splice_onto(&judges, "judge", &known)?);
            outputs.push((known[&answer].clone(), like(&exits::head(ix))));
            let told = self.judges.output(&sure)?.clone();
            outputs.push((known[&sure].clone(), ValueInfoProto { name: exits::sure(ix), ..told }));
            // What later judges read.
            outputs.push((own, like(&name)));
        }
        for (tensor, info) in outputs {
            let kept = graph.node("Identity", &info.name, &[&tensor])?;
            graph.output_like(&kept, &info);
        }
        Component::new(model.name(), graph.into_model(&Metadata::default())?)
    }

    /// Model `ix` alone.
    pub fn alone(&self, ix: usize) -> &Component {
        &self.models[ix]
    }

    /// The routed model of a strategy. `threshold` is the knob's default; `provenance` says by role where the models come from.
    ///
    /// # Errors
    /// As for [`Pool::stages`].
    pub fn compose(
        &self,
        strategy: &str,
        threshold: f32,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let stages = self.stages()?;
        let mut names = short_names(self.models.iter().map(Component::name));
        names.truncate(stages.heads());
        let confidence = Confidence { score: Score::Gate, temperatures: vec![] };
        let named = (strategy, &names[..]);
        exits::compose(&stages, &confidence, named, threshold, provenance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_onnx::{OPSET, Size};

    #[test]
    fn a_pool_of_one_model_is_refused() {
        let mut graph = GraphBuilder::new("judges", OPSET);
        let sizes = [Size::Rows, Size::Fixed(2)];
        graph.input("z1", &sizes).unwrap();
        graph.node("Identity", "sure1", &["z1"]).unwrap();
        graph.output("sure1", &sizes).unwrap();
        let model = graph.into_model(&Metadata::default()).unwrap();
        let judges = Component::new("judges", model).unwrap();
        for models in [vec![], vec![judges.clone()]] {
            let pool = Pool { models, judges: judges.clone() };
            let text = pool.compose("pool", 0.5, BTreeMap::new()).unwrap_err().to_string();
            assert!(text.contains("two models"), "{text}");
        }
    }
}
