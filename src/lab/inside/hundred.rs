//! One hundred inputs in the lanes that they take at a setting. They are the first test inputs, and the split has shuffled
//! these: a random sample that is the same in every run.
//!
//! Each path is a lane where a model has few. Otherwise, and where one setting sends every input down the same path, lanes
//! are bands of operations.

use serde::{Deserialize, Serialize};

use perforate_bench::sweep::Active;
use perforate_report::text::percent;

use super::{Inspector, Picture, Sample, name};

/// How many inputs are shown.
pub const HUNDRED: usize = 100;
/// More paths than these are shown as bands of operations.
const MOST_LANES: usize = 9;
/// Of more lanes than these, the empty ones are not shown.
const MOST_EMPTY: usize = 5;
/// Upper ends of the bands, as shares of the full path's operations, and their titles.
const BANDS: [(f64, &str); 5] = [
    (0.25, "Up to 25\u{a0}%"),
    (0.5, "25 to 50\u{a0}%"),
    (0.75, "50 to 75\u{a0}%"),
    (0.995, "75 to 99\u{a0}%"),
    (f64::INFINITY, "All of it"),
];

/// What divides the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Division {
    /// The path taken.
    Paths,
    /// The operations spent.
    Bands,
}

impl Division {
    /// The division for a model with this many paths; `alike` says whether a setting sends every input down the same path.
    pub(super) fn of(paths: usize, alike: bool, active: Active) -> Division {
        let by_work = active == Active::Operations && (alike || paths == 1);
        if by_work || (!alike && paths > MOST_LANES) { Division::Bands } else { Division::Paths }
    }
}

/// One hundred inputs at a setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct HundredState {
    /// Differs where other inputs are shown.
    key: String,
    /// What the lanes and marks mean, with the counts at this setting.
    caption: String,
    /// Whether inputs are sentences.
    texts: bool,
    lanes: Vec<Lane>,
    /// A few sentences to read; empty for other inputs.
    examples: Vec<Example>,
}

/// The inputs that take the same way.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Lane {
    title: String,
    /// Share of all test inputs.
    share: String,
    /// What an input costs here.
    note: String,
    tiles: Vec<Tile>,
}

/// An input.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Tile {
    index: usize,
    /// `lost` where the full model is right and the router wrong, `wrong` where both are, `changed` where the answer is
    /// another and nothing is labelled; empty otherwise.
    mark: &'static str,
    /// `+` or `−` for the answer of a two-class model; empty for others.
    sign: &'static str,
    /// Operations or energy spent, as a share of the full path's.
    cost: f64,
}

/// A sentence that can be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Example {
    index: usize,
    text: String,
    /// The router's answer.
    answer: String,
    mark: &'static str,
    /// Operations or energy spent, as a share of the full path's.
    cost: f64,
}

/// Sentences that are shown to be read.
const EXAMPLES: usize = 5;

impl Inspector {
    /// The hundred inputs at this setting; with routing off they all take the full path. `shares` holds the share of all
    /// test inputs by path label.
    pub fn hundred(
        &self,
        setting: Option<usize>,
        shares: impl Fn(&str) -> Option<f64>,
        classes: &[&str],
    ) -> Option<HundredState> {
        if self.hundred.is_empty() {
            return None;
        }
        let mut lanes = self.empty_lanes(shares);
        let mut order: Vec<usize> = (0..self.hundred.len()).collect();
        order.sort_by(|&a, &b| self.rank(&self.hundred[a]).total_cmp(&self.rank(&self.hundred[b])));
        let tiles: Vec<(usize, Tile)> = (order.iter())
            .map(|&index| {
                let sample = &self.hundred[index];
                (self.lane(sample, setting), self.tile(index, sample, setting, classes))
            })
            .collect();
        let count = |mark: &str| tiles.iter().filter(|(_, tile)| tile.mark == mark).count();
        let caption = caption(self.hundred.len(), count, self.hundred[0].truth.is_some());
        let texts = self.hundred[0].text.is_some();
        let examples = if texts { self.examples(setting, classes) } else { vec![] };
        let drawn = self.hundred.len() as f64;
        for (lane, tile) in tiles {
            lanes[lane].tiles.push(tile);
        }
        if lanes.len() > MOST_EMPTY {
            lanes.retain(|lane| !lane.tiles.is_empty());
        }
        if self.division == Division::Bands {
            for lane in &mut lanes {
                lane.share = percent(lane.tiles.len() as f64 / drawn);
            }
        }
        Some(HundredState { key: self.key(), caption, texts, lanes, examples })
    }

    fn empty_lanes(&self, shares: impl Fn(&str) -> Option<f64>) -> Vec<Lane> {
        let spent = if self.by_energy { "of energy, est." } else { "of operations" };
        let lane =
            |title: String, share: String, note: String| Lane { title, share, note, tiles: vec![] };
        match self.division {
            Division::Bands => BANDS
                .iter()
                .map(|(_, title)| lane((*title).into(), String::new(), spent.into()))
                .collect(),
            Division::Paths => {
                let of = |(path, text): (usize, &super::PathText)| {
                    let note =
                        self.mean_cost(path).map(|cost| format!("{} {spent}", percent(cost)));
                    let share = shares(&text.label).map_or(String::new(), percent);
                    lane(titled(&text.label), share, note.unwrap_or_default())
                };
                let mut order: Vec<usize> = (0..self.paths.len()).collect();
                order.sort_by(|&a, &b| self.cost_of(a).total_cmp(&self.cost_of(b)));
                order.into_iter().map(|path| of((path, &self.paths[path]))).collect()
            }
        }
    }

