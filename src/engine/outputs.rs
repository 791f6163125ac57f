//! What a program gives: types and sizes of its outputs, as far as they are known before a run.

use tract_onnx::prelude::{DatumType, TDim};

use super::declared::NAMED;
use super::program::Program;

/// A size of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// The number of rows.
    Rows,
    /// A fixed size.
    Fixed(usize),
    /// One that depends on the inputs; equal names, equal sizes.
    Open(String),
}

/// An output of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputInfo {
    /// Its name in the file.
    pub name: String,
    /// Element type.
    pub datum_type: DatumType,
    /// Sizes of all axes.
    pub shape: Vec<Extent>,
    /// Whether axis 0 is the row axis.
    pub per_row: bool,
}

/// The name that an input's declaration has for a size, or the formula.
fn declared_name(size: &TDim) -> String {
    let text = size.to_string();
    match size {
        TDim::Sym(_) => text.strip_prefix(NAMED).unwrap_or(&text).to_string(),
        _ => text,
    }
}

impl Program {
    /// The outputs, in the file's order.
    pub fn output_infos(&self) -> Vec<OutputInfo> {
        let extent = |(axis, size): (usize, &TDim)| match (size.to_i64().ok(), &self.rows) {
            (Some(size), _) => Extent::Fixed(size as usize),
            (None, Some(rows)) if axis == 0 && *size == rows.clone().into() => Extent::Rows,
            (None, _) => Extent::Open(declared_name(size)),
        };
        let info = |(name, &slot): (&String, &usize)| {
            let slot = &self.slots[slot];
            OutputInfo {
                name: name.clone(),
                datum_type: slot.fact.datum_type,
                shape: slot.fact.shape.iter().enumerate().map(extent).collect(),
                per_row: slot.per_row,
            }
        };
        self.outputs().iter().zip(&self.root.outputs).map(info).collect()
    }

    /// Whether what a row gives depends on that row alone, so that rows of several callers may share a batch.
    pub fn keeps_rows_apart(&self) -> bool {
        // A gate decides row by row, so the rows of a file that has one are independent.
        let apart = || self.segments.iter().all(|segment| segment.compiled.rows_stay_apart);
        !self.is_whole() && (!self.gates.is_empty() || apart())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PlanCache;
    use perforate_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
    use perforate_onnx::pb::type_proto::Value;
    use perforate_onnx::{GraphBuilder, Metadata, OPSET, any_sizes};

    #[test]
    fn sizes_keep_the_names_that_the_file_gives_them() {
        let mut info = any_sizes("x", 3).unwrap();
        let Some(Value::TensorType(tensor)) = info.r#type.as_mut().unwrap().value.as_mut() else {
            unreachable!("any_sizes declares a tensor")
        };
        let sizes = [Dim::DimParam("N".into()), Dim::DimParam("L".into()), Dim::DimValue(4)];
        let dims = &mut tensor.shape.as_mut().unwrap().dim;
        dims.iter_mut().zip(sizes).for_each(|(dim, size)| dim.value = Some(size));
        let mut graph = GraphBuilder::new("g", OPSET);
        graph.declare_input(info.clone()).unwrap();
        graph.node("Relu", "y", &["x"]).unwrap();
        graph.output_like("y", &info);
        let model = graph.into_model(&Metadata::default()).unwrap();
        let program = Program::from_proto(&PlanCache::default(), "m", &model, 0).unwrap();
        let [output] = &program.output_infos()[..] else { panic!("one output") };
        assert_eq!(output.shape, [Extent::Rows, Extent::Open("L".into()), Extent::Fixed(4)]);
        assert!(output.per_row && program.keeps_rows_apart());
    }
}
