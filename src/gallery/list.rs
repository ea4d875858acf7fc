//! Paths on standard input: what `find -print0` or `ls` writes.

use std::io::{self, BufRead};
use std::path::PathBuf;

/// No path is longer, in bytes: more is not a list of paths.
const LONGEST: usize = 1 << 16;

/// The paths of a list, as they arrive. They are separated by NUL if there is one in what arrives first, else by newlines.
#[derive(Debug)]
pub struct PathList<R> {
    input: R,
    separator: Option<u8>,
    failed: bool,
}

impl<R: BufRead> PathList<R> {
    /// A list from a stream.
    pub fn new(input: R) -> PathList<R> {
        PathList { input, separator: None, failed: false }
    }

    fn read(&mut self) -> io::Result<Option<PathBuf>> {
        let separator = match self.separator {
            Some(separator) => separator,
            None => *self.separator.insert(if self.input.fill_buf()?.contains(&0) { 0 } else { b'\n' }),
        };
        loop {
            let mut bytes = Vec::new();
            let mut limited = io::Read::take(&mut self.input, LONGEST as u64);
            if limited.read_until(separator, &mut bytes)? == 0 {
                return Ok(None);
            }
            if bytes.len() == LONGEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "not a list of paths: a line is too long"));
            }
            if bytes.last() == Some(&separator) {
                bytes.pop();
            }
            if separator == b'\n' && bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
            if !bytes.is_empty() {
                return Ok(Some(path(bytes)));
            }
        }
    }
}

impl<R: BufRead> Iterator for PathList<R> {
    type Item = io::Result<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = if self.failed { None } else { self.read().transpose() };
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(input: &[u8]) -> Vec<String> {
        PathList::new(input).map(|path| path.unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn both_separators_are_understood() {
        assert_eq!(paths(b"a.png\nb c.png\r\n\n\nd.png"), ["a.png", "b c.png", "d.png"]);
        assert_eq!(paths(b"a\nb.png\0c.png\0"), ["a\nb.png", "c.png"]);
        assert_eq!(paths(b""), [""; 0]);
    }

    #[test]
    fn a_stream_without_end_of_line_is_refused() {
        assert!(PathList::new(&vec![b'a'; LONGEST + 1][..]).next().unwrap().is_err());
    }
}
