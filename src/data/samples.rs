//! Samples: inputs of a model with labels, lengths and texts where there are any.

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, to_array};

/// Samples, and their labels if there are any.
#[derive(Debug, Clone)]
pub struct Samples {
    inputs: Batch,
    /// Places of axis 1 that each sample fills, if they differ; what comes after is padding.
    lengths: Option<Vec<usize>>,
    /// What the samples are made of, for people.
    texts: Option<Vec<String>>,
    labels: Option<Vec<usize>>,
    /// Whether inputs are kept as bytes, 255 for 1, which become numbers when they are asked for.
    bytes: bool,
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
        Ok(Samples { inputs, lengths: None, texts: None, labels, bytes: false })
    }

    /// The same of inputs that are bytes: pixels, which take a quarter of the memory so. [`Samples::rows`] gives numbers in 0…1.
    pub fn of_bytes(inputs: Batch, labels: Option<Vec<usize>>) -> Result<Samples> {
        Ok(Samples { bytes: true, ..Samples::new(inputs, labels)? })
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
        let mut batch = self.inputs.select(rows)?;
        if self.bytes {
            batch = unpacked(&batch)?;
        }
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

    /// The inputs as they are kept, shape `[n, …]`.
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
            bytes: self.bytes,
            ..samples
        })
    }
}

/// Bytes as numbers in 0…1.
fn unpacked(batch: &Batch) -> Result<Batch> {
    let mut numbers = Batch::new();
    for name in batch.names() {
        let Some(tensor) = batch.get(name) else { continue };
        numbers = numbers.with(name, to_array::<u8>(tensor)?.mapv(|byte| f32::from(byte) / 255.0));
    }
    Ok(numbers)
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

    #[test]
    fn bytes_become_numbers_when_they_are_asked_for() {
        let x = ArrayD::from_shape_vec(vec![2, 2], vec![0u8, 51, 255, 102]).unwrap();
        let samples = Samples::of_bytes(Batch::new().with("x", x), Some(vec![0, 1])).unwrap();
        let numbers = |samples: &Samples, row| {
            to_array::<f32>(samples.row(row).unwrap().get("x").unwrap()).unwrap()
        };
        assert_eq!(numbers(&samples, 1).as_slice(), Some(&[1.0, 0.4][..]));
        let turned = samples.select(&[1, 0]).unwrap();
        assert_eq!(numbers(&turned, 1).as_slice(), Some(&[0.0, 0.2][..]));
    }
}
