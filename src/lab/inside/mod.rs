//! A look inside: the model as a drawing, and some test samples with the way that each takes at every setting.

mod hundred;
mod lost;
mod picture;

use serde::{Deserialize, Serialize};

use perforate_base::units::{Macs, three_digits};
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;
use perforate_bench::energy::EnergyModel;
use perforate_bench::record::{Recording, argmax};
use perforate_bench::sweep::{Active, BenchTarget, Sweep};
use perforate_data::sentences::{self, Tokenizer};
use perforate_data::{Samples, images};
use perforate_engine::{Batch, Knobs, Program, Session, Work};

use crate::diagram::{Diagram, question, sign};
use perforate_report::text::{knob, percent};
use perforate_strategies::Companion;

use hundred::Division;
pub use hundred::{HUNDRED, HundredState};
pub use lost::LostInput;
pub use picture::Picture;

/// Pixels in a row of a picture, at most; of one of the hundred.
const WIDEST: usize = 112;
const WIDEST_OF_HUNDRED: usize = 56;
/// Samples that are shown.
const SHOWN: usize = 24;
/// More of them, on which some path answers otherwise than the full model.
const DISPUTED: usize = 200;
/// Of these, so many are listed among the others.
const LISTED: usize = 24;
/// Inputs of the user's beside these.
const MOST_OWN: usize = 24;
/// Most characters of a typed sentence that the page repeats.
const SHOWN_CHARACTERS: usize = 400;

/// What there is to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspector {
    diagram: Diagram,
    gates: Vec<GateText>,
    paths: Vec<PathText>,
    /// Index of the path that is the full model's.
    full: usize,
    /// Settings, in the curve's order.
    settings: Vec<f32>,
    samples: Vec<Sample>,
    /// The first test inputs, which the split has shuffled.
    hundred: Vec<Sample>,
    /// What divides it.
    division: Division,
    /// Whether costs are energy, since precisions differ.
    by_energy: bool,
    /// Whether an input is one grey image.
    images: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct GateText {
    name: String,
    question: String,
    sign: Option<String>,
    /// The score is a cost, and so the same for everybody.
    constant: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PathText {
    label: String,
    /// The branch at each gate; none where it does not pass.
    branches: Vec<Option<bool>>,
}

/// An input, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What it is called, for people.
    name: String,
    /// What it is; none without labels.
    truth: Option<usize>,
    /// The answer of each path, and its operations.
    answers: Vec<usize>,
    macs: Vec<f64>,
    /// Index of the path at each setting.
    taken: Vec<usize>,
    /// Cost of each path, in operations or estimated energy.
    costs: Vec<f64>,
    /// Cost at each setting.
    spent: Vec<f64>,
    /// The score at each gate, on whichever path passes it.
    scores: Vec<f32>,
    /// What the gates look at, in words, and what else is to be said of it.
    notes: Vec<String>,
    picture: Picture,
    /// Instead of a picture.
    text: Option<String>,
    /// Shown only among those on which models differ.
    #[serde(default)]
    only_disputed: bool,
    /// Whether the user made it.
    #[serde(default)]
    own: bool,
}

/// Which samples are shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Filter {
    /// From easy to hard.
    #[default]
    All,
    /// Those that the routed model answers otherwise than the full one.
    Differing,
    /// Those that take the path of this name.
    Path(String),
}

impl Filter {
    /// What a page calls it.
    pub fn name(&self) -> String {
        match self {
            Filter::All => String::new(),
            Filter::Differing => "differing".into(),
            Filter::Path(label) => format!("path {label}"),
        }
    }

    /// The filter that a page names so.
    pub fn named(name: &str) -> Filter {
        match name {
            "" => Filter::All,
            "differing" => Filter::Differing,
            name => Filter::Path(name.strip_prefix("path ").unwrap_or(name).to_string()),
        }
    }
}

/// A small picture of a sample, with what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct SampleCard {
    index: usize,
    title: String,
    /// What stands instead of a picture.
    text: Option<String>,
    path: String,
    /// right, wrong, or unknown without labels.
    verdict: &'static str,
    selected: bool,
}

