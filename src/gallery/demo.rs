//! The pictures that come with the program, so that it has something to show on a machine that has nothing else.
//!
//! They are unpacked into the user's cache: `pictures/<class>/<name>.jpg`, labelled by folder as the user's own would be,
//! and, in a folder beside it that nobody browses, `masks/<class>/<name>.<object>.png`, white where an object of that class
//! is. The masks are what a map can be held against.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use thiserror::Error;

use super::masks::{MASKS_FOLDER, PICTURES_FOLDER};
use crate::text::Escaped;

/// A picture that comes with the program.
#[derive(Debug, Clone, Copy)]
pub struct Picture {
    /// The class of its largest object: the folder that it goes to.
    pub class: &'static str,
    /// Its file name, without suffix.
    pub name: &'static str,
    /// The JPEG file.
    pub jpeg: &'static [u8],
    /// The class of each object in it, and a PNG file of the same size that is white where the object is.
    pub masks: &'static [(&'static str, &'static [u8])],
}

macro_rules! pictures {
    ($($class:literal / $name:literal: $($object:literal)+;)+) => {
        &[$(Picture {
            class: $class,
            name: $name,
            jpeg: include_bytes!(concat!("../../models/demo/pictures/", $class, "/", $name, ".jpg")),
            masks: &[$((
                $object,
                include_bytes!(concat!("../../models/demo/masks/", $class, "/", $name, ".", $object, ".png")),
            )),+],
        }),+]
    };
}

/// Every picture, by class.
pub static PICTURES: &[Picture] = pictures! {
    "airplane" / "airliner": "airplane";
    "airplane" / "evening-jet": "airplane";
    "automobile" / "blue-hatchback": "automobile";
    "automobile" / "car-at-sea": "automobile";
    "automobile" / "red-saloon": "automobile";
    "bird" / "ostrich": "bird";
    "bird" / "robin": "bird";
    "cat" / "ginger": "cat";
    "cat" / "grey-tabby": "cat";
    "deer" / "stag": "deer";
    "dog" / "dog-and-cat": "dog" "cat";
    "dog" / "retriever": "dog";
    "dog" / "spotted": "dog";
    "frog" / "green-frog": "frog";
    "horse" / "chestnut": "horse";
    "ship" / "container-ship": "ship";
    "ship" / "liner-and-airplane": "ship" "airplane";
    "ship" / "sailing-boat": "ship";
    "truck" / "box-truck": "truck";
    "truck" / "dump-truck": "truck";
};

/// Why the pictures could not be unpacked.
#[derive(Debug, Error)]
pub enum DemoError {
    /// There is no home folder, and so no cache.
    #[error("cannot find a folder for the demo pictures: {0}; set XDG_CACHE_HOME to a folder that can be written")]
    NoCache(etcetera::HomeDirError),
    /// A file or folder refused.
    #[error("cannot unpack the demo pictures to {path}: {problem}; XDG_CACHE_HOME chooses another place")]
    Write {
        /// What was being written.
        path: Escaped,
        /// The reason.
        problem: io::Error,
    },
}

/// Unpacks the pictures into the user's cache (`$XDG_CACHE_HOME/seewhy/demo`), or into the folder for temporary files where
/// there is no cache, as in a bare container, and returns the folder to browse.
///
/// # Errors
/// When neither can be written.
pub fn unpack() -> Result<PathBuf, DemoError> {
    let cached = || {
        let cache = etcetera::choose_base_strategy().map_err(DemoError::NoCache)?.cache_dir();
        unpack_into(&cache.join("seewhy").join("demo"))
    };
    cached().or_else(|problem| unpack_into(&std::env::temp_dir().join("seewhy-demo")).map_err(|_| problem))
}

/// Unpacks pictures and masks under `root`, and returns the folder of the pictures. Files that are there with the right
/// content stay untouched; each of the others is replaced at once, so that two programs can unpack together and none sees
/// half a picture.
///
/// # Errors
/// When a folder or file cannot be written.
pub fn unpack_into(root: &Path) -> Result<PathBuf, DemoError> {
    let pictures = root.join(PICTURES_FOLDER);
    for picture in PICTURES {
        put(&pictures.join(picture.class).join(format!("{}.jpg", picture.name)), picture.jpeg)?;
        for (object, png) in picture.masks {
            let masks = root.join(MASKS_FOLDER).join(picture.class);
            put(&masks.join(format!("{}.{object}.png", picture.name)), png)?;
        }
    }
    Ok(pictures)
}

/// Makes the file hold these bytes.
fn put(path: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    let failed = |problem| DemoError::Write { path: Escaped::from(path), problem };
    let same_length = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == bytes.len() as u64);
    if same_length && fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
