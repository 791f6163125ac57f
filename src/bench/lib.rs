//! Measures routed models: what every path answers, what every setting of a knob takes, and how
//! sure that is.
//!
//! A [`sweep::Sweep`] does all of it for one routed model, a slice of work a call. The modules below
//! it are its parts, and stand by themselves:
//!
//! | module | does |
//! |---|---|
//! | [`sweep`] | goes over the settings of a knob, stage by stage, and puts the results together |
//! | [`subject`], [`setting`] | what a sweep takes; a value of the knob |
//! | [`results`], [`point`] | what a sweep gives; a setting or a reference with its times |
//! | [`record`], [`settings`] | what each path answers for every sample; where a knob alone leads |
//! | [`recorded`] | the same, recorded beforehand, as a file |
//! | [`quality`], [`reference_answers`], [`costs`] | accuracy, agreement and deviation; what they are judged by; operations |
//! | [`dense`], [`curve`], [`pareto`] | curves from recordings, their figures, fronts |
//! | [`paired`], [`mixture`] | differences in accuracy; random mixtures of static models |
//! | [`verdict`] | whether routing pays, and the evidence for it |
//! | [`threshold`] | the default of a knob, by the risk that it keeps |
//! | [`robustness`] | perturbed samples |
//! | [`clock`], [`mod@slice`] | clocks, their tick, slices of time |
//! | [`timing`], [`contender`], [`samples`] | contenders that take turns, and their seconds |
//! | [`contenders`], [`baseline`], [`rows`], [`layout`] | models as contenders; references; the rows that are timed; memory that moves between rounds |
//! | [`segments`], [`order`] | segments by themselves; how they run on a batch |
//! | [`stats`], [`sequential`], [`warning`], [`self_check`] | medians and intervals; when to stop; warnings about a measurement; its test of itself |
//! | [`energy`] | energy by operations and bytes |
//! | [`kernels`] | kernels against tract's |
//! | `launches` | the same in other processes, natively |

pub mod baseline;
pub mod clock;
pub mod contender;
pub mod contenders;
pub mod costs;
pub mod curve;
pub mod dense;
pub mod energy;
pub mod kernels;
pub mod layout;
pub mod mixture;
pub mod order;
pub mod paired;
pub mod pareto;
pub mod point;
#[cfg(not(target_arch = "wasm32"))]
pub mod process_runs;
pub mod quality;
pub mod record;
pub mod recorded;
pub mod reference_answers;
pub mod results;
pub mod robustness;
pub mod rows;
pub mod samples;
pub mod segments;
pub mod self_check;
pub mod sequential;
pub mod setting;
pub mod settings;
pub mod slice;
pub mod split;
pub mod stats;
pub mod subject;
pub mod sweep;
#[cfg(test)]
mod testing;
pub mod threshold;
pub mod timing;
pub mod verdict;
pub mod warning;
