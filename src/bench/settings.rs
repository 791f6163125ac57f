//! Which setting of a knob leads where, in a program whose gates do not look at the rows: a search over the knob's range.

use perforate_base::Result;
use perforate_engine::{Knobs, Path, Program, Session};
use perforate_onnx::KnobRange;

/// Settings that are tried; between two that lead to different paths, the border is searched for.
const TRIED: usize = 1024;
/// Halvings of the distance between them.
const HALVINGS: usize = 24;

/// Borders of a knob: from each on, every row takes the path beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Rising; the first is the lower end of the range.
    borders: Vec<(f32, Path)>,
}

impl Settings {
    /// Searches the range of the knob called `knob`. None where the gates look at the rows.
    pub fn search(session: &mut Session, knob: &str, range: KnobRange) -> Result<Option<Settings>> {
        let (low, high) = (range.light.min(range.full), range.light.max(range.full));
        let mut path_at = |value: f32| session.path_from_knobs(&Knobs::new().with(knob, value));
        let Some(first) = path_at(low)? else { return Ok(None) };
        let mut borders = vec![(low, first)];
        let mut last = (low, first);
        for step in 1..=TRIED {
            let value = low + (high - low) * step as f32 / TRIED as f32;
            let Some(path) = path_at(value)? else { return Ok(None) };
            if path != last.1 {
                // From `before` on the way to `after`, paths change at least once; the last change is what is found.
                let (mut before, mut after) = (last.0, value);
                for _ in 0..HALVINGS {
                    let middle = before + (after - before) / 2.0;
                    if path_at(middle)? == Some(path) { after = middle } else { before = middle }
                }
                borders.push((after, path));
            }
            last = (value, path);
        }
        Ok(Some(Settings { borders }))
    }

    /// The path at a value of the knob.
    pub fn path(&self, value: f32) -> Path {
        let after = self.borders.partition_point(|(border, _)| *border <= value);
        self.borders[after.max(1) - 1].1
    }

    /// All paths, each once, such that those with the same beginning follow each other.
    pub fn paths(&self, program: &Program) -> Vec<Path> {
        let mut paths: Vec<Path> = self.borders.iter().map(|(_, path)| *path).collect();
        let course = |path: &Path| -> Vec<Option<bool>> {
            (0..program.gates().len()).map(|gate| path.at(gate)).collect()
        };
        paths.sort_by_cached_key(course);
        paths.dedup();
        paths
    }

    /// The values from which on rows take another path.
    pub fn borders(&self) -> impl Iterator<Item = f32> {
        self.borders.iter().skip(1).map(|(border, _)| *border)
    }
}
