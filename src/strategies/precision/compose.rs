//! Precision switching: a network in stages, each at hand in several precisions; before every stage a controller chooses
//! the one that what is left of an energy budget affords.
//!
//! `budget` is what an inference may take, as a share of what it takes with every stage in its dearest variant. What the
//! cheapest variants of all stages take is set aside first; from the rest, `left = budget − base − Σ energy` of the choices so
//! far, a stage takes its dearest variant if `left` reaches that variant's threshold, else the next one. Whoever turns the
//! budget while the network runs therefore turns the stages that are still to come. A policy is a choice of thresholds:
//!
//! - *greedy*: what the variant costs more than the cheapest one, so that early stages take what there is;
//! - *look-ahead*: what the best use of the rest for this stage and all later ones has spent when it comes to that
//!   variant. Best is by the error that each variant adds to the output, taken as additive, and steps are bought in the
//!   order of error reduction for their price: Dantzig's bound of the knapsack ("Discrete-Variable Extremum Problems",
//!   Operations Research 1957), whose steps are exact where the budget ends at one.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, GraphBuilder, KnobRange, Metadata, chain};

/// Name of the strategy.
pub const NAME: &str = "precision";
/// The same with the greedy policy.
pub const GREEDY: &str = "precision_greedy";
/// Name of the knob.
pub const KNOB: &str = "budget";
/// The budget's ends: nothing, so that every stage takes its cheapest variant, and all that the dearest ones take.
pub const RANGE: KnobRange = KnobRange { default: 0.5, light: 0.0, full: 1.0 };
/// Name of the routed model's output, and of the last stage's.
pub const OUTPUT: &str = "logits";
/// Thresholds are this much lower, since sums of shares are rounded.
const SLACK: f32 = 1e-5;
/// Stands for a threshold that is never reached: not every runtime reads an infinite one.
const NEVER: f32 = 1e9;

/// What variants of a stage are called, cheapest first.
pub const VARIANTS: [&str; 3] = ["int4", "int8", "f32"];

/// What the controller knows of a stage: what its variants cost, and what they do to the output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageCost {
    /// Energy of each dearer variant, cheapest first, beyond the cheapest one's: shares of that of the whole network in its
    /// dearest variants.
    pub energy: [f32; 2],
    /// Error of the output with this stage alone in each variant, cheapest first.
    pub error: [f32; 3],
}

/// How the controller spends a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The best that is affordable now.
    Greedy,
    /// The best use for this stage and all that follow.
    LookAhead,
}

impl Policy {
    /// What must be left for each dearer variant of each stage, cheapest first.
    pub fn thresholds(self, costs_by_stage: &[StageCost]) -> Vec<[f32; 2]> {
        match self {
            Policy::Greedy => costs_by_stage.iter().map(|cost| cost.energy).collect(),
            Policy::LookAhead => {
                (0..costs_by_stage.len()).map(|ix| look_ahead(&costs_by_stage[ix..])).collect()
            }
        }
    }
}

/// A step from a variant of a stage to a dearer one, past what is not worth its price.
struct Step {
    stage: usize,
    /// Index of the dearer variant.
    to: usize,
    price: f32,
    error_reduction: f32,
}

/// Thresholds of the first of these stages.
fn look_ahead(costs_by_stage: &[StageCost]) -> [f32; 2] {
    let mut steps: Vec<Step> = costs_by_stage
        .iter()
        .enumerate()
        .flat_map(|(stage, cost)| worth_buying(stage, cost))
        .collect();
    // The step with the larger error reduction for its price comes first; of equals, the earlier stage's.
    steps.sort_by(|a, b| (b.error_reduction * a.price).total_cmp(&(a.error_reduction * b.price)));
    let mut spent = 0.0;
    // A variant that is never bought for itself is skipped: the dearest has the last word.
    let mut thresholds = [f32::INFINITY; 2];
    for step in steps {
        spent += step.price;
        if step.stage == 0 {
            thresholds[step.to - 1] = spent;
        }
    }
    thresholds
}

/// The steps along the lower convex border of (energy, error): each reduces the error less for its price than the one before.
fn worth_buying(stage: usize, cost: &StageCost) -> Vec<Step> {
    let price = |variant: usize| if variant == 0 { 0.0 } else { cost.energy[variant - 1] };
    let (mut steps, mut at) = (vec![], 0);
    while at < 2 {
        let step = |to: usize| Step {
            stage,
            to,
            price: price(to) - price(at),
            error_reduction: cost.error[at] - cost.error[to],
        };
        let better = |a: &Step, b: &Step| {
            (a.error_reduction * b.price).total_cmp(&(b.error_reduction * a.price))
        };
        // Of two as good, the dearer, which goes further.
        let Some(best) = (at + 1..3).map(step).max_by(better) else { break };
        // Even a step that reduces no error is bought in the end: all of the budget means the dearest variants.
        let best = if best.error_reduction > 0.0 {
            best
        } else {
            Step { error_reduction: 0.0, ..step(2) }
        };
        at = best.to;
        steps.push(best);
    }
    steps
}

