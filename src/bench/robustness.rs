//! Whether routing makes a model less robust: full and routed model on perturbed samples.

use std::sync::Arc;

use perforate_base::Result;
use perforate_base::units::Macs;
use perforate_engine::{Knobs, Path, Program, Session};

use super::record::argmax;
use super::subject::BenchTarget;

/// Quantile of the normal distribution for a 95 % interval.
const Z: f64 = 1.96;

/// The full and the routed model on the test samples after one perturbation.
#[derive(Debug, Clone, PartialEq)]
pub struct Robustness {
    /// What was done to the samples.
    pub name: String,
    /// Share of the tokens or words that it touched.
    pub changed: f64,
    /// Share of right answers of the full model.
    pub full: f64,
    /// The same of the routed model.
    pub routed: f64,
    /// Label of each path of the routed model that was recorded, and the share of samples on it.
    pub paths: Vec<(String, f64)>,
    /// Mean operations of the routed model.
    pub macs: Macs,
    /// How much more accuracy the perturbation costs the routed model than the full one, as a share of the samples:
    /// the mean and the half width of its 95 % interval.
    pub extra_loss: (f64, f64),
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
    /// Of the routed model.
    path: Path,
    /// Of the routed model.
    macs: Macs,
}

/// A comparison under way, at one setting of the knob: first the samples as they are, then each perturbation.
#[derive(Debug)]
pub struct PerturbationRun {
    full: Session,
    routed: Session,
    knobs: Knobs,
    /// Those of the routed model whose shares are told.
    paths: Vec<Path>,
    /// Sets of samples, in that order, as far as judged.
    judged: Vec<Vec<Judged>>,
}

impl PerturbationRun {
    /// Nothing judged yet; `paths` are those that the knob can lead to.
    pub fn new(subject: &BenchTarget, knobs: Knobs, paths: Vec<Path>) -> PerturbationRun {
        let session = |program: &Arc<Program>| Session::new(program.clone());
        let (full, routed) = (session(&subject.full), session(&subject.routed));
        let judged = vec![vec![]; 1 + subject.perturbations.len()];
        PerturbationRun { full, routed, knobs, paths, judged }
    }

    /// Judges the next sample; returns whether there was one.
    pub fn step(&mut self, subject: &BenchTarget) -> Result<bool> {
        let own = std::iter::once(&subject.test.0);
        let all = own.chain(subject.perturbations.iter().map(|perturbation| &perturbation.samples));
        let next = self.judged.iter_mut().zip(all).find(|(judged, all)| judged.len() < all.len());
        let Some((judged, samples)) = next else { return Ok(false) };
        let number = judged.len();
        let row = samples.row(number)?;
        let full = self.full.run(&row, &Knobs::new())?.first()?;
        let outcome = self.routed.run(&row, &self.knobs)?;
        let label = samples.labels().map(|labels| labels[number]);
        let right = [full, outcome.first()?]
            .map(|output| Some(argmax(&output.into_iter().collect::<Vec<f32>>())) == label);
        let (path, macs) = (outcome.trace.rows[0].path, outcome.trace.total_macs());
        judged.push(Judged { right, path, macs });
        Ok(true)
    }

    /// What came of it, once all is judged.
    pub fn results(&self, subject: &BenchTarget) -> Vec<Robustness> {
        let n = subject.test.0.len();
        if self.judged.iter().any(|judged| judged.len() < n) {
            return vec![];
        }
        let names = std::iter::once(("As they are", 0.0))
            .chain(subject.perturbations.iter().map(|own| (own.name.as_str(), own.changed)));
        let rights = |judged: &[Judged]| judged.iter().map(|one| one.right).collect::<Vec<_>>();
        let share = |count: usize| count as f64 / n as f64;
        let report = |((name, changed), judged): ((&str, f64), &Vec<Judged>)| Robustness {
            name: name.to_string(),
            changed,
            full: share(judged.iter().filter(|one| one.right[0]).count()),
            routed: share(judged.iter().filter(|one| one.right[1]).count()),
            paths: self
                .paths
                .iter()
                .map(|path| {
                    let taken = judged.iter().filter(|one| one.path == *path).count();
                    (subject.routed.path_label(*path), share(taken))
                })
                .collect(),
            macs: judged.iter().map(|one| one.macs).sum::<Macs>() / n as f64,
            extra_loss: extra_loss(&rights(&self.judged[0]), &rights(judged)),
        };
        names.zip(&self.judged).map(report).collect()
    }
}

/// Mean of (routed lost − full lost) over the samples, each in −2…2, and 1.96 standard errors.
fn extra_loss(before: &[[bool; 2]], after: &[[bool; 2]]) -> (f64, f64) {
    let lost =
        |ix: usize, row: usize| f64::from(i8::from(before[row][ix]) - i8::from(after[row][ix]));
    let extra: Vec<f64> = (0..before.len()).map(|row| lost(1, row) - lost(0, row)).collect();
    let n = extra.len().max(1) as f64;
    let mean = extra.iter().sum::<f64>() / n;
    let variance = extra.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, Z * (variance / n).sqrt())
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
        assert!((half - 1.96 * (0.09f64 / 99.0).sqrt()).abs() < 1e-12, "{half}");
        assert_eq!(extra_loss(&before, &before), (0.0, 0.0));
        let robustness = |extra_loss| Robustness {
            name: String::new(),
            changed: 0.0,
            full: 0.0,
            routed: 0.0,
            paths: vec![],
            macs: Macs(0.0),
            extra_loss,
        };
        assert!(robustness((mean, half)).is_worse() && !robustness((0.0, 0.0)).is_worse());
        assert!(!robustness((0.1, 0.2)).is_worse());
    }
}
