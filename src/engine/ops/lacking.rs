//! Operators that a file uses and the engine lacks.

use tract_onnx::{Onnx, pb};

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::functions::DOMAIN;

/// Refuses operators that the engine lacks, all of them by name and the first one by node, before anything is compiled.
pub(crate) fn check(framework: &Onnx, graph: &pb::GraphProto) -> Result<()> {
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
fn find_lacking(framework: &Onnx, graph: &pb::GraphProto, lacking: &mut Vec<(String, String)>) {
    for node in &graph.node {
        let standard = node.domain.is_empty() || node.domain == "ai.onnx";
        let shown = match standard {
            true => node.op_type.clone(),
            false => format!("{}.{}", node.domain, node.op_type),
        };
        let known = (standard || node.domain == DOMAIN)
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
