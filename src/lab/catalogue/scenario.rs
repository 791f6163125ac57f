//! A scenario: a name, how its model is routed, and the files that it needs.

use std::collections::HashSet;

use perforate_data::Sizes;
use perforate_report::{ScenarioReport, Section};
use perforate_routing::fit::calibrate::Loss;
use perforate_routing::score::Kind;
use perforate_strategies::Strategy;

/// Seed of everything random, unless another is asked for.
pub const SEED: u64 = 42;

/// Where the samples of a scenario come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// They are made from the seed.
    Seed,
    /// Pages of text, drawn from the seed with the characters of this file.
    Pages([&'static str; 1]),
    /// Files of images and labels.
    Images([&'static str; 2]),
    /// Files of labelled sentences and of the tokenizer.
    Sentences([&'static str; 2]),
    /// Model and inputs are the user's.
    Own,
}

impl Source {
    fn files(&self) -> &[&'static str] {
        match self {
            Source::Seed | Source::Own => &[],
            Source::Pages(files) => files,
            Source::Images(files) | Source::Sentences(files) => files,
        }
    }
}

/// Where a scenario stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Images, classified.
    Images,
    /// Sentences, classified.
    Text,
    /// A budget decides.
    Energy,
    /// What others are held against.
    Controls,
    /// The user's own.
    Own,
}

impl Group {
    /// What it is called, for people.
    pub fn title(self) -> &'static str {
        match self {
            Group::Images => "Images",
            Group::Text => "Text",
            Group::Energy => "Energy and precision",
            Group::Controls => "Controls",
            Group::Own => "Your models",
        }
    }
}

/// A scenario, a row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// `strategy/task`.
    pub name: &'static str,
    /// How its model is routed.
    pub strategy: &'static dyn Strategy,
    /// Where it stands among the others.
    pub group: Group,
    /// Title for people, in plain words.
    pub title: &'static str,
    /// The field's term for what it shows.
    pub term: &'static str,
    /// What it shows, in a sentence.
    pub text: &'static str,
    /// How it works, in a few sentences, where the strategy's explanation is not enough.
    pub how: Option<&'static str>,
    /// Names of the classes; empty where they have none.
    pub classes: &'static [&'static str],
    /// What the routed model is made of.
    pub model: &'static str,
    /// Name of the data.
    pub data: &'static str,
    /// Largest risk of the operating point that is looked for.
    pub epsilon: f64,
    /// Files of the parts that the composer is given, relative to the project's folder, in its order; in groups, so
    /// that scenarios can share one.
    pub parts: &'static [&'static [&'static str]],
    /// Where its samples come from.
    pub source: Source,
    /// File of what all its paths answer in the experiment that a page measures, recorded by `perforate answers`.
    pub answers: Option<&'static str>,
    /// Sections that it adds to its report.
    pub sections: &'static [fn(&ScenarioReport) -> Option<Section>],
    /// Models to compare with.
    pub references: &'static [Reference],
}

/// A model to compare with.
#[derive(Debug, Clone, Copy)]
pub enum Reference {
    /// The files that it consists of, in a row.
    Files(&'static [&'static str]),
    /// The same with its matrix products in eight bits, weights by column, activations as they come.
    EightBits(&'static [&'static str]),
    /// Another strategy at some settings of its knob; no static model, but judged like one.
    Routed {
        /// How it is routed.
        strategy: &'static dyn Strategy,
        /// Files of the parts that the composer is given, in groups.
        parts: &'static [&'static [&'static str]],
        /// Values of its knob.
        settings: &'static [f32],
    },
}

impl Reference {
    /// The files that it needs.
    pub fn files(self) -> Vec<&'static str> {
        match self {
            Reference::Files(files) | Reference::EightBits(files) => files.to_vec(),
            Reference::Routed { parts, .. } => parts.concat(),
        }
    }
}

impl Scenario {
    /// How it works, in a few sentences.
    pub fn explanation(&self) -> &'static str {
        self.how.unwrap_or_else(|| self.strategy.explanation())
    }

    /// What its guarantee counts as a loss. A network that is already deployed must keep its answers; others must stay right.
    pub fn loss(&self) -> Loss {
        match self.source {
            Source::Pages(_) => Loss::Disagreement,
            _ => Loss::Error,
        }
    }

    /// How many samples of each split have recorded answers; none where no file of them is there.
    pub fn recorded_rows(&self) -> Option<Sizes> {
        self.answers?;
        Some(match self.source {
            // All that there are.
            Source::Images(_) => Sizes { scaling: 300, calibration: 4000, test: 5000 },
            Source::Sentences(_) => Sizes { scaling: 200, calibration: 5000, test: 5000 },
            // More have to be drawn, and take memory.
            _ => Sizes { scaling: 200, calibration: 1000, test: 1000 },
        })
    }

    /// The confidence scores that its gates can use; none where they ask something else.
    pub fn scores(&self) -> &'static [Kind] {
        self.strategy.scores()
    }

    /// All files that it needs, each once.
    pub fn files(&self) -> impl Iterator<Item = &'static str> {
        let mut known = HashSet::new();
        let parts = self.parts.iter().copied();
        let beside = self.references.iter().map(|model| model.files());
        let all = parts.flatten().chain(self.source.files()).copied().chain(beside.flatten());
        all.filter(move |file| known.insert(*file))
    }
}

/// Scenarios are told apart by their names.
impl PartialEq for Scenario {
    fn eq(&self, other: &Scenario) -> bool {
        self.name == other.name
    }
}
