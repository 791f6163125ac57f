//! What the page shows, as ready-made text: one plain object a frame.

use serde::Serialize;

use perforate_report::Table;

use crate::about::About;
use crate::inside::{HundredState, LostInput, SampleCard};
use crate::picture_form::FormTexts;
use crate::settings::Group;

use super::chip::ChipState;
use super::peer::PeerState;
use super::race::RaceState;

/// A look inside the model.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct InsideState {
    /// Differs where the samples do.
    pub(super) key: String,
    /// The model, as SVG.
    pub(super) diagram: String,
    pub(super) samples: Vec<SampleCard>,
    /// What becomes of the chosen sample.
    pub(super) story: Vec<String>,
    /// Names and titles of what may be shown, and what is.
    pub(super) filters: Vec<(String, String)>,
    pub(super) filter: String,
    /// Inputs that the full model answers rightly and the router does not; without labels, that they answer differently.
    pub(super) lost: Vec<LostInput>,
    /// Whether a sentence may be typed.
    pub(super) reads_text: bool,
    /// Whether an image may be drawn.
    pub(super) reads_images: bool,
}

/// A scenario's card.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Card {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// The field's term.
    pub(super) term: &'static str,
    /// The last verdict on this device, in a few words.
    pub(super) verdict: Option<String>,
    /// Title of the group that it stands in.
    pub(super) group: &'static str,
    pub(super) current: bool,
    /// A small picture of the strategy, as SVG.
    pub(super) glyph: &'static str,
}

/// The knob's slider.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct KnobState {
    pub(super) label: String,
    pub(super) index: usize,
    pub(super) count: usize,
    pub(super) text: String,
    pub(super) ends: [&'static str; 2],
    /// The position that carries the guarantee.
    pub(super) certified: Option<usize>,
}

/// One key figure.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Figure {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) note: String,
}

/// References of the first chart that are shown or hidden together.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct LayerState {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) on: bool,
}

/// A chart's place on the page.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct ChartState {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) alt: String,
    /// What its buttons do, and what its table is, for screen readers.
    pub(super) as_svg: String,
    pub(super) as_png: String,
    pub(super) numbers: String,
}

/// A file that can be taken away.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Export {
    pub(super) label: &'static str,
    pub(super) kind: &'static str,
}

/// Everything that the page shows, but for the charts' pixels.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct State {
    pub(super) title: &'static str,
    /// The title of the page as a whole.
    pub(super) document_title: String,
    /// The strategy, and what the scenario shows.
    pub(super) strategy: String,
    pub(super) summary: String,
    /// The routed model against what is simpler, in a sentence.
    pub(super) comparison: Option<String>,
    pub(super) verdict: &'static str,
    pub(super) status: String,
    pub(super) progress: Option<f64>,
    pub(super) running: bool,
    pub(super) error: Option<String>,
    pub(super) chip: ChipState,
    /// Says when a measurement from an earlier visit was made.
    pub(super) kept: Option<String>,
    /// The tab that is open, by its name in the address.
    pub(super) tab: &'static str,
    pub(super) scenarios: Vec<Card>,
    pub(super) knob: Option<KnobState>,
    pub(super) routing: bool,
    /// What can be set, in groups.
    pub(super) settings: Vec<Group>,
    /// Names and values of the page's address.
    pub(super) address: Vec<(&'static str, String)>,
    pub(super) figures: Vec<Figure>,
    /// One hundred inputs in the lanes that they take.
    pub(super) hundred: Option<HundredState>,
    /// Full against routed; none before both are timed, or with routing off.
    pub(super) race: Option<RaceState>,
    /// What the first chart may show beside the routed model.
    pub(super) layers: Vec<LayerState>,
    /// The full model in ONNX Runtime Web; none before ours is timed.
    pub(super) peer: Option<PeerState>,
    pub(super) table: Option<Table>,
    pub(super) segments: Option<Table>,
    /// The models beside each other.
    pub(super) models: Option<Table>,
    /// What not every scenario has.
    pub(super) sections: Vec<SectionState>,
    pub(super) charts: Vec<ChartState>,
    /// How the strategy works.
    pub(super) how: &'static str,
    pub(super) inside: Option<InsideState>,
    pub(super) files: Vec<Export>,
    pub(super) about: Vec<About>,
    pub(super) measured: usize,
    /// What there is of the user's.
    pub(super) dropped: Option<DroppedState>,
    /// How to run the routed file elsewhere, by language.
    pub(super) usage: Vec<UsageState>,
    /// What the measuring side has taken.
    pub(super) memory: Option<String>,
}

/// A section of the report, ready to be shown.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct SectionState {
    pub(super) id: String,
    pub(super) title: String,
    /// What it is about.
    pub(super) text: Option<String>,
    pub(super) findings: Vec<String>,
    pub(super) table: Option<Table>,
    pub(super) charts: Vec<ChartState>,
    /// Whether it is unfolded at first.
    pub(super) open: bool,
    /// A study that can be started.
    pub(super) action: Option<ActionState>,
    /// A live control.
    pub(super) live: Option<LiveState>,
}

/// A button that starts a study.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct ActionState {
    pub(super) label: String,
    pub(super) note: String,
    pub(super) enabled: bool,
}

/// Inputs that pass gate by gate, on a knob that may be turned in between.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct LiveState {
    /// What the knob is called.
    pub(super) label: String,
    /// What the button says to start, and to stop.
    pub(super) run: String,
    pub(super) stop: String,
    /// What the input on its way has spent.
    pub(super) told: String,
    /// The inputs that went through last, newest first.
    pub(super) rows: Vec<LiveRow>,
}

/// An input's way through the stages.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct LiveRow {
    pub(super) text: String,
    /// What each stage did; nothing yet for those to come.
    pub(super) cells: Vec<Option<String>>,
    pub(super) answer: String,
}

/// Lines of code.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct UsageState {
    pub(super) language: &'static str,
    pub(super) lines: String,
    /// What the button that copies them does, for screen readers.
    pub(super) copy: String,
}

/// A model of the user's.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct ModelState {
    /// Its file.
    pub(super) name: String,
    /// What the button that leaves it out does, for screen readers.
    pub(super) forget: String,
}

/// What there is of the user's, and what can be done with it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct DroppedState {
    pub(super) summary: String,
    pub(super) models: Vec<ModelState>,
    pub(super) inputs: Option<String>,
    /// What the newest model is.
    pub(super) details: Vec<(String, String)>,
    /// How pictures become inputs of it.
    pub(super) form: Option<FormTexts>,
    /// Whether the newest model can be routed by itself, and whether there are several that can be routed together.
    pub(super) can_route_newest: bool,
    pub(super) can_route_all: bool,
}
