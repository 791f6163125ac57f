//! The timer on a clock that only contenders move.

use super::*;
use crate::clock::FakeClock;
use crate::stats::median;

fn id(contender: usize) -> ContenderId {
    ContenderId::new(contender)
}

/// Contenders that spend fake time; all slow down together by `drift` a call.
struct Fake {
    clock: FakeClock,
    cost: Vec<f64>,
    drift: f64,
    calls: usize,
    order: Vec<usize>,
    /// Runs from here on are slowed down by a factor, if the contender is the one named.
    fault: Option<(Option<usize>, usize, f64)>,
    /// A contender that never answers the same.
    dice: Option<usize>,
}

impl Workload for Fake {
    fn contenders(&self) -> usize {
        self.cost.len()
    }
    fn units(&self, _: ContenderId) -> usize {
        4
    }
    fn run(&mut self, contender: ContenderId, _: usize) -> Result<()> {
        let contender = contender.index();
        self.calls += 1;
        self.order.push(contender);
        let slow = match self.fault {
            Some((only, every, factor))
                if only.is_none_or(|a| a == contender) && (self.calls / every) % 5 == 4 =>
            {
                factor
            }
            _ => 1.0,
        };
        let drift = 1.0 + self.drift * self.calls as f64;
        self.clock.advance(Seconds(self.cost[contender] * drift * slow));
        Ok(())
    }
    fn answer(&mut self, contender: ContenderId, _: usize) -> Result<u64> {
        self.calls += 1;
        Ok(if self.dice == Some(contender.index()) { self.calls as u64 } else { 1 })
    }
}

fn measure(cost: &[f64], drift: f64, tick: f64, rounds: usize) -> (Interleaved, Fake) {
    let clock = FakeClock::new(Seconds(tick), Seconds(0.0));
    let work = Fake {
        clock: clock.clone(),
        cost: cost.to_vec(),
        drift,
        calls: 0,
        order: vec![],
        fault: None,
        dice: None,
    };
    run(work, tick, rounds)
}

fn run(mut work: Fake, tick: f64, rounds: usize) -> (Interleaved, Fake) {
    let (clock, cost) = (work.clock.clone(), work.cost.clone());
    let mut timing = Interleaved::new(cost.len(), rounds, Seconds(tick), Seconds(0.01));
    while !timing.is_done() {
        timing.step(&clock, &mut work).unwrap();
    }
    (timing, work)
}

#[test]
fn ratios_are_exact_without_drift() {
    let (timing, _) = measure(&[3e-3, 1e-3], 0.0, 1e-6, 5);
    assert_eq!(timing.samples().rounds(), 5);
    for ratio in timing.samples().speedups(id(1), id(0)) {
        assert!((ratio - 3.0).abs() < 1e-2, "{ratio}");
    }
    assert!((timing.samples().of(id(0))[0] - 4.0 * 3e-3).abs() < 1e-5);
}

#[test]
fn drift_cancels_in_the_ratio() {
    // Speed halves over the run; the ratio must not.
    let (timing, work) = measure(&[3e-3, 1e-3], 1e-3, 1e-6, 40);
    let first = timing.samples().of(id(0))[0];
    let last = *timing.samples().of(id(0)).last().unwrap();
    assert!(last / first > 1.2, "the fake did not drift: {}", work.calls);
    let ratio = crate::stats::median(&timing.samples().speedups(id(1), id(0)));
    assert!((ratio / 3.0 - 1.0).abs() < 0.03, "{ratio}");
}

#[test]
fn a_coarse_clock_makes_long_samples_and_a_doubt() {
    let (timing, work) = measure(&[1e-3, 1e-3], 0.0, 1e-3, 3);
    assert!(timing.warnings().contains(&MeasurementWarning::CoarseClock(Seconds(1e-3))));
    // 100 ticks of 1 ms at 1 ms a unit: at least 100 units a sample.
    assert!(work.order.iter().filter(|&&contender| contender == 0).count() >= 300);
    for ratio in timing.samples().speedups(id(1), id(0)) {
        assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
    }
}

#[test]
fn arms_take_turns() {
    // Forwards and backwards, so that the contender at a turning point has two turns in a row.
    let turns = [0, 1, 1, 0, 0, 1, 1, 0];
    let (_, work) = measure(&[0.01, 0.01], 0.0, 1e-6, 2);
    // Each turn begins with a run that is not counted.
    let last_round: Vec<_> = work.order[work.order.len() - 16..].chunks(2).collect();
    assert_eq!(last_round, turns.map(|contender| [contender; 2]));
    // Unless that would take long.
    let (_, work) = measure(&[0.05, 0.05], 0.0, 1e-6, 2);
    assert_eq!(work.order[work.order.len() - 8..], turns);
}

