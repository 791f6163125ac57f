//! What there is of the user's: models, inputs for them, and what came of running one.

use std::sync::Arc;

use perforate_base::units::Macs;
use perforate_base::{Error, ErrorKind, Result};
use perforate_data::own;
use perforate_data::pictures::{Form, Pictures, Pixels};
use perforate_engine::{Knobs, Program};
use perforate_onnx::Component;
use perforate_routing::search::survey;

use crate::messages::UserFiles;
use crate::run::{Ran, run};

use super::files::Files;

/// Rows of a dropped file that are run while the page waits.
const MOST_RUN_AT_ONCE: usize = 2000;

/// A model of the user's.
#[derive(Debug)]
struct UserModel {
    name: String,
    program: Arc<Program>,
    details: Vec<(String, String)>,
}

/// A file that is supplied next.
#[derive(Debug)]
pub struct Expected {
    /// Its name.
    pub name: String,
    /// Knob values for a run.
    pub knobs: Knobs,
    /// Whether it was taken before, by another worker, and is only to be known.
    pub again: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub struct User {
    /// The newest last.
    models: Vec<UserModel>,
    /// Name of the inputs that were dropped for them.
    inputs: Option<String>,
    /// Pictures that are becoming inputs.
    pictures: Option<(String, Pictures)>,
    /// What the last run gave.
    pub ran: Option<Ran>,
    /// The file that is supplied next.
    pub expected: Option<Expected>,
}

impl User {
    /// Name of the inputs.
    pub fn inputs(&self) -> Option<&str> {
        self.inputs.as_deref()
    }

    /// What there is, for the page.
    pub fn files(&self) -> UserFiles {
        let newest = self.models.last();
        UserFiles {
            models: self.models.iter().map(|model| model.name.clone()).collect(),
            inputs: self.inputs.clone(),
            details: newest.map_or(vec![], |model| model.details.clone()),
            form: newest.and_then(|model| Form::of(&model.program).ok()),
        }
    }

    /// Leaves a model out.
    pub fn forget(&mut self, name: &str) {
        self.models.retain(|model| model.name != name);
    }

    /// Names of the models that are routed: the newest alone, or all from the cheapest to the most expensive.
    pub fn to_route(&self, all: bool) -> Result<Vec<String>> {
        let from = if all { 0 } else { self.models.len().saturating_sub(1) };
        let mut models: Vec<&UserModel> = self.models[from..].iter().collect();
        if models.is_empty() {
            let text = "there is no model yet: choose an .onnx file first";
            return Err(Error::new(ErrorKind::Config, text).at("your model"));
        }
        let macs = |model: &UserModel| -> Macs {
            model.program.segments().filter_map(|segment| segment.macs).sum()
        };
        models.sort_by(|a, b| macs(a).0.total_cmp(&macs(b).0));
        Ok(models.iter().map(|model| model.name.clone()).collect())
    }

    /// Takes a model; returns what it is, in a sentence.
    pub fn take_model(&mut self, name: &str, bytes: Vec<u8>, files: &mut Files) -> Result<String> {
        let program = Arc::new(Program::load(name, &bytes)?);
        let summary = describe(name, &program);
        let lines = survey(&Component::decode(name, &bytes)?, &program).lines();
        let details = lines.into_iter().map(|(term, text)| (term.to_string(), text)).collect();
        // Models that read the same may become a pool, and take the same data; others are replaced.
        let reads = |program: &Program| -> Vec<_> {
            program.inputs().iter().map(|i| (i.name.clone(), i.row_shape.clone())).collect()
        };
        let wanted = reads(&program);
        let known = self.models.len();
        self.models.retain(|model| reads(&model.program) == wanted);
        if self.models.is_empty() || self.models.len() < known {
            self.inputs = None;
        }
        self.models.retain(|model| model.name != name);
        self.models.push(UserModel { name: name.to_string(), program, details });
        self.ran = None;
        files.insert(name.to_string(), bytes);
        Ok(summary)
    }

    /// Takes inputs that were looked at before, and are once more when they are used.
    pub fn take_again(&mut self, name: &str, bytes: Vec<u8>, files: &mut Files) -> String {
        self.inputs = Some(name.to_string());
        files.insert(name.to_string(), bytes);
        format!("{name} is at hand.")
    }

    /// Takes inputs; with `knobs`, the model is run on them unless they are many.
    pub fn take_data(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
        knobs: Option<Knobs>,
        files: &mut Files,
    ) -> Result<String> {
        let UserModel { name: model, program, .. } = self.models.last().ok_or_else(|| {
            let text = "there is no model yet to run on it: choose an .onnx file first";
            Error::new(ErrorKind::Data, text).at(name)
        })?;
        // Labels that are no classes are of use to a model that answers with numbers.
        let samples = own::read(name, &bytes, program, false)
            .or_else(|error| own::read(name, &bytes, program, true).map_err(|_| error))?;
        let summary = match knobs.filter(|_| samples.len() <= MOST_RUN_AT_ONCE) {
            Some(knobs) => {
                let ran = run(program, name, samples.inputs(), &knobs)?;
                let summary = format!("{model} on {name}: {}", ran.summary());
                self.ran = Some(ran);
                summary
            }
            None => {
                let labels = if samples.labels().is_some() { "labels" } else { "no labels" };
                format!("{model} takes {name}: {} rows, {labels}.", samples.len())
            }
        };
        self.inputs = Some(name.to_string());
        files.insert(name.to_string(), bytes);
        Ok(summary)
    }

    /// Begins to take pictures.
    pub fn expect_pictures(&mut self, name: String, form: Form) -> Result<()> {
        self.pictures = Some((name, Pictures::new(form)?));
        Ok(())
    }

    /// Takes a picture: `path` says where it lies, `pixels` what it shows.
    pub fn take_picture(&mut self, path: &str, pixels: Pixels) -> Result<()> {
        let Some((_, pictures)) = &mut self.pictures else { return Ok(()) };
        let taken = pictures.add(path, pixels);
        if taken.is_err() {
            self.pictures = None;
        }
        taken
    }

    /// Makes the pictures inputs.
    pub fn take_pictures(&mut self, files: &mut Files) -> Result<String> {
        let (name, pictures) = self.pictures.take().ok_or_else(|| {
            let text = "none are at hand: choose them again";
            Error::new(ErrorKind::Data, text).at("pictures")
        })?;
        self.take_data(&name, pictures.into_npz()?, None, files)
    }
}

fn describe(name: &str, program: &Program) -> String {
    let macs: Macs = program.segments().filter_map(|s| s.macs).sum();
    format!(
        "{name}: {}, {} parameters, {macs} on all paths together, {} gates.",
        program.file_size(),
        program.parameters(),
        program.gates().len()
    )
}
