//! Data sets: samples with or without labels, and the split that keeps tuning apart from reporting.

pub mod images;
pub mod npz;
pub mod own;
pub mod perturb;
pub mod pictures;
pub mod sentences;

use std::io::Read;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::Batch;

/// Largest file read, unpacked: ten times the size of MNIST's training images.
const MAX_BYTES: u64 = 512 << 20;

/// The content of a file, unpacked if it is gzipped.
fn gunzip(name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut plain = vec![];
    flate2::read::GzDecoder::new(bytes).take(MAX_BYTES).read_to_end(&mut plain).map_err(|_| {
        let text = "the gzip file is damaged or truncated: fetch it again";
        Error::new(ErrorKind::Data, text).at(name)
    })?;
    Ok(plain)
}

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

/// Samples on which thresholds are chosen. Nothing reported is computed on them.
#[derive(Debug, Clone)]
pub struct Calibration(pub Samples);

/// Samples on which temperatures are fitted, and nothing else.
#[derive(Debug, Clone)]
pub struct Scaling(pub Samples);

/// Samples on which results are reported. Nothing is chosen on them.
#[derive(Debug, Clone)]
pub struct Test(pub Samples);

/// How many samples each split may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// For fitting temperatures; taken from the half for calibration, from its end.
    pub scaling: usize,
    /// For choosing the operating point, at most.
    pub calibration: usize,
    /// For reporting, at most.
    pub test: usize,
}

/// What a sample is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Scaling and calibration.
    Calibration,
    /// Reporting.
    Test,
}

/// The three splits; without labels there is nothing to scale.
pub type Splits = (Option<Scaling>, Calibration, Test);

/// Splits samples at random: one half for scaling and calibration, the other for the test.
pub fn split(samples: &Samples, sizes: Sizes, seed: u64) -> Result<Splits> {
    let rows = shuffled(samples, seed);
    let (own, test) = rows.split_at(rows.len() / 2);
    divide(samples, own, test, sizes)
}

/// Splits samples by what each is for, in random order.
pub fn split_by(samples: &Samples, parts: &[Part], sizes: Sizes, seed: u64) -> Result<Splits> {
    let (own, test): (Vec<usize>, Vec<usize>) =
        shuffled(samples, seed).into_iter().partition(|&row| parts[row] == Part::Calibration);
    divide(samples, &own, &test, sizes)
}

/// All rows in random order.
pub fn shuffled(samples: &Samples, seed: u64) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..samples.len()).collect();
    rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    rows
}

fn divide(samples: &Samples, own: &[usize], test: &[usize], sizes: Sizes) -> Result<Splits> {
    if own.is_empty() || test.is_empty() {
        let (own, test) = (own.len(), test.len());
        return Err(Error::new(
            ErrorKind::Data,
            format!(
                "there are {own} samples for calibration and {test} for the test: bring some for both"
            ),
        ));
    }
    let wanted = if samples.labels().is_some() { sizes.scaling } else { 0 };
    let (calibration, scaling) = own.split_at(own.len() - wanted.min(own.len() / 2));
    let take = |rows: &[usize], n: usize| samples.select(&rows[..n.min(rows.len())]);
    let scaling = (!scaling.is_empty()).then(|| take(scaling, scaling.len())).transpose()?;
    Ok((
        scaling.map(Scaling),
        Calibration(take(calibration, sizes.calibration)?),
        Test(take(test, sizes.test)?),
    ))
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
        let ragged = samples.with_lengths(vec![2, 5, 3]).unwrap().with_texts(texts).unwrap();
        assert_eq!(shape(ragged.row(0)), [1, 2]);
        assert_eq!(shape(ragged.rows(&[2, 0])), [2, 3]);
        let turned = ragged.select(&[2, 1]).unwrap();
        assert_eq!((turned.length(0), turned.text(1)), (Some(3), Some("b")));
    }

    #[test]
    fn a_table_may_say_what_each_row_is_for() {
        let x = ArrayD::from_shape_fn(vec![7, 1], |ix| ix[0] as f32);
        let samples = Samples::new(Batch::new().with("x", x), Some(vec![0; 7])).unwrap();
        let parts: Vec<Part> =
            (0..7).map(|row| if row < 4 { Part::Calibration } else { Part::Test }).collect();
        let sizes = Sizes { scaling: 1, calibration: 9, test: 2 };
        let (scaling, calibration, test) = split_by(&samples, &parts, sizes, 3).unwrap();
        let largest = |samples: &Samples| {
            let values = perforate_engine::to_array::<f32>(samples.inputs().get("x").unwrap());
            values.unwrap().into_iter().fold(0.0, f32::max)
        };
        let scaling = scaling.unwrap().0;
        assert_eq!((scaling.len(), calibration.0.len(), test.0.len()), (1, 3, 2));
        assert!(largest(&calibration.0).max(largest(&scaling)) == 3.0 && largest(&test.0) > 3.0);
        let fault = split_by(&samples, &[Part::Calibration; 7], sizes, 3).unwrap_err();
        assert!(
            fault.to_string().contains("7 samples for calibration and 0 for the test"),
            "{fault}"
        );
    }

    #[test]
    fn halves_share_no_sample_and_do_not_depend_on_the_size_asked() {
        let values = ArrayD::from_shape_fn(vec![101, 1], |ix| ix[0] as f32);
        let labels = Some(vec![0; 101]);
        let samples = Samples::new(Batch::new().with("x", values), labels).unwrap();
        let numbers = |s: &Samples| -> Vec<f32> {
            perforate_engine::to_array(s.inputs().get("x").unwrap()).unwrap().into_iter().collect()
        };
        let sizes = |scaling, n| Sizes { scaling, calibration: n, test: n };
        let (scaling, calibration, test) = split(&samples, sizes(12, 1000), 7).unwrap();
        let scaling = scaling.unwrap().0;
        let (_, few, few_test) = split(&samples, sizes(12, 10), 7).unwrap();
        assert_eq!((scaling.len(), calibration.0.len(), test.0.len()), (12, 38, 51));
        let mut all = [&scaling, &calibration.0, &test.0].map(numbers).concat();
        all.sort_by(f32::total_cmp);
        all.dedup();
        assert_eq!(all.len(), 101, "no sample stands in two splits");
        let (none, whole, _) = split(&samples, sizes(0, 1000), 7).unwrap();
        assert!(none.is_none() && whole.0.len() == 50);
        assert_eq!(numbers(&few.0), numbers(&calibration.0)[..10]);
        assert_eq!(numbers(&few_test.0), numbers(&test.0)[..10]);
    }
}
