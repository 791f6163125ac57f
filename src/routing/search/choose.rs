//! Which exits are worth having: every set of a few is simulated on rows that no head was fitted on.

/// Steps of the threshold in a simulation.
const STEPS: usize = 64;
/// What a gate costs beside its head's operations, as a share of the full model: an allowance for what is not counted.
const GATE: f64 = 0.005;
/// Share of the risk that a choice may use up: the rest is for the difference to other rows.
const SHARE_OF_RISK: f64 = 0.7;

/// A candidate exit, on the rows that the choice is made on.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Operations of the model up to it, and those of its head, as shares of the full model's.
    pub cost: (f64, f64),
    /// Confidence of each row, temperature included.
    pub confidence: Vec<f32>,
    /// Whether it answers as the full model does, by row.
    pub agrees: Vec<bool>,
}

/// A set of exits, and what it would cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Indices of candidates, in order.
    pub exits: Vec<usize>,
    /// Mean operations, as a share of the full model's, at the largest risk that is allowed.
    pub cost: f64,
}

/// The cheapest set of up to `most` exits whose answers differ from the full model's in no more than a part of `risk`
/// of the rows.
pub fn choose(candidates: &[Candidate], most: usize, risk: f64) -> Option<Choice> {
    let mut best: Option<Choice> = None;
    for exits in subsets(candidates.len(), most) {
        let cost = cheapest(candidates, &exits, risk * SHARE_OF_RISK);
        if best.as_ref().is_none_or(|best| cost < best.cost) {
            best = Some(Choice { exits, cost });
        }
    }
    best
}

/// The mean cost of these exits at the lowest common threshold that keeps the risk.
fn cheapest(candidates: &[Candidate], exits: &[usize], risk: f64) -> f64 {
    let rows = candidates[exits[0]].confidence.len();
    let heads: f64 = exits.iter().map(|&ix| candidates[ix].cost.1 + GATE).sum();
    let mut thresholds: Vec<f32> =
        exits.iter().flat_map(|&ix| candidates[ix].confidence.iter().copied()).collect();
    thresholds.sort_by(f32::total_cmp);
    let mut best = 1.0 + heads;
    // From the highest threshold down: disagreement only grows.
    for step in (0..=STEPS).rev() {
        let threshold = thresholds[(thresholds.len() - 1) * step / STEPS];
        let (mut differ, mut cost) = (0, 0.0);
        for row in 0..rows {
            let mut passed = 0.0;
            let taken = exits.iter().find(|&&ix| {
                let found = candidates[ix].confidence[row] >= threshold;
                passed += candidates[ix].cost.1 + GATE;
                found
            });
            differ += usize::from(taken.is_some_and(|&ix| !candidates[ix].agrees[row]));
            cost += passed + taken.map_or(1.0, |&ix| candidates[ix].cost.0);
        }
        if differ as f64 > risk * rows as f64 {
            break;
        }
        best = f64::min(best, cost / rows as f64);
    }
    best
}

/// All sets of one to `most` of `count` things, in order.
fn subsets(count: usize, most: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![];
    let mut last: Vec<Vec<usize>> = vec![vec![]];
    for _ in 0..most.min(count) {
        let longer = |set: &Vec<usize>| {
            let next = set.last().map_or(0, |&ix| ix + 1);
            (next..count).map(|ix| [&set[..], &[ix]].concat()).collect::<Vec<_>>()
        };
        last = last.iter().flat_map(longer).collect();
        all.extend(last.iter().cloned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(cost: f64, sure: usize, wrong: usize) -> Candidate {
        Candidate {
            cost: (cost, 0.001),
            confidence: (0..100).map(|row| if row < sure { 0.99 } else { 0.4 }).collect(),
            agrees: (0..100).map(|row| row >= wrong && row < sure).collect(),
        }
    }

    #[test]
    fn all_sets_of_up_to_two() {
        assert_eq!(subsets(3, 2).len(), 6);
        assert_eq!(subsets(2, 5), [vec![0], vec![1], vec![0, 1]]);
    }

    #[test]
    fn an_exit_that_is_sure_and_right_early_is_kept() {
        let exits = [candidate(0.1, 60, 0), candidate(0.5, 90, 0), candidate(0.2, 90, 80)];
        let choice = choose(&exits, 2, 0.01).unwrap();
        assert_eq!(choice.exits, [0, 1]);
        assert!(choice.cost > 0.2 && choice.cost < 0.4, "{choice:?}");
        assert_eq!(choose(&[], 2, 0.01), None);
    }

    #[test]
    fn exits_that_are_wrong_save_nothing() {
        let choice = choose(&[candidate(0.1, 60, 30)], 2, 0.01).unwrap();
        assert!(choice.cost > 1.0, "{choice:?}");
    }
}
