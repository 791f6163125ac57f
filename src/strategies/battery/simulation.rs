//! A stream of inputs on a battery: which model answers each of them is decided by the energy that is left.
//!
//! Nothing is run here: every model's answer to every input is recorded already, and a policy only picks among
//! them. What it picks is the one number that a routed model's `budget` knob takes; the policy is the loop around it.

use serde::{Deserialize, Serialize};

use perforate_base::units::Joules;

/// Points of a drain's course that are kept.
const COURSE: usize = 48;

/// A model that may answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a str,
    /// Energy of one inference.
    pub cost: Joules,
    /// Share of right answers on the calibration samples, by which policies rank.
    pub accuracy: f64,
    /// Whether its answer to each input of the stream is right.
    pub right: &'a [bool],
}

/// Who answers next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Always the dearest model, until the battery is empty.
    Dearest,
    /// Always the cheapest one.
    Cheapest,
    /// The most accurate model that leaves enough for the cheapest to answer all that is still to come.
    Greedy,
    /// The most accurate model whose like the battery could give to each input that is still to come.
    Paced,
}

impl Policy {
    /// All of them.
    pub const ALL: [Policy; 4] = [Policy::Dearest, Policy::Cheapest, Policy::Greedy, Policy::Paced];

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Dearest => "always the full model",
            Policy::Cheapest => "always the light model",
            Policy::Greedy => "greedy",
            Policy::Paced => "paced",
        }
    }

    /// Energy that the next inference may take, of `left` with `todo` inputs to come, this one included: the
    /// value of the `budget` knob in joules.
    pub fn allowance(self, left: Joules, todo: usize, cheapest: Joules) -> Joules {
        match self {
            Policy::Dearest => left,
            Policy::Cheapest => cheapest,
            Policy::Greedy => left - cheapest * todo.saturating_sub(1) as f64,
            Policy::Paced => left / todo.max(1) as f64,
        }
    }
}

/// Where a drain stands after some inputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Inputs answered.
    pub answered: usize,
    /// Share of the battery that is left.
    pub left: f64,
    /// Right answers so far.
    pub right: usize,
}

/// A battery run down by a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Drain {
    /// Inputs answered before nothing was affordable.
    pub answered: usize,
    /// Right answers among them.
    pub right: usize,
    /// How often each candidate answered.
    pub shares: Vec<usize>,
    /// Some moments on the way, first and last included.
    pub course: Vec<Moment>,
}

/// Runs a battery of `budget` down on the whole stream.
pub fn drain(candidates: &[Candidate], budget: Joules, policy: Policy) -> Drain {
    let inputs = candidates.iter().map(|c| c.right.len()).min().unwrap_or(0);
    let cost = |ix: usize| candidates[ix].cost;
    let all = 0..candidates.len();
    let cheapest = all.clone().min_by(|&a, &b| cost(a).0.total_cmp(&cost(b).0)).unwrap_or(0);
    let best = |allowance: Joules| {
        let affordable = all.clone().filter(|&ix| cost(ix) <= allowance);
        // Of two as accurate, the cheaper.
        affordable.max_by(|&a, &b| {
            let (x, y) = (&candidates[a], &candidates[b]);
            x.accuracy.total_cmp(&y.accuracy).then(y.cost.0.total_cmp(&x.cost.0))
        })
    };
    let dearest = all.clone().max_by(|&a, &b| cost(a).0.total_cmp(&cost(b).0)).unwrap_or(0);
    let mut result =
        Drain { answered: 0, right: 0, shares: vec![0; candidates.len()], course: vec![] };
    let mut spent = Joules(0.0);
    let every = inputs.div_ceil(COURSE).max(1);
    for input in 0..inputs {
        let left = budget - spent;
        if input % every == 0 {
            result.note(left / budget);
        }
        let allowance = policy.allowance(left, inputs - input, cost(cheapest));
        let chosen = match policy {
            Policy::Dearest => dearest,
            // Less may be left than the cheapest model takes for all: it goes on as long as it lasts.
            _ => best(allowance).unwrap_or(cheapest),
        };
        if cost(chosen) > left {
            break;
        }
        spent += cost(chosen);
        result.answered += 1;
        result.shares[chosen] += 1;
        result.right += usize::from(candidates[chosen].right[input]);
    }
    result.note((budget - spent) / budget);
    result
}

impl Drain {
    fn note(&mut self, left: f64) {
        self.course.push(Moment { answered: self.answered, left, right: self.right });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three models over 100 inputs: right on 60, 80 and 90 of them.
    fn with_candidates(check: impl Fn(&[Candidate])) {
        let right = |share: usize| (0..100).map(|ix| ix * 7 % 100 < share).collect::<Vec<_>>();
        let (a, b, c) = (right(60), right(80), right(90));
        let of = |cost: f64, accuracy, right| Candidate {
            name: "",
            cost: Joules(cost),
            accuracy,
            right,
        };
        check(&[of(1.0, 0.6, &a), of(4.0, 0.8, &b), of(10.0, 0.9, &c)]);
    }

    #[test]
    fn static_policies_by_hand() {
        with_candidates(|models| {
            let big = drain(models, Joules(305.0), Policy::Dearest);
            assert_eq!((big.answered, big.shares), (30, vec![0, 0, 30]));
            let small = drain(models, Joules(305.0), Policy::Cheapest);
            assert_eq!((small.answered, small.right), (100, 60));
            assert_eq!(small.course.last().unwrap().left, (305.0 - 100.0) / 305.0);
        });
    }

    #[test]
    fn adaptive_policies_last_to_the_end_and_beat_both_static_ones() {
        with_candidates(|models| {
            for budget in [205.0, 305.0, 405.0, 700.0] {
                let budget = Joules(budget);
                let [big, small, greedy, paced] =
                    Policy::ALL.map(|policy| drain(models, budget, policy));
                assert!(greedy.right > big.right.max(small.right), "{budget:?} {greedy:?}");
                assert!(paced.right > big.right.max(small.right), "{budget:?} {paced:?}");
                assert_eq!((greedy.answered, paced.answered), (100, 100));
            }
        });
    }

    #[test]
    fn greedy_spends_first_and_pacing_spreads() {
        with_candidates(|models| {
            let greedy = drain(models, Joules(400.0), Policy::Greedy);
            let paced = drain(models, Joules(400.0), Policy::Paced);
            assert!(greedy.shares[2] > 0 && greedy.shares[0] > 0, "{:?}", greedy.shares);
            assert_eq!(paced.shares, [0, 100, 0]);
        });
    }

    #[test]
    fn a_battery_that_is_too_small_dies_early() {
        with_candidates(|models| {
            for policy in [Policy::Greedy, Policy::Paced, Policy::Cheapest] {
                assert_eq!(drain(models, Joules(50.0), policy).answered, 50);
            }
            assert_eq!(drain(models, Joules(0.0), Policy::Greedy).answered, 0);
        });
    }
}
