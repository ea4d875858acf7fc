//! What `w` writes in the interface: the same files as `seewhy explain`.

use std::path::PathBuf;

use crate::app::{ChannelExport, Export, MapExport};
use crate::explain;
use crate::explain::export::{self, Destination, unique_stems};
use crate::explain::identity::{Circumstances, Identity};
use crate::explain::record::{Files, Record};
use crate::model::Classifier;
use crate::raster::Colormap;

/// Where `w` writes, in the current directory.
const EXPORT_FOLDER: &str = "seewhy-maps";
/// The best classes that a record lists.
const TOP: usize = 5;

/// What was asked for on the command line and makes a map another one.
pub(super) struct Asked {
    pub(super) seed: u64,
    pub(super) tolerance: Option<f64>,
    pub(super) decoding: String,
}

/// Writes what is on screen; returns the files.
pub(super) fn write(classifier: &Classifier, what: &Export, asked: &Asked) -> Result<Vec<PathBuf>, String> {
    match what {
        Export::Map(map) => write_map(classifier, map, asked),
        Export::Channel(channel) => write_channel(classifier, channel),
    }
}

/// The folder where `w` writes, as its whole path: who works in several windows wants to know which.
fn export_folder() -> Result<PathBuf, String> {
    std::path::absolute(EXPORT_FOLDER).map_err(|error| format!("cannot tell the current directory: {error}"))
}

/// Writes the map, the overlay and the record, as `seewhy explain` would.
fn write_map(classifier: &Classifier, what: &MapExport, asked: &Asked) -> Result<Vec<PathBuf>, String> {
    let attribution = &what.explained.attribution;
    let logits = &what.predicted.logits;
    let method = explain::find(what.key.method).ok_or_else(|| format!("there is no method {}", what.key.method))?;
    let target = what.key.target.resolve(logits).map_err(|error| error.to_string())?;
    let Asked { seed, tolerance, decoding } = asked;
    let (seed, tolerance, values) = (*seed, *tolerance, &what.key.values);
    let circumstances = Circumstances { method, values, seed, tolerance, raw: false, decoding };
    let record = Record::new(&what.path, classifier, (target, logits), attribution, &circumstances, TOP);
    let mut record = Record {
        warnings: [&what.predicted.warnings[..], &record.warnings].concat(),
        elapsed_ms: (what.predicted.elapsed + what.explained.elapsed).as_secs_f64() * 1e3,
        ..record
    };
    let path = what.path.to_path_buf();
    let destination = Destination {
        folder: export_folder()?,
        stem: unique_stems(&[path]).remove(0),
        png: true,
        npy: true,
        json: true,
        raw: false,
        clobber: true,
    };
    let picture = &what.overlay.composition;
    let (width, height) = picture.written_size();
    let colormap = picture.heat.as_ref().map_or_else(Colormap::default, |heat| heat.colormap);
    export::export(&destination, attribution, &picture.render(width, height), colormap, &mut record)
        .map_err(|error| error.to_string())?;
    let Files { png, npy, json } = record.files;
    Ok([png, npy, json].into_iter().flatten().collect())
}

/// Writes the pictures of a channel that are on screen.
fn write_channel(classifier: &Classifier, what: &ChannelExport) -> Result<Vec<PathBuf>, String> {
    let stem = unique_stems(&[what.path.to_path_buf()]).remove(0);
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let (folder, model) = (export_folder()?, classifier.source().to_string());
    let layer = what.layer.trim_start_matches('/').replace(|c| !is_plain(c), "-");
    let written = what.pictures.iter().map(|(kind, picture, said)| {
        let name = format!("{layer}.channel-{}.{kind}", what.channel);
        let (width, height) = picture.composition.written_size();
        let page = picture.composition.render(width, height);
        let request = Identity::of_picture(&what.path, classifier, &what.layer, &name);
        let asked = (what.path.as_ref(), model.as_str(), &request);
        export::picture(&folder, (&stem, &name), &page, std::slice::from_ref(said), asked)
    });
    written.collect::<Result<_, _>>().map_err(|error| error.to_string())
}
