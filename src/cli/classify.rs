//! `seewhy classify`: predictions only.

use std::time::Instant;

use serde::Serialize;

use super::args::{ClassifyArgs, CommonArgs, TableFormat};
use super::batch::{Interrupt, in_order, progress};
use super::inputs;
use super::output::Output;
use super::wanted::Wanted;
use super::{Ending, load_model, told, truth, warn};
use crate::gallery::{self, Entry, Truths};
use crate::model::{Labels, ModelSource};
use crate::network::Scores;
use crate::session::{RunOptions, SCHEMA, ScoredClass, Session};
use crate::text::escape;

/// What is said of one image.
#[derive(Serialize)]
struct Line {
    schema: u32,
    image: String,
    model: String,
    top: Vec<ScoredClass>,
    /// Where an image may have several classes: those that the model says are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<Vec<ScoredClass>>,
    /// The class that the image is of, where its folder or a file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<Truth>,
    /// What must be known about the image before its prediction is trusted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    elapsed_ms: f64,
}

#[derive(Serialize)]
struct Truth {
    /// The class, the first of several.
    index: usize,
    /// Its name; several are joined by `+`.
    label: String,
    /// All of them, where there may be several.
    #[serde(skip_serializing_if = "Option::is_none")]
    indices: Option<Vec<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
    right: bool,
}

impl Line {
    /// What is said, in one word, where several classes may be.
    fn said(&self) -> Option<String> {
        let names =
            |said: &Vec<ScoredClass>| said.iter().map(|class| class.label.as_str()).collect::<Vec<_>>().join("+");
        self.said.as_ref().map(names)
    }
}

/// An image that failed.
#[derive(Serialize)]
pub(super) struct ErrorLine {
    schema: u32,
    image: String,
    error: String,
}

impl ErrorLine {
    pub(super) fn new(entry: &Entry, error: &anyhow::Error) -> Self {
        ErrorLine { schema: SCHEMA, image: entry.path.to_string_lossy().into_owned(), error: told(error, ": ") }
    }
}

pub(super) fn run(args: &ClassifyArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let source = ModelSource::from(common.model.as_path());
    let session = load_model(common, &source, &args.paths, common.run_options(None))?;
    let classifier = session.classifier();
    let truths = truth::truths(classifier, common.truth())?;
    let wanted = Wanted::new(args.wanted.as_deref(), classifier, &truths)?;
    let entries = inputs::find(&args.paths)?;
    let needs_truth = common.verbose > 0 || wanted.as_ref().is_some_and(Wanted::asks_for_truth);
    truth::announce(&truths, &entries, needs_truth);

    let (threads, RunOptions { top, .. }) = (common.threads(), *session.options());
    let each = if entries.len() == 1 { threads } else { 1 };
    let bar = progress(entries.len(), "classifying");
    let lines = Lines { session: &session, truths: &truths, source: &source };
    let mut printer = Printer::new(args.format, top, !classifier.network().scoring().exclusive)?;
    let (mut failed, mut done, mut right, mut known) = (0, 0, 0, 0);
    in_order(
        &entries,
        threads,
        &|| interrupt.is_set(),
        |entry| {
            let start = Instant::now();
            let said = session.pass(&entry.path, each).map(|(pass, warnings)| {
                let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.holds(entry, &pass.logits));
                is_wanted.then(|| lines.line(entry, &pass.logits, warnings, start))
            });
            (entry, said.map_err(inputs::failed(entry)))
        },
        |(entry, result)| {
            bar.inc(1);
            done += 1;
            match result {
                Ok(None) => Ok(()),
                Ok(Some(line)) => {
                    if let Some(truth) = &line.truth {
                        known += 1;
                        right += usize::from(truth.right);
                    }
                    bar.suspend(|| printer.line(&line))
                }
                Err(error) => {
                    failed += 1;
                    bar.suspend(|| printer.error(&ErrorLine::new(entry, &error)))
                }
            }
        },
    )?;
    bar.finish_and_clear();
    if known > 0 && common.verbose > 0 {
        warn(&format!("{right} of {known} right ({:.2} %)", 100.0 * f64::from(right as u32) / known as f64));
    }
    Ok(match (done < entries.len(), failed) {
        (true, _) => Ending::Interrupted,
        (false, 0) => Ending::Done,
        _ => Ending::SomeFailed,
    })
}

