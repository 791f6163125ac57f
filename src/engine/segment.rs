//! A segment: a stretch of the graph without gates, optimised once and run as one tract plan.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use prost::Message;
use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::InferenceFact;

use perforate_base::error::{Error, ErrorKind, Result, one_line};
use perforate_base::units::Macs;

use super::cost::SegmentCost;
use super::library::{Library, fingerprint};
use super::ops;
use super::sizes;
use super::work::Work;

/// How a segment runs on a batch of several rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// One row after the other, each through a plan for a batch of one.
    RowByRow,
    /// Once, on all the rows that are still active.
    Compacted,
}

pub(crate) type Plan = Arc<TypedSimplePlan>;
pub(crate) type PlanState = TypedSimpleState;

/// A compiled segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub name: String,
    /// Slots read and written.
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
    /// Whether anything in it depends on the rows.
    pub per_row: bool,
    /// Whether rows may come out of it with different sizes, so that it must see all of them at once.
    pub ragged: bool,
    /// Operators, as the file names them, for the diagram and `inspect`.
    pub operators: Vec<String>,
    compiled: Arc<Compiled>,
}

/// What a segment computes; equal segments of several programs share it.
#[derive(Debug)]
pub(crate) struct Compiled {
    cost: SegmentCost,
    /// What a run for one row does, where that depends on nothing else: known now, since counting it at every run would
    /// take longer than a small segment.
    work: Option<Work>,
    /// Of the outputs.
    facts: Vec<TypedFact>,
    /// Decluttered, not lowered: both plans are made from it when first needed.
    model: TypedModel,
    rows: Option<Symbol>,
    single: OnceLock<Plan>,
    batch: OnceLock<Plan>,
}

/// A segment before tract has seen it.
pub(crate) struct Source {
    pub name: String,
    pub graph: pb::GraphProto,
    pub inputs: Vec<(usize, TypedFact)>,
}

/// What all segments of a program are compiled with.
pub(crate) struct Compiler {
    pub framework: tract_onnx::Onnx,
    pub library: Library,
    /// The symbol of the row axis; none if the file fixes the number of rows.
    pub rows: Option<Symbol>,
    pub ir_version: i64,
    pub opset: Vec<pb::OperatorSetIdProto>,
    pub functions: Vec<pb::FunctionProto>,
}

impl Compiler {
    /// Parses, types and declutters a segment. Returns it with the facts of its outputs; the
    /// caller fills in `outputs`.
    pub fn compile(&self, source: Source) -> Result<(Segment, Vec<TypedFact>)> {
        let Source { name, graph, inputs } = source;
        let operators = graph.node.iter().map(|n| n.op_type.clone()).collect();
        let nodes: HashMap<String, String> =
            graph.node.iter().map(|n| (n.name.clone(), n.op_type.clone())).collect();
        let ragged = graph.node.iter().any(ops::changes_sizes);
        let sizes = sizes::key(inputs.iter().map(|(_, fact)| fact), self.rows.as_ref());
        // What it does not use does not tell it from others: neither functions nor the domain that they are of.
        let called = |name: &str| graph.node.iter().any(|node| node.op_type == name);
        let functions = self.functions.iter().filter(|function| called(function.name()));
        let own = graph.node.iter().any(|node| node.domain == ops::DOMAIN);
        let sets = self.opset.iter().filter(|set| own || set.domain != ops::DOMAIN);
        let context = (
            self.ir_version,
            sets.map(Message::encode_to_vec).collect::<Vec<_>>(),
            functions.map(Message::encode_to_vec).collect::<Vec<_>>(),
        );
        let fingerprint = fingerprint(&graph, &sizes, context);
        let compiled = self
            .library
            .segment(fingerprint, || self.compile_anew(graph, &inputs))
            .map_err(|e| explain(&e, &nodes, &name))?;
        let per_row = inputs.iter().any(|(_, fact)| self.is_per_row(fact));
        let own: Vec<TypedFact> = (0..inputs.len())
            .filter_map(|ix| compiled.model.input_fact(ix).ok().cloned())
            .collect();
        let given = inputs.iter().map(|(_, fact)| fact);
        let (symbols, rows) = (&self.library.symbols, self.rows.as_ref());
        let facts = sizes::translate(own.iter(), given, &compiled.facts, symbols, rows)
            .map_err(|e| Error::new(ErrorKind::Internal, one_line(e)).node(&name))?;
        let segment = Segment {
            name,
            inputs: inputs.into_iter().map(|(slot, _)| slot).collect(),
            outputs: vec![],
            per_row,
            ragged,
            operators,
            compiled,
        };
        Ok((segment, facts))
    }

