//! The service as its clients meet it: the program itself, over its port.

mod load;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use perforate::data::images;
use perforate::engine::Batch;
use perforate::onnx::{Component, encode};
use perforate::routing::exits::{Confidence, Stages};
use perforate::strategies::early_exit;
use perforate::{Model, ndarray::ArrayD};
use serde_json::{Value, json};

use crate::common;

/// Longest time that the tests wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// Images that clients ask for.
const IMAGES: usize = 24;

/// A service that runs, and ends with this.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(model: &[u8], arguments: &[&str]) -> Service {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        std::fs::write(&file, model).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_perforate"))
            .arg("serve")
            .arg(&file)
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("http://").expect("an address").1.to_string();
        Service { child, address }
    }

    /// One request on a connection of its own: status, head, body.
    fn ask(&self, head: &str, body: &[u8]) -> std::io::Result<(u16, String, Vec<u8>)> {
        let mut stream = TcpStream::connect(&self.address)?;
        send(&mut stream, head, body, true)?;
        receive(&mut BufReader::new(stream))
    }

    fn json(&self, body: &Value) -> (u16, Value) {
        let (status, _, body) = self.ask(POST_JSON, body.to_string().as_bytes()).unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn ends_well(&mut self) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return assert!(status.success(), "{status}");
            }
            assert!(began.elapsed() < PATIENCE, "the service does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kilobytes in memory now and at most; none where the system does not tell.
    fn memory(&self) -> Option<[u64; 2]> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let of = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Some([of("VmRSS:")?, of("VmHWM:")?])
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const POST_JSON: &str = "POST /v1/run HTTP/1.1\r\ncontent-type: application/json";

fn send(stream: &mut TcpStream, head: &str, body: &[u8], last: bool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let connection = if last { "connection: close\r\n" } else { "" };
    let length = body.len();
    let head = format!("{head}\r\nhost: test\r\n{connection}content-length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())
}

/// A response; an error of kind `UnexpectedEof` where the connection ended before its first byte.
fn receive(reader: &mut impl BufRead) -> std::io::Result<(u16, String, Vec<u8>)> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if reader.read_line(&mut head)? == 0 {
            assert!(head.is_empty(), "half an answer: {head}");
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if head[before..].trim_end().is_empty() {
            break;
        }
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let lower = head.to_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    reader.read_exact(&mut body).expect("the whole body");
    Ok((status, head, body))
}

fn early_exit_mnist() -> Vec<u8> {
    let part = |ix: usize| {
        let file = format!("models/mnist/stage{ix}.onnx");
        Component::decode(file.clone(), &common::read(&file)).unwrap()
    };
    let stages = Stages::new((1..=3).map(part).collect()).unwrap();
    encode(&early_exit::compose(&stages, &Confidence::default(), 0.99, BTreeMap::new()).unwrap())
}

/// Requests for single images, and what the file answers to each by itself.
fn asked(model: &[u8]) -> (Vec<Value>, Vec<(String, Vec<f32>)>) {
    let file = "models/data/mnist/t10k-images-idx3-ubyte.gz";
    let all = images::read_images(file, &common::read(file)).unwrap();
    let mut model = Model::from_bytes("model.onnx", model).unwrap();
    (0..IMAGES)
        .map(|ix| {
            let one: ArrayD<f32> = all.slice_axis(ndarray::Axis(0), (ix..ix + 1).into()).to_owned();
            let run = model.run(&Batch::new().with("x", one.clone()), None).unwrap();
            let data: Vec<f32> = one.into_iter().collect();
            let request = json!({ "inputs": { "x": { "shape": [1, 1, 28, 28], "data": data } } });
            let logits = run.output("logits").unwrap().into_iter().collect();
            (request, (run.rows()[0].path.clone(), logits))
        })
        .unzip()
}

#[track_caller]
fn is_answer(body: &[u8], (path, logits): &(String, Vec<f32>)) {
    let told: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(told["rows"][0]["path"], json!(path), "{told}");
    let data = told["outputs"]["logits"]["data"].as_array().unwrap();
    assert_eq!(data.len(), logits.len());
    for (own, wanted) in data.iter().zip(logits) {
        let own = own.as_f64().unwrap() as f32;
        assert!((own - wanted).abs() <= 1e-4 + 1e-4 * wanted.abs(), "{own}, not {wanted}");
    }
}

const POST_SAFETENSORS: &str = "POST /v1/run HTTP/1.1\r\ncontent-type: application/vnd.safetensors";

/// A request as safetensors, with a knob.
fn as_safetensors(request: &Value, threshold: f32) -> Vec<u8> {
    let pixels = request["inputs"]["x"]["data"].as_array().unwrap().iter();
    let pixels: Vec<u8> =
        pixels.flat_map(|value| (value.as_f64().unwrap() as f32).to_le_bytes()).collect();
    let header = json!({
        "x": { "dtype": "F32", "shape": [1, 1, 28, 28], "data_offsets": [0, pixels.len()] },
        "__metadata__": { "knob.threshold": threshold.to_string() },
    })
    .to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &pixels].concat()
}

#[test]
fn it_answers_in_both_forms_and_counts() {
    let model = early_exit_mnist();
    let service = Service::start(&model, &[]);
    let (requests, answers) = asked(&model);
    let (status, head, body) = service.ask(POST_JSON, requests[0].to_string().as_bytes()).unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    assert!(head.contains("application/json"), "{head}");
    is_answer(&body, &answers[0]);

    let file = as_safetensors(&requests[0], 2.0);
    let as_json = format!("{POST_SAFETENSORS}\r\naccept: application/json");
    let (status, _, body) = service.ask(&as_json, &file).unwrap();
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &told["rows"][0]["path"]), (200, &json!("full")), "{told}");
    let (status, head, body) = service.ask(POST_SAFETENSORS, &file).unwrap();
    assert!(status == 200 && head.contains("application/vnd.safetensors"), "{head}");
    let last = told["outputs"]["logits"]["data"][9].as_f64().unwrap() as f32;
    assert_eq!(&body[body.len() - 4..], last.to_le_bytes());

    let get = |path: &str| {
        let (status, _, body) = service.ask(&format!("GET {path} HTTP/1.1"), b"").unwrap();
        assert_eq!(status, 200, "{path}");
        String::from_utf8(body).unwrap()
    };
    let told: Value = serde_json::from_str(&get("/v1/model")).unwrap();
    assert_eq!(told["inputs"], json!([{ "name": "x", "type": "float32", "shape": [1, 28, 28] }]));
    assert_eq!(told["knobs"][0]["name"], "threshold");
    assert_eq!(get("/health"), "ok\n");
    let metrics = get("/metrics");
    for line in [
        "perforate_requests_total{status=\"200\"} 3",
        "perforate_path_rows_total{path=\"full\"} 2",
        "perforate_rows_total 3",
    ] {
        assert!(metrics.lines().any(|own| own == line), "{line}: {metrics}");
    }
}

