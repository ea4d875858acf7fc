//! NumPy's `.npy`: how tensors come in and maps go out. Float32, for networks of bytes also uint8; format versions 1 to 3,
//! any rank.
//!
//! The format: NumPy's documentation, `numpy.lib.format`. Headers are not trusted: nothing is allocated on their word alone.

use std::io::{self, Read, Write};

use ndarray::{ArrayD, ArrayViewD, IxDyn};
use thiserror::Error;

use crate::text::{Literal, escape};

/// How every `.npy` file begins.
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The longest header that is read, in bytes. NumPy's own are 118.
const LONGEST_HEADER: usize = 1 << 16;

/// The most values that an array may hold: 1 GiB of them.
const MOST_VALUES: usize = 1 << 28;

/// The most dimensions, as in NumPy.
const MOST_DIMENSIONS: usize = 64;

/// Why a `.npy` file could not be read.
#[derive(Debug, Error)]
pub enum NpyError {
    /// The file could not be read, or ends early.
    #[error("cannot be read to its end: {0}")]
    Io(io::Error),
    /// Another kind of file.
    #[error("not a .npy file: it does not begin with \\x93NUMPY")]
    Magic,
    /// A version that does not exist yet.
    #[error(".npy format version {0} is unknown")]
    Version(u8),
    /// The header is no dictionary with `descr`, `fortran_order` and `shape`.
    #[error("the header of this .npy file is broken: {0}")]
    Header(&'static str),
    /// Not float32.
    #[error("the array holds {0}, not float32; save it with `.astype('float32')`")]
    Type(String),
    /// More values than any image has.
    #[error("the array would hold more than {MOST_VALUES} values")]
    TooLarge,
    /// Fewer values than the header promises.
    #[error("the file ends after {found} of the {expected} bytes that its shape needs")]
    Truncated {
        /// Bytes after the header.
        found: usize,
        /// Bytes that the shape needs.
        expected: usize,
    },
}

/// By hand, since the message tells it already: it is no source besides.
impl From<io::Error> for NpyError {
    fn from(error: io::Error) -> NpyError {
        NpyError::Io(error)
    }
}

/// Reads an array of float32.
///
/// # Errors
/// When it is not a `.npy` file, holds something else than float32, ends early, or is absurdly large.
pub fn read(file: impl Read) -> Result<ArrayD<f32>, NpyError> {
    read_as(file, Element::Float)
}

/// Reads an array of float32 or of bytes, as numbers from 0 to 255.
///
/// # Errors
/// As [`read`].
pub fn read_bytes_too(file: impl Read) -> Result<ArrayD<f32>, NpyError> {
    read_as(file, Element::Byte)
}

/// Reads the shape of an array, and nothing else.
///
/// # Errors
/// When it is not a `.npy` file.
pub fn read_shape(file: impl Read) -> Result<Vec<usize>, NpyError> {
    read_header(file).map(|(header, _)| header.shape)
}

/// What an array may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Float,
    Byte,
}

/// Room that is made for values before they are there, in bytes.
const AT_ONCE: usize = 1 << 20;

/// Reads the header, and gives the file back behind it.
fn read_header<R: Read>(mut file: R) -> Result<(Header, R), NpyError> {
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(|_| NpyError::Magic)?;
    if start[..6] != MAGIC[..] {
        return Err(NpyError::Magic);
    }
    let length = match start[6] {
        1 => {
            let mut length = [0; 2];
            file.read_exact(&mut length)?;
            u16::from_le_bytes(length) as usize
        }
        2 | 3 => {
            let mut length = [0; 4];
            file.read_exact(&mut length)?;
            u32::from_le_bytes(length) as usize
        }
        version => return Err(NpyError::Version(version)),
    };
    if length > LONGEST_HEADER {
        return Err(NpyError::Header("it is too long"));
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text)?;
    Ok((header(&text)?, file))
}

fn read_as(file: impl Read, most: Element) -> Result<ArrayD<f32>, NpyError> {
    let (Header { shape, element, big_endian, fortran }, file) = read_header(file)?;
    if element == Element::Byte && most == Element::Float {
        return Err(NpyError::Type("uint8".into()));
    }
    let count = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
    let count = count.filter(|count| *count <= MOST_VALUES).ok_or(NpyError::TooLarge)?;
    let expected = count * if element == Element::Byte { 1 } else { 4 };
    // Grows with what is really there, so that a header alone costs no memory.
    let mut bytes = Vec::with_capacity(expected.min(AT_ONCE));
    file.take(expected as u64).read_to_end(&mut bytes)?;
    if bytes.len() < expected {
        return Err(NpyError::Truncated { found: bytes.len(), expected });
    }
    let values: Vec<f32> = match element {
        Element::Float if big_endian => bytes.as_chunks().0.iter().map(|bytes| f32::from_be_bytes(*bytes)).collect(),
        Element::Float => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Element::Byte => bytes.iter().copied().map(f32::from).collect(),
    };
    let invalid = |_| NpyError::Header("its shape is impossible");
    if fortran {
        let reversed: Vec<usize> = shape.iter().rev().copied().collect();
        let array = ArrayD::from_shape_vec(IxDyn(&reversed), values).map_err(invalid)?;
        return Ok(array.reversed_axes().as_standard_layout().into_owned());
    }
    ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(invalid)
}

