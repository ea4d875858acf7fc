//! The heads of an attention, in the list's place: how much of each is on the picture, and on how many patches. The one at
//! the mark lies over the picture, and is framed among the tiles.

use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, Asking, HeadRow, Origin, Outcome, State, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::strip::short;
use crate::ui::views::{Said, View, Window, picture, status, why::filled};
use crate::ui::words::{Piece, cut, duration, number, percent, piece, wrap};

/// Cells before the bar: mark, head, share of the patches, spread.
const BEFORE: usize = 2 + 6 + 10 + 9;

impl View for panel::Heads {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let area = areas.panel();
        let width = usize::from(area.width);
        canvas.clear(areas.list_title);
        let Some(heads) = state.heads() else {
            canvas.line(areas.list_title, Span::styled(" attention", theme.accent()));
            let failure = match state.current_entry().map(|entry| &entry.outcome) {
                Some(Outcome::Failed(reason)) => Some(reason.as_str()),
                _ => state.heads_refusal(),
            };
            let says = failure.unwrap_or(if state.is_working() { "working…" } else { "" });
            for (row, line) in wrap(says, width.saturating_sub(4)).into_iter().enumerate() {
                canvas.row(area, row, Span::styled(format!("   {line}"), theme.quiet()));
            }
            return;
        };
        let title = format!(" attention: {} heads", heads.maps.len());
        canvas.line(areas.list_title, Span::styled(cut(&title, width), theme.accent()));
        let (heads_line, list) = areas.table();
        canvas
            .line(heads_line, Span::styled(format!("{:>8}{:>10}{:>9}", "head", "on image", "patches"), theme.quiet()));
        let most = heads.patches.len() as f32;
        let window = Window::new(list, self.head, heads.rows.len());
        for row in window.rows() {
            canvas.line(window.place(row), line(row, heads.rows[row], most, row == self.head, width, theme));
        }
        window.draw_marks(canvas, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        if areas.panel().contains(at) {
            let (_, list) = areas.table();
            return Window::new(list, self.head, state.heads()?.rows.len()).at(at).map(Action::Pick);
        }
        let (picture, label) = picture::label_at(areas, state, at)?;
        match picture.key.lines.map(|lines| lines.of) {
            Some(Origin::HeadTiles(_, layout, page)) => {
                let head = page * layout.per_page() + label as usize;
                (head < state.heads()?.rows.len()).then_some(Action::Pick(head))
            }
            _ => Some(Action::Ask(label as usize)),
        }
    }

    fn said<'s>(&self, state: &'s State) -> Option<Said<'s>> {
        let heads = state.heads()?;
        let columns = heads.patches.dim().1;
        let asks = match self.asking {
            Asking::Read => "asked by what the classifier reads".to_owned(),
            Asking::Patch(patch) => {
                format!("asked by the patch in row {}, column {}", patch / columns + 1, patch % columns + 1)
            }
        };
        let keys = match (self.asking, self.moves_patch) {
            (Asking::Read, _) => "a click or Enter lets a patch ask",
            (_, true) => "h j k l move it, Enter ends that",
            (_, false) => "a click or Enter moves it, Esc goes back",
        };
        Some(Said { lines: vec![asks, keys.to_owned()], warnings: vec![] })
    }

    fn steps(&self, state: &State) -> Option<(&'static str, Vec<String>, usize)> {
        let blocks = state.model.as_deref()?.attention.iter().map(|name| short(name)).collect();
        Some(("attention", blocks, state.block_at()?))
    }

    fn status<'a>(&self, state: &State, width: usize, theme: Theme) -> Option<Vec<Piece<'a>>> {
        let heads = state.heads()?;
        let row = heads.rows.get(self.head)?;
        let block = state.model.as_deref()?.attention.get(self.shown.as_ref()?.block)?;
        let what = format!("head {} of {}", self.head, short(block));
        let ends = ("0 ".to_owned(), format!(" {}", percent(heads.scale).trim_start()));
        let narrow = width < status::NARROW;
        let bar = status::colour_bar(ends, crate::app::Sign::Positive, state.selection.colormap, narrow, theme);
        Some(vec![
            piece(0, Span::styled(cut(&what, width.saturating_sub(8)), theme.strong())),
            piece(3, Span::raw(format!("up to {} a patch", percent(row.largest).trim_start()))),
            Piece { rank: 2, spans: bar },
            piece(4, Span::styled(duration(heads.elapsed), theme.quiet())),
        ])
    }
}

/// ` ▸    3     98 %     24.1 ███`
fn line<'a>(head: usize, row: HeadRow, most: f32, is_marked: bool, width: usize, theme: Theme) -> Line<'a> {
    let style = if is_marked { theme.strong() } else { Style::new() };
    let share = if most > 0.0 { row.spread / most } else { 0.0 };
    Line::from(vec![
        Span::styled(if is_marked { " ▸" } else { "  " }, theme.accent()),
        Span::styled(format!("{head:>6}"), style),
        Span::styled(format!("{:>10}", percent(row.on_patches)), theme.quiet()),
        Span::styled(format!("{:>9} ", number(row.spread)), style),
        Span::styled(filled(share, width.saturating_sub(BEFORE + 2)), theme.accent_bar()),
    ])
}
