//! A loaded model: the tree of segments and gates, its inputs, knobs and outputs.

use std::collections::{HashMap, HashSet};

use prost::Message;
use tract_onnx::pb::{self, tensor_shape_proto::dimension::Value as Dim};
use tract_onnx::prelude::*;

use perforate_base::error::{Error, ErrorKind, Result, one_line};
use perforate_base::units::{Bytes, Macs};
use perforate_onnx::Metadata;

use super::cost::SegmentCost;
use super::cut::{Block, Cutter, Slot, Step};
use super::gate::Gate;
use super::library::Library;
use super::ops;
use super::segment::{Compiler, Segment};
use super::trace::Path;

/// A model ready to run; immutable. What changes from run to run is in a [`super::Session`].
#[derive(Debug)]
pub struct Program {
    name: String,
    pub(crate) root: Block,
    pub(crate) slots: Vec<Slot>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) gates: Vec<Gate>,
    pub(crate) inputs: Vec<InputInfo>,
    pub(crate) knobs: Vec<KnobInfo>,
    pub(crate) outputs: Vec<String>,
    /// The symbol of the row axis; none if the file itself fixes the number of rows to one.
    pub(crate) rows: Option<Symbol>,
    metadata: Metadata,
    file_size: Bytes,
}

/// An input tensor of a program.
#[derive(Debug, Clone)]
pub struct InputInfo {
    /// Its name in the file.
    pub name: String,
    /// Element type.
    pub datum_type: DatumType,
    /// Sizes after the row axis; `None` where any size is accepted.
    pub row_shape: Vec<Option<usize>>,
    pub(crate) slot: usize,
}

/// A knob of a program: a scalar input.
#[derive(Debug, Clone)]
pub struct KnobInfo {
    /// Its name in the file.
    pub name: String,
    /// The value used when none is given: the file's initialiser, if it has one.
    pub default: Option<f32>,
    rank: usize,
    pub(crate) slot: usize,
}

/// A segment of a program, as others see it.
#[derive(Debug, Clone)]
pub struct SegmentInfo<'a> {
    /// Name made from the branch or the nodes' common prefix.
    pub name: &'a str,
    /// Operations for one row; `None` if they depend on other sizes of the input.
    pub macs: Option<Macs>,
    /// Parameters, bytes, operators without a cost.
    pub cost: &'a SegmentCost,
    /// The ONNX operators in it, in order.
    pub operators: &'a [String],
    /// Most bytes of tensors alive at once inside it for one row, inputs left out.
    pub peak: Option<Bytes>,
    /// Whether it depends on the rows at all.
    pub per_row: bool,
}

impl Program {
    /// Loads an ONNX file, with or without gates. `name` stands in error messages.
    pub fn load(name: &str, bytes: &[u8]) -> Result<Program> {
        Self::load_with(&Library::default(), name, bytes)
    }

    /// The same, sharing equal segments with the other programs of the library.
    pub fn load_with(library: &Library, name: &str, bytes: &[u8]) -> Result<Program> {
        if bytes.is_empty() {
            return Err(Error::new(ErrorKind::NotOnnx, "the file is empty").at(name));
        }
        let model = pb::ModelProto::decode(bytes).map_err(|_| {
            Error::new(
                ErrorKind::NotOnnx,
                "this is not an ONNX model, or it is damaged or truncated: export it again",
            )
            .at(name)
        })?;
        Self::from_proto(library, name, &model, bytes.len())
    }

    /// Compiles a decoded model; `file_size` in bytes is for the report.
    pub fn from_proto(
        library: &Library,
        name: &str,
        model: &pb::ModelProto,
        file_size: usize,
    ) -> Result<Program> {
        let mut program =
            Self::compile(library, model, Bytes(file_size as f64)).map_err(|e| e.at(name))?;
        program.name = name.to_string();
        Ok(program)
    }

