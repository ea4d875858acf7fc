//! `seewhy classify`: predictions only.

use std::io::{self, IsTerminal as _};
use std::time::Instant;

use anyhow::bail;
use serde::Serialize;

use super::args::{ClassifyArgs, CommonArgs, TableFormat};
use super::batch::{Interrupt, in_order, progress};
use super::inputs;
use super::printer::{self, Printer};
use super::summary::Summary;
use super::wanted::Wanted;
use super::{Ending, load_model, told, truth};
use crate::gallery::{self, Entry, Truths};
use crate::model::{Fingerprint, Labels, ModelSource};
use crate::network::Scores;
use crate::session::{SCHEMA, ScoredClass, Session};
use crate::text::{escape, percent};
use crate::triage::{Answer, Tally};

/// What is said of one image.
#[derive(Serialize)]
struct Line {
    schema: u32,
    image: String,
    model: String,
    model_id: Fingerprint,
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
    pub(super) error: String,
}

impl ErrorLine {
    pub(super) fn new(entry: &Entry, error: &anyhow::Error) -> Self {
        ErrorLine { schema: SCHEMA, image: entry.path.to_string_lossy().into_owned(), error: told(error, ": ") }
    }
}

pub(super) fn run(args: &ClassifyArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let source = common.model()?;
    let session = load_model(common, &source, &args.paths, common.run_options(None))?;
    let classifier = session.classifier();
    let truths = truth::truths(classifier, common.truth())?;
    let wanted = Wanted::new(args.wanted.as_deref(), classifier.labels(), &truths, 1)?;
    let entries = inputs::find(&args.paths)?;
    let counts = args.summary || args.fail_under.is_some() || common.verbose > 0;
    truth::announce(&truths, &entries, counts || wanted.as_ref().is_some_and(Wanted::asks_for_truth));
    if args.fail_under.is_some() && !truths.knows_any() {
        bail!("--fail-under needs images whose classes are known; {}", truths.why_none());
    }

    let threads = common.threads();
    let each = if entries.len() == 1 { threads } else { 1 };
    let bar = progress(entries.len(), "classifying");
    let model_id = classifier.fingerprint();
    let lines = Lines { session: &session, truths: &truths, source: &source, model_id };
    let is_read = args.summary && io::stdout().is_terminal();
    let by_default = if is_read { TableFormat::Table } else { TableFormat::Jsonl };
    let header = header(session.options().top, !classifier.network().scoring().exclusive);
    let mut printer = Printer::new(args.format.unwrap_or(by_default), args.summary, &header)?;
    let mut tally = Tally::of(classifier.network());
    let (mut failed, mut done, begun) = (0, 0, Instant::now());
    interrupt.be_patient();
    in_order(
        &entries,
        threads,
        &|| interrupt.is_set(),
        |entry| {
            let start = Instant::now();
            let said = session.scores(&entry.path, each).map(|(scores, warnings)| {
                let answer = Answer::of(&scores, Tally::LOOKS_AT);
                let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.holds(entry, &answer, None));
                is_wanted.then(|| (lines.line(entry, &scores, warnings, start), answer))
            });
            (entry, said.map_err(inputs::failed(entry)))
        },
        |(entry, result)| {
            bar.inc(1);
            done += 1;
            match result {
                Ok(None) => Ok(()),
                Ok(Some((line, answer))) => {
                    tally.add(&answer, truths.of(&entry.path).as_ref());
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
    if counts {
        let summary =
            Summary::new((source.to_string(), model_id), classifier.labels(), &tally, failed, begun.elapsed());
        printer.summary(&summary, &summary.table(), common.verbose > 0)?;
    }
    let accuracy = tally.accuracy();
    let is_below = args.fail_under.is_some_and(|least| accuracy.is_none_or(|accuracy| accuracy < least));
    Ok(match (done < entries.len(), failed) {
        (true, _) => Ending::Interrupted,
        _ if is_below => Ending::Below,
        (false, 0) => Ending::Done,
        _ => Ending::SomeFailed,
    })
}

/// Writes the lines of one run.
struct Lines<'a> {
    session: &'a Session,
    truths: &'a Truths,
    source: &'a ModelSource,
    model_id: Fingerprint,
}

impl Lines<'_> {
    /// What is said of an image with these scores; `start` is when work on it began.
    fn line(&self, entry: &Entry, scores: &Scores, warnings: Vec<String>, start: Instant) -> Line {
        let labels = self.session.classifier().labels();
        Line {
            schema: SCHEMA,
            image: entry.path.to_string_lossy().into_owned(),
            model: self.source.to_string(),
            model_id: self.model_id,
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

/// The names of the columns; with `several`, also of what is said.
fn header(top: usize, several: bool) -> Vec<String> {
    let columns =
        (1..=top).flat_map(|rank| ["index", "label", "logit", "probability"].map(|name| format!("{name}_{rank}")));
    let said = several.then(|| "said".to_owned());
    ["image", "truth", "right"].map(String::from).into_iter().chain(said).chain(columns).collect()
}

impl printer::Line for Line {
    fn image(&self) -> &str {
        &self.image
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn cells(&self) -> Vec<String> {
        let truth = self.truth.as_ref();
        let (truth, right) =
            truth.map_or_else(Default::default, |truth| (truth.label.clone(), truth.right.to_string()));
        let classes = self.top.iter().flat_map(ScoredClass::cells);
        [self.image.clone(), truth, right].into_iter().chain(self.said()).chain(classes).collect()
    }

    fn text(&self) -> String {
        let sign = match &self.truth {
            Some(truth) if truth.right => "\u{2713}",
            Some(_) => "\u{2717}",
            None => " ",
        };
        let class = |class: &ScoredClass| format!("{} {}", escape(&class.label), percent(class.probability));
        let classes: Vec<String> = self.top.iter().map(class).collect();
        let said = self.said().map_or_else(String::new, |said| format!("[{}]  ", escape(&said)));
        format!("{sign} {:<40} {said}{}", escape(&self.image), classes.join("  "))
    }
}

/// A CSV cell (RFC 4180): exact, or for a terminal with what would act on it escaped.
pub(super) fn csv(cell: &str, is_terminal: bool) -> String {
    let cell = if is_terminal { escape(cell) } else { cell.into() };
    let is_plain = !cell.contains([',', '"', '\n', '\r']);
    if is_plain { cell.into_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}
