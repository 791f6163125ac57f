//! What the browser keeps of a measurement, and how it is shown again.

use perforate_base::units::three_digits;
use perforate_bench::verdict::VerdictClass;
use perforate_report::{SCHEMA, ScenarioReport};

use super::events::View;

impl View {
    /// The storage key of a measurement: scenario, settings and version, without knob and tab. None for the user's own
    /// models and tables, which a fresh page does not have.
    pub fn record_key(&self) -> Option<String> {
        if self.own.is_some() || self.table.is_some() {
            return None;
        }
        let link = &self.link;
        let settings = link.settings.pairs().map(|(name, value)| format!("{name}={value}"));
        let quick = link.quick.then(|| "quick".to_string());
        let version = format!("{} {SCHEMA}", env!("CARGO_PKG_VERSION"));
        let parts = [link.scenario.name.to_string(), version].into_iter().chain(quick);
        Some(parts.chain(settings).collect::<Vec<_>>().join(" "))
    }

    /// Marks what is shown as measured on this device at `date`.
    pub fn restore(&mut self, date: &str) {
        self.kept = Some(date.to_string());
    }

    /// A scenario's last verdict on this device, in a few words; none before there is one.
    pub fn verdict_note(&self) -> Option<String> {
        self.scenario_report().and_then(note)
    }

    /// Restores the last [`View::verdict_note`] of a scenario.
    pub fn remember_verdict(&mut self, scenario: &str, note: &str) {
        self.verdicts.insert(scenario.to_string(), note.chars().take(60).collect());
    }

    /// The text beside the chip for a measurement from an earlier visit.
    pub(super) fn kept_text(&self) -> Option<String> {
        let date = self.kept.as_ref()?;
        Some(match self.running {
            true => format!("Measured {date}; measuring again"),
            false => format!("Measured on this device, {date}"),
        })
    }
}

fn note(report: &ScenarioReport) -> Option<String> {
    let speedup = report.evidence.as_ref()?.speedup?;
    let words = match report.verdict {
        VerdictClass::PaysCertified => "pays, certified",
        VerdictClass::PaysUncertified => "pays, not certified",
        VerdictClass::DoesNotPay => "does not pay",
        VerdictClass::FirstExitSuffices => "first exit suffices",
        VerdictClass::Undecided => "too close to call",
        VerdictClass::Noisy => "noisy",
        VerdictClass::Measuring => return None,
    };
    Some(format!("{}×, {words}", three_digits(speedup.median)))
}
