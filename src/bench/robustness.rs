//! What a guarantee is worth when inputs change: the full and the routed model on the test samples as they are and after
//! each perturbation, and how soon the scores alone tell.

use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use perforate_base::Result;
use perforate_base::units::Macs;
use perforate_data::perturb::Perturbation;
use perforate_engine::{Knobs, Path, Program, Session};
use perforate_onnx::{BINS, ScoreHistogram};
use perforate_routing::fit::calibrate::{Loss, RiskTarget};
use perforate_routing::watch::drift::DriftAlarm;

use super::paired::Z95;
use super::record::argmax;
use super::stats::{Interval, share_interval};
use super::subject::BenchTarget;

/// Inputs within which an alarm should sound.
pub const SOON: usize = 500;
/// Orders in which an alarm hears the same inputs.
const STREAMS: u64 = 100;

/// The full and the routed model on the test samples after one perturbation.
#[derive(Debug, Clone, PartialEq)]
pub struct Robustness {
    /// What was done to the samples, and how much of it; none for the samples as they are.
    pub change: Option<(String, usize)>,
    /// Share of the tokens or words that it touched.
    pub changed: Option<f64>,
    /// Number of samples.
    pub n: usize,
    /// Share of right answers of the full model.
    pub full: f64,
    /// The same of the routed model.
    pub routed: f64,
    /// Share of samples whose answer routing loses, in the sense of the guarantee, with its 95 % interval.
    pub risk: Interval,
    /// Label of each path of the routed model that was recorded, and the share of samples on it.
    pub paths: Vec<(String, f64)>,
    /// Mean operations of the routed model.
    pub macs: Macs,
    /// The same as a share of the full model's on these samples.
    pub cost: f64,
    /// How much more accuracy the perturbation costs the routed model than the full one, as a share of the samples:
    /// the mean and the half width of its 95 % interval.
    pub extra_loss: (f64, f64),
    /// What an alarm hears in the scores; none where the gates have none.
    pub alarm: Option<Alarm>,
}

/// An alarm that compares scores with the calibration's, in many orders of the same inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alarm {
    /// Inputs that it hears.
    pub inputs: usize,
    /// Share of the orders in which it sounds.
    pub sounds: f64,
    /// Inputs after which it sounds in half of the orders; none where it sounds in fewer.
    pub median: Option<u64>,
}

impl Robustness {
    /// Whether routing made it worse, beyond chance.
    pub fn is_worse(&self) -> bool {
        self.extra_loss.0 > self.extra_loss.1
    }
}

/// What the two models make of a sample.
#[derive(Debug, Clone, Copy)]
struct Judged {
    /// Whether the full and the routed model are right.
    right: [bool; 2],
    /// Whether routing lost the answer.
    lost: bool,
    /// Of the routed model.
    path: Path,
    /// Of the full and the routed model.
    macs: [Macs; 2],
    /// Of the first gate that looks at the sample.
    score: f32,
}

/// A comparison under way, at one setting of the knob: first the samples as they are, then each perturbation.
#[derive(Debug)]
pub struct PerturbationRun {
    full: Session,
    routed: Session,
    knobs: Knobs,
    target: RiskTarget,
    /// Samples that are judged, of each set.
    rows: usize,
    /// Those of the routed model whose shares are told.
    paths: Vec<Path>,
    /// The gate whose score an alarm hears.
    gate: Option<usize>,
    /// Its scores on the calibration samples.
    calibration: Vec<f32>,
    /// Sets of samples, in that order, as far as judged.
    judged: Vec<Vec<Judged>>,
    /// What came of it, once all is judged.
    results: Vec<Robustness>,
}

