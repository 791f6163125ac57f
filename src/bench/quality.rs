//! How good the answers are: accuracy, agreement with the full model, deviation from it, and the
//! oracles that bound what any router between these paths could reach.

use perforate_engine::{Knobs, Work};

use super::paired::Paired;
use super::record::Recording;
use super::reference_answers::ReferenceAnswers;
use super::stats::Interval;

/// Figures over samples 0…n at one setting.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quality {
    /// Samples.
    pub n: usize,
    /// Share of right answers; none without labels.
    pub accuracy: Option<f64>,
    /// Share of answers equal to the full model's.
    pub agreement: f64,
    /// Largest absolute difference of an output from the full model's.
    pub deviation_max: f64,
    /// Mean absolute difference of the outputs from the full model's.
    pub deviation_mean: f64,
    /// What a sample computes and reads on average, gates included.
    pub work: Work,
    /// Mean share of a sample that each layer computes on; empty where the model does not tell.
    pub kept: Vec<f64>,
    /// Share of samples by path, in the order of the recording's paths.
    pub paths: Vec<f64>,
    /// Samples that the full model gets right and this setting wrong.
    pub errors: u64,
    /// Samples answered otherwise than by the full model.
    pub disagreements: u64,
}

impl Quality {
    /// Accuracy minus that of the full model on the same samples, in −1…1, with its 95 % interval; none without labels.
    pub fn difference(&self, full: &Quality) -> Option<Interval> {
        let apart = self.accuracy? - full.accuracy?;
        let gained = self.errors as f64 + apart * self.n as f64;
        let paired = Paired { n: self.n as u64, gained: gained.round() as u64, lost: self.errors };
        Some(paired.difference())
    }
}

/// What a setting answers for one sample.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Output values.
    pub output: &'a [f32],
    /// What was computed and read.
    pub work: Work,
    /// Index of the path, if it is one of the routed model's.
    pub path: Option<usize>,
}

/// Summarises `answers`, one a sample.
pub fn summarise<'a>(
    answers: impl Iterator<Item = Answer<'a>>,
    truth: ReferenceAnswers,
    path_count: usize,
) -> Quality {
    let mut quality = Quality { paths: vec![0.0; path_count], ..Quality::default() };
    let (mut right, mut values) = (0u64, 0u64);
    for (row, answer) in answers.enumerate() {
        let reference = &truth.full[row];
        quality.n += 1;
        quality.disagreements += u64::from(!truth.agrees(row, answer.output));
        let rights = truth.is_right(row, answer.output).zip(truth.is_right(row, reference));
        if let Some((own, of_full)) = rights {
            right += u64::from(own);
            quality.errors += u64::from(of_full && !own);
        }
        for (a, b) in answer.output.iter().zip(reference) {
            let difference = f64::from((a - b).abs());
            quality.deviation_max = quality.deviation_max.max(difference);
            quality.deviation_mean += difference;
            values += 1;
        }
        quality.work = quality.work + answer.work;
        if let Some(path) = answer.path {
            quality.paths[path] += 1.0;
        }
    }
    let n = quality.n.max(1) as f64;
    quality.paths.iter_mut().for_each(|share| *share /= n);
    quality.work = quality.work * (1.0 / n);
    quality.deviation_mean /= values.max(1) as f64;
    quality.agreement = 1.0 - quality.disagreements as f64 / n;
    quality.accuracy = truth.labels.map(|_| right as f64 / n);
    quality
}

/// The routed model at these knobs over the first `n` recorded samples.
pub fn routed(recording: &Recording, knobs: &Knobs, truth: ReferenceAnswers, n: usize) -> Quality {
    let answers = (0..n).map(|row| {
        let routed = recording.at(row, knobs);
        Answer { output: routed.output, work: routed.work, path: Some(routed.path) }
    });
    let mut kept: Vec<f64> = vec![];
    for row in 0..n {
        let own = recording.at(row, knobs).kept;
        kept.resize(own.len().max(kept.len()), 0.0);
        kept.iter_mut().zip(own).for_each(|(sum, &share)| *sum += f64::from(share) / n as f64);
    }
    Quality { kept, ..summarise(answers, truth, recording.paths.len()) }
}

