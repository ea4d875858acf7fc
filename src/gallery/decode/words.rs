//! What decoders say of a file, in words for people.

use std::io;

use image::ImageError;
use image::error::{LimitErrorKind, UnsupportedErrorKind};

use super::DecodeProblem;
use crate::text::escape;

/// Why an image cannot be decoded.
pub(super) fn problem(error: ImageError) -> DecodeProblem {
    match error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::DimensionError | LimitErrorKind::InsufficientMemory => DecodeProblem::TooLarge,
            _ => broken(&limit),
        },
        ImageError::Unsupported(error) => DecodeProblem::Unsupported(match error.kind() {
            UnsupportedErrorKind::GenericFeature(feature) => format!("this kind of file ({})", plain(&feature)),
            _ => "this kind of file".to_owned(),
        }),
        ImageError::IoError(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof => DecodeProblem::Broken("it ends early".into()),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => broken(&error),
            _ => DecodeProblem::Io(error),
        },
        other => broken(&other),
    }
}

/// A file that contradicts itself.
pub(super) fn broken(error: &dyn std::fmt::Display) -> DecodeProblem {
    let text = error.to_string();
    let words = plain(&text);
    let lower = words.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if lower.contains("crc error") {
        let chunk = name_of_chunk(&text).map_or_else(|| "of a chunk".to_owned(), |name| format!("of its {name} chunk"));
        return DecodeProblem::Broken(format!("the checksum {chunk} is wrong"));
    }
    if has(&[
        "unexpected end",
        "truncated",
        "failed to fill whole buffer",
        "premature end",
        "not enough bytes",
        "exhausted",
    ]) {
        return DecodeProblem::Broken("it ends early".into());
    }
    if has(&["deflate", "zlib", "filter method", "huffman", "lzw", "corrupt bitstream", "would panic"]) {
        return DecodeProblem::Broken("its compressed data are malformed".into());
    }
    if has(&["error parsing", "error decoding", "bogus", "stripbytecounts", "in preamble"]) {
        return DecodeProblem::Broken("its header is malformed".into());
    }
    if has(&["soft limit"]) {
        return DecodeProblem::TooLarge;
    }
    DecodeProblem::Broken(words)
}

/// The name in `ChunkType { type: IDAT, critical: true, ... }`.
fn name_of_chunk(text: &str) -> Option<String> {
    let rest = text.split_once("ChunkType { type: ")?.1;
    Some(escape(rest.split_once(',')?.0).into_owned())
}

/// A message without what is meant for programmers: prefixes, the fields of structures, quotes.
fn plain(text: &str) -> String {
    let mut text = text.trim().trim_end_matches('.').to_owned();
    if let (Some(name), Some(start), Some(end)) = (name_of_chunk(&text), text.find("ChunkType {"), text.find('}'))
        && start < end
    {
        text.replace_range(start..=end, &name);
    }
    let prefixes = ["Format error decoding ", "format error: ", "usage error: ", "unsupported error: "];
    for prefix in prefixes {
        if let Some(rest) = text.strip_prefix(prefix) {
            let rest = if prefix.ends_with(": ") { rest } else { rest.split_once(": ").map_or(rest, |(_, rest)| rest) };
            text = rest.to_owned();
        }
    }
    for suffix in [" is not supported", " is unsupported", " not supported"] {
        text = text.strip_suffix(suffix).unwrap_or(&text).to_owned();
    }
    for (open, close) in [('{', '}'), ('[', ']')] {
        if let (Some(start), Some(end)) = (text.find(open), text.rfind(close))
            && start < end
        {
            text.replace_range(start..=end, "");
        }
    }
    let kept = |c: char| !matches!(c, '"' | '`' | '\u{201c}' | '\u{201d}');
    escape(text.replace("\\n", "").replace(|c| !kept(c), "").trim().trim_end_matches([':', '.'])).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_say_is_put_into_words() {
        let said = |text: &str| broken(&text).to_string();
        let chunk = "ChunkType { type: IDAT, critical: true, private: false, reserved: false, safecopy: false }";
        for (text, expected) in [
            (
                format!("Format error decoding Png: CRC error: expected 0x69 have 0x70 while decoding {chunk} chunk."),
                "the file is broken: the checksum of its IDAT chunk is wrong",
            ),
            (
                format!("Format error decoding Png: Unrecognized critical chunk: {chunk}"),
                "the file is broken: Unrecognized critical chunk: IDAT",
            ),
            (
                "Format error decoding Jpeg: \"Error parsing SOS Segment. Reason:Bad SOS length 12\"".to_owned(),
                "the file is broken: its header is malformed",
            ),
            ("Format error decoding Gif: Unexpected End of File".to_owned(), "the file is broken: it ends early"),
            (
                "Format error decoding Png: Corrupt deflate stream. BadZlibHeader".to_owned(),
                "the file is broken: its compressed data are malformed",
            ),
            (
                "Format error decoding WebP: Invalid Chunk header: [b4, 50, 38, 20]".to_owned(),
                "the file is broken: Invalid Chunk header",
            ),
            (
                "Format error decoding Tiff: format error: required tag `ImageLength` not found".to_owned(),
                "the file is broken: required tag ImageLength not found",
            ),
        ] {
            assert_eq!(said(&text), expected);
        }
    }
}