impl PerturbationRun {
    /// Nothing judged yet, of so many `rows` each; `paths` are those that the knob can lead to, `calibration` the scores
    /// of [`heard_gate`] on the calibration samples.
    pub fn new(
        subject: &BenchTarget,
        (knobs, target): (Knobs, RiskTarget),
        rows: usize,
        paths: Vec<Path>,
        calibration: Vec<f32>,
    ) -> PerturbationRun {
        let session = |program: &Arc<Program>| Session::new(program.clone());
        PerturbationRun {
            full: session(&subject.full),
            routed: session(&subject.routed),
            knobs,
            target,
            rows: rows.min(subject.test.0.len()),
            paths,
            gate: heard_gate(&subject.routed),
            calibration,
            judged: vec![vec![]; 1 + subject.perturbations.len()],
            results: vec![],
        }
    }

    /// Judges the next sample; returns whether there was one.
    pub fn step(&mut self, subject: &BenchTarget) -> Result<bool> {
        let rows = self.rows;
        let Some(set) = self.judged.iter().position(|judged| judged.len() < rows) else {
            if self.results.is_empty() {
                self.results = self.evaluate(subject)?;
            }
            return Ok(false);
        };
        let (samples, number) = (&subject.test.0, self.judged[set].len());
        let row = match set.checked_sub(1) {
            None => samples.row(number)?,
            Some(ix) => subject.perturbations[ix].row(samples, number)?,
        };
        let full = self.full.run(&row, &Knobs::new())?;
        let routed = self.routed.run(&row, &self.knobs)?;
        let label = samples.labels().map(|labels| labels[number]);
        let answers = [full.first()?, routed.first()?]
            .map(|output| argmax(&output.into_iter().collect::<Vec<f32>>()));
        let right = answers.map(|answer| Some(answer) == label);
        let lost = match self.target.loss {
            Loss::Error => right[0] && !right[1],
            Loss::Disagreement => answers[0] != answers[1],
        };
        self.judged[set].push(Judged {
            right,
            lost,
            path: routed.trace.rows[0].path,
            macs: [full.trace.total_macs(), routed.trace.total_macs()],
            score: self.gate.map_or(f32::NAN, |gate| routed.trace.scores[gate][0]),
        });
        Ok(true)
    }

    /// Share of the samples that are judged.
    pub fn share(&self) -> f64 {
        let done: usize = self.judged.iter().map(Vec::len).sum();
        done as f64 / (self.rows * self.judged.len()).max(1) as f64
    }

    /// What came of it; empty before all is judged.
    pub fn results(&self) -> &[Robustness] {
        &self.results
    }

    fn evaluate(&self, subject: &BenchTarget) -> Result<Vec<Robustness>> {
        let sets = std::iter::once(None).chain(subject.perturbations.iter().map(Some));
        sets.zip(&self.judged).map(|(change, judged)| self.of(subject, change, judged)).collect()
    }

    fn of(
        &self,
        subject: &BenchTarget,
        change: Option<&Perturbation>,
        judged: &[Judged],
    ) -> Result<Robustness> {
        let n = judged.len();
        let count = |is: &dyn Fn(&Judged) -> bool| judged.iter().filter(|one| is(one)).count();
        let share = |is: &dyn Fn(&Judged) -> bool| count(is) as f64 / n as f64;
        let rights = |judged: &[Judged]| judged.iter().map(|one| one.right).collect::<Vec<_>>();
        let macs = |ix: usize| judged.iter().map(|one| one.macs[ix]).sum::<Macs>() / n as f64;
        let path =
            |path: &Path| (subject.routed.path_label(*path), share(&|one| one.path == *path));
        let scores: Vec<f32> = judged.iter().map(|one| one.score).collect();
        Ok(Robustness {
            change: change.map(|own| (own.kind.clone(), own.strength)),
            changed: change.and_then(|own| own.changed),
            n,
            full: share(&|one| one.right[0]),
            routed: share(&|one| one.right[1]),
            risk: share_interval(count(&|one| one.lost) as u64, n as u64),
            paths: self.paths.iter().map(path).collect(),
            macs: macs(1),
            cost: macs(1) / macs(0),
            extra_loss: extra_loss(&rights(&self.judged[0]), &rights(judged)),
            alarm: self
                .gate
                .map(|_| alarm(&self.calibration, &scores, change.is_some(), self.target.delta))
                .transpose()?
                .flatten(),
        })
    }
}

