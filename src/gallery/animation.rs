//! Moving pictures in one file: GIF and WebP, frame by frame.

use std::io::Cursor;
use std::time::Duration;

use image::codecs::{gif::GifDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, DynamicImage, Frames, ImageError, ImageFormat};

/// A frame, and how long it stands.
pub type Still = (DynamicImage, Duration);

/// Frames that say no time, or next to none, stand so long: what browsers do.
const USUAL: Duration = Duration::from_millis(100);

/// The frames of an animation; none where the bytes hold none that we know.
///
/// # Errors
/// When it is one, and broken.
pub fn animation(bytes: &[u8]) -> Result<Option<impl Iterator<Item = Result<Still, ImageError>> + '_>, ImageError> {
    let frames: Frames<'_> = match image::guess_format(bytes) {
        Ok(ImageFormat::Gif) => GifDecoder::new(Cursor::new(bytes))?.into_frames(),
        Ok(ImageFormat::WebP) => WebPDecoder::new(Cursor::new(bytes))?.into_frames(),
        _ => return Ok(None),
    };
    Ok(Some(frames.map(|frame| {
        let frame = frame?;
        let delay = Duration::from(frame.delay());
        let delay = if delay < Duration::from_millis(20) { USUAL } else { delay };
        Ok((DynamicImage::ImageRgba8(frame.into_buffer()), delay))
    })))
}
