//! Which samples are timed: few, that stand for all.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `count` rows whose scores stand at evenly spaced ranks, so that at every threshold the share of rows beyond it is
/// that of all rows, to within one in `count`.
pub fn stratified_rows(scores: &[f32], count: usize) -> Vec<usize> {
    let n = scores.len();
    let mut ranked: Vec<usize> = (0..n).collect();
    ranked.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let count = count.min(n);
    let mut rows: Vec<usize> = (0..count).map(|i| ranked[(2 * i + 1) * n / (2 * count)]).collect();
    rows.sort_by_key(|&row| scattered(row));
    rows
}

/// Draws among which [`balanced_rows`] chooses.
const DRAWS: usize = 500;

/// `count` rows that cost at every setting what all rows cost: of some draws, one from each stratum of rows of like
/// cost, the one whose mean costs are nearest to those of all rows. `costs[row][setting]` are operations.
pub fn balanced_rows(costs: &[Vec<f64>], count: usize, seed: u64) -> Vec<usize> {
    let n = costs.len();
    let count = count.min(n);
    let mut ranked: Vec<usize> = (0..n).collect();
    let effort: Vec<f64> = costs.iter().map(|row| row.iter().sum()).collect();
    ranked.sort_by(|&a, &b| effort[a].total_cmp(&effort[b]));
    let settings = costs.first().map_or(0, Vec::len);
    let mean = |rows: &[usize], setting: usize| {
        rows.iter().map(|&row| costs[row][setting]).sum::<f64>() / rows.len().max(1) as f64
    };
    let of_all: Vec<f64> = (0..settings).map(|setting| mean(&ranked, setting)).collect();
    let distance = |rows: &[usize]| {
        let off = (0..settings).map(|setting| (mean(rows, setting) / of_all[setting]).ln().abs());
        off.fold(0.0, f64::max)
    };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let draw = |_| -> Vec<usize> {
        (0..count)
            .map(|ix| ranked[random.random_range(ix * n / count..(ix + 1) * n / count)])
            .collect()
    };
    let draws: Vec<Vec<usize>> = (0..DRAWS).map(draw).collect();
    let nearest = draws.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let mut rows = nearest.unwrap_or_default();
    rows.sort_by_key(|&row| scattered(row));
    rows
}

/// An order that has nothing to do with scores, so that batches hold hard and easy rows mixed.
fn scattered(row: usize) -> u32 {
    (row as u32).wrapping_mul(2_654_435_761)
}

#[cfg(test)]
mod tests {
    use super::{balanced_rows, stratified_rows};

    #[test]
    fn balanced_rows_cost_what_all_cost() {
        // Lengths that have nothing to do with where a row exits, as sentences have.
        let cost = |row: usize, setting: usize| {
            let (length, exit) = (5 + (row * 31) % 23, (row * 17) % 7);
            (length * if exit < setting { exit + 1 } else { setting + 1 }) as f64
        };
        let costs: Vec<Vec<f64>> =
            (0..192).map(|row| (0..7).map(|setting| cost(row, setting)).collect()).collect();
        let rows = balanced_rows(&costs, 24, 42);
        let distinct: std::collections::HashSet<_> = rows.iter().collect();
        assert_eq!((rows.len(), distinct.len()), (24, 24));
        let mean = |rows: &[usize], setting: usize| {
            rows.iter().map(|&row| cost(row, setting)).sum::<f64>() / rows.len() as f64
        };
        let all: Vec<usize> = (0..192).collect();
        for setting in 0..7 {
            let ratio = mean(&rows, setting) / mean(&all, setting);
            assert!((ratio - 1.0).abs() < 0.03, "setting {setting}: {ratio}");
        }
        assert_eq!(balanced_rows(&costs, 500, 1).len(), 192);
    }

    #[test]
    fn shares_beyond_any_threshold_are_kept() {
        let scores: Vec<f32> = (0..1000).map(|i| ((i * 377) % 1000) as f32 / 1000.0).collect();
        let rows = stratified_rows(&scores, 40);
        assert_eq!(rows.len(), 40);
        for threshold in [0.1, 0.25, 0.5, 0.9] {
            let share = rows.iter().filter(|&&r| scores[r] >= threshold).count() as f32 / 40.0;
            assert!((share - (1.0 - threshold)).abs() <= 1.0 / 40.0 + 1e-6);
        }
        let distinct: std::collections::HashSet<_> = rows.iter().collect();
        assert_eq!(distinct.len(), 40);
    }
}
