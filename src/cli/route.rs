//! `route`: composes a routed model from the files of its parts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use perforate::data::own;
use perforate::engine::Program;
use perforate::onnx::{Component, encode};
use perforate::report::exits;
use perforate::routing::early_exit::Confidence;
use perforate::routing::score::Kind;
use perforate::routing::search::{Options, cascade as find_cascade, early_exits};
use perforate::routing::{cascade, dendritic, early_exit, energy, experts, fuzzy, learned, refine};
use perforate::{Error, ErrorKind, Result};
use perforate_lab::experiment::Answers;
use perforate_lab::scenario::SEED;

use tract_onnx::pb::ModelProto;

use super::io::{PictureArguments, named, read, read_inputs, say, write};

#[derive(Subcommand)]
/// A composer and its parts.
pub enum Strategy {
    /// Gate → full model or light arm.
    Dendritic {
        #[arg(long)]
        full: PathBuf,
        #[arg(long)]
        light: PathBuf,
        #[arg(long)]
        gate: PathBuf,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.5)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Several models, cheapest first, and a gate that weighs what each gains against its cost.
    Experts {
        #[arg(long, num_args = 2.., required = true)]
        experts: Vec<PathBuf>,
        /// Reads what the first expert computes; gives leave1, leave2 …
        #[arg(long)]
        gate: PathBuf,
        /// Default of the knob: right answers that a unit of cost must bring.
        #[arg(long, default_value_t = 0.05)]
        price: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Models of rising cost and accuracy: the best one that the budget covers answers.
    SelectionEnergy {
        #[arg(long, num_args = 2.., required = true)]
        models: Vec<PathBuf>,
        /// What each model but the first costs, as a share of the last one's cost, rising to 1.
        #[arg(long, num_args = 1.., required = true)]
        costs: Vec<f32>,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.5)]
        budget: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Three models, cheapest first, chosen among by fuzzy rules on contrast, edges and entropy of an image.
    SelectionFuzzy {
        #[arg(long, num_args = 3, required = true)]
        models: Vec<PathBuf>,
        /// Corners of LOW, MEDIUM and HIGH: three values each for contrast, edges and entropy.
        #[arg(long, num_args = 9, required = true)]
        corners: Vec<f32>,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.5)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Models, cheapest first, chosen among by scores linear in contrast, edges and entropy of an image, their
    /// squares and their products.
    SelectionLearned {
        #[arg(long, num_args = 2.., required = true)]
        models: Vec<PathBuf>,
        /// For each model but the last, nine weights and a constant.
        #[arg(long, num_args = 10.., required = true, allow_negative_numbers = true)]
        weights: Vec<f32>,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.05)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// A cheap pass, and where it is unsure and the budget allows, one more that reuses what it computed.
    Refine {
        #[arg(long)]
        cheap: PathBuf,
        #[arg(long)]
        refinement: PathBuf,
        /// What the refinement costs, as a share of both passes.
        #[arg(long)]
        cost: f32,
        /// Temperature of the cheap pass's answer.
        #[arg(long, default_value_t = 1.0)]
        temperature: f32,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.9)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// Whole models, cheapest first: the first that is sure answers.
    Cascade {
        /// Their files, in order; a model may be several, and ends with the one that gives logits.
        #[arg(long, num_args = 2.., required = true)]
        models: Vec<PathBuf>,
        /// Other outputs that are answers too, where a stage ends: exits of the last model, as logits3.
        #[arg(long, num_args = 1..)]
        exits: Vec<String>,
        /// Inputs on which it is found out which of the models are worth asking, and how sure they must be; then each
        /// file is a whole model, with any name of its output.
        #[arg(long, alias = "data", conflicts_with_all = ["exits", "temperature", "score"])]
        inputs: Option<PathBuf>,
        #[command(flatten)]
        search: SearchArguments,
        #[command(flatten)]
        confidence: ConfidenceArguments,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.9)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
    /// One network in stages: the first head that is sure ends it.
    EarlyExit {
        /// The stages, in order: the first maps x to h1 and logits1, the last maps to logits.
        #[arg(long, num_args = 2.., required_unless_present = "model", conflicts_with = "model")]
        stages: Vec<PathBuf>,
        /// A classifier without exits, instead: they are found, and fitted to its own answers.
        #[arg(long)]
        model: Option<PathBuf>,
        /// Inputs for that: an .npz, .npy or .csv file, or a folder of pictures; labels are not read. Some are drawn if
        /// there are none.
        #[arg(long, alias = "data", requires = "model")]
        inputs: Option<PathBuf>,
        #[command(flatten)]
        search: SearchArguments,
        #[command(flatten)]
        confidence: ConfidenceArguments,
        /// Default of the knob.
        #[arg(long, default_value_t = 0.9)]
        threshold: f32,
        #[arg(long)]
        out: PathBuf,
    },
}

