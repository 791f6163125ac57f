//! What answers are judged by: the full model's outputs, labels if there are any, and when two answers are the same.

use super::record::argmax;

/// The full model's outputs by sample, and the labels.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceAnswers<'a> {
    /// The full model's outputs, `[n][outputs]`.
    pub full: &'a [Vec<f32>],
    /// A class each, if they are known.
    pub labels: Option<&'a [usize]>,
    /// Where outputs are numbers and no scores of classes: how far from the full model's each may lie.
    pub tolerance: Option<f32>,
}

impl ReferenceAnswers<'_> {
    /// Whether `output` answers sample `row` as the full model does: with the same class, or within the tolerance.
    pub fn agrees(&self, row: usize, output: &[f32]) -> bool {
        match self.tolerance {
            None => argmax(output) == argmax(&self.full[row]),
            Some(most) => output.iter().zip(&self.full[row]).all(|(a, b)| (a - b).abs() <= most),
        }
    }

    /// Whether `output` is right, where labels say what is.
    pub fn is_right(&self, row: usize, output: &[f32]) -> Option<bool> {
        self.labels.map(|labels| argmax(output) == labels[row])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_compared_by_the_largest_and_numbers_by_their_distance() {
        let full = [vec![1.0, 0.0]];
        let truth = |tolerance| ReferenceAnswers { full: &full, labels: Some(&[1]), tolerance };
        assert!(truth(None).agrees(0, &[0.4, 0.3]));
        assert!(!truth(Some(0.1)).agrees(0, &[0.4, 0.3]));
        assert!(truth(Some(0.1)).agrees(0, &[0.95, -0.1]));
        assert_eq!(truth(None).is_right(0, &[1.0, 0.0]), Some(false));
        assert_eq!(ReferenceAnswers { labels: None, ..truth(None) }.is_right(0, &[1.0, 0.0]), None);
    }
}
