//! Numbers that begin with a line of the cache: a vector that straddles two lines is loaded at half the speed.

/// Numbers in a line.
const LINE: usize = 16;

/// Where the first line of a slice begins that is at least a line long.
fn first(numbers: &[f32]) -> usize {
    numbers.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE)
}

/// `len` numbers of a buffer that grows as needed; what they are is left over from before.
pub(super) fn grown(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len + LINE {
        buffer.resize(len + LINE, 0.0);
    }
    let first = first(buffer);
    &mut buffer[first..first + len]
}

/// Numbers that are collected once.
#[derive(Debug)]
pub(super) struct Aligned {
    first: usize,
    data: Vec<f32>,
}

impl Aligned {
    /// Room for `len` numbers; more would lose the alignment.
    pub(super) fn new(len: usize) -> Aligned {
        let mut data = Vec::with_capacity(len + LINE);
        data.resize(LINE, 0.0);
        let first = first(&data);
        data.truncate(first);
        Aligned { first, data }
    }

    pub(super) fn push(&mut self, numbers: &[f32]) {
        self.data.extend_from_slice(numbers);
    }

    pub(super) fn numbers(&self) -> &[f32] {
        &self.data[self.first..]
    }
}
