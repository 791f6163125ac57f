//! The service as its clients meet it: the program itself, over its port.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
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
/// Requests a second of the long test, and its clients.
const RATE: u64 = 200;
const CLIENTS: u64 = 8;
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

#[test]
fn it_says_what_it_takes_and_what_is_wrong() {
    let model = early_exit_mnist();
    let service = Service::start(
        &model,
        &["--body", "100kB", "--request-rows", "3", "--allow-origin", "https://a.test"],
    );
    let (requests, answers) = asked(&model);
    let (status, head, body) = service.ask(POST_JSON, requests[0].to_string().as_bytes()).unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    assert!(head.contains("application/json"), "{head}");
    is_answer(&body, &answers[0]);

    // The same as safetensors, answered as JSON, with a knob.
    let pixels: Vec<u8> = requests[0]["inputs"]["x"]["data"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|value| (value.as_f64().unwrap() as f32).to_le_bytes())
        .collect();
    let header = json!({
        "x": { "dtype": "F32", "shape": [1, 1, 28, 28], "data_offsets": [0, pixels.len()] },
        "__metadata__": { "knob.threshold": "2" },
    })
    .to_string();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &pixels].concat();
    let head = "POST /v1/run HTTP/1.1\r\ncontent-type: application/vnd.safetensors";
    let (status, _, body) =
        service.ask(&format!("{head}\r\naccept: application/json"), &file).unwrap();
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &told["rows"][0]["path"]), (200, &json!("full")), "{told}");
    let (status, head, body) = service.ask(head, &file).unwrap();
    assert!(status == 200 && head.contains("application/vnd.safetensors"), "{head}");
    assert_eq!(
        &body[body.len() - 4..],
        (told["outputs"]["logits"]["data"][9].as_f64().unwrap() as f32).to_le_bytes()
    );

    let get = |path: &str| {
        let (status, head, body) = service.ask(&format!("GET {path} HTTP/1.1"), b"").unwrap();
        (status, head, String::from_utf8(body).unwrap())
    };
    let told: Value = serde_json::from_str(&get("/v1/model").2).unwrap();
    assert_eq!(told["inputs"], json!([{ "name": "x", "type": "float32", "shape": [1, 28, 28] }]));
    assert_eq!(told["knobs"][0]["name"], "threshold");
    assert_eq!(get("/health").2, "ok\n");
    let metrics = get("/metrics").2;
    for line in [
        "perforate_requests_total{status=\"200\"} 3",
        "perforate_path_rows_total{path=\"full\"} 2",
        "perforate_rows_total 3",
    ] {
        assert!(metrics.lines().any(|own| own == line), "{line}: {metrics}");
    }

    for (body, words) in [
        (json!({ "inputs": {} }), "input `x`"),
        (json!({ "inputs": { "x": { "shape": [1, 2], "data": [1, 2] } } }), "[N, 1, 28, 28]"),
        (json!({ "inputs": { "x": { "shape": [2], "data": [1] } } }), "inputs.x.data"),
        (json!({ "inputs": { "x": { "shape": [1], "data": ["a"] } } }), "inputs.x.data[0]"),
        (json!({ "inputs": { "z": { "shape": [1], "data": [1] } } }), "input `z`"),
        (json!({ "inputs": requests[0]["inputs"], "knobs": { "speed": 1 } }), "knob `speed`"),
    ] {
        let (status, told) = service.json(&body);
        let text = told["error"].as_str().unwrap();
        assert!(status == 400 && text.contains(words) && text.ends_with('.'), "{status} {text}");
    }
    let status = |head: &str, body: &[u8]| service.ask(head, body).unwrap().0;
    assert_eq!(status(POST_JSON, b"{"), 400);
    assert_eq!(status("POST /v1/run HTTP/1.1\r\ncontent-type: text/plain", b"1"), 415);
    assert_eq!(status(&format!("{POST_JSON}\r\naccept: text/html"), b"{}"), 406);
    assert_eq!(status("GET /v2 HTTP/1.1", b""), 404);
    assert_eq!(status("GET /v1/run HTTP/1.1", b""), 405);
    assert_eq!(status(POST_JSON, &vec![b' '; 100_001]), 413);
    let (code, told) =
        service.json(&json!({ "inputs": { "x": { "shape": [4, 1], "data": [1, 2, 3, 4] } } }));
    assert!(code == 413 && told["error"].as_str().unwrap().contains("4 rows"), "{told}");

    // Pages of one origin may ask.
    let from = |origin: &str| {
        service.ask(&format!("GET /health HTTP/1.1\r\norigin: {origin}"), b"").unwrap().1
    };
    assert!(from("https://a.test").contains("access-control-allow-origin: https://a.test"));
    assert!(!from("https://b.test").contains("access-control"));
    let before =
        "OPTIONS /v1/run HTTP/1.1\r\norigin: https://a.test\r\naccess-control-request-method: POST";
    let (status, head, _) = service.ask(before, b"").unwrap();
    assert!(
        status == 204 && head.contains("access-control-allow-headers: content-type, accept"),
        "{head}"
    );
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

