//! WordNet's numbers of nouns, by which ImageNet's folders and lists name their classes.

/// Splits `n01531178_goldfinch` into synset and name. The name is everything where there is no synset, or nothing else.
pub fn split_synset(name: &str) -> (Option<&str>, &str) {
    match name.split_at_checked(9) {
        Some((synset, "")) if is_synset(synset) => (Some(synset), name),
        Some((synset, rest)) if is_synset(synset) && rest.starts_with(SEPARATORS) => {
            let rest = rest.trim_start_matches(SEPARATORS);
            (Some(synset), if rest.is_empty() { name } else { rest })
        }
        _ => (None, name),
    }
}

const SEPARATORS: [char; 7] = [' ', '_', '-', '\t', ',', ':', ';'];

/// Whether a text is a synset: `n01531178`.
pub fn is_synset(text: &str) -> bool {
    text.len() == 9 && text.starts_with('n') && text.bytes().skip(1).all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synset_stands_before_the_name() {
        for (text, expected) in [
            ("n01531178_goldfinch", (Some("n01531178"), "goldfinch")),
            ("n01440764: tench, Tinca tinca", (Some("n01440764"), "tench, Tinca tinca")),
            ("n01531178", (Some("n01531178"), "n01531178")),
            ("n0153117x_goldfinch", (None, "n0153117x_goldfinch")),
            ("n01531178goldfinch", (None, "n01531178goldfinch")),
            ("naïveté n°", (None, "naïveté n°")),
        ] {
            assert_eq!(split_synset(text), expected);
        }
    }
}
