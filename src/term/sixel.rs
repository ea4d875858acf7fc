//! Sixels: bands of six rows of pixels, in at most 256 colours, drawn where the cursor is.

use image::RgbImage;
use ratatui::layout::Size;
use ratatui_image::protocol::sixel::Sixel;

/// Rows of pixels in a band. A picture whose height is no multiple of it would reach into the cells below.
pub(super) const BAND: u32 = 6;

/// The sequence that draws the picture.
pub(super) fn encode(image: RgbImage) -> Result<String, ratatui_image::errors::Errors> {
    let data = Sixel::new(image.into(), Size::new(1, 1), false)?.data;
    // The library erases the cells below first; here the canvas does, since it knows what was there.
    Ok(data.find("\x1bP").map_or_else(|| data.clone(), |start| data[start..].to_owned()))
}
