//! Names on a terminal as `ls` shows them there: in quotes where a shell would take them for something else, and with
//! every character that a terminal would obey written so that it can be pasted back.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::escape::acts;

/// The path as one word of a POSIX shell; where that takes it, in the notation `$'...'` of bash, zsh and ksh.
pub fn quoted(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let text = std::str::from_utf8(bytes).ok();
    let is_plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c) || (!c.is_ascii() && !c.is_whitespace());
    match text.filter(|text| !text.contains(acts)) {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => format!("$'{}'", dollar_quoted(bytes)),
    }
}

/// What stands between `$'` and `'`.
fn dollar_quoted(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => shown.push_str(r"\n"),
                '\t' => shown.push_str(r"\t"),
                '\r' => shown.push_str(r"\r"),
                '\'' | '\\' => shown.extend(['\\', c]),
                c if !acts(c) => shown.push(c),
                c => {
                    let escaped = match u32::from(c) {
                        code @ ..0x80 => format!("\\x{code:02x}"),
                        code @ ..0x1_0000 => format!("\\u{code:04x}"),
                        code => format!("\\U{code:08x}"),
                    };
                    shown.push_str(&escaped);
                }
            }
        }
        shown.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    shown
}

/// The JSON text with the same meaning, in which nothing is left that a terminal would obey.
pub fn json_for_terminal(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if acts(c) {
            // Outside strings JSON has none of these, and within them an escape is the same character.
            shown.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn names_are_words_of_a_shell_and_cannot_act() {
        let shown = |name: &str| quoted(Path::new(name));
        assert_eq!(shown("val/0007.jpg"), "val/0007.jpg");
        assert_eq!(shown("金魚/café.jpg"), "金魚/café.jpg");
        assert_eq!(shown("at the lake.png"), "'at the lake.png'");
        assert_eq!(shown("it's $HOME.png"), r"'it'\''s $HOME.png'");
        assert_eq!(shown("evil\u{1b}[2J\n'.jpg"), r"$'evil\x1b[2J\n\'.jpg'");
        assert_eq!(shown("gpj.\u{202e}exe"), r"$'gpj.\u202eexe'");
        assert_eq!(quoted(Path::new(OsStr::from_bytes(b"x\xfe.jpg"))), r"$'x\xfe.jpg'");
    }

    #[test]
    fn json_on_a_terminal_means_the_same() {
        let value = serde_json::json!({"image": "gpj.\u{202e}exe \u{9b}5n \u{e0001} 金魚"});
        let shown = json_for_terminal(&value.to_string());
        assert!(!shown.contains(acts), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
