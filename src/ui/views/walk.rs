//! The network, in the list's place: its stages under their resolutions, with what each has learnt and how long it takes;
//! branches stand beside a line, and where they meet is said.

use std::time::Duration;

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::app::{Action, Sign, StageRow, StageTime, StageTimes, State, panel};
use crate::text::percent_to;
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::channels::target_name;
use crate::ui::views::stage_names::stage_names;
use crate::ui::views::strip::short;
use crate::ui::views::{Said, View, Window, status, terms, why};
use crate::ui::words::{Piece, cut, cut_start, duration, number, piece, wrap};

/// Cells of the shares of weights and of the time.
const WEIGHTS: usize = 8;
const TIME: usize = 6;
/// What stands for a share of the time that is being measured, and for none of its own.
const PENDING: &str = "…";
const FUSED: &str = "·";
/// Cells before a name: mark, and the line of branches.
const BEFORE: usize = 4;
/// Width from which on there is room for operators, and theirs.
const WIDE: usize = 46;
const OPERATORS: usize = 14;

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
enum Row {
    /// What the stages below have in common.
    Heading(String),
    /// A stage, by its place.
    Stage(usize),
}

impl View for panel::Walk {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let Some(model) = state.model.as_deref() else { return };
        let width = usize::from(areas.panel().width);
        canvas.clear(areas.list_title);
        let title = format!(" network: {} stages", model.stages.len());
        canvas.line(areas.list_title, Span::styled(cut(&title, width), theme.accent()));
        let (heads, list, about) = parts(areas);
        canvas.line(heads, Span::styled(cut(&head(width), width), theme.quiet()));
        let rows = rows(&model.stages);
        let names = stage_names(&model.stages);
        let shares = Shares { weights: model.stages.iter().map(|stage| stage.weights).sum(), times: self.times(state) };
        let window = window(list, &rows, self.marked);
        for at in window.rows() {
            let line = match &rows[at] {
                Row::Heading(text) => Line::styled(format!("  {text}"), theme.accent()),
                Row::Stage(at) => line((&model.stages, &names[*at]), *at, *at == self.marked, (shares, width), theme),
            };
            canvas.line(window.place(at), line);
        }
        window.draw_marks(canvas, theme);
        draw_about(canvas, about, self, state, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        let rows = rows(&state.model.as_deref()?.stages);
        let (_, list, _) = parts(areas);
        match rows.get(window(list, &rows, self.marked).at(at)?)? {
            Row::Stage(stage) => Some(Action::Pick(*stage)),
            Row::Heading(_) => None,
        }
    }

    fn said<'s>(&self, state: &'s State) -> Option<Said<'s>> {
        let stage = self.stage(state)?;
        let (mut lines, mut warnings) = (Vec::new(), Vec::new());
        if self.is_at_input() {
            lines.push(format!("the input as the model sees it, {}", sides(&stage.shape)));
        } else if stage.layer.is_none() {
            let sum = self.layer(state).zip(self.shown.as_ref()).filter(|_| self.is_at_head(state));
            let sum = sum.and_then(|(layer, key)| terms::in_a_line(layer, &target_name(state, key.target)?));
            lines.push(
                sum.unwrap_or_else(|| format!("no rows and columns here: the map of {}", state.selection.method)),
            );
            return Some(Said { lines, warnings });
        } else {
            let strongest = self.layer(state).and_then(|layer| {
                let channel = layer.counts_most()?;
                let value = layer.contributions.as_ref().ok()?[channel];
                let sign = if value > 0.0 { "+" } else { "" };
                Some(format!("; channel {channel} counts most, {sign}{}", number(value)))
            });
            let channels = self.layer(state).map_or(stage.shape[0], |layer| layer.maps.len());
            // The line is there while the numbers are not, or the picture would jump.
            lines.push(format!("how active its {channels} channels are{}", strongest.unwrap_or_default()));
            warnings.extend(self.refusal(state));
            warnings.extend(self.layer(state).and_then(|layer| layer.unknown()));
        }
        Some(Said { lines, warnings })
    }

    fn status<'a>(&self, state: &State, width: usize, theme: Theme) -> Option<Vec<Piece<'a>>> {
        let stage = self.stage(state)?;
        let name = cut(&short(&stage.name), width.saturating_sub(8));
        if self.is_at_input() {
            return Some(vec![piece(0, Span::styled(name, theme.strong()))]);
        }
        stage.layer.as_ref()?;
        let Some(((_, elapsed), shown)) = self.energy(state).zip(self.shown_stage(state)) else {
            return Some(vec![piece(0, Span::styled(name, theme.strong()))]);
        };
        let name = cut(&short(&shown.name), width.saturating_sub(18));
        let is_narrow = width < status::NARROW;
        let ends = if is_narrow { ("low", "high") } else { ("low ", " high") };
        let ends = (ends.0.to_owned(), ends.1.to_owned());
        let bar = status::colour_bar(ends, Sign::Positive, state.selection.colormap, is_narrow, theme);
        Some(vec![
            piece(0, Span::styled(format!("energy of {name}"), theme.strong())),
            Piece { rank: 2, spans: bar },
            piece(4, Span::styled(duration(elapsed), theme.quiet())),
        ])
    }
}

