//! What a model by itself computes and reads, sample by sample.

use std::collections::HashMap;
use std::sync::Arc;

use perforate_base::Result;
use perforate_data::Samples;
use perforate_engine::{Path, Program, Session, Work};

/// What each sample costs.
#[derive(Debug, Clone, PartialEq)]
pub enum Costs {
    /// The same for all.
    Same(Work),
    /// One for each, since they differ in length.
    Each(Vec<Work>),
}

impl Costs {
    /// Of `program` on `samples`, where that is known before it runs. What a model with gates costs depends on what they
    /// decide: there is nothing known of it yet.
    pub fn of(program: &Arc<Program>, samples: &Samples) -> Result<Costs> {
        if !program.gates().is_empty() {
            return Ok(Costs::Each(vec![]));
        }
        if let Some(work) = program.work(Path::default()) {
            return Ok(Costs::Same(work));
        }
        let mut session = Session::new(program.clone());
        let knobs = program.neutral_knobs();
        let mut known: HashMap<Option<usize>, Work> = HashMap::new();
        let each = (0..samples.len()).map(|row| {
            let length = samples.length(row);
            if let Some(&work) = known.get(&length) {
                return Ok(work);
            }
            let work = session.run(&samples.row(row)?, &knobs)?.trace.total();
            known.insert(length, work);
            Ok(work)
        });
        Ok(Costs::Each(each.collect::<Result<_>>()?))
    }

    /// Notes what the next sample cost, unless that was known before it ran.
    pub fn note(&mut self, row: usize, work: Work) {
        if let Costs::Each(known) = self
            && known.len() == row
        {
            known.push(work);
        }
    }

    /// Of one sample.
    pub fn row(&self, row: usize) -> Work {
        match self {
            Costs::Same(work) => *work,
            Costs::Each(all) => all[row],
        }
    }

    /// Mean over the first `n` samples.
    pub fn mean(&self, n: usize) -> Work {
        match self {
            Costs::Same(work) => *work,
            Costs::Each(all) => {
                let n = n.clamp(1, all.len());
                all[..n].iter().copied().sum::<Work>() * (1.0 / n as f64)
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
    use perforate_engine::Batch;
    use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode};

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
        let dynamic_rows = samples.with_lengths(vec![1, 4, 2]).unwrap();
        let costs = Costs::of(&program(), &dynamic_rows).unwrap();
        assert_eq!([0, 1, 2].map(|row| costs.row(row).macs.0), [9.0, 36.0, 18.0]);
        assert_eq!((costs.mean(2).macs.0, costs.mean(3).macs.0), (22.5, 21.0));
        let work = costs.row(0);
        assert_eq!(Costs::Same(work).mean(3), work);
    }
}