impl Inspector {
    /// Looks into a sweep once its settings are chosen. `companion` says what the gates see.
    pub fn of<C: Clock>(sweep: &Sweep<C>, companion: &dyn Companion) -> Option<Inspector> {
        let recording = sweep.test_recording();
        let settings = sweep.grid().to_vec();
        let (subject, n) = (sweep.subject(), recording.len());
        // Of numbers there is no class to tell.
        if settings.is_empty() || n == 0 || subject.tolerance.is_some() {
            return None;
        }
        let program: &Program = &subject.routed;
        let knobs: Vec<Knobs> =
            settings.iter().map(|&value| Knobs::new().with(&subject.knob, value)).collect();
        let always = Knobs::new().with(&subject.knob, subject.range.full);
        let full = recording.at(0, &always).path;
        // From the easiest to the hardest: by the operations spent on a row over all settings.
        let effort = |row: usize| -> Macs {
            knobs.iter().map(|knobs| recording.at(row, knobs).work.macs).sum()
        };
        let mut rows: Vec<(Macs, usize)> = (0..n).map(|row| (effort(row), row)).collect();
        rows.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
        let step = (n as f64 / SHOWN as f64).max(1.0);
        let spread: Vec<usize> =
            (0..SHOWN.min(n)).map(|ix| rows[(ix as f64 * step) as usize].1).collect();
        let answer = |path: usize, row: usize| argmax(&recording.paths[path].outputs[row]);
        let disputed = |row: usize| {
            let own = answer(full, row);
            (0..recording.paths.len()).any(|path| answer(path, row) != own)
        };
        let more = (0..n).filter(|row| disputed(*row) && !spread.contains(row)).take(DISPUTED);
        let rows = spread.iter().map(|&row| (row, false)).chain(more.map(|row| (row, true)));
        let of = |width: usize, (row, only_disputed): (usize, bool)| Sample {
            only_disputed,
            name: format!("Test sample {row}"),
            truth: subject.test.0.labels().map(|labels| labels[row]),
            notes: companion.notes(&subject.test.0, row),
            picture: Picture::of(&subject.test.0, row, width),
            text: subject.test.0.text(row).map(str::to_string),
            ..Sample::recorded(recording, row, &knobs, subject.active)
        };
        let samples = rows.map(|row| of(WIDEST, row));
        let hundred = (0..HUNDRED.min(n)).map(|row| of(WIDEST_OF_HUNDRED, (row, false)));
        let gates = program.gates().iter().map(|gate| GateText {
            name: gate.name.clone(),
            question: question(gate),
            // Compared with something else than the knob, the numbers are the model's own.
            sign: gate
                .comparison
                .as_ref()
                .filter(|(_, knob)| knob.is_some())
                .map(|(comparison, _)| sign(*comparison).into()),
            constant: gate.constant_score.is_some(),
        });
        let paths = recording.paths.iter().map(|path| PathText {
            label: program.path_label(path.path),
            branches: (0..program.gates().len()).map(|gate| path.path.at(gate)).collect(),
        });
        Some(Inspector {
            diagram: Diagram::of(program),
            gates: gates.collect(),
            paths: paths.collect(),
            full,
            samples: samples.collect(),
            hundred: hundred.collect(),
            by_energy: subject.active == Active::Energy,
            division: Division::of(
                recording.paths.len(),
                recording.follows_settings(),
                subject.active,
            ),
            images: image_size(subject).is_some(),
            settings,
        })
    }

    /// Index of the path that a sample takes: at this setting, or the full one with routing off.
    fn path(&self, sample: &Sample, setting: Option<usize>) -> usize {
        setting.and_then(|ix| sample.taken.get(ix).copied()).unwrap_or(self.full)
    }

    /// The drawing, lit where the sample goes at this setting; with routing off that is the full path.
    pub fn svg(&self, sample: usize, setting: Option<usize>) -> String {
        let path = self.samples.get(sample).map(|sample| self.path(sample, setting));
        self.diagram.svg(path.map(|path| self.paths[path].branches.as_slice()))
    }

    /// Names and titles of the filters.
    pub fn filters(&self) -> Vec<(String, String)> {
        let path = |path: &PathText| {
            (format!("path {}", path.label), format!("on the path {}", path.label))
        };
        let first = [("", "from easy to hard"), ("differing", "where the full model differs")];
        let first = first.map(|(name, title)| (name.to_string(), title.to_string()));
        first.into_iter().chain(self.paths.iter().map(path)).collect()
    }

