//! Operators that stand for several of tract's, with kernels of our own: a convolution or a product with what follows it,
//! layer normalisation, attention. Nobody writes them into a file: [`lower`](crate::lower) puts them into plans.

mod attention;
mod convolution;
mod integer;
mod layout;
mod norm;
mod product;

pub(crate) use attention::{DenseAttention, Order};
pub(crate) use convolution::FusedConvolution;
pub(crate) use integer::{Follows, FusedInteger};
pub(crate) use layout::ChannelsFirst;
pub(crate) use norm::{LayerNorm, Parameters};
pub(crate) use product::{FusedProduct, Weights};

use tract_onnx::tract_hir::internal::*;

/// The numbers of a tensor.
fn numbers(tensor: &Tensor) -> TractResult<&[f32]> {
    tensor.try_as_plain_ram()?.as_slice::<f32>()
}

/// A tensor of this shape that `fill` writes.
fn filled(
    shape: &[usize],
    fill: impl FnOnce(&mut [f32]) -> TractResult<()>,
) -> TractResult<TVec<TValue>> {
    let mut y = Tensor::zero::<f32>(shape)?;
    fill(y.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?)?;
    Ok(tvec!(y.into_tvalue()))
}
