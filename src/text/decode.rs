//! Text files as they come: UTF-8 and UTF-16, with and without a byte order mark, with any line breaks.

/// The text that bytes hold in UTF-8 or UTF-16, without its byte order mark, lines ended by `\n`. None where it is neither.
pub fn decode(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        _ if bytes.contains(&0) => {
            // Without a mark: in most languages, the zeros are the upper halves of letters.
            let zeros = |side: usize| bytes.iter().skip(side).step_by(2).filter(|byte| **byte == 0).count();
            utf16(bytes, if zeros(1) > zeros(0) { u16::from_le_bytes } else { u16::from_be_bytes })?
        }
        _ => std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).ok()?.to_owned(),
    };
    Some(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let text = String::from_utf16(&units).ok().filter(|text| rest.is_empty() && !text.contains('\0'))?;
    Some(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_comes_in_many_encodings() {
        let text = "naïve\r\n猫 🐈\rx";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            marked(b"\xef\xbb\xbf", text.as_bytes()),
            marked(b"\xff\xfe", &little),
            marked(b"\xfe\xff", &big),
            little,
            big,
        ] {
            assert_eq!(decode(&bytes).as_deref(), Some("naïve\n猫 🐈\nx"), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_none() {
        for bytes in [&b"caf\xe9"[..], b"\xff\xfea", b"\x00\x00\x00\x00", b"\xff\xfe\x00\xd8", b"\x89PNG\r\n\x1a\n\x00"]
        {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
        assert_eq!(decode(b"").as_deref(), Some(""));
    }
}
