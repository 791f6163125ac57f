//! Figures of a whole curve: its Pareto front, hypervolume, the area under it, and what share of the
//! oracle's gain over a random router it realises.

use super::point::Point;
use super::quality::Quality;

/// Figures of a curve of settings, cheapest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CurveFigures {
    /// Indices of the settings that no other one beats in both cost and quality.
    pub front: Vec<usize>,
    /// Share of the box between (no cost, full model's quality) and (full model's cost,
    /// light model's quality) that the front dominates; above 1 if the router beats the full model.
    pub hypervolume: f64,
    /// Mean quality over the cost that the curve spans, by trapezoids.
    pub area: f64,
    /// (routed − random) / (oracle − random), each integrated over the share of rows on the full path:
    /// 0 for a random router, 1 for the oracle. None where the oracle has nothing to gain.
    pub oracle_share: Option<f64>,
    /// Whether it beats a random router by more than a router with meaningless scores would by luck: yes from
    /// three standard deviations on, no where with two more it would still be less than a quarter of what an oracle
    /// gains, and with more than two paths, where that bound is out of reach, less than one; else none.
    pub beats_random: Option<bool>,
}

/// A share of all that is spent between two settings is a leap from here on.
const LEAP: f64 = 0.5;

/// Quality of a setting: accuracy, or agreement without labels.
fn score(quality: &Quality) -> f64 {
    quality.accuracy.unwrap_or(quality.agreement)
}

/// Integral of `y` over `x` by trapezoids.
fn integral(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let next = points.clone().skip(1);
    points.zip(next).map(|((x0, y0), (x1, y1))| (x1 - x0) * (y0 + y1) / 2.0).sum()
}

/// Computes the figures of `curve`; `random` are random routers at the same rates, `full` and `light`
/// the models alone, on the same samples.
pub fn figures(
    curve: &[Point],
    random: &[Quality],
    full: &Quality,
    light: &Quality,
) -> CurveFigures {
    let cost = |point: &Point| point.cost;
    let front = front(curve);
    let gained = |quality: f64| (quality - score(light)) / (score(full) - score(light));
    let mut hypervolume = 0.0;
    for (ix, &at) in front.iter().enumerate() {
        let end = front.get(ix + 1).map_or(1.0, |&next| cost(&curve[next])).min(1.0);
        hypervolume += (end - cost(&curve[at])).max(0.0) * gained(score(&curve[at].quality));
    }
    let spanned = || curve.iter().map(|p| (cost(p), score(&p.quality)));
    let span = curve.last().map_or(0.0, cost) - curve.first().map_or(0.0, cost);

    let base = score(light);
    // Rows on which the two models are not equally right: what there is to gain or lose by choosing.
    let at_stake = light.disagreements as f64 / light.n.max(1) as f64;
    let lost = light.errors.max(if full.accuracy.is_none() { light.disagreements } else { 0 });
    let to_gain = lost as f64 / light.n.max(1) as f64;
    let best = |active: f64| base + active.min(to_gain);
    let along = along(curve);
    let settings = || along.iter().zip(curve.iter().zip(random));
    let own = integral(settings().map(|(&at, (p, r))| (at, score(&p.quality) - score(r))));
    let possible = integral(settings().map(|(&at, (_, r))| (at, best(at) - score(r))));
    // Scores without meaning make the gain a Brownian bridge in the share of rows; the variance of
    // its integral is 1/12 of a step's.
    let chance = (at_stake / (12.0 * light.n.max(1) as f64)).sqrt();
    let two_paths = full.paths.len() <= 2;
    CurveFigures {
        front,
        hypervolume,
        area: integral(spanned()) / span,
        // With more than two paths "active" is no share of rows, and the bound is another one.
        oracle_share: (possible > 0.0 && two_paths).then(|| own / possible),
        beats_random: match own {
            own if own > 3.0 * chance => Some(true),
            // Where the light model is as good as the full one there is nothing to choose for.
            own if score(full) > base
                && own + 2.0 * chance < possible / 4.0
                && (two_paths || own < chance) =>
            {
                Some(false)
            }
            _ => None,
        },
    }
}

/// Where each setting stands between the light end, 0, and the full end, 1, by what it spends. Where spending leaps, as from
/// eight bits to f32, the leap would outweigh all other settings; then it is the share of rows that leave the light path.
fn along(curve: &[Point]) -> Vec<f64> {
    let leaps = curve.windows(2).any(|pair| pair[1].active - pair[0].active > LEAP);
    let light = curve.first().and_then(|point| {
        let paths = point.quality.paths.iter().enumerate();
        paths.max_by(|a, b| a.1.total_cmp(b.1)).map(|(path, _)| path)
    });
    match light.filter(|_| leaps && curve.len() > 2) {
        Some(light) => curve.iter().map(|point| 1.0 - point.quality.paths[light]).collect(),
        None => curve.iter().map(|point| point.active).collect(),
    }
}