/// A machine that behaves raises no warning; each planted fault raises its own, and no ratio is lost.
#[test]
fn planted_faults_raise_their_doubts() {
    let plain = |fault, dice, drift| Fake {
        clock: FakeClock::new(Seconds(1e-6), Seconds(0.0)),
        cost: vec![3e-3, 1e-3, 2e-3],
        drift,
        calls: 0,
        order: vec![],
        fault,
        dice,
    };
    let ratio = |timing: &Interleaved| median(&timing.samples().speedups(id(1), id(0)));
    let (timing, work) = run(plain(None, None, 0.0), 1e-6, 40);
    assert_eq!(timing.warnings(), []);
    let calls = work.calls;

    let (timing, _) = run(plain(None, None, 1.2 / calls as f64), 1e-6, 40);
    assert!(matches!(timing.warnings()[..], [MeasurementWarning::Drift(f)] if f > 1.3), "drift");
    assert!((ratio(&timing) / 3.0 - 1.0).abs() < 0.03, "a drift of 2x must cancel");

    // Every fifth stretch of some rounds is four times as slow, for all contenders.
    let (timing, _) = run(plain(Some((None, calls / 40, 4.0)), None, 0.0), 1e-6, 40);
    assert!(
        timing
            .warnings()
            .iter()
            .any(|d| matches!(d, MeasurementWarning::Throttled(s) if *s >= 0.1)),
        "throttled tab: {:?}",
        timing.warnings()
    );
    assert!((ratio(&timing) / 3.0 - 1.0).abs() < 0.03);

    let (timing, _) = run(plain(Some((Some(2), calls / 40, 4.0)), None, 0.0), 1e-6, 40);
    assert!(
        timing.warnings().iter().any(
            |d| matches!(d, MeasurementWarning::Unsteady(contender, _) if *contender == id(2))
        ),
        "throttled contender: {:?}",
        timing.warnings()
    );
    let (timing, _) = run(plain(None, Some(1), 0.0), 1e-6, 40);
    assert_eq!(timing.warnings(), [MeasurementWarning::NotDeterministic(id(1))]);
    let (timing, _) = run(plain(None, None, 0.0), 1e-6, 3);
    assert_eq!(timing.warnings(), [MeasurementWarning::FewRounds(3)]);
    for warning in [
        MeasurementWarning::Drift(2.0),
        MeasurementWarning::Throttled(0.2),
        MeasurementWarning::Unsteady(id(0), 2.0),
        MeasurementWarning::WideInterval(id(0), 0.2),
    ] {
        assert!(warning.advice(|_| "a".into()).contains(':'), "advice says what to do");
    }
}

#[test]
fn launches_are_absorbed_arm_by_arm() {
    let (mut own, _) = measure(&[2e-3, 1e-3], 0.0, 1e-6, 3);
    let (other, _) = measure(&[4e-3, 1e-3], 0.0, 1e-6, 2);
    assert!(own.absorb(other.samples()));
    assert_eq!((own.samples().rounds(), own.samples().launches()), (5, vec![3, 2]));
    let ratios = own.samples().speedups(id(1), id(0));
    assert!((ratios[2] - 2.0).abs() < 0.02 && (ratios[3] - 4.0).abs() < 0.02, "{ratios:?}");
    let (of_three, _) = measure(&[1e-3; 3], 0.0, 1e-6, 2);
    assert!(!own.absorb(of_three.samples()));
}

/// Contenders that run at full speed only after some calls in a row; those after a new round also take memory.
struct Cold {
    clock: FakeClock,
    cost: [f64; 2],
    /// Who ran last, and how often.
    last: (usize, usize),
    fresh: [bool; 2],
}

impl Workload for Cold {
    fn contenders(&self) -> usize {
        2
    }
    fn units(&self, _: ContenderId) -> usize {
        8
    }
    fn run(&mut self, contender: ContenderId, _: usize) -> Result<()> {
        let own = contender.index();
        let runs = if self.last.0 == own { self.last.1 + 1 } else { 0 };
        self.last = (own, runs);
        // The larger model takes longer to settle.
        let cold = if own == 0 && runs < 4 { 2e-4 } else { 0.0 };
        let memory = if std::mem::take(&mut self.fresh[own]) { 3.0 } else { 1.0 };
        self.clock.advance(Seconds(self.cost[own] * memory + cold));
        Ok(())
    }
    fn next_round(&mut self, _round: usize) {
        // The smaller one shares the memory of somebody who has it.
        self.fresh = [true, false];
    }
    fn is_fresh(&self, contender: ContenderId) -> bool {
        self.fresh[contender.index()]
    }
}

#[test]
fn nobody_pays_for_cold_caches_or_new_memory() {
    // Short calls settle before they count; of long ones only the first of a round takes longer.
    for cost in [[2e-4, 1e-4], [5e-2, 2.5e-2]] {
        let clock = FakeClock::new(Seconds(1e-6), Seconds(0.0));
        let mut work = Cold { clock: clock.clone(), cost, last: (1, 0), fresh: [false, false] };
        let mut timing = Interleaved::new(2, 5, Seconds(1e-6), Seconds(0.01));
        while !timing.is_done() {
            timing.step(&clock, &mut work).unwrap();
        }
        let own = median(&timing.samples().speedups(id(1), id(0)));
        assert!((own / 2.0 - 1.0).abs() < 0.01, "{cost:?}: {own}");
    }
}
