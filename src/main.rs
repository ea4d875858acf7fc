//! The `seewhy` program.

use std::process::ExitCode;

/// Layers' values, gradients and pictures come and go in large blocks on every core. After minutes of that glibc's allocator
/// held three times the memory that was in use, scattered; this one holds what is used, and musl's would be slow besides.
/// Without huge pages, whose clearing took a third of a VGG's forward pass.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    seewhy::cli::run()
}
