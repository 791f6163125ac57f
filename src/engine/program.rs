//! A loaded model: the tree of segments and gates, its inputs, knobs and outputs.

use std::collections::HashMap;

use prost::Message;
use tract_onnx::pb;
use tract_onnx::prelude::Symbol;

use perforate_base::guard::{Panicked, guarded};
use perforate_base::units::{Bytes, Macs};
use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{
    Metadata, deciding_inputs, fold_norms, give, limits, mend, refuse_unsupported, trim_absent,
};

use super::batch::{Batch, Knobs};
use super::compiler::Compiler;
use super::cost::SegmentCost;
use super::cut::Partitioner;
use super::declared;
use super::gate::Gate;
use super::inputs::{InputInfo, KnobInfo};
use super::library::PlanCache;
use super::ops;
use super::segment::{Segment, SegmentId};
use super::tree::{Block, Slot};

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
    /// Inputs of the file whose values were given when it was loaded.
    given: Vec<String>,
    /// The symbol of the row axis; none if the file itself fixes the number of rows to one.
    pub(crate) rows: Option<Symbol>,
    /// Whether its inputs have no row axis in common.
    whole: bool,
    metadata: Metadata,
    file_size: Bytes,
}

/// A segment of a program, as others see it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SegmentInfo<'a> {
    /// Its place in the program.
    pub id: SegmentId,
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
        Self::load_with(&PlanCache::default(), name, bytes)
    }

    /// The same for a file that reads axes, shapes or sizes from inputs: those of them that `values` holds are compiled into
    /// the program, and are no longer its inputs. `values` is asked only if there are such inputs.
    pub fn load_given(
        name: &str,
        bytes: &[u8],
        values: impl FnOnce() -> Result<Batch>,
    ) -> Result<Program> {
        let mut model = Self::decode(name, bytes)?;
        let deciding = deciding_inputs(&model);
        let mut given = vec![];
        if !deciding.is_empty() {
            let values = values()?;
            let known = deciding.iter().filter_map(|input| Some((input, values.get(input)?)));
            for (input, value) in known {
                given.push(declared::stored(&model, input, value)?);
            }
        }
        let names = given.iter().map(|tensor| tensor.name.clone()).collect();
        give(&mut model, given);
        let mut program = Self::prepared(&PlanCache::default(), name, model, bytes.len())?;
        program.given = names;
        Ok(program)
    }

    /// The same as [`Program::load`], sharing equal segments with the other programs of the library.
    pub fn load_with(library: &PlanCache, name: &str, bytes: &[u8]) -> Result<Program> {
        Self::prepared(library, name, Self::decode(name, bytes)?, bytes.len())
    }

    fn decode(name: &str, bytes: &[u8]) -> Result<pb::ModelProto> {
        if bytes.is_empty() {
            return Err(Error::new(ErrorKind::NotOnnx, "the file is empty").at(name));
        }
        limits::check_bytes(bytes).map_err(|e| e.at(name))?;
        pb::ModelProto::decode(bytes).map_err(|e| {
            let text = "this is not an ONNX model, or it is damaged or truncated: export it again";
            Error::new(ErrorKind::NotOnnx, text).at(name).with_source(e)
        })
    }

    /// Checks a decoded model, writes it as the compiler reads it, and compiles it.
    fn prepared(
        library: &PlanCache,
        name: &str,
        mut model: pb::ModelProto,
        file_size: usize,
    ) -> Result<Program> {
        limits::check(&model).map_err(|e| e.at(name))?;
        trim_absent(&mut model);
        mend(&mut model);
        fold_norms(&mut model);
        Self::from_proto(library, name, &model, file_size)
    }

    /// Compiles a decoded model; `file_size` in bytes is for the report.
    pub fn from_proto(
        library: &PlanCache,
        name: &str,
        model: &pb::ModelProto,
        file_size: usize,
    ) -> Result<Program> {
        let fault = |panic: Panicked| {
            let text = format!(
                "the model cannot be compiled ({panic}): check it with `onnx.checker`, or export it again"
            );
            Error::new(panic.kind(ErrorKind::Model), text)
        };
        let file_size = Bytes(file_size as f64);
        let mut program =
            guarded(fault, || Self::compile(library, model, file_size)).map_err(|e| e.at(name))?;
        program.name = name.to_string();
        Ok(program)
    }

    fn compile(library: &PlanCache, model: &pb::ModelProto, file_size: Bytes) -> Result<Program> {
        let graph = model.graph.as_ref().filter(|g| !g.output.is_empty()).ok_or_else(|| {
            Error::new(
                ErrorKind::NotOnnx,
                "this file holds no ONNX graph, so it is no ONNX model or is truncated",
            )
        })?;
        let framework = ops::framework();
        ops::lacking::check(&framework, graph)?;
        refuse_unsupported(model)?;
        let metadata = Metadata::read(model)?;
        let initialised: HashMap<&str, &pb::TensorProto> =
            graph.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
        let declared = declared::inputs(graph, &initialised)?;
        let any_rows = declared.iter().any(|d| !d.is_knob() && d.leaves_rows_open());
        let whole = declared::have_no_rows(&declared);
        let rows = any_rows.then(|| library.symbols.sym("N"));
        let mut cutter = Partitioner {
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
        let (inputs, mut knobs, bound) = declared::bind(&mut cutter, &declared, whole)?;
        for knob in knobs.iter_mut().filter(|knob| knob.is_required) {
            knob.default = metadata.knobs.get(&knob.name).map(|range| range.default);
        }
        let root = cutter.root(graph, &bound)?;
        // A gate decides row by row, so rows must be independent. A file without gates may compute on the whole batch.
        if cutter.gates.is_empty() {
            for segment in &mut cutter.segments {
                segment.dynamic_rows |= !segment.compiled.rows_stay_apart;
            }
        }
        Ok(Program {
            name: String::new(),
            root,
            slots: cutter.slots,
            segments: cutter.segments,
            gates: cutter.gates,
            inputs,
            knobs,
            given: vec![],
            outputs: graph.output.iter().map(|o| o.name.clone()).collect(),
            rows: cutter.compiler.rows,
            whole,
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

    /// The inputs of the file whose values were given when it was loaded: see [`Program::load_given`].
    pub fn given(&self) -> &[String] {
        &self.given
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
    pub fn is_input_dependent(&self) -> bool {
        self.gates.iter().any(|gate| gate.is_input_dependent)
    }

    /// The segments, in the order of their [`SegmentId`].
    pub fn segments(&self) -> impl ExactSizeIterator<Item = SegmentInfo<'_>> {
        self.segments.iter().enumerate().map(|(ix, segment)| SegmentInfo {
            id: SegmentId::new(ix),
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

    /// Whether a segment is also one of `other`'s: loaded with one library, they are the same object.
    pub fn has_segment_of(&self, segment: SegmentId, other: &Program) -> bool {
        let own = &self.segments[segment.index()];
        other.segments.iter().any(|theirs| theirs.is_same_as(own))
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

    /// Whether the inputs have fixed sizes and no row axis in common: the file is run as a whole, as if it were one row.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// How many rows these inputs are.
    pub(crate) fn rows_of(&self, batch: &Batch) -> usize {
        if self.whole { 1 } else { batch.rows() }
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
    pub fn neutral_knobs(&self) -> Knobs {
        let missing = self.knobs.iter().filter(|knob| knob.default.is_none());
        missing.fold(Knobs::new(), |knobs, knob| knobs.with(&knob.name, 0.0))
    }

    /// Checks that all numbers of the inputs are finite. A run asks that only where a gate looks at the rows.
    pub fn check_finite(&self, batch: &Batch) -> Result<()> {
        let mut given = self.inputs.iter().filter_map(|own| Some((own, batch.get(&own.name)?)));
        given.try_for_each(|(input, tensor)| input.refuse_not_finite(tensor))
    }

    /// Checks inputs as a run would: names, shapes, types, and that the numbers are finite if a gate looks at them.
    pub fn check(&self, batch: &Batch) -> Result<()> {
        for input in &self.inputs {
            let fault = |text: String| {
                Error::new(ErrorKind::Input, text).at(format!("input `{}`", input.name))
            };
            let tensor = batch.get(&input.name).ok_or_else(|| fault("it is missing".into()))?;
            let tensor = input.accept(tensor)?;
            if self.is_input_dependent() {
                input.refuse_not_finite(&tensor)?;
            }
            if self.whole {
                continue;
            }
            let rows = tensor.shape()[0];
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
