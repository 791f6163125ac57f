//! What a split saves: how long each half takes for each input, and with an assumed network, what a client waits for.
//!
//! Times are measured here, one input at a time, the median of [`ROUNDS`] rounds for each; the network is assumed. A client
//! waits for the device, and where the row is not answered there, for `round trip + 8 · bytes / bandwidth + server`.

use std::sync::Arc;

use perforate_base::Result;
use perforate_base::units::Seconds;
use perforate_data::Samples;
use perforate_engine::{Knobs, Program, Session};
use perforate_routing::split::Pair;

use crate::clock::Clock;
use crate::slice::{measure_tick, time_call};
use crate::stats::{median, percentile};

/// Rounds over all inputs; the first warms up and does not count.
pub const ROUNDS: usize = 4;

/// An assumed network between device and server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Network {
    /// From a request to the first byte of its answer, without the server's work.
    pub round_trip: Seconds,
    /// Bits per second.
    pub bandwidth: f64,
}

impl Network {
    /// How long a client waits for the network when it sends so many bytes.
    pub fn wait(&self, bytes: f64) -> Seconds {
        Seconds(self.round_trip.0 + 8.0 * bytes / self.bandwidth)
    }
}

/// How long each input takes.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitTimes {
    /// On the device.
    pub device: Vec<Seconds>,
    /// On the server; none where the device has answered.
    pub server: Vec<Option<Seconds>>,
}

/// What a client waits for, and what a server has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Share of the inputs that the device answers.
    pub answered: f64,
    /// Bytes that are sent for an input, on average.
    pub bytes: f64,
    /// What a client waits for: the median,
    pub median: Seconds,
    /// and what 95 of 100 do not exceed.
    pub p95: Seconds,
    /// What the server works for a thousand inputs.
    pub server: Seconds,
}

/// Times both halves on every input.
pub fn time_split(
    clock: &impl Clock,
    (device, server): (&Arc<Program>, &Arc<Program>),
    inputs: &Samples,
    knobs: &Knobs,
) -> Result<SplitTimes> {
    let tick = measure_tick(clock);
    let mut pair = Pair::new(device.clone(), server.clone())?;
    let mut times = vec![(vec![], vec![]); inputs.len()];
    for round in 0..ROUNDS {
        for (row, (on_device, on_server)) in times.iter_mut().enumerate() {
            let batch = inputs.rows(&[row])?;
            let mut gave = None;
            let own = time_call(clock, tick, MOST_CALLS, || {
                gave = Some(pair.on_device(&batch, knobs)?);
                Ok(())
            })?;
            let rest = match gave {
                Some(gave) if !gave.answered[0] => {
                    let sent = pair.sent(&batch, &gave, &[0])?;
                    Some(time_call(clock, tick, MOST_CALLS, || {
                        pair.on_server(&sent, knobs).map(drop)
                    })?)
                }
                _ => None,
            };
            if round > 0 {
                on_device.push(own.0);
                on_server.extend(rest.map(|rest| rest.0));
            }
        }
    }
    Ok(SplitTimes {
        device: times.iter().map(|(device, _)| Seconds(median(device))).collect(),
        server: times
            .iter()
            .map(|(_, server)| (!server.is_empty()).then(|| Seconds(median(server))))
            .collect(),
    })
}

/// Times a whole file on every input.
pub fn time_whole(
    clock: &impl Clock,
    program: &Arc<Program>,
    inputs: &Samples,
    knobs: &Knobs,
) -> Result<Vec<Seconds>> {
    let tick = measure_tick(clock);
    let mut session = Session::new(program.clone());
    let mut times = vec![vec![]; inputs.len()];
    for round in 0..ROUNDS {
        for (row, own) in times.iter_mut().enumerate() {
            let batch = inputs.rows(&[row])?;
            let time = time_call(clock, tick, MOST_CALLS, || session.run(&batch, knobs).map(drop))?;
            if round > 0 {
                own.push(time.0);
            }
        }
    }
    Ok(times.iter().map(|own| Seconds(median(own))).collect())
}

/// Most calls of one input in a round.
const MOST_CALLS: usize = 1000;

impl SplitTimes {
    /// What they come to, if `bytes` are sent for each input that is not answered.
    pub fn load(&self, bytes: f64, network: &Network) -> Load {
        let open: Vec<Seconds> = self.server.iter().copied().flatten().collect();
        let waits: Vec<f64> = self
            .device
            .iter()
            .zip(&self.server)
            .map(|(device, server)| {
                device.0 + server.map_or(0.0, |own| own.0 + network.wait(bytes).0)
            })
            .collect();
        let count = self.device.len() as f64;
        let share = open.len() as f64 / count;
        Load {
            answered: 1.0 - share,
            bytes: share * bytes,
            median: Seconds(median(&waits)),
            p95: Seconds(percentile(&waits, 0.95)),
            server: Seconds(1000.0 * open.iter().map(|own| own.0).sum::<f64>() / count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_waits_for_the_network_only_where_the_device_has_not_answered() {
        let times = SplitTimes {
            device: vec![Seconds(0.001); 4],
            server: vec![None, None, None, Some(Seconds(0.002))],
        };
        let network = Network { round_trip: Seconds(0.04), bandwidth: 1e6 };
        let load = times.load(1000.0, &network);
        assert_eq!((load.answered, load.bytes), (0.75, 250.0));
        assert_eq!(load.median, Seconds(0.001));
        // 1 ms here, 40 ms and 8 ms on the way, 2 ms there.
        assert!((load.p95.0 - 0.051).abs() < 1e-9, "{load:?}");
        assert!((load.server.0 - 0.5).abs() < 1e-9, "{load:?}");
    }
}
