//! Splits that keep tuning apart from reporting: scaling, calibration and test share no sample.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use perforate_base::{Error, ErrorKind, Result};

use super::samples::Samples;

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
    use perforate_engine::Batch;

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
