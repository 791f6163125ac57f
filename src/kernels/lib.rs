//! The inner loops, for each machine. All `unsafe` of the project stands here.
//!
//! | module | does |
//! |---|---|
//! | [`product`] | products of f32 matrices, one of them packed; the loop that convolutions run, too |
//! | [`convolution`] | f32 convolutions of channels that lie last: direct, Winograd's, depthwise |
//! | [`attention`] | attention over blocks of keys, some left out |
//! | [`integer`] | products of whole numbers, weights packed for them |
//! | [`norm`] | normalisation of rows |
//! | [`peak`] | what a core can do at most |
//! | [`memory`] | an allocator that hands out zeros, for WebAssembly |
//!
//! [`isa`] says which vectors the machine has.

pub mod attention;
pub mod convolution;
pub mod integer;
pub mod isa;
pub mod memory;
pub mod norm;
pub mod peak;
pub mod product;
mod vector;
