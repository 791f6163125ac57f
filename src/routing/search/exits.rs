//! The search for exits, in small steps, so that somebody can watch it and stop it.

use nalgebra::DMatrix;
use ndarray::{Array2, Axis, concatenate, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tract_onnx::pb::{GraphProto, ModelProto};

use crate::exits::{self, Confidence, OUTPUT, Stages};
use crate::fit::classes::{argmax, most_probable};
use crate::fit::dendritic::Gate;
use crate::fit::layer::Layer;
use crate::fit::ridge::{Linear, Moments, cross_validated};
use crate::fit::temperature;
use crate::score::Score;
use perforate_base::units::Macs;
use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_engine::{Knobs, Session, to_array};
use perforate_onnx::{Component, GraphBuilder, Metadata, int_attribute};

use super::choose::{Candidate, choose};
use super::features;
use super::found::{Exit, Found, Parts};
use super::options::{FEWEST, Options, too_few};
use super::probe::{Probe, Spot};

/// Parts of the data in cross-validation.
const FOLDS: usize = 3;
/// Penalties that are tried.
const LAMBDAS: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];
/// Most rows whose products are summed at once; each fold gets several such sums.
const CHUNK: usize = 64;
/// Share of the rows on which exits are chosen, and no head is fitted.
const FOR_CHOICE: f64 = 0.3;
/// Share of the rows on which gates are fitted, where exits have some: no head may have seen them, else its gate
/// would trust it too much.
const FOR_GATES: f64 = 0.2;
/// Dendrites of a gate.
const DENDRITES: usize = 64;
/// Penalties that are tried for a gate, which has few rows for its many features.
const GATE_LAMBDAS: [f64; 4] = [1e-2, 1e-1, 1.0, 10.0];
/// A gate reads the head's answer too, if it is not wider than this.
const WIDEST_READ: usize = 64;
/// How far from the full model's a number may lie to count as its answer, in standard deviations of these.
const TOLERANCE: f64 = 0.1;
/// Seed of the dendrites.
const SEED: u64 = 0xde4d;

/// A candidate in the making.
#[derive(Debug)]
struct Fitting {
    folds: Vec<Moments>,
    /// Features of the rows at hand, and of the rows that no head is fitted on.
    chunk: Vec<f64>,
    held_out: Vec<f64>,
    head: Option<Linear>,
    gate: Option<Gate>,
}

/// A search.
#[derive(Debug)]
pub struct Search {
    probe: Probe,
    session: Session,
    samples: Samples,
    options: Options,
    row: usize,
    /// Rows that heads are fitted on.
    fitted: usize,
    /// Rows after them that gates are fitted on; the others are for the choice.
    for_gates: usize,
    fittings: Vec<Fitting>,
    /// Sums that were made so far: the folds take turns.
    sums: usize,
    /// What heads are fitted to: the full model's outputs for the rows at hand, scores of classes centred.
    chunk: Vec<f64>,
    /// Its outputs for the rows that no head is fitted on.
    references: Vec<Vec<f32>>,
    /// The name of its output.
    output: String,
}

impl Search {
    /// A search for exits of `model` on `samples`, of which labels are not read.
    pub fn new(model: Component, samples: Samples, options: Options) -> Result<Search> {
        let name = model.name().to_string();
        // Stages give tensors of these names; the model's own answer may be called so already.
        let output = model.outputs()[0].name.clone();
        let given = |name: &str| exits::is_head(name) || exits::is_sure(name);
        let model = model.renamed(|name| given(name) || (name == OUTPUT && name != output));
        if samples.len() < FEWEST {
            return Err(too_few(samples.len()).at(name));
        }
        let probe = Probe::new(model, samples.inputs())?;
        if probe.spots.is_empty() {
            let text = "there is no place for an early exit: nowhere does a single tensor of numbers pass on all that was computed";
            return Err(Error::new(ErrorKind::Model, text).at(name));
        }
        let fitting = |spot: &Spot| Fitting {
            folds: vec![Moments::new(spot.features, probe.width); FOLDS],
            chunk: vec![],
            held_out: vec![],
            head: None,
            gate: None,
        };
        // One number is no choice among classes; and how sure a number is, only a gate can say.
        let numbers = options.numbers || probe.width == 1;
        let options = Options { numbers, gates: options.gates || numbers, ..options };
        let share = |of: f64| (of * samples.len() as f64) as usize;
        let for_gates = if options.gates { share(FOR_GATES) } else { 0 };
        let fitted = share(1.0 - FOR_CHOICE) - for_gates;
        Ok(Search {
            session: probe.session()?,
            fittings: probe.spots.iter().map(fitting).collect(),
            probe,
            samples,
            options,
            row: 0,
            fitted,
            for_gates,
            sums: 0,
            chunk: vec![],
            references: vec![],
            output,
        })
    }

