//! From the stages of a network to one that switches their precision: variants, what they cost, what error they add.

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::energy::EnergyModel;
use perforate_data::Samples;
use perforate_engine::{Knobs, Path, PlanCache, Program, Session};
use perforate_onnx::{Component, chain, prune};
use perforate_routing::fit::quantise::{Bits, quantise};

use super::compose::{self, Plan, Policy, StageCost, Variants};

/// Samples on which it is measured how far each variant puts the output off.
const PROBES: usize = 8;
/// Gates of a stage: the dearest variant or another one, and which of these.
const GATES: usize = 2;

/// What became of the stages.
pub struct Precise {
    /// All stages in f32, and all in four bits.
    pub full: ModelProto,
    /// See above.
    pub light: ModelProto,
    /// The network with its controller.
    pub routed: ModelProto,
    /// What the controller goes by.
    pub plan: Plan,
}

/// Makes variants of the stages behind `parts[0]`, measures them on `samples`, composes. They are compiled into `library`.
pub fn compose(
    parts: &[Component],
    samples: &Samples,
    policy: Policy,
    provenance: BTreeMap<String, String>,
    library: &PlanCache,
) -> Result<Precise> {
    let [trunk, stages @ ..] = parts else {
        return Err(Error::new(ErrorKind::Internal, "there are no stages"));
    };
    let stages = stages
        .iter()
        .enumerate()
        .map(|(ix, stage)| variants(stage, stages.get(ix + 1)))
        .collect::<Result<Vec<Variants>>>()?;
    // Any plan will do to measure along forced paths.
    let cost = StageCost { energy: [0.1, 0.2], error: [0.0; 3] };
    let any = Plan { base: 0.0, costs_by_stage: vec![cost; stages.len()], policy };
    let routed = |plan: &Plan| {
        compose::compose(trunk, &stages, plan, compose::RANGE.default, provenance.clone())
    };
    let program = Program::from_proto(library, "stages", &routed(&any)?, 0)?;
    let plan = measured(&Arc::new(program), stages.len(), samples, policy)?;
    Ok(Precise {
        full: compose::fixed(trunk, &stages, 2)?,
        light: compose::fixed(trunk, &stages, 0)?,
        routed: routed(&plan)?,
        plan,
    })
}

/// A stage in four bits, in eight and as it is; of its outputs what the next stage reads, or the answer.
fn variants(stage: &Component, next: Option<&Component>) -> Result<Variants> {
    let wanted = |name: &str| match next {
        Some(next) => next.inputs().any(|input| input.name == name),
        None => name == compose::OUTPUT,
    };
    let kept: Vec<&str> =
        stage.outputs().iter().map(|o| o.name.as_str()).filter(|name| wanted(name)).collect();
    let kept: Vec<(&str, &str)> = kept.iter().map(|name| (*name, *name)).collect();
    let mut model = chain(std::slice::from_ref(stage), &kept)?.model().clone();
    model.graph.iter_mut().for_each(prune);
    let bare = Component::new(stage.name(), model)?;
    let fewer = |bits: Bits| Component::new(stage.name(), quantise(&bare, bits)?.model);
    Ok([fewer(Bits::Four)?, fewer(Bits::Eight)?, bare])
}

/// The path that takes these variants, one a stage.
pub fn path_of(mix: impl IntoIterator<Item = usize>) -> Path {
    mix.into_iter().enumerate().fold(Path::default(), |path, (stage, variant)| match variant {
        2 => path.through(GATES * stage, true),
        _ => path.through(GATES * stage, false).through(GATES * stage + 1, variant == 1),
    })
}

/// The variants that a path takes, one a stage.
pub fn mix_of(path: Path, stages: usize) -> Vec<usize> {
    let variant = |stage: usize| match path.at(GATES * stage) {
        Some(true) => 2,
        _ => usize::from(path.at(GATES * stage + 1) == Some(true)),
    };
    (0..stages).map(variant).collect()
}

/// What the stages' variants cost: energy from what each variant computes and reads, error as the mean squared difference of the
/// output when one stage alone is not in f32.
fn measured(
    program: &Arc<Program>,
    stages: usize,
    samples: &Samples,
    policy: Policy,
) -> Result<Plan> {
    let mut session = Session::new(program.clone());
    let knobs: Knobs = program.neutral_knobs();
    let but_one = |rest: usize, stage: usize, variant: usize| {
        path_of((0..stages).map(|ix| if ix == stage { variant } else { rest }))
    };
    let rows = samples.len().min(PROBES);
    if rows == 0 {
        return Err(Error::new(ErrorKind::Data, "there are no samples to measure variants on"));
    }
    let mut costs_by_stage = vec![StageCost { energy: [0.0; 2], error: [0.0; 3] }; stages];
    let whole = path_of(vec![2; stages]);
    // The last stages first: what is before them is computed once.
    let lone = |rest: usize, variants: [usize; 2]| -> Vec<Path> {
        let each = (0..stages).rev().flat_map(|ix| variants.map(|v| but_one(rest, ix, v)));
        [path_of(vec![rest; stages])].into_iter().chain(each).collect()
    };
    let alone = lone(2, [0, 1]);
    for row in 0..rows {
        let outcomes = session.run_each(&samples.row(row)?, &knobs, &alone)?;
        let reference = outcomes[0].first()?;
        for (ix, outcome) in outcomes[1..].iter().enumerate() {
            let (stage, variant) = (stages - 1 - ix / 2, ix % 2);
            let own = outcome.first()?;
            let squares = own.iter().zip(&reference).map(|(a, b)| (a - b) * (a - b));
            costs_by_stage[stage].error[variant] +=
                squares.sum::<f32>() / (rows * own.len()) as f32;
        }
    }
    let mut by_length: Vec<usize> = (0..rows).collect();
    by_length.sort_by_key(|&row| samples.length(row));
    let middle = samples.row(by_length[rows / 2])?;
    let energy = EnergyModel::default();
    let joules = |outcome: &perforate_engine::Outcome| energy.by_operations(outcome.trace.total());
    let outcomes = session.run_each(&middle, &knobs, &lone(0, [1, 2]))?;
    let all = session.run_each(&middle, &knobs, &[whole])?;
    let (least, most) = (joules(&outcomes[0]), joules(&all[0]));
    for (ix, outcome) in outcomes[1..].iter().enumerate() {
        let (stage, dearer) = (stages - 1 - ix / 2, ix % 2);
        costs_by_stage[stage].energy[dearer] = ((joules(outcome) - least) / most) as f32;
    }
    Ok(Plan { base: (least / most) as f32, costs_by_stage, policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_are_paths() {
        for mix in [vec![0, 1, 2], vec![2, 2, 0], vec![1, 0, 1]] {
            assert_eq!(mix_of(path_of(mix.clone()), 3), mix);
        }
    }
}
