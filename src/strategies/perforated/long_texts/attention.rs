//! Perforated attention in a transformer that was not made for it: its attention is found by its operators and replaced.
//!
//! `MatMul(Softmax(MatMul(q, kᵀ) + …), v)` becomes [`PerforatedAttention`](perforate_onnx::functions::PERFORATED_ATTENTION)
//! over the blocks whose importance reaches a threshold. What was added to the scores is dropped: the function excludes
//! padding by the mask itself.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::functions::{declare, perforated_attention};
use perforate_onnx::{
    Component, GraphBuilder, KnobRange, Metadata, Spliced, ints_attribute, prune,
};

/// Name of the strategy.
pub const NAME: &str = "perforated_attention";
/// Name of the knob: the share of blocks that is to be left out.
pub const KNOB: &str = "sparsity";
/// The target's ends.
pub const RANGE: KnobRange = KnobRange { default: 0.5, light: 0.9, full: 0.0 };
/// Name of the output that is compared: the last hidden states as the answer sees them, `[N, D]`.
pub const POOLED: &str = "pooled";
/// Names of what is read beside the hidden states.
const MASK: &str = "mask";
const IMPORTANCE: &str = "importance";
const THRESHOLD: &str = "threshold";

/// A layer whose attention reads `importance [N, H, b, b]` and `threshold` as well.
pub fn perforate(layer: &Component) -> Result<Component> {
    let fault = |text: &str| Error::new(ErrorKind::Model, text).at(layer.name());
    let mut model = layer.model().clone();
    let opset = layer.opset();
    let graph = model.graph.as_mut().ok_or_else(|| fault("there is no graph"))?;
    let found = find(graph).ok_or_else(|| {
        fault("it has no attention: a softmax between two products, scores with keys turned before it")
    })?;
    // Keys as they are, not turned for the product.
    if let Some(perm) = graph.node[found.turn].attribute.iter_mut().find(|a| a.name == "perm") {
        *perm = ints_attribute("perm", &[0, 2, 1, 3]);
    }
    let [q, k, v] = [&found.queries, &found.keys, &found.values].map(String::as_str);
    let node = &mut graph.node[found.read];
    let function = perforated_attention(opset);
    *node = NodeProto {
        op_type: function.name().into(),
        domain: function.domain().into(),
        input: [q, k, v, IMPORTANCE, THRESHOLD, MASK].map(String::from).into(),
        attribute: vec![],
        ..node.clone()
    };
    for (name, rank) in [(IMPORTANCE, 4), (THRESHOLD, 4)] {
        graph.input.push(perforate_onnx::any_sizes(name, rank)?);
    }
    prune(graph);
    declare(&mut model, function);
    Component::new(layer.name(), model)
}

/// The attention of a layer, by the places of its nodes.
struct Attention {
    queries: String,
    keys: String,
    values: String,
    /// The node that turns the keys, and the one that reads the values.
    turn: usize,
    read: usize,
}

fn find(graph: &GraphProto) -> Option<Attention> {
    let makers: HashMap<&str, usize> = graph
        .node
        .iter()
        .enumerate()
        .flat_map(|(ix, node)| node.output.iter().map(move |name| (name.as_str(), ix)))
        .collect();
    let maker = |name: &str, op: &str| -> Option<usize> {
        makers.get(name).copied().filter(|&ix| graph.node[ix].op_type == op)
    };
    graph.node.iter().enumerate().find_map(|(read, node)| {
        let [weights, values] = &node.input[..] else { return None };
        if node.op_type != "MatMul" {
            return None;
        }
        let softmax = maker(weights, "Softmax")?;
        let scores = &graph.node[softmax].input[0];
        let product = match maker(scores, "Add") {
            Some(add) => graph.node[add].input.iter().find_map(|name| maker(name, "MatMul"))?,
            None => maker(scores, "MatMul")?,
        };
        let [queries, keys] = &graph.node[product].input[..] else { return None };
        let turn = maker(keys, "Transpose")?;
        let perm = graph.node[turn].attribute.iter().find(|a| a.name == "perm")?;
        (perm.ints == [0, 2, 3, 1]).then(|| Attention {
            queries: queries.clone(),
            keys: keys.clone(),
            values: values.clone(),
            turn,
            read,
        })
    })
}

/// A transformer that is run on long texts.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// Reads the data inputs and gives the first hidden states.
    pub trunk: Component,
    /// Each reads `mask` and the hidden states before it; the last one gives logits, made by a product from what is
    /// pooled.
    pub layers: Vec<Component>,
}

