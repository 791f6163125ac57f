//! How each strategy's parts become the models that are measured: one function a strategy.

use std::collections::BTreeMap;
use std::sync::Arc;

use nalgebra::DMatrix;
use ndarray::Array2;
use tract_onnx::pb::ModelProto;

use perforate_base::units::{Joules, Macs};
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::energy::EnergyModel;
use perforate_bench::record;
use perforate_bench::sweep::Active;
use perforate_data::{Samples, Scaling};
use perforate_engine::{Knobs, Library, Path, Program, Session};
use perforate_onnx::{Component, KnobRange};
use perforate_routing::fit::quantise::int8;
use perforate_routing::fit::ridge::ridge_cv;
use perforate_routing::fit::temperature;
use perforate_routing::precision::{Plan, Policy};
use perforate_routing::score;
use perforate_routing::{
    cascade, dendritic, early_exit, energy, experts, features, fuzzy, learned, perforated,
    precision, refine,
};

/// What a composer makes of its parts.
pub struct Models {
    /// The model to be replaced.
    pub full: ModelProto,
    /// The cheapest path by itself.
    pub light: ModelProto,
    /// The routed model.
    pub routed: ModelProto,
    /// Its knob, and the knob's range.
    pub knob: &'static str,
    /// Ends of the knob.
    pub range: KnobRange,
    /// What "active" means.
    pub active: Active,
    /// See [`perforate_bench::sweep::Subject`].
    pub light_always_runs: bool,
    /// What its gates look at, for people.
    pub probe: Option<Probe>,
    /// What its controller goes by, where it has one.
    pub plan: Option<Plan>,
}

/// Shows what gates look at: a model of it, and its outputs in sentences.
#[derive(Debug, Clone)]
pub struct Probe {
    program: Arc<Program>,
    tell: fn(&[f32]) -> Vec<String>,
}

impl Probe {
    fn new(model: &ModelProto, tell: fn(&[f32]) -> Vec<String>) -> Result<Probe> {
        let program = Program::from_proto(&Library::default(), "probe", model, 0)?;
        Ok(Probe { program: Arc::new(program), tell })
    }

    /// What they see of a row of `samples`; nothing where that is not for the model.
    pub fn notes(&self, samples: &Samples, row: usize) -> Vec<String> {
        let one = samples.row(row);
        let seen = one
            .and_then(|one| Session::new(self.program.clone()).run(&one, &Knobs::new())?.first());
        seen.map_or(vec![], |seen| (self.tell)(&seen.into_iter().collect::<Vec<f32>>()))
    }
}

/// A score of confidence, and the number of classes.
type Sureness = (score::Kind, usize);

/// The models of `strategy` from its parts, in its order. `scaling` are samples for temperatures; `score` says how sure
/// an early exit or a model of a cascade is. What is compiled on the way stays in `library`.
pub fn models(
    strategy: &str,
    parts: Vec<Component>,
    scaling: Option<&Scaling>,
    score: Sureness,
    library: &Library,
) -> Result<Models> {
    match strategy {
        dendritic::STRATEGY => of_dendritic(parts),
        early_exit::STRATEGY => of_early_exit(parts, scaling, score),
        experts::STRATEGY => of_experts(parts),
        refine::STRATEGY => of_refine(parts, scaling),
        fuzzy::STRATEGY => of_fuzzy(parts, scaling),
        energy::STRATEGY => of_energy(parts),
        learned::STRATEGY => of_learned(parts, scaling),
        cascade::STRATEGY => of_cascade(parts, scaling, score),
        cascade::IN_EIGHT_BITS => of_cascade_in_eight_bits(parts, scaling, score),
        perforated::STRATEGY => of_perforated(parts),
        perforated::WITH_EXITS => of_perforated_exits(parts, scaling, score),
        precision::STRATEGY => of_precision(parts, scaling, Policy::LookAhead, library),
        precision::GREEDY => of_precision(parts, scaling, Policy::Greedy, library),
        other => Err(Error::new(ErrorKind::Internal, "no recipe makes models of it").at(other)),
    }
}

/// Full model, light model, gate.
fn of_dendritic(parts: Vec<Component>) -> Result<Models> {
    let provenance = provenance(&["full", "light", "gate"], &parts);
    let [full, light, gate] = exactly(parts)?;
    let parts = dendritic::Parts { full, light, gate };
    Ok(Models {
        full: parts.full.model().clone(),
        light: parts.light.model().clone(),
        routed: dendritic::compose(&parts, dendritic::RANGE.default, provenance)?,
        knob: dendritic::KNOB,
        range: dendritic::RANGE,
        active: Active::FullPath,
        light_always_runs: true,
        probe: None,
        plan: None,
    })
}

