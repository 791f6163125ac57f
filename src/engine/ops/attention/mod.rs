//! Attention that leaves blocks of keys out: what is not important enough is never loaded.
//!
//! A block of 32 queries meets a block of 32 keys or it does not; softmax runs over what is left in one pass, with the
//! running maximum of Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), so that no matrix of
//! all scores is ever held: Dao et al., "FlashAttention" (NeurIPS 2022), on one core.
//!
//! The inner loops are [`perforate_kernels::attention`]; `op` is the operator that tract runs.

mod op;

pub use op::{PerforatedAttention, parse};
