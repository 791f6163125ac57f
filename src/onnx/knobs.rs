//! A routed file's knobs: their defaults, and whether other runtimes can do without them.
//!
//! A knob is a scalar graph input. With an initializer of its name it has a default in every runtime, but
//! onnxruntime-web then accepts no other value; without one it can be turned there, and must be given. Our engine
//! takes the default from the metadata in that case.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};

use super::metadata::{Certificate, Metadata};
use super::scores::ScoreHistogram;
use super::tensors::{float_tensor, scalar_value};

/// Gives a knob of a routed file another default: what it runs at where nobody sets it.
///
/// # Errors
/// `Knob` if the model has no such knob.
pub fn set_default(model: &mut ModelProto, knob: &str, value: f32) -> Result<()> {
    let mut metadata = Metadata::read(model)?;
    let graph = model.graph.as_mut();
    let declared = graph.as_ref().is_some_and(|own| own.input.iter().any(|i| i.name == knob));
    let mut stored = graph.into_iter().flat_map(|graph| &mut graph.initializer);
    let stored = stored.find(|tensor| tensor.name == knob);
    let range = metadata.knobs.get_mut(knob).filter(|_| declared);
    if stored.is_none() && range.is_none() {
        let text = "the model has no such knob";
        return Err(Error::new(ErrorKind::Knob, text).at(format!("knob `{knob}`")));
    }
    if let Some(tensor) = stored {
        *tensor = float_tensor(knob, &[], &[value]);
    }
    if let Some(range) = range {
        if range.default != value {
            // At another value other inputs reach the gates.
            metadata.scores.clear();
        }
        range.default = value;
    }
    // A guarantee is for the value that it was given for.
    metadata.certificate.take_if(|known| known.knob != knob || known.value != value);
    metadata.write(model)
}

/// Gives the knob of a routed file the default that is certified, and writes the certificate into it.
///
/// # Errors
/// As for [`set_default`].
pub fn certify(model: &mut ModelProto, certificate: Certificate) -> Result<()> {
    set_default(model, &certificate.knob, certificate.value)?;
    let mut metadata = Metadata::read(model)?;
    metadata.certificate = Some(certificate);
    metadata.write(model)
}

/// Writes the scores that gates compared on calibration inputs at the knobs' defaults, by the name of the `If` node.
///
/// # Errors
/// `Model` if the file's metadata is damaged.
pub fn keep_scores(model: &mut ModelProto, scores: BTreeMap<String, ScoreHistogram>) -> Result<()> {
    let metadata = Metadata { scores, ..Metadata::read(model)? };
    metadata.write(model)
}

/// Makes every knob an input that other runtimes must be given: its default moves from the graph into the metadata.
///
/// # Errors
/// `Knob` if the metadata has no entry for a knob, so that its default would be lost.
pub fn require_knobs(model: &mut ModelProto) -> Result<()> {
    let mut metadata = Metadata::read(model)?;
    let Some(graph) = model.graph.as_mut() else { return Ok(()) };
    for input in &graph.input {
        let stored = graph.initializer.iter().position(|tensor| tensor.name == input.name);
        let Some(ix) = stored else { continue };
        let Some(default) = scalar_value(&graph.initializer[ix]) else { continue };
        let range = metadata.knobs.get_mut(&input.name).ok_or_else(|| {
            let text = "the file's metadata does not describe this knob, so its default would be \
                        lost: keep the default in the graph";
            Error::new(ErrorKind::Knob, text).at(format!("knob `{}`", input.name))
        })?;
        range.default = default;
        graph.initializer.remove(ix);
    }
    metadata.write(model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GraphBuilder, KnobRange, OPSET, Size};

    fn model(knobs: &[&str]) -> ModelProto {
        let mut graph = GraphBuilder::new("g", OPSET);
        let x = graph.input("x", &[Size::Rows, Size::Fixed(1)]).unwrap();
        let knob = graph.knob("threshold", 0.5).unwrap();
        let y = graph.node("Mul", "y", &[&x, &knob]).unwrap();
        graph.output(&y, &[Size::Rows, Size::Fixed(1)]).unwrap();
        let range = KnobRange { default: 0.4, light: 2.0, full: 0.0 };
        let knobs = knobs.iter().map(|name| (name.to_string(), range)).collect();
        graph.into_model(&Metadata { knobs, ..Metadata::default() }).unwrap()
    }

    fn default_of(model: &ModelProto) -> f32 {
        Metadata::read(model).unwrap().knobs["threshold"].default
    }

    #[test]
    fn a_required_knob_keeps_its_default_in_the_metadata() {
        let mut model = model(&["threshold"]);
        set_default(&mut model, "threshold", 0.75).unwrap();
        assert_eq!(model.graph.as_ref().unwrap().initializer.len(), 1);
        require_knobs(&mut model).unwrap();
        let graph = model.graph.as_ref().unwrap();
        assert_eq!((graph.initializer.len(), graph.input.len()), (0, 2));
        assert_eq!(default_of(&model), 0.75);
        set_default(&mut model, "threshold", 0.25).unwrap();
        assert_eq!(default_of(&model), 0.25);
        let of_scores = |model: &ModelProto| Metadata::read(model).unwrap().scores.len();
        let mut metadata = Metadata::read(&model).unwrap();
        metadata.scores.insert("gate".into(), ScoreHistogram::of([0.5; 20], 4).unwrap());
        metadata.write(&mut model).unwrap();
        set_default(&mut model, "threshold", 0.25).unwrap();
        assert_eq!(
            of_scores(&model),
            1,
            "scores are kept with the default that they were taken at"
        );
        set_default(&mut model, "threshold", 0.5).unwrap();
        assert_eq!(of_scores(&model), 0);
        let error = set_default(&mut model, "x", 0.25).unwrap_err().to_string();
        assert!(error.contains("`x`"), "{error}");
    }

    #[test]
    fn what_the_graph_runs_at_is_what_the_metadata_then_has() {
        let mut model = model(&["threshold"]);
        require_knobs(&mut model).unwrap();
        assert_eq!(default_of(&model), 0.5);
    }

    #[test]
    fn a_default_that_would_be_lost_is_named() {
        let error = require_knobs(&mut model(&[])).unwrap_err().to_string();
        assert!(error.contains("`threshold`"), "{error}");
    }
}