/// The stages. Temperatures are fitted first, so that one threshold means the same at every head.
fn of_early_exit(
    parts: Vec<Component>,
    scaling: Option<&Scaling>,
    (kind, classes): Sureness,
) -> Result<Models> {
    let roles: Vec<String> = (1..=parts.len()).map(|ix| format!("stage{ix}")).collect();
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let provenance = provenance(&roles, &parts);
    let stages = early_exit::Stages::new(parts)?;
    let fits = scaling.map(|samples| fit(&stages.all_heads()?, &samples.0)).transpose()?;
    let temperatures = fits.unwrap_or_default().iter().map(|fit| fit.temperature).collect();
    let confidence =
        early_exit::Confidence { score: kind.of(classes, stages.heads()), temperatures };
    let threshold = early_exit::RANGE.default;
    Ok(Models {
        full: stages.full()?,
        light: stages.up_to_head(0)?,
        routed: early_exit::compose(&stages, &confidence, threshold, provenance)?,
        knob: early_exit::KNOB,
        range: early_exit::RANGE,
        active: Active::Operations,
        light_always_runs: false,
        probe: None,
        plan: None,
    })
}

/// The files of the models, cheapest first, the last one with its exits; temperatures as for early exits. An exit that
/// is not better than the models before its own is no use and left out, by the samples for the temperatures.
fn of_cascade(
    parts: Vec<Component>,
    scaling: Option<&Scaling>,
    (kind, classes): Sureness,
) -> Result<Models> {
    let (models, temperatures, provenance) = useful_stages(&parts, scaling)?;
    let last = models.count() - 1;
    let confidence = early_exit::Confidence { score: kind.of(classes, last), temperatures };
    let threshold = cascade::RANGE.default;
    Ok(Models {
        full: models.alone(last)?.model().clone(),
        light: models.alone(0)?.model().clone(),
        routed: models.compose(&confidence, threshold, provenance)?,
        knob: cascade::KNOB,
        range: cascade::RANGE,
        active: Active::Operations,
        light_always_runs: true,
        probe: None,
        plan: None,
    })
}

/// The same with the last model in eight bits. Its temperatures, and which of its exits are of use, are those of eight
/// bits as well.
fn of_cascade_in_eight_bits(
    parts: Vec<Component>,
    scaling: Option<&Scaling>,
    (kind, classes): Sureness,
) -> Result<Models> {
    let whole = cascade::Models::new(&parts, &[])?;
    let full = whole.alone(whole.count() - 1)?;
    // The last model begins behind the last but one's answer.
    let answers = parts.iter().enumerate().filter(|(_, part)| part.output(cascade::OUTPUT).is_ok());
    let border = answers.map(|(ix, _)| ix + 1).rev().nth(1).unwrap_or(0);
    let mut near = parts[..border].to_vec();
    for part in &parts[border..] {
        // What stands before the first exit looks up embeddings, and has no products.
        let answers = |name: &str| name == cascade::OUTPUT || early_exit::is_head(name);
        near.push(match part.outputs().iter().any(|output| answers(&output.name)) {
            true => Component::new(part.name(), int8(part)?.model)?,
            false => part.clone(),
        });
    }
    let (models, temperatures, provenance) = useful_stages(&near, scaling)?;
    let score = kind.of(classes, models.count() - 1);
    let confidence = early_exit::Confidence { score, temperatures };
    let threshold = cascade::RANGE.default;
    Ok(Models {
        routed: models.compose_beside(&full, &confidence, "eight bits", threshold, provenance)?,
        full: full.model().clone(),
        light: models.alone(0)?.model().clone(),
        knob: cascade::KNOB,
        range: cascade::RANGE,
        active: Active::Energy,
        light_always_runs: false,
        probe: None,
        plan: None,
    })
}

