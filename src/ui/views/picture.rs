//! The picture: its name, its place, and what to say where there is none.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{DREAM_STEPS, Family, MapKey, Origin, Outcome, Pair, Picture, Reading, State};
use crate::ui::canvas::Canvas;
use crate::ui::layout::{Areas, fit, halves};
use crate::ui::views::{self, why::filled};
use crate::ui::words::{Piece, cut, cut_start, duration, number, pad, piece, spread, wrap};
use crate::ui::{Placement, Theme};

/// Fewest rows of the picture that words may not take.
const SMALLEST: u16 = 4;
/// The share of the pane that words may take.
const WORDS_SHARE: u16 = 3;
/// Cells that are kept for a rule in words.
const STATEMENT: usize = 170;
/// Cells of the progress bar.
const PROGRESS: usize = 10;

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) -> Vec<Placement> {
    draw_title(canvas, areas.title, state, theme);
    let Some(entry) = state.current_entry() else {
        if areas.folded {
            // There is no list beside it to say so.
            let filter = (format!("/ {}", state.filter), Style::new());
            canvas.centred(areas.picture, &[filter, (state.why_none(), theme.quiet())]);
        }
        return Vec::new();
    };
    let failure = match &entry.outcome {
        Outcome::Failed(reason) => Some(reason.as_str()),
        _ => state.current().and_then(|image| state.front_failure(image)),
    };
    if let Some(reason) = failure {
        let words = [
            ("this image cannot be shown".to_owned(), theme.warning()),
            (String::new(), Style::new()),
            (reason.to_owned(), Style::new()),
        ];
        canvas.centred(areas.picture, &words);
        return Vec::new();
    }
    if let Some(why) = &state.terminal.no_pictures {
        let words = [
            (format!("no pictures: {why}"), theme.warning()),
            (String::new(), Style::new()),
            ("--graphics halfblocks draws them in coloured cells".to_owned(), theme.quiet()),
        ];
        let area = below_words(canvas, areas.picture, state, theme);
        canvas.centred(area, &words);
        return Vec::new();
    }
    let scene = state.scene();
    if scene.is_empty() {
        canvas.centred(areas.picture, &[("opening…".to_owned(), theme.quiet())]);
    }
    let captions = state.captions(&scene);
    let area = below_words(canvas, areas.picture, state, theme);
    let placements = place(scene, captions.is_some(), area, state.terminal.cell);
    for (placement, caption) in placements.iter().zip(captions.iter().flatten()) {
        let Rect { x, y, .. } = placement.area;
        let room = Rect { x, y: y.saturating_sub(1), width: area.right() - x, height: 1 };
        // Where pictures stand side by side, each has the cells up to the next.
        let next = placements.iter().map(|other| other.area.x).filter(|other| *other > x).min();
        let room = Rect { width: next.map_or(room.width, |next| next - x - 1), ..room };
        canvas.line(room, Span::styled(cut(caption, usize::from(room.width)), theme.accent()));
    }
    placements
}

/// Which picture goes where; below a line of words each, where they have some.
fn place(scene: Vec<Picture>, has_captions: bool, area: Rect, cell: (u16, u16)) -> Vec<Placement> {
    let Some(size) = scene.first().map(|picture| picture.recipe.size()) else { return Vec::new() };
    let places = if scene.len() > 1 { halves(size, area, cell).to_vec() } else { vec![area] };
    let placements = scene
        .into_iter()
        .zip(places)
        .map(|(picture, half)| (picture, below(half, usize::from(has_captions))))
        .map(|(picture, half)| Placement { area: fit(picture.recipe.size(), half, cell), picture });
    placements.filter(|placement| !placement.area.is_empty()).collect()
}

/// The superpixel at a cell of the screen.
pub(in crate::ui) fn segment_at(areas: &Areas, state: &State, at: Position) -> Option<u32> {
    state.division()?;
    Some(label_at(areas, state, at)?.1)
}

/// The picture at a cell of the screen, and the label of its superpixel or tile there.
pub(in crate::ui) fn label_at(areas: &Areas, state: &State, at: Position) -> Option<(Picture, u32)> {
    let (picture, across, down) = picture_at(areas, state, at)?;
    let label = picture.recipe.part_at(across, down)?;
    Some((picture, label))
}

/// The picture at a cell of the screen, and where in it the cell is, as shares of its width and height.
pub(in crate::ui) fn picture_at(areas: &Areas, state: &State, at: Position) -> Option<(Picture, f32, f32)> {
    let area = below(areas.picture, words(areas.picture, state, state.shown_map.as_ref()).len());
    let scene = state.scene();
    let has_captions = state.captions(&scene).is_some();
    let placements = place(scene, has_captions, area, state.terminal.cell);
    let Placement { area, picture } = placements.into_iter().find(|placement| placement.area.contains(at))?;
    let share = |cell: u16, first: u16, count: u16| (f32::from(cell - first) + 0.5) / f32::from(count);
    Some((picture, share(at.x, area.x, area.width), share(at.y, area.y, area.height)))
}

