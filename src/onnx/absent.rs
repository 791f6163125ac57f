//! Inputs and outputs that are left out: ONNX writes them as empty names, and those at the end of a list need none at all.

use tract_onnx::pb::{GraphProto, ModelProto};

/// Takes away empty names at the ends of lists, in inner graphs too. A compiler that counts inputs by the length of the
/// list takes a bias that is left out for one that is there.
pub fn trim_absent(model: &mut ModelProto) {
    model.graph.iter_mut().for_each(trim);
}

fn trim(graph: &mut GraphProto) {
    for node in &mut graph.node {
        for names in [&mut node.input, &mut node.output] {
            let named = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
            names.truncate(named);
        }
        let attributes = node.attribute.iter_mut();
        attributes.flat_map(|a| a.g.iter_mut().chain(&mut a.graphs)).for_each(trim);
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{NodeProto, OperatorSetIdProto};

    use super::*;
    use crate::attributes::graph_attribute;
    use crate::refuse_unsupported;

    #[test]
    fn only_what_is_left_out_at_the_end_is_taken_away() {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let conv = NodeProto {
            op_type: "Conv".into(),
            input: names(&["x", "w", ""]),
            output: names(&["y", "", ""]),
            ..NodeProto::default()
        };
        let resize = NodeProto { input: names(&["x", "", "scales"]), ..NodeProto::default() };
        let branch = GraphProto { node: vec![conv.clone()], ..GraphProto::default() };
        let gate = NodeProto {
            attribute: vec![graph_attribute("then_branch", branch)],
            ..NodeProto::default()
        };
        let graph = GraphProto { node: vec![conv, resize, gate], ..GraphProto::default() };
        let mut model = ModelProto { graph: Some(graph), ..ModelProto::default() };
        trim_absent(&mut model);
        let nodes = &model.graph.as_ref().unwrap().node;
        assert_eq!((&nodes[0].input, &nodes[0].output), (&names(&["x", "w"]), &names(&["y"])));
        assert_eq!(nodes[1].input, names(&["x", "", "scales"]));
        let inner = &nodes[2].attribute[0].g.as_ref().unwrap().node[0];
        assert_eq!(inner.input, names(&["x", "w"]));
        trim_absent(&mut ModelProto::default());
    }

    /// The compiler would read the missing bias; trimmed, the node says what it means.
    #[test]
    fn a_convolution_with_its_bias_left_out_is_refused_until_it_is_trimmed() {
        let conv = NodeProto {
            op_type: "Conv".into(),
            input: ["x", "w", ""].map(String::from).into(),
            output: vec!["y".into()],
            ..NodeProto::default()
        };
        let mut model = ModelProto {
            opset_import: vec![OperatorSetIdProto { version: 11, ..Default::default() }],
            graph: Some(GraphProto { node: vec![conv], ..GraphProto::default() }),
            ..ModelProto::default()
        };
        assert!(refuse_unsupported(&model).is_err());
        trim_absent(&mut model);
        refuse_unsupported(&model).unwrap();
    }
}
