//! iTerm2's inline images: a file in base64, drawn where the cursor is.

use image::RgbImage;
use ratatui::layout::Size;
use ratatui_image::protocol::iterm2::Iterm2;

/// The sequence that draws the picture.
pub(super) fn encode(image: RgbImage) -> Result<String, ratatui_image::errors::Errors> {
    let data = Iterm2::new(image.into(), Size::new(1, 1), false)?.data;
    Ok(data.find("\x1b]").map_or_else(|| data.clone(), |start| data[start..].to_owned()))
}
