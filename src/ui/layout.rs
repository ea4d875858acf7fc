//! Where everything is. One function of the screen's size, so that drawing, clicking and paging agree.

use ratatui::layout::Rect;

/// Below this width, in cells, the list folds away.
const FOLD: u16 = 80;
/// Below this size, in cells, there are no pictures.
const SMALLEST: (u16, u16) = (36, 12);
/// Narrowest and widest list.
const LIST_WIDTH: (u16, u16) = (31, 54);
/// Cells between the list and the picture.
const GAP: u16 = 2;
/// Cells between the picture and the edge of the screen.
const EDGE: u16 = 1;
/// Rows of the predictions: five, and one for a target that is none of them.
const WHY_ROWS: u16 = 6;
/// Rows of the predictions where the list folds away.
const WHY_ROWS_FOLDED: u16 = 3;
/// Rows that tell about the marked row of a menu.
const ABOUT: u16 = 7;

/// The parts of the screen. Parts that have no place are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Areas {
    /// Directory, position, model.
    pub(super) header: Rect,
    /// What the list shows, or what is typed.
    pub(super) list_title: Rect,
    /// The list.
    pub(super) list: Rect,
    /// The heading of the predictions.
    pub(super) why_title: Rect,
    /// The predictions.
    pub(super) why: Rect,
    /// The image's name and size.
    pub(super) title: Rect,
    /// The picture, or pictures.
    pub(super) picture: Rect,
    /// The layers.
    pub(super) strip: Rect,
    /// The last line.
    pub(super) status: Rect,
    /// Everything between header and status line: for the help, and for panels where the list folds away.
    pub(super) body: Rect,
    /// Whether the list is folded away.
    pub(super) folded: bool,
    /// Whether there is only room for the list and a word.
    pub(super) tiny: bool,
}

impl Areas {
    /// For a screen of that size.
    pub(super) fn new(screen: Rect) -> Areas {
        let Rect { width, height, .. } = screen;
        let row = |y: u16| Rect { y: screen.y + y, height: 1, ..screen }.intersection(screen);
        let last = height.saturating_sub(1);
        let body = Rect { y: screen.y + 1, height: height.saturating_sub(2), ..screen }.intersection(screen);
        let mut areas = Areas { header: row(0), status: row(last), body, ..Areas::default() };
        if width < SMALLEST.0 || height < SMALLEST.1 {
            areas.tiny = true;
            areas.list_title = areas.header;
            areas.list = body;
            return areas;
        }
        areas.folded = width < FOLD;
        if areas.folded {
            areas.title = row(1);
            areas.why = Rect { y: last - WHY_ROWS_FOLDED, height: WHY_ROWS_FOLDED, ..body };
            areas.strip = row(last - WHY_ROWS_FOLDED - 1);
            let top = areas.title.bottom();
            areas.picture = Rect { y: top, height: areas.strip.y - top, ..body };
            areas.list_title = row(1);
            areas.list = Rect { y: body.y + 1, height: body.height - 1, ..body };
            return areas;
        }
        areas.strip = row(last - 1);
        let body = Rect { height: body.height - 1, ..body };
        let list_width = (width * 30 / 100).clamp(LIST_WIDTH.0, LIST_WIDTH.1);
        let left = Rect { width: list_width, ..body };
        let right = Rect { x: body.x + list_width + GAP, width: width - list_width - GAP, ..body };
        let top = body.y + 1;
        areas.list_title = Rect { height: 1, ..left };
        areas.why = Rect { y: left.bottom() - WHY_ROWS, height: WHY_ROWS, ..left };
        areas.why_title = Rect { y: areas.why.y - 1, height: 1, ..left };
        areas.list = Rect { y: top, height: areas.why_title.y - 1 - top, ..left };
        areas.title = Rect { height: 1, ..right };
        areas.picture = Rect { y: top, width: right.width - EDGE, height: areas.strip.y - top, ..right };
        areas
    }

    /// The same with a last line of several rows, in the place of what stands above it: first the layers, where there is a
    /// list, or the predictions.
    pub(super) fn with_message(self, rows: u16) -> Areas {
        let more = rows.saturating_sub(1).min(self.status.y.saturating_sub(self.header.bottom()));
        let edge = self.status.y - more;
        let above = |area: Rect| Rect { height: area.height.min(edge.saturating_sub(area.y)), ..area };
        Areas {
            list: above(self.list),
            why_title: above(self.why_title),
            why: above(self.why),
            picture: above(self.picture),
            strip: above(self.strip),
            body: above(self.body),
            status: Rect { y: edge, height: self.status.height + more, ..self.status },
            ..self
        }
    }

    /// Where a panel with rows goes: over the list and the predictions, never over the picture.
    pub(super) fn panel(&self) -> Rect {
        if self.folded || self.tiny { self.list } else { self.list.union(self.why) }
    }

    /// Where a panel beside the list goes: over the picture and what is said above it. Empty where the list folds away.
    pub(super) fn beside(&self) -> Rect {
        if self.folded || self.tiny { Rect::default() } else { self.title.union(self.picture) }
    }

