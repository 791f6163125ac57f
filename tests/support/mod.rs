//! A real browser on the built page.
//!
//! [`with_page`] builds the page where that is stale ([`build`]), serves it over HTTP ([`server`]), opens
//! it in a fresh headless Chromium ([`browser`]) and hands it to a test. A test that fails leaves a
//! screenshot and the console's log under `target/page-failures`, and says where.
//!
//! Pages are open side by side, unless a test is about times: that one has the machine to itself.

mod browser;
pub mod build;
mod server;

#[allow(unused_imports)] // not every test crate chooses
pub use browser::{Browser, Page};
pub use server::Server;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

/// Held for writing by a test about times.
static MACHINE: RwLock<()> = RwLock::new(());

/// How a test opens the page.
#[derive(Clone, Copy, Default)]
pub struct Setting<'a> {
    /// What it is called, and its screenshot.
    pub name: &'a str,
    /// Of the address: "?quick" measures less carefully, which is enough wherever a test is not about the measurement.
    pub query: &'a str,
    /// Files in these folders are served too, in the place of the page's own where they have the same name.
    pub folders: &'a [&'a Path],
    /// Whether it is about times, so that nothing else may run.
    pub alone: bool,
    /// In Firefox, and not in Chromium.
    pub in_firefox: bool,
}

/// Runs `test` in a browser of its own on the built page, opened with `query`.
///
/// Whatever else it asserts, the page may not have written an error to the console.
pub fn with_page(name: &str, query: &str, test: impl FnOnce(&Page)) {
    with(Setting { name, query, ..Setting::default() }, |page, _| test(page));
}

/// The same for a test about times.
pub fn with_page_alone(name: &str, query: &str, test: impl FnOnce(&Page)) {
    with(Setting { name, query, alone: true, ..Setting::default() }, |page, _| test(page));
}

/// The same in any setting, for a test that may be about the server too.
pub fn with(setting: Setting, test: impl FnOnce(&Page, &Server)) {
    turn(setting.alone, || {
        let own = setting.folders.iter().copied();
        let folders: Vec<&Path> = own.chain([build::page()]).collect();
        let server = Server::start(&folders).expect("a port on the loopback interface");
        let url = format!("{}{}", server.url(), setting.query);
        let browser = if setting.in_firefox { Browser::Firefox } else { Browser::Chromium };
        run(browser, setting.name, &url, |page| test(page, &server));
    });
}

/// The same for a test about times on the one HTML file that a build makes, opened from its folder.
pub fn with_single_file(name: &str, query: &str, test: impl FnOnce(&Page)) {
    turn(true, || {
        let file = build::page().join("perforate.html");
        run(Browser::Chromium, name, &format!("file://{}{query}", file.display()), test);
    });
}

/// The same on a folder that is no build of the page.
#[allow(dead_code)] // the page's tests have the page
pub fn with_folder(name: &str, folder: &Path, test: impl FnOnce(&Page)) {
    turn(false, || {
        let server = Server::start(&[folder]).expect("a port on the loopback interface");
        run(Browser::Chromium, name, &server.url(), test);
    });
}

fn turn(alone: bool, test: impl FnOnce()) {
    // A test that failed has left nothing behind.
    if alone {
        let _machine = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        test();
    } else {
        let _machine = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
        test();
    }
}

fn run(browser: Browser, name: &str, url: &str, test: impl FnOnce(&Page)) {
    let page = Page::open(browser, url);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        page.reload();
        test(&page);
        page.assert_console_is_clean();
    }));
    if let Err(panic) = outcome {
        page.keep_evidence(&build::target().join("page-failures"), name);
        resume_unwind(panic);
    }
}