    fn compile(library: &Library, model: &pb::ModelProto, file_size: Bytes) -> Result<Program> {
        let graph = model.graph.as_ref().filter(|g| !g.output.is_empty()).ok_or_else(|| {
            Error::new(
                ErrorKind::NotOnnx,
                "this file holds no ONNX graph, so it is no ONNX model or is truncated",
            )
        })?;
        let framework = ops::framework();
        check_operators(&framework, graph)?;
        let metadata = Metadata::read(model)?;
        let initialised: HashMap<&str, &pb::TensorProto> =
            graph.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
        let declared = declared_inputs(graph, &initialised)?;
        let symbolic_rows = declared
            .iter()
            .filter(|d| !d.is_knob())
            .any(|d| !matches!(d.shape.first(), Some(Some(Size::Fixed(_)))));
        let rows = symbolic_rows.then(|| library.symbols.sym("N"));
        let mut cutter = Cutter {
            compiler: Compiler {
                framework,
                library: library.clone(),
                rows,
                ir_version: model.ir_version,
                opset: model.opset_import.clone(),
                functions: model.functions.clone(),
            },
            slots: vec![],
            segments: vec![],
            gates: vec![],
            knobs: declared.iter().filter(|d| d.is_knob()).map(|d| d.name.clone()).collect(),
            labels: metadata.labels.clone().into_iter().collect(),
        };
        let (inputs, knobs, bound) = bind_inputs(&mut cutter, &declared)?;
        let root = cutter.root(graph, &bound)?;
        Ok(Program {
            name: String::new(),
            root,
            slots: cutter.slots,
            segments: cutter.segments,
            gates: cutter.gates,
            inputs,
            knobs,
            outputs: graph.output.iter().map(|o| o.name.clone()).collect(),
            rows: cutter.compiler.rows,
            metadata,
            file_size,
        })
    }

    /// The name that it was loaded under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The data inputs.
    pub fn inputs(&self) -> &[InputInfo] {
        &self.inputs
    }

    /// The knobs.
    pub fn knobs(&self) -> &[KnobInfo] {
        &self.knobs
    }

    /// The names of the outputs.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// The gates, in the order in which a row meets them.
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// Whether gates look at the rows at all; if not, a knob chooses one path for everybody.
    pub fn reads_rows(&self) -> bool {
        self.gates.iter().any(|gate| gate.reads_rows)
    }

    /// The segments.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = SegmentInfo<'_>> {
        self.segments.iter().map(|segment| SegmentInfo {
            name: &segment.name,
            macs: segment.macs_per_row(),
            cost: segment.cost(),
            operators: &segment.operators,
            peak: segment.peak_per_row(),
            per_row: segment.per_row,
        })
    }

    /// Strategy, labels, provenance: what the file says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether segment `ix` is also one of `other`'s: loaded with one library, they are the same object.
    pub fn has_segment_of(&self, ix: usize, other: &Program) -> bool {
        other.segments.iter().any(|segment| segment.is_same_as(&self.segments[ix]))
    }

    /// Size of the ONNX file.
    pub fn file_size(&self) -> Bytes {
        self.file_size
    }

    /// Number of constant values in all segments.
    pub fn parameters(&self) -> usize {
        self.segments.iter().map(|s| s.cost().parameters).sum()
    }

    /// How many of them stand in tables of which a run looks up a few rows, such as word embeddings.
    pub fn parameters_in_tables(&self) -> usize {
        self.segments.iter().map(|s| s.cost().in_tables).sum()
    }

    /// Whether the file accepts only one row at a time.
    pub fn is_one_row(&self) -> bool {
        self.rows.is_none()
    }

    /// Names of operators whose cost is unknown, over all segments.
    pub fn uncosted_operators(&self) -> Vec<String> {
        let names: std::collections::BTreeSet<_> =
            self.segments.iter().flat_map(|s| s.cost().uncosted.iter().cloned()).collect();
        names.into_iter().collect()
    }

    /// A value for every knob without a default, for runs whose routing is forced.
    pub fn neutral_knobs(&self) -> super::Knobs {
        let missing = self.knobs.iter().filter(|knob| knob.default.is_none());
        missing.fold(super::Knobs::new(), |knobs, knob| knobs.with(&knob.name, 0.0))
    }

    /// A path that runs segment `ix`, if rows have anything to do with it.
    pub fn path_to_segment(&self, ix: usize) -> Option<Path> {
        if !self.segments[ix].per_row {
            return None;
        }
        find_segment(&self.root, ix, Path::default())
    }

    /// The name of a path: the labels of the branches taken, those without a label left out.
    pub fn path_label(&self, path: Path) -> String {
        let labels: Vec<&str> = self
            .gates
            .iter()
            .enumerate()
            .filter_map(|(ix, gate)| {
                path.at(ix).map(|then| gate.labels[usize::from(!then)].as_str())
            })
            .filter(|label| !label.is_empty())
            .collect();
        if labels.is_empty() {
            return "full".to_string();
        }
        // A label that comes several times in a row is told once.
        let runs = labels.chunk_by(|a, b| a == b).map(|run| match run {
            [label] => label.to_string(),
            [label, ..] => format!("{}× {label}", run.len()),
            [] => String::new(),
        });
        runs.collect::<Vec<_>>().join(" → ")
    }

    /// Every path that a row can take.
    pub fn paths(&self) -> Vec<Path> {
        extend_paths(&self.root, vec![Path::default()])
    }
}

