//! What every command reads, writes and prints.

use std::path::Path;

use perforate::{Error, ErrorKind, Result};

/// Prints a line to stdout; whoever reads it may have had enough, as `head` does, which is no fault.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::io::print(format_args!($($text)*))?
    };
}

pub fn print(text: std::fmt::Arguments) -> Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(Error::new(ErrorKind::Io, format!("the result cannot be printed ({e})"))),
        Ok(()) => Ok(()),
    }
}

pub(crate) use say;

/// The content of a file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        Error::new(ErrorKind::Io, format!("the file cannot be read ({e})"))
            .at(path.display().to_string())
    })
}

/// Writes a file.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, content).map_err(|e| {
        Error::new(ErrorKind::Io, format!("the file cannot be written ({e})"))
            .at(path.display().to_string())
    })
}