    /// The samples that a filter lets pass, as they fare at this setting.
    pub fn thumbs(
        &self,
        filter: &Filter,
        selected: usize,
        setting: Option<usize>,
        classes: &[&str],
    ) -> Vec<SampleCard> {
        let passes = |sample: &Sample| match filter {
            Filter::All => !sample.only_disputed,
            Filter::Differing => {
                sample.answers[self.path(sample, setting)] != sample.answers[self.full]
            }
            Filter::Path(label) => self.paths[self.path(sample, setting)].label == *label,
        };
        let thumb = |(index, sample): (usize, &Sample)| {
            let path = self.path(sample, setting);
            let answer = sample.answers[path];
            let label = &self.paths[path].label;
            let verdict = match sample.truth {
                None => "unknown",
                Some(truth) if truth == answer => "right",
                Some(_) => "wrong",
            };
            let title = match sample.truth {
                Some(truth) => format!(
                    "{}, answered {} by {label}: {verdict}",
                    name(classes, truth),
                    name(classes, answer)
                ),
                None => format!("answered {} by {label}", name(classes, answer)),
            };
            let selected = index == selected;
            let text = sample.text.clone();
            SampleCard { index, title, text, path: label.clone(), verdict, selected }
        };
        let shown = self.samples.iter().enumerate().filter(|(_, sample)| passes(sample));
        shown.take(SHOWN + LISTED + MOST_OWN).map(thumb).collect()
    }

    /// Keeps the user's own inputs from an earlier look at the same model.
    pub fn adopt(&mut self, earlier: &Inspector) {
        if self.settings == earlier.settings {
            let own = earlier.samples.iter().filter(|sample| sample.own);
            self.samples.splice(0..0, own.cloned());
        }
    }

    /// Shows one more input, before the others.
    pub fn insert(&mut self, sample: Sample) {
        self.samples.insert(0, sample);
    }

    /// Whether the inputs are sentences, so that one may be typed.
    pub fn reads_text(&self) -> bool {
        self.samples.iter().any(|sample| sample.text.is_some())
    }

    /// Whether the inputs are images, so that one may be drawn.
    pub fn reads_images(&self) -> bool {
        self.images
    }

    /// Differs where other samples are shown.
    pub fn key(&self) -> String {
        let names: Vec<&str> = self.samples.iter().map(|sample| sample.name.as_str()).collect();
        format!("{} {}", names.len(), names.join(" "))
    }

    /// The picture of a sample.
    pub fn picture(&self, index: usize) -> Option<&Picture> {
        self.samples.get(index).map(|sample| &sample.picture)
    }

    /// What becomes of a sample at this setting, in sentences.
    pub fn story(&self, index: usize, setting: Option<usize>, classes: &[&str]) -> Vec<String> {
        self.samples.get(index).map_or(vec![], |sample| self.told(sample, setting, classes))
    }

    fn told(&self, sample: &Sample, setting: Option<usize>, classes: &[&str]) -> Vec<String> {
        let path = self.path(sample, setting);
        let own = &self.paths[path];
        let [macs, all] = [path, self.full].map(|ix| sample.macs[ix]);
        let who = match sample.truth {
            Some(truth) => format!("{}: {}.", sample.name, name(classes, truth)),
            None => format!("{}.", sample.name),
        };
        let mut story = vec![who];
        story.extend(sample.notes.iter().cloned());
        match setting.and_then(|ix| self.settings.get(ix)) {
            None => story.push("Routing is off: the full model answers.".into()),
            Some(&value) => {
                for (ix, gate) in self.gates.iter().enumerate() {
                    let Some(then) = own.branches[ix] else { continue };
                    story.push(gate.sentence(sample.scores[ix], value, then));
                }
            }
        }
        let saved = 1.0 - macs / all;
        story.push(if path == self.full {
            format!("It takes the path {}: nothing is skipped, {}.", own.label, Macs(macs))
        } else if saved > 0.0 {
            format!(
                "It takes the path {}, {}: {} of the full path’s operations are skipped.",
                own.label,
                Macs(macs),
                percent(saved)
            )
        } else {
            format!(
                "It takes the path {}, {}: as many operations as the full path.",
                own.label,
                Macs(macs)
            )
        });
        let (answer, other) = (sample.answers[path], sample.answers[self.full]);
        let verdict = match sample.truth {
            Some(truth) if truth == answer => ", which is right",
            Some(_) => ", which is wrong",
            None => "",
        };
        let agrees = if answer == other {
            "and so does the full model".to_string()
        } else {
            format!("where the full model says {}", name(classes, other))
        };
        story.push(format!("It answers {}{verdict}, {agrees}.", name(classes, answer)));
        story
    }
}