/// Models as stages, with the exits that are better than all models before, and temperatures, by labelled samples.
fn useful_stages(
    parts: &[Component],
    scaling: Option<&Scaling>,
) -> Result<(cascade::Models, Vec<f32>, BTreeMap<String, String>)> {
    let roles: Vec<String> = (1..=parts.len()).map(|ix| format!("file{ix}")).collect();
    let provenance = provenance(&roles.iter().map(String::as_str).collect::<Vec<_>>(), parts);
    let outputs = parts.iter().flat_map(Component::outputs).map(|output| output.name.clone());
    let exits: Vec<String> = outputs.filter(|name| early_exit::is_head(name)).collect();
    let all = cascade::Models::new(parts, &exits)?;
    let fits = scaling.map(|samples| fit(&all.stages()?.all_heads()?, &samples.0)).transpose()?;
    let (mut kept, mut temperatures, mut best) = (vec![], vec![], 0.0);
    for ix in 0..all.count() - 1 {
        let exit = early_exit::is_head(all.answer(ix));
        if let Some(fit) = fits.as_ref().map(|fits| fits[ix]) {
            if exit && fit.accuracy <= best {
                continue;
            }
            // Among themselves exits are as good as equal on so few samples, and cost no more than a head each.
            if !exit {
                best = best.max(fit.accuracy);
            }
            temperatures.push(fit.temperature);
        }
        kept.extend(exit.then(|| all.answer(ix).to_string()));
    }
    Ok((cascade::Models::new(parts, &kept)?, temperatures, provenance))
}

/// The experts, cheapest first, and their gate.
fn of_experts(mut parts: Vec<Component>) -> Result<Models> {
    let provenance = provenance(&["expert1", "expert2", "expert3", "gate"], &parts);
    let gate = parts.pop().ok_or_else(|| Error::new(ErrorKind::Internal, "there are no parts"))?;
    let parts = experts::Parts { experts: parts, gate };
    let [light, .., full] = &parts.experts[..] else {
        return Err(Error::new(ErrorKind::Internal, "there are too few experts"));
    };
    Ok(Models {
        full: full.model().clone(),
        light: light.model().clone(),
        routed: experts::compose(&parts, experts::RANGE.default, provenance)?,
        knob: experts::KNOB,
        range: experts::RANGE,
        active: Active::Operations,
        light_always_runs: true,
        probe: None,
        plan: None,
    })
}

/// The cheap pass and the refinement.
fn of_refine(parts: Vec<Component>, scaling: Option<&Scaling>) -> Result<Models> {
    let provenance = provenance(&["cheap", "refinement"], &parts);
    let [cheap, refinement] = exactly(parts)?;
    let light = refine::alone(&cheap)?;
    let temperature = match scaling {
        Some(samples) => fit(&light, &samples.0)?[0].temperature,
        None => 1.0,
    };
    let parts = refine::Parts { cheap, refinement, cost: 0.0, temperature };
    let full = parts.full()?;
    let macs = |model: &ModelProto| -> Result<Option<Macs>> {
        let program = Program::from_proto(&Library::default(), "pass", model, 0)?;
        Ok(program.segments().map(|segment| segment.macs).sum())
    };
    let cost = match (macs(&light)?, macs(&full)?) {
        (Some(cheap), Some(both)) => 1.0 - cheap / both,
        // Without operations to count, the second pass is taken for all of the work.
        _ => 1.0,
    };
    let parts = refine::Parts { cost: cost as f32, ..parts };
    Ok(Models {
        routed: parts.compose(refine::RANGE.default, provenance)?,
        full,
        light,
        knob: refine::KNOB,
        range: refine::RANGE,
        active: Active::FullPath,
        light_always_runs: false,
        probe: None,
        plan: None,
    })
}

/// Models of rising cost and accuracy. What each costs is estimated by operations, with the usual constants.
fn of_energy(parts: Vec<Component>) -> Result<Models> {
    let roles: Vec<String> = (1..=parts.len()).map(|ix| format!("model{ix}")).collect();
    let provenance = provenance(&roles.iter().map(String::as_str).collect::<Vec<_>>(), &parts);
    let joules = parts
        .iter()
        .map(|part| {
            let program = Program::from_proto(&Library::default(), "model", part.model(), 0)?;
            let work = program.work(Path::default()).ok_or_else(|| {
                let text = "its operations depend on the sizes of the input, so it has no one cost";
                Error::new(ErrorKind::Model, text).at(part.name())
            })?;
            Ok(EnergyModel::default().by_operations(work))
        })
        .collect::<Result<Vec<Joules>>>()?;
    let ([light, .., full], [_, dearer @ .., last]) = (&parts[..], &joules[..]) else {
        return Err(Error::new(ErrorKind::Internal, "there are too few models"));
    };
    let costs: Vec<f32> = dearer.iter().chain([last]).map(|&cost| (cost / *last) as f32).collect();
    Ok(Models {
        full: full.model().clone(),
        light: light.model().clone(),
        routed: energy::compose(&parts, &costs, energy::RANGE.default, provenance)?,
        knob: energy::KNOB,
        range: energy::RANGE,
        active: Active::Operations,
        light_always_runs: false,
        probe: None,
        plan: None,
    })
}

