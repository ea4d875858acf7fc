//! Follows the scans of a JPEG through, keeping no picture: whether all of it is there and sound.
//!
//! Decoders show what they can of a file that was cut or damaged, and say nothing. To follow its codes takes a small part of
//! the time that decoding takes.

use std::ops::Range;

use super::bits::{Broken, Reader, Writer};
use super::coder::Coder;
use super::frame::{Frame, Scan, Tables};
use super::skim::{Data, Skim};

/// No sensible file has more scans.
const MOST_SCANS: usize = 100;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Trouble {
    /// The data end early; after this share of the picture where that is known.
    Ended(Option<f32>),
    /// The data make no sense; from this share of the picture on where that is known.
    Damaged(Option<f32>),
    /// All the data are there, and nothing says that they are.
    Unfinished,
}

/// What there is to know about a file.
pub(super) struct Followed {
    pub(super) frame: Frame,
    /// Whether the scans of a sequential frame hold fewer components than the frame.
    pub(super) in_parts: bool,
    pub(super) trouble: Option<Trouble>,
    /// The bytes up to the end of the last scan before the trouble; 0 where there is none.
    pub(super) sound: usize,
    /// The file without its trouble, what is missing filled in evenly; where it was asked for and can be done.
    pub(super) mended: Option<Vec<u8>>,
}

/// Follows a file through. None where it has no frame: then decoding it tells why.
pub(super) fn follow(bytes: &[u8], mend: bool) -> Option<Followed> {
    let mut walk =
        Walk { bytes, tables: Tables::default(), interval: 0, covered: vec![], mended: vec![], mend, sound: 0 };
    let (mut at, mut scans, mut in_parts, mut trouble) = (2, 0, false, None);
    walk.mended.extend_from_slice(bytes.get(..2)?);
    let mut frame: Option<Frame> = None;
    while let Some(Segment { marker, body, span, is_next }) = segment(bytes, at) {
        at = span.end;
        trouble = trouble.or((!is_next && scans > 0).then_some(Trouble::Damaged(None)));
        if marker == 0xd9 {
            let trouble = trouble.or((!walk.is_complete()).then_some(Trouble::Ended(None)));
            return Some(walk.followed(frame?, in_parts, trouble));
        }
        if is_frame(marker) && frame.is_none() {
            let found = Frame::new(marker, body)?;
            if found.process.obstacle(found.precision).is_some() || found.size.0 == 0 || found.size.1 == 0 {
                return Some(Followed { frame: found, in_parts, trouble: None, sound: 0, mended: None });
            }
            walk.covered = vec![false; found.components.len()];
            frame = Some(found);
        }
        if marker == 0xda && walk.tables.are_missing() {
            // Pictures of a film may have no tables: everybody knows which ones they are.
            return Some(Followed { frame: frame?, in_parts, trouble: None, sound: 0, mended: None });
        }
        walk.mended.extend_from_slice(&bytes[span]);
        let is_sound = match (marker, &mut frame) {
            (0xc4, _) => walk.tables.define(body).is_some(),
            (0xdd, _) => body.try_into().map(|count| walk.interval = u16::from_be_bytes(count).into()).is_ok(),
            (0xda, Some(frame)) => {
                scans += 1;
                Scan::new(body, frame).is_some_and(|scan| {
                    in_parts |= frame.process.is_sequential() && scan.parts.len() < frame.components.len();
                    let followed = walk.scan(frame, &scan, at);
                    let (end, wrong) = followed.unwrap_or((at, Some(Trouble::Damaged(None))));
                    at = end;
                    trouble = trouble.or(wrong);
                    if trouble.is_none() {
                        walk.sound = end;
                    }
                    followed.is_some()
                })
            }
            _ => true,
        };
        if !is_sound || scans > MOST_SCANS {
            let trouble = trouble.or(Some(Trouble::Damaged(None)));
            return Some(Followed { frame: frame?, in_parts, trouble, sound: walk.sound, mended: None });
        }
    }
    let trouble = trouble.or(Some(if walk.is_complete() { Trouble::Unfinished } else { Trouble::Ended(None) }));
    Some(walk.followed(frame?, in_parts, trouble))
}

/// A marker and what belongs to it.
struct Segment<'a> {
    marker: u8,
    body: &'a [u8],
    /// Where it is, marker and length included.
    span: Range<usize>,
    /// Whether nothing lies before it that belongs nowhere.
    is_next: bool,
}

