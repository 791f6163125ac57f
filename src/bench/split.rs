//! What a split saves: how long each half takes for each input, and with an assumed network, what a client waits for.
//!
//! Times are measured here, one input at a time, the median of [`ROUNDS`] rounds for each; the network is assumed. A client
//! waits for the device, and where the row is not answered there, for `round trip + 8 · bytes / bandwidth + server`.

use std::sync::Arc;

use perforate_base::Result;
use perforate_base::units::{Bytes, Seconds};
use perforate_data::Samples;
use perforate_engine::{Batch, Knobs, Program, Session};
use perforate_routing::split::Pair;

use crate::clock::Clock;
use crate::slice::{measure_tick, time_call};
use crate::stats::{median, percentile};

/// Rounds over all inputs; the first warms up and does not count.
pub const ROUNDS: usize = 6;

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
    pub fn wait(&self, bytes: Bytes) -> Seconds {
        Seconds(self.round_trip.0 + 8.0 * bytes.0 / self.bandwidth)
    }
}

/// How long each input takes.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitTimes {
    /// On the device.
    pub device: Vec<Seconds>,
    /// On the server; none where the device has answered.
    pub server: Vec<Option<OnServer>>,
}

/// An input that the server has to answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnServer {
    /// How long it takes.
    pub time: Seconds,
    /// What is sent for it.
    pub bytes: Bytes,
}

/// What a client waits for, and what a server has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Share of the inputs that the device answers.
    pub answered: f64,
    /// What is sent for an input, on average.
    pub bytes: Bytes,
    /// What a client waits for: the median,
    pub median: Seconds,
    /// and what 95 of 100 do not exceed.
    pub p95: Seconds,
    /// What the server works for a thousand inputs.
    pub server: Seconds,
}

/// Times a whole file, and pairs of halves of it, on every input. They take turns at each input, so that what disturbs the
/// machine disturbs all alike.
///
/// # Errors
/// `Config` if a half carries no note of its split; any error of a run.
pub fn time_splits(
    clock: &impl Clock,
    whole: &Arc<Program>,
    halves: &[[Arc<Program>; 2]],
    (inputs, knobs): (&Samples, &Knobs),
) -> Result<(Vec<Seconds>, Vec<SplitTimes>)> {
    let tick = measure_tick(clock);
    let mut session = Session::new(whole.clone());
    let pairs = halves.iter().map(|[device, server]| Pair::new(device.clone(), server.clone()));
    let mut pairs = pairs.collect::<Result<Vec<Pair>>>()?;
    let rows = inputs.len();
    let mut of_whole = vec![vec![]; rows];
    let mut of_pairs = vec![vec![(vec![], vec![], Bytes(0.0)); rows]; pairs.len()];
    for round in 0..ROUNDS {
        for row in 0..rows {
            let batch = inputs.rows(&[row])?;
            let own = time_call(clock, tick, MOST_CALLS, || session.run(&batch, knobs).map(drop))?;
            if round > 0 {
                of_whole[row].push(own.0);
            }
            for (pair, times) in pairs.iter_mut().zip(&mut of_pairs) {
                let (device, server) = time_pair(clock, tick, pair, (&batch, knobs))?;
                if round > 0 {
                    let (on_device, on_server, bytes) = &mut times[row];
                    on_device.push(device.0);
                    on_server.extend(server.map(|server| server.time.0));
                    *bytes = server.map_or(*bytes, |server| server.bytes);
                }
            }
        }
    }
    let middle = |times: &Vec<f64>| Seconds(median(times));
    let of_pair = |times: Vec<(Vec<f64>, Vec<f64>, Bytes)>| SplitTimes {
        device: times.iter().map(|(device, ..)| middle(device)).collect(),
        server: times
            .iter()
            .map(|(_, server, bytes)| {
                let own = || OnServer { time: middle(server), bytes: *bytes };
                (!server.is_empty()).then(own)
            })
            .collect(),
    };
    Ok((of_whole.iter().map(middle).collect(), of_pairs.into_iter().map(of_pair).collect()))
}

/// Times the halves on one input: the server only where the device does not answer.
fn time_pair(
    clock: &impl Clock,
    tick: Seconds,
    pair: &mut Pair,
    (batch, knobs): (&Batch, &Knobs),
) -> Result<(Seconds, Option<OnServer>)> {
    let mut gave = None;
    let device = time_call(clock, tick, MOST_CALLS, || {
        gave = Some(pair.on_device(batch, knobs)?);
        Ok(())
    })?;
    let Some(gave) = gave.filter(|gave| !gave.answered[0]) else { return Ok((device, None)) };
    let sent = pair.sent(batch, &gave, &[0])?;
    let time = time_call(clock, tick, MOST_CALLS, || pair.on_server(&sent, knobs).map(drop))?;
    Ok((device, Some(OnServer { time, bytes: bytes_of(&sent) })))
}

/// Bytes of all tensors of a batch.
pub fn bytes_of(batch: &Batch) -> Bytes {
    let tensors = batch.names().filter_map(|name| batch.get(name));
    Bytes(tensors.map(|tensor| (tensor.len() * tensor.datum_type().size_of()) as f64).sum())
}

/// Most calls of one input in a round.
const MOST_CALLS: usize = 1000;

impl SplitTimes {
    /// All on the server: so long for each of `inputs`, which are sent.
    ///
    /// # Errors
    /// None that [`time_splits`] has not met before.
    pub fn all_sent(times: &[Seconds], inputs: &Samples) -> Result<SplitTimes> {
        let sent = |(row, &time): (usize, &Seconds)| {
            Ok(Some(OnServer { time, bytes: bytes_of(&inputs.rows(&[row])?) }))
        };
        let server = times.iter().enumerate().map(sent).collect::<Result<_>>()?;
        Ok(SplitTimes { device: vec![Seconds(0.0); times.len()], server })
    }

    /// What they come to on a network.
    pub fn load(&self, network: &Network) -> Load {
        let open: Vec<OnServer> = self.server.iter().copied().flatten().collect();
        let there = |own: OnServer| own.time.0 + network.wait(own.bytes).0;
        let waits: Vec<f64> = self
            .device
            .iter()
            .zip(&self.server)
            .map(|(device, server)| device.0 + server.map_or(0.0, there))
            .collect();
        let count = self.device.len() as f64;
        Load {
            answered: 1.0 - open.len() as f64 / count,
            // The sum of nothing is −0.
            bytes: (Bytes(0.0) + open.iter().map(|own| own.bytes).sum()) / count,
            median: Seconds(median(&waits)),
            p95: Seconds(percentile(&waits, 0.95)),
            server: (Seconds(0.0) + open.iter().map(|own| own.time).sum()) * (1000.0 / count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_waits_for_the_network_only_where_the_device_has_not_answered() {
        let sent = OnServer { time: Seconds(0.002), bytes: Bytes(1000.0) };
        let times = SplitTimes {
            device: vec![Seconds(0.001); 4],
            server: vec![None, None, None, Some(sent)],
        };
        let network = Network { round_trip: Seconds(0.04), bandwidth: 1e6 };
        let load = times.load(&network);
        assert_eq!((load.answered, load.bytes), (0.75, Bytes(250.0)));
        assert_eq!(load.median, Seconds(0.001));
        // 1 ms here, 40 ms and 8 ms on the way, 2 ms there.
        assert!((load.p95.0 - 0.051).abs() < 1e-9, "{load:?}");
        assert!((load.server.0 - 0.5).abs() < 1e-9, "{load:?}");
    }
}
