//! The `seewhy` program.

use std::process::ExitCode;

/// The largest block, in bytes, that glibc's allocator can learn to keep.
const LARGEST: usize = (32 << 20) - (1 << 16);

fn main() -> ExitCode {
    keep_memory();
    seewhy::cli::run()
}

/// Has the memory of one layer's values kept for the next. glibc's allocator gives large blocks back to the system at once,
/// until it has seen a block of their size come and go; getting a page again takes longer than filling it. Other allocators
/// lose nothing by this: the block is never written to.
fn keep_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGEST)));
}