impl Encoder {
    /// The network as it is: the logits, and `pooled`.
    pub fn dense(&self) -> Result<ModelProto> {
        self.compose(None, None, BTreeMap::new())
    }

    /// The network with perforated attention. `importance`, one for each layer, reads the same hidden states and the
    /// knob and gives `importance [N, H, b, b]` and `threshold`.
    pub fn perforated(
        &self,
        importance: &[Component],
        target: f32,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        if importance.len() != self.layers.len() {
            let text =
                format!("{} layers, but {} of importance", self.layers.len(), importance.len());
            return Err(Error::new(ErrorKind::Config, text));
        }
        self.compose(Some(importance), Some(target), provenance)
    }

    /// The dense network that tells what its blocks are worth: outputs `importance1`, `threshold1` and so on at the knob's
    /// target.
    pub fn probe(&self, importance: &[Component]) -> Result<ModelProto> {
        let (mut graph, mut wires) = GraphBuilder::around(NAME, &self.trunk)?;
        wires.insert(KNOB.into(), graph.knob(KNOB, RANGE.default)?);
        wires.extend(graph.splice_onto(&self.trunk, "trunk", &wires)?);
        for (ix, (layer, blocks)) in self.layers.iter().zip(importance).enumerate() {
            let own = format!("layer{}", ix + 1);
            let given = graph.splice_onto(blocks, &format!("{own}_blocks"), &wires)?;
            for name in [IMPORTANCE, THRESHOLD] {
                let told = graph.node("Identity", &format!("{name}{}", ix + 1), &[&given[name]])?;
                graph.output_like(&told, blocks.output(name)?);
            }
            wires.extend(graph.splice_onto(layer, &own, &wires)?);
        }
        let mut model = graph.into_model(&Metadata::default())?;
        model.graph.iter_mut().for_each(prune);
        Ok(model)
    }

    fn compose(
        &self,
        importance: Option<&[Component]>,
        target: Option<f32>,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let (mut graph, mut wires) = GraphBuilder::around(NAME, &self.trunk)?;
        let mut metadata = Metadata::default();
        if let Some(target) = target {
            wires.insert(KNOB.into(), graph.knob(KNOB, target)?);
            metadata.strategy = Some(NAME.into());
            metadata.knobs.insert(KNOB.into(), KnobRange { default: target, ..RANGE });
            metadata.provenance = provenance;
        }
        wires.extend(graph.splice_onto(&self.trunk, "trunk", &wires)?);
        let Some(last) = self.layers.last() else {
            return Err(Error::new(ErrorKind::Config, "a transformer has layers"));
        };
        for (ix, layer) in self.layers.iter().enumerate() {
            let own = format!("layer{}", ix + 1);
            let layer = match importance {
                Some(importance) => {
                    let given =
                        graph.splice_onto(&importance[ix], &format!("{own}_blocks"), &wires)?;
                    wires.extend(given);
                    perforate(layer)?
                }
                None => layer.clone(),
            };
            let layer = if ix + 1 == self.layers.len() { with_pooled(&layer)? } else { layer };
            let given: Spliced = graph.splice_onto(&layer, &own, &wires)?;
            wires.extend(given);
        }
        let pooled = graph.node("Identity", POOLED, &[&wires[POOLED]])?;
        graph.output_like(&pooled, with_pooled(last)?.output(POOLED)?);
        let mut model = graph.into_model(&metadata)?;
        model.graph.iter_mut().for_each(prune);
        Ok(model)
    }
}

/// A layer that gives what its logits are made of as well.
fn with_pooled(layer: &Component) -> Result<Component> {
    let fault = || {
        let text = "its logits are not made by one product";
        Error::new(ErrorKind::Model, text).at(layer.name())
    };
    let mut model = layer.model().clone();
    let graph = model.graph.as_mut().ok_or_else(fault)?;
    let product = graph.node.iter().find(|node| node.output.iter().any(|name| name == "logits"));
    let read = product.filter(|node| ["Gemm", "MatMul"].contains(&node.op_type.as_str()));
    let pooled = read.ok_or_else(fault)?.input[0].clone();
    graph.node.push(NodeProto {
        op_type: "Identity".into(),
        name: POOLED.into(),
        input: vec![pooled],
        output: vec![POOLED.into()],
        ..NodeProto::default()
    });
    graph.output.push(perforate_onnx::any_sizes(POOLED, 2)?);
    Component::new(layer.name(), model)
}