/// The heads of the columns, the table, and what is said of the marked stage.
fn parts(areas: &Areas) -> (Rect, Rect, Rect) {
    let (list, about) = areas.menu();
    let heads = Rect { height: list.height.min(1), ..list };
    (heads, Rect { y: heads.bottom(), height: list.height - heads.height, ..list }, about)
}

/// The stages under headings. What has no rows and columns of its own stands with what is around it; behind the last layer
/// are the scores.
fn rows(stages: &[StageRow]) -> Vec<Row> {
    let last = stages.iter().rposition(|stage| stage.layer.is_some()).unwrap_or(0);
    let mut heading: Option<String> = None;
    let mut rows = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        let text = match (&stage.layer, &stage.shape[..]) {
            (Some(_), [_, height, width]) => Some(format!("{width} x {height}")),
            _ if at > last && at > 0 => Some("to the scores".to_owned()),
            _ => None,
        };
        if text.is_some() && text != heading {
            rows.extend(text.clone().map(Row::Heading));
            heading = text;
        }
        rows.push(Row::Stage(at));
    }
    rows
}

fn window(list: Rect, rows: &[Row], marked: usize) -> Window {
    let at = rows.iter().position(|row| *row == Row::Stage(marked)).unwrap_or(0);
    Window::new(list, at, rows.len())
}

/// What shares are of.
#[derive(Clone, Copy)]
struct Shares<'s> {
    /// All weights.
    weights: u64,
    /// How long the stages take, or why that is not known; none while it is measured.
    times: Option<Result<&'s StageTimes, &'s str>>,
}

impl Shares<'_> {
    /// `12 %`; nothing for nothing.
    fn of_weights(self, stage: &StageRow) -> String {
        if stage.weights == 0 { String::new() } else { whole(stage.weights as f64 / self.weights.max(1) as f64) }
    }

    /// `12 %`, or why there is none.
    fn of_time(self, at: usize) -> String {
        match self.times {
            None => PENDING.to_owned(),
            Some(Err(_)) => String::new(),
            Some(Ok(times)) => times.share(at).map_or(FUSED.to_owned(), whole),
        }
    }
}

/// `12 %`
fn whole(share: f64) -> String {
    percent_to(share, 0)
}

/// `    stage           weights  time`
fn head(width: usize) -> String {
    let names = names(width);
    let operators = if width >= WIDE { format!("{:<OPERATORS$}", "operator") } else { String::new() };
    format!("    {:<names$}{operators}{:>WEIGHTS$}{:>TIME$}", "stage", "weights", "time")
}

/// Cells of names.
fn names(width: usize) -> usize {
    let operators = if width >= WIDE { OPERATORS } else { 0 };
    width.saturating_sub(BEFORE + operators + WEIGHTS + TIME)
}

