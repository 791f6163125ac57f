//! What blocks of attention are left out by, and what that does to an answer.

use serde::{Deserialize, Serialize};

/// By what blocks are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Importance and threshold as they were learned.
    Learned,
    /// The learned importance against one threshold for all texts.
    FixedThreshold,
    /// What is most important on average over texts, the same for all of them.
    FixedPattern,
    /// A window around the diagonal.
    Band,
    /// At random.
    Random,
}

impl Choice {
    /// All of them.
    pub const ALL: [Choice; 5] = [
        Choice::Learned,
        Choice::FixedThreshold,
        Choice::FixedPattern,
        Choice::Band,
        Choice::Random,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Choice::Learned => "learned",
            Choice::FixedThreshold => "fixed threshold",
            Choice::FixedPattern => "fixed pattern",
            Choice::Band => "band",
            Choice::Random => "random",
        }
    }
}

/// What a choice of blocks did to texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// Who chose.
    pub choice: Choice,
    /// The share of blocks that was to be left out.
    pub target: f32,
    /// Share that was left out, by operations of attention.
    pub left_out: f64,
    /// Mean absolute difference of what is pooled, as a share of its mean size.
    pub deviation: f64,
}
