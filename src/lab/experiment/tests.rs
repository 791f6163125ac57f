use super::*;

fn read(text: &str) -> Result<Vec<Experiment>> {
    Experiment::read("e.json", text)
}

#[test]
fn what_a_file_leaves_out_is_as_usual() {
    let own = &read(r#"{"scenario": "dendritic/mlp", "rounds": 3, "targets": {"speedup": 2}}"#)
        .unwrap()[0];
    let usual = Experiment::usual(find("dendritic/mlp").unwrap(), false);
    let targets = Targets { speedup: Some(2.0), ..Targets::default() };
    assert_eq!(*own, Experiment { rounds: 3, targets, ..usual });
}

#[test]
fn a_guarantee_is_judged_and_not_measured() {
    let usual = Experiment::usual(find("dendritic/mlp").unwrap(), false);
    let other = Experiment { epsilon: 0.3, cost: CostBasis::Time, ..usual.clone() };
    assert!(other.measures_as(&usual) && usual.measures_as(&other));
    assert!(!Experiment { batch: 7, ..usual.clone() }.measures_as(&usual));
}

#[test]
fn a_report_repeats_its_experiments() {
    let usual = Experiment::usual(find("dendritic/mlp").unwrap(), true);
    let report = serde_json::json!({"scenarios": [{"experiment": usual}]});
    assert_eq!(read(&report.to_string()).unwrap(), [usual]);
}

#[test]
fn what_is_wrong_is_named() {
    for (text, word) in [
        ("", "no experiment in JSON"),
        ("[]", "holds no experiment"),
        ("3", "JSON object"),
        ("{}", "`scenario`"),
        (r#"{"scenarios": [1]}"#, "`scenarios[0]`"),
        (r#"{"scenarios": [{"experiment": 3}]}"#, "JSON object"),
        (r#"{"scenario": "x"}"#, "scenario `x`"),
        (r#"{"scenario": "dendritic/mlp", "round": 3}"#, "round"),
        (r#"{"scenario": "dendritic/mlp", "rounds": 0}"#, "`rounds`"),
        (r#"{"scenario": "dendritic/mlp", "settings": 2}"#, "`settings`"),
        (r#"{"scenario": "dendritic/mlp", "epsilon": 2}"#, "epsilon"),
        (r#"{"scenario": "dendritic/mlp", "energy": {"watts": 2}}"#, "watts"),
    ] {
        let message = read(text).unwrap_err().to_string();
        assert!(message.starts_with("e.json") && message.contains(word), "{text}: {message}");
    }
}

#[test]
fn a_file_that_changed_is_refused() {
    let scenario = find("early-exit/mnist").unwrap();
    let first = scenario.files().next().unwrap();
    let content = |byte| BTreeMap::from([(first.to_string(), vec![byte])]);
    let noted = Experiment::usual(scenario, true).with_files(&content(1)).unwrap();
    assert_eq!(noted.files[first].len(), 64);
    assert_eq!(noted.clone().with_files(&content(1)).unwrap(), noted);
    let message = noted.with_files(&content(2)).unwrap_err().to_string();
    assert!(message.starts_with(first), "{message}");
}

#[test]
fn digests_are_sha_256() {
    // FIPS 180-4's example: "abc".
    assert!(sha256(b"abc").starts_with("ba7816bf8f01cfea"));
}