/// ` ▸│ layer1.0.conv1     3 %   12 %`
fn line<'a>(
    (stages, name): (&[StageRow], &str),
    at: usize,
    is_marked: bool,
    (shares, width): (Shares<'_>, usize),
    theme: Theme,
) -> Line<'a> {
    let stage = &stages[at];
    let style = if is_marked { theme.strong() } else { Style::new() };
    let names = names(width);
    let name = cut_start(name, names.saturating_sub(1));
    let pad = " ".repeat(names.saturating_sub(name.width()));
    let mut spans = vec![
        Span::styled(if is_marked { " ▸" } else { "  " }, theme.accent()),
        Span::styled(sign(stages, at), theme.quiet()),
        Span::styled(format!("{name}{pad}"), style),
    ];
    if width >= WIDE {
        spans.push(Span::styled(format!("{:<OPERATORS$}", cut(&stage.operators, OPERATORS - 1)), theme.quiet()));
    }
    spans.push(Span::styled(format!("{:>WEIGHTS$}", shares.of_weights(stage)), theme.quiet()));
    spans.push(Span::styled(format!("{:>TIME$}", shares.of_time(at)), theme.quiet()));
    Line::from(spans)
}

/// How a stage hangs together with the one above: `├ ` begins a branch, `│ ` goes on in one, `+ ` is where some meet.
fn sign(stages: &[StageRow], at: usize) -> &'static str {
    let stage = &stages[at];
    let goes_on = at == 0 || stage.from.contains(&(at - 1));
    match (stage.trunk, stage.from.len()) {
        (_, 2..) => "+ ",
        (true, _) => "  ",
        (false, _) if goes_on && !stages[at - 1].trunk => "│ ",
        (false, _) => "├ ",
    }
}

/// `64 x 56 x 56`
fn sides(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}

/// `36.9 k`
fn count(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1} k", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", count as f64 / 1e6),
        _ => format!("{:.1} G", count as f64 / 1e9),
    }
}

/// `12 ms of 96 ms`, or why a stage has no time of its own.
fn taken(times: Result<&StageTimes, &str>, at: usize, names: &[String]) -> Option<String> {
    let times = match times {
        Ok(times) => times,
        Err(reason) => return Some(format!("not timed: {reason}")),
    };
    Some(match times.stages.get(at)? {
        StageTime::Own(time) => format!("{} of {}", brief(*time), brief(times.whole)),
        StageTime::Fused(by) => format!("fused into {}", names.get(*by).map_or("?", String::as_str)),
        StageTime::None => "no step of its own".to_owned(),
    })
}

/// `12 ms`, `1.2 ms`; less than a tenth of one is not none.
fn brief(time: Duration) -> String {
    match time.as_secs_f64() * 1000.0 {
        0.0..0.05 => "<0.1 ms".to_owned(),
        milliseconds @ 0.0..9.95 => format!("{milliseconds:.1} ms"),
        _ => duration(time),
    }
}