/// The next segment.
fn segment(bytes: &[u8], mut at: usize) -> Option<Segment<'_>> {
    let mut is_next = true;
    loop {
        let gap = bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        is_next &= bytes[at..at + gap].iter().all(|byte| *byte == 0);
        at += gap;
        match bytes.get(at + 1)? {
            // Stuffing, fill bytes, restarts and what has no meaning.
            0 | 0x01 | 0xd0..=0xd8 => at += 2,
            0xff => at += 1,
            0xd9 => return Some(Segment { marker: 0xd9, body: &[], span: at..at + 2, is_next }),
            marker => {
                let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
                let end = at + 2 + length.max(2);
                return Some(Segment { marker: *marker, body: bytes.get(at + 4..end)?, span: at..end, is_next });
            }
        }
    }
}

fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xf7)
}

struct Walk<'a> {
    bytes: &'a [u8],
    tables: Tables,
    /// MCUs between restarts; 0 for none.
    interval: usize,
    /// Which components a scan has held.
    covered: Vec<bool>,
    mend: bool,
    mended: Vec<u8>,
    sound: usize,
}

impl Walk<'_> {
    /// Whether every component is in a scan.
    fn is_complete(&self) -> bool {
        self.covered.iter().all(|covered| *covered)
    }

    fn followed(mut self, frame: Frame, in_parts: bool, trouble: Option<Trouble>) -> Followed {
        let mended = (self.mend && self.complete(&frame).is_some()).then_some(self.mended);
        Followed { frame, in_parts, trouble, sound: self.sound, mended }
    }

    /// Follows a scan, and says where it ends and what is wrong with it. None where a table is missing.
    fn scan(&mut self, frame: &mut Frame, scan: &Scan, at: usize) -> Option<(usize, Option<Trouble>)> {
        let units = match scan.parts[..] {
            [(component, ..)] => frame.components[component].blocks.0 * frame.components[component].blocks.1,
            _ => frame.units(),
        };
        // What is written again is read code by code.
        let is_quick = frame.process.is_sequential() && !self.mend;
        if let Some(end) = is_quick.then(|| self.skim(frame, scan, units, at)).flatten() {
            self.cover(scan);
            return Some((end, None));
        }
        let mut coder = Coder::new(&self.tables, frame, scan)?;
        let mut reader = Reader::new(self.bytes, at);
        reader.copy = self.mend.then(Writer::default);
        let mut wrong = None;
        for unit in 0..units {
            let kept = reader.copy.as_ref().map(Writer::mark);
            let restarts = self.interval > 0 && unit > 0 && unit % self.interval == 0;
            let number = if restarts { (unit / self.interval - 1) % 8 } else { 0 } as u8;
            let mut followed = Ok(());
            if restarts {
                followed = restart(self.bytes, &mut reader, number);
                coder.restart();
            }
            if let Err(broken) = followed.and_then(|()| coder.unit(&mut reader, unit)) {
                let is_whole = frame.process.is_sequential() && scan.parts.len() == frame.components.len();
                let share = is_whole.then_some(unit as f32 / units as f32);
                wrong = Some(if broken == Broken::Ended { Trouble::Ended(share) } else { Trouble::Damaged(share) });
                if let (Some(copy), Some(kept)) = (&mut reader.copy, kept) {
                    copy.back_to(kept);
                    fill(copy, &self.tables, frame, scan, unit..units, self.interval)?;
                }
                break;
            }
        }
        self.cover(scan);
        if wrong.is_none() && !reader.finish() {
            wrong = Some(Trouble::Damaged(None));
        }
        self.mended.extend(reader.copy.take().map(Writer::into_bytes).unwrap_or_default());
        Some((reader.position(), wrong))
    }

    fn cover(&mut self, scan: &Scan) {
        for (component, ..) in &scan.parts {
            self.covered[*component] = true;
        }
    }

    /// Where a sequential scan ends that is sound, at first sight.
    fn skim(&self, frame: &Frame, scan: &Scan, units: usize, mut at: usize) -> Option<usize> {
        let mut blocks = vec![];
        for (component, dc, ac) in &scan.parts {
            let (across, down) = frame.components[*component].sampling;
            let count = if scan.parts.len() == 1 { 1 } else { across * down };
            blocks.extend(vec![(self.tables.dc[*dc].as_ref()?, self.tables.ac[*ac].as_ref()?); count]);
        }
        let skim = Skim::new(&blocks);
        let interval = if self.interval > 0 { self.interval } else { units };
        let mut data = Data::default();
        for (restarts, unit) in (0..units).step_by(interval).enumerate() {
            if restarts > 0 {
                let marker = [0xff, 0xd0 + ((restarts - 1) % 8) as u8];
                at += self.bytes.get(at..)?.starts_with(&marker).then_some(marker.len())?;
            }
            at += data.take(self.bytes.get(at..)?);
            if !skim.is_sound(&data, interval.min(units - unit)) {
                return None;
            }
        }
        Some(at)
    }

    /// Adds scans for components that have none, and the end. None where that cannot be done.
    fn complete(&mut self, frame: &Frame) -> Option<()> {
        for (at, component) in frame.components.iter().enumerate().filter(|(at, _)| !self.covered[*at]) {
            let table =
                (0..4).rev().find(|table| self.tables.dc[*table].is_some() && self.tables.ac[*table].is_some())?;
            let tables = (table << 4 | table) as u8;
            self.mended.extend([0xff, 0xda, 0, 8, 1, component.id, tables, 0, 63, 0]);
            let scan = Scan { parts: vec![(at, table, table)], band: (0, 63), refines: false };
            let mut copy = Writer::default();
            fill(&mut copy, &self.tables, frame, &scan, 0..component.blocks.0 * component.blocks.1, self.interval)?;
            self.mended.extend(copy.into_bytes());
        }
        self.mended.extend([0xff, 0xd9]);
        Some(())
    }
}

