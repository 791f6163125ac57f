//! Both halves of a file: what passes between them, how many bytes that is, and what each file says of itself.

use std::collections::HashSet;

use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{ModelProto, TypeProto, ValueInfoProto};
use tract_onnx::prelude::DatumType;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Extent, Gate, OutputInfo, Program};
use perforate_onnx::{Component, Half, Metadata, Side, value_info};

use super::Sends;
use super::device::{Context, Extra, Kind, give, unsized_feature};
use super::eight_bits::Packed;
use super::graph::Level;
use super::server;
use super::site::{self, Crossing, can_be_eight_bits, gates_in, values};
use super::tidy::{Names, tidy};

/// A file that is about to be split at a gate.
#[derive(Debug)]
pub struct Splitter<'a> {
    pub(super) model: &'a ModelProto,
    pub(super) program: &'a Program,
    pub(super) gate: &'a Gate,
    pub(super) levels: Vec<Level<'a>>,
    pub(super) crossing: Crossing,
}

/// The two files.
#[derive(Debug, Clone)]
pub struct Halves {
    /// Everything up to the gate.
    pub device: ModelProto,
    /// The rest.
    pub server: ModelProto,
    /// What both say of each other, from the device's side.
    pub half: Half,
}

impl<'a> Splitter<'a> {
    /// Looks for the gate `name` in a file, of which `program` is what the engine made.
    ///
    /// # Errors
    /// `Config` if there is no such gate, or none at which a row can be answered: the message lists those that there are.
    pub fn new(
        component: &'a Component,
        program: &'a Program,
        name: Option<&str>,
    ) -> Result<Splitter<'a>> {
        let within = |error: Error| error.at(component.name());
        let model = component.model();
        let gate = site::gate(program, name)?;
        let lost = || Error::new(ErrorKind::NotOnnx, "this file holds no ONNX graph");
        let graph = model.graph.as_ref().ok_or_else(lost).map_err(within)?;
        let levels = site::levels(graph, gate).map_err(within)?;
        let crossing = Crossing::find(model, program, &levels, gate).map_err(within)?;
        Ok(Splitter { model, program, gate, levels, crossing })
    }

    /// Bytes that are sent for one row; none where they depend on sizes of the input.
    pub fn bytes(&self, sends: Sends) -> Option<u64> {
        let own = |info: &OutputInfo| {
            let count = values(info)? as u64;
            Some(match sends == Sends::EightBits && can_be_eight_bits(info) {
                // A byte each, and the range.
                true => count + 8,
                false => count * info.datum_type.size_of() as u64,
            })
        };
        let inputs = self.inputs(sends).into_iter().map(|name| {
            let input = self.program.inputs().iter().find(|input| input.name == name)?;
            let count = input.row_shape.iter().copied().product::<Option<usize>>()?;
            Some((count * input.datum_type.size_of()) as u64)
        });
        let tensors = self.crossing.tensors.iter().filter(|_| sends != Sends::Input).map(own);
        inputs.chain(tensors).sum()
    }

    /// The smaller of the two ways to send that keep every answer: features, and inputs. Of open sizes each counts as one.
    pub fn smallest_exact(&self) -> Sends {
        let inputs: usize = self
            .inputs(Sends::Input)
            .iter()
            .filter_map(|name| {
                let input = self.program.inputs().iter().find(|input| input.name == *name)?;
                let count: usize = input.row_shape.iter().map(|size| size.unwrap_or(1)).product();
                Some(count * input.datum_type.size_of())
            })
            .sum();
        let tensor = |info: &OutputInfo| {
            let sizes = info.shape.iter().skip(1).map(|size| match size {
                Extent::Fixed(size) => *size,
                _ => 1,
            });
            sizes.product::<usize>() * info.datum_type.size_of()
        };
        let features: usize = self.crossing.tensors.iter().map(tensor).sum();
        let beside = self.inputs(Sends::Features).len();
        match self.check(Sends::Features) {
            Ok(()) if beside == 0 && features < inputs => Sends::Features,
            _ => Sends::Input,
        }
    }

    /// The data inputs that are sent.
    fn inputs(&self, sends: Sends) -> Vec<String> {
        match sends {
            Sends::Input => server::from_inputs(self).map_or_else(|_| vec![], |(_, inputs)| inputs),
            _ => self.crossing.inputs.clone(),
        }
    }

    /// Whether the file can be split so.
    ///
    /// # Errors
    /// `Model` where a feature of open sizes would have to come out of an earlier gate; `Config` where there is no feature.
    pub fn check(&self, sends: Sends) -> Result<()> {
        if sends == Sends::Input {
            return Ok(());
        }
        if self.crossing.tensors.is_empty() {
            let text = format!(
                "behind `{}` the file reads nothing but its inputs, so there are no features to send: send the input",
                self.gate.name
            );
            return Err(Error::new(ErrorKind::Config, text).at(self.program.name()));
        }
        if sends == Sends::EightBits && !self.crossing.tensors.iter().any(can_be_eight_bits) {
            let text = "its features are a few numbers, which eight bits would not make smaller: send the features";
            return Err(Error::new(ErrorKind::Config, text).at(self.program.name()));
        }
        let mut extras = self.extras(sends).into_iter();
        let open = extras.find(|extra| extra.depth > 0 && values(&extra.info).is_none());
        open.map_or(Ok(()), |extra| Err(unsized_feature(&extra, self.gate).at(self.program.name())))
    }

    /// What the device gives beside its answer.
    fn extras(&self, sends: Sends) -> Vec<Extra> {
        let known = &self.crossing.known;
        let last = self.levels.len() - 1;
        let answered = known.get(&self.gate.decision).map(|info| Extra {
            tensor: self.gate.decision.clone(),
            info: info.clone(),
            depth: last,
            kind: Kind::Answered,
        });
        let scored = self.gate.score.as_ref().and_then(|name| known.get(name));
        let score =
            scored.filter(|info| info.per_row && info.datum_type == DatumType::F32).map(|info| {
                Extra {
                    tensor: info.name.clone(),
                    info: info.clone(),
                    depth: self.depth(&info.name),
                    kind: Kind::Score,
                }
            });
        let features =
            self.crossing.tensors.iter().filter(|_| sends != Sends::Input).map(|info| Extra {
                tensor: info.name.clone(),
                info: info.clone(),
                depth: self.depth(&info.name),
                kind: Kind::Feature,
            });
        answered.into_iter().chain(score).chain(features).collect()
    }

    /// Depth of the graph that makes a tensor.
    fn depth(&self, tensor: &str) -> usize {
        let makes = |level: &Level| {
            level.graph.node.iter().flat_map(|node| &node.output).any(|name| name == tensor)
        };
        self.levels.iter().position(makes).unwrap_or(0)
    }

    /// Splits the file.
    ///
    /// # Errors
    /// As [`Splitter::check`].
    pub fn split(&self, sends: Sends) -> Result<Halves> {
        self.check(sends)?;
        let extras = self.extras(sends);
        let (levels, opset) = (&self.levels, opset(self.model));
        let context = Context { levels, program: self.program, gate: self.gate, opset };
        let (mut graph, tensors) = context.graph(0, &extras)?;
        let mut names = Names::of(self.model);
        let mut half = Half {
            side: Side::Device,
            gate: self.gate.name.clone(),
            answered: names.fresh("answered"),
            score: None,
            answers: self.program.outputs().to_vec(),
            sent: self.inputs(sends),
            bytes: self.bytes(sends),
        };
        let features = extras.iter().filter(|extra| extra.kind == Kind::Feature).count();
        let (mut given, mut packed) = (vec![], vec![]);
        for (extra, tensor) in extras.iter().zip(tensors) {
            let info = extra.info.clone();
            match extra.kind {
                Kind::Answered => given.push((tensor, half.answered.clone(), info)),
                Kind::Score => {
                    let name = half.score.insert(names.fresh("score"));
                    given.push((tensor, name.clone(), info));
                }
                Kind::Feature => {
                    let ordinal =
                        if features == 1 { "".into() } else { (packed.len() + 1).to_string() };
                    let name = names.fresh(&format!("features{ordinal}"));
                    let small = sends == Sends::EightBits && can_be_eight_bits(&info);
                    let pack = Packed::new(&info, &name, small);
                    half.sent.extend(pack.sent().into_iter().map(|info| info.name));
                    given.extend(pack.pack(&mut graph, &tensor, opset)?);
                    packed.push(pack);
                }
            }
        }
        give(&mut graph, &given)?;
        let mut device = ModelProto { graph: Some(graph), ..self.model.clone() };
        tidy(&mut device);
        let mut server = server::compose(self, sends, &packed)?;
        self.describe(&mut device, half.clone())?;
        self.describe(&mut server, Half { side: Side::Server, ..half.clone() })?;
        Ok(Halves { device, server, half })
    }

    /// Writes into a half what the whole file says of what is in it.
    fn describe(&self, model: &mut ModelProto, half: Half) -> Result<()> {
        let mut gates = HashSet::new();
        model.graph.iter().for_each(|graph| gates_in(graph, &mut gates));
        let own = model.graph.iter().flat_map(|graph| &graph.input);
        let inputs: HashSet<String> = own.map(|input| input.name.clone()).collect();
        let whole = Metadata::read(self.model)?;
        let mut metadata = Metadata { half: Some(half), ..whole };
        metadata.labels.retain(|gate, _| gates.contains(gate));
        metadata.knobs.retain(|knob, _| inputs.contains(knob));
        metadata.certificate.take_if(|certificate| !inputs.contains(&certificate.knob));
        metadata.write(model)
    }
}

/// The version of the standard operator set that a model uses.
pub fn opset(model: &ModelProto) -> i64 {
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    model.opset_import.iter().find(|own| standard(&own.domain)).map_or(0, |own| own.version)
}

/// The declaration of a tensor as the engine knows it.
pub fn declared(name: &str, info: &OutputInfo) -> Result<ValueInfoProto> {
    let mut declared = value_info(name, info.datum_type, None)?;
    let dim = |size: &Extent| Dimension {
        value: Some(match size {
            Extent::Rows => Dim::DimParam("N".into()),
            Extent::Fixed(size) => Dim::DimValue(*size as i64),
            Extent::Open(name) => Dim::DimParam(name.clone()),
        }),
        ..Dimension::default()
    };
    if let Some(TypeProto { value: Some(Value::TensorType(tensor)), .. }) = &mut declared.r#type {
        tensor.shape =
            Some(tract_onnx::pb::TensorShapeProto { dim: info.shape.iter().map(dim).collect() });
    }
    Ok(declared)
}
