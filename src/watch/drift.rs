//! An alarm from scores alone: are these inputs still like those of the calibration?
//!
//! Vovk, Nouretdinov and Gammerman, "Testing Exchangeability On-Line" (ICML 2003); Volkhonskiy et al., "Inductive
//! Conformal Martingales for Change-Point Detection" (COPA 2017). Each score gets a conformal p-value, its place among
//! all scores so far, calibration's included. While inputs are exchangeable these are independent and uniform, and no
//! bet against that can be expected to win. The capital of many small bets is the alarm's evidence.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::ScoreHistogram;

/// Strengths of the bets that scores became smaller or larger, and that they spread or drew together.
const STAKES: [f64; 9] = [0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 0.95, -0.95];
/// Share of each bettor's capital that is handed round after every score, so that a late change is found as well.
const SHARED: f64 = 0.005;

/// The alarm.
#[derive(Debug, Clone)]
pub struct DriftAlarm {
    known: ScoreHistogram,
    delta: f64,
    seen: u64,
    /// Capital of each bettor; all together began with 1.
    capital: Vec<f64>,
    largest: f64,
    sounded: Option<u64>,
    ties: ChaCha8Rng,
}

/// Refuses what is no level of a test.
///
/// # Errors
/// `Config`, unless `delta` lies between 0 and 1.
pub fn check_level(delta: f64) -> Result<()> {
    if delta > 0.0 && delta < 1.0 {
        return Ok(());
    }
    let text = format!("{delta} must lie between 0 and 1, both excluded");
    Err(Error::new(ErrorKind::Config, text).node("delta"))
}

impl DriftAlarm {
    /// Compares with the scores of a calibration. The alarm sounds without need with probability `delta` at most, over
    /// any number of inputs. `seed` breaks ties.
    ///
    /// # Errors
    /// `Config` unless 0 < δ < 1; `Data` where the calibration has no scores.
    pub fn new(calibration: ScoreHistogram, delta: f64, seed: u64) -> Result<DriftAlarm> {
        check_level(delta)?;
        if !calibration.is_sound() {
            let text = "the scores of the calibration are damaged: calibrate the model anew";
            return Err(Error::new(ErrorKind::Data, text));
        }
        let bettors = bets().count();
        Ok(DriftAlarm {
            known: calibration,
            delta,
            seen: 0,
            capital: vec![1.0 / bettors as f64; bettors],
            largest: 1.0,
            sounded: None,
            ties: ChaCha8Rng::seed_from_u64(seed),
        })
    }

    /// Takes the score of the next input, and tells whether the alarm has sounded by now.
    pub fn observe(&mut self, score: f32) -> bool {
        if score.is_nan() {
            return self.sounded.is_some();
        }
        self.seen += 1;
        let own = self.known.class(score);
        self.known.counts[own] += 1;
        // Of all scores so far, this one among them: those above it, and by lot those that equal it.
        let count = |counts: &[u32]| counts.iter().map(|&c| f64::from(c)).sum::<f64>();
        let above = count(&self.known.counts[own + 1..]);
        let equal = f64::from(self.known.counts[own]);
        let p = (above + self.ties.random::<f64>() * equal) / count(&self.known.counts);
        for (capital, (direction, spread)) in self.capital.iter_mut().zip(bets()) {
            *capital *= 1.0 + bet(direction, spread, p);
        }
        let all: f64 = self.capital.iter().sum();
        let share = SHARED * all / self.capital.len() as f64;
        self.capital.iter_mut().for_each(|own| *own = (1.0 - SHARED) * *own + share);
        self.largest = self.largest.max(all);
        if self.sounded.is_none() && all >= 1.0 / self.delta {
            self.sounded = Some(self.seen);
        }
        self.sounded.is_some()
    }

    /// After how many inputs it sounded, if it did.
    pub fn sounded(&self) -> Option<u64> {
        self.sounded
    }

    /// Inputs so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Probability that it sounds without need.
    pub fn delta(&self) -> f64 {
        self.delta
    }

    /// The most that the evidence has been; the alarm sounds at 1/δ.
    pub fn evidence(&self) -> f64 {
        self.largest
    }
}

