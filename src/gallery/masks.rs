//! Where the masks of images lie: what a map can be held against.
//!
//! The mask of the objects of a class in `<folder>/<name>.jpg` is `<folder>/<name>.<class>.png` under the folder of masks,
//! white where such an object is. Without a word, images at `.../pictures/<folder>/` have theirs at `.../masks/<folder>/`.

use std::path::{Path, PathBuf};

/// The folder of the pictures, and that of their masks beside it.
pub(super) const PICTURES_FOLDER: &str = "pictures";
pub(super) const MASKS_FOLDER: &str = "masks";

/// The mask of the objects of `class` in an image at `.../pictures/<folder>/<name>.*`, if there is a file for it.
pub fn mask_of(image: &Path, class: &str) -> Option<PathBuf> {
    let above = image.parent()?.parent()?;
    let pictures = above.file_name().is_some_and(|name| name == PICTURES_FOLDER);
    if pictures { mask_in(&above.with_file_name(MASKS_FOLDER), image, class) } else { None }
}

/// The mask of the objects of `class` in an image at `<folder>/<name>.*`, if there is a file for it in `masks`.
pub fn mask_in(masks: &Path, image: &Path, class: &str) -> Option<PathBuf> {
    // Labels are written by strangers: none may lead elsewhere.
    if class.contains(['/', '\\']) {
        return None;
    }
    let name = format!("{}.{class}.png", image.file_stem()?.to_str()?);
    let mask = masks.join(image.parent()?.file_name()?).join(name);
    mask.is_file().then_some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_found_by_folder_name_and_class() {
        let root = tempfile::tempdir().unwrap();
        let masks = root.path().join(MASKS_FOLDER).join("dog");
        std::fs::create_dir_all(&masks).unwrap();
        for name in ["rex.dog.png", "rex.cat.png"] {
            std::fs::write(masks.join(name), b"").unwrap();
        }
        let image = root.path().join("pictures/dog/rex.jpg");
        assert_eq!(mask_of(&image, "cat"), Some(masks.join("rex.cat.png")));
        assert_eq!(mask_of(&image, "frog"), None);
        assert_eq!(mask_of(&root.path().join("images/dog/rex.jpg"), "cat"), None);
        let elsewhere = Path::new("val/dog/rex.png");
        assert_eq!(mask_in(&root.path().join(MASKS_FOLDER), elsewhere, "dog"), Some(masks.join("rex.dog.png")));
        assert_eq!(mask_in(&root.path().join(MASKS_FOLDER), elsewhere, "../dog/rex.dog"), None);
    }
}
