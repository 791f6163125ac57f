//! The command line; see [`perforate::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    perforate::cli::main()
}