/// Where in the whole image a cell of the screen is, as shares of its width and height.
pub(in crate::ui) fn point_at(areas: &Areas, state: &State, at: Position) -> Option<(f32, f32)> {
    let (picture, across, down) = picture_at(areas, state, at)?;
    Some(picture.key.cut.map_or((across, down), |cut| cut.outward(across, down)))
}

/// Where the pictures a step further would go.
pub(in crate::ui) fn ahead(areas: &Areas, state: &State) -> Vec<Placement> {
    let mut placements = Vec::new();
    for scene in state.scenes_ahead() {
        let map = scene.last().and_then(|picture| match &picture.key.heat.as_ref()?.of {
            Origin::Map(key) => Some(key),
            _ => None,
        });
        let lines = words(areas.picture, state, map).len();
        let has_captions = state.captions(&scene).is_some();
        placements.extend(place(scene, has_captions, below(areas.picture, lines), state.terminal.cell));
    }
    placements
}

/// Writes what the map on screen says in words, and what must be known about it; returns what is left of the area.
fn below_words(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) -> Rect {
    let words = words(area, state, state.shown_map.as_ref());
    for (row, (text, is_warning)) in words.iter().enumerate() {
        let style = if *is_warning { theme.warning() } else { theme.strong() };
        canvas.row(area, row, Span::styled(cut(text, usize::from(area.width)), style));
    }
    below(area, words.len())
}

/// The area without its first lines.
fn below(area: Rect, lines: usize) -> Rect {
    let lines = (lines as u16).min(area.height);
    Rect { y: area.y + lines, height: area.height - lines, ..area }
}

/// What a map says in words and what must be known about it, in lines, and whether they are a warning; as far as there is
/// room. While a method is at work their number stays as it is, or the picture would jump.
fn words(area: Rect, state: &State, map: Option<&MapKey>) -> Vec<(String, bool)> {
    let width = usize::from(area.width).saturating_sub(4);
    let mut lines: Vec<(String, bool)> = Vec::new();
    let said = views::of(&state.panel).said(state);
    let map = map.and_then(|key| state.maps.get(key));
    let method = state.method().filter(|_| said.is_none());
    if method.is_some_and(|method| method.family == Family::Rule) {
        let statement = map.and_then(|map| map.attribution.statement.as_deref()).unwrap_or_default();
        let mut said = wrap(statement, width);
        said.resize(STATEMENT.div_ceil(width.max(1)).max(said.len()), String::new());
        lines.extend(said.into_iter().map(|line| (format!(" {line}"), false)));
    }
    lines.extend(said.iter().flat_map(|said| &said.lines).map(|line| (format!(" {line}"), false)));
    let mut warnings: Vec<&str> = Vec::new();
    let predicted = state.current().and_then(|image| state.prediction(image));
    warnings.extend(predicted.iter().flat_map(|predicted| &predicted.warnings).map(String::as_str));
    if let Some(said) = &said {
        warnings.extend(&said.warnings);
    } else {
        warnings.extend(state.refusal());
        warnings.extend(map.filter(|map| map.progress.is_none()).iter().flat_map(|map| map.attribution.remarks()));
        // Of a map that there is not, nothing need be known.
        warnings.extend(method.filter(|_| state.refusal().is_none()).and_then(|method| method.caution));
    }
    let notices = state.model.iter().flat_map(|model| &model.notices);
    let apart = state.why_not_compared();
    warnings.extend(apart.as_deref());
    let notices = state.pair.iter().flat_map(Pair::notices).chain(notices);
    warnings.extend(notices.chain(&state.truth_notices).map(String::as_str));
    let room = usize::from(area.height.saturating_sub(SMALLEST)).min(usize::from(area.height / WORDS_SHARE));
    lines.truncate(room);
    lines.extend(whole(&warnings, width, room - lines.len()).into_iter().map(|line| (line, true)));
    lines
}

/// Warnings in at most `room` lines: as many as are there with all their words, and how many are not.
fn whole(warnings: &[&str], width: usize, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, warning) in warnings.iter().enumerate() {
        let wrapped = wrap(warning, width);
        let is_last = index + 1 == warnings.len();
        if lines.len() + wrapped.len() + usize::from(!is_last) > room {
            let more = format!(" ! {} more in a larger window", warnings.len() - index);
            lines.extend((lines.len() < room).then_some(more));
            break;
        }
        lines.extend(
            wrapped.into_iter().zip(0..).map(|(line, row)| format!(" {} {line}", if row == 0 { "!" } else { " " })),
        );
    }
    lines
}

