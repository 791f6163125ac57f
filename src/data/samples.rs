//! Samples: inputs of a model with labels, lengths and texts where there are any.

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::Batch;

/// Samples, and their labels if there are any.
#[derive(Debug, Clone)]
pub struct Samples {
    inputs: Batch,
    /// Places of axis 1 that each sample fills, if they differ; what comes after is padding.
    lengths: Option<Vec<usize>>,
    /// What the samples are made of, for people.
    texts: Option<Vec<String>>,
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
        Ok(Samples { inputs, lengths: None, texts: None, labels })
    }

    /// The same samples, of which each fills so many places of axis 1; a mask among the inputs must say the same.
    pub fn with_lengths(self, lengths: Vec<usize>) -> Result<Samples> {
        if lengths.len() != self.len() || lengths.contains(&0) {
            return Err(Error::new(
                ErrorKind::Data,
                format!("{} samples need a length of 1 or more each", self.len()),
            ));
        }
        Ok(Samples { lengths: Some(lengths), ..self })
    }

    /// The same samples with the texts that they were made of.
    pub fn with_texts(self, texts: Vec<String>) -> Result<Samples> {
        if texts.len() != self.len() {
            return Err(Error::new(
                ErrorKind::Data,
                format!("there are {} texts for {} rows", texts.len(), self.len()),
            ));
        }
        Ok(Samples { texts: Some(texts), ..self })
    }

    /// The text of a sample, if it is one.
    pub fn text(&self, row: usize) -> Option<&str> {
        self.texts.as_ref().map(|texts| texts[row].as_str())
    }

    /// One sample, `[1, …]`, without padding.
    pub fn row(&self, row: usize) -> Result<Batch> {
        self.rows(&[row])
    }

    /// These samples, in that order, padded to the longest of them.
    pub fn rows(&self, rows: &[usize]) -> Result<Batch> {
        let batch = self.inputs.select(rows)?;
        match rows.iter().map(|&row| self.length(row)).max().flatten() {
            Some(longest) => batch.shortened(longest),
            None => Ok(batch),
        }
    }

    /// Places of axis 1 that a sample fills; none where all fill all.
    pub fn length(&self, row: usize) -> Option<usize> {
        self.lengths.as_ref().map(|lengths| lengths[row])
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

    /// The same samples without their labels.
    pub fn without_labels(self) -> Samples {
        Samples { labels: None, ..self }
    }

    /// The given samples, in that order.
    pub fn select(&self, rows: &[usize]) -> Result<Samples> {
        let of = |all: &Vec<usize>| rows.iter().map(|&row| all[row]).collect();
        let samples = Samples::new(self.inputs.select(rows)?, self.labels.as_ref().map(of))?;
        let texts = self.texts.as_ref();
        Ok(Samples {
            lengths: self.lengths.as_ref().map(of),
            texts: texts.map(|all| rows.iter().map(|&row| all[row].clone()).collect()),
            ..samples
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;

    #[test]
    fn rows_are_padded_to_the_longest_of_a_batch_and_no_longer() {
        let x = ArrayD::from_shape_fn(vec![3, 5], |ix| (10 * ix[0] + ix[1]) as f32);
        let samples = Samples::new(Batch::new().with("x", x), None).unwrap();
        let shape = |batch: Result<Batch>| batch.unwrap().get("x").unwrap().shape().to_vec();
        assert_eq!(shape(samples.row(1)), [1, 5]);
        assert!(samples.clone().with_lengths(vec![2, 0, 3]).is_err());
        let texts = ["a", "b", "c"].map(String::from).to_vec();
        let dynamic_rows = samples.with_lengths(vec![2, 5, 3]).unwrap().with_texts(texts).unwrap();
        assert_eq!(shape(dynamic_rows.row(0)), [1, 2]);
        assert_eq!(shape(dynamic_rows.rows(&[2, 0])), [2, 3]);
        let turned = dynamic_rows.select(&[2, 1]).unwrap();
        assert_eq!((turned.length(0), turned.text(1)), (Some(3), Some("b")));
    }
}
