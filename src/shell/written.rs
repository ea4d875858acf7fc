//! What `w` writes in the interface: the same files as `seewhy explain`.

use std::path::PathBuf;

use super::engine::EngineError;
use super::session_engine::{dream_options, question};
use crate::app::{ChannelExport, DreamExport, Export, MapExport};
use crate::raster::Colormap;
use crate::session::export::{self, Destination, layer_word, unique_stems};
use crate::session::{Explanation, Files, Identity, ModelId, Question, Session, SheetFolder};

/// Digits of a fingerprint in names.
const SHORT_ID: usize = 8;

/// Where `w` writes, in the current directory.
const EXPORT_FOLDER: &str = "seewhy-maps";

/// Writes what is on screen; returns the files.
pub(super) fn write(session: &Session, what: &Export) -> Result<Vec<PathBuf>, EngineError> {
    match what {
        Export::Map(map) => write_map(session, map),
        Export::Channel(channel) => write_channel(session, channel),
        Export::Dream(dream) => write_dream(session, dream),
    }
}

/// The folder where `w` writes, as its whole path: who works in several windows wants to know which.
fn export_folder() -> Result<PathBuf, EngineError> {
    std::path::absolute(EXPORT_FOLDER).map_err(EngineError::NoFolder)
}

/// What names say of a model that is not the first: the beginning of its fingerprint, since it may be another version of the
/// same file.
fn of_model(session: &Session, model: ModelId) -> Option<String> {
    let id = session.classifier().fingerprint().to_string();
    (model != ModelId::default()).then(|| id.chars().take(SHORT_ID).collect())
}

/// Writes the map, the overlay and the record, as `seewhy explain` would.
fn write_map(session: &Session, what: &MapExport) -> Result<Vec<PathBuf>, EngineError> {
    let (attribution, scores) = (&what.explained.attribution, &what.predicted.logits);
    let question = question(&what.key)?;
    let question = Question { target: question.target.resolve(scores)?, ..question };
    let mut record = session.record(&Explanation {
        image: &what.path,
        scores,
        question: &question,
        attribution,
        warnings: &what.predicted.warnings,
        elapsed: what.predicted.elapsed + what.explained.elapsed,
        raw: false,
    });
    let destination = Destination {
        folder: export_folder()?,
        stem: unique_stems(&[what.path.to_path_buf()]).remove(0),
        model: of_model(session, what.key.image.model),
        png: true,
        npy: true,
        json: true,
        raw: false,
        clobber: true,
    };
    let picture = what.overlay.recipe.compose();
    let (width, height) = picture.written_size();
    let colormap = picture.heat.as_ref().map_or_else(Colormap::default, |heat| heat.colormap);
    export::export(&destination, attribution, &picture.render(width, height), colormap, &mut record)?;
    let Files { png, npy, json } = record.files;
    Ok([png, npy, json].into_iter().flatten().collect())
}

/// Writes the pictures of a channel, a head or a stage that are on screen.
fn write_channel(session: &Session, what: &ChannelExport) -> Result<Vec<PathBuf>, EngineError> {
    let mut stem = unique_stems(&[what.path.to_path_buf()]).remove(0);
    if let Some(model) = of_model(session, what.model) {
        stem = format!("{stem}.{model}");
    }
    let (folder, model) = (export_folder()?, session.classifier().source().to_string());
    let unit = what.unit.map(|(kind, number)| format!(".{kind}-{number}")).unwrap_or_default();
    let of = format!("{}{unit}", layer_word(&what.layer));
    let written = what.pictures.iter().map(|(shows, picture, said)| {
        let name = format!("{of}.{shows}");
        let composition = picture.recipe.compose();
        let (width, height) = composition.written_size();
        let page = composition.render(width, height);
        let request = Identity::of_picture(&what.path, session.classifier(), &what.layer, &name);
        let asked = (what.path.as_ref(), model.as_str(), &request);
        Ok(export::picture(&folder, (&stem, &name), &page, std::slice::from_ref(said), asked)?)
    });
    written.collect()
}

/// Writes a dream, as `seewhy dream` would.
fn write_dream(session: &Session, what: &DreamExport) -> Result<Vec<PathBuf>, EngineError> {
    let DreamExport { key, begun, dreamt } = what;
    let to = SheetFolder { folder: export_folder()?, clobber: true };
    let how = (&dream_options(session, key), begun.as_deref());
    let record = session.record_dream(key.aim, how, (&dreamt.dream(), dreamt.noise), dreamt.elapsed, Some(&to))?;
    let Files { png, npy, json } = record.files;
    Ok([png, npy, json].into_iter().flatten().collect())
}
