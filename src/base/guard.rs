//! Where a panic of a dependency becomes an error: at the boundary of what reads and runs files that others made.
//!
//! While [`guarded`] runs, the message of a panic in its thread is kept instead of printed. Other threads, and this one
//! before and after, have the panic hook that they had.
//!
//! ```
//! use perforate_base::guard::{Panicked, guarded};
//! use perforate_base::{Error, ErrorKind};
//!
//! let fault = |panic: Panicked| Error::new(ErrorKind::Model, format!("it cannot be read ({panic})"));
//! let index = "7".parse::<usize>().unwrap_or(0);
//! let read = guarded(fault, || Ok([1, 2, 3][index]));
//! # #[cfg(panic = "unwind")]
//! assert!(read.unwrap_err().to_string().contains("the index is 7"));
//! ```

use std::fmt;

use super::error::{Error, ErrorKind, Result};

/// What a panic said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panicked {
    /// Its message, on one line.
    pub message: String,
    /// File and line, without folders.
    pub place: String,
    /// Whether it is in this project's own code, and not in a dependency.
    pub is_own: bool,
}

impl Panicked {
    /// `kind` where a dependency panicked on a file, `Internal` where this program did.
    pub fn kind(&self, kind: ErrorKind) -> ErrorKind {
        if self.is_own { ErrorKind::Internal } else { kind }
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.message, self.place)
    }
}

/// Does `work`; where that panics, `fault` makes an error of it. What `work` has changed by then stays as it is: whoever
/// uses it afterwards must make it anew.
///
/// Where a panic ends the process, as in WebAssembly, nothing is caught: there the page starts another worker. A stack
/// that overflows and memory that is at its end are caught nowhere: see `perforate_onnx::limits`.
///
/// # Errors
/// What `work` returns, or what `fault` makes.
pub fn guarded<T>(
    fault: impl FnOnce(Panicked) -> Error,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    #[cfg(panic = "unwind")]
    let done = unwinding::guarded(fault, work);
    #[cfg(not(panic = "unwind"))]
    let done = {
        let _ = fault;
        work()
    };
    done
}

#[cfg(panic = "unwind")]
mod unwinding {
    use std::cell::{Cell, RefCell};
    use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
    use std::sync::Once;

    use super::Panicked;
    use crate::error::{Error, Result, one_line};

    thread_local! {
        /// How many guards this thread is inside of.
        static DEPTH: Cell<usize> = const { Cell::new(0) };
        /// The last panic inside of one.
        static LAST: RefCell<Option<Panicked>> = const { RefCell::new(None) };
    }

    /// Being inside of a guard; it ends however the work ends.
    struct Inside;

    impl Inside {
        fn enter() -> Inside {
            DEPTH.set(DEPTH.get() + 1);
            Inside
        }
    }

    impl Drop for Inside {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }

    pub fn guarded<T>(
        fault: impl FnOnce(Panicked) -> Error,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        // The hook of a thread that panics already cannot be changed; a second panic ends the process anyway.
        if std::thread::panicking() {
            return work();
        }
        keep_messages();
        let inside = Inside::enter();
        let outcome = catch_unwind(AssertUnwindSafe(work));
        drop(inside);
        outcome.unwrap_or_else(|_| {
            // It is missing only where somebody has set another hook since.
            let unknown = || Panicked {
                message: "it stopped".into(),
                place: "a place that is not known".into(),
                is_own: false,
            };
            Err(fault(LAST.take().unwrap_or_else(unknown)))
        })
    }

    /// Installs a panic hook, once, for all threads. It records panics inside a guard and passes all others to the previous
    /// hook. Installing and removing it at every call would need a lock, and some runs take only microseconds.
    fn keep_messages() {
        static KEPT: Once = Once::new();
        KEPT.call_once(|| {
            let usual = take_hook();
            set_hook(Box::new(move |info| {
                // It is gone where a thread has ended but for its destructors.
                if DEPTH.try_with(Cell::get).is_ok_and(|depth| depth > 0) {
                    LAST.set(Some(described(info)));
                } else {
                    usual(info);
                }
            }));
        });
    }

    fn described(info: &PanicHookInfo<'_>) -> Panicked {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let file = info.location().map_or("", |location| location.file());
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let line = info.location().map_or(0, |location| location.line());
        Panicked {
            message: one_line(text.unwrap_or("it stopped")),
            place: format!("{name}:{line}"),
            is_own: is_own(file),
        }
    }

    /// Cargo compiles the workspace's files by paths from its root, and everything else by whole ones.
    pub(super) fn is_own(file: &str) -> bool {
        file.starts_with("src/") || file.starts_with("src\\")
    }
}

#[cfg(all(test, panic = "unwind"))]
mod tests {
    use super::*;

    fn fault(panic: Panicked) -> Error {
        Error::new(panic.kind(ErrorKind::Model), format!("stopped ({panic})"))
    }

    #[test]
    fn a_panic_becomes_an_error_with_its_place() {
        let empty: Vec<u8> = vec![];
        let error = guarded(fault, || Ok(empty[empty.len()])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the len is 0") && text.contains("guard.rs:"), "{text}");
        // Tests are this project's own code.
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(unwinding::is_own("src/base/guard.rs"));
        assert!(!unwinding::is_own(
            "/home/a/.cargo/registry/src/index/tract-core-0.23.9/src/plan.rs"
        ));
    }

    #[test]
    fn results_pass_through() {
        assert_eq!(guarded(fault, || Ok(3)).unwrap(), 3);
        let own = || -> Result<()> { Err(Error::new(ErrorKind::Data, "own")) };
        assert_eq!(guarded(fault, own).unwrap_err().kind(), ErrorKind::Data);
    }

    #[test]
    fn guards_stand_inside_one_another() {
        let inner = guarded(fault, || {
            let caught: Result<()> = guarded(fault, || panic!("first"));
            assert!(caught.unwrap_err().to_string().contains("first"));
            let nothing: Result<()> = Ok(());
            nothing
        });
        inner.unwrap();
        let outer: Result<()> = guarded(fault, || {
            let _ = guarded(fault, || -> Result<()> { panic!("first") });
            panic!("second\n  line")
        });
        assert!(outer.unwrap_err().to_string().contains("(second line at guard.rs:"));
    }

    #[test]
    fn each_thread_has_its_own_message() {
        let threads = (0..8).map(|number| {
            std::thread::spawn(move || {
                for _ in 0..100 {
                    let error =
                        guarded(fault, || -> Result<()> { panic!("number {number}") }).unwrap_err();
                    assert!(error.to_string().contains(&format!("number {number} ")), "{error}");
                }
            })
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn a_guard_in_a_thread_that_panics_already_does_the_work() {
        struct Last;
        impl Drop for Last {
            fn drop(&mut self) {
                assert_eq!(guarded(fault, || Ok(1)).unwrap(), 1);
            }
        }
        let outer: Result<()> = guarded(fault, || {
            let _last = Last;
            panic!("outside")
        });
        assert!(outer.unwrap_err().to_string().contains("outside"));
    }
}
