//! The page around a test card, on which `seewhy doctor` shows what a terminal makes of a graphics protocol.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Theme;
use super::words::wrap;

/// What the card looks like where all is well.
const EXPECTED: &str = "As it should be: a square with a white frame on all four sides, a round circle in the middle, six \
                        colours above, a ramp from black to white below, and a warm spot on the circle's right, through \
                        which the circle shows.";

/// What the page says, and what it goes by.
#[derive(Debug, Clone, Copy)]
pub struct CardPage<'a> {
    /// The graphics protocol.
    pub protocol: &'a str,
    /// Why it is worth a try.
    pub reason: &'a str,
    /// Width and height of a cell in pixels.
    pub cell: (u16, u16),
    /// Which card this is, from 1.
    pub number: usize,
    /// How many there are.
    pub count: usize,
}

/// Draws the page; returns the cells for the card, which are as near to a square as cells allow. None where there is no room.
pub fn draw_test_card(buffer: &mut Buffer, page: CardPage<'_>, theme: Theme) -> Option<Rect> {
    let CardPage { protocol, reason, cell: (across, down), number, count } = page;
    let area = buffer.area;
    let width = usize::from(area.width).saturating_sub(2);
    let title = Line::from(vec![
        Span::styled(" seewhy doctor", theme.accent()),
        Span::raw(format!("  card {number} of {count}: ")),
        Span::styled(protocol, theme.strong()),
        Span::raw(format!("  {reason}")),
    ]);
    let keys = if number < count { " any key: the next card   q: leave" } else { " any key: leave" };
    let expected = wrap(EXPECTED, width).into_iter().map(|text| Line::raw(format!(" {text}")));
    let below: Vec<Line<'_>> = expected.chain([Line::styled(keys, theme.quiet())]).collect();
    buffer.set_line(0, 0, &title, area.width);
    for (line, y) in below.iter().rev().zip((1..area.height).rev()) {
        buffer.set_line(0, y, line, area.width);
    }
    let room = area.height.saturating_sub(below.len() as u16 + 3);
    let columns = |rows: u16| (u32::from(rows) * u32::from(down) / u32::from(across.max(1))) as u16;
    let rows = (1..=room).rev().find(|rows| columns(*rows) <= area.width.saturating_sub(2))?;
    Some(Rect::new(1, 2, columns(rows), rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_is_square_in_pixels_and_leaves_the_words_alone_at_any_size() {
        for (width, height) in [(20, 6), (60, 20), (80, 24), (200, 60)] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            let page = CardPage { protocol: "sixel", reason: "foot", cell: (9, 18), number: 1, count: 2 };
            let Some(card) = draw_test_card(&mut buffer, page, Theme { colour: true, light: false }) else {
                assert!(height < 12, "{width}x{height} has room for a card");
                continue;
            };
            assert!((card.width * 9).abs_diff(card.height * 18) < 9, "{card:?}");
            let is_blank = |(x, y): (u16, u16)| buffer[(x, y)].symbol() == " ";
            assert!(card.positions().all(|place| is_blank((place.x, place.y))), "{width}x{height}: {card:?}");
        }
    }
}
