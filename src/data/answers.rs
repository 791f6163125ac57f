//! What a model of the user's answers with.

use perforate_base::Named;
use serde::{Deserialize, Serialize};

/// What a model of the user's answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Scores of classes, unless there is just one.
    #[default]
    Classes,
    /// Numbers that it predicts.
    Numbers,
}

impl Named for Answers {
    const ALL: &'static [Answers] = &[Answers::Classes, Answers::Numbers];

    fn name(&self) -> &'static str {
        match self {
            Answers::Classes => "classes",
            Answers::Numbers => "numbers",
        }
    }
}