    /// Index of the input's lane; lanes go from the cheapest path to the most expensive.
    fn lane(&self, sample: &Sample, setting: Option<usize>) -> usize {
        match self.division {
            Division::Bands => {
                let cost = self.cost(sample, setting);
                BANDS.iter().position(|(end, _)| cost <= *end).unwrap_or(BANDS.len() - 1)
            }
            Division::Paths => {
                let own = self.path(sample, setting);
                let mine = self.cost_of(own);
                let before = |other: &usize| {
                    let cost = self.cost_of(*other);
                    cost < mine || (cost == mine && *other < own)
                };
                (0..self.paths.len()).filter(before).count()
            }
        }
    }

    /// Mean cost of a path, for the order of the lanes.
    fn cost_of(&self, path: usize) -> f64 {
        self.mean_cost(path).unwrap_or(f64::INFINITY)
    }

    fn mean_cost(&self, path: usize) -> Option<f64> {
        let of = |path: usize| -> f64 { self.hundred.iter().map(|s| s.costs[path]).sum() };
        let all = of(self.full);
        (all > 0.0).then(|| of(path) / all)
    }

    /// What an input spends, as a share of the full path's cost.
    fn cost(&self, sample: &Sample, setting: Option<usize>) -> f64 {
        let spent = setting.and_then(|ix| sample.spent.get(ix).copied());
        spent.unwrap_or(sample.costs[self.full]) / sample.costs[self.full].max(f64::MIN_POSITIVE)
    }

    /// From easy to hard: by what an input costs over all settings.
    fn rank(&self, sample: &Sample) -> f64 {
        sample.spent.iter().sum()
    }

    fn mark(&self, sample: &Sample, setting: Option<usize>) -> &'static str {
        let own = self.answer(sample, setting);
        let full = sample.answers[self.full];
        match sample.truth {
            None if own != full => "changed",
            Some(truth) if own != truth && full == truth => "lost",
            Some(truth) if own != truth => "wrong",
            _ => "",
        }
    }

    fn answer(&self, sample: &Sample, setting: Option<usize>) -> usize {
        sample.answers[self.path(sample, setting)]
    }

    fn tile(
        &self,
        index: usize,
        sample: &Sample,
        setting: Option<usize>,
        classes: &[&str],
    ) -> Tile {
        let sign = match (classes.len(), self.answer(sample, setting)) {
            (2, 0) => "−",
            (2, _) => "+",
            _ => "",
        };
        let (mark, cost) = (self.mark(sample, setting), self.cost(sample, setting));
        Tile { index, mark, sign, cost }
    }

    fn examples(&self, setting: Option<usize>, classes: &[&str]) -> Vec<Example> {
        // Short enough to be read at a glance, from easy to hard.
        let mut short: Vec<usize> = (0..self.hundred.len()).collect();
        let length = |ix: &usize| self.hundred[*ix].text.as_ref().map_or(0, String::len);
        short.retain(|ix| (24..=90).contains(&length(ix)));
        short.sort_by(|&a, &b| self.rank(&self.hundred[a]).total_cmp(&self.rank(&self.hundred[b])));
        let step = short.len().div_ceil(EXAMPLES).max(1);
        let of = |&index: &usize| {
            let sample = &self.hundred[index];
            Example {
                index,
                text: sample.text.clone().unwrap_or_default(),
                answer: name(classes, self.answer(sample, setting)),
                mark: self.mark(sample, setting),
                cost: self.cost(sample, setting),
            }
        };
        short.iter().step_by(step).take(EXAMPLES).map(of).collect()
    }

    /// What becomes of one of the hundred, in sentences.
    pub fn tile_story(
        &self,
        index: usize,
        setting: Option<usize>,
        classes: &[&str],
    ) -> Vec<String> {
        self.hundred.get(index).map_or(vec![], |sample| self.told(sample, setting, classes))
    }

    /// How many inputs are shown, a hundred where there are as many.
    pub fn hundred_count(&self) -> usize {
        self.hundred.len()
    }

    /// The picture of one of the hundred.
    pub fn tile_picture(&self, index: usize) -> Option<&Picture> {
        self.hundred.get(index).map(|sample| &sample.picture)
    }
}

fn caption(n: usize, count: impl Fn(&str) -> usize, labelled: bool) -> String {
    let inputs = if n == HUNDRED {
        "One hundred test inputs".to_string()
    } else {
        format!("{n} test inputs")
    };
    let marks = if labelled {
        format!(
            "Red ring: only the full model is right ({}). Dot: both are wrong ({}).",
            count("lost"),
            count("wrong")
        )
    } else {
        format!("Red ring: the full model answers differently ({}).", count("changed"))
    };
    format!("{inputs}, easy to hard. {marks}")
}

/// A path's label as a heading.
fn titled(label: &str) -> String {
    let exit = label.strip_prefix("exit").filter(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    match (label, exit) {
        (_, Some(number)) if !number.is_empty() => format!("Exit {number}"),
        ("full", _) => "Full model".into(),
        ("light", _) => "Light only".into(),
        (label, _) if label.len() <= 3 => label.to_uppercase(),
        (label, _) => {
            let mut letters = label.chars();
            let first = letters.next().map_or(String::new(), |c| c.to_uppercase().to_string());
            first + letters.as_str()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_headings() {
        for (label, wanted) in [
            ("exit1", "Exit 1"),
            ("full", "Full model"),
            ("light", "Light only"),
            ("static-s", "Static-s"),
            ("exit", "Exit"),
        ] {
            assert_eq!(titled(label), wanted);
        }
    }
}
