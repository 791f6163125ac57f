//! What a routed file says of itself, in `metadata_props`: strategy, labels, knobs, provenance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tract_onnx::pb::{ModelProto, StringStringEntryProto};

use perforate_base::{Error, ErrorKind, Result};

use super::scores::ScoreHistogram;

const PREFIX: &str = "perforate.";

/// Name of the output by which a model tells the share of a sample that each layer computes on, `[N, layers]`.
pub const KEPT: &str = "kept";

/// The values that a knob may take, and what its ends mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KnobRange {
    /// Value that the knob has where nobody sets it.
    pub default: f32,
    /// At this value every row takes the cheapest path.
    #[serde(rename = "never")]
    pub light: f32,
    /// At this value every row takes the full path.
    #[serde(rename = "always")]
    pub full: f32,
}

/// What was shown on calibration inputs before the file was written: at this value of its knob, at most a share `epsilon`
/// is lost, but for a probability `delta` (Learn-then-Test).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The knob.
    pub knob: String,
    /// Its value.
    pub value: f32,
    /// What counts as a loss.
    pub loss: String,
    /// Largest share that is lost.
    pub epsilon: f64,
    /// Probability that the guarantee fails.
    pub delta: f64,
    /// Calibration inputs.
    pub n: u64,
}

/// Which half of a routed file that was split at a gate a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Everything up to the gate.
    Device,
    /// The rest.
    Server,
}

/// How a file that was split at a gate fits its other half: both carry the same, but for the side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Half {
    /// Which half it is.
    pub side: Side,
    /// The gate.
    pub gate: String,
    /// The device's output, `[N, 1]` booleans: whether a row is answered there, or the server has to run.
    pub answered: String,
    /// The device's output with the gate's score, `[N, 1]`, where it compares one.
    pub score: Option<String>,
    /// The outputs of the whole file: on the device its own answer, on the server that of the rest.
    pub answers: Vec<String>,
    /// What is sent for a row that is not answered: the server's inputs, by the names of the device's inputs and outputs.
    pub sent: Vec<String>,
    /// Bytes of that for one row; none where they depend on sizes of the input.
    pub bytes: Option<u64>,
}

/// What a routed file says of itself. All of it is optional: a plain model has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// The composer that made the file.
    pub strategy: Option<String>,
    /// Labels of the branches of each gate, `[then, else]`, by the name of the `If` node.
    pub labels: BTreeMap<String, [String; 2]>,
    /// Knobs by name.
    pub knobs: BTreeMap<String, KnobRange>,
    /// Component files and how they were made, by role.
    pub provenance: BTreeMap<String, String>,
    /// Of a model that answers with numbers: how far from the full model's an answer that agrees may lie.
    pub tolerance: Option<f32>,
    /// The guarantee for a knob's default.
    pub certificate: Option<Certificate>,
    /// Scores of the calibration inputs that reached a gate at the knobs' defaults, by the name of the `If` node.
    pub scores: BTreeMap<String, ScoreHistogram>,
    /// The other half, if it is one of two.
    pub half: Option<Half>,
}

impl Metadata {
    /// Reads the metadata of a model; entries of other tools are left alone.
    pub fn read(model: &ModelProto) -> Result<Metadata> {
        let mut metadata = Metadata::default();
        for entry in &model.metadata_props {
            let Some(key) = entry.key.strip_prefix(PREFIX) else { continue };
            match key {
                "strategy" => metadata.strategy = Some(entry.value.clone()),
                "labels" => metadata.labels = parse(&entry.key, &entry.value)?,
                "knobs" => metadata.knobs = parse(&entry.key, &entry.value)?,
                "provenance" => metadata.provenance = parse(&entry.key, &entry.value)?,
                "tolerance" => metadata.tolerance = parse(&entry.key, &entry.value)?,
                "certificate" => metadata.certificate = parse(&entry.key, &entry.value)?,
                "scores" => metadata.scores = parse(&entry.key, &entry.value)?,
                "split" => metadata.half = parse(&entry.key, &entry.value)?,
                _ => {}
            }
        }
        Ok(metadata)
    }

    /// Writes the metadata into a model, replacing what this tool wrote before.
    pub fn write(&self, model: &mut ModelProto) -> Result<()> {
        model.metadata_props.retain(|entry| !entry.key.starts_with(PREFIX));
        let mut put = |key: &str, value: String| {
            let key = format!("{PREFIX}{key}");
            model.metadata_props.push(StringStringEntryProto { key, value });
        };
        if let Some(strategy) = &self.strategy {
            put("strategy", strategy.clone());
        }
        put("labels", json(&self.labels)?);
        put("knobs", json(&self.knobs)?);
        put("provenance", json(&self.provenance)?);
        if let Some(tolerance) = self.tolerance {
            put("tolerance", json(&tolerance)?);
        }
        if let Some(certificate) = &self.certificate {
            put("certificate", json(certificate)?);
        }
        if !self.scores.is_empty() {
            put("scores", json(&self.scores)?);
        }
        if let Some(half) = &self.half {
            put("split", json(half)?);
        }
        Ok(())
    }
}

/// Gives an output of the main graph another name, as long as nothing has it.
pub fn rename_output(model: &mut ModelProto, from: &str, to: &str) {
    let Some(graph) = model.graph.as_mut() else { return };
    let given = graph.node.iter().flat_map(|node| &node.output);
    let known = given.chain(graph.initializer.iter().map(|tensor| &tensor.name));
    if known.chain(graph.input.iter().map(|input| &input.name)).any(|name| name == to) {
        return;
    }
    let names =
        graph.node.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output));
    let names = names.chain(graph.output.iter_mut().map(|output| &mut output.name));
    names.filter(|name| *name == from).for_each(|name| *name = to.to_string());
}

fn parse<T: serde::de::DeserializeOwned>(key: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| {
        let text = format!("the metadata entry `{key}` is damaged ({e})");
        Error::new(ErrorKind::Model, text).with_source(e)
    })
}

fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()).with_source(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut metadata = Metadata { strategy: Some("dendritic".into()), ..Metadata::default() };
        metadata.labels.insert("gate".into(), ["full".into(), "light".into()]);
        let range = KnobRange { default: 0.25, light: 2.0, full: 0.0 };
        metadata.knobs.insert("threshold".into(), range);
        metadata.tolerance = Some(0.1);
        let scores = ScoreHistogram::of((0..100).map(|ix| ix as f32 / 7.0), 8).unwrap();
        metadata.scores.insert("gate".into(), scores);
        let mut model = ModelProto::default();
        metadata.write(&mut model).unwrap();
        metadata.write(&mut model).unwrap();
        assert_eq!(Metadata::read(&model).unwrap(), metadata);
    }

    #[test]
    fn damage_is_named() {
        let entry = StringStringEntryProto { key: "perforate.knobs".into(), value: "{".into() };
        let model = ModelProto { metadata_props: vec![entry], ..ModelProto::default() };
        let error = Metadata::read(&model).unwrap_err().to_string();
        assert!(error.contains("perforate.knobs"), "{error}");
    }
}
