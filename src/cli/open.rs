//! Opens an experiment: reads its files, checks them, makes what is measured.

use std::collections::BTreeMap;
use std::path::Path;

use perforate_lab::experiment::Experiment;
use perforate_lab::{Opened, find};

use crate::{Error, ErrorKind, Result};

use super::io::read_inputs;

/// The experiment with its files noted, their contents, and what is measured.
pub fn open(experiment: Experiment) -> Result<(Experiment, BTreeMap<String, Vec<u8>>, Opened)> {
    let files = read_files(&experiment)?;
    let experiment = experiment.with_files(&files)?;
    let opened = find(&experiment.scenario)?.open(&files, &experiment)?;
    Ok((experiment, files, opened))
}

fn read_files(experiment: &Experiment) -> Result<BTreeMap<String, Vec<u8>>> {
    let form = || {
        experiment.pictures.clone().ok_or_else(|| {
            let text = "it is missing: say how pictures become inputs";
            Error::new(ErrorKind::Config, text).node("pictures")
        })
    };
    let files = experiment.needed()?.into_iter();
    files.map(|file| read_inputs(Path::new(&file), form).map(|content| (file, content))).collect()
}