/// The target at which tokens are left out beside early exits: the highest at which no exit loses more than half a point on
/// the sentences held out from training.
const BESIDE_EXITS: f32 = 0.3;

/// A trunk, the layers, and the importance of tokens before each.
fn of_perforated(parts: Vec<Component>) -> Result<Models> {
    let roles = roles_of_perforated(parts.len());
    let provenance = provenance(&roles.iter().map(String::as_str).collect::<Vec<_>>(), &parts);
    let parts = perforated::Parts::new(parts)?;
    Ok(Models {
        full: parts.full()?,
        light: parts.fixed(perforated::RANGE.never)?,
        routed: parts.compose(perforated::RANGE.default, provenance)?,
        knob: perforated::KNOB,
        range: perforated::RANGE,
        active: Active::Operations,
        light_always_runs: false,
        probe: None,
        plan: None,
    })
}

/// The same parts: early exits on what a fixed target leaves of the tokens.
fn of_perforated_exits(
    parts: Vec<Component>,
    scaling: Option<&Scaling>,
    (kind, classes): Sureness,
) -> Result<Models> {
    let roles = roles_of_perforated(parts.len());
    let provenance = provenance(&roles.iter().map(String::as_str).collect::<Vec<_>>(), &parts);
    let parts = perforated::Parts::new(parts)?;
    let stages = early_exit::Stages::new(parts.stages(Some(BESIDE_EXITS))?)?;
    let fits = scaling.map(|samples| fit(&stages.all_heads()?, &samples.0)).transpose()?;
    let temperatures = fits.unwrap_or_default().iter().map(|fit| fit.temperature).collect();
    let confidence =
        early_exit::Confidence { score: kind.of(classes, stages.heads()), temperatures };
    let threshold = early_exit::RANGE.default;
    Ok(Models {
        full: parts.full()?,
        light: stages.up_to_head(0)?,
        routed: parts.compose_with_exits(&confidence, BESIDE_EXITS, threshold, provenance)?,
        knob: early_exit::KNOB,
        range: early_exit::RANGE,
        active: Active::Operations,
        light_always_runs: false,
        probe: None,
        plan: None,
    })
}

fn roles_of_perforated(parts: usize) -> Vec<String> {
    let layers = parts / 2;
    let of = |what: &str| (1..=layers).map(|ix| format!("{what}{ix}")).collect::<Vec<_>>();
    [vec!["trunk".to_string()], of("layer"), of("tokens")].concat()
}

/// What stands before the stages, and the stages.
fn of_precision(
    parts: Vec<Component>,
    scaling: Option<&Scaling>,
    policy: Policy,
    library: &Library,
) -> Result<Models> {
    let roles: Vec<String> = (0..parts.len())
        .map(|ix| if ix == 0 { "trunk".into() } else { format!("stage{ix}") })
        .collect();
    let provenance = provenance(&roles.iter().map(String::as_str).collect::<Vec<_>>(), &parts);
    let samples = scaling.ok_or_else(|| {
        Error::new(ErrorKind::Data, "there are no samples to measure the variants on")
    })?;
    let precise = super::precision::compose(&parts, &samples.0, policy, provenance, library)?;
    Ok(Models {
        full: precise.full,
        light: precise.light,
        routed: precise.routed,
        knob: precision::KNOB,
        range: precision::RANGE,
        active: Active::Energy,
        light_always_runs: false,
        probe: None,
        plan: Some(precise.plan),
    })
}

/// Three models, cheapest first. The membership functions have their corners at quantiles of the features.
fn of_fuzzy(parts: Vec<Component>, scaling: Option<&Scaling>) -> Result<Models> {
    let provenance = provenance(&["expert1", "expert2", "expert3"], &parts);
    let samples = scaling.ok_or_else(|| {
        let text = "the fuzzy rules need labelled samples, on which to place their corners";
        Error::new(ErrorKind::Data, text)
    })?;
    let opset = parts[0].opset();
    let corners = corners(&samples.0, opset)?;
    let reasoning = fuzzy::reasoning(opset, image_size(&samples.0)?, &corners)?;
    let [light, _, full] = &parts[..] else {
        return Err(Error::new(ErrorKind::Internal, "the rules choose among three models"));
    };
    Ok(Models {
        full: full.model().clone(),
        light: light.model().clone(),
        routed: fuzzy::compose(&parts, &corners, fuzzy::RANGE.default, provenance)?,
        knob: fuzzy::KNOB,
        range: fuzzy::RANGE,
        active: Active::Operations,
        light_always_runs: false,
        probe: Some(Probe::new(&reasoning, fuzzy::tell)?),
        plan: None,
    })
}

