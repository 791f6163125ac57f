//! Perforated attention by length, for the page: one piece of work a call.

use std::collections::{BTreeMap, VecDeque};

use perforate_base::Result;
use perforate_bench::clock::Clock;
use perforate_bench::timing::measure_tick;
use perforate_engine::Batch;
use perforate_report::Section;

use super::ablation::Choice;
use super::ablations::Ablations;
use super::report::LengthsReport;
use super::section::section;
use super::texts::{DEPTH, HEADS, LongTexts};
use super::timing::{Comparison, attention};
use crate::strategy::StudyRun;

/// Tokens and texts of the ablations, and the targets that they are asked for.
const ABLATED: [usize; 2] = [512, 4];
/// See above.
pub const TARGETS: [f32; 5] = [0.2, 0.4, 0.5, 0.6, 0.8];

/// Rounds of timing for short texts, and for long or several ones, whose runs vary less and take longer.
const ROUNDS: [usize; 2] = [5, 3];
/// From how many tokens in all on.
const LONG: usize = 1024;

#[derive(Debug, Clone, Copy)]
enum Job {
    Attention(usize),
    Transformer { tokens: usize, texts: usize },
    Ablation(f32, Choice),
}

impl Job {
    /// About what it takes, in runs over a token: products grow with the tokens, attention with their square.
    fn effort(self, ablated: [usize; 2]) -> f64 {
        let run =
            |tokens: usize, texts: usize| (tokens * texts) as f64 * (1.0 + tokens as f64 / 800.0);
        match self {
            Job::Attention(tokens) => 0.5 * run(tokens, 1),
            Job::Transformer { tokens, texts } => {
                (2 + rounds(tokens, texts)) as f64 * run(tokens, texts)
            }
            Job::Ablation(..) => run(ablated[0], ablated[1]),
        }
    }
}

fn rounds(tokens: usize, texts: usize) -> usize {
    ROUNDS[usize::from(tokens * texts >= LONG)]
}

/// A measurement under way.
#[derive(Debug)]
pub struct LengthStudy {
    long: LongTexts,
    /// Tokens and texts of the ablations.
    ablated: [usize; 2],
    jobs: VecDeque<Job>,
    /// The effort of all jobs, and of the one at hand.
    efforts: [f64; 2],
    comparison: Option<(bool, Comparison)>,
    ablations: Option<Ablations>,
    found: LengthsReport,
}

impl LengthStudy {
    /// Nothing measured yet; `files` holds the content of each of [`super::texts::files`].
    pub fn new(files: &BTreeMap<String, Vec<u8>>, quick: bool) -> Result<LengthStudy> {
        let (lengths, batches, targets): (&[usize], &[[usize; 2]], &[f32]) = if quick {
            (&[128, 256], &[[128, 4]], &TARGETS[2..3])
        } else {
            (&[128, 256, 512, 1024, 2048], &[[128, 8], [128, 32]], &TARGETS)
        };
        let ones = lengths
            .iter()
            .flat_map(|&tokens| [Job::Attention(tokens), Job::Transformer { tokens, texts: 1 }]);
        let several = batches.iter().map(|&[tokens, texts]| Job::Transformer { tokens, texts });
        let choices = targets
            .iter()
            .flat_map(|&target| Choice::ALL.map(|choice| Job::Ablation(target, choice)));
        let jobs: VecDeque<Job> = ones.chain(several).chain(choices).collect();
        let ablated = if quick { [256, 2] } else { ABLATED };
        Ok(LengthStudy {
            long: LongTexts::read(files)?,
            ablated,
            efforts: [jobs.iter().map(|job| job.effort(ablated)).sum(), 0.0],
            jobs,
            comparison: None,
            ablations: None,
            found: LengthsReport::default(),
        })
    }
}

impl StudyRun for LengthStudy {
    fn is_done(&self) -> bool {
        self.jobs.is_empty() && self.comparison.is_none()
    }

    fn section(&self) -> Section {
        section(&self.found)
    }

    fn progress(&self) -> (String, f64) {
        let [all, own] = self.efforts;
        let left: f64 = self.jobs.iter().map(|job| job.effort(self.ablated)).sum();
        let under_way =
            self.comparison.as_ref().map_or(0.0, |(_, comparison)| 1.0 - comparison.share());
        let text = match (&self.comparison, self.jobs.front()) {
            (Some((_, comparison)), _) => {
                let [tokens, texts] = comparison.shape();
                let of = if texts == 1 { "a text" } else { "texts" };
                format!("Timing {of} of {tokens} tokens")
            }
            (None, Some(Job::Ablation(..))) => "Choosing blocks in other ways".to_string(),
            (None, _) => "Preparing texts".to_string(),
        };
        (text, 1.0 - (left + own * under_way) / all)
    }

    fn step(&mut self, clock: &dyn Clock) -> Result<bool> {
        if let Some((alone, comparison)) = &mut self.comparison {
            let Some(compared) = comparison.step(&clock)? else { return Ok(false) };
            let list = if *alone { &mut self.found.attention } else { &mut self.found.transformer };
            list.push(compared);
            self.comparison = None;
            return Ok(true);
        }
        let begin = |pair, batch: Batch, tokens| {
            let rounds = rounds(tokens, batch.rows());
            Comparison::new(pair, batch, tokens, rounds, measure_tick(&clock))
        };
        let job = self.jobs.pop_front();
        self.efforts[1] = job.map_or(0.0, |job| job.effort(self.ablated));
        match job {
            None => Ok(false),
            Some(Job::Attention(tokens)) => {
                let (pair, one) = attention(tokens, HEADS, DEPTH)?;
                self.comparison = Some((true, begin(pair, one, tokens)));
                Ok(false)
            }
            Some(Job::Transformer { tokens, texts }) => {
                let batch = self.long.texts(tokens, 0, texts)?;
                self.comparison = Some((false, begin(self.long.pair(tokens)?, batch, tokens)));
                Ok(false)
            }
            Some(Job::Ablation(target, choice)) => {
                if self.ablations.is_none() {
                    let [tokens, texts] = self.ablated;
                    self.ablations = Some(Ablations::new(&self.long, tokens, texts)?);
                }
                let Some(ablations) = &mut self.ablations else { return Ok(false) };
                self.found.ablations.push(ablations.at(&self.long, target, choice)?);
                Ok(true)
            }
        }
    }
}
