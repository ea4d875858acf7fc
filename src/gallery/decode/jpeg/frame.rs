//! What the headers of a JPEG say of its frame and its scans (ITU T.81, annex B).

use super::bits::Table;

/// The marker of a frame's header, by which JPEGs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process(pub(super) u8);

impl Process {
    /// Whether each scan holds its components whole.
    pub(super) fn is_sequential(self) -> bool {
        matches!(self.0, 0xc0 | 0xc1)
    }

    /// Why there is no picture, in words; none for what is decoded.
    pub(super) fn obstacle(self, precision: u8) -> Option<&'static str> {
        match self.0 {
            0xc0..=0xc2 if precision != 8 => Some("JPEG of 12 bits a channel"),
            0xc0..=0xc2 => None,
            0xc3 | 0xcb => Some("lossless JPEG"),
            0xc9 | 0xca => Some("arithmetic-coded JPEG"),
            0xf7 => Some("JPEG-LS"),
            _ => Some("hierarchical JPEG"),
        }
    }
}

/// A component: luma, a chroma, an ink.
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks of 8 by 8 in an MCU of several components, across and down.
    pub(super) sampling: (usize, usize),
    /// Blocks of 8 by 8 that hold some of the picture, across and down.
    pub(super) blocks: (usize, usize),
    /// For each of them, which coefficients are not zero so far; of progressive frames only.
    pub(super) set: Vec<u64>,
}

/// The header of a frame.
pub(super) struct Frame {
    pub(super) process: Process,
    pub(super) precision: u8,
    pub(super) size: (usize, usize),
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// The frame that a SOF segment describes; none where it makes no sense.
    pub(super) fn new(marker: u8, segment: &[u8]) -> Option<Frame> {
        let [precision, h1, h0, w1, w0, count, rest @ ..] = segment else { return None };
        let size = [[*w1, *w0], [*h1, *h0]].map(|side| usize::from(u16::from_be_bytes(side)));
        let size = (size[0], size[1]);
        let specs: Vec<&[u8]> = rest.chunks_exact(3).take(usize::from(*count)).collect();
        let sampling = |spec: &[u8]| (usize::from(spec[1] >> 4), usize::from(spec[1] & 15));
        let fits = |spec: &&[u8]| (1..=4).contains(&sampling(spec).0) && (1..=4).contains(&sampling(spec).1);
        if specs.is_empty() || specs.len() > 4 || specs.len() != usize::from(*count) || !specs.iter().all(fits) {
            return None;
        }
        let most = largest(specs.iter().map(|spec| sampling(spec)));
        let components = specs.iter().map(|spec| {
            let (across, down) = sampling(spec);
            let blocks = ((size.0 * across).div_ceil(8 * most.0), (size.1 * down).div_ceil(8 * most.1));
            Component { id: spec[0], sampling: (across, down), blocks, set: vec![] }
        });
        Some(Frame { process: Process(marker), precision: *precision, size, components: components.collect() })
    }

    /// Whether the first component, luma, is not the finest in both directions, or another is not half or a quarter as fine.
    pub(super) fn is_oddly_sampled(&self) -> bool {
        let samplings = || self.components.iter().map(|component| component.sampling);
        let is_power = |(across, down): (usize, usize)| across.is_power_of_two() && down.is_power_of_two();
        self.components[0].sampling != largest(samplings()) || !samplings().all(is_power)
    }

    /// How many MCUs of several components there are.
    pub(super) fn units(&self) -> usize {
        let most = largest(self.components.iter().map(|component| component.sampling));
        self.size.0.div_ceil(8 * most.0) * self.size.1.div_ceil(8 * most.1)
    }
}

fn largest(samplings: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
    samplings.fold((1, 1), |(x, y), (across, down)| (x.max(across), y.max(down)))
}

/// The header of a scan.
pub(super) struct Scan {
    /// Position in the frame, DC table and AC table of each component.
    pub(super) parts: Vec<(usize, usize, usize)>,
    /// The first and last coefficient, in zigzag order.
    pub(super) band: (usize, usize),
    /// Whether it adds a bit to coefficients that were there before.
    pub(super) refines: bool,
}

impl Scan {
    /// The scan that a SOS segment describes; none where it makes no sense.
    pub(super) fn new(segment: &[u8], frame: &Frame) -> Option<Scan> {
        let (count, rest) = segment.split_first()?;
        let count = usize::from(*count);
        let [start, end, bits] = rest.get(2 * count..2 * count + 3)? else { return None };
        let parts = rest[..2 * count].chunks_exact(2).map(|spec| {
            let at = frame.components.iter().position(|component| component.id == spec[0])?;
            Some((at, usize::from(spec[1] >> 4) & 3, usize::from(spec[1] & 3)))
        });
        let parts: Vec<_> = parts.collect::<Option<_>>()?;
        let band = if frame.process.is_sequential() { (0, 63) } else { (usize::from(*start), usize::from(*end)) };
        let is_sound = !parts.is_empty() && band.0 <= band.1 && band.1 < 64 && (band.0 == 0 || parts.len() == 1);
        is_sound.then_some(Scan { parts, band, refines: bits >> 4 != 0 })
    }
}

/// The Huffman tables that hold at the moment.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
}

impl Tables {
    /// Whether none was defined.
    pub(super) fn are_missing(&self) -> bool {
        self.dc.iter().chain(&self.ac).all(Option::is_none)
    }

    /// Takes the tables of a DHT segment.
    pub(super) fn define(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [class, rest @ ..] = segment {
            let counts = rest.get(..16)?;
            let symbols: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let table = Table::new(counts, rest.get(16..16 + symbols)?)?;
            let tables = if class >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            tables[usize::from(class & 3)] = Some(table);
            segment = &rest[16 + symbols..];
        }
        Some(())
    }
}