/// `pelican/0007.jpg  640x480, cropped to 480x480             working…`
fn draw_title(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) {
    let Some((entry, image)) = state.current_entry().zip(state.current()) else { return };
    let width = usize::from(area.width).saturating_sub(2);
    let mut right = Vec::new();
    let calls = state.progress.as_ref().map(|(_, done, total)| (*done, *total, "model calls"));
    let steps = state.forming().map(|frame| (frame.step, DREAM_STEPS, "steps"));
    if let Some((done, total, what)) = steps.or(calls).filter(|(_, total, _)| *total > 0) {
        // As wide at the first call as at the last, or pieces would come and go on the way.
        let bar = pad(&filled(done as f32 / total as f32, PROGRESS), PROGRESS);
        right.push(piece(3, Span::styled(bar, theme.accent_bar())));
        let digits = total.to_string().len();
        right.push(piece(1, Span::styled(format!("{done:>digits$} of {total} {what}"), theme.accent())));
        if let Some(left) = time_left(state) {
            right.push(piece(2, Span::styled(format!("{left} left"), theme.quiet())));
        }
    } else if state.is_working() {
        right.push(piece(1, Span::styled("working…", theme.accent())));
    }
    // What goes on is worth more than the first folders of a long name.
    let kept: usize = right.iter().filter(|piece| piece.rank == 1).map(|piece| piece.width() + 2).sum();
    let reading = state.reading();
    let read = reading.map(|reading| read(&reading, theme)).unwrap_or_default();
    let kept = kept + read.iter().map(|piece| piece.width() + 2).sum::<usize>();
    let name = cut_start(&entry.name, width.saturating_sub(kept).max(width / 3));
    let mut left: Vec<Piece<'_>> = vec![piece(if read.is_empty() { 0 } else { 3 }, Span::styled(name, theme.strong()))];
    left.extend(read);
    if entry.is_marked {
        left.push(piece(2, Span::styled("* marked", theme.accent())));
    }
    let texts = sizes(state, image).into_iter().zip(4..);
    left.extend(texts.map(|(text, rank)| piece(rank, Span::styled(text, theme.quiet()))));
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let line: Line<'_> = spread(left, right, width);
    canvas.line(inner, line);
}

/// `4x  231,88  #3f6a20  heat 0.73`: what is held at the pixel that is asked about.
fn read<'a>(reading: &Reading, theme: Theme) -> Vec<Piece<'a>> {
    let Reading { factor, pixel: (x, y), rgb: [r, g, b], is_mean, heat, is_under_mouse } = *reading;
    let about = if is_mean { "≈" } else { "" };
    let whose = if is_under_mouse { "mouse " } else { "" };
    let mut pieces = vec![
        piece(0, Span::styled(format!("{whose}x {x} y {y}"), theme.accent())),
        piece(1, Span::raw(format!("{about}rgb {r} {g} {b}"))),
    ];
    if let Some(heat) = heat {
        pieces.push(piece(0, Span::raw(format!("heat {}", number(heat)))));
    }
    if factor > 1 {
        pieces.push(piece(2, Span::styled(format!("{factor} times"), theme.quiet())));
    }
    pieces
}

/// Time that the running method will take, if it goes on as it did.
fn time_left(state: &State) -> Option<String> {
    let (key, done, total) = state.progress.as_ref().filter(|(_, done, _)| *done > 0)?;
    let map = state.maps.get(key)?;
    let (known, _) = map.progress?;
    let rest = map.elapsed.mul_f64(total.saturating_sub(*done) as f64 / known.max(1) as f64);
    Some(duration(rest))
}

/// How large the image is, and which part of it the model saw.
fn sizes(state: &State, image: usize) -> Vec<String> {
    let predicted = state.prediction(image);
    if let Some(predicted) = predicted.filter(|_| state.selection.seen) {
        let (width, height) = predicted.seen.dimensions();
        return vec![format!("what the model saw, {width}x{height}")];
    }
    let Some(decoded) = state.pixels(image) else { return Vec::new() };
    let (width, height) = decoded.size;
    let mut texts = vec![format!("{width}x{height}")];
    if let Some(region) = predicted.map(|predicted| predicted.region) {
        let (across, down) = (region.width.round() as u32, region.height.round() as u32);
        texts.push(if across > width || down > height {
            format!("padded to {across}x{down}")
        } else if (across, down) == (width, height) {
            "seen whole".to_owned()
        } else {
            format!("cropped to {across}x{down}")
        });
    }
    texts
}
