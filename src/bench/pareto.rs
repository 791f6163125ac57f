//! The Pareto front: what nothing else is better than in both quantities.

/// The points of the front, where more is better in both, by falling `x`. Of equal points one stays; those that
/// are not finite are left out.
pub fn front(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points: Vec<_> =
        points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    points.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let mut front: Vec<(f64, f64)> = vec![];
    for point in points {
        if front.last().is_none_or(|last| point.1 > last.1) {
            front.push(point);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::front;

    #[test]
    fn what_is_worse_in_both_is_left_out() {
        let points = [(1.0, 0.9), (2.0, 0.8), (1.5, 0.7), (2.0, 0.6), (3.0, 0.5), (1.0, 0.9)];
        assert_eq!(front(&points), [(3.0, 0.5), (2.0, 0.8), (1.0, 0.9)]);
        assert_eq!(front(&[(f64::NAN, 1.0), (1.0, 1.0)]), [(1.0, 1.0)]);
        assert_eq!(front(&[]), []);
    }
}
