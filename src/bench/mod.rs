//! Measures: timing, statistics, recordings of what each path answers, and the sweep over a knob.

pub mod ablation;
pub mod alone;
pub mod arms;
pub mod ballast;
pub mod battery;
pub mod costs;
pub mod curve;
pub mod dense;
pub mod doubt;
pub mod kernels;
pub mod lengths;
pub mod order;
pub mod pareto;
pub mod quality;
pub mod record;
pub mod results;
pub mod robustness;
pub mod samples;
pub mod segments;
pub mod settings;
pub mod stats;
pub mod sweep;
pub mod threshold;
pub mod timing;
pub mod truth;
