//! The examples do what they say.

// `measure` takes `compose` along, as a program of its own does.
#![allow(clippy::duplicate_mod)]

use perforate::data::npz;
use perforate::ndarray::{Axis, Slice};
use perforate::{Batch, Model};

#[path = "../src/examples/calibrate.rs"]
#[allow(dead_code)]
mod calibrate;
#[path = "../src/examples/compose.rs"]
#[allow(dead_code)]
mod compose;
#[path = "../src/examples/measure.rs"]
#[allow(dead_code)]
mod measure;
#[path = "../src/examples/pages.rs"]
#[allow(dead_code)]
mod pages;
#[path = "../src/examples/release.rs"]
#[allow(dead_code)]
mod release;
#[path = "../src/examples/run.rs"]
#[allow(dead_code)]
mod run;
#[path = "../src/examples/service.rs"]
#[allow(dead_code)]
mod service;

use compose::mnist;

#[test]
fn compose_makes_a_file_of_three_paths_each_dearer_than_the_one_before() {
    let file = compose::compose(&mnist::stages().unwrap(), 0.8).unwrap();
    let model = Model::from_bytes("routed", &file).unwrap();
    assert_eq!(model.knobs()[0].default, Some(0.8));
    let mut paths = compose::paths(&model);
    paths.sort();
    let labels: Vec<&str> = paths.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["exit1", "exit2", "full"]);
    let macs = model.program().paths().unwrap().into_iter().map(|path| {
        let program = model.program();
        (program.path_label(path), program.work(path).unwrap().macs.0)
    });
    let mut macs: Vec<_> = macs.collect();
    macs.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(macs.is_sorted_by(|a, b| a.1 < b.1), "{macs:?}");
}

#[test]
fn run_sends_more_rows_the_full_path_at_a_higher_threshold() {
    let folder = tempfile::tempdir().unwrap();
    let (model, inputs) = (folder.path().join("routed.onnx"), folder.path().join("images.npz"));
    let file = compose::compose(&mnist::stages().unwrap(), 0.9).unwrap();
    std::fs::write(&model, &file).unwrap();
    let images = mnist::images().unwrap().slice_axis(Axis(0), Slice::from(..20)).to_owned();
    let name = Model::open(&model).unwrap().inputs()[0].name.clone();
    std::fs::write(&inputs, npz::write(&[(&name, &images)]).unwrap()).unwrap();
    let at = |threshold| run::run(&model, &inputs, threshold).unwrap();
    let full = |threshold| at(threshold).rows().iter().filter(|row| row.path == "full").count();
    assert_eq!((full(Some(0.0)), full(Some(2.0))), (0, 20));
    let macs = |threshold| at(threshold).macs().0;
    assert_eq!(macs(None), macs(Some(0.9)), "without a threshold the file's default holds");
    assert!(macs(Some(0.0)) < macs(Some(0.9999)) && macs(Some(0.9999)) < macs(Some(2.0)));
    // The file is the one that runs in memory.
    let mut same = Model::from_bytes("routed", &file).unwrap();
    let answers = same.run(&Batch::new().with(&name, images), None).unwrap();
    assert_eq!(answers.output("logits").unwrap(), at(None).output("logits").unwrap());
}

#[test]
fn calibrate_says_which_threshold_holds_or_how_many_inputs_it_takes() {
    let sentence = calibrate::calibrate(200, 0.05).unwrap();
    println!("{sentence}");
    assert!(sentence.starts_with("threshold 0."), "{sentence}");
    assert!(sentence.contains("at most 5 %") && sentence.contains("n = 200"), "{sentence}");
    let (_, cost) = sentence.rsplit_once("at ").unwrap();
    let cost: f64 = cost.split(' ').next().unwrap().parse().unwrap();
    assert!(cost < 60.0, "{sentence}");
    let sentence = calibrate::calibrate(20, 0.05).unwrap();
    assert!(sentence.contains("not certifiable") && sentence.contains("45"), "{sentence}");
}

#[test]
fn measure_gives_an_interval_around_its_median() {
    let speed = measure::measure(4, 3).unwrap();
    assert!(speed.lo > 0.0 && speed.lo <= speed.median && speed.median <= speed.hi, "{speed:?}");
}

/// A request as a client sends it: status, and what the service says.
fn ask(address: std::net::SocketAddr, body: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = "POST /classify HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json";
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

#[test]
fn service_classifies_an_image_and_says_what_is_wrong_with_another() {
    let file = compose::compose(&mnist::stages().unwrap(), 0.9).unwrap();
    let mut model = Model::from_bytes("routed", &file).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let routes = service::routes(service::Models::open(model.program().clone()));
    runtime.spawn(async { axum::serve(listener, routes).await });
    for image in
        mnist::images().unwrap().slice_axis(Axis(0), Slice::from(..8)).axis_chunks_iter(Axis(0), 1)
    {
        let pixels: Vec<f32> = image.iter().copied().collect();
        let (status, body) = ask(address, &serde_json::to_string(&pixels).unwrap());
        let told: serde_json::Value = serde_json::from_str(&body).unwrap();
        let name = model.inputs()[0].name.clone();
        let run = model.run(&Batch::new().with(name, image.to_owned()), None).unwrap();
        assert_eq!((status, told["path"].as_str()), (200, Some(run.rows()[0].path.as_str())));
        assert_eq!(told["macs"].as_f64(), Some(run.rows()[0].macs.0));
        let logits: Vec<f32> = run.output("logits").unwrap().into_iter().collect();
        assert_eq!(
            told["class"].as_u64().map(|class| logits[class as usize]),
            logits.iter().copied().reduce(f32::max)
        );
    }
    let (status, text) = ask(address, "[1, 2]");
    assert_eq!((status, text.as_str()), (400, "an image has 784 pixels, not 2"));
    runtime.shutdown_background();
}

#[test]
fn pages_are_written_one_after_the_other() {
    let mut file = vec![];
    pages::write(7, 4, &mut file).unwrap();
    let size = 3 + 224 * 224;
    assert_eq!(file.len(), 4 * size);
    // Rotation, kind and wear of the first and the last.
    assert_eq!((&file[..3], &file[3 * size..][..3]), (&[2, 2, 0][..], &[0, 3, 1][..]));
}

/// As `sha256sum` writes them, sorted by path, without their own file.
#[test]
fn a_release_lists_the_digests_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("page")).unwrap();
    write("page/index.html", "abc");
    write("empty", "");
    write(release::SUMS, "an old list");
    assert_eq!(
        release::checksums(folder.path()).unwrap(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty\n\
         ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  page/index.html\n"
    );
}
