//! The default of a routed model's knob: the cheapest setting whose risk is known to be small enough.

use std::collections::BTreeMap;
use std::sync::Arc;

use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_engine::{Knobs, Program, Session};
use perforate_onnx::{KnobRange, ScoreHistogram};
use perforate_routing::fit::calibrate::{Loss, RiskTarget, certify};

use super::dense::{knob_values, knob_values_by_cost};
use super::quality::{Quality, routed};
use super::record::Recording;
use super::reference_answers::ReferenceAnswers;

/// Settings that are tested, one after the other, from the full end on.
const SETTINGS: usize = 100;

/// Answers of all paths for some samples, and what the knob may be.
#[derive(Debug)]
pub struct Settings {
    recording: Recording,
    full: Vec<Vec<f32>>,
    labels: Option<Vec<usize>>,
    knob: String,
    range: KnobRange,
}

/// A setting that keeps the risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Name and value of the knob.
    pub knob: (String, f32),
    /// p-value of the hypothesis that the risk is larger than asked for.
    pub p_value: f64,
    /// Number of samples.
    pub n: u64,
}

impl Settings {
    /// Runs every path of a routed model on every sample.
    pub fn record(program: &Arc<Program>, samples: &Samples) -> Result<Settings> {
        let of_one = program.metadata().knobs.iter().next();
        let (knob, range) = of_one.filter(|_| program.knobs().len() == 1).ok_or_else(|| {
            let text = "it has no knob whose range is known: only a model that was routed here can be calibrated";
            Error::new(ErrorKind::Model, text).at(program.name())
        })?;
        let mut recording = Recording::new(program.clone())?;
        let mut session = Session::new(program.clone());
        while recording.len() < samples.len() {
            recording.extend_all(&mut session, samples)?;
        }
        let full_end = Knobs::new().with(knob, range.full);
        let full =
            (0..samples.len()).map(|row| recording.at(row, &full_end).output.to_vec()).collect();
        let labels = samples.labels().map(<[usize]>::to_vec);
        Ok(Settings { full, labels, knob: knob.clone(), range: *range, recording })
    }

    /// The cheapest setting of those that pass, tested from the full end on; an error says how many samples it would take.
    pub fn choose(&self, target: &RiskTarget) -> Result<Chosen> {
        let n = self.full.len();
        let shares = (1..SETTINGS).map(|step| step as f64 / SETTINGS as f64);
        let mut grid = if self.recording.program().gates().len() > 1 {
            let knob = (self.knob.as_str(), self.range);
            knob_values_by_cost(&self.recording, n, knob, shares, |work| work.macs.0)
        } else {
            knob_values(self.recording.all_scores(n), self.range, shares)
        };
        grid.reverse();
        let loss = |quality: Quality| match target.loss {
            Loss::Error if self.labels.is_some() => quality.errors,
            _ => quality.disagreements,
        };
        let losses: Vec<u64> = grid.iter().map(|&value| loss(self.at(value))).collect();
        let certificate = certify(target, &losses, n as u64);
        // The full end loses nothing and saves nothing: that alone is no setting.
        let chosen = certificate.chosen.filter(|&ix| ix > 0).ok_or_else(|| {
            let text = format!(
                "no setting but the full model keeps the risk within {} on {n} inputs; with no loss at all {} would do: bring more inputs, or allow more",
                target.epsilon,
                target.smallest_n()
            );
            Error::new(ErrorKind::Data, text).at(self.recording.program().name())
        })?;
        let knob = (self.knob.clone(), grid[chosen]);
        Ok(Chosen { knob, p_value: certificate.p_value, n: n as u64 })
    }

    /// How the samples fare at a value of the knob, against the full end.
    pub fn at(&self, value: f32) -> Quality {
        let knobs = Knobs::new().with(&self.knob, value);
        let tolerance = self.recording.program().metadata().tolerance;
        let truth =
            ReferenceAnswers { full: &self.full, labels: self.labels.as_deref(), tolerance };
        routed(&self.recording, &knobs, truth, self.full.len())
    }

    /// The scores that each gate compares at this value, by the gate's name: what an alarm holds later scores against.
    pub fn score_histograms(&self, value: f32) -> BTreeMap<String, ScoreHistogram> {
        self.recording.score_histograms(&Knobs::new().with(&self.knob, value))
    }

    /// Operations at this value, as a share of those at the full end.
    pub fn cost(&self, value: f32) -> f64 {
        self.at(value).work.macs / self.at(self.range.full).work.macs
    }
}
