//! The bits of a JPEG's scans, and the Huffman codes in them.

/// Bits of the longest Huffman code.
pub(super) const LONGEST: u32 = 16;
/// Codes of so many bits or fewer, nearly all, are looked up at once, in a table that the processor keeps near.
const QUICK: u32 = 10;

/// A Huffman table.
pub(super) struct Table {
    /// By the next bits: the symbol and the length of its code, 0 where it is longer or there is none.
    quick: Vec<(u8, u8)>,
    /// Each code, its length, and its symbol, in rising order.
    codes: Vec<(u16, u8, u8)>,
}

impl Table {
    /// The table of a DHT segment: how many codes there are of each length, and the symbols by length; none where the counts
    /// contradict each other.
    pub(super) fn new(counts: &[u8], symbols: &[u8]) -> Option<Table> {
        let mut table = Table { quick: vec![(0, 0); 1 << QUICK], codes: vec![] };
        let (mut code, mut next) = (0_u32, symbols.iter());
        for (length, count) in (1..=LONGEST).zip(counts) {
            for _ in 0..*count {
                let symbol = *next.next()?;
                if code >> length != 0 {
                    return None;
                }
                if length <= QUICK {
                    let first = (code << (QUICK - length)) as usize;
                    table.quick[first..first + (1 << (QUICK - length))].fill((symbol, length as u8));
                }
                table.codes.push((code as u16, length as u8, symbol));
                code += 1;
            }
            code <<= 1;
        }
        Some(table)
    }

    /// The symbol of the code that 16 bits begin with, and its length; 0 where there is none.
    pub(super) fn find(&self, bits: u16) -> (u8, u8) {
        let (symbol, length) = self.quick[usize::from(bits >> (LONGEST - QUICK))];
        if length > 0 {
            return (symbol, length);
        }
        let aligned = |(code, length, _): &(u16, u8, u8)| *code << (LONGEST - u32::from(*length));
        // The last code that is not after the bits.
        let after = self.codes.partition_point(|code| aligned(code) <= bits);
        match after.checked_sub(1).map(|at| self.codes[at]) {
            Some((code, length, symbol)) if bits >> (LONGEST - u32::from(length)) == code => (symbol, length),
            _ => (0, 0),
        }
    }

    /// Each code, its length, and its symbol, in rising order.
    pub(super) fn codes(&self) -> &[(u16, u8, u8)] {
        &self.codes
    }

    /// The code of a symbol and its length.
    fn code(&self, symbol: u8) -> Option<(u16, u8)> {
        self.codes.iter().find(|(.., other)| *other == symbol).map(|(code, length, _)| (*code, *length))
    }
}

/// Why there are no more bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The file ends.
    Ended,
    /// A marker comes too early, or there is no such code.
    Damaged,
}

/// Bits that were taken from bytes, up to the next marker.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    /// The byte after those that were taken.
    at: usize,
    /// The next bit is the highest; beyond the last there are zeros.
    pub(super) bits: u64,
    pub(super) count: u32,
}

impl Held {
    /// Takes bytes until there are enough bits for a code and its value, or a marker is next.
    #[inline]
    pub(super) fn fill(&mut self, bytes: &[u8]) {
        if let Some(next) = bytes.get(self.at..).and_then(|bytes| bytes.first_chunk())
            && self.count <= 56
        {
            let next = u64::from_be_bytes(*next);
            // No byte of it is 0xff: none of the others is 0.
            let others = !next;
            if others.wrapping_sub(0x0101_0101_0101_0101) & next & 0x8080_8080_8080_8080 == 0 {
                let bits = (64 - self.count) / 8 * 8;
                self.bits |= next >> (64 - bits) << (64 - bits) >> self.count;
                self.at += bits as usize / 8;
                self.count += bits;
                return;
            }
        }
        *self = self.fill_by_bytes(bytes);
    }

    #[inline(never)]
    fn fill_by_bytes(mut self, bytes: &[u8]) -> Held {
        while self.count <= 56 {
            let byte = match bytes.get(self.at..) {
                Some([0xff, 0, ..]) => {
                    self.at += 2;
                    0xff
                }
                Some([byte, ..]) if *byte != 0xff => {
                    self.at += 1;
                    *byte
                }
                _ => break,
            };
            self.bits |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// Passes over bits, fewer than 64, that are there.
    #[inline]
    pub(super) fn pass(&mut self, bits: u32) {
        self.bits <<= bits;
        self.count -= bits;
    }
}

/// Reads bits up to the next marker.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) held: Held,
    /// Where the bits that are read are written again.
    pub(super) copy: Option<Writer>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Reader<'a> {
        Reader { bytes, held: Held { at, ..Held::default() }, copy: None }
    }

