//! The recorded answers that the page is given: they belong to the models and the data that are here, and come out here too.

use std::collections::HashSet;

use perforate::bench::recorded::RecordedAnswers;
use perforate::bench::sweep::check_answers;
use perforate_lab::experiment::Experiment;
use perforate_lab::{SCENARIOS, find};

use crate::common::{Jitter, read};

fn opened(name: &str) -> (Experiment, std::collections::BTreeMap<String, Vec<u8>>) {
    let experiment = Experiment::in_page(find(name).unwrap(), false);
    let files = experiment.needed().unwrap();
    let files = files.into_iter().map(|file| (file.clone(), read(&file))).collect();
    (experiment.with_files(&files).unwrap(), files)
}

#[test]
fn every_file_of_answers_belongs_to_the_models_and_data_that_are_here() {
    let mut known = HashSet::new();
    for scenario in SCENARIOS.iter() {
        let Some(file) = scenario.answers else { continue };
        assert!(known.insert(file), "{file} is of two scenarios");
        let (experiment, files) = opened(scenario.name);
        let recorded = RecordedAnswers::decode(file, &files[file]).unwrap();
        assert_eq!(
            recorded.binding,
            experiment.answers_binding().unwrap(),
            "{file} is of other models or data: `perforate answers --scenario {}` records it anew",
            scenario.name
        );
    }
}

/// One with several gates, one with one, one where a knob alone leads to paths, and one whose rows differ in length.
#[test]
fn recorded_answers_come_out_here() {
    for name in ["early-exit/mnist", "refine/fashion", "selection-energy/fashion", "dsn/sentences"]
    {
        let (experiment, files) = opened(name);
        let opened = find(name).unwrap().open(&files, &experiment).unwrap();
        assert!(opened.subject.recorded.is_some(), "{name}");
        let options = experiment.options().unwrap();
        let check = check_answers(opened.subject, options, &Jitter::default()).unwrap();
        assert!(check.checked == 200 && check.holds(), "{name}: {check:?}");
    }
}
