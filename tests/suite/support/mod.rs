//! What several tests share.
#![allow(dead_code, reason = "each helper is used by some of the tests")]

pub(crate) mod goldens;
pub(crate) mod graphs;
pub(crate) mod interface;
pub(crate) mod pty;

use std::path::PathBuf;

use ndarray::ArrayD;
use seewhy::raster::npy;

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

/// An array of bytes of `tests/fixtures`, with its shape.
pub(crate) fn fixture_bytes(relative: &str) -> (Vec<usize>, Vec<u8>) {
    let file = std::fs::read(fixture(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"));
    let start = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    let header = String::from_utf8_lossy(&file[10..start]).into_owned();
    assert!(header.contains("'|u1'") && header.contains("'fortran_order': False"), "{relative}: {header}");
    let shape = header.split(['(', ')']).nth(1).unwrap().split(',').filter_map(|side| side.trim().parse().ok());
    (shape.collect(), file[start..].to_vec())
}

/// An array of `tests/fixtures`.
pub(crate) fn fixture_array(relative: &str) -> ArrayD<f32> {
    let file = std::fs::File::open(fixture(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"));
    npy::read(std::io::BufReader::new(file)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// What `tests/fixtures/manifest.json` says of the reference networks.
pub(crate) struct Manifest(serde_json::Value);

impl Manifest {
    pub(crate) fn read() -> Manifest {
        Manifest(serde_json::from_str(&std::fs::read_to_string(fixture("manifest.json")).unwrap()).unwrap())
    }

    /// Every network, by name.
    pub(crate) fn networks(&self) -> impl Iterator<Item = (&String, &serde_json::Value)> {
        self.0["networks"].as_object().unwrap().iter()
    }

    /// The network that is not in the repository.
    pub(crate) fn mcunet(&self) -> &serde_json::Value {
        &self.0["mcunet"]
    }

    /// One network.
    pub(crate) fn network(&self, name: &str) -> &serde_json::Value {
        &self.0["networks"][name]
    }
}
