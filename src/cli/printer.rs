//! What `classify` and `compare` print: lines in the format asked for, or only what they come to.

use anyhow::bail;
use serde::Serialize;

use super::args::TableFormat;
use super::classify::{ErrorLine, csv};
use super::output::Output;
use super::warn;
use crate::text::escape;

/// What is said of one image.
pub(super) trait Line: Serialize {
    /// The image, as it was named.
    fn image(&self) -> &str;
    /// What must be known about it.
    fn warnings(&self) -> &[String];
    /// The cells of its row in CSV.
    fn cells(&self) -> Vec<String>;
    /// The same for reading, escaped.
    fn text(&self) -> String;
}

/// Prints to standard output; what has no place there goes to standard error.
pub(super) struct Printer {
    format: TableFormat,
    only_summary: bool,
    output: Output,
}

impl Printer {
    /// Begins with the header, where rows have one.
    ///
    /// # Errors
    /// When a summary is to be rows, or the header cannot be written.
    pub(super) fn new(format: TableFormat, only_summary: bool, header: &[String]) -> anyhow::Result<Printer> {
        if only_summary && format == TableFormat::Csv {
            bail!("a summary is no table of rows; use --format jsonl or table with --summary");
        }
        let mut output = Output::new();
        if format == TableFormat::Csv {
            output.line(&header.join(","))?;
        }
        Ok(Printer { format, only_summary, output })
    }

    /// Prints a line; what a table has no column for goes to standard error, as its errors do.
    pub(super) fn line(&mut self, line: &impl Line) -> anyhow::Result<()> {
        if self.format != TableFormat::Jsonl || self.only_summary {
            line.warnings().iter().for_each(|warning| warn(&format!("{}: {warning}", escape(line.image()))));
        }
        match self.format {
            _ if self.only_summary => Ok(()),
            TableFormat::Jsonl => self.output.json(line),
            TableFormat::Csv => {
                let is_terminal = self.output.is_terminal();
                let cells: Vec<String> = line.cells().iter().map(|cell| csv(cell, is_terminal)).collect();
                self.output.line(&cells.join(","))
            }
            TableFormat::Table => self.output.line(&line.text()),
        }
    }

    /// Prints an image that failed.
    pub(super) fn error(&mut self, line: &ErrorLine) -> anyhow::Result<()> {
        if self.format == TableFormat::Jsonl && !self.only_summary {
            return self.output.json(line);
        }
        warn(&line.error);
        Ok(())
    }

    /// Prints what the lines come to: in their place where it was asked for, else on standard error where `is_wanted`.
    pub(super) fn summary(&mut self, summary: &impl Serialize, table: &str, is_wanted: bool) -> anyhow::Result<()> {
        match (self.only_summary, self.format) {
            (true, TableFormat::Table) => self.output.bytes(table.as_bytes()),
            (true, _) => self.output.json(summary),
            (false, _) => {
                table.lines().filter(|_| is_wanted).for_each(warn);
                Ok(())
            }
        }
    }
}