/// A stage's variants, cheapest first; all read and give the same tensors.
pub type Variants = [Component; 3];

/// What a budget has to cover, and how it is spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Energy with every stage in its cheapest variant, as a share of that in the dearest.
    pub base: f32,
    /// What the stages' variants cost, in order.
    pub costs_by_stage: Vec<StageCost>,
    /// Who spends.
    pub policy: Policy,
}

impl Plan {
    /// What a stage takes when `spent` of `budget` is gone, base included: the index of the variant.
    pub fn choice(&self, stage: usize, budget: f32, spent: f32) -> usize {
        let left = budget - spent;
        let reached = |needed: f32| left >= (needed - SLACK).min(NEVER);
        let thresholds = self.policy.thresholds(&self.costs_by_stage);
        match thresholds.get(stage) {
            Some([_, f32]) if reached(*f32) => 2,
            Some([int8, _]) if reached(*int8) => 1,
            _ => 0,
        }
    }

    /// Energy of a variant of a stage beyond the cheapest one.
    pub fn extra_energy(&self, stage: usize, variant: usize) -> f32 {
        let dearer =
            variant.checked_sub(1).and_then(|ix| self.costs_by_stage.get(stage)?.energy.get(ix));
        dearer.copied().unwrap_or(0.0)
    }

    /// The variants that the stages take at this budget.
    pub fn mix(&self, budget: f32) -> Vec<usize> {
        let mut spent = self.base;
        let mut take = |stage: usize| {
            let variant = self.choice(stage, budget, spent);
            spent += self.extra_energy(stage, variant);
            variant
        };
        (0..self.costs_by_stage.len()).map(&mut take).collect()
    }
}

/// The network that always takes one variant; `trunk` stands before the stages.
pub fn fixed(trunk: &Component, stages: &[Variants], variant: usize) -> Result<ModelProto> {
    let parts: Vec<Component> = std::iter::once(trunk)
        .chain(stages.iter().map(|variants| &variants[variant]))
        .cloned()
        .collect();
    Ok(chain(&parts, &[(OUTPUT, OUTPUT)])?.model().clone())
}

/// Composes the routed model. `trunk` reads the data inputs and has one variant; each stage reads what the trunk, the
/// data inputs or the stage before give, by name, and gives one tensor, the last one `logits`. `budget` is the knob's
/// default.
pub fn compose(
    trunk: &Component,
    stages: &[Variants],
    plan: &Plan,
    budget: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    let fault = |text: String| Err(Error::new(ErrorKind::Config, text));
    if stages.is_empty() || stages.len() != plan.costs_by_stage.len() {
        return fault(format!(
            "{} stages cannot have {} stage costs",
            stages.len(),
            plan.costs_by_stage.len()
        ));
    }
    let finite = |cost: &StageCost| cost.energy.iter().chain(&cost.error).all(|v| v.is_finite());
    let rising = |cost: &StageCost| 0.0 < cost.energy[0] && cost.energy[0] < cost.energy[1];
    if !plan.costs_by_stage.iter().all(|cost| finite(cost) && rising(cost)) {
        return fault(format!("variants must cost more and more, not {:?}", plan.costs_by_stage));
    }
    let (mut graph, mut wires) = GraphBuilder::around(NAME, trunk)?;
    graph.knob(KNOB, budget)?;
    wires.extend(graph.splice(trunk, "trunk", &wires)?);
    let mut spent = graph.constant("controller/base", &[], &[plan.base])?;
    let nothing = graph.constant("controller/nothing", &[], &[0.0])?;
    let mut labels = BTreeMap::new();
    let thresholds = plan.policy.thresholds(&plan.costs_by_stage);
    for (ix, (variants, (cost, threshold))) in
        stages.iter().zip(plan.costs_by_stage.iter().zip(&thresholds)).enumerate()
    {
        let own = format!("stage{}", ix + 1);
        let name = |what: &str| format!("controller/{own}/{what}");
        let left = graph.node("Sub", &name("left"), &[KNOB, &spent])?;
        let [needs_int8, needs_f32] = threshold.map(|needed| (needed - SLACK).min(NEVER));
        let needs_f32 = graph.constant(&name("needs_f32"), &[], &[needs_f32])?;
        let needs_int8 = graph.constant(&name("needs_int8"), &[], &[needs_int8])?;
        let to_f32 = graph.node("GreaterOrEqual", &name("to_f32"), &[&left, &needs_f32])?;
        let to_int8 = graph.node("GreaterOrEqual", &name("to_int8"), &[&left, &needs_int8])?;
        let [int8, f32] = [0, 1].map(|variant| cost.energy[variant]);
        let int8 = graph.constant(&name("int8"), &[], &[int8])?;
        let f32 = graph.constant(&name("f32"), &[], &[f32])?;
        let cheaper = graph.node("Where", &name("cheaper"), &[&to_int8, &int8, &nothing])?;
        let extra = graph.node("Where", &name("extra"), &[&to_f32, &f32, &cheaper])?;

        let mut dearest = graph.branch(&own);
        let answer = splice(&mut dearest, &variants[2], &format!("{own}_f32"), &wires)?;
        let mut others = dearest.branch(&own);
        let reaches = format!("{own}/reaches_int8");
        let reaches = others.node("GreaterOrEqual", &reaches, &[&left, &needs_int8])?;
        let mut middle = others.branch(&own);
        let in_eight = splice(&mut middle, &variants[1], &format!("{own}_int8"), &wires)?;
        let mut cheapest = middle.branch(&own);
        let in_four = splice(&mut cheapest, &variants[0], &format!("{own}_int4"), &wires)?;
        let declared = variants[2].outputs().first();
        let Some(declared) = declared else { return fault(format!("{own} gives nothing")) };
        dearest.output_like(&answer, declared);
        middle.output_like(&in_eight, declared);
        cheapest.output_like(&in_four, declared);
        let inner = format!("{own}/integers");
        others.gate(&format!("{own}/int8"), &reaches, middle, cheapest, &[&inner])?;
        others.output_like(&inner, declared);
        let joined = if ix + 1 == stages.len() { OUTPUT.to_string() } else { format!("{own}/out") };
        graph.gate(&format!("{own}/f32"), &to_f32, dearest, others, &[&joined])?;
        let label = |variant: usize| VARIANTS[variant].to_string();
        labels.insert(format!("{own}/f32"), [label(2), String::new()]);
        labels.insert(format!("{own}/int8"), [label(1), label(0)]);
        wires.insert(declared.name.clone(), joined);
        if ix + 1 < stages.len() {
            spent = graph.node("Add", &name("spent"), &[&spent, &extra])?;
        } else {
            graph.output_like(OUTPUT, declared);
        }
    }
    graph.into_model(&Metadata {
        strategy: Some(NAME.into()),
        labels,
        knobs: BTreeMap::from([(KNOB.into(), KnobRange { default: budget, ..RANGE })]),
        provenance,
        ..Metadata::default()
    })
}

