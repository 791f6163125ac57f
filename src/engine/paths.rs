//! The paths through a program: what they are called, how many there are, what a row does on each.

use perforate_base::{Error, ErrorKind, Result};

use super::path::Path;
use super::program::Program;
use super::segment::SegmentId;
use super::tree::{Block, Step};
use super::work::Work;

/// Most paths that [`Program::paths`] lists. Gates one behind the other double their number: 64 of them have 2⁶⁴ paths.
pub const MAX_PATHS: usize = 4096;

impl Program {
    /// A path that runs a segment, if rows have anything to do with it.
    pub fn path_to_segment(&self, segment: SegmentId) -> Option<Path> {
        if !self.segments[segment.index()].per_row {
            return None;
        }
        find_segment(&self.root, segment, Path::default())
    }

    /// The name of a path: the labels of the branches taken, those without a label left out.
    pub fn path_label(&self, path: Path) -> String {
        let labels: Vec<&str> = self
            .gates
            .iter()
            .enumerate()
            .filter_map(|(ix, gate)| {
                path.at(ix).map(|then| gate.labels[usize::from(!then)].as_str())
            })
            .filter(|label| !label.is_empty())
            .collect();
        if labels.is_empty() {
            return "full".to_string();
        }
        // A label that comes several times in a row is told once.
        let runs = labels.chunk_by(|a, b| a == b).map(|run| match run {
            [label] => label.to_string(),
            [label, ..] => format!("{}× {label}", run.len()),
            [] => String::new(),
        });
        runs.collect::<Vec<_>>().join(" → ")
    }

    /// Every path that a row can take.
    ///
    /// # Errors
    /// `Model` if there are more than [`MAX_PATHS`]; they are counted before any is listed.
    pub fn paths(&self) -> Result<Vec<Path>> {
        if count_paths(&self.root) > MAX_PATHS {
            let gates = self.gates.len();
            let text = format!(
                "its {gates} gates make more than {MAX_PATHS} paths, too many to list: \
                 route with fewer gates, or put later gates inside the branches of earlier ones"
            );
            return Err(Error::new(ErrorKind::Model, text).at(self.name()));
        }
        Ok(extend_paths(&self.root, vec![Path::default()]))
    }

    /// What one row does on `path`, gates included; none if it depends on more sizes of the input.
    pub fn work(&self, path: Path) -> Option<Work> {
        self.segments_on(path)?.into_iter().try_fold(Work::default(), |sum, segment| {
            Some(sum + self.segments[segment.index()].work_per_row()?)
        })
    }

    /// The segments that a row on `path` runs, in order; none if the path leaves a gate open.
    fn segments_on(&self, path: Path) -> Option<Vec<SegmentId>> {
        let mut found = vec![];
        collect(&self.root, path, &mut found)?;
        Some(found)
    }
}

/// How many paths lead through a block; `usize::MAX` where that number is larger.
fn count_paths(block: &Block) -> usize {
    block.steps.iter().fold(1, |count, step| match step {
        Step::Run(_) => count,
        Step::Branch(fork) => {
            let [then, otherwise] = fork.branches.each_ref().map(count_paths);
            count.saturating_mul(then.saturating_add(otherwise))
        }
    })
}

/// All continuations of `paths` through the gates of a block.
fn extend_paths(block: &Block, paths: Vec<Path>) -> Vec<Path> {
    block.steps.iter().fold(paths, |paths, step| match step {
        Step::Run(_) => paths,
        Step::Branch(fork) => [true, false]
            .into_iter()
            .flat_map(|then| {
                let taken = paths.iter().map(|path| path.through(fork.gate, then)).collect();
                extend_paths(&fork.branches[usize::from(!then)], taken)
            })
            .collect(),
    })
}

/// The path to a segment; gates passed on the way without entering them are taken to the else-branch.
fn find_segment(block: &Block, wanted: SegmentId, path: Path) -> Option<Path> {
    let mut path = path;
    for step in &block.steps {
        match step {
            Step::Run(segment) if *segment == wanted => return Some(path),
            Step::Run(_) => {}
            Step::Branch(fork) => {
                for then in [true, false] {
                    let branch = &fork.branches[usize::from(!then)];
                    let inner = find_segment(branch, wanted, path.through(fork.gate, then));
                    if inner.is_some() {
                        return inner;
                    }
                }
                path = path.through(fork.gate, false);
            }
        }
    }
    None
}

fn collect(block: &Block, path: Path, found: &mut Vec<SegmentId>) -> Option<()> {
    for step in &block.steps {
        match step {
            Step::Run(segment) => found.push(*segment),
            Step::Branch(fork) => {
                let branch = &fork.branches[usize::from(!path.at(fork.gate)?)];
                collect(branch, path, found)?;
            }
        }
    }
    Some(())
}
