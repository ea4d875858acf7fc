//! The channels of the layer, in the list's place: what each holds, and what it contributes to the class. The one at the
//! mark lies over the picture, and is framed among the tiles.

use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::app::{Action, Channels, End, Exemplar, Exemplars, ImageId, Origin, Outcome, Sign, State, Target, panel};
use crate::raster::Sheet;
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::segments::bar_style;
use crate::ui::views::strip::short;
use crate::ui::views::terms::{self, Table};
use crate::ui::views::{Said, View, picture, status, why::filled};
use crate::ui::words::{Piece, cut, duration, number, pad, piece, wrap};

/// Cells before the bar: mark, channel, largest value, contribution.
const BEFORE: usize = 2 + 7 + LARGEST + CONTRIBUTION + 1;
/// Cells of the contribution, and of the class above it.
const CONTRIBUTION: usize = 10;
/// Cells of the largest value, and the width from which on there is room for them beside a bar.
const LARGEST: usize = 9;
const WIDE: usize = 36;

impl View for panel::Channels {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let area = areas.panel();
        let width = usize::from(area.width);
        canvas.clear(areas.list_title);
        let Some(channels) = state.channels() else {
            canvas.line(areas.list_title, Span::styled(" channels", theme.accent()));
            let failure = match state.current_entry().map(|entry| &entry.outcome) {
                Some(Outcome::Failed(reason)) => Some(reason.as_str()),
                _ => state.channels_refusal(),
            };
            let says = failure.unwrap_or(if state.is_working() { "working…" } else { "" });
            let lines = wrap(says, width.saturating_sub(4));
            for (row, line) in lines.into_iter().enumerate() {
                canvas.row(area, row, Span::styled(format!("   {line}"), theme.quiet()));
            }
            return;
        };
        let (count, silent) = (channels.maps.len(), channels.silent());
        let title = match silent {
            0 => format!(" {count} channels"),
            _ => format!(" {count} channels, {silent} of them silent"),
        };
        canvas.line(areas.list_title, Span::styled(cut(&title, width), theme.accent()));
        let (heads, _) = areas.table();
        let target = target(state).filter(|_| channels.unknown().is_none()).unwrap_or_default();
        let class = cut(&target, CONTRIBUTION - 1);
        let before = CONTRIBUTION.saturating_sub(class.width());
        let largest = if shows_largest(channels, width) { "largest" } else { "" };
        let heads_text = format!("{:>9}{largest:>LARGEST$}{}{class}", "channel", " ".repeat(before));
        canvas.line(heads, Span::styled(heads_text, theme.quiet()));
        let Some((table, marked)) = table(areas, state).zip(state.marked_channel_row()) else { return };
        for (row, place) in table.rows() {
            canvas.line(place, line(channels, channels.order[row], row == marked, width, theme));
        }
        table.draw_rest(canvas, channels, &target, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        if areas.panel().contains(at) {
            return table(areas, state)?.at(at).map(Action::Pick);
        }
        let image = sheet_image_at(areas, state, at).map(Action::GoTo);
        image.or_else(|| tile_at(areas, state, at).map(Action::Pick))
    }

    fn said<'s>(&self, state: &'s State) -> Option<Said<'s>> {
        self.shown.as_ref()?;
        let term = || {
            let (channels, channel) = state.channels().zip(state.marked_channel())?;
            Some(format!("{} for {}", terms::of_term(channels, channel)?, target(state)?))
        };
        let line = state.exemplars().map(|exemplars| strongest_in(state, exemplars)).or_else(term);
        Some(Said {
            lines: line.into_iter().collect(),
            warnings: state.channels().and_then(Channels::unknown).into_iter().collect(),
        })
    }

    fn status<'a>(&self, state: &State, width: usize, theme: Theme) -> Option<Vec<Piece<'a>>> {
        self.shown.as_ref()?;
        Some(marked(state, width, theme))
    }
}

/// Whether there is room for the largest value of each channel, or nothing else to be said of it.
fn shows_largest(channels: &Channels, width: usize) -> bool {
    width >= WIDE || channels.contributions.is_err()
}

/// ` ▸    117     4.21     +1.83 ███`, or where there is less room ` ▸    117 ███         +1.83`
fn line<'a>(channels: &Channels, channel: usize, is_marked: bool, width: usize, theme: Theme) -> Line<'a> {
    let style = if is_marked { theme.strong() } else { Style::new() };
    let mut spans = vec![
        Span::styled(if is_marked { " ▸" } else { "  " }, theme.accent()),
        Span::styled(format!("{channel:>7}"), style),
    ];
    let shows_largest = shows_largest(channels, width);
    if shows_largest {
        let (low, high) = channels.ranges[channel];
        let largest = number(if low.abs() > high.abs() { low } else { high });
        spans.push(Span::styled(format!("{largest:>LARGEST$}"), theme.quiet()));
    }
    if let Ok(contributions) = &channels.contributions {
        let value = contributions[channel];
        let share = if channels.strongest > 0.0 { value.abs() / channels.strongest } else { 0.0 };
        let sign = if value > 0.0 { "+" } else { "" };
        let value_text = Span::styled(format!("{:>CONTRIBUTION$} ", format!("{sign}{}", number(value))), style);
        let bar = |cells: usize| Span::styled(pad(&filled(share, cells), cells), bar_style(value, theme));
        if shows_largest {
            spans.extend([value_text, bar(width.saturating_sub(BEFORE + 1))]);
        } else {
            spans.extend([Span::raw(" "), bar(LARGEST - 1), value_text]);
        }
    }
    Line::from(spans)
}