    /// Numbers in an answer.
    pub fn width(&self) -> usize {
        self.probe.width
    }

    /// What is being done, and how much of it is done.
    pub fn progress(&self) -> (String, f64) {
        let (rows, spots) = (self.samples.len(), self.fittings.len());
        let heads = self.fittings.iter().filter(|fitting| fitting.head.is_some()).count();
        let gates = self.fittings.iter().filter(|fitting| fitting.gate.is_some()).count();
        let kinds = if self.options.gates { 2 } else { 1 };
        // Solving for a head or a gate takes about as long as some hundred rows.
        let (done, all) = (self.row + 100 * (heads + gates), rows + 100 * spots * kinds);
        let text = if self.row < rows {
            format!("Reading activations, row {} of {rows}", self.row)
        } else if heads < spots {
            format!("Fitting head {} of {spots}", heads + 1)
        } else {
            format!("Fitting gate {} of {spots}", (gates + 1).min(spots))
        };
        (text, done as f64 / all as f64)
    }

    /// Whether [`Search::found`] can be asked.
    pub fn is_done(&self) -> bool {
        let gated = |fitting: &Fitting| !self.options.gates || fitting.gate.is_some();
        self.fittings.iter().all(|fitting| fitting.head.is_some() && gated(fitting))
    }

    /// Does a little: one row, one head, or one gate.
    pub fn step(&mut self) -> Result<()> {
        if self.row < self.samples.len() {
            return self.read();
        }
        if let Some(fitting) = self.fittings.iter_mut().find(|fitting| fitting.head.is_none()) {
            let (head, _) = cross_validated(&fitting.folds, &LAMBDAS)?;
            fitting.head = Some(head);
            fitting.folds.clear();
            return Ok(());
        }
        if let Some(ix) = self.fittings.iter().position(|fitting| fitting.gate.is_none())
            && self.options.gates
        {
            self.fittings[ix].gate = Some(self.gate(ix)?);
        }
        Ok(())
    }