/// All continuations of `paths` through the gates of a block.
fn extend_paths(block: &Block, paths: Vec<Path>) -> Vec<Path> {
    block.steps.iter().fold(paths, |paths, step| match step {
        Step::Run(_) => paths,
        Step::Branch(fork) => [true, false]
            .into_iter()
            .flat_map(|then| {
                let taken = paths.iter().map(|path| path.through(fork.gate, then)).collect();
                extend_paths(&fork.branches[usize::from(!then)], taken)
            })
            .collect(),
    })
}

/// The path to a segment; gates passed on the way without entering them are taken to the else-branch.
fn find_segment(block: &Block, ix: usize, path: Path) -> Option<Path> {
    let mut path = path;
    for step in &block.steps {
        match step {
            Step::Run(segment) if *segment == ix => return Some(path),
            Step::Run(_) => {}
            Step::Branch(fork) => {
                for then in [true, false] {
                    let branch = &fork.branches[usize::from(!then)];
                    let inner = find_segment(branch, ix, path.through(fork.gate, then));
                    if inner.is_some() {
                        return inner;
                    }
                }
                path = path.through(fork.gate, false);
            }
        }
    }
    None
}

/// A size in the file's declaration of an input.
#[derive(Debug, Clone, PartialEq)]
enum Size {
    Fixed(usize),
    Named(String),
}

/// An input as the file declares it; `None` where the size is not given at all.
struct Declared {
    name: String,
    datum_type: DatumType,
    shape: Vec<Option<Size>>,
    default: Option<f32>,
    initialised: bool,
}

impl Declared {
    /// A knob is a float scalar, or a vector of one value with a default.
    fn is_knob(&self) -> bool {
        let one_value = matches!(self.shape.as_slice(), [Some(Size::Fixed(1))]);
        self.datum_type.is_float() && (self.shape.is_empty() || (one_value && self.initialised))
    }
}

