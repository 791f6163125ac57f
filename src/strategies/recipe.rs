//! What several recipes need: answers and temperatures of parts, and where they come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::Array2;
use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::record;
use perforate_data::Samples;
use perforate_engine::{Knobs, PlanCache, Program, Session};
use perforate_onnx::Component;
use perforate_routing::exits::{Confidence, Stages};

use crate::fitting::Fitting;
use crate::strategy::ConfidenceSpec;

/// Height and width of the samples' images.
pub fn image_size(samples: &Samples) -> Result<(usize, usize)> {
    let shape = samples.inputs().get("x").map(|x| x.shape().to_vec()).unwrap_or_default();
    let [_, 1, height, width] = shape[..] else {
        return Err(Error::new(
            ErrorKind::Data,
            format!("the features are of images [N, 1, height, width], not of {shape:?}"),
        ));
    };
    Ok((height, width))
}

/// A model's first output for all samples.
pub fn answers(model: &ModelProto, samples: &Samples) -> Result<Array2<f32>> {
    let program = Program::from_proto(&PlanCache::default(), "part", model, 0)?;
    record::answers(&mut Session::new(Arc::new(program)), samples, &Knobs::new())
}

/// The confidence of the early heads of stages, with temperatures fitted to the full model's answers, so that one
/// threshold means the same at every head.
pub fn confidence(
    stages: &Stages,
    scaling: Option<&Fitting<'_>>,
    spec: ConfidenceSpec,
) -> Result<Confidence> {
    let fit = |own: &Fitting<'_>| own.fit(&stages.all_heads()?, &stages.full()?);
    let fits = scaling.map(fit).transpose()?;
    let temperatures = fits.unwrap_or_default().iter().map(|fit| fit.temperature as f32).collect();
    Ok(Confidence { score: spec.kind.of(spec.classes, stages.heads()), temperatures })
}

/// Where parts come from, by their roles.
pub fn provenance<S: AsRef<str>>(roles: &[S], parts: &[Component]) -> BTreeMap<String, String> {
    let names = parts.iter().map(|part| part.name().to_string());
    roles.iter().map(|role| role.as_ref().to_string()).zip(names).collect()
}

/// `role1`, `role2` …
pub fn numbered(role: &str, count: usize) -> Vec<String> {
    (1..=count).map(|ix| format!("{role}{ix}")).collect()
}

/// The parts, where there are exactly so many.
pub fn exactly<const N: usize>(parts: Vec<Component>) -> Result<[Component; N]> {
    let count = parts.len();
    parts.try_into().map_err(|_| {
        Error::new(ErrorKind::Internal, format!("there are {count} parts, but it takes {N}"))
    })
}

/// The content of a file, by its name.
pub fn content<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> Result<&'a [u8]> {
    files
        .get(name)
        .map(Vec::as_slice)
        .ok_or_else(|| Error::new(ErrorKind::Io, "the file is missing").at(name))
}
