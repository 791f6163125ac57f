//! A drawing of a program: its segments and gates from left to right, lit where a row has been.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use perforate_base::units::three_digits;
use perforate_chart::xml::escape;
use perforate_engine::{Comparison, Gate, Outline, Program};

/// Sizes in CSS pixels.
const BOX: (f64, f64) = (128.0, 44.0);
const GAP: f64 = 46.0;
/// Width of a letter, and of a frame's margins.
const LETTER: (f64, f64) = (7.2, 28.0);
const LANE: f64 = 16.0;
const EDGE: f64 = 10.0;
const END: f64 = 112.0;

/// The branches that lead to a place: gates by index, and whether the then-branch is taken.
type Way = Vec<(usize, bool)>;

/// A drawing, in CSS pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagram {
    width: f64,
    height: f64,
    boxes: Vec<Frame>,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Frame {
    kind: Kind,
    /// Left edge and middle.
    at: (f64, f64),
    width: f64,
    title: String,
    note: String,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Segment,
    Gate,
    End,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    from: (f64, f64),
    to: (f64, f64),
    label: String,
    way: Way,
}

/// What a gate asks, in words.
pub fn question(gate: &Gate) -> String {
    let Some((comparison, knob)) = &gate.comparison else { return gate.name.clone() };
    let score = match (gate.constant_score, &gate.score) {
        (Some(cost), _) => three_digits(f64::from(cost)),
        (None, Some(name)) => short(name).to_string(),
        (None, None) => "score".into(),
    };
    let other = knob.as_deref().or_else(|| gate.against.as_deref().map(short));
    format!("{score} {} {}", sign(*comparison), other.unwrap_or("?"))
}

/// The last word of a tensor's name that means something.
fn short(name: &str) -> &str {
    let name = name.trim_end_matches(":out");
    name.rsplit('/').next().filter(|word| !word.is_empty()).unwrap_or(name)
}

/// How a comparison is written.
pub fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "<",
        Comparison::LessOrEqual => "≤",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => "≥",
    }
}

/// Where the pen is while a block is laid out.
struct Pen<'a> {
    program: &'a Program,
    diagram: Diagram,
}

/// A line that leads on: from where, with what word, on which way, and where it would end.
struct Out {
    point: (f64, f64),
    word: &'static str,
    way: Way,
    next: (f64, f64),
}

impl Diagram {
    /// Lays a program out.
    pub fn of(program: &Program) -> Diagram {
        let diagram = Diagram { width: 0.0, height: 0.0, boxes: vec![], lines: vec![] };
        let mut pen = Pen { program, diagram };
        let outline = program.outline();
        let (height, outs) = pen.block(&outline, (EDGE, EDGE), vec![], &Way::new());
        outs.into_iter().for_each(|out| pen.end(out));
        let mut diagram = pen.diagram;
        diagram.height = height + 2.0 * EDGE;
        let right = diagram.boxes.iter().map(|f| f.at.0 + f.width);
        diagram.width = right.fold(0.0, f64::max) + EDGE;
        diagram
    }

    /// As SVG; `path` holds the branch taken at each gate, none where the row did not come.
    pub fn svg(&self, path: Option<&[Option<bool>]>) -> String {
        let lit = |way: &Way| {
            let taken = |&(gate, then): &(usize, bool)| {
                path.and_then(|path| path.get(gate).copied().flatten()) == Some(then)
            };
            if path.is_some() && way.iter().all(taken) { " lit" } else { "" }
        };
        let (w, h) = (self.width, self.height);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" aria-hidden=\"true\">"
        );
        // Writing to a string does not fail.
        // Lines that are lit lie over those that are not.
        let (bright, dark): (Vec<&Line>, Vec<&Line>) =
            self.lines.iter().partition(|line| !lit(&line.way).is_empty());
        for line in dark.into_iter().chain(bright) {
            let ((x0, y0), (x1, y1)) = (line.from, line.to);
            let middle = x0 + 14.0;
            let _ = write!(
                out,
                "<path class=\"line{}\" d=\"M{x0} {y0}H{middle}V{y1}H{x1}\"/>",
                lit(&line.way)
            );
            if !line.label.is_empty() {
                let (x, y) = (middle + 5.0, y1 - 5.0);
                let _ = write!(
                    out,
                    "<text class=\"word\" x=\"{x}\" y=\"{y}\">{}</text>",
                    escape(&line.label)
                );
            }
        }
        for frame in &self.boxes {
            frame.write(&mut out, lit(&frame.way));
        }
        out + "</svg>"
    }
}

/// Wide enough for the text.
fn width(title: &str) -> f64 {
    (title.chars().count() as f64 * LETTER.0 + LETTER.1).max(BOX.0)
}

