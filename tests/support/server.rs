//! A static file server on the loopback interface, as a visitor's would be: the right types, validators for
//! the browser's cache, and the two headers of cross-origin isolation.
//!
//! Written out because it is this short, and because the crates that do it bring a whole stack with them.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::UNIX_EPOCH;

/// Serves until it is dropped.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    stopped: AtomicBool,
    /// Bytes of the files that were sent.
    sent: AtomicU64,
}

impl Server {
    /// Serves the files under these folders, the first one that has it, on a free port.
    pub fn start(folders: &[&Path]) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = Self { address: listener.local_addr()?, state: Arc::default() };
        let folders: Arc<[PathBuf]> = folders.iter().map(|folder| folder.to_path_buf()).collect();
        let state = server.state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if state.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let (folders, state) = (folders.clone(), state.clone());
                // A browser that hangs up in the middle of an answer is its own business.
                thread::spawn(move || converse(&stream, &folders, &state).ok());
            }
        });
        Ok(server)
    }

    /// Where the page is.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Bytes of all files that were sent.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }

    /// Answers nobody any more, as if the network were gone.
    pub fn stop(&self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        // The listener sees it at the next connection, which is this one.
        TcpStream::connect(self.address).ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Answers the requests of one connection until the other side closes it.
fn converse(stream: &TcpStream, folders: &[PathBuf], state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 || state.stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut known_tag = None;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("if-none-match") => {
                    known_tag = Some(value.to_owned());
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut words = request.split(' ');
        let with_body = words.next() != Some("HEAD");
        let path = words.next().unwrap_or("/");
        let sent = answer(stream, folders, path, with_body, known_tag.as_deref())?;
        state.sent.fetch_add(sent, Ordering::Relaxed);
    }
}

/// Returns how many bytes of the file were sent.
fn answer(
    mut stream: &TcpStream,
    folders: &[PathBuf],
    path: &str,
    with_body: bool,
    known_tag: Option<&str>,
) -> io::Result<u64> {
    let file = folders.iter().find_map(|folder| file_at(folder, path));
    let (status, tag, body) = match &file {
        None => ("404 Not Found", String::new(), Vec::new()),
        Some((_, tag)) if Some(tag.as_str()) == known_tag => {
            ("304 Not Modified", tag.clone(), Vec::new())
        }
        Some((file, tag)) => ("200 OK", tag.clone(), fs::read(file)?),
    };
    let kind = file.map_or("text/plain", |(file, _)| content_type(&file));
    write!(
        stream,
        "HTTP/1.1 {status}\r\n\
         Content-Type: {kind}\r\n\
         Content-Length: {}\r\n\
         ETag: {tag}\r\n\
         Cache-Control: no-cache\r\n\
         Cross-Origin-Opener-Policy: same-origin\r\n\
         Cross-Origin-Embedder-Policy: require-corp\r\n\r\n",
        body.len()
    )?;
    if with_body {
        stream.write_all(&body)?;
    }
    stream.flush()?;
    Ok(if with_body { body.len() as u64 } else { 0 })
}

/// The file that a request's path names, with its entity tag, if there is one inside `folder`.
fn file_at(folder: &Path, path: &str) -> Option<(PathBuf, String)> {
    let path = path.split(['?', '#']).next()?.trim_start_matches('/');
    let name = if path.is_empty() { "index.html" } else { path };
    let relative = Path::new(name);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let file = folder.join(relative);
    let facts = fs::metadata(&file).ok().filter(fs::Metadata::is_file)?;
    let changed = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((file, format!("\"{:x}-{:x}\"", changed.as_nanos(), facts.len())))
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        // Anything else, and the browser refuses to compile it while it streams in.
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
