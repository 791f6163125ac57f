//! Token perforation: what a sentence's tokens are worth is asked before every layer of a transformer, and those below a
//! threshold are left out of all that follows.
//!
//! Kim et al., "Learned Token Pruning for Transformers" (KDD 2022), learn a threshold a layer; here the importance is
//! learned as well, and the thresholds are read from a table by a target sparsity: the share of tokens left out, on average
//! over the layers. The knob is that target, rounded to a tenth by a ladder of gates, so that every setting is a path.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::functions::keep_tokens;
use perforate_onnx::{
    Component, GraphBuilder, KEPT, KnobRange, Metadata, Size, Spliced, chain, int_attribute, prune,
};

use perforate_routing::exits::{self, Confidence};

/// Name of the strategy.
pub const NAME: &str = "perforated";
/// The same with early exits, at one target.
pub const WITH_EXITS: &str = "perforated_exits";
/// Name of the knob.
pub const KNOB: &str = "sparsity";
/// The target's ends: nine tenths left out, and nothing.
pub const RANGE: KnobRange = KnobRange { default: 0.4, light: 0.9, full: 0.0 };
/// Name of the routed model's output, and of the last layer's.
pub const OUTPUT: &str = "logits";
/// The input of every layer that says what is no padding.
const MASK: &str = "mask";
/// The knob in tenths.
const TENTHS: &str = "target/tenths";
/// The largest target, in tenths.
const MOST: usize = 9;

/// A transformer in layers, and the importance of tokens before each.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Reads the data inputs, `mask` among them, and gives the first hidden states.
    pub trunk: Component,
    /// Each reads `mask` and the hidden states of the one before, `[N, n, D]`; the last one gives `logits`.
    pub layers: Vec<Component>,
    /// For each layer: reads the same hidden states and the target `sparsity`, gives `importance [N, n]` and `threshold`.
    pub importance: Vec<Component>,
}

/// What passes from layer to layer.
struct Tokens {
    hidden: String,
    mask: String,
}

impl Parts {
    /// Sorts them: a trunk, then layers, then as many components of importance.
    pub fn new(mut parts: Vec<Component>) -> Result<Parts> {
        let fault = |text: &str| Err(Error::new(ErrorKind::Config, text));
        if parts.len() < 3 || parts.len().is_multiple_of(2) {
            return fault("a trunk, layers and as many components of importance are wanted");
        }
        let importance = parts.split_off(parts.len() / 2 + 1);
        let layers = parts.split_off(1);
        let Some(trunk) = parts.pop() else { return fault("there is no trunk") };
        for part in &importance {
            part.output("importance")?;
            part.output("threshold")?;
        }
        Ok(Parts { trunk, layers, importance })
    }

    /// What layer `ix` reads beside the mask.
    fn hidden(&self, ix: usize) -> Result<String> {
        let layer = &self.layers[ix];
        let mut others = layer.inputs().map(|input| &input.name).filter(|name| *name != MASK);
        match (others.next(), others.next()) {
            (Some(name), None) => Ok(name.clone()),
            _ => Err(Error::new(ErrorKind::Model, "a layer reads a mask and hidden states")
                .at(layer.name())),
        }
    }

    /// Layer `ix` on what is left of the tokens at the target `sparsity`. Gives the layer's outputs, what is left, and how
    /// many tokens each row has left.
    fn layer(
        &self,
        graph: &mut GraphBuilder,
        ix: usize,
        tokens: &Tokens,
        sparsity: &str,
    ) -> Result<(Spliced, Tokens, String)> {
        let (own, hidden) = (format!("layer{}", ix + 1), self.hidden(ix)?);
        let mut wires = Spliced::from([
            (hidden.clone(), tokens.hidden.clone()),
            (KNOB.to_string(), sparsity.to_string()),
        ]);
        let scored = graph.splice_onto(&self.importance[ix], &format!("{own}_tokens"), &wires)?;
        let inputs = [&tokens.hidden, &tokens.mask, &scored["importance"], &scored["threshold"]];
        let function = keep_tokens(self.trunk.opset());
        let kept = graph.call(function, &format!("{own}/keep"), &inputs.map(String::as_str))?;
        let [left, mask, count] = <[String; 3]>::try_from(kept)
            .map_err(|_| Error::new(ErrorKind::Internal, "the function gives three tensors"))?;
        wires.insert(hidden, left.clone());
        wires.insert(MASK.into(), mask.clone());
        let outputs = graph.splice_onto(&self.layers[ix], &own, &wires)?;
        Ok((outputs, Tokens { hidden: left, mask }, count))
    }

