//! The inner loops, for each machine. All `unsafe` of the project stands here.
//!
//! | module | does |
//! |---|---|
//! | [`attention`] | attention over blocks of keys, some left out |
//! | [`integer`] | products of whole numbers, weights packed for them |
//! | [`memory`] | an allocator that hands out zeros, for WebAssembly |

pub mod attention;
pub mod integer;
pub mod memory;