/// All bettors: the strength of their bet on the direction of a change, and on its spread.
fn bets() -> impl Iterator<Item = (f64, f64)> {
    let directions = STAKES.into_iter().map(|stake| (stake, 0.0));
    directions.chain(STAKES.into_iter().skip(1).map(|stake| (0.0, stake)))
}

/// What a bet wins: its mean over a uniform p is 0, and it never loses more than what is staked. The polynomials are
/// Legendre's, shifted to 0…1.
fn bet(direction: f64, spread: f64, p: f64) -> f64 {
    let first = 2.0 * p - 1.0;
    let second = 6.0 * p * p - 6.0 * p + 1.0;
    // The second lies in −½…1.
    direction * first + spread * second
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_onnx::BINS;
    use rand_distr::{Distribution, Normal};

    fn scores(rng: &mut ChaCha8Rng, mean: f32, n: usize) -> Vec<f32> {
        // Many surest ones are alike, as with real networks.
        let normal = Normal::new(mean, 1.0).unwrap();
        (0..n).map(|_| normal.sample(rng).min(0.5)).collect()
    }

    fn calibration(rng: &mut ChaCha8Rng) -> ScoreHistogram {
        ScoreHistogram::of(scores(rng, 0.0, 1000), BINS).unwrap()
    }

    fn listen(alarm: &mut DriftAlarm, scores: Vec<f32>) {
        for score in scores {
            alarm.observe(score);
        }
    }

    #[test]
    fn bets_are_fair() {
        for (direction, spread) in bets() {
            let steps = 10_000;
            let at = |ix: usize| bet(direction, spread, (ix as f64 + 0.5) / steps as f64);
            let mean = (0..steps).map(at).sum::<f64>() / steps as f64;
            assert!(mean.abs() < 1e-6, "{direction} {spread}: {mean}");
            assert!((0..steps).all(|ix| at(ix) > -1.0), "{direction} {spread}");
        }
    }

    /// With calibration and stream drawn anew each time.
    #[test]
    fn it_sounds_without_need_no_more_often_than_it_may() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (streams, delta) = (600, 0.1);
        let sounded = (0..streams).filter(|&stream| {
            let known = calibration(&mut rng);
            let mut alarm = DriftAlarm::new(known, delta, stream).unwrap();
            listen(&mut alarm, scores(&mut rng, 0.0, 1500));
            alarm.sounded().is_some()
        });
        let share = sounded.count() as f64 / streams as f64;
        let scatter = 3.0 * (delta * (1.0 - delta) / streams as f64).sqrt();
        assert!(share <= delta + scatter, "{share}");
        assert!(share > 0.0, "an alarm that never errs is deaf");
    }

    #[test]
    fn it_hears_a_change_soon_even_a_late_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for quiet in [0, 1000] {
            let known = calibration(&mut rng);
            let mut alarm = DriftAlarm::new(known, 0.01, 1).unwrap();
            listen(&mut alarm, scores(&mut rng, 0.0, quiet));
            assert_eq!(alarm.sounded(), None);
            listen(&mut alarm, scores(&mut rng, -1.0, 500));
            let delay = alarm.sounded().unwrap() - quiet as u64;
            assert!(delay < 150, "{delay} after {quiet}");
        }
    }

    /// As many surer ones as less sure ones: the mean stays.
    #[test]
    fn it_hears_that_scores_spread() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let normal: Vec<f32> = scores(&mut rng, -3.0, 1000);
        let mut alarm =
            DriftAlarm::new(ScoreHistogram::of(normal, BINS).unwrap(), 0.01, 1).unwrap();
        for score in scores(&mut rng, 0.0, 500) {
            alarm.observe(-3.0 + 3.0 * score.clamp(-9.0, 9.0));
        }
        assert!(alarm.sounded().is_some());
    }

    #[test]
    fn what_it_cannot_use_is_refused() {
        let few = ScoreHistogram::of([0.5; 19], BINS).unwrap_err().to_string();
        assert!(few.contains("19 scores"), "{few}");
        let known = ScoreHistogram::of([0.5; 40], BINS).unwrap();
        assert_eq!(known.total(), 40);
        assert!(DriftAlarm::new(known.clone(), 0.0, 1).is_err());
        let damaged = ScoreHistogram { counts: vec![1], ..known };
        assert!(DriftAlarm::new(damaged, 0.1, 1).is_err());
    }
}
