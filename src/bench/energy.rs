//! Energy, carbon and money: two separate estimates, each labelled as what it is.
//!
//! *By time*: watts × threads × seconds; it is only latency in another unit. *By operations*:
//! picojoules per multiply-accumulate and per byte moved. Neither is a measurement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use perforate_base::units::{Grams, Joules, Seconds};
use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::Work;

const JOULES_PER_KWH: f64 = 3.6e6;

/// The constants of the estimates. All may be edited; each default has its source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnergyModel {
    /// Watts that one busy thread draws. Default 4 W: a 65 W desktop part over 16 threads.
    pub watts_per_thread: f64,
    /// Threads that the model runs on. The engine uses one.
    pub threads: f64,
    /// Picojoules of a float32 multiply-accumulate. Default 4.6 pJ: 3.7 for the product and 0.9 for
    /// the sum at 45 nm (Horowitz, "Computing's energy problem", ISSCC 2014).
    pub picojoules_per_mac: f64,
    /// Picojoules of a multiply-accumulate on eight-bit integers. Default 0.3 pJ: 0.2 for the product and 0.1
    /// for the 32-bit sum (the same paper).
    pub picojoules_per_integer_mac: f64,
    /// Picojoules to move a byte of weights from the cache. Default 5 pJ: 20 pJ for 64 bits from a
    /// 32 kB cache is 2.5 pJ a byte, 100 pJ from 1 MB is 12.5 pJ (the same paper).
    pub picojoules_per_byte: f64,
    /// Grams of CO₂ equivalent per kWh. Default 475 g: world mean (IEA, Global Energy & CO₂ Status
    /// Report 2019).
    pub grams_per_kwh: f64,
    /// Dollars for an hour of one thread. Default $0.04: the order of a vCPU-hour in public clouds.
    pub usd_per_thread_hour: f64,
}

impl Default for EnergyModel {
    fn default() -> Self {
        EnergyModel {
            watts_per_thread: 4.0,
            threads: 1.0,
            picojoules_per_mac: 4.6,
            picojoules_per_integer_mac: 0.3,
            picojoules_per_byte: 5.0,
            grams_per_kwh: 475.0,
            usd_per_thread_hour: 0.04,
        }
    }
}

/// Estimates for one inference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Watts × time.
    pub by_time: Joules,
    /// Picojoules per operation and byte.
    pub by_operations: Joules,
    /// From `by_time`, for a million inferences.
    pub kwh_per_million: f64,
    /// From `by_time`, for a million inferences.
    pub carbon_per_million: Grams,
    /// From the time, for a million inferences.
    pub usd_per_million: f64,
}

impl EnergyModel {
    /// Refuses constants that are negative or not finite.
    pub fn validate(&self) -> Result<()> {
        let fields = [
            ("watts_per_thread", self.watts_per_thread),
            ("threads", self.threads),
            ("picojoules_per_mac", self.picojoules_per_mac),
            ("picojoules_per_integer_mac", self.picojoules_per_integer_mac),
            ("picojoules_per_byte", self.picojoules_per_byte),
            ("grams_per_kwh", self.grams_per_kwh),
            ("usd_per_thread_hour", self.usd_per_thread_hour),
        ];
        match fields.iter().find(|(_, value)| !value.is_finite() || *value < 0.0) {
            Some((name, value)) => Err(Error::new(
                ErrorKind::Config,
                format!("{value} must be a finite number of at least 0"),
            )
            .node(*name)),
            None => Ok(()),
        }
    }

    /// Unit and source of each default value, by field.
    pub fn sources() -> BTreeMap<String, String> {
        [
            ("watts_per_thread", "W: a 65 W desktop part over 16 threads"),
            ("threads", "threads: the engine uses one"),
            (
                "picojoules_per_mac",
                "pJ: float32 product 3.7 and sum 0.9 at 45 nm (Horowitz, ISSCC 2014)",
            ),
            (
                "picojoules_per_integer_mac",
                "pJ: 8-bit product 0.2 and 32-bit sum 0.1 at 45 nm (the same)",
            ),
            (
                "picojoules_per_byte",
                "pJ: between 2.5 from a 32 kB and 12.5 from a 1 MB cache (the same)",
            ),
            ("grams_per_kwh", "g CO2e: world mean (IEA, Global Energy & CO2 Status Report 2019)"),
            ("usd_per_thread_hour", "USD: the order of a vCPU-hour in public clouds"),
        ]
        .map(|(field, source)| (field.to_string(), source.to_string()))
        .into()
    }

    /// Energy of an inference by what it computes and reads.
    pub fn by_operations(&self, work: Work) -> Joules {
        let floats = work.macs - work.integer_macs;
        let picojoules = self.picojoules_per_mac * floats.0
            + self.picojoules_per_integer_mac * work.integer_macs.0
            + self.picojoules_per_byte * work.bytes.0;
        Joules(picojoules * 1e-12)
    }

    /// The estimates for an inference of `latency` that does this work.
    pub fn estimate(&self, latency: Seconds, work: Work) -> Estimate {
        let by_time = Joules(self.watts_per_thread * self.threads * latency.0);
        let kwh_per_million = by_time.0 * 1e6 / JOULES_PER_KWH;
        Estimate {
            by_time,
            by_operations: self.by_operations(work),
            kwh_per_million,
            carbon_per_million: Grams(kwh_per_million * self.grams_per_kwh),
            usd_per_million: latency.0 * 1e6 / 3600.0 * self.threads * self.usd_per_thread_hour,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_base::units::{Bytes, Macs};

    fn floats(macs: f64) -> Work {
        Work { macs: Macs(macs), ..Work::default() }
    }

    #[test]
    fn integers_cost_their_own() {
        let work = Work { macs: Macs(3e6), integer_macs: Macs(2e6), bytes: Bytes(1e6) };
        let joules = EnergyModel::default().by_operations(work).0;
        assert!((joules - (1.0 * 4.6 + 2.0 * 0.3 + 5.0) * 1e-6).abs() < 1e-15, "{joules}");
    }

    #[test]
    fn a_worked_example() {
        let model = EnergyModel::default();
        let estimate = model.estimate(Seconds(3.6e-3), floats(1e9));
        assert!((estimate.by_time.0 - 14.4e-3).abs() < 1e-12);
        assert!((estimate.by_operations.0 - 4.6e-3).abs() < 1e-12);
        // 14.4 mJ × 10⁶ = 4 Wh × 10³ = 0.004 kWh × 475 g… in grams: 1.9.
        assert!((estimate.carbon_per_million.0 - 1.9).abs() < 1e-9);
        assert!((estimate.usd_per_million - 0.04).abs() < 1e-12);
    }

    #[test]
    fn every_constant_has_a_source() {
        let fields = serde_json::to_value(EnergyModel::default()).unwrap();
        let fields: Vec<&String> = fields.as_object().unwrap().keys().collect();
        let mut named: Vec<String> = EnergyModel::sources().into_keys().collect();
        named.sort_by_key(|name| fields.iter().position(|field| *field == name));
        assert_eq!(named.iter().collect::<Vec<_>>(), fields);
    }

    #[test]
    fn absurd_constants_are_named() {
        let model = EnergyModel { grams_per_kwh: f64::NAN, ..EnergyModel::default() };
        assert!(model.validate().unwrap_err().to_string().contains("grams_per_kwh"));
    }
}
