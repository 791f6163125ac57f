//! Targets, set before measuring, and which of them an operating point meets.

use serde::{Deserialize, Serialize};

use perforate_base::{Error, ErrorKind, Result};

use crate::parts::MemoryReport;
use crate::point::PointReport;

/// What is asked of the operating point. What is not asked for is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Targets {
    /// Share of right answers, at least.
    pub accuracy: Option<f64>,
    /// Share of answers equal to the full model's, at least.
    pub agreement: Option<f64>,
    /// Speed-up at batch 1, at least: the lower end of its interval counts.
    pub speedup: Option<f64>,
    /// Seconds a sample at batch 1, at most: the upper end of its interval counts.
    pub latency_s: Option<f64>,
    /// Bytes of weights and live tensors, at most.
    pub memory_bytes: Option<f64>,
    /// Joules an inference, estimated from time, at most.
    pub energy_j: Option<f64>,
}

/// One target, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetReport {
    /// Field of [`Targets`].
    pub name: String,
    /// The bound asked for.
    pub wanted: f64,
    /// What was measured; none where there is no such figure, or no operating point.
    pub got: Option<f64>,
    /// Whether the bound holds; a figure that does not exist meets nothing.
    pub met: bool,
}

impl Targets {
    fn fields(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("accuracy", self.accuracy),
            ("agreement", self.agreement),
            ("speedup", self.speedup),
            ("latency_s", self.latency_s),
            ("memory_bytes", self.memory_bytes),
            ("energy_j", self.energy_j),
        ]
    }

    /// Refuses bounds that are negative or not finite.
    pub fn validate(&self) -> Result<()> {
        let bad = |(name, bound): (&'static str, Option<f64>)| {
            bound.filter(|b| !b.is_finite() || *b < 0.0).map(|b| (name, b))
        };
        match self.fields().into_iter().find_map(bad) {
            Some((name, value)) => Err(Error::new(
                ErrorKind::Config,
                format!("{value} must be a finite number of at least 0"),
            )
            .node(format!("targets.{name}"))),
            None => Ok(()),
        }
    }

    /// Holds `point`, of a model that needs `memory`, against the targets that were set.
    pub fn judge(&self, point: Option<&PointReport>, memory: &MemoryReport) -> Vec<TargetReport> {
        let timing = point.and_then(|p| p.batch1);
        let got = |name: &str| match name {
            "accuracy" => point.and_then(|p| p.accuracy),
            "agreement" => point.map(|p| p.agreement),
            "speedup" => timing.map(|t| t.speedup.lo),
            "latency_s" => timing.map(|t| t.latency_s.hi),
            "memory_bytes" => memory.peak_live_bytes.map(|live| live + memory.weight_bytes),
            _ => point.and_then(|p| p.energy_j.time),
        };
        self.fields()
            .into_iter()
            .filter_map(|(name, wanted)| {
                let (wanted, got) = (wanted?, got(name));
                let at_least = ["accuracy", "agreement", "speedup"].contains(&name);
                let met = got.is_some_and(|g| if at_least { g >= wanted } else { g <= wanted });
                Some(TargetReport { name: name.into(), wanted, got, met })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: MemoryReport =
        MemoryReport { model_bytes: 900.0, weight_bytes: 800.0, peak_live_bytes: Some(100.0) };

    #[test]
    fn only_what_was_asked_for_is_judged() {
        let targets =
            Targets { memory_bytes: Some(900.0), accuracy: Some(0.9), ..Targets::default() };
        let judged = targets.judge(None, &MEMORY);
        let of = |name: &str| judged.iter().find(|t| t.name == name).unwrap();
        assert_eq!(judged.len(), 2);
        assert!(of("memory_bytes").met && of("memory_bytes").got == Some(900.0));
        assert!(!of("accuracy").met && of("accuracy").got.is_none(), "no point meets nothing");
        let tighter = Targets { memory_bytes: Some(899.0), ..Targets::default() };
        assert!(!tighter.judge(None, &MEMORY)[0].met);
    }

    #[test]
    fn absurd_bounds_are_named() {
        let targets = Targets { latency_s: Some(f64::NAN), ..Targets::default() };
        assert!(targets.validate().unwrap_err().to_string().contains("targets.latency_s"));
    }
}