/// Writes the lines of one run.
struct Lines<'a> {
    session: &'a Session,
    truths: &'a Truths,
    source: &'a ModelSource,
}

impl Lines<'_> {
    /// What is said of an image with these scores; `start` is when work on it began.
    fn line(&self, entry: &Entry, scores: &Scores, warnings: Vec<String>, start: Instant) -> Line {
        let labels = self.session.classifier().labels();
        Line {
            schema: SCHEMA,
            image: entry.path.to_string_lossy().into_owned(),
            model: self.source.to_string(),
            top: ScoredClass::top(scores, labels, self.session.options().top),
            said: ScoredClass::said(scores, labels),
            truth: self.truths.of(&entry.path).map(|truth| Truth::new(&truth, scores, labels)),
            warnings,
            elapsed_ms: start.elapsed().as_secs_f64() * 1e3,
        }
    }
}

impl Truth {
    fn new(truth: &gallery::Truth, scores: &Scores, labels: &Labels) -> Truth {
        let names: Vec<String> = truth.indices().iter().map(|class| labels.get(*class).into_owned()).collect();
        let several = names.len() > 1 || !scores.scoring().exclusive;
        Truth {
            index: truth.first(),
            label: names.join("+"),
            indices: several.then(|| truth.indices().to_vec()),
            labels: several.then_some(names),
            right: scores.agree_with(truth.indices()),
        }
    }
}

/// Prints lines in the format asked for.
struct Printer {
    format: TableFormat,
    output: Output,
}

impl Printer {
    /// `several` is whether an image may have several classes.
    fn new(format: TableFormat, top: usize, several: bool) -> anyhow::Result<Printer> {
        let mut output = Output::new();
        if format == TableFormat::Csv {
            let columns = (1..=top)
                .flat_map(|rank| ["index", "label", "logit", "probability"].map(|name| format!("{name}_{rank}")));
            let said = several.then(|| "said".to_owned());
            let header: Vec<String> =
                ["image", "truth", "right"].map(String::from).into_iter().chain(said).chain(columns).collect();
            output.line(&header.join(","))?;
        }
        Ok(Printer { format, output })
    }

    /// Prints a line; what a table has no column for goes to standard error, as its errors do.
    fn line(&mut self, line: &Line) -> anyhow::Result<()> {
        if self.format != TableFormat::Jsonl {
            line.warnings.iter().for_each(|warning| warn(&format!("{}: {warning}", escape(&line.image))));
        }
        match self.format {
            TableFormat::Jsonl => self.output.json(line),
            TableFormat::Csv => {
                let (truth, right) = line
                    .truth
                    .as_ref()
                    .map_or_else(Default::default, |truth| (truth.label.clone(), truth.right.to_string()));
                let mut cells = vec![line.image.clone(), truth, right];
                cells.extend(line.said());
                for class in &line.top {
                    cells.extend([
                        class.index.to_string(),
                        class.label.clone(),
                        class.logit.to_string(),
                        class.probability.to_string(),
                    ]);
                }
                self.output.line(&cells.iter().map(|cell| csv(cell)).collect::<Vec<_>>().join(","))
            }
            TableFormat::Table => {
                let sign = match &line.truth {
                    Some(truth) if truth.right => "\u{2713}",
                    Some(_) => "\u{2717}",
                    None => " ",
                };
                let classes: Vec<String> = line
                    .top
                    .iter()
                    .map(|class| format!("{} {:.1} %", escape(&class.label), 100.0 * class.probability))
                    .collect();
                let said = line.said().map_or_else(String::new, |said| format!("[{}]  ", escape(&said)));
                self.output.line(&format!("{sign} {:<40} {said}{}", escape(&line.image), classes.join("  ")))
            }
        }
    }

    fn error(&mut self, line: &ErrorLine) -> anyhow::Result<()> {
        if self.format == TableFormat::Jsonl {
            self.output.json(line)
        } else {
            warn(&line.error);
            Ok(())
        }
    }
}

/// A CSV cell (RFC 4180), safe to open in a spreadsheet: control characters are escaped.
pub(super) fn csv(cell: &str) -> String {
    let cell = escape(cell);
    if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.into_owned() }
}
