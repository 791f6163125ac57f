//! The search for exits, in small steps, so that somebody can watch it and stop it.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use tract_onnx::pb::{GraphProto, ModelProto};

use crate::data::Samples;
use crate::engine::{Knobs, Session, to_array};
use crate::error::{Error, ErrorKind, Result};
use crate::fit::ridge::{Linear, Moments, cross_validated};
use crate::fit::temperature;
use crate::onnx::{Component, GraphBuilder, Metadata};
use crate::route::early_exit::{Confidence, OUTPUT, Stages};
use crate::route::score::Score;
use crate::units::Macs;

use super::choose::{Candidate, choose};
use super::features;
use super::probe::{Probe, Spot};

/// Parts of the data in cross-validation.
const FOLDS: usize = 3;
/// Penalties that are tried.
const LAMBDAS: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];
/// Most rows whose products are summed at once; each fold gets several such sums.
const CHUNK: usize = 64;
/// Share of the rows on which exits are chosen, and no head is fitted.
const FOR_CHOICE: f64 = 0.3;
/// Fewest rows that anything can be fitted to.
const FEWEST: usize = 40;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Most exits.
    pub exits: usize,
    /// Share of answers that may differ from the full model's.
    pub risk: f64,
}

impl Default for Options {
    fn default() -> Options {
        Options { exits: 3, risk: 0.01 }
    }
}

/// A candidate exit, as it turned out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// The tensor that its head reads, by the file's name.
    pub tensor: String,
    /// Numbers that the head reads.
    pub features: usize,
    /// Operations of the model up to it, as a share of the full model's.
    pub share: f64,
    /// Operations of its head, as a share of the full model's.
    pub head: f64,
    /// Share of rows, none of which it was fitted on, in which it answers as the full model does.
    pub agreement: f64,
    /// Whether it is one of those that save most together.
    pub kept: bool,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The model in stages with a head behind each but the last.
    pub stages: Stages,
    /// How sure a head must be, with the heads' temperatures.
    pub confidence: Confidence,
    /// All candidates, in order of depth.
    pub exits: Vec<Exit>,
    /// Mean operations that the choice expects, as a share of the full model's; 1 or more if nothing is saved.
    pub expected_cost: f64,
}

/// A candidate in the making.
#[derive(Debug)]
struct Fitting {
    folds: Vec<Moments>,
    /// Features of the rows at hand, and of the rows that the choice is made on.
    chunk: Vec<f64>,
    held_out: Vec<f64>,
    head: Option<Linear>,
}

/// A search.
#[derive(Debug)]
pub struct Search {
    probe: Probe,
    session: Session,
    samples: Samples,
    options: Options,
    row: usize,
    /// Rows that heads are fitted on; the others are for the choice.
    fitted: usize,
    fittings: Vec<Fitting>,
    /// Sums that were made so far: the folds take turns.
    sums: usize,
    /// The full model's centred logits of the rows at hand.
    chunk: Vec<f64>,
    /// Its answers to the rows of the choice.
    answers: Vec<usize>,
}

impl Search {
    /// A search for exits of `model` on `samples`, of which labels are not read.
    pub fn new(model: Component, samples: Samples, options: Options) -> Result<Search> {
        let name = model.name().to_string();
        if samples.len() < FEWEST {
            let text = format!(
                "there are {} rows to fit heads on, and {FEWEST} are needed at least: bring more inputs",
                samples.len()
            );
            return Err(Error::new(ErrorKind::Data, text).at(name));
        }
        let probe = Probe::new(model, samples.inputs())?;
        if probe.spots.is_empty() {
            let text = "there is no place for an early exit: nowhere does a single tensor of numbers pass on all that was computed";
            return Err(Error::new(ErrorKind::Model, text).at(name));
        }
        let fitting = |spot: &Spot| Fitting {
            folds: vec![Moments::new(spot.features, probe.classes); FOLDS],
            chunk: vec![],
            held_out: vec![],
            head: None,
        };
        let fitted = ((1.0 - FOR_CHOICE) * samples.len() as f64) as usize;
        Ok(Search {
            session: probe.session()?,
            fittings: probe.spots.iter().map(fitting).collect(),
            probe,
            samples,
            options,
            row: 0,
            fitted,
            sums: 0,
            chunk: vec![],
            answers: vec![],
        })
    }

    /// What is being done, and how much of it is done.
    pub fn progress(&self) -> (String, f64) {
        let rows = self.samples.len();
        let heads = self.fittings.iter().filter(|fitting| fitting.head.is_some()).count();
        // Solving for a head takes about as long as some hundred rows.
        let (done, all) = (self.row + 100 * heads, rows + 100 * self.fittings.len());
        let text = if self.row < rows {
            format!("Reading activations, row {} of {rows}", self.row)
        } else {
            format!("Fitting head {} of {}", heads + 1, self.fittings.len())
        };
        (text, done as f64 / all as f64)
    }

    /// Whether [`Search::found`] can be asked.
    pub fn is_done(&self) -> bool {
        self.fittings.iter().all(|fitting| fitting.head.is_some())
    }