    /// Runs the next row, and keeps what heads need of it.
    fn read(&mut self) -> Result<()> {
        let batch = self.samples.row(self.row)?;
        let outcome = self.session.run(&batch, &Knobs::new())?;
        let mut outputs = outcome.outputs();
        let (_, answer) = outputs.next().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the model gives nothing").at("probe")
        })?;
        let answer: Vec<f32> = to_array::<f32>(answer)?.into_iter().collect();
        if let Some(place) = answer.iter().position(|v| !v.is_finite()) {
            let text = format!("its answer to row {} is not finite (number {place})", self.row);
            return Err(Error::new(ErrorKind::Model, text).at(self.probe.model.component().name()));
        }
        let held_out = self.row >= self.fitted;
        for (fitting, (_, features)) in self.fittings.iter_mut().zip(outputs) {
            let features = to_array::<f32>(features)?;
            let to = if held_out { &mut fitting.held_out } else { &mut fitting.chunk };
            to.extend(features.iter().map(|&v| f64::from(v)));
        }
        if held_out {
            self.references.push(answer);
        } else {
            // A constant added to all classes changes nothing.
            let sum = answer.iter().map(|&v| f64::from(v)).sum::<f64>();
            let mean = if self.options.numbers { 0.0 } else { sum / answer.len() as f64 };
            self.chunk.extend(answer.iter().map(|&v| f64::from(v) - mean));
        }
        self.row += 1;
        let chunk = (self.fitted / (4 * FOLDS)).clamp(1, CHUNK);
        if self.chunk.len() >= chunk * self.probe.width || self.row == self.fitted {
            self.sum_up();
        }
        Ok(())
    }

    /// Adds the rows at hand to the sums of the fold whose turn it is.
    fn sum_up(&mut self) {
        let rows = self.chunk.len() / self.probe.width;
        if rows == 0 {
            return;
        }
        let y = DMatrix::from_row_slice(rows, self.probe.width, &self.chunk);
        let fold = self.sums % FOLDS;
        self.sums += 1;
        for (fitting, spot) in self.fittings.iter_mut().zip(&self.probe.spots) {
            let x = DMatrix::from_row_slice(rows, spot.features, &fitting.chunk);
            fitting.folds[fold].merge(&Moments::of(&x, &y));
            fitting.chunk.clear();
        }
        self.chunk.clear();
    }

    /// What head `ix` gives for the rows that no head is fitted on, and the features that it reads.
    fn held_out(&self, ix: usize) -> Result<(Array2<f32>, Array2<f32>)> {
        let fitting = &self.fittings[ix];
        let head = fitting.head.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "a head is not fitted yet").at("the search")
        })?;
        let values: Vec<f32> = fitting.held_out.iter().map(|&v| v as f32).collect();
        let shape = (self.references.len(), self.probe.spots[ix].features);
        let features = Array2::from_shape_vec(shape, values)
            .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()).with_source(e))?;
        Ok((Layer::from_linear(head).apply(&features), features))
    }

    /// What a gate reads of these rows.
    fn read_by_gate(&self, outputs: Array2<f32>, features: Array2<f32>) -> Array2<f32> {
        if self.probe.width > WIDEST_READ {
            return features;
        }
        concatenate![Axis(1), features, outputs]
    }

    /// The gate of an exit: how sure its head is.
    fn gate(&self, ix: usize) -> Result<Gate> {
        let (outputs, features) = self.held_out(ix)?;
        let deviation: Vec<f32> = outputs
            .rows()
            .into_iter()
            .zip(&self.references)
            .take(self.for_gates)
            .map(|(own, full)| self.deviation(&own.to_vec(), full))
            .collect();
        let rows = self.read_by_gate(outputs, features);
        let rows = rows.slice(s![..self.for_gates, ..]).to_owned();
        let mut rng = ChaCha8Rng::seed_from_u64(SEED + ix as u64);
        Ok(Gate::fit(&mut rng, &rows, &deviation, DENDRITES, &GATE_LAMBDAS)?.turned())
    }

    /// How far a head's answer is from the full model's: by numbers, or by the probability that the full model's
    /// class lacks.
    fn deviation(&self, own: &[f32], full: &[f32]) -> f32 {
        if self.options.numbers {
            return farthest(own, full);
        }
        1.0 - temperature::softmax(own, 1.0)[argmax(full)] as f32
    }

    /// How far from the full model's numbers an answer that agrees may lie; none for classes.
    fn tolerance(&self) -> Option<f32> {
        if !self.options.numbers {
            return None;
        }
        let (n, width) = (self.references.len() as f64, self.probe.width);
        let variance = |place: usize| {
            let values = || self.references.iter().map(|row| f64::from(row[place]));
            let mean = values().sum::<f64>() / n;
            values().map(|v| (v - mean).powi(2)).sum::<f64>() / n
        };
        let mean = (0..width).map(variance).sum::<f64>() / width as f64;
        Some((TOLERANCE * mean.sqrt()) as f32)
    }

    /// Chooses among the candidates, and puts the model together anew.
    pub fn found(self) -> Result<Found> {
        let (macs, tolerance) = (self.probe.macs, self.tolerance());
        let references = &self.references[self.for_gates..];
        let answers: Vec<usize> = references.iter().map(|full| argmax(full)).collect();
        let mut candidates = vec![];
        let (mut exits, mut temperatures) = (vec![], vec![]);
        for (ix, (fitting, spot)) in self.fittings.iter().zip(&self.probe.spots).enumerate() {
            let (outputs, features) = self.held_out(ix)?;
            let rows: Vec<Vec<f32>> =
                outputs.rows().into_iter().skip(self.for_gates).map(|row| row.to_vec()).collect();
            let temperature =
                if self.options.numbers { 1.0 } else { temperature::fit(&rows, &answers) };
            let confident = match &fitting.gate {
                Some(gate) => {
                    let read = self.read_by_gate(outputs, features);
                    gate.score(&read.slice(s![self.for_gates.., ..]).to_owned())
                }
                None => rows.iter().map(|row| most_probable(row, temperature)).collect(),
            };
            let agrees: Vec<bool> = rows
                .iter()
                .zip(references)
                .map(|(own, full)| match tolerance {
                    Some(most) => farthest(own, full) <= most,
                    None => argmax(own) == argmax(full),
                })
                .collect();
            let gate = fitting.gate.as_ref().map_or(0, Gate::macs);
            let own = Macs((spot.features * self.probe.width + gate) as f64) / macs;
            exits.push(Exit {
                tensor: spot.cut.tensor.clone(),
                features: spot.features,
                share: spot.share,
                head: own,
                agreement: agrees.iter().filter(|&&a| a).count() as f64 / agrees.len() as f64,
                kept: false,
            });
            temperatures.push(temperature as f32);
            candidates.push(Candidate { cost: (spot.share, own), confidence: confident, agrees });
        }
        let choice =
            choose(&candidates, self.options.exits, self.options.risk).ok_or_else(|| {
                Error::new(ErrorKind::Internal, "there are no candidates").at("exits")
            })?;
        choice.exits.iter().for_each(|&ix| exits[ix].kept = true);
        let kept = |ix: &usize| temperatures[*ix];
        let score = if self.options.gates { Score::Gate } else { Score::MaxProbability };
        let confidence =
            Confidence { score, temperatures: choice.exits.iter().map(kept).collect() };
        Ok(Found {
            parts: Parts::Exits(self.stages(&choice.exits)?),
            confidence,
            exits,
            statics: vec![],
            expected_cost: choice.cost,
            tolerance,
            output: self.output.clone(),
        })
    }

    /// The model cut behind the chosen exits, with their heads.
    fn stages(&self, chosen: &[usize]) -> Result<Stages> {
        let spots = &self.probe.spots;
        let mut stages = vec![];
        for place in 0..=chosen.len() {
            let from = place.checked_sub(1).map(|before| &spots[chosen[before]].cut);
            let to = chosen.get(place).map(|&ix| &spots[ix]);
            let (mut graph, mut reads) = self.probe.model.between(from, to.map(|spot| &spot.cut));
            if place == 0 {
                // Whatever a later stage reads of the inputs, the first one declares.
                reads.extend(self.probe.model.component().inputs().map(|i| i.name.clone()));
                reads.sort();
                reads.dedup();
            }
            graph.input = self.probe.declared(&reads)?;
            let name = format!("stage{}", place + 1);
            match to {
                Some(spot) => {
                    let given = |name: &&String| graph.node.iter().any(|n| n.output.contains(name));
                    let passing: Vec<String> =
                        spot.cut.passing.iter().filter(given).cloned().collect();
                    graph.output = self.probe.declared(&passing)?;
                    let head = self.head(chosen[place], place)?;
                    append(&mut graph, head);
                }
                None => append(&mut graph, self.answer()?),
            }
            let whole = self.probe.model.component();
            let model =
                ModelProto { graph: Some(graph), metadata_props: vec![], ..whole.model().clone() };
            stages.push(Component::new(format!("{}, {name}", whole.name()), model)?);
        }
        Stages::new(stages)
    }

    /// The head of a spot as a graph that reads its tensor and gives what stage `place` answers, and how sure that is.
    fn head(&self, ix: usize, place: usize) -> Result<GraphProto> {
        let (spot, fitting) = (&self.probe.spots[ix], &self.fittings[ix]);
        let linear = fitting.head.as_ref();
        let linear = linear.ok_or_else(|| Error::new(ErrorKind::Internal, "a head is missing"))?;
        let mut graph = GraphBuilder::new("head", self.probe.model.component().opset());
        let declared = self.probe.declared(std::slice::from_ref(&spot.cut.tensor))?;
        let tensor = graph.declare_input(declared[0].clone())?;
        let output = format!("{OUTPUT}{}", place + 1);
        let features = features::wire(&mut graph, &output, &tensor, spot.pooling)?;
        let answer = Layer::from_linear(linear).wire(&mut graph, &output, &features)?;
        graph.output(&answer, &self.probe.row_of(self.probe.width))?;
        if let Some(gate) = &fitting.gate {
            let sure = exits::sure(place);
            let read = if self.probe.width > WIDEST_READ {
                features
            } else {
                let axis = vec![int_attribute("axis", 1)];
                let name = format!("{sure}/read");
                graph.node_with("Concat", &name, &[&features, &answer], axis)?
            };
            gate.wire(&mut graph, &sure, &read, &sure)?;
            graph.output(&sure, &self.probe.row_of(1))?;
        }
        Ok(graph.into_model(&Metadata::default())?.graph.unwrap_or_default())
    }

    /// The full model's answer under the name that a last stage gives it.
    fn answer(&self) -> Result<GraphProto> {
        let own = &self.probe.model.component().outputs()[0].name;
        let mut graph = GraphBuilder::new("answer", self.probe.model.component().opset());
        if own != OUTPUT {
            let declared = self.probe.declared(std::slice::from_ref(own))?;
            let tensor = graph.declare_input(declared[0].clone())?;
            graph.node("Identity", OUTPUT, &[&tensor])?;
        }
        graph.output(OUTPUT, &self.probe.row_of(self.probe.width))?;
        Ok(graph.into_model(&Metadata::default())?.graph.unwrap_or_default())
    }
}

/// The nodes, constants and outputs of `more` after those of `graph`, which has what it reads.
fn append(graph: &mut GraphProto, more: GraphProto) {
    graph.node.extend(more.node);
    graph.initializer.extend(more.initializer);
    graph.output.extend(more.output);
}

/// The whole search at once.
pub fn exits(model: Component, samples: Samples, options: Options) -> Result<Found> {
    let mut search = Search::new(model, samples, options)?;
    while !search.is_done() {
        search.step()?;
    }
    search.found()
}

/// The largest difference of two rows of numbers.
fn farthest(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
