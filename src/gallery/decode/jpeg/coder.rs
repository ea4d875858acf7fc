//! The blocks of a scan: which bits belong to which.

use super::bits::{Broken, Reader, Table};
use super::frame::{Frame, Scan, Tables};

/// Coefficients of a block.
const BLOCK: u8 = 64;

/// A component of a scan.
struct Part<'a> {
    dc: Option<&'a Table>,
    ac: Option<&'a Table>,
    /// Blocks in an MCU.
    blocks: usize,
}

/// Reads the blocks of a scan and forgets them (ITU T.81, annexes F and G).
pub(super) struct Coder<'a> {
    is_sequential: bool,
    scan: &'a Scan,
    parts: Vec<Part<'a>>,
    /// Which coefficients of each block are not zero so far, in a scan of one component.
    set: &'a mut [u64],
    /// Blocks to come that hold nothing new.
    run: u32,
}

impl<'a> Coder<'a> {
    /// Of the scan that comes next; none where it has no tables.
    pub(super) fn new(tables: &'a Tables, frame: &'a mut Frame, scan: &'a Scan) -> Option<Coder<'a>> {
        let is_sequential = frame.process.is_sequential();
        let mut parts: Vec<Part<'a>> = vec![];
        for (component, dc_at, ac_at) in &scan.parts {
            let (across, down) = frame.components[*component].sampling;
            let (dc, ac) = (tables.dc[*dc_at].as_ref(), tables.ac[*ac_at].as_ref());
            let is_sound = if is_sequential {
                dc.is_some() && ac.is_some()
            } else if scan.band.0 == 0 {
                dc.is_some() || scan.refines
            } else {
                ac.is_some()
            };
            let blocks = if scan.parts.len() == 1 { 1 } else { across * down };
            parts.push(is_sound.then_some(Part { dc, ac, blocks })?);
        }
        let component = &mut frame.components[scan.parts[0].0];
        if !is_sequential && scan.band.0 > 0 && component.set.is_empty() {
            component.set = vec![0; component.blocks.0 * component.blocks.1];
        }
        Some(Coder { is_sequential, scan, parts, set: &mut component.set, run: 0 })
    }

    /// Forgets the blocks to come that hold nothing new.
    pub(super) fn restart(&mut self) {
        self.run = 0;
    }

    /// Reads an MCU.
    pub(super) fn unit(&mut self, reader: &mut Reader<'_>, unit: usize) -> Result<(), Broken> {
        if !self.is_sequential && self.scan.band.0 > 0 {
            let Some(table) = self.parts[0].ac else { return Err(Broken::Damaged) };
            return if self.scan.refines { self.refine(reader, table, unit) } else { self.begin(reader, table, unit) };
        }
        for part in &self.parts {
            for _ in 0..part.blocks {
                match (part.dc, part.ac) {
                    _ if !self.is_sequential && self.scan.refines => {
                        reader.bits(1)?;
                    }
                    (Some(dc), _) if !self.is_sequential => mean(reader, dc)?,
                    (Some(dc), Some(ac)) => block(reader, dc, ac)?,
                    _ => return Err(Broken::Damaged),
                }
            }
        }
        Ok(())
    }

    /// Reads a band of coefficients for the first time.
    fn begin(&mut self, reader: &mut Reader<'_>, table: &Table, block: usize) -> Result<(), Broken> {
        if self.run > 0 {
            self.run -= 1;
            return Ok(());
        }
        let (mut k, end) = self.scan.band;
        while k <= end {
            let symbol = reader.symbol(table)?;
            let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && zeros < 15 {
                self.run = (1 << zeros) + reader.bits(zeros)? - 1;
                break;
            }
            k += zeros as usize;
            if k > end {
                return Err(Broken::Damaged);
            }
            if size > 0 {
                reader.bits(size)?;
                self.set[block] |= 1 << k;
            }
            k += 1;
        }
        Ok(())
    }

    /// Reads another bit of a band of coefficients.
    fn refine(&mut self, reader: &mut Reader<'_>, table: &Table, block: usize) -> Result<(), Broken> {
        let (mut k, end) = self.scan.band;
        if self.run == 0 {
            while k <= end {
                let symbol = reader.symbol(table)?;
                let (mut zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                match size {
                    0 if zeros < 15 => {
                        self.run = (1 << zeros) + reader.bits(zeros)?;
                        break;
                    }
                    0 => {}
                    1 => {
                        reader.bits(1)?;
                    }
                    _ => return Err(Broken::Damaged),
                }
                while k <= end {
                    if self.set[block] >> k & 1 == 1 {
                        reader.bits(1)?;
                    } else if zeros == 0 {
                        self.set[block] |= u64::from(size) << k;
                        break;
                    } else {
                        zeros -= 1;
                    }
                    k += 1;
                }
                k += 1;
            }
        }
        if self.run > 0 {
            for k in k..=end {
                reader.bits((self.set[block] >> k & 1) as u32)?;
            }
            self.run -= 1;
        }
        Ok(())
    }
}

/// Reads a block of a sequential scan.
fn block(reader: &mut Reader<'_>, dc: &Table, ac: &Table) -> Result<(), Broken> {
    mean(reader, dc)?;
    let mut passed = 1;
    while passed < BLOCK {
        passed = next(reader, ac, passed)?;
    }
    Ok(())
}

/// Reads the difference of a mean.
fn mean(reader: &mut Reader<'_>, table: &Table) -> Result<(), Broken> {
    match reader.symbol(table)? {
        size @ 0..=15 => reader.bits(size.into()).map(|_| ()),
        _ => Err(Broken::Damaged),
    }
}

/// Reads the coefficients that a code stands for, after `passed` of a block, and says how many are passed then.
fn next(reader: &mut Reader<'_>, table: &Table, passed: u8) -> Result<u8, Broken> {
    let symbol = reader.symbol(table)?;
    match (symbol >> 4, symbol & 15) {
        (15, 0) => Ok(passed + 16),
        (_, 0) => Ok(BLOCK),
        (zeros, _) if passed + zeros >= BLOCK => Err(Broken::Damaged),
        (zeros, size) => reader.bits(size.into()).map(|_| passed + zeros + 1),
    }
}
