//! The page on canned results: its measuring worker is replaced by one that tells what a measurement told, so that tests of
//! what is shown wait for none. The results are made once, natively, by the code that measures in the page, with a clock
//! that reads the same in every run.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use perforate_lab::view::View;
use perforate_lab::worker::{Event, Lab};

use crate::common;
use crate::reading::QUICK;
use crate::support::{Page, Setting, with};

/// Answers a request to measure with all that was told of that scenario; one that follows, which asks for another judgement
/// of the same, with the results alone.
const WORKER: &str = "
let shown;
self.onmessage = async ({ data }) => {
  if (data.start) return self.postMessage({ ready: true });
  if (data.command?.type !== 'open') return;
  const { scenario, seed } = data.command.experiment;
  const again = scenario === shown;
  shown = scenario;
  // Another seed stands for other results of the same.
  const other = seed === 42 ? '' : `-${seed}`;
  const response = await fetch(new URL(`canned-${scenario.replace('/', '-')}${other}.json`, self.location));
  const told = await response.json();
  const events = told.filter(({ type }) => !again || type === 'results');
  self.postMessage({ events, memory: 1e6 });
};
";

/// Opens the page on canned results of `scenarios`, the first of which is shown; `query` is added to the address.
pub fn with_canned_page(name: &str, scenarios: &[&str], query: &str, test: impl FnOnce(&Page)) {
    with_variants(name, scenarios, query, &[], test);
}

/// The same with other results of the first scenario, each under a seed of its own.
pub fn with_variants(
    name: &str,
    scenarios: &[&str],
    query: &str,
    variants: &[(u64, String)],
    test: impl FnOnce(&Page),
) {
    let folder = tempfile::tempdir().expect("a folder for the results");
    fs::write(folder.path().join("worker.js"), WORKER).expect("the worker's script");
    for (seed, events) in variants {
        let file = format!("canned-{}-{seed}.json", scenarios[0].replace('/', "-"));
        fs::write(folder.path().join(file), events).expect("the results");
    }
    for scenario in scenarios {
        let file = format!("canned-{}.json", scenario.replace('/', "-"));
        fs::write(folder.path().join(file), events(scenario).as_bytes()).expect("the results");
    }
    let query = format!("{QUICK}&scenario={}{query}", scenarios[0]);
    let setting = Setting { name, query: &query, folders: &[folder.path()], ..Setting::default() };
    with(setting, |page, _| test(page));
}

/// What the worker tells of a scenario, as a list in JSON; made once.
pub fn events(scenario: &str) -> Arc<String> {
    static MADE: Mutex<BTreeMap<String, Arc<String>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || Arc::new(serde_json::to_string(&measure(scenario)).expect("events in JSON"));
    made.entry(scenario.to_string()).or_insert_with(make).clone()
}

/// Measures as the page does, and keeps what it shows in the end.
fn measure(scenario: &str) -> Vec<Event> {
    let query = format!("{QUICK}&scenario={scenario}");
    let pairs = query.trim_start_matches('?').split('&');
    let address: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    let mut lab = Lab::new(common::Jitter::default());
    let mut told = lab.command(View::at(&address).request());
    let files: Vec<_> = told
        .iter()
        .flat_map(|event| if let Event::Need { files } = event { files.clone() } else { vec![] })
        .collect();
    for file in files {
        told.extend(lab.supply(&file.name, common::read(&file.url)));
    }
    while lab.is_busy() {
        told.extend(lab.step());
    }
    let last = told.iter().rposition(|event| matches!(event, Event::Results { .. }));
    let last = last.expect("results");
    let look = told.iter().rposition(|event| matches!(event, Event::Inspector { .. }));
    let is_kept = |(ix, event): &(usize, Event)| match event {
        Event::Error { message, .. } => panic!("{scenario}: {message}"),
        Event::Results { .. } => *ix == last,
        Event::Inspector { .. } => Some(*ix) == look,
        Event::Need { .. } | Event::Progress { .. } => false,
        _ => true,
    };
    told.into_iter().enumerate().filter(is_kept).map(|(_, event)| event).collect()
}

/// The same series in every run, and all that the page needs.
#[test]
fn canned_results_are_complete_and_the_same_again() {
    complete_and_the_same_again("dendritic/mlp");
}

#[test]
fn canned_results_of_images_are_complete_and_the_same_again() {
    complete_and_the_same_again("early-exit/mnist");
}

fn complete_and_the_same_again(scenario: &str) {
    let [first, second] = [(); 2].map(|()| serde_json::to_value(measure(scenario)).unwrap());
    assert_eq!(first, second);
    let read: Vec<Event> = serde_json::from_value(first.clone()).expect("events that can be read");
    assert_eq!(serde_json::to_value(read).unwrap(), first);
    let kinds: Vec<&str> =
        first.as_array().unwrap().iter().filter_map(|event| event["type"].as_str()).collect();
    for kind in ["opened", "inspector", "usage", "results", "done"] {
        assert_eq!(kinds.iter().filter(|k| **k == kind).count(), 1, "{kind}: {kinds:?}");
    }
    let report = first.as_array().unwrap().iter().find(|event| event["type"] == "results").unwrap();
    let curve = report["report"]["scenarios"][0]["curve"].as_array().unwrap();
    assert!(curve.len() >= 10, "{} points", curve.len());
    assert!(curve.iter().all(|point| point["batch1"]["speedup"]["median"].is_number()));
}
