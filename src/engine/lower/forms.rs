//! The new graph as it grows: each tensor of the old one in the layouts in which it is known.

use std::collections::HashMap;

use tract_onnx::tract_core::ops::array::TypedConcat;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cnn::{MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::downsample::Downsample;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce};
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_hir::internal::*;

use crate::ops::fused::ChannelsFirst;

/// A tensor of the old graph in the new one: as it was, with its second axis moved behind the others, or both.
#[derive(Debug, Clone, Copy, Default)]
struct Form {
    own: Option<OutletId>,
    last: Option<OutletId>,
}

/// The new graph.
pub(super) struct Forms<'a> {
    model: &'a TypedModel,
    target: TypedModel,
    of: HashMap<OutletId, Form>,
}

impl<'a> Forms<'a> {
    /// With the inputs alone.
    pub fn new(model: &'a TypedModel) -> TractResult<Forms<'a>> {
        let mut target = TypedModel { symbols: model.symbols.clone(), ..TypedModel::default() };
        let mut of = HashMap::new();
        for &input in &model.inputs {
            let fact = model.outlet_fact(input)?.clone();
            let own = target.add_source(&model.node(input.node).name, fact)?;
            of.insert(input, Form { own: Some(own), last: None });
        }
        Ok(Forms { model, target, of })
    }

    /// A tensor as it was.
    pub fn own(&mut self, outlet: OutletId) -> TractResult<OutletId> {
        let form = self.of.get(&outlet).copied().unwrap_or_default();
        if let Some(own) = form.own {
            return Ok(own);
        }
        let own = match (form.last, &self.model.outlet_fact(outlet)?.konst) {
            (Some(last), _) => {
                let name = self.name(outlet, "first");
                self.target.wire_node(name, ChannelsFirst { inverse: false }, &[last])?[0]
            }
            (None, Some(tensor)) => {
                let name = self.model.node(outlet.node).name.clone();
                let name = if outlet.slot == 0 { name } else { format!("{name}.{}", outlet.slot) };
                self.target.add_const(name, tensor.clone())?
            }
            (None, None) => bail!("{outlet:?} is read before it is written"),
        };
        self.of.entry(outlet).or_default().own = Some(own);
        Ok(own)
    }

    /// A tensor with its channels last, if it is known so.
    pub fn known_last(&self, outlet: OutletId) -> Option<OutletId> {
        self.of.get(&outlet)?.last
    }

    /// A tensor with its channels last.
    pub fn last(&mut self, outlet: OutletId) -> TractResult<OutletId> {
        if let Some(last) = self.known_last(outlet) {
            return Ok(last);
        }
        let name = self.name(outlet, "last");
        let last = match super::constant(self.model, outlet)? {
            Some(tensor) => {
                let moved = (*tensor).clone().move_axis(1, tensor.rank() - 1)?;
                self.target.add_const(name, moved)?
            }
            None => {
                let own = self.own(outlet)?;
                self.target.wire_node(name, ChannelsFirst { inverse: true }, &[own])?[0]
            }
        };
        self.of.entry(outlet).or_default().last = Some(last);
        Ok(last)
    }

    /// Writes an operator whose output is `end`, with its channels last if so.
    pub fn write(
        &mut self,
        name: &str,
        op: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
        end: OutletId,
        last: bool,
    ) -> TractResult<()> {
        let outlet = self.target.wire_node(name, op, inputs)?[0];
        let form = self.of.entry(end).or_default();
        *(if last { &mut form.last } else { &mut form.own }) = Some(outlet);
        Ok(())
    }

    /// Writes a node of the old graph.
    pub fn copy(&mut self, node: &TypedNode) -> TractResult<()> {
        // Inputs stand already; constants are written where they are read.
        if node.op_is::<TypedSource>() || node.op_is::<Const>() {
            return Ok(());
        }
        if let Some(op) = self.op_for_channels_last(node)? {
            let inputs: TVec<OutletId> =
                node.inputs.iter().map(|&input| self.last(input)).collect::<TractResult<_>>()?;
            return self.write(&node.name, op, &inputs, node.id.into(), true);
        }
        let inputs: TVec<OutletId> =
            node.inputs.iter().map(|&input| self.own(input)).collect::<TractResult<_>>()?;
        let outputs = self.target.wire_node(&node.name, node.op.clone(), &inputs)?;
        for (slot, outlet) in outputs.into_iter().enumerate() {
            self.of.entry(OutletId::new(node.id, slot)).or_default().own = Some(outlet);
        }
        Ok(())
    }

    /// The graph, with its outputs.
    pub fn finish(mut self) -> TractResult<TypedModel> {
        let outputs: Vec<OutletId> =
            self.model.outputs.iter().map(|&o| self.own(o)).collect::<TractResult<_>>()?;
        self.target.select_output_outlets(&outputs)?;
        Ok(self.target)
    }

    fn name(&self, outlet: OutletId, what: &str) -> String {
        format!("{}.{}.channels-{what}", self.model.node(outlet.node).name, outlet.slot)
    }

    /// The operator that does the same with channels last, where an input is known only so.
    fn op_for_channels_last(&self, node: &TypedNode) -> TractResult<Option<Box<dyn TypedOp>>> {
        let only_last = |input: &OutletId| {
            self.of.get(input).is_some_and(|form| form.own.is_none() && form.last.is_some())
        };
        if !node.inputs.iter().any(only_last) || node.outputs.len() != 1 {
            return Ok(None);
        }
        let rank = self.model.outlet_fact(node.inputs[0])?.rank();
        let of_images = |input: &OutletId| -> TractResult<bool> {
            let fact = self.model.outlet_fact(*input)?;
            Ok(fact.rank() == rank && fact.datum_type == f32::datum_type())
        };
        for input in &node.inputs {
            if !of_images(input)? {
                return Ok(None);
            }
        }
        if node.op_is::<TypedBinOp>() || node.op_is::<ElementWiseOp>() {
            return Ok(Some(node.op.clone()));
        }
        let moved = |spec: &PoolSpec| {
            (spec.data_format == DataFormat::NCHW)
                .then(|| PoolSpec { data_format: DataFormat::NHWC, ..spec.clone() })
        };
        if let Some(op) = node.op_as::<MaxPool>() {
            let spec = moved(&op.pool_spec);
            return Ok(spec.map(|pool_spec| Box::new(MaxPool { pool_spec, ..op.clone() }) as _));
        }
        if let Some(op) = node.op_as::<SumPool>() {
            let spec = moved(&op.pool_spec);
            return Ok(spec.map(|pool_spec| Box::new(SumPool { pool_spec, ..op.clone() }) as _));
        }
        let axis = |axis: usize| match axis {
            0 => 0,
            1 => rank - 1,
            other => other - 1,
        };
        if let Some(op) = node.op_as::<Reduce>() {
            let mut axes: TVec<usize> = op.axes.iter().map(|&own| axis(own)).collect();
            axes.sort_unstable();
            return Ok(Some(Box::new(Reduce { axes, ..op.clone() })));
        }
        if let Some(op) = node.op_as::<Downsample>() {
            return Ok(Some(Box::new(Downsample { axis: axis(op.axis), ..op.clone() })));
        }
        if let Some(op) = node.op_as::<TypedConcat>() {
            return Ok(Some(Box::new(TypedConcat { axis: axis(op.axis) })));
        }
        Ok(None)
    }
}