impl Sample {
    /// What the paths do with a row of a recording.
    fn recorded(recording: &Recording, row: usize, knobs: &[Knobs], active: Active) -> Sample {
        let energy = EnergyModel::default();
        let cost = |work: Work| match active {
            Active::Energy => energy.by_operations(work).0,
            Active::FullPath | Active::Operations => work.macs.0,
        };
        let score = |gate: usize| {
            let scores = recording.paths.iter().map(|path| path.scores[row][gate]);
            scores.into_iter().find(|score| !score.is_nan()).unwrap_or(f32::NAN)
        };
        Sample {
            name: String::new(),
            truth: None,
            answers: recording.paths.iter().map(|path| argmax(&path.outputs[row])).collect(),
            macs: recording.paths.iter().map(|path| path.work[row].macs.0).collect(),
            taken: knobs.iter().map(|knobs| recording.at(row, knobs).path).collect(),
            costs: recording.paths.iter().map(|path| cost(path.work[row])).collect(),
            spent: knobs.iter().map(|knobs| cost(recording.at(row, knobs).work)).collect(),
            scores: (0..recording.program().gates().len()).map(score).collect(),
            notes: vec![],
            picture: Picture::default(),
            text: None,
            only_disputed: false,
            own: false,
        }
    }

    /// A drawing of the user's: `grey` are its pixels, row by row, from 0, nothing, to 255; run down every path.
    pub fn drawn<C: Clock>(sweep: &Sweep<C>, width: usize, grey: &[u8]) -> Result<Sample> {
        let subject = sweep.subject();
        let fault = |text: &str| Error::new(ErrorKind::Input, text).at("your drawing");
        let size = image_size(subject).ok_or_else(|| {
            fault("the scenario that is open does not read images: choose one that does")
        })?;
        let x = images::centred(grey, width, size).map_err(|e| e.at("your drawing"))?;
        let inputs = subject.test.0.inputs().names().next().unwrap_or_default().to_string();
        let samples = Samples::new(Batch::new().with(inputs, x), None)?;
        Ok(Sample {
            own: true,
            name: "Your drawing".into(),
            picture: Picture::of(&samples, 0, WIDEST),
            ..Sample::run(sweep, &samples)?
        })
    }

    /// What the paths do with the first row of samples that are not the sweep's.
    fn run<C: Clock>(sweep: &Sweep<C>, samples: &Samples) -> Result<Sample> {
        let subject = sweep.subject();
        let mut recording = Recording::new(subject.routed.clone())?;
        let mut session = Session::new(subject.routed.clone());
        recording.extend_all(&mut session, samples)?;
        let knobs: Vec<Knobs> =
            sweep.grid().iter().map(|&value| Knobs::new().with(&subject.knob, value)).collect();
        Ok(Sample::recorded(&recording, 0, &knobs, subject.active))
    }

    /// A sentence of the user's, run down every path of the routed model.
    pub fn typed<C: Clock>(sweep: &Sweep<C>, tokenizer: &Tokenizer, text: &str) -> Result<Sample> {
        let tokens = tokenizer.encode(text)?;
        let (read, all) = (tokens.ids.len(), tokens.all);
        let shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
        let samples = sentences::of_tokens(&[tokens.ids], vec![shown.clone()], None)?;
        let cut = (all > read).then(|| {
            format!(
                "It is too long: the model reads the first {} of its {} tokens.",
                read - 2,
                all - 2
            )
        });
        Ok(Sample {
            own: true,
            name: format!("Your sentence, {} tokens", read - 2),
            notes: cut.into_iter().collect(),
            text: Some(shown),
            ..Sample::run(sweep, &samples)?
        })
    }
}

impl GateText {
    fn sentence(&self, score: f32, value: f32, then: bool) -> String {
        let holds = if then { "yes" } else { "no" };
        let score = if self.constant { three_digits(f64::from(score)) } else { knob(score) };
        match &self.sign {
            Some(sign) => format!(
                "{}: {}? {score} {sign} {}: {holds}.",
                self.name,
                self.question,
                knob(value)
            ),
            None => format!("{}: {}? {holds}.", self.name, self.question),
        }
    }
}

/// The name of a class.
fn name(classes: &[&str], class: usize) -> String {
    classes.get(class).map_or_else(|| format!("class {class}"), |name| name.to_string())
}

/// Height and width of a subject's inputs, if each is one grey image.
fn image_size(subject: &BenchTarget) -> Option<(usize, usize)> {
    let inputs = subject.test.0.inputs();
    match *inputs.get(inputs.names().next()?)?.shape() {
        [_, 1, height, width] => Some((height, width)),
        _ => None,
    }
}