/// Indices of the points that no other point beats or equals in both, in the order of the curve.
fn front(curve: &[Point]) -> Vec<usize> {
    let better = |a: &Point, b: &Point| {
        let (costs, scores) = ((a.cost, b.cost), (score(&a.quality), score(&b.quality)));
        costs.0 <= costs.1 && scores.0 >= scores.1 && (costs.0 < costs.1 || scores.0 > scores.1)
    };
    (0..curve.len()).filter(|&ix| !curve.iter().any(|other| better(other, &curve[ix]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_base::units::Macs;
    use perforate_engine::Work;

    fn quality(macs: f64, accuracy: f64) -> Quality {
        let work = Work { macs: Macs(macs), ..Work::default() };
        Quality { n: 4000, work, accuracy: Some(accuracy), ..Quality::default() }
    }

    fn point(active: f64, accuracy: f64) -> Point {
        let quality = quality(0.1 + 0.9 * active, accuracy);
        let cost = quality.work.macs.0;
        Point { knob: None, active, cost, quality, batch1: None, batch_n: None }
    }

    /// Light 80 %, full 90 %, which is right on 10 % more rows and wrong on none that light gets right.
    fn of(accuracies: [f64; 3]) -> CurveFigures {
        of_paths(accuracies, 2)
    }

    fn of_paths(accuracies: [f64; 3], paths: usize) -> CurveFigures {
        let curve: Vec<Point> =
            [0.0, 0.5, 1.0].into_iter().zip(accuracies).map(|(a, q)| point(a, q)).collect();
        let random = [0.8, 0.85, 0.9].map(|q| quality(1.0, q));
        let light = Quality { errors: 400, disagreements: 400, ..quality(0.1, 0.8) };
        let full = Quality { paths: vec![0.0; paths], ..quality(1.0, 0.9) };
        figures(&curve, &random, &full, &light)
    }

    #[test]
    fn a_router_that_draws_lots_realises_nothing() {
        let figures = of([0.8, 0.85, 0.9]);
        assert!(figures.oracle_share.unwrap().abs() < 1e-12 && figures.beats_random == Some(false));
        assert!((figures.area - 0.85).abs() < 1e-12);
        assert_eq!(figures.front, [0, 1, 2]);
    }

    #[test]
    fn a_leap_in_cost_does_not_drown_what_is_gained_before_it() {
        let settings = [(0.0, 0.8, 1.0), (0.05, 0.88, 0.6), (0.1, 0.9, 0.1), (1.0, 0.9, 0.0)];
        let curve = settings.map(|(active, accuracy, light)| {
            let mut own = point(active, accuracy);
            own.quality.paths = vec![light, 1.0 - light];
            own
        });
        let random = [0.8, 0.84, 0.89, 0.9].map(|q| quality(1.0, q));
        let light = Quality { errors: 400, disagreements: 400, ..quality(0.1, 0.8) };
        let figures = figures(&curve, &random, &quality(1.0, 0.9), &light);
        assert_eq!(figures.beats_random, Some(true));
    }

    #[test]
    fn where_nothing_is_to_be_gained_no_router_is_blamed() {
        let curve = [point(0.0, 1.0), point(0.5, 0.99), point(1.0, 0.99)];
        let random = [1.0, 0.995, 0.99].map(|q| quality(1.0, q));
        let light = Quality { disagreements: 40, ..quality(0.1, 1.0) };
        assert_eq!(figures(&curve, &random, &quality(1.0, 0.99), &light).beats_random, None);
    }

    #[test]
    fn an_oracle_realises_all_and_the_front_is_its_box() {
        let figures = of([0.8, 0.9, 0.9]);
        assert!((figures.oracle_share.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(figures.beats_random, Some(true));
        // The full end is as good and costs more.
        assert_eq!(figures.front, [0, 1]);
        // From 0.55 of the operations on, all of the quality to be gained.
        assert!((figures.hypervolume - 0.45).abs() < 1e-12);
    }

    #[test]
    fn a_gain_within_chance_is_no_gain() {
        // sqrt(0.1 / 48000) = 0.0014: a bump of 0.002 integrates to less, one of 0.007 to less than three of them.
        assert_eq!(of([0.8, 0.852, 0.9]).beats_random, Some(false));
        assert_eq!(of([0.8, 0.857, 0.9]).beats_random, None);
        assert_eq!(of([0.8, 0.86, 0.9]).beats_random, Some(true));
        // With more paths, what an oracle gains says less.
        let three = |middle| of_paths([0.8, middle, 0.9], 3).beats_random;
        assert_eq!((of([0.8, 0.856, 0.9]).beats_random, three(0.856)), (Some(false), None));
        assert_eq!((three(0.852), three(0.86)), (Some(false), Some(true)));
    }
}
