//! Operations of a model without gates, sample by sample.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::Samples;
use crate::engine::{Program, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::units::Macs;

/// What each sample costs.
#[derive(Debug, Clone, PartialEq)]
pub enum Costs {
    /// The same for all.
    Same(Macs),
    /// One for each, since they differ in length.
    Each(Vec<Macs>),
}

impl Costs {
    /// Of `program` on `samples`. A model with gates is refused: what it costs depends on more than lengths.
    pub fn of(program: &Arc<Program>, samples: &Samples) -> Result<Costs> {
        if !program.gates().is_empty() {
            let text =
                "a reference must have no gates, since its cost would depend on what they decide";
            return Err(Error::new(ErrorKind::Model, text));
        }
        let same: Option<Macs> = program.segments().map(|segment| segment.macs).sum();
        if let Some(macs) = same {
            return Ok(Costs::Same(macs));
        }
        let mut session = Session::new(program.clone());
        let knobs = program.neutral_knobs();
        let mut known: HashMap<Option<usize>, Macs> = HashMap::new();
        let each = (0..samples.len()).map(|row| {
            let length = samples.length(row);
            if let Some(&macs) = known.get(&length) {
                return Ok(macs);
            }
            let macs = session.run(&samples.row(row)?, &knobs)?.trace.total_macs();
            known.insert(length, macs);
            Ok(macs)
        });
        Ok(Costs::Each(each.collect::<Result<_>>()?))
    }

    /// Of one sample.
    pub fn row(&self, row: usize) -> Macs {
        match self {
            Costs::Same(macs) => *macs,
            Costs::Each(all) => all[row],
        }
    }

    /// Mean over the first `n` samples.
    pub fn mean(&self, n: usize) -> Macs {
        match self {
            Costs::Same(macs) => *macs,
            Costs::Each(all) => {
                let n = n.clamp(1, all.len());
                all[..n].iter().copied().sum::<Macs>() / n as f64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
    use tract_onnx::pb::type_proto::Value as Kind;

    use super::*;
    use crate::engine::Batch;
    use crate::onnx::{GraphBuilder, Metadata, OPSET, Size, encode};

    /// x [N, L, 2] → y [N, 1, 3]: the maximum over L of x W, at 6 operations a place and 3 for the maximum.
    fn program() -> Arc<Program> {
        let mut graph = GraphBuilder::new("ragged", OPSET);
        let x = graph.input("x", &[Size::Rows, Size::Fixed(1), Size::Fixed(2)]).unwrap();
        let w = graph.constant("w", &[2, 3], &[1.0; 6]).unwrap();
        let h = graph.node("MatMul", "h", &[&x, &w]).unwrap();
        graph.reduce("ReduceMax", "y", &h, 1).unwrap();
        graph.output("y", &[Size::Rows, Size::Fixed(1), Size::Fixed(3)]).unwrap();
        let mut model = graph.into_model(&Metadata::default()).unwrap();
        let input = &mut model.graph.as_mut().unwrap().input[0];
        if let Some(Kind::TensorType(tensor)) = input.r#type.as_mut().unwrap().value.as_mut() {
            tensor.shape.as_mut().unwrap().dim[1].value = Some(Dim::DimParam("L".into()));
        }
        Arc::new(Program::load("ragged", &encode(&model)).unwrap())
    }

    #[test]
    fn what_depends_on_the_length_is_counted_sample_by_sample() {
        let x = ArrayD::<f32>::ones(vec![3, 4, 2]);
        let samples = Samples::new(Batch::new().with("x", x), None).unwrap();
        let ragged = samples.with_lengths(vec![1, 4, 2]).unwrap();
        let costs = Costs::of(&program(), &ragged).unwrap();
        assert_eq!([0, 1, 2].map(|row| costs.row(row).0), [9.0, 36.0, 18.0]);
        assert_eq!((costs.mean(2).0, costs.mean(3).0), (22.5, 21.0));
        assert_eq!(Costs::Same(Macs(5.0)).mean(3), Macs(5.0));
    }
}
