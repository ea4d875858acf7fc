//! Values that people write as a word.

/// Gives a type whose values are a few words its `Display` and `FromStr`, from one table.
macro_rules! words {
    ($type:ty, $what:literal: $($word:literal = $value:path),+ $(,)?) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $($value => $word),+ })
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text.trim().to_lowercase().as_str() {
                    $($word => Ok($value),)+
                    _ => Err(format!(concat!("unknown ", $what, " {:?}; write {}"), text, $crate::text::one_of(&[$($word),+]))),
                }
            }
        }
    };
}

pub(crate) use words;

/// `a, b or c`
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Answer {
        Yes,
        No,
        Perhaps,
    }

    words!(Answer, "answer": "yes" = Answer::Yes, "no" = Answer::No, "perhaps" = Answer::Perhaps);

    #[test]
    fn what_is_shown_is_what_is_written() {
        for answer in [Answer::Yes, Answer::No, Answer::Perhaps] {
            assert_eq!(answer.to_string().to_uppercase().parse(), Ok(answer));
        }
        assert_eq!("y".parse::<Answer>(), Err("unknown answer \"y\"; write yes, no or perhaps".to_owned()));
        assert_eq!((one_of(&["a"]), one_of(&[])), ("a".to_owned(), String::new()));
    }
}
