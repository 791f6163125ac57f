//! A scenario, opened.

use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_bench::recorded::HeadFit;
use perforate_bench::sweep::BenchTarget;
use perforate_data::sentences::Tokenizer;
use perforate_strategies::Companion;

/// What is measured of a scenario, and what shows people more of it.
#[derive(Debug)]
pub struct Opened {
    /// What is measured.
    pub subject: BenchTarget,
    /// What the strategy keeps beside its models.
    pub companion: Arc<dyn Companion>,
    /// What reads the sentences, where the samples are some.
    pub tokenizer: Option<Tokenizer>,
    /// The routed model, to take away.
    pub routed: ModelProto,
    /// What was fitted on the samples for temperatures, in the order of fitting.
    pub fits: Vec<Vec<HeadFit>>,
}
