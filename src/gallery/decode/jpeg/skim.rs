//! Passes over a sequential scan quickly, to see whether it is sound.
//!
//! A code cannot be read before the one before it is: the processor waits. So the second half is read at the same time, from
//! its middle on, where nobody knows what a bit belongs to; Huffman codes fall into step by themselves, mostly within an MCU,
//! and where the first half comes upon the end of an MCU that the second has seen, the rest is known.

#![allow(clippy::inline_always, reason = "cursors are kept in registers, where nothing else is called")]

use super::bits::{LONGEST, Table};

/// Bits by which steps are looked up. The tables for two kinds of blocks stay in the first-level cache.
const WIDTH: u32 = 11;
/// Coefficients of a block.
const BLOCK: u32 = 64;
/// What a step adds where it ends the block, besides the coefficients that it passes.
const END: u32 = 128;
/// Zeros behind the data: a cursor takes 8 bytes at a time, up to 8 before it needs them.
const AHEAD: usize = 16;

/// What some bits begin with: the bits of whole codes and of their values in the low byte, and how many coefficients they pass
/// in the high one.
type Step = u16;
/// Of bits that begin with a code that is too long, or with none: no block is so long.
const NONE: Step = 0xff00;

type Steps = [Step; 1 << WIDTH];

/// The steps of a component's blocks, and the tables for codes that are too long for them.
struct Part<'a> {
    dc: &'a Table,
    ac: &'a Table,
    means: Box<Steps>,
    rests: Box<Steps>,
}

impl<'a> Part<'a> {
    fn new(dc: &'a Table, ac: &'a Table) -> Part<'a> {
        Part { dc, ac, means: means(dc), rests: rests(ac) }
    }

    /// The bits of the next code and of its value, and how many coefficients are passed then; none where there is no such code.
    #[cold]
    fn code(&self, bits: u64, passed: u32) -> Option<(u32, u32)> {
        let table = if passed == 0 { self.dc } else { self.ac };
        let (symbol, length) = table.find((bits >> (64 - LONGEST)) as u16);
        let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let after = if size == 0 && zeros < 15 && passed > 0 { END + passed } else { passed + zeros + 1 };
        let is_sound = length > 0 && (after <= BLOCK || after > END) && (passed > 0 || zeros == 0);
        is_sound.then_some((u32::from(length) + size, after))
    }
}

/// The symbol of the code that bits begin with, and its length; 0 where there is none that is short enough.
fn codes(table: &Table) -> [(u8, u8); 1 << WIDTH] {
    let mut codes = [(0, 0); 1 << WIDTH];
    for (code, length, symbol) in table.codes().iter().filter(|(_, length, _)| u32::from(*length) <= WIDTH) {
        let room = WIDTH - u32::from(*length);
        let first = usize::from(*code) << room;
        codes[first..first + (1 << room)].fill((*symbol, *length));
    }
    codes
}

/// Steps over the difference of a mean.
fn means(table: &Table) -> Box<Steps> {
    let mut steps = Box::new([NONE; 1 << WIDTH]);
    for (step, (size, length)) in steps.iter_mut().zip(codes(table)) {
        if length > 0 && size < 16 {
            *step = 1 << 8 | u16::from(length + size);
        }
    }
    steps
}

/// Steps over other coefficients, as many as there are codes.
fn rests(table: &Table) -> Box<Steps> {
    let codes = codes(table);
    let mut steps = Box::new([NONE; 1 << WIDTH]);
    for (first, step) in steps.iter_mut().enumerate() {
        let (mut bits, mut passed) = (0_u32, 0_u32);
        while bits < WIDTH {
            let (symbol, length) = codes[first << bits & ((1 << WIDTH) - 1)];
            let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if length == 0 || bits + u32::from(length) > WIDTH || passed + zeros + 1 >= BLOCK {
                break;
            }
            bits += u32::from(length) + size;
            if size == 0 && zeros < 15 {
                passed += END;
                break;
            }
            passed += zeros + 1;
        }
        if bits > 0 {
            *step = (passed << 8 | bits) as u16;
        }
    }
    steps
}