impl Frame {
    fn write(&self, out: &mut String, lit: &str) {
        let ((x, y), w, h) = (self.at, self.width, BOX.1);
        let (class, radius) = match self.kind {
            Kind::Segment => ("segment", 6.0),
            Kind::Gate => ("gate", h / 2.0),
            Kind::End => {
                let (cx, tx, ty) = (x + 5.0, x + 16.0, y + 4.0);
                let _ = write!(
                    out,
                    "<circle class=\"end{lit}\" cx=\"{cx}\" cy=\"{y}\" r=\"5\"/><text class=\"end{lit}\" x=\"{tx}\" y=\"{ty}\">{}</text>",
                    escape(&self.title)
                );
                return;
            }
        };
        let (top, middle) = (y - h / 2.0, x + w / 2.0);
        let (first, second) = (y - 3.0, y + 13.0);
        let _ = write!(
            out,
            "<rect class=\"{class}{lit}\" x=\"{x}\" y=\"{top}\" width=\"{w}\" height=\"{h}\" rx=\"{radius}\"/><text class=\"title\" x=\"{middle}\" y=\"{first}\">{}</text><text class=\"note\" x=\"{middle}\" y=\"{second}\">{}</text>",
            escape(&self.title),
            escape(&self.note)
        );
    }
}

impl Pen<'_> {
    /// Lays out `items` from `corner` on; `from` are the lines that lead there. What follows a gate stands once, behind all
    /// of its branches. Returns the height taken, and the lines that lead on.
    fn block(
        &mut self,
        items: &[Outline],
        corner: (f64, f64),
        from: Vec<Out>,
        way: &Way,
    ) -> (f64, Vec<Out>) {
        let (mut x, top) = corner;
        let (mut height, mut from) = (BOX.1, from);
        for item in items {
            let (kind, title, note) = match item {
                Outline::Segment(ix) => {
                    let segment = self.program.segments().nth(ix.index());
                    let title = segment.as_ref().map_or("", |s| s.name).trim_end_matches(" …");
                    let note = segment.as_ref().and_then(|s| s.macs).map(|m| m.to_string());
                    (Kind::Segment, title.to_string(), note.unwrap_or_default())
                }
                Outline::Gate(ix, _) => {
                    (Kind::Gate, question(&self.program.gates()[*ix]), String::new())
                }
            };
            let (at, width) = ((x, top + BOX.1 / 2.0), width(&title));
            self.frame(Frame { kind, at, width, title, note, way: way.clone() }, from);
            let point = (x + width, top + BOX.1 / 2.0);
            x += width + GAP;
            from = match item {
                Outline::Segment(_) => {
                    vec![Out { point, word: "", way: way.clone(), next: (x, top) }]
                }
                Outline::Gate(ix, branches) => {
                    let (mut taken, mut outs) = (0.0, vec![]);
                    for (branch, word, then) in [(0, "yes", true), (1, "no", false)] {
                        let mut own = way.clone();
                        own.push((*ix, then));
                        let corner = (x, top + taken);
                        let out = Out { point, word, way: own.clone(), next: corner };
                        let (lane, more) = self.block(&branches[branch], corner, vec![out], &own);
                        taken += lane + LANE;
                        outs.extend(more);
                    }
                    height = height.max(taken - LANE);
                    x = outs.iter().map(|out| out.next.0).fold(x, f64::max);
                    outs
                }
            };
        }
        (height, from)
    }

    fn end(&mut self, out: Out) {
        let gates = out.way.iter();
        let path = gates.fold(perforate_engine::Path::default(), |path, &(gate, then)| {
            path.through(gate, then)
        });
        let frame = Frame {
            kind: Kind::End,
            at: (out.next.0, out.next.1 + BOX.1 / 2.0),
            width: END,
            title: self.program.path_label(path),
            note: String::new(),
            way: out.way.clone(),
        };
        self.frame(frame, vec![out]);
    }

    /// Adds a frame, and the lines that lead to it.
    fn frame(&mut self, frame: Frame, from: Vec<Out>) {
        let to = frame.at;
        let lines = from.into_iter().map(|out| Line {
            from: out.point,
            to,
            label: out.word.into(),
            way: out.way,
        });
        self.diagram.lines.extend(lines);
        self.diagram.boxes.push(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::find;
    use crate::experiment::Experiment;

    #[test]
    fn every_segment_gate_and_path_is_drawn_and_the_row_s_way_is_lit() {
        // It reads no file: a light model, a gate, and the full model behind it.
        let scenario = find("dendritic/mlp").unwrap();
        let experiment = Experiment::in_page(scenario, true);
        let opened = scenario.open(&Default::default(), &experiment).unwrap();
        let diagram = Diagram::of(&opened.subject.routed);
        let count = |kind| diagram.boxes.iter().filter(|frame| frame.kind == kind).count();
        assert_eq!((count(Kind::Segment), count(Kind::Gate), count(Kind::End)), (2, 1, 2));
        let dark = diagram.svg(None);
        assert!(!dark.contains(" lit") && dark.contains("≥ threshold"), "{dark}");
        let light = diagram.svg(Some(&[Some(false)]));
        // The first segment, the gate and the end of the light path; not the full model.
        assert_eq!(light.matches("rect class=\"segment lit\"").count(), 1);
        assert_eq!(light.matches("circle class=\"end lit\"").count(), 1);
        let full = diagram.svg(Some(&[Some(true)]));
        assert_eq!(full.matches("rect class=\"segment lit\"").count(), 2);
        // Frames do not overlap.
        for (ix, a) in diagram.boxes.iter().enumerate() {
            for b in &diagram.boxes[..ix] {
                let (dx, dy) = ((a.at.0 - b.at.0).abs(), (a.at.1 - b.at.1).abs());
                assert!(dx >= BOX.0 || dy >= BOX.1, "{a:?} {b:?}");
            }
        }
    }
}
