//! Answers and probabilities from scores of classes.

use super::temperature::softmax;

/// The index of the largest value; the first of equals; NaN never wins.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (ix, &value) in values.iter().enumerate() {
        if value > values[best] || values[best].is_nan() {
            best = ix;
        }
    }
    best
}

/// The largest probability of softmax(z / T).
pub fn most_probable(logits: &[f32], temperature: f64) -> f32 {
    softmax(logits, temperature).into_iter().fold(0.0, f64::max) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argmax_takes_the_first_of_equals_and_passes_over_nan() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[f32::NAN, -1.0]), 1);
    }

    #[test]
    fn a_temperature_flattens() {
        assert!((most_probable(&[0.0, 0.0], 1.0) - 0.5).abs() < 1e-6);
        assert!(most_probable(&[2.0, 0.0], 1.0) > most_probable(&[2.0, 0.0], 4.0));
    }
}
