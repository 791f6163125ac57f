//! Headless Chromium, driven through ChromeDriver, or Firefox through geckodriver; the calls block, so that a test reads as a list of what a
//! visitor does and sees.

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{
    BrowserLogEntry, Capabilities, ChromeCapabilities, ChromiumLikeCapabilities,
    FirefoxCapabilities, LoggingPrefsLogLevel,
};
use tokio::runtime::Runtime;

/// Names that a program goes by. The variable comes first; setup.sh knows the same names.
type Names = (&'static str, &'static [&'static str]);

const CHROMIUM: Names =
    ("CHROME", &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);
const CHROMEDRIVER: Names = (
    "CHROMEDRIVER",
    &["chromedriver", "/usr/lib/chromium/chromedriver", "/usr/lib/chromium-browser/chromedriver"],
);
const FIREFOX: Names = ("FIREFOX", &["firefox-esr", "firefox"]);
const GECKODRIVER: Names = ("GECKODRIVER", &["geckodriver"]);

/// A browser that the page is opened in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    Chromium,
    #[allow(dead_code)] // the page's tests use it
    Firefox,
}

impl Browser {
    /// Whether this machine has it, and its driver. Every machine that tests has Chromium.
    #[allow(dead_code)]
    pub fn is_here(self) -> bool {
        match self {
            Browser::Chromium => true,
            Browser::Firefox => find(&FIREFOX).is_some() && find(&GECKODRIVER).is_some(),
        }
    }
}

const FLAGS: &[&str] = &[
    "--headless=new",
    // Test machines run as root, where the sandbox cannot start.
    "--no-sandbox",
    "--disable-gpu",
    // A container's /dev/shm is often too small for a canvas.
    "--disable-dev-shm-usage",
    "--window-size=1280,1600",
    "--no-first-run",
    // The browser's own traffic would disturb what the page measures.
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// How often a condition is looked at again: seldom enough to leave the page's measurements alone.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The page, open in a browser with an empty profile. Closing it is dropping it.
pub struct Page {
    url: String,
    // In the order in which they must go: the session needs the driver, the browser its profile.
    session: Option<WebDriver>,
    _driver: Arc<Driver>,
    profile: TempDir,
    runtime: Runtime,
}

/// The driver's process, which serves all pages that are open.
struct Driver {
    process: Child,
    port: u16,
}

/// It ends with the last page.
static DRIVER: Mutex<Weak<Driver>> = Mutex::new(Weak::new());

impl Page {
    /// Starts a browser for `url`, which [`Page::reload`] then opens.
    ///
    /// # Panics
    /// If this machine has no browser or driver, with the words "run ./setup.sh".
    pub fn open(browser: Browser, url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime on this thread");
        let profile = tempfile::tempdir().expect("a folder for the browser's profile");
        let driver = match browser {
            Browser::Chromium => Driver::shared(),
            // It serves one browser at a time.
            Browser::Firefox => Arc::new(start_driver(&found(&GECKODRIVER), GECKO_LISTENS)),
        };
        let server = format!("http://127.0.0.1:{}", driver.port);
        let mut page =
            Self { url: url.to_owned(), session: None, _driver: driver, profile, runtime };
        let capabilities: WebDriverResult<Capabilities> = match browser {
            Browser::Chromium => page.chromium().map(Into::into),
            Browser::Firefox => firefox().map(Into::into),
        };
        let capabilities = capabilities.expect("capabilities that can be written as JSON");
        let session = page.runtime.block_on(WebDriver::new(server, capabilities));
        page.session = Some(session.unwrap_or_else(|e| {
            panic!(
                "{browser:?} does not start; if its version is not the driver's, run ./setup.sh: {e}"
            )
        }));
        page
    }

    fn chromium(&self) -> WebDriverResult<ChromeCapabilities> {
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&found(&CHROMIUM).to_string_lossy())?;
        for flag in FLAGS {
            capabilities.add_arg(flag)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", self.profile.path().display()))?;
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        Ok(capabilities)
    }

    /// Opens the page, again if it was open.
    #[track_caller]
    pub fn reload(&self) {
        self.wait_for("the page to load", self.session().goto(self.url.as_str()));
    }

    /// Goes to the same page at another address.
    #[track_caller]
    pub fn visit(&self, query: &str) {
        let page = self.url.split('?').next().unwrap_or(&self.url);
        self.wait_for("the page to load", self.session().goto(format!("{page}{query}")));
    }

    /// Another screen, in CSS pixels, and another theme of the system.
    #[track_caller]
    pub fn emulate(&self, width: u32, height: u32, dark: bool) {
        let screen =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", screen);
        let scheme =
            json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        self.tell("Emulation.setEmulatedMedia", json!({ "features": [scheme] }));
        self.wait_for_frame();
    }

    #[track_caller]
    fn tell(&self, command: &str, parameters: Value) {
        self.wait_for(command, self.session().cdp().send_raw(command, parameters));
    }

    /// What is on the screen, as PNG.
    #[track_caller]
    pub fn picture(&self) -> Vec<u8> {
        self.tell("Emulation.setScrollbarsHidden", json!({ "hidden": true }));
        self.wait_for("a picture", self.session().screenshot_as_png())
    }

    // ---- what a visitor does; when these return, the page shows what came of it

    #[track_caller]
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.wait_for(&format!("a click on {selector}"), element.click());
        self.wait_for_frame();
    }

    /// Types into an element; keys such as [`thirtyfour::Key::Right`] too.
    #[track_caller]
    pub fn press(&self, selector: &str, keys: impl Into<TypingData>) {
        let element = self.find(selector);
        self.wait_for(&format!("keys in {selector}"), element.send_keys(keys));
        self.wait_for_frame();
    }

    /// Presses a key where the focus is.
    #[track_caller]
    pub fn key(&self, key: impl Into<TypingData>) {
        let keys = self.session().action_chain().send_keys(key);
        self.wait_for("a key", keys.perform());
        self.wait_for_frame();
    }

    /// Chooses a file in a file input.
    #[track_caller]
    pub fn choose_file(&self, selector: &str, file: &Path) {
        self.press(selector, file.to_str().expect("a path in Unicode"));
    }

    // ---- what a visitor sees

    /// The text of an element, as it is rendered.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let element = self.find(selector);
        self.wait_for(&format!("the text of {selector}"), element.text())
    }

    /// Whether the element is there and takes up room.
    #[track_caller]
    pub fn is_visible(&self, selector: &str) -> bool {
        self.script(&format!(
            "const e = document.querySelector({selector:?}); return !!e && e.checkVisibility() && e.getClientRects().length > 0;"
        )) == Value::Bool(true)
    }

    /// Runs JavaScript, the body of a function, and returns what it returns.
    #[track_caller]
    pub fn script(&self, body: &str) -> Value {
        self.wait_for(body, self.session().execute(body, Vec::<Value>::new())).json().clone()
    }

    #[track_caller]
    pub fn number(&self, body: &str) -> f64 {
        let value = self.script(body);
        let Some(number) = value.as_f64() else { panic!("not a number but {value}: {body}") };
        number
    }

    /// Waits until `condition` holds and returns how long that took.
    ///
    /// # Panics
    /// After `at_most`, telling what was waited for.
    #[track_caller]
    pub fn wait_until(
        &self,
        what: &str,
        at_most: Duration,
        condition: impl Fn(&Self) -> bool,
    ) -> Duration {
        let began = Instant::now();
        while !condition(self) {
            assert!(began.elapsed() < at_most, "waited {at_most:?} in vain for: {what}");
            std::thread::sleep(LOOK_EVERY);
        }
        began.elapsed()
    }

    /// Fails if the page has written an error to the console, or not caught one.
    #[track_caller]
    pub fn assert_console_is_clean(&self) {
        let errors: Vec<_> = self
            .console()
            .into_iter()
            .filter(|entry| entry.level == "SEVERE")
            .map(|entry| entry.message)
            .collect();
        assert!(errors.is_empty(), "errors in the console:\n{}", errors.join("\n"));
    }

    /// Writes a screenshot, the console and the page's markup to `folder`, and says so.
    pub fn keep_evidence(&self, folder: &Path, name: &str) {
        let stem = folder.join(name);
        let console: Vec<_> = self
            .console()
            .into_iter()
            .map(|entry| format!("{} {}", entry.level, entry.message))
            .collect();
        let markup = self.runtime.block_on(self.session().source());
        let picture = self.runtime.block_on(self.session().screenshot_as_png());
        let written = fs::create_dir_all(folder)
            .and_then(|()| fs::write(stem.with_extension("log"), console.join("\n")))
            .and_then(|()| fs::write(stem.with_extension("html"), markup.unwrap_or_default()))
            .and_then(|()| fs::write(stem.with_extension("png"), picture.unwrap_or_default()));
        match written {
            Ok(()) => eprintln!("see {}.png, .log and .html", stem.display()),
            Err(e) => eprintln!("no screenshot under {}: {e}", folder.display()),
        }
    }

    // ---- underneath

    /// The page shows a change in the frame after the one in which it hears of it.
    #[track_caller]
    fn wait_for_frame(&self) {
        self.script(
            "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))));",
        );
    }

    fn session(&self) -> &WebDriver {
        self.session.as_ref().expect("a session until it is dropped")
    }

    #[track_caller]
    fn find(&self, selector: &str) -> WebElement {
        self.wait_for(selector, self.session().find(By::Css(selector)))
    }

    /// What the console says since the last call; reading empties it.
    fn console(&self) -> Vec<BrowserLogEntry> {
        self.runtime.block_on(self.session().browser_log()).unwrap_or_default()
    }

    #[track_caller]
    fn wait_for<T>(&self, what: &str, call: impl Future<Output = WebDriverResult<T>>) -> T {
        match self.runtime.block_on(call) {
            Ok(value) => value,
            Err(error) => {
                // What follows the first line is the driver's own backtrace.
                let error = error.to_string();
                panic!("{what}: {}", error.lines().next().unwrap_or_default())
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // The browser ends with its session. Were the driver killed first, it would live on.
            self.runtime.block_on(session.quit()).ok();
        }
    }
}

impl Driver {
    /// Chromium's, which serves all pages.
    fn shared() -> Arc<Driver> {
        let mut running = DRIVER.lock().unwrap_or_else(PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let driver = Arc::new(start_driver(&found(&CHROMEDRIVER), CHROME_LISTENS));
            *running = Arc::downgrade(&driver);
            driver
        })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// What stands before the port in the line that a driver says it in.
const CHROME_LISTENS: &str = "successfully on port ";
const GECKO_LISTENS: &str = "Listening on 127.0.0.1:";

fn firefox() -> WebDriverResult<FirefoxCapabilities> {
    let mut capabilities = DesiredCapabilities::firefox();
    capabilities.set_firefox_binary(&found(&FIREFOX).to_string_lossy())?;
    for argument in ["-headless", "--width=1280", "--height=735"] {
        capabilities.add_arg(argument)?;
    }
    Ok(capabilities)
}

/// Starts the driver on a port of its own choosing, which it prints.
fn start_driver(program: &Path, listens: &str) -> Driver {
    let mut process = Command::new(program)
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{} does not start: {e}; run ./setup.sh", program.display()));
    let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, port) = line.rsplit_once(listens)?;
            port.trim_end_matches('.').parse().ok()
        })
        .unwrap_or_else(|| panic!("{} names no port; run ./setup.sh", program.display()));
    // Somebody must go on reading, or the driver stops once the pipe is full.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Driver { process, port }
}

/// The program that the variable names, or else the first of the names that the path has.
fn find((variable, names): &Names) -> Option<PathBuf> {
    let chosen = std::env::var(variable).ok();
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where cargo installs, which need not be on the path.
    let cargo = std::env::home_dir().map(|home| home.join(".cargo/bin"));
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(cargo).collect();
    chosen
        .iter()
        .map(String::as_str)
        .chain(names.iter().copied())
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

fn found(names: &Names) -> PathBuf {
    find(names).unwrap_or_else(|| {
        let (variable, names) = names;
        panic!("this machine has no {}: run ./setup.sh (or name one in {variable})", names[0])
    })
}
