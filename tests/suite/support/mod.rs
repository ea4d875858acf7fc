//! What several tests share.
#![allow(dead_code, reason = "each helper is used by some of the tests")]

pub(crate) mod graphs;

use std::path::PathBuf;

/// The folder of data that is never committed, where this checkout has one beside it. A test that needs it skips without
/// it, and says so.
pub(crate) fn shared_data(relative: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SEEWHY_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("data").join(relative);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: ../shared/data/{relative} is not here");
    None
}

/// A file of `tests/fixtures`.
pub(crate) fn fixture(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(relative)
}