    /// All layers at the target `sparsity`, a tensor; how many tokens each layer had.
    fn all(&self, graph: &mut GraphBuilder, wires: Spliced, sparsity: &str) -> Result<Vec<String>> {
        let mut wires = wires;
        wires.extend(graph.splice(&self.trunk, "trunk", &wires)?);
        let (mut mask, mut counts) = (wires[MASK].clone(), vec![]);
        for ix in 0..self.layers.len() {
            let hidden = wires.get(&self.hidden(ix)?).cloned();
            let hidden = hidden.ok_or_else(|| {
                let text = "it reads hidden states that no layer before it gives";
                Error::new(ErrorKind::Model, text).at(self.layers[ix].name())
            })?;
            let (outputs, left, count) =
                self.layer(graph, ix, &Tokens { hidden, mask }, sparsity)?;
            wires.extend(outputs);
            mask = left.mask;
            counts.push(count);
        }
        let last = &self.layers[self.layers.len() - 1];
        let answer = graph.node("Identity", OUTPUT, &[&wires[OUTPUT]])?;
        graph.output_like(&answer, last.output(OUTPUT)?);
        Ok(counts)
    }

    /// The network with nothing left out and no question asked: the model to be replaced.
    pub fn full(&self) -> Result<ModelProto> {
        let parts: Vec<Component> =
            std::iter::once(&self.trunk).chain(&self.layers).cloned().collect();
        Ok(chain(&parts, &[(OUTPUT, OUTPUT)])?.model().clone())
    }

    /// The network at one target, from 0 to 0.9.
    pub fn fixed(&self, target: f32) -> Result<ModelProto> {
        let (mut graph, wires) = GraphBuilder::around(NAME, &self.trunk)?;
        let sparsity = graph.constant("target", &[], &[target])?;
        self.all(&mut graph, wires, &sparsity)?;
        pruned(graph, &Metadata::default())
    }

    /// The layers as stages for early exits: each reads what the one before has left. They are made for one target, or read
    /// it by the name of [`KNOB`].
    pub fn stages(&self, target: Option<f32>) -> Result<Vec<Component>> {
        let mut stages = vec![self.trunk.clone()];
        for (ix, layer) in self.layers.iter().enumerate() {
            let mut graph = GraphBuilder::new("stage", self.trunk.opset());
            let mask_before = if ix == 0 { MASK.to_string() } else { format!("{MASK}{ix}") };
            let declared = layer.inputs().cloned();
            let mut read = Spliced::new();
            for mut input in declared {
                let name = input.name.clone();
                if name == MASK {
                    input.name = mask_before.clone();
                }
                read.insert(name, graph.declare_input(input)?);
            }
            let hidden = read[&self.hidden(ix)?].clone();
            let tokens = Tokens { hidden, mask: read[MASK].clone() };
            let sparsity = match target {
                Some(target) => graph.constant("target", &[], &[target])?,
                None => graph.input(KNOB, &[])?,
            };
            let (outputs, left, _) = self.layer(&mut graph, ix, &tokens, &sparsity)?;
            for output in layer.outputs() {
                let given = graph.node("Identity", &output.name, &[&outputs[&output.name]])?;
                graph.output_like(&given, output);
            }
            if ix + 1 < self.layers.len() {
                let mask = graph.node("Identity", &format!("{MASK}{}", ix + 1), &[&left.mask])?;
                let declared = layer.inputs().find(|input| input.name == MASK);
                declared.into_iter().for_each(|like| graph.output_like(&mask, like));
            }
            stages.push(Component::new(layer.name(), graph.into_model(&Metadata::default())?)?);
        }
        Ok(stages)
    }

