//! What the page and its measuring worker tell each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use perforate_data::pictures::Form;
use perforate_report::{Report, Section};
use perforate_strategies::Moment;

use super::experiment::Experiment;
use super::inside::{Inspector, Sample};

/// What the page asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub enum Command {
    /// Measure. What is measured already is only judged anew, where that is all that differs.
    #[cfg_attr(target_arch = "wasm32", serde(skip_deserializing))]
    Open {
        /// What.
        #[cfg_attr(feature = "types", ts(type = "unknown"))]
        experiment: Box<Experiment>,
    },
    /// Look at a file of the user's, which is supplied next: an ONNX model, a NumPy file to run the last such
    /// model on, or a table of sentences to measure the open scenario on.
    File {
        /// Its name.
        name: String,
        /// Knob values for a run.
        #[serde(default)]
        knobs: BTreeMap<String, f32>,
        /// Whether it was taken before, by another worker, and is only to be known.
        #[serde(default)]
        again: bool,
    },
    /// Take pictures as inputs of the user's model; each is supplied next, decoded.
    Pictures {
        /// What they are called together.
        name: String,
        /// How they become inputs.
        #[cfg_attr(feature = "types", ts(type = "unknown"))]
        form: Form,
    },
    /// There are no more of them.
    PicturesDone,
    /// Leave a model of the user's out.
    Forget {
        /// Its file.
        name: String,
    },
    /// Run a sentence of the user's down every path of the scenario that is open.
    Type {
        /// The sentence.
        text: String,
    },
    /// Run a drawing of the user's down every path of the scenario that is open.
    Draw {
        /// Pixels in a row.
        width: usize,
        /// Pixels row by row, from 0, nothing, to 255.
        grey: Vec<u8>,
    },
    /// Route the newest of the user's models, or all of them as one, and measure that.
    Route {
        /// Whether less than usual is measured.
        quick: bool,
        /// Whether all models become one.
        #[serde(default)]
        all: bool,
    },
    /// Run a study of the open scenario's strategy.
    Study {
        /// Id of its section.
        section: String,
        /// Whether less than usual is measured.
        quick: bool,
    },
    /// Take an input one gate further, at this value of the knob.
    Live {
        /// Id of the section that the control stands in.
        section: String,
        /// The knob.
        value: f32,
    },
    /// Stop after the slice at hand.
    Cancel,
    /// Go on after a cancel.
    Resume,
}

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct FileRequest {
    /// Name to supply it under.
    pub name: String,
    /// Relative to the page.
    pub url: String,
    /// For people.
    pub title: String,
}

/// What the page is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub enum Event {
    /// A scenario was opened.
    Opened {
        /// Its name.
        scenario: String,
        /// The user's table that it is measured on.
        #[serde(default)]
        table: Option<String>,
        /// The user's models, the last one to be replaced, and inputs for them.
        #[serde(default)]
        models: Vec<String>,
        #[serde(default)]
        inputs: Option<String>,
    },
    /// How the routed model is run elsewhere.
    Usage {
        /// Lines of Python.
        python: String,
        /// Lines of JavaScript.
        javascript: String,
    },
    /// Files must be fetched and supplied.
    Need {
        /// Which.
        files: Vec<FileRequest>,
    },
    /// Bytes are coming in; posted by the worker's script.
    Loading {
        /// The file.
        name: String,
        /// Bytes so far.
        received: f64,
        /// Bytes in all, or 0.
        total: f64,
    },
    /// How far the measurement is.
    Progress {
        /// What is being done.
        text: String,
        /// Share done.
        share: f64,
        /// Seconds left, once that can be told.
        #[serde(default)]
        left: Option<f64>,
    },
    /// Results so far.
    #[cfg_attr(target_arch = "wasm32", serde(skip_deserializing))]
    Results {
        /// A report of one scenario.
        #[cfg_attr(feature = "types", ts(type = "unknown"))]
        report: Box<Report>,
    },
    /// The model as a drawing, and some samples with their ways through it.
    #[cfg_attr(target_arch = "wasm32", serde(skip_deserializing))]
    Inspector {
        /// What there is to see.
        #[cfg_attr(feature = "types", ts(type = "unknown"))]
        inside: Box<Inspector>,
    },
    /// An input of the user's, with its ways through the model.
    #[cfg_attr(target_arch = "wasm32", serde(skip_deserializing))]
    Own {
        /// What there is to see.
        #[cfg_attr(feature = "types", ts(type = "unknown"))]
        sample: Box<Sample>,
    },
    /// An input is one gate further.
    Advanced {
        /// Where it stands.
        #[cfg_attr(feature = "types", ts(type = "unknown"))]
        moment: Moment,
    },
    /// What a study found so far.
    #[cfg_attr(target_arch = "wasm32", serde(skip_deserializing))]
    Section {
        /// All of it.
        #[cfg_attr(feature = "types", ts(type = "unknown"))]
        section: Box<Section>,
    },
    /// A file of the user's was understood, or run.
    File {
        /// What it is, or what came of it, in a sentence.
        summary: String,
        /// What there is of the user's now.
        user: UserFiles,
    },
    /// The measurement was stopped.
    Cancelled,
    /// Everything is measured.
    Done,
    /// Something went wrong; what was there before stays.
    Error {
        /// One sentence.
        message: String,
        /// Whether the worker died of it.
        #[serde(default)]
        fatal: bool,
    },
}

