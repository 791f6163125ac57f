//! The state of the measuring side, and what can be asked of it.

use perforate_base::units::Seconds;
use perforate_base::{Error, ErrorKind, Named, Result};
use perforate_bench::clock::Clock;
use perforate_bench::timing::TimeSlice;
use perforate_onnx::{Certificate, certify, encode, keep_scores, set_default, sink};
use perforate_report::effective_loss;

use crate::catalogue::{Scenario, find};
use crate::experiment::Experiment;
use crate::messages::{Event, FileRequest};
use crate::run::Ran;

use super::files::Files;
use super::peer::PeerRun;
use super::session::{Session, StudyState};
use super::user::User;

/// Progress is told no more often: each time, the page draws, and measuring waits.
const PROGRESS_EVERY: Seconds = Seconds(1.0);

/// Share of the work from which on the time left can be told.
const TELLING: f64 = 0.1;

/// The state of the measuring side.
#[derive(Debug)]
pub struct Lab<C: Clock> {
    pub(super) clock: C,
    pub(super) files: Files,
    pub(super) user: User,
    pub(super) session: Session<C>,
    /// What was opened last.
    pub(super) opened: Option<Experiment>,
    /// A study, for which the session waits.
    pub(super) study: Option<StudyState>,
    pub(super) paused: bool,
    /// Time spent on the work at hand, pauses left out.
    pub(super) worked: Seconds,
    /// Our own side of a comparison with another runtime.
    pub(super) peer: Option<PeerRun>,
    /// How long the progress that was told last stands, and its words.
    pub(super) told: Option<(TimeSlice, String)>,
}

impl<C: Clock + Clone> Lab<C> {
    /// Nothing opened yet; `clock` is what times are read from.
    pub fn new(clock: C) -> Lab<C> {
        Lab {
            clock,
            files: Files::new(),
            user: User::default(),
            session: Session::Idle,
            opened: None,
            study: None,
            paused: false,
            worked: Seconds::default(),
            peer: None,
            told: None,
        }
    }

    /// Whether [`Lab::step`] has work.
    pub fn is_busy(&self) -> bool {
        let has_work = match (&self.study, &self.session) {
            // Nothing else is measured meanwhile, nor while its files are on their way.
            (Some(StudyState::Running(_)), _) => true,
            (Some(StudyState::Waiting(study, _)), _) => {
                self.lacking((study.files)().into_iter()).is_empty()
            }
            (None, Session::Idle) => false,
            (None, Session::Waiting(experiment)) => self.missing(experiment).is_empty(),
            (None, Session::Searching(..)) => true,
            (None, Session::Measuring(measuring)) => !measuring.sweep.is_done(),
        };
        has_work && !self.paused
    }

    /// The user's inputs as they are kept: pictures are an `.npz` file by now.
    pub fn inputs(&self) -> Option<(&str, &[u8])> {
        let name = self.user.inputs()?;
        Some((name, self.files.get(name)?))
    }

    /// Outputs of the user's model on the user's last data file, as an `.npz` file.
    pub fn outputs(&self) -> Option<Result<Vec<u8>>> {
        self.user.ran.as_ref().map(Ran::to_npz)
    }

    /// The routed model of the open scenario as an ONNX file, with this default of its knob.
    pub fn routed_model(&self, knob: f32) -> Result<Vec<u8>> {
        let Some(measuring) = self.session.measuring() else {
            return Err(Error::new(ErrorKind::Config, "no routed model is open yet"));
        };
        let mut model = measuring.routed.clone();
        let name = &measuring.sweep.subject().knob;
        set_default(&mut model, name, knob)?;
        // The certified setting takes its certificate along.
        if let Some(results) = measuring.sweep.results()
            && let Some(ix) = results.certificate.chosen
            && measuring.sweep.grid().get(ix) == Some(&knob)
        {
            let target = results.target;
            let certificate = Certificate {
                knob: name.clone(),
                value: knob,
                loss: effective_loss(&results).name().into(),
                epsilon: target.epsilon,
                delta: target.delta,
                n: results.certificate.n,
            };
            certify(&mut model, certificate)?;
            keep_scores(&mut model, measuring.sweep.calibration_scores(knob))?;
        }
        // Work that one branch alone needs goes into it: other runtimes would do it for every input.
        sink(&mut model);
        Ok(encode(&model))
    }

    /// The scenario that was opened last.
    pub(super) fn scenario(&self) -> Result<&'static Scenario> {
        let opened = self.opened.as_ref();
        let opened = opened.ok_or_else(|| Error::new(ErrorKind::Config, "no scenario is open yet"));
        find(&opened?.scenario)
    }

    /// An event on what there is of the user's.
    pub(super) fn file(&self, summary: String) -> Event {
        Event::File { summary, user: self.user.files() }
    }

    pub(super) fn missing(&self, experiment: &Experiment) -> Vec<FileRequest> {
        // An experiment that needs what it cannot have is refused when it is opened.
        self.lacking(experiment.needed().unwrap_or_default().into_iter())
    }

    /// Those of these files that are not there.
    pub(super) fn lacking(&self, needed: impl Iterator<Item = String>) -> Vec<FileRequest> {
        let missing = needed.filter(|file| !self.files.contains_key(file));
        let request = |file: String| FileRequest {
            title: file.rsplit('/').next().unwrap_or(&file).to_string(),
            url: file.clone(),
            name: file,
        };
        missing.map(request).collect()
    }

    /// How far it is, unless that was told a moment ago.
    pub(super) fn tell(&mut self, text: String, share: f64) -> Option<Event> {
        let stands =
            |(stands, words): &(TimeSlice, String)| *words == text && !stands.is_over(&self.clock);
        if self.told.as_ref().is_some_and(stands) {
            return None;
        }
        self.told = Some((TimeSlice::begin(&self.clock, PROGRESS_EVERY), text.clone()));
        Some(Event::Progress { text, share, left: self.left(share) })
    }

    /// Seconds left, once that can be told: the first part is too small to tell from.
    pub(super) fn left(&self, share: f64) -> Option<f64> {
        (share > TELLING).then(|| self.worked.0 * (1.0 - share) / share)
    }

    /// The results so far, if there are any.
    pub(super) fn results(&self) -> Result<Option<Event>> {
        let Some(measuring) = self.session.measuring() else { return Ok(None) };
        let report = measuring.report(&self.files)?;
        Ok(report.map(|report| Event::Results { report: Box::new(report) }))
    }
}

/// What is wrong, as an event.
pub fn told(error: Error) -> Vec<Event> {
    vec![Event::Error { message: error.to_string(), fatal: false }]
}
