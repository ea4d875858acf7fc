//! Which characters the terminal shows, and what stands for the others where it shows ASCII only.

use super::probe::Facts;
use super::reply::Reply;

/// The characters that may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    /// All of Unicode, in UTF-8.
    Utf8,
    /// ASCII, since anything else would come out as several characters.
    Ascii,
}

/// Decides, and says why. The locale counts; where it says nothing, as in many containers, how far the terminal's cursor moves
/// for a character of two bytes.
pub fn charset(facts: &Facts) -> (Charset, String) {
    if facts.tmux.as_ref().is_some_and(|tmux| tmux.no_utf8) {
        return (Charset::Ascii, "tmux runs without it (`tmux -u` with it)".to_owned());
    }
    let locale = &facts.environment.locale;
    let value = locale.to_ascii_lowercase();
    if value.contains("utf-8") || value.contains("utf8") {
        return (Charset::Utf8, locale.clone());
    }
    if !locale.is_empty() {
        return (Charset::Ascii, locale.clone());
    }
    match facts.replies.iter().find_map(|reply| if let Reply::Cursor { column } = reply { Some(*column) } else { None })
    {
        Some(2) => (Charset::Utf8, "no locale is set, and the terminal shows it".to_owned()),
        Some(_) => (Charset::Ascii, "no locale is set, and the terminal does not show UTF-8".to_owned()),
        None => (Charset::Ascii, "no locale is set, and the terminal does not say".to_owned()),
    }
}

/// What stands for the characters that the interface uses, and for those that are common in names.
const FORMS: &[(&str, char)] = &[
    ("─━═╌┄–—‐‑−", '-'),
    ("│┃║▌▐▏▎┆", '|'),
    ("┌┐└┘├┤┬┴┼╭╮╯╰", '+'),
    ("█▇▆▉▊▋▄▀", '#'),
    ("▓", '%'),
    ("▒", '='),
    ("░▍▅", '-'),
    ("▸›→▶»", '>'),
    ("‹←◀«⌫", '<'),
    ("↑▲", '^'),
    ("↓▼", 'v'),
    ("✓✔", 'v'),
    ("✗✘×", 'x'),
    ("•●∙", '*'),
    ("·", '.'),
    ("±…", '~'),
    ("²", '2'),
    ("³", '3'),
    ("°", 'o'),
    ("’‘", '\''),
    ("“”", '"'),
    ("µμ", 'u'),
    ("∞", '8'),
    ("\u{a0}\u{2009}\u{202f}", ' '),
    ("àáâãäåāăą", 'a'),
    ("ÀÁÂÃÄÅĀĂĄ", 'A'),
    ("çćč", 'c'),
    ("ÇĆČ", 'C'),
    ("ďđð", 'd'),
    ("èéêëēęě", 'e'),
    ("ÈÉÊËĒĘĚ", 'E'),
    ("ğ", 'g'),
    ("ìíîïīı", 'i'),
    ("ÌÍÎÏĪİ", 'I'),
    ("łľ", 'l'),
    ("ŁĽ", 'L'),
    ("ñńň", 'n'),
    ("ÑŃŇ", 'N'),
    ("òóôõöøōő", 'o'),
    ("ÒÓÔÕÖØŌŐ", 'O'),
    ("řŕ", 'r'),
    ("śšşș", 's'),
    ("ŚŠŞȘ", 'S'),
    ("ťțţ", 't'),
    ("ùúûüūůű", 'u'),
    ("ÙÚÛÜŪŮŰ", 'U'),
    ("ýÿ", 'y'),
    ("źżž", 'z'),
    ("ŹŻŽ", 'Z'),
];

/// One character of ASCII for what a cell holds; a question mark for what has none.
pub(super) fn ascii(symbol: &str) -> Option<char> {
    let first = symbol.chars().next().filter(|_| !symbol.is_ascii())?;
    if first.is_ascii() {
        // A letter with combining marks.
        return Some(first);
    }
    Some(FORMS.iter().find(|(from, _)| from.contains(first)).map_or('?', |(_, form)| *form))
}
