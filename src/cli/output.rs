//! Standard output is data. It is the one place where the program prints.

use std::io::{self, Write};

use anyhow::Context;

/// Columns of a small terminal.
const WIDTH: usize = 80;

/// Text after `first`, in lines of less than 80 columns that begin below the text's beginning.
pub(super) fn wrapped(first: &str, text: &str) -> Vec<String> {
    let indent = first.chars().count();
    let mut lines = vec![first.to_owned()];
    for word in text.split_whitespace() {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > indent && used + 1 + word.chars().count() >= WIDTH {
            lines.push(" ".repeat(indent));
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.chars().count() > indent { " " } else { "" });
            line.push_str(word);
        }
    }
    lines
}

/// Standard output, buffered by line.
pub(super) struct Output(io::BufWriter<io::Stdout>);

/// The reader of our output has gone away (`| head`): a reason to stop, not an error.
#[derive(Debug, thiserror::Error)]
#[error("the output was closed")]
pub(super) struct ReaderGone;

/// What became of bytes for standard output.
pub(super) fn written(result: io::Result<()>) -> anyhow::Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => anyhow::Error::from(error).context("could not write to standard output"),
    })
}

impl Output {
    pub(super) fn new() -> Output {
        Output(io::BufWriter::new(io::stdout()))
    }

    /// Writes bytes as they are and sends them off.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        written(self.0.write_all(bytes).and_then(|()| self.0.flush()))
    }

    /// Writes one line.
    pub(super) fn line(&mut self, text: &str) -> anyhow::Result<()> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Writes a value as one line of JSON.
    pub(super) fn json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        self.line(&serde_json::to_string(value).context("could not write JSON")?)
    }
}