/// The cheapest path that is good enough for each sample, else the full path: no router that
/// chooses between these paths does better. Good enough is right, or without labels, and always if
/// `agreement`, equal to the full model's answer. The oracle's own decision costs nothing. `cost` is that of a path for
/// a row.
pub fn oracle(
    recording: &Recording,
    truth: ReferenceAnswers,
    agreement: bool,
    n: usize,
    cost: impl Fn(usize, usize) -> f64,
) -> Quality {
    let answers = (0..n).map(|row| {
        let is_good = |output: &[f32]| match truth.is_right(row, output) {
            Some(right) if !agreement => right,
            _ => truth.agrees(row, output),
        };
        let cost = |ix: &usize| cost(*ix, row);
        let all = 0..recording.paths.len();
        let good = all.clone().filter(|&ix| is_good(&recording.paths[ix].outputs[row]));
        let path = good
            .min_by(|a, b| cost(a).total_cmp(&cost(b)))
            .or_else(|| all.max_by(|a, b| cost(a).total_cmp(&cost(b))))
            .unwrap_or(0);
        let record = &recording.paths[path];
        Answer { output: &record.outputs[row], work: record.work[row], path: Some(path) }
    });
    summarise(answers, truth, recording.paths.len())
}

/// A router that sends samples down the paths at random, with these shares: exact expectation.
/// It pays for the same gates as the routed model.
pub fn random(recording: &Recording, shares: &[f64], truth: ReferenceAnswers, n: usize) -> Quality {
    let mut mixed = Quality { n, paths: shares.to_vec(), ..Quality::default() };
    let mut accuracy = 0.0;
    for (ix, &share) in shares.iter().enumerate() {
        let record = &recording.paths[ix];
        let answers = (0..n).map(|row| Answer {
            output: &record.outputs[row],
            work: record.work[row],
            path: None,
        });
        let alone = summarise(answers, truth, 0);
        accuracy += share * alone.accuracy.unwrap_or(0.0);
        mixed.agreement += share * alone.agreement;
        mixed.deviation_mean += share * alone.deviation_mean;
        if share > 0.0 {
            mixed.deviation_max = mixed.deviation_max.max(alone.deviation_max);
        }
        mixed.work = mixed.work + alone.work * share;
    }
    mixed.accuracy = truth.labels.map(|_| accuracy);
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_base::units::Macs;

    #[test]
    fn counts_by_hand() {
        let full = vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 0.0]];
        let own = [vec![1.0, 0.0], vec![0.5, 0.0], vec![0.0, 3.0]];
        let answers = own.iter().enumerate().map(|(ix, output)| Answer {
            output,
            work: Work { macs: Macs(10.0), ..Work::default() },
            path: Some(ix % 2),
        });
        let quality = summarise(
            answers,
            ReferenceAnswers { full: &full, labels: Some(&[0, 1, 1]), tolerance: None },
            2,
        );
        assert_eq!(quality.accuracy, Some(2.0 / 3.0));
        assert_eq!((quality.errors, quality.disagreements), (1, 2));
        // The full model is right on the first and the second; it is wrong on the third, which is right here.
        let full = Quality { n: 3, accuracy: Some(2.0 / 3.0), ..Quality::default() };
        let paired = Paired { n: 3, gained: 1, lost: 1 };
        assert_eq!(quality.difference(&full), Some(paired.difference()));
        assert_eq!(quality.deviation_max, 3.0);
        assert!((quality.deviation_mean - (0.5 + 1.0 + 1.0 + 3.0) / 6.0).abs() < 1e-12);
        assert_eq!(quality.paths, [2.0 / 3.0, 1.0 / 3.0]);
        assert_eq!(quality.work.macs, Macs(10.0));
    }
}
