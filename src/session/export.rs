//! The files of an explanation: the overlay, the values, and the record. The command line and the interface write the same.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use image::RgbImage;
use thiserror::Error;

use super::identity::Identity;
pub use super::naming::layer_word;
use super::naming::{Name, Names, Owner, owner, png, word};
use super::record::{Files, Record, SegmentRecord, WholeRecord};
use crate::explain::{Attribution, Sign};
use crate::raster::caption::{Bar, caption};
use crate::raster::{Colormap, npy};

/// Which files to write, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The folder; made when it is missing.
    pub folder: PathBuf,
    /// What the names start with: `<stem>.<method>.npy`.
    pub stem: String,
    /// What names say of the model in any case: `<stem>.<model>.<method>.npy`.
    pub model: Option<String>,
    /// Write the overlay.
    pub png: bool,
    /// Write the values.
    pub npy: bool,
    /// Write the record.
    pub json: bool,
    /// Write the map before post-processing in place of the values.
    pub raw: bool,
    /// Whether a file of the same request is replaced, and others get a longer name; else what is there is an error.
    pub clobber: bool,
}

impl Destination {
    /// What names begin with: the stem, and the model where they say it.
    pub fn begin(&self) -> String {
        let model = self.model.iter().map(|model| word(model));
        [self.stem.clone()].into_iter().chain(model).collect::<Vec<_>>().join(".")
    }
}

/// A file that could not be written.
#[derive(Debug, Error)]
#[error("could not write {path:?}: {problem}")]
pub struct ExportError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    problem: io::Error,
}

impl ExportError {
    pub(super) fn new(path: &Path, problem: io::Error) -> ExportError {
        ExportError { path: path.into(), problem }
    }
}

/// Makes a folder for files where it is missing, and sees whether files can be written there.
///
/// # Errors
/// When it is no folder, or cannot be written.
pub fn prepare(folder: &Path) -> Result<(), ExportError> {
    let attempt = || fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder).map(drop));
    attempt().map_err(|problem| ExportError { path: folder.into(), problem })
}

/// Writes what `to` asks for and notes the files in `record`. `overlay` is the picture with its heat, at any size.
/// Each file appears whole or not at all. Files that another request wrote are not replaced: the name gets longer.
///
/// # Errors
/// The first file that cannot be written.
pub fn export(
    to: &Destination,
    attribution: &Attribution,
    overlay: &RgbImage,
    colormap: Colormap,
    record: &mut Record,
) -> Result<(), ExportError> {
    let values = if to.raw { &attribution.raw } else { &attribution.values };
    let mut npy = vec![];
    npy::write(&mut npy, values.view()).map_err(|problem| ExportError { path: to.folder.clone(), problem })?;
    let name = Name {
        target: record.target.name(),
        layer: record.layer.clone().unwrap_or_default(),
        ..Name::of(&to.begin(), &record.method, &record.image, &record.model)
    };
    let request = record.request;
    place(&to.folder, name, &request, Some(&npy), to.clobber, |path, replace| {
        let wanted = |is_wanted: bool, suffix: &str| is_wanted.then(|| path(suffix));
        record.files = Files { png: wanted(to.png, "png"), npy: wanted(to.npy, "npy"), json: wanted(to.json, "json") };
        // The picture first: it says whose the name is now.
        if let Some(path) = &record.files.png {
            write_png(path, replace, &annotate(overlay, attribution.sign, colormap, record), &request)?;
        }
        if let Some(path) = &record.files.npy {
            write_whole(path, replace, |file| file.write_all(&npy))?;
        }
        if let Some(path) = &record.files.json {
            write_whole(path, replace, |mut file| {
                let segments = attribution.segments.as_ref().map(SegmentRecord::all).unwrap_or_default();
                let whole = WholeRecord { record, segments };
                serde_json::to_writer_pretty(&mut file, &whole).map_err(io::Error::other)?;
                file.write_all(b"\n")
            })?;
        }
        Ok(())
    })
}

/// Writes a picture with lines of text under it, called `<stem>.<what>.png` where that is not taken; returns the file. It
/// appears whole or not at all. `record` says of which image it is, and what was asked for.
///
/// # Errors
/// When it cannot be written.
pub fn picture(
    folder: &Path,
    (stem, what): (&str, &str),
    picture: &RgbImage,
    lines: &[String],
    (image, model, request): (&Path, &str, &Identity),
) -> Result<PathBuf, ExportError> {
    let page = caption(picture, lines, None);
    let name = Name::of(stem, what, &image.to_string_lossy(), model);
    let mut written = PathBuf::new();
    place(folder, name, request, None, true, |path, replace| {
        written = path("png");
        write_png(&written, replace, &page, request)
    })?;
    Ok(written)
}

/// Refuses where one of the files to be written is there already.
///
/// # Errors
/// The file.
pub fn refuse_existing(to: &Destination, method: &str) -> Result<(), ExportError> {
    for (is_wanted, suffix) in [(to.npy, "npy"), (to.png, "png"), (to.json, "json")] {
        let path = to.folder.join(format!("{}.{method}.{suffix}", to.begin()));
        if is_wanted && path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
    }
    Ok(())
}