fn declared_inputs(
    graph: &pb::GraphProto,
    initialised: &HashMap<&str, &pb::TensorProto>,
) -> Result<Vec<Declared>> {
    let mut declared = vec![];
    for input in &graph.input {
        let place = |text: &str| Error::new(ErrorKind::Model, text).node(&input.name);
        let Some(pb::type_proto::Value::TensorType(tensor)) =
            input.r#type.as_ref().and_then(|t| t.value.as_ref())
        else {
            return Err(place("this input is not a tensor; only tensors can be fed"));
        };
        let datum_type = pb::tensor_proto::DataType::try_from(tensor.elem_type)
            .ok()
            .and_then(|t| DatumType::try_from(t).ok())
            .ok_or_else(|| place("this input has an unknown element type"))?;
        let shape = tensor
            .shape
            .iter()
            .flat_map(|shape| &shape.dim)
            .map(|dim| match &dim.value {
                Some(Dim::DimValue(size)) if *size > 0 => Some(Size::Fixed(*size as usize)),
                Some(Dim::DimParam(name)) if !name.is_empty() => Some(Size::Named(name.clone())),
                _ => None,
            })
            .collect();
        let default = initialised.get(input.name.as_str());
        let entry = Declared {
            name: input.name.clone(),
            datum_type,
            shape,
            default: default.and_then(|tensor| perforate_onnx::scalar_value(tensor)),
            initialised: default.is_some(),
        };
        // Old exporters list every weight as an input; only scalars with a default are knobs.
        if default.is_none() || entry.is_knob() {
            declared.push(entry);
        }
    }
    Ok(declared)
}

type Bound = (Vec<InputInfo>, Vec<KnobInfo>, Vec<(String, usize)>);

/// Makes a slot for every input and knob.
fn bind_inputs(cutter: &mut Cutter, declared: &[Declared]) -> Result<Bound> {
    let (mut inputs, mut knobs, mut bound) = (vec![], vec![], vec![]);
    let mut names = HashSet::new();
    for entry in declared {
        if !names.insert(&entry.name) {
            return Err(
                Error::new(ErrorKind::Model, "this input is declared twice").node(&entry.name)
            );
        }
        let slot = if entry.is_knob() {
            let dims: Vec<usize> = entry.shape.iter().map(|_| 1).collect();
            let slot = cutter.slot(&entry.name, entry.datum_type.fact(&dims), false);
            cutter.slots[slot].per_row = false;
            let (name, default) = (entry.name.clone(), entry.default);
            knobs.push(KnobInfo { name, default, rank: dims.len(), slot });
            slot
        } else {
            let symbols = cutter.compiler.library.symbols.clone();
            let rows = cutter.compiler.rows.clone();
            let mut dims: TVec<TDim> = tvec!();
            for (ix, size) in entry.shape.iter().enumerate() {
                dims.push(match (ix, size, &rows) {
                    (0, None | Some(Size::Named(_)), Some(rows)) => rows.clone().into(),
                    (_, Some(Size::Fixed(size)), _) => size.to_dim(),
                    (_, Some(Size::Named(name)), _) => symbols.sym(&symbol_name(name)).into(),
                    (_, None, _) => symbols.new_with_prefix("d").into(),
                });
            }
            let fixed = |d: &TDim| d.to_i64().ok().map(|size| size as usize);
            let row_shape = dims.iter().skip(1).map(fixed).collect();
            let slot = cutter.slot(&entry.name, entry.datum_type.fact(&*dims), true);
            let (name, datum_type) = (entry.name.clone(), entry.datum_type);
            inputs.push(InputInfo { name, datum_type, row_shape, slot });
            slot
        };
        bound.push((entry.name.clone(), slot));
    }
    if inputs.is_empty() {
        return Err(Error::new(ErrorKind::Model, "the model has no input tensor to feed"));
    }
    Ok((inputs, knobs, bound))
}

/// A symbol that tract's parser accepts and that is not the row symbol.
fn symbol_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("d_{plain}")
}