/// A variant in `graph`; returns the tensor that it gives.
fn splice(
    graph: &mut GraphBuilder,
    variant: &Component,
    prefix: &str,
    wires: &HashMap<String, String>,
) -> Result<String> {
    let tensors = graph.splice_onto(variant, prefix, wires)?;
    let [output] = variant.outputs() else {
        let text = "a stage must give one tensor, which the next one reads";
        return Err(Error::new(ErrorKind::Model, text).at(variant.name()));
    };
    Ok(tensors[&output.name].clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVEN: StageCost = StageCost { energy: [1.0, 10.0], error: [8.0, 1.0, 0.0] };

    #[test]
    fn greedy_buys_what_is_affordable() {
        assert_eq!(Policy::Greedy.thresholds(&[EVEN, EVEN]), [[1.0, 10.0], [1.0, 10.0]]);
    }

    #[test]
    fn looking_ahead_buys_the_largest_error_reduction_for_its_price() {
        // Steps by error reduction for 1: the second stage's first 20, the first's 7, the second's last 2/9, the first's 1/9.
        let fragile = StageCost { energy: [1.0, 10.0], error: [22.0, 2.0, 0.0] };
        let thresholds = Policy::LookAhead.thresholds(&[EVEN, fragile]);
        assert_eq!(thresholds, [[2.0, 20.0], [1.0, 10.0]]);
        // By itself the first stage goes first, as when its fragile neighbour has had its turn.
        assert_eq!(Policy::LookAhead.thresholds(&[EVEN]), [[1.0, 10.0]]);
        assert_eq!(Policy::LookAhead.thresholds(&[fragile, EVEN]), [[1.0, 11.0], [1.0, 10.0]]);
    }

    #[test]
    fn a_budget_is_spent_stage_by_stage() {
        let mix = |policy: Policy, budget: f32| {
            Plan { base: 2.0, costs_by_stage: vec![EVEN; 3], policy }.mix(budget)
        };
        assert_eq!(mix(Policy::Greedy, 1.9), [0, 0, 0]);
        assert_eq!(mix(Policy::Greedy, 3.5), [1, 0, 0]);
        assert_eq!(mix(Policy::Greedy, 13.0), [2, 1, 0]);
        // Three small steps before a large one.
        assert_eq!(mix(Policy::LookAhead, 13.0), [1, 1, 1]);
        assert_eq!(mix(Policy::LookAhead, 14.0), [2, 1, 1]);
        assert_eq!(mix(Policy::LookAhead, 32.0), [2, 2, 2]);
    }

    #[test]
    fn a_variant_that_is_no_better_is_not_bought() {
        let useless = StageCost { energy: [1.0, 10.0], error: [4.0, 4.5, 0.0] };
        let [[int8, f32]] = Policy::LookAhead.thresholds(&[useless])[..] else { unreachable!() };
        assert_eq!((int8, f32), (f32::INFINITY, 10.0));
        // No error is reduced at all: the dearest variant comes last, at its price.
        let same = StageCost { energy: [1.0, 10.0], error: [0.0; 3] };
        assert_eq!(Policy::LookAhead.thresholds(&[same]), [[f32::INFINITY, 10.0]]);
    }
}