/// What became of one request.
struct Fate {
    began: Instant,
    ended: Instant,
    status: Option<u16>,
}

/// Asks at the given rate until it is over, every other client on one connection for all requests.
fn client(
    number: u64,
    service: &Service,
    requests: &[Value],
    answers: &[(String, Vec<f32>)],
    until: Instant,
) -> Vec<Fate> {
    let keeps = number % 2 == 0;
    let began = Instant::now();
    let mut fates = vec![];
    let mut kept: Option<BufReader<TcpStream>> = None;
    for turn in 0.. {
        let at = began + Duration::from_secs_f64((turn * CLIENTS + number) as f64 / RATE as f64);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        if Instant::now() >= until {
            break;
        }
        let ix = (turn * CLIENTS + number) as usize % requests.len();
        let began = Instant::now();
        let mut ask = || {
            let mut reader = match kept.take() {
                Some(reader) => reader,
                None => BufReader::new(TcpStream::connect(&service.address)?),
            };
            send(reader.get_mut(), POST_JSON, requests[ix].to_string().as_bytes(), !keeps)?;
            let answer = receive(&mut reader)?;
            if keeps && !answer.1.to_lowercase().contains("connection: close") {
                kept = Some(reader);
            }
            Ok::<_, std::io::Error>(answer)
        };
        let answer = ask();
        if let Ok((200, _, body)) = &answer {
            is_answer(body, &answers[ix]);
        }
        let status = answer.as_ref().ok().map(|(status, ..)| *status);
        fates.push(Fate { began, ended: Instant::now(), status });
        if answer.is_err() {
            // The service is gone, or going.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    fates
}

/// Clients at 200 requests a second; beside them slow ones and malformed requests; a stop in the middle.
#[test]
fn nothing_is_lost_beside_slow_clients_malformed_requests_and_a_stop() {
    let seconds = std::env::var("PERFORATE_SERVE_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds: f64 = seconds.unwrap_or(3.0);
    let model = early_exit_mnist();
    let mut service = Service::start(&model, &["--client-time", "1s", "--request-time", "30s"]);
    let (requests, answers) = asked(&model);
    let began = Instant::now();
    let stop_at = began + Duration::from_secs_f64(seconds);
    let until = stop_at + Duration::from_secs(1);
    let (over, stopped) = (AtomicBool::new(false), Mutex::new(None));
    let fates = Mutex::new(vec![]);
    let (mut slow, mut malformed, mut memory) = (0, 0, vec![]);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (service, requests, answers, fates) = (&service, &requests, &answers, &fates);
            scope.spawn(move || {
                let own = client(number, service, requests, answers, until);
                fates.lock().unwrap().extend(own);
            });
        }
        let (service, over) = (&service, &over);
        let slow_ones = scope.spawn(move || {
            let mut closed = 0;
            while !over.load(Ordering::Relaxed) {
                closed += slow_clients(service);
            }
            closed
        });
        let malformed_ones = scope.spawn(move || {
            let mut told = 0;
            while !over.load(Ordering::Relaxed) {
                for (head, body, wanted) in [
                    (POST_JSON, &b"{\"inputs\": 1}"[..], 400),
                    (POST_JSON, b"\xff\xff", 400),
                    (
                        "POST /v1/run HTTP/1.1\r\ncontent-type: application/vnd.safetensors",
                        &[255; 64],
                        400,
                    ),
                    ("POST /v1/run HTTP/1.1\r\ncontent-type: image/png", b"", 415),
                ] {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    if let Ok((status, ..)) = service.ask(head, body) {
                        assert_eq!(status, wanted);
                        told += 1;
                    }
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            told
        });
        while Instant::now() < stop_at {
            memory.extend(service.memory());
            std::thread::sleep(Duration::from_millis(200));
        }
        over.store(true, Ordering::Relaxed);
        *stopped.lock().unwrap() = Some(Instant::now());
        service.signal("-TERM");
        slow = slow_ones.join().unwrap();
        malformed = malformed_ones.join().unwrap();
    });
    service.ends_well();
    let (fates, stopped) = (fates.into_inner().unwrap(), stopped.into_inner().unwrap().unwrap());
    let answered = fates.iter().filter(|fate| fate.status == Some(200)).count();
    let after =
        fates.iter().filter(|fate| fate.status == Some(200) && fate.ended > stopped).count();
    let refused: Vec<&Fate> = fates.iter().filter(|fate| fate.status.is_none()).collect();
    let mut waits: Vec<f64> = fates
        .iter()
        .filter(|fate| fate.status == Some(200))
        .map(|fate| 1e3 * (fate.ended - fate.began).as_secs_f64())
        .collect();
    waits.sort_by(f64::total_cmp);
    println!(
        "{answered} answered in {seconds} s, {after} of them after the stop; {} refused after it; {slow} slow clients closed; {malformed} malformed requests told; \
         latency ms: median {:.2}, 99 % {:.2}, most {:.1}; memory kB now/most: {:?} … {:?}",
        refused.len(),
        waits[waits.len() / 2],
        waits[waits.len() * 99 / 100],
        waits[waits.len() - 1],
        memory.first(),
        memory.last(),
    );
    // Every request got 200, but for those that came when the service was stopping.
    for fate in &fates {
        match fate.status {
            Some(status) => assert_eq!(status, 200),
            None => assert!(
                fate.ended > stopped,
                "a request was lost {:?} before the stop",
                stopped - fate.began
            ),
        }
    }
    assert!(
        answered as f64 > 0.5 * seconds * RATE as f64 && malformed > 0 && slow > 0,
        "{answered} {malformed} {slow}"
    );
    assert!(!refused.is_empty(), "it does not stop listening");
    // A run of any length stays within what it took at its beginning, but for some.
    if let (Some([_, first]), Some([now, most])) = (memory.get(2), memory.last()) {
        assert!(*most < first + 100_000, "{first} kB at first, {now} kB now, {most} kB at most");
    }
}

/// A head that never ends and a body that trickles: both are closed; returns how many were.
fn slow_clients(service: &Service) -> usize {
    let connect = || TcpStream::connect(&service.address).ok();
    let (Some(mut head), Some(mut body)) = (connect(), connect()) else { return 0 };
    let begun = head.write_all(b"POST /v1/run HTTP/1.1\r\nhost: t").is_ok()
        && body
            .write_all(format!("{POST_JSON}\r\nhost: t\r\ncontent-length: 1000\r\n\r\n").as_bytes())
            .is_ok();
    let mut trickle = body.try_clone().unwrap();
    let ended = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut told = vec![];
        // A reset is an end too.
        let _ = stream.read_to_end(&mut told);
        told
    };
    let trickling = std::thread::spawn(move || {
        for _ in 0..30 {
            std::thread::sleep(Duration::from_millis(50));
            if trickle.write_all(b" ").is_err() {
                break;
            }
        }
    });
    let (began, first) = (Instant::now(), ended(&mut head));
    assert!(began.elapsed() < PATIENCE, "a head that never ends is not closed: {first:?}");
    let told = ended(&mut body);
    let told = String::from_utf8_lossy(&told);
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 408"), "{told}");
    trickling.join().unwrap();
    if begun { 2 } else { 0 }
}
