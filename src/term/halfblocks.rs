//! Half-blocks: the upper half of a cell in the foreground's colour, the lower in the background's.

use image::RgbImage;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::widgets::Widget;
use ratatui_image::Image;
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;

/// The cells of a picture; it should have one pixel for each column and two for each row.
pub(super) fn encode(image: RgbImage, size: Size) -> Result<Buffer, ratatui_image::errors::Errors> {
    let protocol = Protocol::Halfblocks(Halfblocks::new(image.into(), size)?);
    let area = Rect::from(((0, 0).into(), size));
    let mut cells = Buffer::empty(area);
    Image::new(&protocol).render(area, &mut cells);
    Ok(cells)
}