/// What the channels contribute to.
fn target(state: &State) -> Option<String> {
    target_name(state, state.shown_channels()?.target)
}

/// A target in words.
pub(super) fn target_name(state: &State, target: Target) -> Option<String> {
    let model = state.model.as_deref()?;
    Some(match target {
        Target::Class(class) | Target::Probability(class) => model.short_label(class).to_owned(),
        Target::Contrast(class, other) => format!("{}-{}", model.short_label(class), model.short_label(other)),
        Target::Top(_) => return None,
    })
}

/// Where the rows of the table are.
fn table(areas: &Areas, state: &State) -> Option<Table> {
    Some(Table::new(areas, state.channels()?, state.marked_channel_row()?))
}

/// The row of the table of channels whose tile is at a cell of the screen.
fn tile_at(areas: &Areas, state: &State, at: Position) -> Option<usize> {
    let (picture, tile) = picture::label_at(areas, state, at)?;
    let Origin::Tiles(_, layout, page) = picture.key.lines?.of else { return None };
    Some(page * layout.per_page() + tile as usize)
        .filter(|row| state.channels().is_some_and(|channels| *row < channels.order.len()))
}

/// The image of a sheet that is at a cell of the screen.
fn sheet_image_at(areas: &Areas, state: &State, at: Position) -> Option<ImageId> {
    let (picture, across, down) = picture::picture_at(areas, state, at)?;
    let Origin::Exemplars(.., images) = picture.key.heat?.of else { return None };
    let columns = Sheet::columns(images.len());
    let cell = |share: f32, count: usize| (share * count as f32) as usize;
    images.get(cell(down, images.len().div_ceil(columns)) * columns + cell(across, columns)).copied()
}

/// `312 of 10000 images asked; coloured up to 4.21: pelican/0007.jpg 4.21, goose/0012.jpg 4.02`
fn strongest_in(state: &State, exemplars: &Exemplars) -> String {
    let (asked, all) = (exemplars.asked(), state.entries.len());
    let progress = if asked < all { format!("{asked} of {all} images asked; ") } else { String::new() };
    let end = state.exemplar_end();
    let named = |exemplar: &Exemplar| {
        let name = state.entries.get(exemplar.image).map_or("?", |entry| entry.name.as_str());
        format!("{name} {}", number(end.value(exemplar)))
    };
    let strongest = state.marked_exemplars();
    let Some(first) = strongest.first() else {
        let does = if end == End::High { "excites this channel" } else { "takes this channel below zero" };
        return if asked < all { format!("{progress}no image so far {does}") } else { format!("no image {does}") };
    };
    // Its scale is not the one of the image beside it.
    let scale = match end {
        End::High => format!("coloured up to {}", number(end.value(first))),
        End::Low => format!("its negative end, coloured down to {}", number(end.value(first))),
    };
    let framed =
        state.exemplar_at().map(|at| format!("framed: {} of {}, {}; ", at + 1, strongest.len(), named(&strongest[at])));
    let names: Vec<String> = strongest.iter().map(named).collect();
    format!("{progress}{}{scale}: {}", framed.unwrap_or_default(), names.join(", "))
}

/// `channel 117 of layer4.2  0 … 4.21  0 ▇▇▇▇ 3.80  2 ms`
fn marked<'a>(state: &State, width: usize, theme: Theme) -> Vec<Piece<'a>> {
    let Some((channels, channel)) = state.channels().zip(state.marked_channel()) else { return Vec::new() };
    let shown = state.shown_channels().map(|key| key.layer);
    let layer = state.model.as_deref().zip(shown).and_then(|(model, layer)| model.layer_name(layer));
    let layer = layer.map(short).unwrap_or_default();
    let what = format!("channel {channel} of {layer}");
    let (low, high) = channels.ranges[channel];
    let scale = number(channels.scale);
    let ends = match channels.sign {
        Sign::Signed => (format!("-{scale} "), format!(" +{scale}")),
        Sign::Positive | Sign::Membership => ("0 ".to_owned(), format!(" {scale}")),
    };
    let bar = status::colour_bar(ends, channels.sign, state.selection.colormap, width < status::NARROW, theme);
    vec![
        piece(0, Span::styled(cut(&what, width.saturating_sub(8)), theme.strong())),
        piece(3, Span::raw(format!("values {} … {}", number(low), number(high)))),
        Piece { rank: 2, spans: bar },
        piece(4, Span::styled(duration(channels.elapsed), theme.quiet())),
    ]
}