    fn compile_anew(
        &self,
        graph: pb::GraphProto,
        inputs: &[(usize, TypedFact)],
    ) -> TractResult<Compiled> {
        let proto = pb::ModelProto {
            ir_version: self.ir_version,
            opset_import: self.opset.clone(),
            functions: self.functions.clone(),
            graph: Some(graph),
            ..pb::ModelProto::default()
        };
        let template =
            InferenceModel { symbols: self.library.symbols.clone(), ..InferenceModel::default() };
        let parsed = self.framework.parse_with_template(&proto, None, template)?;
        if let Some(unknown) = parsed.unresolved_inputs.first() {
            return Err(TractError::msg(format!("the tensor `{unknown}` is not defined")));
        }
        let mut model = parsed.model;
        for (ix, (_, fact)) in inputs.iter().enumerate() {
            let fact = InferenceFact::dt_shape(fact.datum_type, fact.shape.dims());
            model.set_input_fact(ix, fact)?;
        }
        let mut model = model.into_typed()?;
        model.declutter()?;
        let facts = (0..model.outputs.len())
            .map(|ix| model.output_fact(ix).map(|fact| fact.without_value()))
            .collect::<TractResult<_>>()?;
        let cost = SegmentCost::of(&model)?;
        Ok(Compiled {
            work: cost.per_row(self.rows.as_ref()),
            cost,
            facts,
            model,
            rows: self.rows.clone(),
            single: OnceLock::new(),
            batch: OnceLock::new(),
        })
    }

    /// Whether axis 0 of a tensor is the row axis.
    pub fn is_per_row(&self, fact: &TypedFact) -> bool {
        match &self.rows {
            Some(rows) => fact.shape.first() == Some(&TDim::Sym(rows.clone())),
            None => fact.shape.first() == Some(&TDim::Val(1)),
        }
    }
}

/// Says which node tract failed at, by the names that the file uses.
fn explain(error: &TractError, nodes: &HashMap<String, String>, segment: &str) -> Error {
    let text = format!("{error:#}");
    let known = nodes
        .iter()
        .filter(|(name, _)| !name.is_empty() && text.contains(name.as_str()))
        .max_by_key(|(name, _)| name.len());
    match known {
        Some((name, op)) => Error::new(
            ErrorKind::Model,
            format!("the operator `{op}` cannot be compiled ({})", one_line(&text)),
        )
        .node(name),
        None => Error::new(ErrorKind::Model, format!("cannot be compiled ({})", one_line(&text)))
            .node(segment),
    }
}

impl Segment {
    /// The plan for one row, made at the first call.
    pub fn single(&self) -> Result<&Plan> {
        self.plan(&self.compiled.single, true)
    }

    /// The plan for any number of rows, made at the first call.
    pub fn batch(&self) -> Result<&Plan> {
        self.plan(&self.compiled.batch, false)
    }

    fn plan<'a>(&'a self, cell: &'a OnceLock<Plan>, single: bool) -> Result<&'a Plan> {
        if let Some(plan) = cell.get() {
            return Ok(plan);
        }
        let build = || -> TractResult<Plan> {
            let Compiled { model, rows, .. } = &*self.compiled;
            let mut model = match rows {
                Some(rows) if single => {
                    let mut model =
                        model.set_symbols(&HashMap::from([(rows.clone(), TDim::Val(1))]))?;
                    model.declutter()?;
                    model
                }
                _ => model.clone(),
            };
            model.optimize()?;
            TypedSimplePlan::new(model)
        };
        let plan = build().map_err(|e| {
            Error::new(ErrorKind::Model, format!("cannot be optimised ({})", one_line(e)))
                .node(&self.name)
        })?;
        Ok(cell.get_or_init(|| plan))
    }

    /// Whether the two compute the same with the same weights.
    pub fn is_same_as(&self, other: &Segment) -> bool {
        Arc::ptr_eq(&self.compiled, &other.compiled)
    }

    /// The values of the symbols that these inputs imply, for costs that depend on more than rows.
    pub fn symbol_values(&self, inputs: &[&Tensor]) -> SymbolValues {
        let mut values = SymbolValues::default();
        for (ix, tensor) in inputs.iter().enumerate() {
            let Ok(fact) = self.compiled.model.input_fact(ix) else { continue };
            for (dim, &size) in fact.shape.iter().zip(tensor.shape()) {
                if let TDim::Sym(symbol) = dim {
                    values.set(symbol, size as i64);
                }
            }
        }
        if let Some(rows) = &self.compiled.rows {
            values.set(rows, 1);
        }
        values
    }

    /// Operations for one row, unless they depend on other sizes of the input.
    pub fn macs_per_row(&self) -> Option<Macs> {
        self.compiled.work.map(|work| work.macs)
    }

    /// What a run for one row computes and reads, unless that depends on other sizes of the input.
    pub fn work_per_row(&self) -> Option<Work> {
        self.compiled.work
    }

    /// Most bytes alive at once inside it for one row, unless they depend on other sizes of the input.
    pub fn peak_per_row(&self) -> Option<perforate_base::units::Bytes> {
        self.cost().peak_per_row(self.compiled.rows.as_ref())
    }

    /// Operations, parameters, bytes.
    pub fn cost(&self) -> &SegmentCost {
        &self.compiled.cost
    }
}
