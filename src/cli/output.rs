//! Standard output is data. It is the one place where the program prints.

use std::io::{self, Write};

use anyhow::Context;

/// Standard output, buffered by line.
pub(super) struct Output(io::BufWriter<io::Stdout>);

/// The reader of our output has gone away (`| head`): a reason to stop, not an error.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
pub(super) struct ReaderGone;

impl Output {
    pub(super) fn new() -> Output {
        Output(io::BufWriter::new(io::stdout()))
    }

    /// Writes bytes as they are and sends them off.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => ReaderGone.into(),
            _ => anyhow::Error::from(error).context("could not write to standard output"),
        })
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
