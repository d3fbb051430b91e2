//! The binary: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    rossum_annex::cli::run()
}
