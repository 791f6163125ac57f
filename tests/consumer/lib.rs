//! Runs a routed file with nothing but the library; chooses an allocator itself, as an application may.

use perforate::{Batch, Model, Row, ndarray::ArrayD};

/// A second one anywhere below would end the build.
#[global_allocator]
static ALLOCATOR: std::alloc::System = std::alloc::System;

/// Opens a routed file and runs it on `values`, one a row; what it answers to each, and the path there.
pub fn answers(file: &[u8], values: &[f32], threshold: f32) -> perforate::Result<Vec<(f32, Row)>> {
    let mut model = Model::from_bytes("routed.onnx", file)?;
    let rows = ArrayD::from_shape_fn(vec![values.len(), 1], |ix| values[ix[0]]);
    let run = model.run(&Batch::new().with("x", rows), threshold)?;
    Ok(run.output("y")?.into_iter().zip(run.rows().iter().cloned()).collect())
}

/// The sum of the answers to 1, 2 and 3, or NaN: for whoever loads the module.
///
/// # Safety
/// `file` must point to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sum(file: *const u8, length: usize, threshold: f32) -> f32 {
    let file = unsafe { std::slice::from_raw_parts(file, length) };
    let rows = answers(file, &[1.0, 2.0, 3.0], threshold);
    rows.map_or(f32::NAN, |rows| rows.iter().map(|(answer, _)| answer).sum())
}
