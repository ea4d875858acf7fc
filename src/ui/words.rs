//! Text in a given number of cells.

use std::time::Duration;

use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text;

/// The text in at most `width` cells; what does not fit is cut at the end and marked by `…`.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mark = if width > 0 { "…" } else { "" };
    take(text.chars(), width.saturating_sub(1)) + mark
}

/// The text in at most `width` cells; what does not fit is cut at the start, because paths differ at their end.
pub(super) fn cut_start(text: &str, width: usize) -> String {
    if text.width() <= width || width == 0 {
        return cut(text, width);
    }
    let tail: String = take(text.chars().rev(), width - 1).chars().rev().collect();
    format!("…{tail}")
}

/// The text in exactly `width` cells.
pub(super) fn pad(text: &str, width: usize) -> String {
    let cut = cut(text, width);
    let space = width.saturating_sub(cut.width());
    cut + &" ".repeat(space)
}

fn take(characters: impl Iterator<Item = char>, width: usize) -> String {
    let (mut taken, mut used) = (String::new(), 0);
    for character in characters {
        let cells = character.width().unwrap_or(0);
        if used + cells > width {
            break;
        }
        used += cells;
        taken.push(character);
    }
    taken
}

/// What is true and what is said of an image that is taken for another, in `width` cells: where both are long, each gets
/// half.
pub(super) fn mistake(truth: &str, said: &str, width: usize) -> String {
    let left = width.saturating_sub(2 + said.width()).max(width / 2);
    cut(&format!("{}: {said}", cut(truth, left)), width)
}

/// The text in lines of at most `width` cells, broken between words where possible.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => *line = format!("{line} {word}"),
            _ => lines.extend(pieces(word, width)),
        }
    }
    lines
}

/// A word in pieces of at most `width` cells.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while rest.width() > width {
        let piece = take(rest.chars(), width);
        if piece.is_empty() {
            // Not even one character has room.
            return vec![cut(word, width)];
        }
        rest = &rest[piece.len()..];
        pieces.push(piece);
    }
    pieces.push(rest.to_owned());
    pieces
}

/// A probability, in seven cells.
pub(super) fn percent(probability: f32) -> String {
    format!("{:>7}", text::percent(probability))
}

/// A raw score: three digits that count, however large or small.
pub(super) fn number(value: f32) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(0.001..100_000.0).contains(&size) => format!("{value:.1e}"),
        size if size < 0.1 => format!("{value:.3}"),
        size if size < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

/// In milliseconds, from one second on in seconds.
pub(super) fn duration(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    match milliseconds {
        0.0..0.95 => format!("{milliseconds:.1} ms"),
        0.0..999.5 => format!("{milliseconds:.0} ms"),
        0.0..9_950.0 => format!("{:.1} s", milliseconds / 1000.0),
        _ => format!("{:.0} s", milliseconds / 1000.0),
    }
}

/// A piece of a line. Pieces with the highest rank go first when there is no room.
pub(super) struct Piece<'a> {
    pub(super) rank: u8,
    pub(super) spans: Vec<Span<'a>>,
}

/// A piece of one span.
pub(super) fn piece<'a>(rank: u8, span: impl Into<Span<'a>>) -> Piece<'a> {
    Piece { rank, spans: vec![span.into()] }
}

impl Piece<'_> {
    pub(super) fn width(&self) -> usize {
        self.spans.iter().map(Span::width).sum()
    }
}

/// Pieces from the left and from the right edge of a line of `width` cells, two cells apart. Those of the smallest rank are there
/// in any case, others as far as there is room beside more important ones.
pub(super) fn spread<'a>(left: Vec<Piece<'a>>, right: Vec<Piece<'a>>, width: usize) -> Line<'a> {
    let cells: Vec<(u8, usize)> = left.iter().chain(&right).map(|piece| (piece.rank, piece.width() + 2)).collect();
    let mut order: Vec<usize> = (0..cells.len()).collect();
    order.sort_by_key(|at| cells[*at].0);
    let (mut room, mut fits) = (width + 2, vec![false; cells.len()]);
    for at in order {
        let (rank, cells) = cells[at];
        fits[at] = rank == 0 || cells <= room;
        room = room.saturating_sub(if fits[at] { cells } else { 0 });
    }
    let (fits_left, fits_right) = fits.split_at(left.len());
    let join = |pieces: Vec<Piece<'a>>, fits: &[bool]| {
        let fitting = pieces.into_iter().zip(fits).filter(|(_, fits)| **fits);
        let spaced = fitting.flat_map(|(piece, _)| [vec![Span::raw("  ")], piece.spans].concat());
        spaced.skip(1).collect::<Vec<_>>()
    };
    let (left, right) = (join(left, fits_left), join(right, fits_right));
    let used: usize = left.iter().chain(&right).map(Span::width).sum();
    Line::from([left, vec![Span::raw(" ".repeat(width.saturating_sub(used)))], right].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_cells_not_characters() {
        assert_eq!(cut("金魚金魚", 5), "金魚…");
        assert_eq!(cut("金魚金魚", 4), "金…");
        assert_eq!(cut_start("val/pelican/7.jpg", 8), "…n/7.jpg");
        assert_eq!(pad("金", 4), "金  ");
        assert_eq!((cut("abc", 0), cut("abc", 1), cut("", 0)), (String::new(), "…".to_owned(), String::new()));
    }

    #[test]
    fn lines_are_broken_between_words_and_within_those_that_are_too_long() {
        assert_eq!(wrap("wrote /data/maps/1.png here", 11), ["wrote", "/data/maps/", "1.png here"]);
        assert_eq!(wrap("金魚金魚", 5), ["金魚", "金魚"]);
        assert_eq!((wrap("ab", 0), wrap("金", 1)), (vec![String::new()], vec!["…".to_owned()]));
    }

    #[test]
    fn numbers_keep_digits_that_count() {
        let shown = [0.0, 7.123, -0.31, 0.0042, 1234.5, 1e-7, 3e8].map(number);
        assert_eq!(shown, ["0", "7.12", "-0.31", "0.004", "1234", "1.0e-7", "3.0e8"]);
        assert_eq!([1.0, 0.412, 0.0001].map(percent), ["100.0 %", " 41.2 %", " <0.1 %"]);
    }

    #[test]
    fn times_have_two_digits_or_three_and_a_unit_that_fits() {
        let shown =
            [0.4, 1.2, 840.0, 999.7, 6299.0, 9960.0, 18_200.0].map(|ms| duration(Duration::from_secs_f64(ms / 1e3)));
        assert_eq!(shown, ["0.4 ms", "1 ms", "840 ms", "1.0 s", "6.3 s", "10 s", "18 s"]);
    }

    #[test]
    fn a_full_line_drops_what_matters_least() {
        let line = |width| {
            let left = vec![piece(0, "what"), piece(2, "more")];
            spread(left, vec![piece(1, "right")], width).to_string()
        };
        assert_eq!(line(20), "what  more     right");
        assert_eq!(line(14), "what     right");
        assert_eq!(line(8), "what    ");
    }
}
