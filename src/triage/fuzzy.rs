//! Fuzzy search: the words of the query as they stand, and after those its letters in their order, wherever they are.

/// Points for a letter that follows the one matched before.
const CONSECUTIVE: i32 = 8;
/// Points for a letter at the start of a word.
const WORD_START: i32 = 6;
/// Longest text that is searched, in characters; names beyond it are not names.
const LONGEST: usize = 512;

/// Points between a match of one kind and of the next; more than any match of a kind comes to.
const KIND: i32 = 1 << 20;

/// In what way a text matches, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// It is the query, or one of its names (`tench, Tinca tinca`) is.
    Whole,
    /// Each word of the query begins a word of it.
    Beginnings,
    /// Each word of the query is somewhere in it.
    Inside,
    /// It has the letters of each word in their order.
    Letters,
}

/// How well `text` matches, higher is better; none if it does not. Case does not matter; each word of the query must match
/// by itself. An empty query matches everything equally.
pub(super) fn score(query: &str, text: &str) -> Option<i32> {
    let (kind, points) = fit(query, text)?;
    Some((Kind::Letters as i32 - kind as i32) * KIND + points)
}

/// In what way a text matches, and how well among those that match in that way.
fn fit(query: &str, text: &str) -> Option<(Kind, i32)> {
    if query.trim_ascii().is_empty() {
        return Some((Kind::Letters, 0));
    }
    let lower = |text: &str| -> Vec<char> { text.chars().take(LONGEST).flat_map(char::to_lowercase).collect() };
    let letters = lower(text);
    let (mut kind, mut points) = (Kind::Whole, 0i32);
    for word in query.split_whitespace() {
        let (word_kind, word_points) = fit_word(&lower(word), &letters)?;
        (kind, points) = (kind.max(word_kind), points.saturating_add(word_points));
    }
    if kind == Kind::Whole {
        let whole = lower(query.trim());
        let is_whole = text.split(',').chain([text]).any(|name| lower(name.trim()) == whole);
        kind = if is_whole { Kind::Whole } else { Kind::Beginnings };
    }
    Some((kind, points.min(KIND - 1)))
}

fn fit_word(word: &[char], text: &[char]) -> Option<(Kind, i32)> {
    let first = *word.first()?;
    let starts = || text.iter().enumerate().filter(|(_, c)| **c == first).map(|(start, _)| start);
    let points = starts().filter_map(|start| score_from(word, text, start)).max()?;
    let is_beginning = |start: usize| start == 0 || !text[start - 1].is_alphanumeric();
    let kind = starts().filter(|start| text[*start..].starts_with(word));
    let kind = kind.map(|start| if is_beginning(start) { Kind::Whole } else { Kind::Inside }).min();
    Some((kind.unwrap_or(Kind::Letters), points))
}

/// The score when the first letter is taken at `start` and each further one as early as possible.
fn score_from(word: &[char], text: &[char], start: usize) -> Option<i32> {
    let (mut points, mut position) = (0, start);
    for (index, letter) in word.iter().enumerate() {
        let found = position + text[position..].iter().position(|c| c == letter)?;
        if index > 0 && found == position {
            points += CONSECUTIVE;
        }
        if found == 0 || !text[found - 1].is_alphanumeric() {
            points += WORD_START;
        }
        points -= (found - position).min(8) as i32;
        position = found + 1;
    }
    // Between two that match alike, the shorter is closer to what was typed.
    Some(points * 16 - (text.len() as i32 - word.len() as i32).min(255) / 16)
}

/// The positions of all texts that match: those with the words of the query before those with its letters, and among texts
/// that match in the same way those first that weigh most, then the better matches; ties in order.
pub fn search<'a>(query: &str, texts: impl Iterator<Item = &'a str>, weight: impl Fn(usize) -> f32) -> Vec<usize> {
    let found = texts.enumerate().filter_map(|(index, text)| Some((fit(query, text)?, index)));
    let mut found: Vec<((Kind, i32), f32, usize)> = found.map(|(fit, index)| (fit, weight(index), index)).collect();
    found.sort_by(|((one_kind, one_points), one_weight, one), ((kind, points), weight, other)| {
        let by_kind = one_kind.cmp(kind).then(weight.total_cmp(one_weight));
        by_kind.then(points.cmp(one_points)).then(one.cmp(other))
    });
    found.into_iter().map(|(.., index)| index).collect()
}

/// Whether a text matches in any way.
pub fn matches(query: &str, text: &str) -> bool {
    fit(query, text).is_some()
}

/// Whether the text has the query in it as it stands, or its words.
pub fn has_words(query: &str, text: &str) -> bool {
    fit(query, text).is_some_and(|(kind, _)| kind < Kind::Letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(query: &str, texts: &[&'a str]) -> Vec<&'a str> {
        search(query, texts.iter().copied(), |_| 0.0).into_iter().map(|index| texts[index]).collect()
    }

    #[test]
    fn whole_words_come_before_scattered_letters() {
        assert_eq!(best("cat", &["c-a-r-t", "scatter", "Siamese cat"]), ["Siamese cat", "scatter", "c-a-r-t"]);
    }

    #[test]
    fn a_name_comes_before_a_word_a_word_before_a_part_and_a_part_before_letters() {
        let texts = ["c.r.a.n.e", "cranes", "screened", "bascrane", "crane bird", "grus, crane"];
        assert_eq!(best("crane", &texts), ["grus, crane", "cranes", "crane bird", "bascrane", "c.r.a.n.e"]);
        assert!(score("dog", "hotdog") > score("dog", "d/o/g"), "the filter of the list counts alike");
    }

    #[test]
    fn among_alike_matches_the_heavier_comes_first() {
        let texts = ["tabby cat", "Persian cat", "c-a-t", "scatter"];
        let weights = [0.1, 0.5, 0.9, 0.7];
        let found = |query| search(query, texts.into_iter(), |index| weights[index]);
        assert_eq!(found("cat"), [1, 0, 3, 2]);
        assert_eq!(found(""), [2, 3, 1, 0]);
    }

    #[test]
    fn words_match_in_any_order_and_letters_only_in_theirs() {
        assert_eq!(best("cat sia", &["Siamese cat", "cat"]), ["Siamese cat"]);
        assert!(best("tac", &["cat"]).is_empty());
    }

    #[test]
    fn no_query_keeps_all_in_order() {
        assert_eq!(best(" ", &["b", "a"]), ["b", "a"]);
    }

    #[test]
    fn other_scripts_match_too() {
        assert_eq!(best("ÖL", &["Erdöl", "oil"]), ["Erdöl"]);
    }
}
