//! A real browser on the built page.
//!
//! [`with_page`] builds the page where that is stale ([`build`]), serves it over HTTP ([`server`]), opens
//! it in a fresh headless Chromium ([`browser`]) and hands it to a test. A test that fails leaves a
//! screenshot and the console's log under `target/page-failures`, and says where.

mod browser;
mod build;
mod server;

pub use browser::Page;
pub use server::Server;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The page measures time, so only one of them may be open.
static ONE_PAGE: Mutex<()> = Mutex::new(());

/// Runs `test` in a browser of its own on the built page, opened with `query` ("?quick" measures less
/// carefully, which is enough wherever the test is not about the measurement).
///
/// Whatever else it asserts, the page may not have written an error to the console.
pub fn with_page(name: &str, query: &str, test: impl FnOnce(&Page)) {
    with_page_and_files(name, query, &[], test);
}

/// The same, with the files of more folders beside the page's own.
pub fn with_page_and_files(name: &str, query: &str, folders: &[&Path], test: impl FnOnce(&Page)) {
    with_served_page(name, query, folders, |page, _| test(page));
}

/// The same for a test that is about the server too.
pub fn with_served_page(
    name: &str,
    query: &str,
    folders: &[&Path],
    test: impl FnOnce(&Page, &Server),
) {
    let _turn = ONE_PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let folders: Vec<&Path> =
        std::iter::once(build::page()).chain(folders.iter().copied()).collect();
    let server = server::Server::start(&folders).expect("a port on the loopback interface");
    run(name, &format!("{}{query}", server.url()), |page| test(page, &server));
}

/// The same on the one HTML file that a build makes, opened from its folder.
pub fn with_single_file(name: &str, query: &str, test: impl FnOnce(&Page)) {
    let _turn = ONE_PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let file = build::page().join("perforate.html");
    run(name, &format!("file://{}{query}", file.display()), test);
}

fn run(name: &str, url: &str, test: impl FnOnce(&Page)) {
    let page = Page::open(url);
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
