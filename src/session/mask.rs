//! Where the object is, as the model sees it.

use std::path::Path;

use thiserror::Error;

use super::{InputError, Session};
use crate::gallery;
use crate::metrics::Mask;
use crate::text::Escaped;

/// A mask that cannot be used.
#[derive(Debug, Error)]
pub enum MaskError {
    /// The mask or its image cannot be opened.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The two do not lie on each other.
    #[error("the mask of {0} has another size than the image")]
    Size(Escaped),
}

impl Session {
    /// The mask of a picture at the resolution of the network's input; none where the network sees nothing of it.
    ///
    /// # Errors
    /// When one of the two cannot be read, or they have different sizes.
    pub fn mask(&self, mask: &Path, image: &Path) -> Result<Option<Mask>, MaskError> {
        let decode = |path| gallery::decode(path, self.options.decoding).map_err(InputError::from);
        let (mask, picture) = (decode(mask)?.image, decode(image)?.image);
        if (mask.width(), mask.height()) != (picture.width(), picture.height()) {
            return Err(MaskError::Size(Escaped::from(image)));
        }
        let seen = self.classifier.preprocess(&mask).map_err(InputError::from)?.seen;
        let (height, width) = self.classifier.network().input_extent();
        let mask = Mask::from_shape_fn((height, width), |(y, x)| seen.get_pixel(x as u32, y as u32).0[0] > 127);
        Ok(mask.iter().any(|inside| *inside).then_some(mask))
    }
}
