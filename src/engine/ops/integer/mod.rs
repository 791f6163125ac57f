//! Matrix products in whole numbers, as operators of tract; the inner loops are [`perforate_kernels::integer`].

mod op;

pub use op::{IntegerMatMul, Weights, parse_int4, parse_int8};

use perforate_kernels::integer;
use perforate_onnx::functions;

const _: () = assert!(
    integer::BLOCK == functions::BLOCK
        && integer::SMALLEST == functions::SMALLEST
        && integer::LARGEST == functions::LARGEST,
    "kernels and functions agree"
);