/// The same models. What each of them gets wrong, by the last one's word, is learned in closed form.
fn of_learned(parts: Vec<Component>, scaling: Option<&Scaling>) -> Result<Models> {
    let provenance = provenance(&["expert1", "expert2", "expert3"], &parts);
    let samples = &scaling
        .ok_or_else(|| Error::new(ErrorKind::Data, "there are no samples to learn scores from"))?
        .0;
    let [light, .., full] = &parts[..] else {
        return Err(Error::new(ErrorKind::Internal, "there are too few models"));
    };
    let (height, width) = image_size(samples)?;
    let terms = answers(&learned::terms(light.opset(), height, width)?, samples)?;
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
            let y = DMatrix::from_fn(last.len(), 1, |r, _| f64::from(u8::from(own[r] != last[r])));
            let (line, _) = ridge_cv(&x, &y, &[1e-6, 1e-5, 1e-4, 1e-3, 1e-2], 5)?;
            Ok(learned::Weights {
                terms: std::array::from_fn(|ix| line.weights[ix] as f32),
                constant: line.bias[0] as f32,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Models {
        full: full.model().clone(),
        light: light.model().clone(),
        routed: learned::compose(&parts, &weights, learned::RANGE.default, provenance)?,
        knob: learned::KNOB,
        range: learned::RANGE,
        active: Active::Operations,
        light_always_runs: false,
        probe: None,
        plan: None,
    })
}

/// Height and width of the samples' images.
fn image_size(samples: &Samples) -> Result<(usize, usize)> {
    let shape = samples.inputs().get("x").map(|x| x.shape().to_vec()).unwrap_or_default();
    let [_, 1, height, width] = shape[..] else {
        return Err(Error::new(
            ErrorKind::Data,
            format!("the features are of images [N, 1, height, width], not of {shape:?}"),
        ));
    };
    Ok((height, width))
}

/// A model's first output for all samples.
fn answers(model: &ModelProto, samples: &Samples) -> Result<Array2<f32>> {
    let program = Program::from_proto(&Library::default(), "part", model, 0)?;
    record::answers(&mut Session::new(Arc::new(program)), samples, &Knobs::new())
}

/// The tenth, the middle and the ninetieth percentile of each feature.
fn corners(samples: &Samples, opset: i64) -> Result<[fuzzy::Corners; 3]> {
    let (height, width) = image_size(samples)?;
    let features = answers(&features::model(opset, height, width)?, samples)?;
    let corner = |column: usize| {
        let mut values: Vec<f32> = features.column(column).to_vec();
        values.sort_by(f32::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        fuzzy::Corners { low: at(0.1), middle: at(0.5), high: at(0.9) }
    };
    Ok([corner(0), corner(1), corner(2)])
}

/// What labelled samples say of an answer.
#[derive(Debug, Clone, Copy)]
struct Fit {
    temperature: f32,
    /// Share of right answers.
    accuracy: f64,
}

/// Of each output of a model, logits all of them.
fn fit(model: &ModelProto, samples: &Samples) -> Result<Vec<Fit>> {
    let program = Program::from_proto(&Library::default(), "part", model, 0)?;
    let mut session = Session::new(Arc::new(program));
    let labels = samples.labels().unwrap_or_default();
    let outputs = record::all_answers(&mut session, samples, &Knobs::new())?.into_iter();
    Ok(outputs
        .map(|logits| {
            let rows: Vec<Vec<f32>> = logits.rows().into_iter().map(|row| row.to_vec()).collect();
            let right =
                rows.iter().zip(labels).filter(|(row, label)| record::argmax(row) == **label);
            Fit {
                temperature: temperature::fit(&rows, labels) as f32,
                accuracy: right.count() as f64 / rows.len().max(1) as f64,
            }
        })
        .collect())
}

fn provenance(roles: &[&str], parts: &[Component]) -> BTreeMap<String, String> {
    let names = parts.iter().map(|part| part.name().to_string());
    roles.iter().map(|role| role.to_string()).zip(names).collect()
}

fn exactly<const N: usize>(parts: Vec<Component>) -> Result<[Component; N]> {
    let count = parts.len();
    parts.try_into().map_err(|_| {
        Error::new(ErrorKind::Internal, format!("there are {count} parts, but it takes {N}"))
    })
}
