//! Whether the terminal's background is light: as it says when asked, or as the environment says.

use super::probe::Facts;
use super::reply::Reply;

/// From which lightness on, of 255, a background is light.
const LIGHT: u32 = 128;

/// Whether the background is light; none where nobody says.
pub fn is_light(facts: &Facts, colorfgbg: Option<&str>) -> Option<bool> {
    let said = facts.replies.iter().find_map(|reply| match reply {
        Reply::Background(colour) => Some(*colour),
        _ => None,
    });
    // Rec. 601, in thousandths.
    let light = said.map(|[r, g, b]| (299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b)) / 1000 >= LIGHT);
    light.or_else(|| from_number(colorfgbg?))
}

/// `15;0` or `0;default;15`: the numbers of the palette for text and, last, for what is behind it.
fn from_number(colorfgbg: &str) -> Option<bool> {
    let number: u8 = colorfgbg.rsplit(';').next()?.parse().ok()?;
    (number < 16).then_some(number == 7 || number > 8)
}

/// The colour of an answer to `OSC 11`: `11;rgb:ffff/ffff/ffff`, with one to four digits for each part.
pub(super) fn colour(body: &str) -> Option<[u8; 3]> {
    let parts = body.strip_prefix("11;rgb:").or_else(|| body.strip_prefix("11;rgba:"))?;
    let mut parts = parts.split('/').map(|part| {
        let most = (16u32.checked_pow(part.len() as u32).filter(|_| (1..=4).contains(&part.len())))? - 1;
        Some((u32::from_str_radix(part, 16).ok()? * 255 / most) as u8)
    });
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_with_any_number_of_digits() {
        assert_eq!(colour("11;rgb:ffff/8080/0000"), Some([255, 128, 0]));
        assert_eq!(colour("11;rgb:f/0/8"), Some([255, 0, 136]));
        assert_eq!(colour("11;rgba:ff/ff/ff/80"), Some([255; 3]));
        for strange in ["", "11;rgb:", "11;rgb:fffff/0/0", "11;rgb:1/2", "11;rgb:é/0/0", "10;rgb:0/0/0"] {
            assert_eq!(colour(strange), None, "{strange}");
        }
    }

    #[test]
    fn what_the_terminal_says_is_worth_more_than_the_environment() {
        let facts = |replies| Facts { replies, ..Facts::default() };
        let white = || facts(vec![Reply::Background([250, 250, 240])]);
        assert_eq!(is_light(&white(), Some("15;0")), Some(true));
        assert_eq!(is_light(&facts(vec![Reply::Background([0, 43, 54])]), Some("0;15")), Some(false));
        assert_eq!(
            ["0;15", "15;0", "0;default;7", "12;8", "x", ""].map(|set| is_light(&facts(vec![]), Some(set))),
            [Some(true), Some(false), Some(true), Some(false), None, None]
        );
        assert_eq!(is_light(&facts(vec![]), None), None);
    }
}