/// Passes over a restart marker.
fn restart(bytes: &[u8], reader: &mut Reader<'_>, number: u8) -> Result<(), Broken> {
    let is_clean = reader.finish();
    let mut at = reader.position();
    while bytes.get(at) == Some(&0) || bytes.get(at..at + 2) == Some(&[0xff, 0xff]) {
        at += 1;
    }
    match bytes.get(at..at + 2) {
        Some([0xff, marker]) if *marker == 0xd0 + number && is_clean => {
            reader.go_to(at + 2);
            if let Some(copy) = &mut reader.copy {
                copy.marker(*marker);
            }
            Ok(())
        }
        None | Some([0xff, 0xd9]) => Err(Broken::Ended),
        _ => Err(Broken::Damaged),
    }
}

/// Writes blocks that go on as the last one ended: no change of the mean, and nothing else. None where there is no code.
fn fill(
    copy: &mut Writer,
    tables: &Tables,
    frame: &Frame,
    scan: &Scan,
    units: Range<usize>,
    interval: usize,
) -> Option<()> {
    for unit in units {
        if interval > 0 && unit > 0 && unit % interval == 0 {
            copy.marker(0xd0 + ((unit / interval - 1) % 8) as u8);
        }
        for (component, dc, ac) in &scan.parts {
            let (across, down) = frame.components[*component].sampling;
            for _ in 0..if scan.parts.len() == 1 { 1 } else { across * down } {
                copy.symbol(tables.dc[*dc].as_ref()?, 0)?;
                copy.symbol(tables.ac[*ac].as_ref()?, 0)?;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rand::RngExt as _;

    use super::*;
    use crate::random::random;

    /// What is written again is read code by code, everything else several codes at a time.
    #[test]
    fn several_codes_at_a_time_find_the_same_trouble_at_the_same_place() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images/jpeg");
        let mut random = random(0, 0);
        let (mut sound, mut troubled) = (0, 0);
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_none_or(|extension| extension != "jpg") {
                continue;
            }
            let whole = fs::read(&file).unwrap();
            for case in 0..40 {
                let mut bytes = whole.clone();
                let place = random.random_range(bytes.len() / 3..bytes.len());
                match case % 4 {
                    0 => bytes.truncate(place),
                    1 => bytes[place] ^= 1 << random.random_range(0..8),
                    2 => drop(bytes.remove(place)),
                    _ => bytes.insert(place, random.random()),
                }
                let followed = [false, true].map(|mend| follow(&bytes, mend));
                // What cannot be mended is given up.
                if followed[1].as_ref().is_none_or(|followed| followed.mended.is_none()) {
                    continue;
                }
                let found = followed.map(|followed| followed.map(|followed| (followed.trouble, followed.sound)));
                assert_eq!(found[0], found[1], "{} {case} at {place}", file.display());
                match found[0] {
                    Some((Some(_), _)) => troubled += 1,
                    _ => sound += 1,
                }
            }
        }
        assert!(troubled > 500 && sound > 20, "{troubled} {sound}");
    }
}
