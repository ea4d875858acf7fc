//! Standard output is data. It is the one place where the program prints.

use std::io::{self, IsTerminal as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::Context;

use crate::text::{json_for_terminal, quoted};

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

/// Standard output, buffered by line. In a pipe names are exact; on a terminal nothing in them acts.
pub(super) struct Output {
    writer: io::BufWriter<io::Stdout>,
    is_terminal: bool,
}

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
        Output { is_terminal: io::stdout().is_terminal(), writer: io::BufWriter::new(io::stdout()) }
    }

    /// Whether somebody reads it as it is written.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes bytes as they are and sends them off.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        // Nobody ends the program in the middle.
        let _whole = io::stdout().lock();
        written(self.writer.write_all(bytes).and_then(|()| self.writer.flush()))
    }

    /// Writes one line.
    pub(super) fn line(&mut self, text: &str) -> anyhow::Result<()> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Writes a value as one line of JSON.
    pub(super) fn json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        let json = serde_json::to_string(value).context("could not write JSON")?;
        if self.is_terminal { self.line(&json_for_terminal(&json)) } else { self.line(&json) }
    }

    /// Writes a path: on a terminal as a word of the shell, else as it is. `end` follows it.
    pub(super) fn path(&mut self, path: &Path, end: u8) -> anyhow::Result<()> {
        if self.is_terminal {
            return self.line(&quoted(path));
        }
        self.bytes(&[path.as_os_str().as_bytes(), &[end]].concat())
    }
}