    /// Does a little: one row, or one head.
    pub fn step(&mut self) -> Result<()> {
        if self.row < self.samples.len() {
            return self.read();
        }
        let Some(fitting) = self.fittings.iter_mut().find(|fitting| fitting.head.is_none()) else {
            return Ok(());
        };
        let (head, _) = cross_validated(&fitting.folds, &LAMBDAS)?;
        fitting.head = Some(head);
        fitting.folds.clear();
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
        let logits: Vec<f64> = to_array::<f32>(answer)?.iter().map(|&v| f64::from(v)).collect();
        if let Some(place) = logits.iter().position(|v| !v.is_finite()) {
            let text = format!("its answer to row {} is not finite (class {place})", self.row);
            return Err(Error::new(ErrorKind::Model, text).at(self.probe.model.component().name()));
        }
        let for_choice = self.row >= self.fitted;
        for (fitting, (_, features)) in self.fittings.iter_mut().zip(outputs) {
            let features = to_array::<f32>(features)?;
            let to = if for_choice { &mut fitting.held_out } else { &mut fitting.chunk };
            to.extend(features.iter().map(|&v| f64::from(v)));
        }
        if for_choice {
            self.answers.push(largest(&logits));
        } else {
            let mean = logits.iter().sum::<f64>() / logits.len() as f64;
            self.chunk.extend(logits.iter().map(|v| v - mean));
        }
        self.row += 1;
        let chunk = (self.fitted / (4 * FOLDS)).clamp(1, CHUNK);
        if self.chunk.len() >= chunk * self.probe.classes || self.row == self.fitted {
            self.sum_up();
        }
        Ok(())
    }

    /// Adds the rows at hand to the sums of the fold whose turn it is.
    fn sum_up(&mut self) {
        let rows = self.chunk.len() / self.probe.classes;
        if rows == 0 {
            return;
        }
        let y = DMatrix::from_row_slice(rows, self.probe.classes, &self.chunk);
        let fold = self.sums % FOLDS;
        self.sums += 1;
        for (fitting, spot) in self.fittings.iter_mut().zip(&self.probe.spots) {
            let x = DMatrix::from_row_slice(rows, spot.features, &fitting.chunk);
            fitting.folds[fold].merge(&Moments::of(&x, &y));
            fitting.chunk.clear();
        }
        self.chunk.clear();
    }

    /// Chooses among the candidates, and puts the model together anew.
    pub fn found(self) -> Result<Found> {
        let macs = self.probe.macs;
        let mut candidates = vec![];
        let (mut exits, mut temperatures) = (vec![], vec![]);
        for (fitting, spot) in self.fittings.iter().zip(&self.probe.spots) {
            let head = fitting.head.as_ref().ok_or_else(|| {
                Error::new(ErrorKind::Internal, "the search is not done").at(&spot.cut.tensor)
            })?;
            let x = DMatrix::from_row_slice(self.answers.len(), spot.features, &fitting.held_out);
            let logits: Vec<Vec<f32>> = head
                .apply(&x)
                .row_iter()
                .map(|row| row.iter().map(|&v| v as f32).collect())
                .collect();
            let temperature = temperature::fit(&logits, &self.answers);
            let confident = logits.iter().map(|row| confidence(row, temperature)).collect();
            let agrees: Vec<bool> = logits
                .iter()
                .zip(&self.answers)
                .map(|(row, &answer)| largest(row) == answer)
                .collect();
            let own = Macs((spot.features * self.probe.classes) as f64) / macs;
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
        let confidence = Confidence {
            score: Score::MaxProbability,
            temperatures: choice.exits.iter().map(kept).collect(),
        };
        let stages = self.stages(&choice.exits)?;
        Ok(Found { stages, confidence, exits, expected_cost: choice.cost })
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
                    let head = self.head(chosen[place], &format!("{OUTPUT}{}", place + 1))?;
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

    /// The head of a spot as a graph that reads its tensor and gives `output`.
    fn head(&self, ix: usize, output: &str) -> Result<GraphProto> {
        let spot = &self.probe.spots[ix];
        let linear = self.fittings[ix].head.as_ref();
        let linear = linear.ok_or_else(|| Error::new(ErrorKind::Internal, "a head is missing"))?;
        let mut graph = GraphBuilder::new("head", self.probe.model.component().opset());
        let declared = self.probe.declared(std::slice::from_ref(&spot.cut.tensor))?;
        let tensor = graph.declare_input(declared[0].clone())?;
        let features = features::wire(&mut graph, output, &tensor, spot.pooling)?;
        // Row by row, as ONNX has it; nalgebra keeps columns.
        let (rows, columns) = linear.weights.shape();
        let values: Vec<f32> = linear.weights.transpose().iter().map(|&v| v as f32).collect();
        let bias: Vec<f32> = linear.bias.iter().map(|&v| v as f32).collect();
        let weights = graph.constant(&format!("{output}/weights"), &[rows, columns], &values)?;
        let bias = graph.constant(&format!("{output}/bias"), &[columns], &bias)?;
        let answer = graph.node("Gemm", output, &[&features, &weights, &bias])?;
        graph.output(&answer, &self.probe.row_of(columns))?;
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
        graph.output(OUTPUT, &self.probe.row_of(self.probe.classes))?;
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
pub fn early_exits(model: Component, samples: Samples, options: Options) -> Result<Found> {
    let mut search = Search::new(model, samples, options)?;
    while !search.is_done() {
        search.step()?;
    }
    search.found()
}

/// The largest probability of softmax(z / T).
fn confidence(logits: &[f32], temperature: f64) -> f32 {
    temperature::softmax(logits, temperature).into_iter().fold(0.0, f64::max) as f32
}

/// Index of the largest value.
fn largest<T: PartialOrd + Copy>(values: &[T]) -> usize {
    let better = |best: usize, ix: usize| if values[ix] > values[best] { ix } else { best };
    (0..values.len()).fold(0, better)
}
