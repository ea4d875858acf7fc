//! Weights in files beside the model: where they may lie, and reading them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, TensorProto};

use crate::model::error::{ExternalDataProblem, ModelProblem};

/// Refuses weights in files outside the model's folder, and names those that are missing or too short. Where the folder is
/// a snapshot in Hugging Face's cache, whose files are links to its blobs, the locations become those of the blobs. Returns
/// the folder that they start from now, links followed, and the files, sorted, links as they are.
pub(in crate::model) fn locate(
    graph: &mut GraphProto,
    folder: Option<&Path>,
) -> Result<(Option<PathBuf>, Vec<PathBuf>), ModelProblem> {
    let root = folder.map(Path::canonicalize).transpose()?;
    let cache = root.as_deref().and_then(cache_of);
    let mut places = Places { root: root.as_deref(), cache, known: HashMap::new() };
    let mut tensors = vec![];
    collect(graph, &mut tensors);
    for tensor in &mut tensors {
        places.check(tensor)?;
    }
    let mut files: Vec<PathBuf> =
        places.known.keys().map(|location| folder.unwrap_or(Path::new("")).join(location)).collect();
    files.sort();
    // The repository's folder in the cache holds both, snapshots and blobs.
    let links =
        places.known.values().flatten().any(|place| places.root.is_none_or(|root| !place.file.starts_with(root)));
    let folder = if links { places.cache } else { places.root }.map(Path::to_owned);
    if let Some(folder) = &folder {
        for tensor in tensors {
            let location = location(tensor).to_owned();
            let Some(Ok(place)) = places.known.get(&location) else { continue };
            let within = place.file.strip_prefix(folder).unwrap_or(&place.file).to_string_lossy().into_owned();
            tensor.external_data.iter_mut().filter(|entry| entry.key == "location").for_each(|entry| {
                entry.value.clone_from(&within);
            });
        }
    }
    Ok((folder, files))
}

/// The bytes of a tensor that lies in another file.
pub(super) fn read(tensor: &TensorProto, folder: Option<&Path>) -> Result<Vec<u8>, ModelProblem> {
    let path = folder.unwrap_or(Path::new("")).join(location(tensor));
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(number(tensor, "offset", 0).unwrap_or(0)))?;
    let mut bytes = vec![];
    file.take(number(tensor, "length", u64::MAX).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a tensor's values are in another file.
pub(super) fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location == Some(DataLocation::External as i32)
}

fn collect<'a>(graph: &'a mut GraphProto, tensors: &mut Vec<&'a mut TensorProto>) {
    let external = |tensor: &&mut TensorProto| is_external(tensor);
    tensors.extend(graph.initializer.iter_mut().filter(external));
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        tensors.extend(attribute.t.iter_mut().chain(&mut attribute.tensors).filter(external));
        attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(|graph| collect(graph, tensors));
    }
}

fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

fn location(tensor: &TensorProto) -> &str {
    entry(tensor, "location").unwrap_or_default()
}

/// A number among the entries, or what it is where it is not there; None where it is none.
fn number(tensor: &TensorProto, key: &str, otherwise: u64) -> Option<u64> {
    entry(tensor, key).map_or(Some(otherwise), |value| value.parse().ok())
}

/// The repository's folder in Hugging Face's cache, of a folder in one of its snapshots: `REPOSITORY/snapshots/REVISION/...`.
fn cache_of(folder: &Path) -> Option<&Path> {
    let snapshots = folder.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "snapshots"))?;
    snapshots.parent().filter(|repository| repository.join("blobs").is_dir())
}

#[derive(Clone)]
struct Place {
    /// The file itself, links followed.
    file: PathBuf,
    length: u64,
}

struct Places<'a> {
    root: Option<&'a Path>,
    cache: Option<&'a Path>,
    /// By location.
    known: HashMap<String, Result<Place, ExternalDataProblem>>,
}

impl Places<'_> {
    fn check(&mut self, tensor: &TensorProto) -> Result<(), ModelProblem> {
        let location = location(tensor).to_owned();
        let (root, cache) = (self.root, self.cache);
        let place = self.known.entry(location.clone()).or_insert_with(|| place(root, cache, &location)).clone();
        let end = number(tensor, "offset", 0).zip(number(tensor, "length", 0));
        let end = end.and_then(|(offset, length)| offset.checked_add(length));
        let checked = place.and_then(|place| match end {
            None => Err(ExternalDataProblem::Position),
            Some(needed) if needed > place.length => Err(ExternalDataProblem::Short { found: place.length, needed }),
            Some(_) => Ok(()),
        });
        checked.map_err(|cause| ModelProblem::ExternalData { tensor: tensor.name.clone(), location, cause })
    }
}

/// A file that must lie inside the folder, or among the blobs of the cache that the folder is in.
fn place(root: Option<&Path>, cache: Option<&Path>, location: &str) -> Result<Place, ExternalDataProblem> {
    let inside = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    if !Path::new(location).components().all(inside) {
        return Err(ExternalDataProblem::Outside);
    }
    let root = root.ok_or(ExternalDataProblem::Missing)?;
    let file = root.join(location).canonicalize().map_err(|_| ExternalDataProblem::Missing)?;
    let among_blobs = cache.is_some_and(|cache| file.starts_with(cache.join("blobs")));
    if !file.starts_with(root) && !among_blobs {
        return Err(ExternalDataProblem::Outside);
    }
    let status = file.metadata().map_err(|_| ExternalDataProblem::Missing)?;
    if status.is_file() { Ok(Place { file, length: status.len() }) } else { Err(ExternalDataProblem::Missing) }
}
