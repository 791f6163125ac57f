//! What a model is, before anything is done with it: what it reads and gives, what it costs, where it can be cut.

use std::collections::BTreeMap;

use tract_onnx::pb::ValueInfoProto;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value;

use perforate_base::units::Macs;
use perforate_engine::Program;
use perforate_onnx::{Component, Separable};

/// Operators that are named, the most frequent first.
const NAMED: usize = 8;
/// Places for a cut that are named.
const PLACES: usize = 3;

/// A model, looked at.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Survey {
    /// Name, and type and shape in words.
    pub inputs: Vec<(String, String)>,
    /// The same of the outputs.
    pub outputs: Vec<(String, String)>,
    /// Version of the standard operator set.
    pub opset: i64,
    /// Operations on all paths for one row; none where they depend on other sizes.
    pub macs: Option<Macs>,
    /// Constant values.
    pub parameters: usize,
    /// Size of the file.
    pub size: String,
    /// Operators and how often each occurs, the most frequent first.
    pub operators: Vec<(String, usize)>,
    /// Gates that it has already.
    pub gates: usize,
    /// Tensors behind which it can be cut, in order; or why it cannot.
    pub cuts: Result<Vec<String>, String>,
}

/// Looks at a model, which is loaded already.
pub fn survey(component: &Component, program: &Program) -> Survey {
    let named = |info: &ValueInfoProto| (info.name.clone(), declared(info));
    let knob = |name: &str| program.knobs().iter().any(|knob| knob.name == name);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in component.model().graph.iter().flat_map(|graph| &graph.node) {
        *counts.entry(node.op_type.as_str()).or_default() += 1;
    }
    let mut operators: Vec<(String, usize)> =
        counts.into_iter().map(|(name, count)| (name.to_string(), count)).collect();
    operators.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let cuts = Separable::new(component.clone())
        .map(|model| model.cuts().into_iter().map(|cut| cut.tensor).collect())
        .map_err(|error| error.to_string());
    Survey {
        inputs: component.inputs().filter(|input| !knob(&input.name)).map(named).collect(),
        outputs: component.outputs().iter().map(named).collect(),
        opset: component.opset(),
        macs: program.segments().map(|segment| segment.macs).sum(),
        parameters: program.parameters(),
        size: program.file_size().to_string(),
        operators,
        gates: program.gates().len(),
        cuts,
    }
}

impl Survey {
    /// Terms and their texts, for people.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let tensors = |tensors: &[(String, String)]| {
            let each = tensors.iter().map(|(name, shape)| format!("{name}: {shape}"));
            each.collect::<Vec<_>>().join("; ")
        };
        let operators = self.operators.iter().take(NAMED);
        let mut operators: Vec<String> =
            operators.map(|(name, count)| format!("{count} {name}")).collect();
        let more = self.operators.len().saturating_sub(NAMED);
        if more > 0 {
            operators.push(format!("{more} other kinds"));
        }
        let macs = self.macs.map_or_else(
            || "depend on the size of the input".into(),
            |macs| {
                format!(
                    "{macs} a row{}",
                    if self.gates > 0 { ", on all paths together" } else { "" }
                )
            },
        );
        vec![
            ("Reads", tensors(&self.inputs)),
            ("Gives", tensors(&self.outputs)),
            ("File", format!("{}, operator set {}", self.size, self.opset)),
            ("Operations", macs),
            ("Parameters", self.parameters.to_string()),
            ("Operators", operators.join(", ")),
            ("Gates", if self.gates == 0 { "none".into() } else { self.gates.to_string() }),
            ("Can be cut", self.places()),
        ]
    }

    fn places(&self) -> String {
        let cuts = match &self.cuts {
            Err(why) => return format!("nowhere ({why})"),
            Ok(cuts) if cuts.is_empty() => {
                return "nowhere: there is no single tensor that passes on all that was computed"
                    .into();
            }
            Ok(cuts) => cuts,
        };
        let named: Vec<String> = cuts.iter().take(PLACES).map(|name| format!("`{name}`")).collect();
        let more = if cuts.len() > PLACES { " …" } else { "" };
        let places = if cuts.len() == 1 { "place" } else { "places" };
        format!("at {} {places}: behind {}{more}", cuts.len(), named.join(", "))
    }
}

/// Type and shape of a declaration, as `float32 [N, 3, 224, 224]`.
fn declared(info: &ValueInfoProto) -> String {
    let value = info.r#type.as_ref().and_then(|t| t.value.as_ref());
    let Some(Value::TensorType(tensor)) = value else { return "not a tensor".into() };
    let kind = perforate_onnx::type_name(tensor.elem_type);
    let Some(shape) = &tensor.shape else { return format!("{kind}, any shape") };
    let size = |value: &Option<Dim>| match value {
        Some(Dim::DimValue(size)) => size.to_string(),
        Some(Dim::DimParam(name)) if !name.is_empty() => name.clone(),
        _ => "any".into(),
    };
    let sizes: Vec<String> = shape.dim.iter().map(|dim| size(&dim.value)).collect();
    format!("{kind} [{}]", sizes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode};

    #[test]
    fn a_model_is_told_in_lines() {
        let mut graph = GraphBuilder::new("g", OPSET);
        let shape = [Size::Rows, Size::Fixed(2)];
        graph.input("x", &shape).unwrap();
        graph.node("Relu", "h", &["x"]).unwrap();
        graph.node("Relu", "y", &["h"]).unwrap();
        graph.output("y", &shape).unwrap();
        let model = graph.into_model(&Metadata::default()).unwrap();
        let program = Program::load("m.onnx", &encode(&model)).unwrap();
        let lines = survey(&Component::new("m.onnx", model).unwrap(), &program).lines();
        let line = |term: &str| &lines.iter().find(|(name, _)| *name == term).unwrap().1;
        assert_eq!(line("Reads"), "x: float32 [N, 2]");
        assert_eq!(line("Operators"), "2 Relu");
        assert_eq!(line("Can be cut"), "at 1 place: behind `h`");
    }
}
