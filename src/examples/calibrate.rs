//! Chooses the threshold of an early exit for MNIST with a guarantee: with confidence 90 %, at most 2 % of the answers
//! differ from the full model's.
//!
//! `cargo run --release --example calibrate`

use std::error::Error;

use perforate::data::{Calibration, Samples, Sizes, split};
use perforate::ndarray::{ArrayViewD, Axis};
use perforate::routing::fit::calibrate::{Loss, RiskTarget, certify};
use perforate::{Batch, Model, Predictions};

#[path = "compose.rs"]
#[allow(dead_code)] // it is a program of its own
mod compose;
use compose::mnist;

fn main() -> Result<(), Box<dyn Error>> {
    println!("{}", calibrate(400, 0.02)?);
    Ok(())
}

/// Tests thresholds on `n` images, the safest first, and says which one keeps the risk within `epsilon`.
pub fn calibrate(n: usize, epsilon: f64) -> Result<String, Box<dyn Error>> {
    let mut model = Model::from_bytes("routed", &compose::compose(&mnist::stages()?, 0.9)?)?;
    let images = Batch::new().with(&model.inputs()[0].name, mnist::images()?);
    // Thresholds are chosen on one half of the images; results are reported on the other.
    let sizes = Sizes { scaling: 0, calibration: n, test: n };
    let (_, Calibration(samples), _test) = split(&Samples::new(images, None)?, sizes, 1)?;
    // No confidence reaches 2, so every row takes the full path.
    let full = model.run(samples.inputs(), 2.0)?;
    let wanted = classes(&full)?;
    let (mut tried, mut losses) = (vec![], vec![]);
    for step in 0..10 {
        let threshold = 0.995 - 0.1 * step as f32;
        let run = model.run(samples.inputs(), threshold)?;
        let differ = classes(&run)?.iter().zip(&wanted).filter(|(own, full)| own != full).count();
        tried.push((threshold, run.macs() / full.macs()));
        losses.push(differ as u64);
    }
    let target = RiskTarget::new(Loss::Disagreement, epsilon, 0.1)?;
    let certificate = certify(&target, &losses, n as u64);
    let Some((threshold, cost)) = certificate.chosen.map(|chosen| tried[chosen]) else {
        return Ok(format!("not certifiable with n = {n}: bring {} or more", target.smallest_n()));
    };
    let (risk, p, cost) = (100.0 * epsilon, certificate.p_value, 100.0 * cost);
    Ok(format!(
        "threshold {threshold:.3}: with confidence 90 %, at most {risk} % of answers differ from the full model's (n = {n}, p = {p:.3}), at {cost:.0} % of the operations"
    ))
}

/// The class of each row.
fn classes(run: &Predictions) -> perforate::Result<Vec<usize>> {
    let largest = |row: ArrayViewD<f32>| {
        (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0)
    };
    Ok(run.output("logits")?.axis_iter(Axis(0)).map(largest).collect())
}
