//! Fuzzy search: the letters of the query in their order, wherever they are.

/// Points for a letter that follows the one matched before.
const CONSECUTIVE: i32 = 8;
/// Points for a letter at the start of a word.
const WORD_START: i32 = 6;
/// Longest text that is searched, in characters; names beyond it are not names.
const LONGEST: usize = 512;

/// How well `text` matches, higher is better; none if it does not. Case does not matter; each word of the query must match
/// by itself. An empty query matches everything equally.
pub(super) fn score(query: &str, text: &str) -> Option<i32> {
    if query.trim_ascii().is_empty() {
        return Some(0);
    }
    let text: Vec<char> = text.chars().take(LONGEST).flat_map(char::to_lowercase).collect();
    query.split_whitespace().map(|word| score_word(word, &text)).sum()
}

fn score_word(word: &str, text: &[char]) -> Option<i32> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    let first = *word.first()?;
    let starts = text.iter().enumerate().filter(|(_, c)| **c == first).map(|(start, _)| start);
    starts.filter_map(|start| score_from(&word, text, start)).max()
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

/// The positions of all texts that match, best first, ties in order.
pub fn search<'a>(query: &str, texts: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let mut matches: Vec<(i32, usize)> =
        texts.enumerate().filter_map(|(index, text)| Some((score(query, text)?, index))).collect();
    matches.sort_by_key(|(points, index)| (-points, *index));
    matches.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(query: &str, texts: &[&'a str]) -> Vec<&'a str> {
        search(query, texts.iter().copied()).into_iter().map(|index| texts[index]).collect()
    }

    #[test]
    fn whole_words_come_before_scattered_letters() {
        assert_eq!(best("cat", &["c-a-r-t", "scatter", "Siamese cat"]), ["Siamese cat", "scatter", "c-a-r-t"]);
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
