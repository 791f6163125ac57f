//! Data sets: samples with or without labels, and the split that keeps tuning apart from reporting.

pub mod images;
pub mod npz;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::engine::Batch;
use crate::error::{Error, ErrorKind, Result};

/// Samples, and their labels if there are any.
#[derive(Debug, Clone)]
pub struct Samples {
    inputs: Batch,
    labels: Option<Vec<usize>>,
}

impl Samples {
    /// Takes `inputs` of shape `[n, …]` and one label each.
    pub fn new(inputs: Batch, labels: Option<Vec<usize>>) -> Result<Samples> {
        if inputs.rows() == 0 {
            return Err(Error::new(ErrorKind::Data, "the data set has no rows"));
        }
        if let Some(labels) = &labels
            && labels.len() != inputs.rows()
        {
            return Err(Error::new(
                ErrorKind::Data,
                format!("there are {} labels for {} rows", labels.len(), inputs.rows()),
            ));
        }
        Ok(Samples { inputs, labels })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.inputs.rows()
    }

    /// Whether there are none; [`Samples::new`] refuses that.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inputs, shape `[n, …]`.
    pub fn inputs(&self) -> &Batch {
        &self.inputs
    }

    /// The labels.
    pub fn labels(&self) -> Option<&[usize]> {
        self.labels.as_deref()
    }

    /// The given samples, in that order.
    pub fn select(&self, rows: &[usize]) -> Result<Samples> {
        let labels = self.labels.as_ref().map(|all| rows.iter().map(|&row| all[row]).collect());
        Samples::new(self.inputs.select(rows)?, labels)
    }
}

/// Samples on which thresholds are chosen. Nothing reported is computed on them.
#[derive(Debug, Clone)]
pub struct Calibration(pub Samples);

/// Samples on which results are reported. Nothing is chosen on them.
#[derive(Debug, Clone)]
pub struct Test(pub Samples);

/// Splits samples at random into halves, `calibration_n` and `test_n` at most.
pub fn split(
    samples: &Samples,
    calibration_n: usize,
    test_n: usize,
    seed: u64,
) -> Result<(Calibration, Test)> {
    let mut rows: Vec<usize> = (0..samples.len()).collect();
    rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let half = rows.len() / 2;
    let (calibration, test) = rows.split_at(half);
    let take = |rows: &[usize], n: usize| samples.select(&rows[..n.min(rows.len())]);
    Ok((Calibration(take(calibration, calibration_n)?), Test(take(test, test_n)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;

    #[test]
    fn halves_share_no_sample_and_do_not_depend_on_the_size_asked() {
        let values = ArrayD::from_shape_fn(vec![101, 1], |ix| ix[0] as f32);
        let samples = Samples::new(Batch::new().with("x", values), None).unwrap();
        let numbers = |s: &Samples| -> Vec<f32> {
            crate::engine::to_array(s.inputs().get("x").unwrap()).unwrap().into_iter().collect()
        };
        let (calibration, test) = split(&samples, 1000, 1000, 7).unwrap();
        let (few, few_test) = split(&samples, 10, 10, 7).unwrap();
        assert_eq!((calibration.0.len(), test.0.len()), (50, 51));
        assert!(numbers(&test.0).iter().all(|v| !numbers(&calibration.0).contains(v)));
        assert_eq!(numbers(&few.0), numbers(&calibration.0)[..10]);
        assert_eq!(numbers(&few_test.0), numbers(&test.0)[..10]);
    }
}
