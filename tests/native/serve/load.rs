//! Many clients at once, beside slow and malformed ones, and a stop in the middle.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    PATIENCE, POST_JSON, POST_SAFETENSORS, Service, asked, early_exit_mnist, is_answer, receive,
    send,
};

/// Requests a second, and clients that ask them.
const RATE: u64 = 200;
const CLIENTS: u64 = 8;

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
    let keeps = number.is_multiple_of(2);
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

/// What was seen while clients asked.
struct Seen {
    fates: Vec<Fate>,
    stopped: Instant,
    /// Slow clients that were closed, and malformed requests that were told.
    slow: usize,
    malformed: usize,
    /// Kilobytes in memory, now and at most, now and then.
    memory: Vec<[u64; 2]>,
}

/// Clients at 200 requests a second; beside them slow ones and malformed requests; a stop in the middle.
#[test]
fn nothing_is_lost_beside_slow_clients_malformed_requests_and_a_stop() {
    let seconds = std::env::var("PERFORATE_SERVE_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds: f64 = seconds.unwrap_or(3.0);
    let model = early_exit_mnist();
    let mut service = Service::start(&model, &["--client-time", "1s", "--request-time", "30s"]);
    let asked = asked(&model);
    let seen = watch(&service, &asked, Duration::from_secs_f64(seconds));
    service.ends_well();
    let answered: Vec<&Fate> = seen.fates.iter().filter(|fate| fate.status == Some(200)).collect();
    let after = answered.iter().filter(|fate| fate.ended > seen.stopped).count();
    let refused = seen.fates.iter().filter(|fate| fate.status.is_none()).count();
    let mut waits: Vec<f64> =
        answered.iter().map(|fate| 1e3 * (fate.ended - fate.began).as_secs_f64()).collect();
    waits.sort_by(f64::total_cmp);
    println!(
        "{} answered in {seconds} s, {after} of them after the stop, {refused} refused after it; \
         {} slow clients closed; {} malformed requests told; latency ms: median {:.2}, 99 % {:.2}, most {:.1}; \
         memory kB, now and most: {:?} at first, {:?} at last",
        answered.len(),
        seen.slow,
        seen.malformed,
        waits[waits.len() / 2],
        waits[waits.len() * 99 / 100],
        waits[waits.len() - 1],
        seen.memory.first(),
        seen.memory.last(),
    );
    // Every request got 200, but for those that came when the service was stopping.
    for fate in &seen.fates {
        let before = seen.stopped.saturating_duration_since(fate.began);
        match fate.status {
            Some(status) => assert_eq!(status, 200),
            None => {
                assert!(fate.ended > seen.stopped, "a request was lost {before:?} before the stop")
            }
        }
    }
    assert!(answered.len() as f64 > 0.5 * seconds * RATE as f64, "{}", answered.len());
    assert!(seen.malformed > 0 && seen.slow > 0, "{} {}", seen.malformed, seen.slow);
    assert!(refused > 0, "it does not stop listening");
    // A run of any length stays within what it took at its beginning, but for some.
    if let (Some([_, first]), Some([now, most])) = (seen.memory.get(2), seen.memory.last()) {
        assert!(*most < first + 100_000, "{first} kB at first, {now} kB now, {most} kB at most");
    }
}

/// Lets all clients ask for so long, stops the service, and lets them go on for a second.
fn watch(
    service: &Service,
    (requests, answers): &(Vec<Value>, Vec<(String, Vec<f32>)>),
    length: Duration,
) -> Seen {
    let stop_at = Instant::now() + length;
    let until = stop_at + Duration::from_secs(1);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || client(number, service, requests, answers, until)))
            .collect();
        let slow = scope.spawn(|| until_over(&over, || slow_clients(service)));
        let malformed = scope.spawn(|| until_over(&over, || malformed_requests(service)));
        let mut memory = vec![];
        while Instant::now() < stop_at {
            memory.extend(service.memory());
            std::thread::sleep(Duration::from_millis(200));
        }
        over.store(true, Ordering::Relaxed);
        let stopped = Instant::now();
        service.signal("-TERM");
        Seen {
            fates: clients.into_iter().flat_map(|client| client.join().unwrap()).collect(),
            stopped,
            slow: slow.join().unwrap(),
            malformed: malformed.join().unwrap(),
            memory,
        }
    })
}

/// Does `work` again and again; the sum of what it returns.
fn until_over(over: &AtomicBool, work: impl Fn() -> usize) -> usize {
    let mut sum = 0;
    while !over.load(Ordering::Relaxed) {
        sum += work();
    }
    sum
}

/// Requests that no model takes; returns how many were told so.
fn malformed_requests(service: &Service) -> usize {
    std::thread::sleep(Duration::from_millis(20));
    let asked = [
        (POST_JSON, &b"{\"inputs\": 1}"[..], 400),
        (POST_JSON, b"\xff\xff", 400),
        (POST_SAFETENSORS, &[255; 64], 400),
        ("POST /v1/run HTTP/1.1\r\ncontent-type: image/png", b"", 415),
    ];
    let told = asked.into_iter().filter_map(|(head, body, wanted)| {
        // It may be stopping.
        let (status, ..) = service.ask(head, body).ok()?;
        assert_eq!(status, wanted);
        Some(status)
    });
    told.count()
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