/// The first gate that looks at the samples, whose score an alarm can hear.
pub fn heard_gate(program: &Program) -> Option<usize> {
    program.gates().iter().position(|gate| gate.is_input_dependent)
}

/// What an alarm hears in `scores`. Where nothing has `changed`, calibration and stream are drawn anew from both, in each
/// order: they are alike then, as the guarantee of the alarm assumes.
fn alarm(calibration: &[f32], scores: &[f32], changed: bool, delta: f64) -> Result<Option<Alarm>> {
    let whole = |all: &[f32]| all.iter().copied().filter(|s| !s.is_nan()).collect::<Vec<f32>>();
    let (mut known, mut heard) = (whole(calibration), whole(scores));
    let inputs = heard.len().min(SOON);
    if known.len() < 2 * BINS.min(inputs) || inputs == 0 {
        return Ok(None);
    }
    let mut delays = vec![];
    for stream in 0..STREAMS {
        let mut random = ChaCha8Rng::seed_from_u64(stream);
        if !changed {
            let (first, all) = (heard.len(), [&heard[..], &known[..]].concat());
            let mut all = all;
            all.shuffle(&mut random);
            heard = all[..first].to_vec();
            known = all[first..].to_vec();
        }
        heard.shuffle(&mut random);
        let known = ScoreHistogram::of(known.iter().copied(), BINS)?;
        let mut alarm = DriftAlarm::new(known, delta, stream)?;
        for &score in &heard[..inputs] {
            if alarm.observe(score) {
                break;
            }
        }
        delays.extend(alarm.sounded());
    }
    delays.sort_unstable();
    Ok(Some(Alarm {
        inputs,
        sounds: delays.len() as f64 / STREAMS as f64,
        median: delays.get(STREAMS as usize / 2).copied(),
    }))
}

/// Mean of (routed lost − full lost) over the samples, each in −2…2, and 1.96 standard errors.
fn extra_loss(before: &[[bool; 2]], after: &[[bool; 2]]) -> (f64, f64) {
    let lost =
        |ix: usize, row: usize| f64::from(i8::from(before[row][ix]) - i8::from(after[row][ix]));
    let extra: Vec<f64> = (0..before.len()).map(|row| lost(1, row) - lost(0, row)).collect();
    let n = extra.len().max(1) as f64;
    let mean = extra.iter().sum::<f64>() / n;
    let variance = extra.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, Z95 * (variance / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_routing_loses_beyond_the_full_model_is_told_from_chance() {
        let before = vec![[true, true]; 100];
        // Both lose ten; the routed model ten more.
        let after: Vec<[bool; 2]> = (0..100).map(|row| [row >= 10, row >= 20]).collect();
        let (mean, half) = extra_loss(&before, &after);
        assert!((mean - 0.1).abs() < 1e-12, "{mean}");
        // s² = 100/99 · 0.1 · 0.9.
        assert!((half - Z95 * (0.09f64 / 99.0).sqrt()).abs() < 1e-12, "{half}");
        assert_eq!(extra_loss(&before, &before), (0.0, 0.0));
    }

    #[test]
    fn an_alarm_hears_changed_scores_and_is_quiet_about_others() {
        let known: Vec<f32> = (0..1000).map(|ix| (ix as f32 * 0.618).fract()).collect();
        let same: Vec<f32> = (0..600).map(|ix| (ix as f32 * 0.414 + 0.3).fract()).collect();
        let lower: Vec<f32> = same.iter().map(|score| score * 0.7).collect();
        let quiet = alarm(&known, &same, false, 0.1).unwrap().unwrap();
        let heard = alarm(&known, &lower, true, 0.1).unwrap().unwrap();
        assert!(quiet.sounds <= 0.2 && quiet.median.is_none(), "{quiet:?}");
        assert!(heard.sounds == 1.0 && heard.median < Some(200), "{heard:?}");
        assert_eq!((quiet.inputs, heard.inputs), (SOON, SOON));
        assert_eq!(alarm(&known[..10], &same, true, 0.1).unwrap(), None);
    }
}