    /// Passes over bits; 16 at most.
    fn skip(&mut self, bits: u32) -> Result<(), Broken> {
        if self.held.count < bits {
            self.held.fill(self.bytes);
            if self.held.count < bits {
                // A file may end within a marker, or be ended by who cut it.
                let ended = self.bytes.get(self.held.at + 1).is_none_or(|marker| *marker == 0xd9);
                return Err(if ended { Broken::Ended } else { Broken::Damaged });
            }
        }
        if bits > 0
            && let Some(copy) = &mut self.copy
        {
            copy.write((self.held.bits >> (64 - bits)) as u16, bits as u8);
        }
        self.held.pass(bits);
        Ok(())
    }

    /// The next bits as a number; 16 at most.
    pub(super) fn bits(&mut self, bits: u32) -> Result<u32, Broken> {
        if self.held.count < bits {
            self.held.fill(self.bytes);
        }
        let value = if bits == 0 { 0 } else { self.held.bits >> (64 - bits) };
        self.skip(bits)?;
        Ok(value as u32)
    }

    /// The next symbol.
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8, Broken> {
        if self.held.count < LONGEST {
            self.held.fill(self.bytes);
        }
        match table.find((self.held.bits >> (64 - LONGEST)) as u16) {
            // Beyond the end there are zeros.
            (_, 0) if self.held.count < LONGEST => {
                self.skip(LONGEST)?;
                Err(Broken::Damaged)
            }
            (_, 0) => Err(Broken::Damaged),
            (symbol, length) => {
                self.skip(length.into())?;
                Ok(symbol)
            }
        }
    }

    /// Forgets what is left of the last byte; whether a marker is next, or nothing but padding before it.
    pub(super) fn finish(&mut self) -> bool {
        self.held.fill(self.bytes);
        let Held { at, bits, count } = self.held;
        let whole = count / 8;
        let rest = if whole == 0 { 0 } else { bits << (count % 8) };
        let padded = (0..whole).all(|k| matches!((rest >> (56 - 8 * k)) as u8, 0 | 0xff));
        self.go_to(at);
        let left = &self.bytes[at..];
        let next = left.iter().position(|byte| *byte == 0xff).unwrap_or(left.len());
        padded && left[..next].iter().all(|byte| *byte == 0)
    }

    /// The byte after those that were taken.
    pub(super) fn position(&self) -> usize {
        self.held.at
    }

    /// Goes on elsewhere.
    pub(super) fn go_to(&mut self, at: usize) {
        self.held = Held { at, ..Held::default() };
    }
}

/// A place in what is written.
pub(super) type Mark = (usize, u8, u8);

/// Writes bits as a scan holds them.
#[derive(Clone, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    held: u8,
    count: u8,
}

impl Writer {
    /// Writes the lowest bits of a value.
    fn write(&mut self, value: u16, bits: u8) {
        for bit in (0..bits).rev() {
            self.held = self.held << 1 | (value >> bit & 1) as u8;
            self.count += 1;
            if self.count == 8 {
                self.byte();
            }
        }
    }

    fn byte(&mut self) {
        self.bytes.push(self.held);
        if self.held == 0xff {
            self.bytes.push(0);
        }
        (self.held, self.count) = (0, 0);
    }

    /// Writes a symbol, if it has a code.
    pub(super) fn symbol(&mut self, table: &Table, symbol: u8) -> Option<()> {
        let (code, length) = table.code(symbol)?;
        self.write(code, length);
        Some(())
    }

    /// Fills the last byte, and puts a marker behind it.
    pub(super) fn marker(&mut self, marker: u8) {
        while self.count > 0 {
            self.write(1, 1);
        }
        self.bytes.extend([0xff, marker]);
    }

    /// Where it is.
    pub(super) fn mark(&self) -> Mark {
        (self.bytes.len(), self.held, self.count)
    }

    /// Forgets what was written since.
    pub(super) fn back_to(&mut self, (length, held, count): Mark) {
        self.bytes.truncate(length);
        (self.held, self.count) = (held, count);
    }

    /// What was written.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        while self.count > 0 {
            self.write(1, 1);
        }
        self.bytes
    }
}
