//! The layers, with the one that is used in brackets, and as many around it as fit. Methods that look at no layer have what
//! was measured there instead.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::{Explained, LayerRow, MethodRow, Panel, Sign, State};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::views;
use crate::ui::views::status::values;
use crate::ui::words::{Piece, cut_start, number, piece, spread};

/// Longest name shown, in cells.
const LONGEST: usize = 28;

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) {
    let Some((model, method)) = state.model.as_deref().zip(state.method()) else { return };
    if let Some(hint) = hint(state) {
        return canvas.line(area, Span::styled(format!(" {hint}"), theme.quiet()));
    }
    let area = beside_values(canvas, area, state, theme);
    let layers = || {
        let current = state.layer_at().filter(|_| state.uses_layer())?;
        Some(("layers", model.layers.iter().map(name).collect(), current))
    };
    let Some((what, names, current)) = views::of(&state.panel).steps(state).or_else(layers) else {
        canvas.line(area, measured(state, method, usize::from(area.width), theme));
        return;
    };
    let heading = format!(" {what} ");
    let (first, last) = window(&names, current, usize::from(area.width).saturating_sub(heading.len() + 4));
    let mut spans = vec![Span::styled(heading, theme.quiet())];
    spans.push(Span::styled(if first > 0 { "‹ " } else { "  " }, theme.quiet()));
    for (index, name) in names.iter().enumerate().take(last + 1).skip(first) {
        let (text, style): (String, Style) =
            if index == current { (format!("[{name}]"), theme.accent()) } else { (format!(" {name} "), theme.quiet()) };
        spans.push(Span::styled(text, style));
    }
    spans.push(Span::styled(if last + 1 < names.len() { " ›" } else { "" }, theme.quiet()));
    canvas.line(area, Line::from(spans));
}

/// Writes the range of the map's values at the end of the line; returns what is left of it.
fn beside_values(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) -> Rect {
    let says_more = |map: &&Explained| !map.flat && map.attribution.sign != Sign::Membership;
    let map = state.selected_map().filter(says_more).filter(|_| views::of(&state.panel).said(state).is_none());
    let Some(map) = map else { return area };
    let text = values(map);
    let width = (text.width() as u16 + 1).min(area.width);
    let left = Rect { width: area.width - width, ..area };
    canvas.line(Rect { x: left.right(), width, ..area }, Span::styled(text, theme.quiet()));
    Rect { width: left.width.saturating_sub(1), ..left }
}

/// What keys do where the layers are those of the walk.
fn hint(state: &State) -> Option<&'static str> {
    match &state.panel {
        Panel::Walk(panel) if panel.is_at_head(state) => Some("Enter takes the score apart: the channels that decide"),
        Panel::Walk(_) => Some("[ ] or j k walk, h l other images, Enter its channels"),
        Panel::Dreams(panel) if panel.unit.is_some() => {
            Some("D another beginning, [ ] other channels, w writes, Esc stops")
        }
        Panel::Dreams(_) => Some("D another beginning, 1..9 other classes, w writes, Esc stops"),
        Panel::Channels(panel) if panel.stage.is_some() => {
            Some("[ ] other layers of the network, ! for or against, Esc back")
        }
        _ => None,
    }
}

/// `measured  R² 0.87  relative standard error 0.031  model calls 320`
fn measured<'a>(state: &State, method: &MethodRow, width: usize, theme: Theme) -> Line<'a> {
    let metrics = state.selected_map().map_or(&[][..], |map| &map.attribution.metrics);
    if metrics.is_empty() {
        return Line::styled(format!(" {} looks at the input, not at a layer", method.name), theme.quiet());
    }
    let mut pieces = vec![piece(0, Span::styled(" measured", theme.quiet()))];
    pieces.extend(metrics.iter().zip(1..).map(|(metric, rank)| {
        let space = if metric.unit.is_empty() { "" } else { " " };
        let value = metric.value as f32;
        let value = if value.fract() == 0.0 && value.abs() < 1e7 { format!("{value:.0}") } else { number(value) };
        let value = format!("{value}{space}{}", metric.unit);
        Piece { rank, spans: vec![Span::styled(format!("{} ", metric.name), theme.quiet()), Span::raw(value)] }
    }));
    spread(pieces, Vec::new(), width)
}

/// The range of names around `current` that fits in `width` cells, two more for each name.
fn window(names: &[String], current: usize, width: usize) -> (usize, usize) {
    let cells = |index: usize| names[index].width() + 2;
    let (mut first, mut last, mut used) = (current, current, cells(current));
    loop {
        let before = first.checked_sub(1).filter(|index| used + cells(*index) <= width);
        if let Some(index) = before {
            first = index;
            used += cells(index);
        }
        let after = Some(last + 1).filter(|index| *index < names.len() && used + cells(*index) <= width);
        if let Some(index) = after {
            last = index;
            used += cells(index);
        }
        if before.is_none() && after.is_none() {
            return (first, last);
        }
    }
}

/// `layer4.2/relu 7x7`
fn name(layer: &LayerRow) -> String {
    let [_, height, width] = layer.shape;
    format!("{} {width}x{height}", cut_start(&short(&layer.name), LONGEST))
}

/// An ONNX name without what it repeats: `/layer4/layer4.1/relu_1/Relu` is `layer4.1/relu_1`.
pub(in crate::ui) fn short(name: &str) -> String {
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
    let named: Vec<&str> = parts
        .iter()
        .enumerate()
        .filter(|(index, part)| {
            let next = parts.get(index + 1);
            let is_repeated =
                next.is_some_and(|next| next.strip_prefix(**part).is_some_and(|rest| rest.starts_with('.')));
            let is_operator = *index > 0 && next.is_none() && part.starts_with(|c: char| c.is_ascii_uppercase());
            !is_repeated && !is_operator
        })
        .map(|(_, part)| *part)
        .collect();
    named.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_without_becoming_the_same() {
        assert_eq!(short("/layer4/layer4.1/relu_1/Relu"), "layer4.1/relu_1");
        assert_eq!(short("/features/features.0/features.0.2/Clip"), "features.0.2");
        assert_eq!(short("layer4.1.conv2"), "layer4.1.conv2");
        assert_eq!(short("/Relu"), "Relu");
    }

    #[test]
    fn the_window_holds_the_current_layer_and_fills_the_width() {
        let names: Vec<String> = (0..10).map(|index| format!("layer{index}")).collect();
        assert_eq!(window(&names, 9, 24), (7, 9));
        assert_eq!(window(&names, 0, 24), (0, 2));
        assert_eq!(window(&names, 5, 24), (4, 6));
        assert_eq!(window(&names, 5, 1), (5, 5));
    }
}
