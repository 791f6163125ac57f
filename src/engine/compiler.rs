//! Compiles segments: parses, types and declutters a graph without gates, unless an equal one is known.

use std::collections::HashMap;

use prost::Message;
use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::gru_seq::GruSeq;
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_hir::infer::InferenceFact;

use perforate_base::error::{Error, ErrorKind, Result, one_line};

use super::compiled::Compiled;
use super::key::{Context, Key};
use super::library::PlanCache;
use super::ops;
use super::precision::refine;
use super::segment::Segment;
use super::sizes;

/// A segment before tract has seen it.
pub(crate) struct Source {
    pub name: String,
    pub graph: pb::GraphProto,
    pub inputs: Vec<(usize, TypedFact)>,
}

/// What all segments of a program are compiled with.
pub(crate) struct Compiler {
    pub framework: tract_onnx::Onnx,
    pub library: PlanCache,
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
        let dynamic_rows = graph.node.iter().any(ops::changes_sizes);
        let sizes = sizes::key(inputs.iter().map(|(_, fact)| fact), self.rows.as_ref());
        let key = self.key(&graph, &sizes);
        let compiled = self
            .library
            .segment(key, || self.compile_anew(graph, &inputs))
            .map_err(|e| explain(e, &nodes, &name))?;
        let per_row = inputs.iter().any(|(_, fact)| self.is_per_row(fact));
        let own: Vec<TypedFact> = (0..inputs.len())
            .filter_map(|ix| compiled.model.input_fact(ix).ok().cloned())
            .collect();
        let given = inputs.iter().map(|(_, fact)| fact);
        let (symbols, rows) = (&self.library.symbols, self.rows.as_ref());
        let facts =
            sizes::translate(own.iter(), given, &compiled.facts, symbols, rows).map_err(|e| {
                Error::new(ErrorKind::Internal, one_line(&e)).node(&name).with_source(e)
            })?;
        let segment = Segment {
            name,
            inputs: inputs.into_iter().map(|(slot, _)| slot).collect(),
            outputs: vec![],
            per_row,
            dynamic_rows,
            operators,
            compiled,
        };
        Ok((segment, facts))
    }

    /// What tells the segment from others. What it does not use does not: neither functions nor the domain that they are of.
    fn key(&self, graph: &pb::GraphProto, sizes: &[String]) -> Key {
        let called = |name: &str| graph.node.iter().any(|node| node.op_type == name);
        let functions = self.functions.iter().filter(|function| called(function.name()));
        let own = graph.node.iter().any(|node| node.domain == ops::DOMAIN);
        let sets = self.opset.iter().filter(|set| own || set.domain != ops::DOMAIN);
        let context = Context {
            ir_version: self.ir_version,
            opset: sets.map(Message::encode_to_vec).collect(),
            functions: functions.map(Message::encode_to_vec).collect(),
        };
        Key::of(graph, sizes, &context)
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
        begin_anew(&mut model);
        refine(&mut model)?;
        model.declutter()?;
        Compiled::new(model, self.rows.clone())
    }

    /// Whether axis 0 of a tensor is the row axis.
    pub fn is_per_row(&self, fact: &TypedFact) -> bool {
        match &self.rows {
            Some(rows) => fact.shape.first() == Some(&TDim::Sym(rows.clone())),
            None => fact.shape.first() == Some(&TDim::Val(1)),
        }
    }
}

/// Lets recurrent operators begin every run with the states that the file gives. Left as they are, they go on with those
/// of the run before, which was of another row.
fn begin_anew(model: &mut TypedModel) {
    for node in model.nodes_mut() {
        if let Some(scan) = node.op_as_mut::<Scan>() {
            scan.reset_every_turn = true;
            begin_anew(&mut scan.body);
        } else if let Some(gru) = node.op_as_mut::<GruSeq>() {
            gru.reset_every_turn = true;
        }
    }
}

/// Says which node tract failed at, by the names that the file uses.
fn explain(error: TractError, nodes: &HashMap<String, String>, segment: &str) -> Error {
    let text = format!("{error:#}");
    let known = nodes
        .iter()
        .filter(|(name, _)| !name.is_empty() && text.contains(name.as_str()))
        .max_by_key(|(name, _)| name.len());
    let (place, what) = match known {
        Some((name, op)) => (name.as_str(), format!("the operator `{op}` cannot be compiled")),
        None => (segment, "cannot be compiled".to_string()),
    };
    let text = format!("{what} ({})", one_line(&text));
    Error::new(ErrorKind::Model, text).node(place).with_source(error)
}