/// What there is of the user's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct UserFiles {
    /// Models, by file.
    pub models: Vec<String>,
    /// Inputs for them.
    pub inputs: Option<String>,
    /// What the model that came last is: terms and texts.
    pub details: Vec<(String, String)>,
    /// How pictures become inputs of it, if they can.
    #[cfg_attr(feature = "types", ts(type = "unknown"))]
    pub form: Option<Form>,
}

/// Why a file could not be fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub enum FetchFault {
    /// The one-file page does not carry it.
    NotPacked,
    /// The server did not answer.
    NoAnswer,
    /// The server answered otherwise: its status.
    Status(String),
    /// What the browser says.
    Other(String),
}

/// What the worker's script tells: it knows what happened, and these know the words.
impl Event {
    fn fault(message: String) -> Event {
        Event::Error { message, fatal: false }
    }

    /// A file could not be fetched.
    pub fn not_fetched(file: &FileRequest, fault: &FetchFault) -> Event {
        let reason = match fault {
            FetchFault::NotPacked => {
                "this one-file page does not carry it: open the page from a server".to_string()
            }
            FetchFault::NoAnswer => "the server did not answer".to_string(),
            FetchFault::Status(status) => format!("the server answered {}", status.trim()),
            FetchFault::Other(reason) => reason.clone(),
        };
        let FileRequest { title, url, .. } = file;
        Event::fault(format!("The file “{title}” ({url}) could not be loaded: {reason}."))
    }

    /// The browser could not decode a picture.
    pub fn no_picture(path: &str) -> Event {
        Event::fault(format!(
            "{path}: it cannot be read as a picture: leave it out, or save it anew as PNG or JPEG."
        ))
    }

    /// So many pictures of `all` are decoded.
    pub fn reading_pictures(done: usize, all: usize) -> Event {
        let share = done as f64 / all.max(1) as f64;
        let text = format!("Reading pictures, {} of {all}", (done + 1).min(all));
        Event::Progress { text, share, left: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_is_told_with_its_reason() {
        let file =
            FileRequest { name: "a".into(), url: "models/a.onnx".into(), title: "a.onnx".into() };
        for (fault, reason) in [
            (FetchFault::NoAnswer, "the server did not answer"),
            (FetchFault::Status("404 ".into()), "the server answered 404."),
            (FetchFault::NotPacked, "open the page from a server"),
        ] {
            let Event::Error { message, fatal: false } = Event::not_fetched(&file, &fault) else {
                panic!("{fault:?} is fatal")
            };
            assert!(
                message.contains("“a.onnx” (models/a.onnx)") && message.contains(reason),
                "{message}"
            );
        }
    }

    #[test]
    fn pictures_are_counted_from_one() {
        let Event::Progress { text, share, .. } = Event::reading_pictures(20, 40) else { panic!() };
        assert_eq!((text.as_str(), share), ("Reading pictures, 21 of 40", 0.5));
    }
}