    /// Composes the routed model with early exits: at thresholds that a confidence can reach, `target` of the tokens are
    /// left out; beyond, where no exit is taken, nothing is, and the model is the full one.
    pub fn compose_with_exits(
        &self,
        confidence: &Confidence,
        target: f32,
        threshold: f32,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let stages = exits::Stages::new(self.stages(None)?)?;
        let (mut graph, mut wires) = GraphBuilder::around(WITH_EXITS, &self.trunk)?;
        let knob = graph.knob(exits::KNOB, threshold)?;
        let surest = graph.constant("tokens/surest", &[], &[1.0])?;
        let reachable = graph.node("GreaterOrEqual", "tokens/reachable", &[&surest, &knob])?;
        let mut ends = vec![];
        for (name, value) in [("tokens/some", target), ("tokens/none", 0.0)] {
            let mut end = graph.branch(name);
            let own = end.constant(&format!("{name}/value"), &[], &[value])?;
            let kept = end.node("Identity", &format!("{name}/kept"), &[&own])?;
            end.output(&kept, &[])?;
            ends.push(end);
        }
        if let Some((none, some)) = ends.pop().zip(ends.pop()) {
            graph.gate("tokens", &reachable, some, none, &["tokens/target"])?;
        }
        wires.insert(KNOB.into(), "tokens/target".into());
        let exits: Vec<String> = (0..stages.heads()).map(exits::exit).collect();
        let named = (WITH_EXITS, &exits[..]);
        let mut model =
            exits::compose_in(graph, wires, &stages, confidence, named, threshold, provenance)?;
        let mut metadata = Metadata::read(&model)?;
        metadata.labels.insert("tokens".into(), ["fewer tokens".into(), "all tokens".into()]);
        metadata.write(&mut model)?;
        Ok(model)
    }

    /// Composes the routed model. `target` is the knob's default.
    pub fn compose(&self, target: f32, provenance: BTreeMap<String, String>) -> Result<ModelProto> {
        let (mut graph, wires) = GraphBuilder::around(NAME, &self.trunk)?;
        graph.knob(KNOB, target)?;
        let mask = wires.get(MASK).cloned().ok_or_else(|| {
            Error::new(ErrorKind::Model, "it does not read `mask`").at(self.trunk.name())
        })?;
        let mut labels = BTreeMap::new();
        let ten = graph.constant("target/ten", &[], &[10.0])?;
        graph.node("Mul", TENTHS, &[KNOB, &ten])?;
        let sparsity = stage_name(&mut graph, MOST, &mut labels)?;
        let counts = self.all(&mut graph, wires, &sparsity)?;
        let whole = graph.reduce("ReduceSum", "tokens", &mask, 1)?;
        let counts: Vec<&str> = counts.iter().map(String::as_str).collect();
        let side_by_side = vec![int_attribute("axis", 1)];
        let counts = graph.node_with("Concat", "counts", &counts, side_by_side)?;
        graph.node("Div", KEPT, &[&counts, &whole])?;
        graph.output(KEPT, &[Size::Rows, Size::Fixed(self.layers.len())])?;
        pruned(
            graph,
            &Metadata {
                strategy: Some(NAME.into()),
                labels,
                knobs: BTreeMap::from([(KNOB.into(), KnobRange { default: target, ..RANGE })]),
                provenance,
                ..Metadata::default()
            },
        )
    }
}

/// The knob rounded to a tenth of at most `tenths`: a gate for the largest, the others behind it.
fn stage_name(
    graph: &mut GraphBuilder,
    tenths: usize,
    labels: &mut BTreeMap<String, [String; 2]>,
) -> Result<String> {
    let name = format!("target{tenths}");
    let value = |graph: &mut GraphBuilder, tenths: usize| -> Result<String> {
        let own = graph.constant(&format!("{name}/value{tenths}"), &[], &[tenths as f32 / 10.0])?;
        let kept = graph.node("Identity", &format!("{name}/kept{tenths}"), &[&own])?;
        graph.output(&kept, &[])?;
        Ok(kept)
    };
    let border = graph.constant(&format!("{name}/from"), &[], &[tenths as f32 - 0.5])?;
    let reached = graph.node("GreaterOrEqual", &format!("{name}/reached"), &[TENTHS, &border])?;
    let mut this = graph.branch(&name);
    value(&mut this, tenths)?;
    let mut others = this.branch(&name);
    let below = match tenths {
        1 => {
            value(&mut others, 0)?;
            "full".to_string()
        }
        _ => {
            let lower = stage_name(&mut others, tenths - 1, labels)?;
            others.output(&lower, &[])?;
            String::new()
        }
    };
    labels.insert(name.clone(), [format!("{}0 % left out", tenths), below]);
    let given = format!("{name}/out");
    graph.gate(&name, &reached, this, others, &[&given])?;
    Ok(given)
}

/// The finished model without the exits that nobody reads.
fn pruned(graph: GraphBuilder, metadata: &Metadata) -> Result<ModelProto> {
    let mut model = graph.into_model(metadata)?;
    model.graph.iter_mut().for_each(prune);
    Ok(model)
}