/// What there is to say of the marked stage; of the last one the scores themselves.
fn draw_about(canvas: &mut Canvas<'_>, area: Rect, panel: &panel::Walk, state: &State, theme: Theme) {
    let Some((model, stage)) = state.model.as_deref().zip(panel.stage(state)) else { return };
    let width = usize::from(area.width).saturating_sub(2);
    let inner = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }.intersection(area);
    if panel.marked + 1 == model.stages.len() {
        let Some(image) = state.current() else { return };
        let words = format!(" {}, {} scores", stage.operators, model.labels.len());
        canvas.row(inner, 0, Span::styled(cut(&words, width), theme.quiet()));
        let bars = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner }.intersection(inner);
        return why::draw_bars(canvas, bars, why::rows(state, image, usize::from(bars.height)), state, theme);
    }
    let mut lines = vec![cut_start(&stage.name, width)];
    let shape = sides(&stage.shape);
    lines.push(if stage.operators.is_empty() { shape } else { format!("{shape}  {}", stage.operators) });
    let names = stage_names(&model.stages);
    let taken = panel.times(state).and_then(|times| taken(times, panel.marked, &names));
    lines.extend(taken.into_iter().flat_map(|said| wrap(&said, width)));
    if stage.weights > 0 || stage.work > 0 {
        let said = format!("{} weights, {} multiply-adds", count(stage.weights), count(stage.work));
        lines.extend(wrap(&said, width));
    }
    let read = |at: &usize| names.get(*at).map_or("?".to_owned(), Clone::clone);
    let reads: Vec<String> = stage.from.iter().map(read).collect();
    if reads.len() > 1 || stage.from.first().is_some_and(|from| from + 1 != panel.marked) {
        let said = if reads.len() > 1 { format!("joins {}", reads.join(" + ")) } else { format!("from {}", reads[0]) };
        lines.extend(wrap(&said, width));
    }
    for (row, text) in lines.iter().enumerate() {
        let style = if row == 0 { theme.strong() } else { Style::new() };
        canvas.row(inner, row, Span::styled(format!(" {}", cut(text, width)), style));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(shape: &[usize], layer: bool, from: &[usize], trunk: bool) -> StageRow {
        StageRow {
            name: String::new(),
            operators: String::new(),
            shape: shape.to_vec(),
            layer: layer.then_some((0, String::new())),
            layers: vec![],
            weighted: vec![],
            weights: 0,
            work: 0,
            from: from.to_vec(),
            trunk,
        }
    }

    #[test]
    fn stages_stand_under_their_resolution_and_the_head_under_the_scores() {
        let stages = [
            stage(&[3, 8, 8], false, &[], true),
            stage(&[4, 8, 8], true, &[0], true),
            stage(&[4], false, &[1], false),
            stage(&[4, 8, 8], true, &[1, 2], true),
            stage(&[8, 4, 4], true, &[3], true),
            stage(&[10], false, &[4], true),
        ];
        let heads: Vec<String> = rows(&stages)
            .into_iter()
            .filter_map(|row| if let Row::Heading(text) = row { Some(text) } else { None })
            .collect();
        assert_eq!(heads, ["8 x 8", "4 x 4", "to the scores"]);
        let signs: Vec<&str> = (0..stages.len()).map(|at| sign(&stages, at)).collect();
        assert_eq!(signs, ["  ", "  ", "├ ", "+ ", "  ", "  "]);
    }

    #[test]
    fn a_stage_has_a_time_or_it_is_said_where_it_is_spent() {
        let [own, short] = [24_000, 20].map(Duration::from_micros);
        let stages = vec![StageTime::Own(own), StageTime::Fused(0), StageTime::Own(short), StageTime::None];
        let times = StageTimes { stages, whole: Duration::from_millis(96) };
        let all = |times| [0, 1, 2, 3].map(|at| Shares { weights: 1, times }.of_time(at));
        assert_eq!(all(Some(Ok(&times))), ["25 %", "·", "<1 %", "·"]);
        assert_eq!((all(None), all(Some(Err("it failed")))), (["…"; 4].map(Into::into), [""; 4].map(Into::into)));
        let names = ["conv1".to_owned(), "add".to_owned()];
        let said = |at| taken(Ok(&times), at, &names).unwrap();
        assert_eq!(
            [0, 1, 2, 3].map(said),
            ["24 ms of 96 ms", "fused into conv1", "<0.1 ms of 96 ms", "no step of its own"]
        );
        let brief = [4_968, 9_960, 809_478, 1_240_000].map(|time| brief(Duration::from_micros(time)));
        assert_eq!(brief, ["5.0 ms", "10 ms", "809 ms", "1.2 s"]);
        assert_eq!(taken(Err("it failed"), 0, &names).unwrap(), "not timed: it failed");
    }

    #[test]
    fn shares_and_counts_are_short() {
        let shares = |of| Shares { weights: of, times: None };
        let weighing = |weights| StageRow { weights, ..stage(&[1], false, &[], true) };
        let cases = [(0, 9), (1, 900), (1, 4)].map(|(part, of)| shares(of).of_weights(&weighing(part)));
        assert_eq!(cases, ["", "<1 %", "25 %"]);
        assert_eq!([9, 36_864, 115_605_504, 4_100_000_000].map(count), ["9", "36.9 k", "115.6 M", "4.1 G"]);
    }
}
