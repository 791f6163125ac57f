//! The model with the features of every candidate exit as outputs, and what each candidate costs.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::pb::{ModelProto, ValueInfoProto};
use tract_onnx::prelude::{Datum, DatumType};

use perforate_base::units::Macs;
use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, Knobs, PlanCache, Program, Session};
use perforate_onnx::{Component, Cut, GraphBuilder, Metadata, Separable, Size, value_info};

use super::features::{self, Pooling};

/// Most candidates that heads are fitted for.
const MOST: usize = 8;
/// Depths that are looked at first, as shares of the operations: an early exit saves more.
const DEPTHS: [f64; MOST] = [0.02, 0.06, 0.12, 0.2, 0.3, 0.45, 0.6, 0.78];
/// Two cuts with less than this between them, as a share of all operations, are one.
const APART: f64 = 0.005;
/// Exits after this share of the operations save nothing worth a head.
const LATEST: f64 = 0.9;

/// A place for an exit.
#[derive(Debug, Clone)]
pub struct Spot {
    /// Where the model is cut.
    pub cut: Cut,
    /// How the tensor there becomes features.
    pub pooling: Pooling,
    /// Number of them.
    pub features: usize,
    /// Operations up to it, as a share of the full model's.
    pub share: f64,
}

/// A tensor's type and shape for two rows, or for one where the file fixes that.
type Seen = HashMap<String, (DatumType, Vec<usize>)>;

/// The model, the places for exits in it, and what it gives there.
#[derive(Debug)]
pub struct Probe {
    /// The model.
    pub model: Separable,
    /// Places, in order.
    pub spots: Vec<Spot>,
    /// Operations of the full model, for one row.
    pub macs: Macs,
    /// Numbers in its answer: scores of classes, or what it predicts.
    pub width: usize,
    seen: Seen,
    one_row: bool,
}

impl Probe {
    /// Looks for places, running `samples`' first rows once.
    pub fn new(component: Component, samples: &Batch) -> Result<Probe> {
        let name = component.name().to_string();
        let fault = |text: String| Error::new(ErrorKind::Model, text).at(&name);
        let model = Separable::new(component)?;
        let program = compile(model.component().model(), &name)?;
        if !program.gates().is_empty() {
            return Err(fault("it is routed already, so no exits are looked for".into()));
        }
        let one_row = program.is_one_row();
        let rows = if one_row { 1 } else { samples.rows().min(2) };
        let some = samples.slice(0..rows)?;
        let cuts = model.cuts();
        let passing: Vec<String> =
            cuts.iter().flat_map(|cut| cut.passing.iter().cloned()).collect();
        let mut seen = run(&model.with_outputs(&passing), &name, &some)?;
        let shape = |name: &str| some.get(name).map(|tensor| tensor.shape().to_vec());
        let inputs = program.inputs().iter();
        seen.extend(inputs.filter_map(|i| Some((i.name.clone(), (i.datum_type, shape(&i.name)?)))));
        let answer = &model.component().outputs()[0].name;
        let width = match seen.get(answer) {
            Some((kind, shape))
                if *kind == f32::datum_type() && shape.len() == 2 && shape[1] > 0 =>
            {
                shape[1]
            }
            Some((kind, shape)) => {
                return Err(fault(format!(
                    "its output `{answer}` is {kind:?} of the shape {shape:?}: exits are found for models whose first output is F32, [rows, classes] or [rows, numbers]"
                )));
            }
            None => return Err(fault(format!("it gives no output `{answer}`"))),
        };
        let mut probe = Probe { model, spots: vec![], macs: Macs(0.0), width, seen, one_row };
        probe.find(&cuts)?;
        Ok(probe)
    }

    /// Keeps the cuts that a head can read, with their costs.
    fn find(&mut self, cuts: &[Cut]) -> Result<()> {
        let (mut spots, mut last, mut macs) = (vec![], None, Macs(0.0));
        for cut in cuts {
            let Some((kind, shape)) = self.seen.get(&cut.tensor) else { continue };
            let Some((pooling, features)) = features::pooling(shape) else { continue };
            if *kind != f32::datum_type() {
                continue;
            }
            // A piece that does not stand by itself becomes part of the next one.
            let Ok(own) = self.cost(last, Some(cut)) else { continue };
            macs += own;
            last = Some(cut);
            spots.push((cut, pooling, features, macs));
        }
        self.macs = macs + self.cost(last, None)?;
        let all = self.macs;
        let mut apart: Vec<Spot> = vec![];
        for (cut, pooling, features, macs) in spots {
            let share = macs / all;
            if share > LATEST {
                break;
            }
            let spot = Spot { cut: cut.clone(), pooling, features, share };
            match apart.last_mut().filter(|before| share - before.share < APART) {
                Some(before) => *before = spot,
                None => apart.push(spot),
            }
        }
        if apart.len() > MOST {
            let far = |ix: usize, depth: f64| (apart[ix].share / depth).ln().abs();
            let mut kept: Vec<usize> = DEPTHS
                .iter()
                .filter_map(|&depth| {
                    (0..apart.len()).min_by(|&a, &b| far(a, depth).total_cmp(&far(b, depth)))
                })
                .collect();
            kept.sort_unstable();
            kept.dedup();
            apart = kept.into_iter().map(|ix| apart[ix].clone()).collect();
        }
        self.spots = apart;
        Ok(())
    }

