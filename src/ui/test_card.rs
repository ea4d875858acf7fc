//! The page around a test card, on which `seewhy doctor` shows what a terminal makes of a graphics protocol.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Theme;
use super::words::wrap;

/// What the card looks like where all is well.
const EXPECTED: &str = "As it should be: a square with a white frame on all four sides, a round circle in the middle, six \
                        colours above, a ramp from black to white below, and a warm spot on the circle's right, through \
                        which the circle shows.";

/// What the two halves are there for.
const HALVES: &str = "Both halves should look the same, without an edge between them. If one is paler, this terminal mixes \
                      colours in another way than seewhy makes up for, and all heat is wrong: please report it, and see \
                      whether another of --graphics (seewhy doctor lists them) is right.";
/// Cells across of both halves, fewest that they and their words take, and fewest rows of a half.
const HALVES_WIDTH: u16 = 24;
const HALVES_ROOM: u16 = 28;
const HALVES_ROWS: u16 = 3;

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
    /// Whether heat is laid over pictures by the terminal, which may mix colours in its own way.
    pub mixes: bool,
}

/// The cells of a page's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardAreas {
    /// The card, as near to a square as cells allow.
    pub card: Rect,
    /// Beside it, where the terminal mixes colours: heat over a picture, and heat in a picture.
    pub halves: Option<[Rect; 2]>,
}

/// Draws the page, and says where its pictures go. None where there is no room.
pub fn draw_test_card(buffer: &mut Buffer, page: CardPage<'_>, theme: Theme) -> Option<CardAreas> {
    let CardPage { protocol, reason, cell: (across, down), number, count, mixes } = page;
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
    let has_halves = mixes && area.width >= 2 * HALVES_ROOM;
    let width = area.width.saturating_sub(2 + if has_halves { HALVES_ROOM } else { 0 });
    let rows = (1..=room).rev().find(|rows| columns(*rows) <= width)?;
    let card = Rect::new(1, 2, columns(rows), rows);
    let beside = Rect { x: card.right() + 2, y: card.y, width: area.width - card.right() - 3, height: room };
    Some(CardAreas { card, halves: has_halves.then(|| draw_halves(buffer, beside)).flatten() })
}

/// Writes what the halves are there for; returns their cells, which touch each other, where there is room.
fn draw_halves(buffer: &mut Buffer, area: Rect) -> Option<[Rect; 2]> {
    let lines = wrap(HALVES, usize::from(area.width));
    let words = lines.len() as u16 + 1;
    let rows = area.height.checked_sub(words).filter(|rows| *rows >= HALVES_ROWS)?.min(HALVES_WIDTH / 2);
    for (line, y) in lines.iter().zip(area.y + rows + 1..) {
        buffer.set_stringn(area.x, y, line, usize::from(area.width), Style::new());
    }
    let half = Rect { width: HALVES_WIDTH / 2, height: rows, ..area };
    Some([half, Rect { x: half.right(), ..half }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_is_square_in_pixels_and_leaves_the_words_alone_at_any_size() {
        for (width, height) in [(20, 6), (60, 20), (80, 24), (200, 60)] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            let page =
                CardPage { protocol: "sixel", reason: "foot", cell: (9, 18), number: 1, count: 2, mixes: width > 60 };
            let Some(areas) = draw_test_card(&mut buffer, page, Theme { colour: true, light: false }) else {
                assert!(height < 12, "{width}x{height} has room for a card");
                continue;
            };
            let card = areas.card;
            assert!((card.width * 9).abs_diff(card.height * 18) < 9, "{card:?}");
            assert_eq!(areas.halves.is_some(), page.mixes, "{width}x{height}");
            for area in [card].into_iter().chain(areas.halves.into_iter().flatten()) {
                assert_eq!(area.intersection(buffer.area), area, "{width}x{height}");
                let is_blank = |(x, y): (u16, u16)| buffer[(x, y)].symbol() == " ";
                assert!(area.positions().all(|place| is_blank((place.x, place.y))), "{width}x{height}: {area:?}");
            }
            if let Some([laid, mixed]) = areas.halves {
                assert_eq!((laid.right(), laid.as_size()), (mixed.x, mixed.as_size()), "an edge would be seen");
                assert!(card.right() < laid.x);
            }
        }
    }
}
