//! Attention of which every pair of a query and a key is computed.

use std::cell::RefCell;

use tract_onnx::tract_hir::internal::*;

use perforate_kernels::attention::{BLOCK, Head, Lines, Scratch, attend};
use perforate_kernels::isa::Isa;

use super::{filled, numbers};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// How the axes of queries, keys, values and results lie; depth is always the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    /// `[rows, heads, tokens, depth]`.
    HeadsFirst,
    /// `[rows, tokens, heads, depth]`.
    TokensFirst,
}

/// `q`, `k`, `v` and the bias of keys, `[rows or 1, 1, 1, tokens]` → `y`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DenseAttention {
    /// Of q, k, v and y.
    pub orders: [Order; 4],
    /// Bits of what queries are multiplied by.
    pub scale: u32,
}

/// Sizes of a tensor.
#[derive(Clone, Copy)]
struct Sizes {
    order: Order,
    heads: usize,
    tokens: usize,
    depth: usize,
}

impl Sizes {
    fn of(order: Order, shape: &[usize]) -> TractResult<Sizes> {
        let &[_, a, b, depth] = shape else { bail!("attention of {} axes", shape.len()) };
        let (heads, tokens) = match order {
            Order::HeadsFirst => (a, b),
            Order::TokensFirst => (b, a),
        };
        Ok(Sizes { order, heads, tokens, depth })
    }

    /// Where a head's numbers begin, and how far its tokens lie apart.
    fn place(&self, row: usize, head: usize) -> (usize, usize) {
        let Sizes { heads, tokens, depth, .. } = *self;
        let first = row * heads * tokens * depth;
        match self.order {
            Order::HeadsFirst => (first + head * tokens * depth, depth),
            Order::TokensFirst => (first + head * depth, heads * depth),
        }
    }

    fn lines<'a>(&self, numbers: &'a [f32], row: usize, head: usize) -> Lines<'a> {
        let (first, stride) = self.place(row, head);
        Lines { numbers: &numbers[first..], stride }
    }
}

impl DenseAttention {
    fn result<D: Clone>(&self, q: &[D]) -> TVec<D> {
        let mut shape: TVec<D> = q.into();
        if self.orders[0] != self.orders[3] {
            shape.swap(1, 2);
        }
        shape
    }
}

impl Op for DenseAttention {
    fn name(&self) -> StaticName {
        "DenseAttention".into()
    }

    op_as_typed_op!();
}

impl EvalOp for DenseAttention {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut sizes = vec![];
        for (order, tensor) in self.orders.iter().zip(&inputs[..3]) {
            sizes.push(Sizes::of(*order, tensor.shape())?);
        }
        let shape = self.result(inputs[0].shape());
        let to = Sizes::of(self.orders[3], &shape)?;
        let Sizes { heads, tokens, depth, .. } = to;
        for own in &sizes {
            ensure!(
                (own.heads, own.tokens, own.depth) == (heads, tokens, depth),
                "queries, keys and values differ in size"
            );
        }
        let nothing = vec![0f32; tokens];
        let bias = match inputs.get(3) {
            Some(bias) => numbers(bias)?,
            None => &nothing,
        };
        ensure!(tokens == 0 || bias.len() % tokens == 0, "a bias for each key");
        let biases = bias.len().checked_div(tokens).unwrap_or(1);
        let kept = vec![true; tokens.div_ceil(BLOCK).pow(2)];
        let [q, k, v] = [0, 1, 2].map(|ix| numbers(&inputs[ix]));
        let (q, k, v) = (q?, k?, v?);
        filled(&shape, |y| {
            if y.is_empty() {
                return Ok(());
            }
            SCRATCH.with_borrow_mut(|scratch| {
                for row in 0..shape[0] {
                    for head in 0..heads {
                        let own = Head {
                            queries: sizes[0].lines(q, row, head),
                            keys: sizes[1].lines(k, row, head),
                            values: sizes[2].lines(v, row, head),
                            depth,
                            scale: f32::from_bits(self.scale),
                            bias: &bias[row % biases * tokens..][..tokens],
                            kept: &kept,
                        };
                        let (first, stride) = to.place(row, head);
                        attend(Isa::detect(), own, scratch, &mut y[first..], stride);
                    }
                }
            });
            Ok(())
        })
    }
}

impl TypedOp for DenseAttention {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(self.result(&inputs[0].shape))))
    }
}