/// What a search is told.
#[derive(clap::Args)]
pub struct SearchArguments {
    /// Share of the answers that may change, which exits are chosen for.
    #[arg(long, default_value_t = 0.01)]
    epsilon: f64,
    /// What the model answers with.
    #[arg(long, value_parser = named::<Answers>(), default_value = "classes")]
    answers: Answers,
    #[command(flatten)]
    pictures: PictureArguments,
}

/// How sure what may answer before the last stage is: an early head, or a model of a cascade.
#[derive(clap::Args)]
pub struct ConfidenceArguments {
    /// How sure a stage is.
    #[arg(long, value_parser = named::<Kind>(), default_value = "max-probability")]
    score: Kind,
    /// Temperatures of the stages but the last, in order; 1 where none is given.
    #[arg(long, num_args = 1..)]
    temperature: Vec<f32>,
    /// Number of classes, which the entropy needs.
    #[arg(long, default_value_t = 10)]
    classes: usize,
}

impl ConfidenceArguments {
    /// For so many stages before the last.
    fn of(self, stages: usize) -> Confidence {
        Confidence { score: self.score.of(self.classes, stages), temperatures: self.temperature }
    }
}

/// Composes the model, loads it as a check, and writes it.
pub fn route(strategy: Strategy) -> Result<()> {
    let component = |path: &PathBuf| Component::decode(path.display().to_string(), &read(path)?);
    let file_name = |path: &PathBuf| -> String {
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    // `role1`, `role2` … → file.
    let numbered = |role: &str, files: &[PathBuf]| -> BTreeMap<String, String> {
        let one = |(ix, path)| (format!("{role}{}", ix + 1), file_name(path));
        files.iter().enumerate().map(one).collect()
    };
    let (model, out) = match strategy {
        Strategy::Dendritic { full, light, gate, threshold, out } => {
            let roles = [("full", &full), ("light", &light), ("gate", &gate)];
            let provenance =
                roles.iter().map(|(role, path)| (role.to_string(), file_name(path))).collect();
            let parts = dendritic::Parts {
                full: component(&full)?,
                light: component(&light)?,
                gate: component(&gate)?,
            };
            (dendritic::compose(&parts, threshold, provenance)?, out)
        }
        Strategy::Experts { experts: files, gate, price, out } => {
            let mut provenance = numbered("expert", &files);
            provenance.insert("gate".into(), file_name(&gate));
            let parts = experts::Parts {
                experts: files.iter().map(component).collect::<Result<_>>()?,
                gate: component(&gate)?,
            };
            (experts::compose(&parts, price, provenance)?, out)
        }
        Strategy::SelectionEnergy { models: files, costs, budget, out } => {
            let models = files.iter().map(component).collect::<Result<Vec<_>>>()?;
            (energy::compose(&models, &costs, budget, numbered("model", &files))?, out)
        }
        Strategy::SelectionFuzzy { models: files, corners, threshold, out } => {
            let provenance = numbered("expert", &files);
            let models = files.iter().map(component).collect::<Result<Vec<_>>>()?;
            let of = |ix: usize| fuzzy::Corners {
                low: corners[3 * ix],
                middle: corners[3 * ix + 1],
                high: corners[3 * ix + 2],
            };
            (fuzzy::compose(&models, &[of(0), of(1), of(2)], threshold, provenance)?, out)
        }
        Strategy::SelectionLearned { models: files, weights, threshold, out } => {
            let models = files.iter().map(component).collect::<Result<Vec<_>>>()?;
            let scores = weights.chunks(learned::TERMS + 1).map(learned::Weights::from_slice);
            let scores = scores.collect::<Result<Vec<_>>>().map_err(|e| e.at("--weights"))?;
            (learned::compose(&models, &scores, threshold, numbered("expert", &files))?, out)
        }
        Strategy::Refine { cheap, refinement, cost, temperature, threshold, out } => {
            let roles = [("cheap", &cheap), ("refinement", &refinement)];
            let provenance =
                roles.iter().map(|(role, path)| (role.to_string(), file_name(path))).collect();
            let parts = refine::Parts {
                cheap: component(&cheap)?,
                refinement: component(&refinement)?,
                cost,
                temperature,
            };
            (parts.compose(threshold, provenance)?, out)
        }
        Strategy::Cascade { models, inputs: Some(inputs), search, threshold, out, .. } => {
            (automatic(&models, Some(&inputs), &search, Kind::default(), threshold)?, out)
        }
        Strategy::Cascade { models: files, exits, confidence, threshold, out, .. } => {
            let parts = files.iter().map(component).collect::<Result<Vec<_>>>()?;
            let models = cascade::Models::new(&parts, &exits)?;
            let confidence = confidence.of(models.count() - 1);
            let provenance = numbered("file", &files);
            (models.compose(&confidence, threshold, provenance)?, out)
        }
        Strategy::EarlyExit {
            model: Some(model),
            inputs,
            search,
            confidence,
            threshold,
            out,
            ..
        } => (automatic(&[model], inputs.as_deref(), &search, confidence.score, threshold)?, out),
        Strategy::EarlyExit { stages: files, confidence, threshold, out, .. } => {
            let stages =
                early_exit::Stages::new(files.iter().map(component).collect::<Result<_>>()?)?;
            let confidence = confidence.of(stages.heads());
            let provenance = numbered("stage", &files);
            (early_exit::compose(&stages, &confidence, threshold, provenance)?, out)
        }
    };
    let bytes = encode(&model);
    Program::load(&out.display().to_string(), &bytes)?;
    write(&out, bytes)
}

/// Finds exits for a model that has none, or makes several a cascade.
fn automatic(
    models: &[PathBuf],
    inputs: Option<&Path>,
    search: &SearchArguments,
    score: Kind,
    threshold: f32,
) -> Result<ModelProto> {
    if ![Kind::MaxProbability, Kind::Gate].contains(&score) {
        let text = "exits that are found ask for max-probability, or a gate";
        return Err(Error::new(ErrorKind::Config, text).at("--score"));
    }
    let names: Vec<String> = models.iter().map(|path| path.display().to_string()).collect();
    let files = models.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    let mut components = names
        .iter()
        .zip(&files)
        .map(|(name, bytes)| Component::decode(name, bytes))
        .collect::<Result<Vec<_>>>()?;
    let program = Program::load(&names[0], &files[0])?;
    let numbers = search.answers == Answers::Numbers || components[0].gives_one_number();
    let samples = match inputs {
        Some(inputs) => {
            let bytes = read_inputs(inputs, || search.pictures.form(&program))?;
            own::read(&inputs.display().to_string(), &bytes, &program, numbers)?
        }
        None => own::generate(&program, SEED)?,
    };
    let gates = score == Kind::Gate;
    let options = Options { risk: search.epsilon, numbers, gates, ..Options::default() };
    let found = match components.len() {
        1 => early_exits(components.remove(0), samples, options)?,
        _ => find_cascade(components, samples, options)?,
    };
    for exit in &found.exits {
        let cells = exits::cells(exit).into_iter();
        let cells: Vec<String> = cells.map(|(title, cell)| format!("{title} {cell}")).collect();
        say!("{}", cells.join(", "));
    }
    say!("expected to spend {:.1} % of the operations", 100.0 * found.expected_cost);
    let roles =
        names.iter().enumerate().map(|(ix, name)| (format!("model{}", ix + 1), name.clone()));
    found.compose(threshold, roles.collect())
}