/// The data between two markers as they were before bytes were stuffed into them.
#[derive(Default)]
pub(super) struct Data {
    /// With zeros behind.
    bytes: Vec<u8>,
    bits: usize,
}

impl Data {
    /// Takes what a file holds up to the next marker, and says how many bytes that is.
    pub(super) fn take(&mut self, file: &[u8]) -> usize {
        self.bytes.clear();
        self.bytes.reserve(file.len() + AHEAD);
        let mut at = 0;
        loop {
            let rest = &file[at..];
            let is_plain = |chunk: &&[u8; 32]| !chunk.iter().fold(false, |any, byte| any | (*byte == 0xff));
            let whole = 32 * rest.as_chunks().0.iter().take_while(is_plain).count();
            let plain = whole + rest[whole..].iter().take_while(|byte| **byte != 0xff).count();
            self.bytes.extend_from_slice(&rest[..plain]);
            at += plain;
            if file.get(at + 1) != Some(&0) {
                break;
            }
            self.bytes.push(0xff);
            at += 2;
        }
        self.bits = 8 * self.bytes.len();
        self.bytes.extend([0; AHEAD]);
        at
    }
}

/// A place in the data.
struct Cursor<'a> {
    /// The next bits, and how many there are at least.
    bits: u64,
    held: u32,
    /// The byte after them.
    at: usize,
    /// Of the MCU.
    block: usize,
    /// Coefficients of the block that are passed.
    passed: u32,
    /// Steps over what comes next, and over the rest of the block.
    steps: &'a Steps,
    rests: &'a Steps,
    /// Where each MCU that was passed ended, in bits.
    ends: Vec<usize>,
}

impl Cursor<'_> {
    fn position(&self) -> usize {
        8 * self.at - self.held as usize
    }

    /// Holds 56 bits (0x38) or more; not where the data are behind it.
    #[inline(always)]
    fn fill(&mut self, data: &Data) -> bool {
        let Some(next) = data.bytes.get(self.at..).and_then(|bytes| bytes.first_chunk()) else { return false };
        self.bits |= u64::from_be_bytes(*next) >> self.held;
        self.at += (63 - self.held as usize) / 8;
        self.held |= 0x38;
        true
    }

    #[inline(always)]
    fn take(&mut self, bits: u32) {
        self.bits <<= bits;
        self.held -= bits;
    }
}

/// Passes over scans.
pub(super) struct Skim<'a> {
    parts: Vec<Part<'a>>,
    /// The part of each block of an MCU.
    blocks: Vec<usize>,
}

