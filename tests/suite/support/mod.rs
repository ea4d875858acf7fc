//! What several tests share.
#![allow(dead_code, reason = "each helper is used by some of the tests")]

pub(crate) mod goldens;
pub(crate) mod graphs;
pub(crate) mod interface;
pub(crate) mod kitty;
pub(crate) mod pty;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use ndarray::ArrayD;
use seewhy::model::{Classifier, ModelSource, Overrides, Size};
use seewhy::network::Pass;
use seewhy::raster::npy;

/// A file or folder of the data that is never committed. Tests that need it are ignored unless asked for, and all have
/// "mcunet" in their names, by which `.ci/run` asks for them where the data is.
pub(crate) fn shared_data(relative: &str) -> PathBuf {
    let root = std::env::var_os("SEEWHY_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("data").join(relative);
    assert!(path.exists(), "{} is not here", path.display());
    path
}

/// Sends a signal to a process. Every shell can, where a minimal system has no program of that name.
pub(crate) fn signal(name: &str, process: u32) {
    let status = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, name, &process.to_string()]).status();
    assert!(status.unwrap().success(), "{name} to {process}");
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

/// A network that the manifest describes, as one of torch's exporters wrote it, and the tensor of its image; none where
/// that exporter could not. What `overrides` leaves open is found out, but for the size of the input.
pub(crate) fn load(
    network: &serde_json::Value,
    exporter: &str,
    overrides: Overrides,
) -> Option<(Classifier, Arc<ArrayD<f32>>)> {
    let file = network["onnx"][exporter].as_str()?;
    let input = fixture_array(network["input"].as_str().unwrap());
    let input_size = Some(Size { width: input.shape()[3] as u32, height: input.shape()[2] as u32 });
    let source = ModelSource::Path(fixture(file));
    let classifier = Classifier::load(&source, &Overrides { input_size, ..overrides });
    Some((classifier.unwrap_or_else(|error| panic!("{file}: {error}")), Arc::new(input)))
}

/// A miniature network of that name from one of the exporters, and the tensor of its image.
pub(crate) fn miniature(name: &str, exporter: &str) -> (Classifier, Arc<ArrayD<f32>>) {
    load(Manifest::read().network(name), exporter, Overrides::default()).unwrap()
}

/// A miniature network of that name with the forward pass of its image.
pub(crate) fn miniature_pass(name: &str) -> (Classifier, Pass) {
    let (classifier, input) = miniature(name, "torchscript");
    let pass = classifier.network().forward(input).unwrap();
    (classifier, pass)
}