pub(super) fn exists(path: PathBuf) -> ExportError {
    let problem = io::Error::new(io::ErrorKind::AlreadyExists, "it is there already, and --no-clobber keeps it");
    ExportError { path, problem }
}

/// Finds the name that a request's files may have and has them written: `write` gets the path for a suffix, and whether a
/// file that is there may be replaced.
pub(super) fn place(
    folder: &Path,
    name: Name,
    request: &Identity,
    npy: Option<&[u8]>,
    clobber: bool,
    mut write: impl FnMut(&dyn Fn(&str) -> PathBuf, bool) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    fs::create_dir_all(folder).map_err(|problem| ExportError { path: folder.into(), problem })?;
    let mut names = Names::new(name);
    let mut name = names.current();
    loop {
        let path = |suffix: &str| folder.join(format!("{name}.{suffix}"));
        let other = match owner(folder, &name, request, npy) {
            Owner::Nobody => match write(&path, false) {
                // Somebody was quicker.
                Err(error) if clobber && error.problem.kind() == io::ErrorKind::AlreadyExists => None,
                result => return result,
            },
            Owner::Same if clobber => return write(&path, true),
            Owner::Same => return Err(exists(path("*"))),
            Owner::Other(other) => other,
        };
        match names.lengthen(request, other).filter(|_| clobber) {
            Some(longer) => name = longer,
            None => return Err(exists(path("*"))),
        }
    }
}

pub(super) fn write_png(path: &Path, replace: bool, page: &RgbImage, request: &Identity) -> Result<(), ExportError> {
    write_whole(path, replace, |file| file.write_all(&png(page, request).map_err(io::Error::other)?))
}

/// The overlay with the method, the target, what the method says and the labelled scale under it.
fn annotate(overlay: &RgbImage, sign: Sign, colormap: Colormap, record: &Record) -> RgbImage {
    let mut lines = vec![
        format!("{} of {}", record.method, record.target.title()),
        record.target.scores(),
        format!("raw {:.3} .. {:.3}", record.raw.min, record.raw.max),
    ];
    lines.extend(record.statement.clone());
    let colour = |share: f32| match sign {
        Sign::Positive => colormap.colour(share),
        Sign::Signed => Colormap::diverging(2.0 * share - 1.0),
        Sign::Membership => Colormap::Grey.colour(share),
    };
    let (low, high) = match sign {
        Sign::Positive => ("low", "high"),
        Sign::Signed => ("against", "for"),
        Sign::Membership => ("outside", "in the rule"),
    };
    caption(overlay, &lines, Some(&Bar { low, high, colour: &colour }))
}

/// Held by whoever is writing a file.
static WRITING: RwLock<()> = RwLock::new(());

/// Does something while no file is being written: to end the program, and leave no temporary files.
pub fn between_files<T>(then: impl FnOnce() -> T) -> T {
    let _nobody = WRITING.write().unwrap_or_else(PoisonError::into_inner);
    then()
}

/// Writes to a temporary name in the same folder and renames when all is there. Only with `replace` may that be another file's
/// name.
pub(super) fn write_whole(
    path: &Path,
    replace: bool,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> Result<(), ExportError> {
    let _writing = WRITING.read().unwrap_or_else(PoisonError::into_inner);
    let attempt = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; this one becomes an ordinary file, as the umask has it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(".seewhy-").tempfile_in(folder)?;
        write(file.as_file_mut())?;
        let kept = if replace { file.persist(path) } else { file.persist_noclobber(path) };
        kept.map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|problem| ExportError { path: path.into(), problem })
}

/// A name for each path's files: its stem where that is unique, else as much of the path as makes it so.
pub fn unique_stems(paths: &[PathBuf]) -> Vec<String> {
    let name = |path: &Path, parts: usize| -> String {
        let components: Vec<_> =
            path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let kept = &components[components.len().saturating_sub(parts)..];
        kept.join("_").replace(['/', '\\'], "_")
    };
    let stem =
        |path: &Path| path.file_stem().map_or_else(|| "image".into(), |stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    for parts in 1..64 {
        let mut seen = std::collections::HashMap::<String, usize>::new();
        for name in &names {
            *seen.entry(name.clone()).or_default() += 1;
        }
        if seen.values().all(|&count| count == 1) {
            break;
        }
        for (chosen, path) in names.iter_mut().zip(paths) {
            if seen[chosen.as_str()] > 1 {
                *chosen = name(path, parts);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_images_with_the_same_name_do_not_overwrite_each_other() {
        let paths = ["val/cat/1.jpg", "val/dog/1.jpg", "val/dog/2.jpg", "val/dog/2.png", "a.jpg"].map(PathBuf::from);
        assert_eq!(unique_stems(&paths), ["cat_1.jpg", "dog_1.jpg", "2.jpg", "2.png", "a"]);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let result = write_whole(&folder.path().join("map.npy"), false, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(result.unwrap_err().to_string().contains("map.npy"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
