//! Measures what routing saves: the early exit for MNIST and the full model take turns on the same images.
//!
//! `cargo run --release --features measure --example measure`

use std::error::Error;

use perforate::bench::clock::SystemClock;
use perforate::bench::contender::ContenderId;
use perforate::bench::stats::{Interval, interval};
use perforate::bench::timing::{Interleaved, Workload, measure_tick};
use perforate::onnx::encode;
use perforate::units::Seconds;
use perforate::{Batch, Model};

#[path = "compose.rs"]
#[allow(dead_code)] // it is a program of its own
mod compose;
use compose::mnist;

/// The full model and the routed one, and the images that both answer.
struct Models([Model; 2], Vec<Batch>);

impl Workload for Models {
    fn contenders(&self) -> usize {
        self.0.len()
    }
    fn units(&self, _: ContenderId) -> usize {
        self.1.len()
    }
    fn run(&mut self, model: ContenderId, image: usize) -> perforate::Result<()> {
        self.0[model.index()].run(&self.1[image], None).map(drop)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Interval { median, lo, hi, .. } = measure(40, 15)?;
    println!("{median:.2} times as fast as the full model [{lo:.2}, {hi:.2}], at threshold 0.9");
    Ok(())
}

/// The routed model's speed as a multiple of the full one's: median over rounds and 95 % interval.
pub fn measure(images: usize, rounds: usize) -> Result<Interval, Box<dyn Error>> {
    let stages = mnist::stages()?;
    let full = Model::from_bytes("full", &encode(&stages.full()?))?;
    let routed = Model::from_bytes("routed", &compose::compose(&stages, 0.9)?)?;
    let all = Batch::new().with(&full.inputs()[0].name, mnist::images()?);
    let images = (0..images).map(|row| all.slice(row..row + 1)).collect::<Result<_, _>>()?;
    let mut models = Models([full, routed], images);
    let clock = SystemClock::default();
    let mut timing = Interleaved::new(2, rounds, measure_tick(&clock), Seconds(0.1));
    while !timing.is_done() {
        timing.step(&clock, &mut models)?;
    }
    let samples = timing.samples();
    let [full, routed] = [0, 1].map(ContenderId::new);
    Ok(interval(&samples.speedups(routed, full), &samples.launches()))
}
