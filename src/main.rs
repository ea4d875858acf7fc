//! The `seewhy` program.

use std::process::ExitCode;

/// Layers' values, gradients and pictures come and go in large blocks on every core. After minutes of that glibc's allocator
/// held three times as much memory as this one, most of it scattered and unused. Without huge pages, whose clearing took a
/// quarter of a VGG's forward pass.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    seewhy::cli::run()
}
