//! The line of mixtures: what choosing at random between static models gives.
//!
//! Picking one of two models at random reaches every point on the straight line between their costs and accuracies. The best of these lines are the upper hull of the models; a router is worth its gates as far as it lies above.

use super::paired::Z95;
use super::stats::{Interval, interval, median};

/// A model's answers and times, as the same samples and the same rounds show them.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Whether each sample is answered right.
    pub right: Vec<bool>,
    /// Seconds as a share of the full model's, round by round.
    pub costs: Vec<f64>,
}

impl Measured {
    /// Share of right answers.
    pub fn accuracy(&self) -> f64 {
        let right = self.right.iter().filter(|right| **right).count();
        right as f64 / self.right.len() as f64
    }

    /// Median cost.
    pub fn cost(&self) -> f64 {
        median(&self.costs)
    }
}

/// Indices of the corners of the upper hull of `(cost, accuracy)`, cheapest first: each is dearer and more accurate than the
/// one before, by ever less for its cost.
pub fn hull(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    // Of equally dear ones, the best first: the others then add nothing.
    order.sort_by(|&a, &b| {
        let (a, b) = (points[a], points[b]);
        a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1))
    });
    let mut corners: Vec<usize> = vec![];
    for ix in order {
        let (cost, accuracy) = points[ix];
        if corners.last().is_some_and(|&last| points[last].1 >= accuracy) {
            continue;
        }
        while let [.., before, last] = corners[..] {
            let slope = |from: usize| (accuracy - points[from].1) / (cost - points[from].0);
            if slope(before) > slope(last) {
                break;
            }
            corners.pop();
        }
        corners.push(ix);
    }
    corners
}

/// Accuracy of the line at a cost; none below the cheapest corner, and level beyond the dearest.
pub fn accuracy_at(points: &[(f64, f64)], cost: f64) -> Option<f64> {
    let corners = hull(points);
    let (from, to, share) = between(points, &corners, cost)?;
    Some(points[from].1 + share * (points[to].1 - points[from].1))
}

/// The corners on both sides of a cost, and the share of the second one in the lot.
fn between(points: &[(f64, f64)], corners: &[usize], cost: f64) -> Option<(usize, usize, f64)> {
    let after = corners.iter().position(|&ix| points[ix].0 > cost);
    match after {
        Some(0) => None,
        None => corners.last().map(|&last| (last, last, 0.0)),
        Some(after) => {
            let (from, to) = (corners[after - 1], corners[after]);
            Some((from, to, (cost - points[from].0) / (points[to].0 - points[from].0)))
        }
    }
}

/// How much more accurate a router is than the mixture of the same cost, in −1…1, with its 95 % interval; none where every
/// static model costs more.
///
/// The interval joins two spreads that have nothing to do with each other: that of the samples, paired, and that of the
/// times, which say where on the line the router stands. The corners are taken as known.
pub fn distance(router: &Measured, statics: &[Measured], launches: &[usize]) -> Option<Interval> {
    let points: Vec<(f64, f64)> = statics.iter().map(|own| (own.cost(), own.accuracy())).collect();
    let (from, to, share) = between(&points, &hull(&points), router.cost())?;
    let (from, to) = (&statics[from], &statics[to]);
    let number = |right: bool| f64::from(u8::from(right));
    let n = router.right.len();
    let differences: Vec<f64> = (0..n)
        .map(|row| {
            let lot = number(from.right[row]) * (1.0 - share) + number(to.right[row]) * share;
            number(router.right[row]) - lot
        })
        .collect();
    let mean = differences.iter().sum::<f64>() / n as f64;
    let squares = differences.iter().map(|own| (own - mean).powi(2)).sum::<f64>();
    let by_samples = squares / (n as f64 - 1.0).max(1.0) / n as f64;
    let shares: Vec<f64> = (0..router.costs.len())
        .map(|round| {
            let span = to.costs[round] - from.costs[round];
            if span == 0.0 { 0.0 } else { (router.costs[round] - from.costs[round]) / span }
        })
        .collect();
    let place = interval(&shares, launches);
    let by_times = (place.hi - place.lo) / (2.0 * Z95) * (to.accuracy() - from.accuracy());
    let half = Z95 * (by_samples + by_times.powi(2)).sqrt();
    Some(Interval { median: mean, lo: mean - half, hi: mean + half })
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_hull_leaves_out_what_a_lot_beats() {
        // The third lies below the line from the second to the last, the fourth costs more for less.
        let points = [(0.1, 0.80), (0.4, 0.92), (0.7, 0.925), (0.9, 0.91), (1.0, 0.94)];
        assert_eq!(hull(&points), [0, 1, 4]);
        assert_eq!(hull(&[(1.0, 0.9), (1.0, 0.95), (0.5, 0.95)]), [2]);
        assert!(hull(&[]).is_empty());
    }

    #[test]
    fn a_lot_lies_on_the_line() {
        let points = [(0.2, 0.8), (1.0, 0.9)];
        assert!((accuracy_at(&points, 0.6).unwrap() - 0.85).abs() < 1e-12);
        assert_eq!(accuracy_at(&points, 0.1), None);
        assert_eq!(accuracy_at(&points, 3.0), Some(0.9));
    }

    /// Two static models and a router 1 point above their line, with samples and times drawn anew each time.
    #[test]
    fn the_interval_covers_as_often_as_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let (experiments, n, rounds) = (1000, 1500, 25);
        let covered = (0..experiments).filter(|_| {
            let mut right = [vec![], vec![], vec![]];
            for _ in 0..n {
                // Hard samples are wrong more often with every model.
                let hardness: f64 = rng.random();
                for (own, accuracy) in right.iter_mut().zip([0.80, 0.94, 0.88]) {
                    let chance = accuracy + (1.0 - accuracy) * (1.0 - 2.0 * hardness);
                    own.push(rng.random::<f64>() < chance);
                }
            }
            let times = |cost: f64, rng: &mut ChaCha8Rng| -> Vec<f64> {
                let mut noise = || 1.0 + 0.05 * rng.sample::<f64, _>(rand_distr::StandardNormal);
                (0..rounds).map(|_| cost * noise()).collect()
            };
            let costs = [0.2, 1.0, 0.6].map(|cost| times(cost, &mut rng));
            let [light, full, router] = {
                let [a, b, c] = right;
                let [x, y, z] = costs;
                [(a, x), (b, y), (c, z)].map(|(right, costs)| Measured { right, costs })
            };
            let own = distance(&router, &[light, full], &[rounds]).unwrap();
            (own.lo..=own.hi).contains(&0.01)
        });
        let share = covered.count() as f64 / f64::from(experiments);
        assert!((0.93..=0.97).contains(&share), "nominal 95 %, seen {share}");
    }
}