/// Refuses operators that the engine lacks, all of them by name and the first one by node, before anything is compiled.
fn check_operators(framework: &tract_onnx::Onnx, graph: &pb::GraphProto) -> Result<()> {
    let mut lacking = vec![];
    find_lacking(framework, graph, &mut lacking);
    let Some((_, place)) = lacking.first() else { return Ok(()) };
    let names: Vec<String> = lacking.iter().map(|(name, _)| format!("`{name}`")).collect();
    let text = match names.split_last() {
        Some((last, before)) if !before.is_empty() => {
            let before = before.join(", ");
            format!(
                "the operators {before} and {last} are not supported: export the model without them"
            )
        }
        _ => format!("the operator {} is not supported: export the model without it", names[0]),
    };
    Err(Error::new(ErrorKind::UnsupportedOp, text).node(place))
}

/// Adds the operators of a graph that the engine lacks, each once, with the node that has it first.
fn find_lacking(
    framework: &tract_onnx::Onnx,
    graph: &pb::GraphProto,
    lacking: &mut Vec<(String, String)>,
) {
    for node in &graph.node {
        let standard = node.domain.is_empty() || node.domain == "ai.onnx";
        let shown = match standard {
            true => node.op_type.clone(),
            false => format!("{}.{}", node.domain, node.op_type),
        };
        let known = (standard || node.domain == ops::DOMAIN)
            && framework.op_register.0.contains_key(&node.op_type);
        if !known && !lacking.iter().any(|(name, _)| *name == shown) {
            let place = if node.name.is_empty() { &node.op_type } else { &node.name };
            lacking.push((shown, place.clone()));
        }
        for inner in node.attribute.iter().filter_map(|a| a.g.as_ref()) {
            find_lacking(framework, inner, lacking);
        }
    }
}

impl KnobInfo {
    /// The knob's tensor for `value`.
    pub(crate) fn tensor(&self, value: f32) -> Result<TValue> {
        let tensor = if self.rank == 0 { tensor0(value) } else { tensor1(&[value]) };
        Ok(tensor.into_tvalue())
    }
}

impl Program {
    /// Checks inputs as a run would: names, shapes, types, and that all numbers are finite.
    pub fn check(&self, batch: &super::Batch) -> Result<()> {
        for input in &self.inputs {
            let fault = |text: String| {
                Error::new(ErrorKind::Input, text).at(format!("input `{}`", input.name))
            };
            let tensor = batch.get(&input.name).ok_or_else(|| fault("it is missing".into()))?;
            let rows = input.accept(tensor)?.shape()[0];
            if rows == 0 {
                return Err(fault("it has no rows".into()));
            }
            if rows != batch.rows() {
                let text = format!("it has {rows} rows, another input has {}", batch.rows());
                return Err(fault(text));
            }
        }
        Ok(())
    }
}

impl InputInfo {
    /// Checks a tensor against this input and casts it if it is of another number type.
    pub(crate) fn accept(&self, tensor: &TValue) -> Result<TValue> {
        let fault =
            |text: String| Error::new(ErrorKind::Input, text).at(format!("input `{}`", self.name));
        let shape = tensor.shape();
        let fits = shape.len() == self.row_shape.len() + 1
            && self
                .row_shape
                .iter()
                .zip(&shape[1..])
                .all(|(want, have)| want.is_none_or(|w| w == *have));
        if !fits {
            let want: Vec<String> = std::iter::once("N".to_string())
                .chain(self.row_shape.iter().map(|d| d.map_or("any".into(), |d| d.to_string())))
                .collect();
            return Err(fault(format!(
                "the shape is {shape:?}, but the model takes [{}], where N is the number of rows",
                want.join(", ")
            )));
        }
        if let Some((row, value)) = super::batch::first_not_finite(tensor) {
            return Err(fault(format!(
                "row {row} holds {value}, and routing on such a value means nothing: clean the data"
            )));
        }
        if tensor.datum_type() == self.datum_type {
            return Ok(tensor.clone());
        }
        let cast = tensor.cast_to_dt(self.datum_type).map_err(|e| {
            fault(format!(
                "the type is {:?}, but the model takes {:?} ({})",
                tensor.datum_type(),
                self.datum_type,
                one_line(e)
            ))
        })?;
        Ok(cast.into_owned().into_tvalue())
    }
}
