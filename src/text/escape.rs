//! File names, labels and model metadata are written by strangers. A control character in one could move the cursor, set the
//! window's title or hide part of a name, so that none reaches the terminal: they are shown escaped.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// The text with every character that a terminal could obey, or that would reorder or hide its neighbours, written as an
/// escape (`\n`, `\u{1b}`). A backslash stays as it is: the result is for reading, not for parsing back.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if acts(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and the invisible characters that change the direction
/// of the text around them or take no room.
pub(super) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A path or other text that escapes itself when shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escaped(String);

impl From<&Path> for Escaped {
    fn from(path: &Path) -> Self {
        Escaped(escape(&path.to_string_lossy()).into_owned())
    }
}

impl From<&str> for Escaped {
    fn from(text: &str) -> Self {
        Escaped(escape(text).into_owned())
    }
}

impl fmt::Display for Escaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_survives() {
        assert_eq!(escape("cat\u{1b}[2J\n\u{9b}5n\u{7f}.png"), "cat\\u{1b}[2J\\n\\u{9b}5n\\u{7f}.png");
        assert_eq!(escape("gpj.\u{202e}exe"), "gpj.\\u{202e}exe");
    }

    #[test]
    fn ordinary_names_of_any_script_stay() {
        for name in ["café au lait.png", "C:\\photos\\1.png", "猫 🐈.jpg", "it's \"quoted\""] {
            assert_eq!(escape(name), name);
        }
    }
}
