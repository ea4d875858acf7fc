//! The weights of a layer, in the list's place: its outputs with the norms of their filters or kernels, or the inputs of one
//! output with what it reads of each; the marked kernel stands beside all of them.

use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, Command, Mode, Sign, State, WeightRow, WeightRows, WeightTable, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::segments::bar_style;
use crate::ui::views::stage_names::stage_names;
use crate::ui::views::{Said, View, Window, picture, status, why::filled};
use crate::ui::words::{Piece, cut, duration, number, pad, piece, wrap};

/// Cells before the bar: mark, output or input, its weight.
const BEFORE: usize = 2 + 7 + VALUE + 1;
const VALUE: usize = 9;
/// Cells of what all outputs read of an input, and the width from which on there is room for them.
const ALL: usize = 9;
const WIDE: usize = 36;

impl View for panel::Weights {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let width = usize::from(areas.panel().width);
        canvas.clear(areas.list_title);
        let Some(table) = self.table(state) else {
            canvas.line(areas.list_title, Span::styled(" weights", theme.accent()));
            let says = match self.node(state) {
                None => self.why_none(state),
                Some(_) => self.refusal(state).unwrap_or(if state.is_working() { "working…" } else { "" }).to_owned(),
            };
            for (row, line) in wrap(&says, width.saturating_sub(4)).into_iter().enumerate() {
                canvas.row(areas.panel(), row, Span::styled(format!("   {line}"), theme.quiet()));
            }
            return;
        };
        canvas.line(areas.list_title, Span::styled(cut(&self.title(table, state), width), theme.accent()));
        let (heads, list) = areas.table();
        let what = if table.reads_inputs() { "input" } else { "output" };
        let value = if table.kind == WeightRows::Numbers { "weight" } else { "norm" };
        let all = all(table, width);
        let of_all = if all > 0 { "of all" } else { "" };
        let text =
            format!("{what:>9}{value:>VALUE$} {}{of_all:>all$}", " ".repeat(width.saturating_sub(BEFORE + 1 + all)));
        canvas.line(heads, Span::styled(cut(&text, width), theme.quiet()));
        let (window, marked) = (Window::new(list, self.row(state), table.rows.len()), self.row(state));
        for row in window.rows() {
            canvas.line(window.place(row), line(table, table.rows[row], row == marked, width, theme));
        }
        window.draw_marks(canvas, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        if areas.panel().contains(at) {
            let (_, list) = areas.table();
            return Window::new(list, self.row(state), self.table(state)?.rows.len()).at(at).map(Action::Pick);
        }
        let (picture, across, down) = picture::picture_at(areas, state, at)?;
        let (_, page, _) = picture.key.weights?;
        if page.is_none() && self.table(state)?.grid().is_none() {
            return None;
        }
        state.kernel_at((across, down), page).map(Action::Pick)
    }

    fn said<'s>(&self, state: &'s State) -> Option<Said<'s>> {
        let lines = self.table(state).map(|table| {
            let sides = table.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
            let what = match table.kind {
                WeightRows::Filters => "filters in their colours: grey is zero".to_owned(),
                WeightRows::Kernels => "each output reads one input, by its kernel".to_owned(),
                WeightRows::Inputs => {
                    let input = table.rows.get(self.row(state)).map_or(0, |row| row.index);
                    format!("the kernel from input {input}, beside all")
                }
                WeightRows::Numbers => "a number for each input, in rows, in their order".to_owned(),
            };
            format!("{what}; {sides} weights")
        });
        Some(Said { lines: lines.into_iter().collect(), warnings: vec![] })
    }

    fn steps(&self, state: &State) -> Option<(&'static str, Vec<String>, usize)> {
        let stages = &state.model.as_deref()?.stages;
        let nodes =
            || stages.iter().enumerate().flat_map(|(at, stage)| (0..stage.weighted.len()).map(move |node| (at, node)));
        let names = stage_names(stages);
        let name = |(at, node): (usize, usize)| match node {
            0 => names[at].clone(),
            _ => format!("{} {}", names[at], node + 1),
        };
        let current = nodes().position(|at| at == self.at)?;
        Some(("weights", nodes().map(name).collect(), current))
    }

    fn status<'a>(&self, state: &State, width: usize, theme: Theme) -> Option<Vec<Piece<'a>>> {
        let name = state.model.as_deref().and_then(|model| Some(stage_names(&model.stages).get(self.at.0)?.clone()));
        let name = cut(&format!("weights of {}", name.unwrap_or_default()), width.saturating_sub(18));
        let mut pieces = vec![piece(0, Span::styled(name, theme.strong()))];
        if let Some(table) = self.table(state) {
            let scale = number(table.scale);
            let ends = (format!("-{scale} "), format!(" +{scale}"));
            if table.kind == WeightRows::Filters {
                pieces.push(piece(2, Span::raw(format!("black -{scale}, white +{scale} in each colour"))));
            } else {
                let bar =
                    status::colour_bar(ends, Sign::Signed, state.selection.colormap, width < status::NARROW, theme);
                pieces.push(Piece { rank: 2, spans: bar });
            }
            pieces.push(piece(4, Span::styled(duration(table.elapsed), theme.quiet())));
        }
        Some(pieces)
    }
}

