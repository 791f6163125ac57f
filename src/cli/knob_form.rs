//! `--knob`: whether other runtimes can do without a value of a routed file's knob, or can be given one.

use tract_onnx::pb::ModelProto;

use perforate_onnx::require_knobs;

use crate::{Named, Result};

/// What the option does, for its help.
pub const HELP: &str = "default: the knob has a default in the graph, which onnxruntime-web cannot change; \
                        input: every runtime must be given a value, onnxruntime-web too";

/// How a routed file holds its knob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnobForm {
    /// An input with a default in the graph, where it has one.
    Default,
    /// An input that must be given; the metadata records the default.
    Input,
}

impl Named for KnobForm {
    const ALL: &'static [KnobForm] = &[KnobForm::Default, KnobForm::Input];

    fn name(&self) -> &'static str {
        match self {
            KnobForm::Default => "default",
            KnobForm::Input => "input",
        }
    }
}

impl KnobForm {
    /// Gives a model's knobs this form.
    ///
    /// # Errors
    /// `Knob` if a default would be lost.
    pub fn apply(self, model: &mut ModelProto) -> Result<()> {
        match self {
            KnobForm::Default => Ok(()),
            KnobForm::Input => require_knobs(model),
        }
    }
}
