//! Images that come one after another on a wire, as `ffmpeg -f image2pipe` writes them: where one ends and the next begins.

/// No picture in a stream is longer, in bytes: what claims to be is skipped.
const LONGEST: usize = 64 << 20;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff";

/// Cuts a stream into images. Bytes between them are passed over, and so is an image that is too long or broken in its
/// structure: the next one is found by its first bytes.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that the image there is known to have.
    known: usize,
}

/// What the front of the buffer holds.
enum Front {
    /// An image of so many bytes.
    Image(usize),
    /// The beginning of an image, of which so many bytes were understood.
    Beginning(usize),
    /// So many bytes that belong to no image.
    Other(usize),
}

impl Splitter {
    /// Adds bytes; returns the images that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.buffer.extend_from_slice(bytes);
        let mut images = vec![];
        let mut start = 0;
        while start < self.buffer.len() {
            match front(&self.buffer[start..], std::mem::take(&mut self.known)) {
                Front::Image(length) => {
                    images.push(self.buffer[start..start + length].to_vec());
                    start += length;
                }
                Front::Beginning(_) if self.buffer.len() - start > LONGEST => start += 1,
                Front::Beginning(known) => {
                    self.known = known;
                    break;
                }
                Front::Other(length) => start += length,
            }
        }
        self.buffer.drain(..start);
        images
    }

    /// Whether a part of an image is waiting for the rest.
    pub fn is_pending(&self) -> bool {
        !self.buffer.is_empty()
    }
}

/// Looks at bytes of which the first `known` were understood before.
fn front(bytes: &[u8], known: usize) -> Front {
    let is = |signature: &[u8]| bytes.starts_with(signature) || signature.starts_with(bytes);
    let found = if is(PNG) {
        png(bytes, known.max(PNG.len()))
    } else if is(JPEG) {
        jpeg(bytes, known.max(2))
    } else {
        None
    };
    found.unwrap_or_else(|| {
        let begins = |at: &usize| [PNG[0], JPEG[0]].contains(&bytes[*at]);
        Front::Other((1..bytes.len()).find(begins).unwrap_or(bytes.len()))
    })
}

/// Chunks up to `IEND`: length, name, content, check sum. `None` where that cannot be.
fn png(bytes: &[u8], mut at: usize) -> Option<Front> {
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes(head[..4].try_into().ok()?) as usize;
        if length > LONGEST || !head[4..].iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let next = at + length + 12;
        if next > bytes.len() {
            break;
        }
        if &head[4..] == b"IEND" {
            return Some(Front::Image(next));
        }
        at = next;
    }
    Some(Front::Beginning(at.min(bytes.len())))
}

/// Segments up to the marker `EOI`; after a scan's header come its bytes, in which 0xff is followed by 0 or a restart marker.
/// Thumbnails lie within segments. `None` where that cannot be.
fn jpeg(bytes: &[u8], mut at: usize) -> Option<Front> {
    while let Some(&[first, marker]) = bytes.get(at..at + 2).and_then(|two| two.first_chunk()) {
        match (first, marker) {
            (0xff, 0xd9) => return Some(Front::Image(at + 2)),
            // A scan's bytes, or fill.
            (0xff, 0xff) => at += 1,
            (0xff, 0x00 | 0x01 | 0xd0..=0xd7) => at += 2,
            // Another image begins: this one was cut off.
            (0xff, 0xd8) => return Some(Front::Other(at)),
            (0xff, _) => {
                let Some(length) = bytes.get(at + 2..at + 4) else { break };
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                if length < 2 {
                    return None;
                }
                if at + 2 + length > bytes.len() {
                    break;
                }
                at += 2 + length;
            }
            _ => at += bytes[at..].iter().position(|byte| *byte == 0xff).unwrap_or(bytes.len() - at),
        }
    }
    Some(Front::Beginning(at.min(bytes.len())))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

    use super::*;

    /// A picture that compresses badly, in that format.
    fn picture(seed: u32, format: ImageFormat) -> Vec<u8> {
        let image = RgbImage::from_fn(40, 30, |x, y| {
            let value = (x * 7919 + y * 104_729 + seed * 1_299_709).wrapping_mul(2_654_435_761) >> 24;
            Rgb([value as u8, (value * 3) as u8, (value ^ 0xff) as u8])
        });
        let mut bytes = Cursor::new(vec![]);
        DynamicImage::ImageRgb8(image).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn images_come_out_as_they_went_in_whatever_the_pieces() {
        let images = [
            picture(1, ImageFormat::Jpeg),
            picture(2, ImageFormat::Png),
            picture(3, ImageFormat::Png),
            picture(4, ImageFormat::Jpeg),
            picture(5, ImageFormat::Jpeg),
        ];
        let stream = images.concat();
        for piece in [1, 7, 64, 4096, stream.len()] {
            let mut splitter = Splitter::default();
            let found: Vec<_> = stream.chunks(piece).flat_map(|bytes| splitter.feed(bytes)).collect();
            assert_eq!(found, images, "in pieces of {piece}");
            assert!(!splitter.is_pending());
        }
    }

    #[test]
    fn what_is_no_image_or_cut_off_is_passed_over() {
        let (first, second) = (picture(1, ImageFormat::Jpeg), picture(2, ImageFormat::Png));
        let stream = [b"HTTP/1.1 200 OK\r\n\r\n--frame\r\n", &first[..], b"\r\n--frame\r\n", &second].concat();
        assert_eq!(Splitter::default().feed(&stream), [first.clone(), second.clone()]);

        let cut = [&first[..first.len() / 2], &first[..], &second].concat();
        assert_eq!(Splitter::default().feed(&cut), [first.clone(), second.clone()]);

        let mut splitter = Splitter::default();
        assert!(splitter.feed(&second[..second.len() - 1]).is_empty());
        assert!(splitter.is_pending());
    }

    /// A camera's JPEG has a thumbnail, which is a JPEG, in a segment.
    #[test]
    fn a_thumbnail_within_ends_nothing() {
        let (outer, inner) = (picture(1, ImageFormat::Jpeg), picture(2, ImageFormat::Jpeg));
        let length = u16::try_from(inner.len() + 2).unwrap().to_be_bytes();
        let whole = [&outer[..2], &[0xff, 0xe1], &length, &inner, &outer[2..]].concat();
        assert_eq!(Splitter::default().feed(&whole), std::slice::from_ref(&whole));
    }
}
