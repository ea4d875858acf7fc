//! Blocks of a sequential scan passed over quickly: several codes, with the bits of their values, at a step.

use super::bits::{Held, LONGEST, Reader, Table};

/// Bits by which steps are looked up. The tables for two kinds of blocks stay in the first-level cache.
const WIDTH: u32 = 11;
/// Bits that a step takes at most: a code that is looked up, and a value.
const MOST: u32 = WIDTH + 15;
/// Coefficients of a block.
pub(super) const BLOCK: u8 = 64;
/// What a step adds where it ends the block, besides the coefficients that it passes.
const END: u8 = 128;

/// What some bits begin with.
#[derive(Clone, Copy)]
struct Step {
    /// The bits of whole codes and of their values.
    bits: u8,
    /// How many coefficients are passed.
    coefficients: u8,
}

impl Step {
    /// Of bits that begin with a code that is too long, or with none: no block is so long.
    const NONE: Step = Step { bits: 0, coefficients: BLOCK + 1 };

    /// Of the difference of a mean.
    fn of_mean(table: &Table, bits: u16) -> Step {
        match table.find(bits) {
            (size @ 0..=15, length @ 1..) if u32::from(length) <= WIDTH => {
                Step { bits: length + size, coefficients: 1 }
            }
            _ => Step::NONE,
        }
    }

    /// Of other coefficients, as many as there are codes.
    fn of_rest(table: &Table, bits: u16) -> Step {
        let mut step = Step { bits: 0, coefficients: 0 };
        while u32::from(step.bits) < WIDTH {
            let (symbol, length) = table.find(bits << step.bits);
            let (zeros, size) = (symbol >> 4, symbol & 15);
            if length == 0 || u32::from(step.bits + length) > WIDTH || step.coefficients + zeros + 1 >= BLOCK {
                break;
            }
            step.bits += length + size;
            if size == 0 && zeros < 15 {
                step.coefficients += END;
                break;
            }
            step.coefficients += zeros + 1;
        }
        if step.bits == 0 { Step::NONE } else { step }
    }
}

/// The steps of a component's blocks.
pub(super) struct Steps {
    mean: Vec<Step>,
    rest: Vec<Step>,
}

impl Steps {
    /// Of blocks with these tables.
    pub(super) fn new(dc: &Table, ac: &Table) -> Steps {
        let every = || (0..1_u16 << WIDTH).map(|bits| bits << (LONGEST - WIDTH));
        Steps {
            mean: every().map(|bits| Step::of_mean(dc, bits)).collect(),
            rest: every().map(|bits| Step::of_rest(ac, bits)).collect(),
        }
    }

    /// Passes over a block, of which `passed` coefficients are passed, as far as there are steps, and says how many are passed
    /// then: all of them, or those before a code that must be looked at by itself.
    pub(super) fn pass(&self, reader: &mut Reader<'_>, mut passed: u8) -> u8 {
        let mut held = reader.held;
        if passed == 0 {
            let step = next(&mut held, reader.bytes, &self.mean);
            if step.bits == 0 || held.count < MOST {
                return 0;
            }
            held.pass(step.bits.into());
            passed = 1;
        }
        while passed < BLOCK {
            let step = next(&mut held, reader.bytes, &self.rest);
            let after = passed + step.coefficients;
            let is_within = after <= BLOCK || (END < after && after < END + BLOCK);
            if !is_within || held.count < MOST {
                break;
            }
            held.pass(step.bits.into());
            passed = after;
        }
        reader.held = held;
        passed.min(BLOCK)
    }
}

/// The step that comes next.
#[inline]
fn next(held: &mut Held, bytes: &[u8], steps: &[Step]) -> Step {
    if held.count < MOST {
        held.fill(bytes);
    }
    steps[(held.bits >> (64 - WIDTH)) as usize]
}
