//! The `seewhy` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    seewhy::cli::run()
}
