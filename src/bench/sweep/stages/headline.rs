//! The operating point beside its rivals, until its speed-up is known well enough.

use perforate_base::Result;
use perforate_base::units::Seconds;

use crate::clock::Clock;
use crate::sequential::Stopping;
use crate::setting::Setting;
use crate::sweep::model::Contender;
use crate::sweep::outcome::Outcome;
use crate::sweep::timer::Timer;

/// Times the full model, the operating point and the static models, round after round.
#[derive(Debug)]
pub struct TimeHeadline {
    pub timer: Timer,
    pub setting: Setting,
    pub stopping: Stopping,
    /// When it began; none before its first step.
    pub began: Option<Seconds>,
}

impl TimeHeadline {
    pub fn step(&mut self, clock: &impl Clock) -> Result<Outcome> {
        let began = *self.began.get_or_insert_with(|| clock.now());
        let round = self.timer.step(clock)?;
        let ratios = self.timer.ratios(Contender::Full, Contender::Routed(self.setting));
        if round && self.stopping.is_over(&ratios, clock.now() - began) {
            self.timer.stop();
        }
        Ok(Outcome { finished: self.timer.is_done(), changed: round })
    }
}