    /// Operations between two cuts, for one row.
    fn cost(&self, from: Option<&Cut>, to: Option<&Cut>) -> Result<Macs> {
        let (mut graph, outside) = self.model.between(from, to);
        // All with the sizes that were seen: a piece cannot know which of them go together.
        graph.input = self.as_seen(&outside)?;
        let ends = match to {
            Some(cut) => cut.passing.clone(),
            None => vec![self.model.component().outputs()[0].name.clone()],
        };
        let given = |name: &&String| graph.node.iter().any(|node| node.output.contains(name));
        let ends: Vec<String> = ends.iter().filter(given).cloned().collect();
        graph.output = self.as_seen(&ends)?;
        if graph.node.is_empty() || graph.output.is_empty() {
            return Ok(Macs(0.0));
        }
        let whole = self.model.component().model();
        let piece = ModelProto { graph: Some(graph), ..whole.clone() };
        let program = compile(&piece, "piece")?;
        let macs: Option<Macs> = program.segments().map(|segment| segment.macs).sum();
        macs.ok_or_else(|| Error::new(ErrorKind::Model, "its operations depend on sizes"))
    }

    /// Declarations of tensors: the model's own of its inputs, else by what was seen of them.
    pub fn declared(&self, names: &[String]) -> Result<Vec<ValueInfoProto>> {
        let own = |name: &String| self.model.component().inputs().find(|i| i.name == *name);
        let seen = |name: &String| Ok(self.as_seen(std::slice::from_ref(name))?.remove(0));
        names.iter().map(|name| own(name).cloned().map_or_else(|| seen(name), Ok)).collect()
    }

    /// Declarations of tensors with the sizes that were seen.
    fn as_seen(&self, names: &[String]) -> Result<Vec<ValueInfoProto>> {
        names
            .iter()
            .map(|name| {
                let (kind, shape) = self.seen.get(name).ok_or_else(|| {
                    Error::new(ErrorKind::Model, "its type is not known")
                        .at(format!("tensor `{name}`"))
                })?;
                let size = |(axis, &size): (usize, &usize)| match axis {
                    0 if !self.one_row => Size::Rows,
                    _ => Size::Fixed(size),
                };
                let sizes: Vec<Size> = shape.iter().enumerate().map(size).collect();
                value_info(name, *kind, Some(&sizes))
            })
            .collect()
    }

    /// The sizes of a row of `width` numbers.
    pub fn row_of(&self, width: usize) -> [Size; 2] {
        [if self.one_row { Size::Fixed(1) } else { Size::Rows }, Size::Fixed(width)]
    }

    /// A session of the model that gives its answer, and then each spot's features.
    pub fn session(&self) -> Result<Session> {
        let tensors: Vec<String> = self.spots.iter().map(|spot| spot.cut.tensor.clone()).collect();
        let whole = Component::new("model", self.model.with_outputs(&tensors))?;
        let (mut graph, wires) = GraphBuilder::around("probe", &whole)?;
        let given = graph.splice(&whole, "model", &wires)?;
        let answer = &self.model.component().outputs()[0].name;
        let kept = graph.node("Identity", "probe/answer", &[&given[answer]])?;
        graph.output(&kept, &self.row_of(self.width))?;
        for (ix, spot) in self.spots.iter().enumerate() {
            let prefix = format!("probe/spot{}", ix + 1);
            let features =
                features::wire(&mut graph, &prefix, &given[&spot.cut.tensor], spot.pooling)?;
            let kept = graph.node("Identity", &format!("{prefix}/given"), &[&features])?;
            graph.output(&kept, &self.row_of(spot.features))?;
        }
        let model = graph.into_model(&Metadata::default())?;
        Ok(Session::new(Arc::new(compile(&model, self.model.component().name())?)))
    }
}

fn compile(model: &ModelProto, name: &str) -> Result<Program> {
    Program::from_proto(&PlanCache::default(), name, model, 0)
}

/// Types and shapes of all outputs of a run.
fn run(model: &ModelProto, name: &str, batch: &Batch) -> Result<Seen> {
    let program = Arc::new(compile(model, name)?);
    let outcome = Session::new(program).run(batch, &Knobs::new())?;
    let seen = outcome
        .outputs()
        .map(|(name, tensor)| (name.to_string(), (tensor.datum_type(), tensor.shape().to_vec())));
    Ok(seen.collect())
}