impl<'a> Skim<'a> {
    /// Of MCUs with blocks of these tables, DC and AC.
    pub(super) fn new(blocks: &[(&'a Table, &'a Table)]) -> Skim<'a> {
        let mut parts: Vec<Part<'a>> = vec![];
        let part = |(dc, ac): &(&'a Table, &'a Table)| {
            let known = parts.iter().position(|part| std::ptr::eq(part.dc, *dc) && std::ptr::eq(part.ac, *ac));
            known.unwrap_or_else(|| {
                parts.push(Part::new(dc, ac));
                parts.len() - 1
            })
        };
        let blocks = blocks.iter().map(part).collect();
        Skim { parts, blocks }
    }

    /// Whether the data are so many MCUs and nothing else. No says little: then look closely.
    pub(super) fn is_sound(&self, data: &Data, units: usize) -> bool {
        let middle = data.bits / 16;
        let (mut first, mut second) = (self.start(0), self.start(middle));
        let mut is_going = true;
        while first.position() < 8 * middle || is_going {
            if first.position() < 8 * middle && !self.advance(&mut first, data) {
                return false;
            }
            if is_going && !self.advance(&mut second, data) {
                // At the end; or at what is no code, for it was not in step yet.
                let next = second.position().div_ceil(8) + 1;
                is_going = 8 * next < data.bits;
                if is_going {
                    second = self.start(next);
                }
            }
        }
        let mut met = 0;
        while first.ends.len() < units {
            if let Some(end) = first.ends.last() {
                met += second.ends[met..].iter().take_while(|other| *other < end).count();
                if second.ends.get(met) == Some(end) {
                    first.ends.extend_from_slice(&second.ends[met + 1..]);
                    break;
                }
            }
            if !self.advance(&mut first, data) {
                break;
            }
        }
        // Bits fill the last byte.
        let end = units.checked_sub(1).and_then(|last| first.ends.get(last));
        end.is_some_and(|end| (*end..*end + 8).contains(&data.bits))
    }

    /// At a byte, where a block is thought to begin.
    fn start(&self, at: usize) -> Cursor<'_> {
        let Part { means, rests, .. } = &self.parts[self.blocks[0]];
        Cursor { bits: 0, held: 0, at, block: 0, passed: 0, steps: means, rests, ends: vec![] }
    }

    /// Goes on a little; not where there is no code.
    #[inline(always)]
    fn advance<'s>(&'s self, cursor: &mut Cursor<'s>, data: &Data) -> bool {
        cursor.fill(data) && self.step(cursor, data) && self.step(cursor, data)
    }

    #[inline(always)]
    fn step<'s>(&'s self, cursor: &mut Cursor<'s>, data: &Data) -> bool {
        let step = cursor.steps[(cursor.bits >> (64 - WIDTH)) as usize];
        let (mut bits, mut passed) = (u32::from(step & 63), cursor.passed + u32::from(step >> 8));
        if passed >= BLOCK && !is_whole(passed) {
            if !cursor.fill(data) {
                return false;
            }
            let part = &self.parts[self.blocks[cursor.block]];
            let Some(code) = part.code(cursor.bits, cursor.passed) else { return false };
            (bits, passed) = code;
        }
        cursor.take(bits);
        (cursor.passed, cursor.steps) = (passed, cursor.rests);
        if passed >= BLOCK {
            cursor.block += 1;
            if cursor.block == self.blocks.len() {
                cursor.block = 0;
                cursor.ends.push(cursor.position());
            }
            let Part { means, rests, .. } = &self.parts[self.blocks[cursor.block]];
            (cursor.passed, cursor.steps, cursor.rests) = (0, means, rests);
        }
        true
    }
}

/// Whether a block is passed by these coefficients, and nothing behind it.
#[inline(always)]
fn is_whole(passed: u32) -> bool {
    passed == BLOCK || (END < passed && passed < END + BLOCK)
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::random::random;

    #[test]
    fn a_scan_is_sound_where_it_holds_as_many_mcus_as_it_should() {
        const UNITS: usize = 1000;
        let dc = Table::new(&[1, 1], &[0, 3]).unwrap();
        let ac = Table::new(&[1, 1, 1], &[0x00, 0x02, 0x51]).unwrap();
        let mut random = random(0, 0);
        let mut bits: Vec<u8> = vec![];
        for _ in 0..UNITS {
            let mean: &[u8] = if random.random() { &[0] } else { &[1, 0, 0, 1, 1] };
            bits.extend(mean);
            for _ in 0..random.random_range(0..6) {
                let rest: &[u8] = if random.random() { &[1, 0, 1, 1] } else { &[1, 1, 0, 1] };
                bits.extend(rest);
            }
            bits.push(0);
        }
        let mut file = vec![];
        for bits in bits.chunks(8) {
            let byte = (0..8).fold(0, |byte, place| byte << 1 | bits.get(place).unwrap_or(&1));
            file.push(byte);
            file.extend((byte == 0xff).then_some(0));
        }
        let length = file.len();
        file.extend([0xff, 0xd9]);

        let mut data = Data::default();
        assert_eq!(data.take(&file), length);
        let skim = Skim::new(&[(&dc, &ac)]);
        let sound = [UNITS - 10, UNITS, UNITS + 1].map(|units| skim.is_sound(&data, units));
        assert_eq!(sound, [false, true, false]);
    }
}