struct Header {
    shape: Vec<usize>,
    element: Element,
    big_endian: bool,
    fortran: bool,
}

fn header(text: &[u8]) -> Result<Header, NpyError> {
    let text = str::from_utf8(text).map_err(|_| NpyError::Header("it is not text"))?;
    let fields = Literal::parse(text).ok_or(NpyError::Header("it is not a Python dictionary"))?;
    let kind = fields.get("descr").ok_or(NpyError::Header("it has no `descr`"))?;
    let (element, big_endian) = match kind.text() {
        Some("<f4" | "=f4" | "f4") => (Element::Float, false),
        Some(">f4") => (Element::Float, true),
        Some("|u1" | "<u1" | "=u1" | "u1" | ">u1") => (Element::Byte, false),
        Some(other) => return Err(NpyError::Type(escape(other).into_owned())),
        None => return Err(NpyError::Type("records".into())),
    };
    let Some(Literal::Bool(fortran)) = fields.get("fortran_order") else {
        return Err(NpyError::Header("it has no `fortran_order`"));
    };
    let shape = fields.get("shape").and_then(Literal::items).ok_or(NpyError::Header("it has no `shape`"))?;
    let shape: Option<Vec<usize>> = shape.iter().map(Literal::index).collect();
    let shape =
        shape.filter(|shape| shape.len() <= MOST_DIMENSIONS).ok_or(NpyError::Header("its shape is impossible"))?;
    Ok(Header { shape, element, big_endian, fortran: *fortran })
}

/// Writes an array as float32, row-major, version 1, as `numpy.save` does.
///
/// # Errors
/// When the writer fails.
#[allow(clippy::needless_pass_by_value, reason = "a view is a reference")]
pub fn write(mut file: impl Write, array: ArrayViewD<f32>) -> io::Result<()> {
    let mut shape = array.shape().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if array.ndim() == 1 {
        shape.push(',');
    }
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    // The values begin at a multiple of 64 bytes.
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(|_| io::Error::other("an array with too many dimensions"))?;
    file.write_all(MAGIC)?;
    file.write_all(&[1, 0])?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    let mut bytes = Vec::with_capacity(4 * array.len());
    for value in &array {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    file.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend([2, 0]);
        file.extend((header.len() as u32).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn what_is_written_is_read_at_any_rank() {
        for shape in [vec![], vec![5], vec![2, 3], vec![1, 3, 4, 2], vec![0, 3]] {
            let count = shape.iter().product::<usize>();
            let values = (0..count).map(|i| i as f32 - 1.5).collect();
            let array = ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap();
            let mut file = Vec::new();
            write(&mut file, array.view()).unwrap();
            assert_eq!((file.len() - 4 * count) % 64, 0, "{shape:?}");
            assert_eq!(read(&file[..]).unwrap(), array);
        }
    }

    #[test]
    fn fortran_order_and_big_endian_are_understood() {
        let data: Vec<u8> = [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|v| v.to_be_bytes()).collect();
        let file = with_header("{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3)}", &data);
        let expected = ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn();
        assert_eq!(read(&file[..]).unwrap(), expected);
    }

    #[test]
    fn hostile_headers_are_errors_and_cost_no_memory() {
        let shape =
            |shape: &str| with_header(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"), &[]);
        assert!(matches!(read(&shape("(1073741824, 1073741824)")[..]), Err(NpyError::TooLarge)));
        assert!(matches!(read(&shape("(10000000000000000000,)")[..]), Err(NpyError::Header(_))));
        assert!(matches!(read(&shape("(-1,)")[..]), Err(NpyError::Header(_))));
        assert!(matches!(read(&shape("(1000, 1000)")[..]), Err(NpyError::Truncated { expected: 4_000_000, .. })));
        assert!(matches!(read(&shape(&"(".repeat(60_000))[..]), Err(NpyError::Header(_))));
        let mut huge = MAGIC.to_vec();
        huge.extend([2, 0, 255, 255, 255, 255]);
        assert!(matches!(read(&huge[..]), Err(NpyError::Header(_))));
        assert!(matches!(read(&b"\x93NUMPY\x09\x00"[..]), Err(NpyError::Version(9))));
        assert!(matches!(read(&b"PNG"[..]), Err(NpyError::Magic)));
        let bytes = with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", &[3, 255]);
        assert!(matches!(read(&bytes[..]), Err(NpyError::Type(name)) if name == "uint8"));
        assert_eq!(read_bytes_too(&bytes[..]).unwrap().as_slice().unwrap(), [3.0, 255.0]);
        assert_eq!(read_shape(&bytes[..]).unwrap(), [2]);
        let doubles = with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", &[0; 8]);
        assert!(matches!(read(&doubles[..]), Err(NpyError::Type(name)) if name == "<f8"));
    }
}
