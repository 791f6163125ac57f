//! The average of several models' answers: Σ bᵢ zᵢ over their logits, a product of experts.
//!
//! Hinton, "Training Products of Experts by Minimizing Contrastive Divergence" (Neural Computation 2002); as a linear
//! combination of the logits of classifiers, Hashem, "Optimal linear combinations of neural networks" (1997). The weights
//! minimise the negative log-likelihood, which is convex in them, so Newton's method finds them.

use nalgebra::{DMatrix, DVector};

use crate::fit::temperature::softmax;

/// Most steps of Newton's method; some five suffice.
const STEPS: usize = 30;
/// A step that changes no weight by more ends the search.
const NEAR: f64 = 1e-9;
/// Penalty on the squares of the weights: they stay finite where the answers explain everything.
const PENALTY: f64 = 1e-4;

/// Weights of the models' logits, none below 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Blend {
    /// One a model; they sum to 1.
    pub weights: Vec<f64>,
    /// T, by which the average is divided to mean what it says.
    pub temperature: f64,
}

impl Blend {
    /// The weights that explain the labels best. `answers` are logits, `[model][row][class]`.
    pub fn fit(answers: &[&[Vec<f32>]], labels: &[usize]) -> Blend {
        let mut kept: Vec<usize> = (0..answers.len()).collect();
        loop {
            let own: Vec<&[Vec<f32>]> = kept.iter().map(|&ix| answers[ix]).collect();
            let weights = newton(&own, labels);
            // A model that would be counted against is left out; the first of several, as it costs least to be without.
            match weights.iter().position(|&weight| weight <= 0.0).filter(|_| kept.len() > 1) {
                Some(place) => drop(kept.remove(place)),
                None => {
                    let sum: f64 = weights.iter().sum();
                    let mut all = vec![0.0; answers.len()];
                    kept.iter().zip(&weights).for_each(|(&ix, weight)| all[ix] = weight / sum);
                    return Blend { weights: all, temperature: 1.0 / sum.max(1e-6) };
                }
            }
        }
    }

    /// The average of one row, from the models' logits.
    pub fn apply(&self, logits: &[&[f32]]) -> Vec<f32> {
        let classes = logits.first().map_or(0, |row| row.len());
        let of = |class: usize| {
            let terms = logits.iter().zip(&self.weights);
            terms.map(|(row, weight)| *weight as f32 * row[class]).sum()
        };
        (0..classes).map(of).collect()
    }
}

fn newton(answers: &[&[Vec<f32>]], labels: &[usize]) -> Vec<f64> {
    let models = answers.len();
    let n = labels.len().max(1) as f64;
    let mut weights = DVector::from_element(models, 1.0 / models as f64);
    for _ in 0..STEPS {
        let mut gradient = PENALTY * &weights;
        let mut hessian = DMatrix::identity(models, models) * PENALTY;
        for (row, &label) in labels.iter().enumerate() {
            let rows: Vec<&[f32]> = answers.iter().map(|own| own[row].as_slice()).collect();
            let blend = Blend { weights: weights.iter().copied().collect(), temperature: 1.0 };
            let p = softmax(&blend.apply(&rows), 1.0);
            let mean = |own: &[f32]| p.iter().zip(own).map(|(p, &z)| p * f64::from(z)).sum::<f64>();
            let means: Vec<f64> = rows.iter().map(|own| mean(own)).collect();
            for i in 0..models {
                let seen = rows[i].get(label).copied().unwrap_or_default();
                gradient[i] += (means[i] - f64::from(seen)) / n;
                for j in 0..=i {
                    let products = p.iter().zip(rows[i]).zip(rows[j]);
                    let mixed: f64 =
                        products.map(|((p, &a), &b)| p * f64::from(a) * f64::from(b)).sum();
                    hessian[(i, j)] += (mixed - means[i] * means[j]) / n;
                    hessian[(j, i)] = hessian[(i, j)];
                }
            }
        }
        let Some(step) = hessian.cholesky().map(|own| own.solve(&gradient)) else { break };
        // Half a step where a whole one would turn a weight over: the likelihood of huge logits is steep.
        let longest = step.amax();
        weights -= &step * if longest > 1.0 { 1.0 / longest } else { 1.0 };
        if longest < NEAR {
            break;
        }
    }
    weights.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::fit::classes::argmax;

    /// Two models that see the same truth with noise of their own, the second with half of it, and a third of noise alone.
    fn answers(n: usize) -> ([Vec<Vec<f32>>; 3], Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut all = [vec![], vec![], vec![]];
        let mut labels = vec![];
        for _ in 0..n {
            let label = rng.random_range(0..4usize);
            labels.push(label);
            for (own, (signal, noise)) in all.iter_mut().zip([(1.0, 2.0), (1.0, 1.0), (0.0, 1.0)]) {
                let row = (0..4).map(|class| {
                    let truth = if class == label { signal } else { 0.0 };
                    truth + noise * crate::fit::layer::normal(&mut rng)
                });
                own.push(row.collect());
            }
        }
        (all, labels)
    }

    #[test]
    fn independent_answers_are_weighed_by_how_well_they_see() {
        let (all, labels) = answers(8000);
        let rows: Vec<&[Vec<f32>]> = all.iter().map(Vec::as_slice).collect();
        let blend = Blend::fit(&rows, &labels);
        // Signal over variance: ¼ and 1.
        assert!((blend.weights[1] / blend.weights[0] - 4.0).abs() < 0.6, "{blend:?}");
        assert!(blend.weights[2] < 0.05 && blend.weights.iter().all(|w| *w >= 0.0), "{blend:?}");
        assert!((blend.weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let right = |blend: &Blend| {
            let row = |ix: usize| -> Vec<&[f32]> { rows.iter().map(|own| &own[ix][..]).collect() };
            (0..labels.len()).filter(|&ix| argmax(&blend.apply(&row(ix))) == labels[ix]).count()
        };
        let best_alone = right(&Blend { weights: vec![0.0, 1.0, 0.0], temperature: 1.0 });
        assert!(right(&blend) > best_alone + 50, "{} and {best_alone}", right(&blend));
    }

    #[test]
    fn one_model_gets_a_temperature() {
        let (all, labels) = answers(8000);
        let blend = Blend::fit(&[&all[1]], &labels);
        assert_eq!(blend.weights, [1.0]);
        let alone = crate::fit::temperature::fit(&all[1], &labels);
        assert!((blend.temperature / alone - 1.0).abs() < 0.01, "{blend:?} {alone}");
    }
}