    /// The parts of a panel that is a menu: the rows, and what is said about the marked one.
    pub(super) fn menu(&self) -> (Rect, Rect) {
        let area = self.panel();
        let about = ABOUT.min(area.height / 2);
        let list = Rect { height: area.height - about, ..area };
        (list, Rect { y: list.bottom(), height: about, ..area })
    }

    /// The parts of a panel that is a table: the heads of the columns, and the rows.
    pub(super) fn table(&self) -> (Rect, Rect) {
        let area = self.panel();
        let heads = Rect { height: area.height.min(1), ..area };
        (heads, Rect { y: heads.bottom(), height: area.height - heads.height, ..area })
    }
}

/// The cells that a picture of `size` pixels fills: the largest in `area` with its proportions, in the middle. `cell` is the
/// width and height of a cell in pixels.
pub(super) fn fit(size: (u32, u32), area: Rect, cell: (u16, u16)) -> Rect {
    let (width, height) = (f64::from(size.0.max(1)), f64::from(size.1.max(1)));
    let (cell_width, cell_height) = (f64::from(cell.0.max(1)), f64::from(cell.1.max(1)));
    let across = f64::from(area.width) * cell_width / width;
    let down = f64::from(area.height) * cell_height / height;
    let scale = across.min(down);
    let cells = |pixels: f64, cell: f64, most: u16| ((pixels * scale / cell).round() as u16).clamp(1, most.max(1));
    let (columns, rows) = (cells(width, cell_width, area.width), cells(height, cell_height, area.height));
    Rect {
        x: area.x + area.width.saturating_sub(columns) / 2,
        y: area.y + area.height.saturating_sub(rows) / 2,
        width: columns,
        height: rows,
    }
    .intersection(area)
}

/// Two halves of an area, side by side or one above the other: whichever makes a picture of `size` pixels larger.
pub(super) fn halves(size: (u32, u32), area: Rect, cell: (u16, u16)) -> [Rect; 2] {
    let width = area.width.saturating_sub(1) / 2;
    let beside = [Rect { width, ..area }, Rect { x: area.x + area.width.saturating_sub(width), width, ..area }];
    let height = area.height.saturating_sub(1) / 2;
    let above = [Rect { height, ..area }, Rect { y: area.y + area.height - height, height, ..area }];
    let cells = |half: Rect| fit(size, half, cell).area();
    if cells(above[0]) > cells(beside[0]) { above } else { beside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_on_any_screen_and_do_not_overlap() {
        for width in 0..=210 {
            for height in 0..=70 {
                let screen = Rect::new(0, 0, width, height);
                let areas = Areas::new(screen);
                let Areas { header, title, picture, strip, status, why, .. } = areas;
                let parts = [header, title, picture, strip, status, why, areas.why_title];
                for (index, part) in parts.iter().enumerate() {
                    assert_eq!(part.intersection(screen), *part, "{width}x{height}: {areas:?}");
                    for other in &parts[index + 1..] {
                        let is_one_row = height < 2;
                        assert!(is_one_row || part.intersection(*other).is_empty(), "{width}x{height}: {areas:?}");
                    }
                }
                assert!(areas.panel().intersection(picture).is_empty() || areas.folded);
            }
        }
    }

    #[test]
    fn a_long_message_keeps_out_of_everything_and_moves_the_picture_as_little_as_it_can() {
        for (width, height) in [(20, 6), (60, 20), (80, 24), (200, 60), (5, 1), (0, 0)] {
            let screen = Rect::new(0, 0, width, height);
            let before = Areas::new(screen);
            for rows in 0..8 {
                let areas = before.with_message(rows);
                let Areas { header, list, why, picture, strip, status, body, .. } = areas;
                assert_eq!((status.intersection(screen), status.bottom()), (status, before.status.bottom()));
                for part in [list, why, picture, strip, body, areas.why_title] {
                    assert!(part.intersection(status).is_empty(), "{width}x{height}, {rows}: {areas:?}");
                }
                assert!(height < 2 || header.intersection(status).is_empty());
                assert!(rows > 2 || picture == before.picture);
            }
        }
    }

    #[test]
    fn a_picture_keeps_its_proportions() {
        let area = Rect::new(0, 0, 80, 40);
        assert_eq!(fit((100, 100), area, (8, 16)), Rect::new(0, 0, 80, 40));
        assert_eq!(fit((200, 100), area, (8, 16)), Rect::new(0, 10, 80, 20));
        assert_eq!(fit((100, 400), area, (8, 16)), Rect::new(30, 0, 20, 40));
        assert_eq!(fit((1, 100_000), area, (8, 16)).width, 1);
        assert_eq!(fit((10, 10), Rect::new(3, 3, 0, 0), (8, 16)).area(), 0);
    }

    #[test]
    fn two_pictures_are_laid_out_to_be_large() {
        let wide = Rect::new(0, 0, 101, 20);
        assert_eq!(halves((100, 100), wide, (8, 16)).map(|half| half.y), [0, 0]);
        let tall = Rect::new(0, 0, 40, 60);
        assert_eq!(halves((100, 100), tall, (8, 16)).map(|half| half.x), [0, 0]);
    }
}