#[test]
fn what_is_wrong_has_a_status_and_a_sentence() {
    let model = early_exit_mnist();
    let service = Service::start(&model, &["--body", "100kB", "--request-rows", "3"]);
    let (requests, _) = asked(&model);
    let x = &requests[0]["inputs"];
    for (body, wanted, words) in [
        (json!({ "inputs": {} }), 400, "input `x`"),
        (json!({ "inputs": { "x": { "shape": [1, 2], "data": [1, 2] } } }), 400, "[N, 1, 28, 28]"),
        (json!({ "inputs": { "x": { "shape": [2], "data": [1] } } }), 400, "inputs.x.data"),
        (json!({ "inputs": { "x": { "shape": [1], "data": ["a"] } } }), 400, "inputs.x.data[0]"),
        (json!({ "inputs": { "z": { "shape": [1], "data": [1] } } }), 400, "input `z`"),
        (json!({ "inputs": x, "knobs": { "speed": 1 } }), 400, "knob `speed`"),
        (json!({ "inputs": { "x": { "shape": [4], "data": [1, 2, 3, 4] } } }), 413, "4 rows"),
    ] {
        let (status, told) = service.json(&body);
        let text = told["error"].as_str().unwrap();
        assert!(status == wanted && text.contains(words) && text.ends_with('.'), "{status} {text}");
    }
    let status = |head: &str, body: &[u8]| service.ask(head, body).unwrap().0;
    assert_eq!(status(POST_JSON, b"{"), 400);
    assert_eq!(status(POST_SAFETENSORS, b"{"), 400);
    assert_eq!(status("POST /v1/run HTTP/1.1\r\ncontent-type: text/plain", b"1"), 415);
    assert_eq!(status(&format!("{POST_JSON}\r\naccept: text/html"), b"{}"), 406);
    assert_eq!(status("GET /v2 HTTP/1.1", b""), 404);
    assert_eq!(status("GET /v1/run HTTP/1.1", b""), 405);
    assert_eq!(status(POST_JSON, &vec![b' '; 100_001]), 413);
}

#[test]
fn pages_of_the_allowed_origin_may_ask_and_no_others() {
    let service = Service::start(&early_exit_mnist(), &["--allow-origin", "https://a.test"]);
    let from = |origin: &str| {
        service.ask(&format!("GET /health HTTP/1.1\r\norigin: {origin}"), b"").unwrap().1
    };
    assert!(from("https://a.test").contains("access-control-allow-origin: https://a.test"));
    assert!(!from("https://b.test").contains("access-control"));
    let before = "OPTIONS /v1/run HTTP/1.1\r\norigin: https://a.test";
    let before = format!("{before}\r\naccess-control-request-method: POST");
    let (status, head, _) = service.ask(&before, b"").unwrap();
    let names = "access-control-allow-headers: content-type, accept";
    assert!(status == 204 && head.contains(names), "{head}");
}

/// The queue holds one request, which waits for others to share its batch; the other one is told to come again.
#[test]
fn a_full_queue_is_told() {
    let model = early_exit_mnist();
    let service = Service::start(&model, &["--queue", "1", "--batch-wait", "2s"]);
    let (requests, answers) = asked(&model);
    let request = requests[0].to_string();
    let ask = || service.ask(POST_JSON, request.as_bytes()).unwrap();
    let mut told = std::thread::scope(|scope| {
        let both = [scope.spawn(ask), scope.spawn(ask)];
        both.map(|one| one.join().unwrap())
    });
    told.sort_by_key(|(status, ..)| *status);
    let [(200, _, answer), (503, head, text)] = &told else { panic!("{told:?}") };
    is_answer(answer, &answers[0]);
    assert!(head.to_lowercase().contains("retry-after: 1"), "{head}");
    assert!(String::from_utf8_lossy(text).contains("too many requests wait"), "{text:?}");
}

#[test]
fn a_port_that_is_taken_is_one_clear_sentence() {
    let model = early_exit_mnist();
    let service = Service::start(&model, &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.onnx");
    std::fs::write(&file, &model).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_perforate"))
        .arg("serve")
        .arg(&file)
        .args(["--listen", &service.address])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.starts_with(&service.address) && text.contains("port"), "{text}");
}
