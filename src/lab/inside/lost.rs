//! The inputs that a router costs: those that the full model answers rightly and the router does not.

use serde::Serialize;

use super::{Inspector, Sample, name};

/// An input that is lost at the setting of the moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct LostInput {
    /// Among the samples.
    index: usize,
    /// What stands instead of a picture.
    text: Option<String>,
    /// What the full model answers.
    full: String,
    /// What the router answers.
    routed: String,
    /// The path that answered.
    path: String,
}

impl Inspector {
    /// The inputs that this setting costs, of those that were looked at; none with routing off. Without labels, the inputs
    /// that it answers otherwise than the full model.
    pub fn lost(&self, setting: Option<usize>, classes: &[&str]) -> Vec<LostInput> {
        let is_lost = |sample: &Sample| {
            let own = sample.answers[self.path(sample, setting)];
            let full = sample.answers[self.full];
            own != full && sample.truth.is_none_or(|truth| full == truth)
        };
        let of = |(index, sample): (usize, &Sample)| {
            let path = self.path(sample, setting);
            LostInput {
                index,
                text: sample.text.clone(),
                full: name(classes, sample.answers[self.full]),
                routed: name(classes, sample.answers[path]),
                path: self.paths[path].label.clone(),
            }
        };
        let samples = self.samples.iter().enumerate().filter(|(_, sample)| !sample.own);
        samples.filter(|(_, sample)| is_lost(sample)).map(of).collect()
    }
}