impl panel::Weights {
    /// ` 64 filters of 7x7`, ` output 12 of 64, 3x3`, ` goose, 512 inputs`
    fn title(&self, table: &WeightTable, state: &State) -> String {
        let output = self.shown.as_ref().map_or(0, |key| key.output);
        let size = || table.shape.iter().skip(2).map(ToString::to_string).collect::<Vec<_>>().join("x");
        match (table.kind, state.model.as_deref().filter(|_| table.of_classes)) {
            (WeightRows::Filters, _) => format!(" {} filters of {}", table.outputs, size()),
            (WeightRows::Kernels, _) => format!(" {} kernels of {}", table.outputs, size()),
            (_, Some(model)) => format!(" {}, {} inputs", model.short_label(output), table.rows.len()),
            (_, None) => format!(" output {output} of {}, {} inputs", table.outputs, table.rows.len()),
        }
    }

    /// `MaxPool has no weights. [ goes to those before, layer1.conv; ] to the next that has some, fc`
    fn why_none(&self, state: &State) -> String {
        let Some(model) = state.model.as_deref() else { return String::new() };
        let stage = &model.stages[self.at.0.min(model.stages.len() - 1)];
        let what = match stage.operators.split(',').next().filter(|operator| !operator.is_empty()) {
            Some("MaxPool") => "max pooling",
            Some("AveragePool" | "GlobalAveragePool" | "ReduceMean") => "average pooling",
            Some("Add") => "a sum",
            Some("Concat") => "putting channels together",
            Some(operator) => operator,
            None => "the input",
        };
        let names = stage_names(&model.stages);
        let (before, after) = self.around(state);
        let key = |command| state.keymap.key(Mode::Menu, command);
        let after = after.map(|at| format!(" {} goes to the next that has: {}.", key(Command::LayerOn), names[at]));
        let before = before.map(|at| format!(" {} goes to the one before: {}.", key(Command::LayerBack), names[at]));
        format!("{what} has no weights.{}{}", after.unwrap_or_default(), before.unwrap_or_default())
    }
}

/// Cells of what all outputs read of each input.
fn all(table: &WeightTable, width: usize) -> usize {
    if table.reads_inputs() && width >= WIDE { ALL } else { 0 }
}

/// ` ▸     12    +0.031 ███       0.42`
fn line<'a>(table: &WeightTable, row: WeightRow, is_marked: bool, width: usize, theme: Theme) -> Line<'a> {
    let style = if is_marked { theme.strong() } else { Style::new() };
    let share = if table.strongest > 0.0 { row.value.abs() / table.strongest } else { 0.0 };
    let sign = if table.kind == WeightRows::Numbers && row.value > 0.0 { "+" } else { "" };
    let all = all(table, width);
    let cells = width.saturating_sub(BEFORE + 1 + all);
    let bar = if table.kind == WeightRows::Numbers { bar_style(row.value, theme) } else { theme.accent_bar() };
    let of_all = row.of_all.filter(|_| all > 0).map(|norm| format!("{:>all$}", number(norm))).unwrap_or_default();
    Line::from(vec![
        Span::styled(if is_marked { " ▸" } else { "  " }, theme.accent()),
        Span::styled(format!("{:>7}", row.index), style),
        Span::styled(format!("{:>VALUE$} ", format!("{sign}{}", number(row.value))), style),
        Span::styled(pad(&filled(share, cells), cells), bar),
        Span::styled(of_all, theme.quiet()),
    ])
}
