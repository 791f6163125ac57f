//! Judges: what answers behind each stage of a pool but the last, and how sure it is. Those of one router are one ONNX file that
//! reads the models' logits, `z1` … `zk`, and gives `answer2` … `answerk` and `sure1` … `surek`.

use tract_onnx::pb::ValueInfoProto;

use perforate_base::Result;
use perforate_onnx::{Component, GraphBuilder, Metadata, Size, prune};

use super::blend::Blend;
use super::failure::Failure;

/// What judges one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// The average that answers.
    pub blend: Blend,
    /// What predicts that it is lost.
    pub failure: Failure,
    /// What going on costs, in any unit that all stages share.
    pub price: f64,
}

/// Name of the logits of model `ix`, counted from 0.
pub fn logits(ix: usize) -> String {
    format!("z{}", ix + 1)
}

/// Name of the answer behind stage `ix`; the first one's is its model's.
pub fn answer(ix: usize) -> String {
    if ix == 0 { logits(0) } else { format!("answer{}", ix + 1) }
}

/// Name of the tensor that says how sure that is.
pub fn sure(ix: usize) -> String {
    format!("sure{}", ix + 1)
}

/// Judges as one file, for answers of so many classes.
///
/// # Errors
/// `Model` where a graph cannot be built.
pub fn component(judges: &[Judge], classes: usize, opset: i64) -> Result<Component> {
    let mut graph = GraphBuilder::new("judges", opset);
    let shape = [Size::Rows, Size::Fixed(classes)];
    let read = (0..judges.len()).map(|ix| graph.input(&logits(ix), &shape));
    let read = read.collect::<Result<Vec<String>>>()?;
    let mut before: Option<String> = None;
    let mut outputs = vec![];
    for (ix, judge) in judges.iter().enumerate() {
        let average = match ix {
            0 => read[0].clone(),
            _ => average(&mut graph, &answer(ix), &judge.blend, &read)?,
        };
        if ix > 0 {
            outputs.push((answer(ix), classes));
        }
        let average = (average.as_str(), judge.blend.temperature);
        let before_it = before.as_deref();
        let (_, p) = judge.failure.wire(&mut graph, &sure(ix), average, before_it, judge.price)?;
        outputs.push((sure(ix), 1));
        before = Some(p);
    }
    for (name, width) in outputs {
        graph.output(&name, &[Size::Rows, Size::Fixed(width)])?;
    }
    Component::new("judges", graph.into_model(&Metadata::default())?)
}

/// Σ bᵢ zᵢ as the tensor `name`.
fn average(graph: &mut GraphBuilder, name: &str, blend: &Blend, read: &[String]) -> Result<String> {
    let mut terms = vec![];
    for (ix, (weight, tensor)) in blend.weights.iter().zip(read).enumerate() {
        if *weight != 0.0 {
            let factor =
                graph.constant(&format!("{name}/weight{}", ix + 1), &[1], &[*weight as f32])?;
            terms.push(graph.node("Mul", &format!("{name}/term{}", ix + 1), &[tensor, &factor])?);
        }
    }
    let mut terms = terms.into_iter();
    let mut sum = terms.next().unwrap_or_else(|| read[blend.weights.len() - 1].clone());
    for (ix, term) in terms.enumerate() {
        sum = graph.node("Add", &format!("{name}/sum{}", ix + 1), &[&sum, &term])?;
    }
    graph.node("Identity", name, &[&sum])
}

/// The subgraph of the judges that computes these outputs.
///
/// # Errors
/// `Model` where the file lacks one.
pub fn part(judges: &Component, outputs: &[String]) -> Result<Component> {
    let declared = outputs.iter().map(|name| judges.output(name).cloned());
    let declared = declared.collect::<Result<Vec<ValueInfoProto>>>()?;
    let mut model = judges.model().clone();
    if let Some(graph) = &mut model.graph {
        graph.output = declared;
        prune(graph);
        let read: Vec<String> = graph.node.iter().flat_map(|node| node.input.clone()).collect();
        graph.input.retain(|input| read.contains(&input.name));
    }
    Component::new(judges.name(), model)
}
