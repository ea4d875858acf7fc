//! What was measured: the means, as a table, as JSON lines, or as comma-separated values.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use serde::Serialize;

use super::design::Design;
use super::figure::{Figure, Stage};
use crate::cli::args::TableFormat;
use crate::cli::classify::{ErrorLine, csv};
use crate::cli::output::{Output, wrapped};
use crate::cli::{told, warn};
use crate::explain::ExplainError;
use crate::gallery::Entry;
use crate::metrics::{Better, Measure, Tally, Trial};
use crate::model::{Classifier, Fingerprint};
use crate::session::{InputError, MaskError, SCHEMA};
use crate::text::escape;

/// The mean of one measure over the maps of one explainer.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    model: &'a str,
    model_id: Fingerprint,
    method: &'static str,
    baseline: bool,
    measure: &'static str,
    #[serde(flatten)]
    stage: Option<&'a Stage>,
    mean: f64,
    standard_error: Option<f64>,
    unit: &'static str,
    better: &'static str,
    images: usize,
}

impl Line<'_> {
    fn csv(&self) -> String {
        let cells = [
            self.method.to_owned(),
            self.baseline.to_string(),
            self.measure.to_owned(),
            self.stage.map(|stage| stage.redrawn.to_string()).unwrap_or_default(),
            self.mean.to_string(),
            self.standard_error.map(|error| error.to_string()).unwrap_or_default(),
            self.unit.to_owned(),
            self.better.to_owned(),
            self.images.to_string(),
        ];
        cells.map(|cell| csv(&cell, false)).join(",")
    }
}

/// How far off a mean may be, in words.
const GIVE_OR_TAKE: &str = "give or take";

/// A column of the table: a measure, at a stage where there are several.
type Column = (usize, Option<Stage>);

/// Collects figures and prints what comes of them.
pub(super) struct Report {
    format: TableFormat,
    output: Output,
    model: String,
    model_id: Fingerprint,
    tallies: BTreeMap<(Column, usize), Tally>,
    errors: usize,
}

impl Report {
    pub(super) fn new(format: Option<TableFormat>, classifier: &Classifier) -> Report {
        let usual = if io::stdout().is_terminal() { TableFormat::Table } else { TableFormat::Jsonl };
        Report {
            format: format.unwrap_or(usual),
            output: Output::new(),
            model: classifier.source().to_string(),
            model_id: classifier.fingerprint(),
            tallies: BTreeMap::new(),
            errors: 0,
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Says what failed with an image: a line among the data where the data are lines of JSON.
    pub(super) fn error(&mut self, entry: &Entry, error: &anyhow::Error) -> anyhow::Result<()> {
        self.errors += 1;
        if self.format == TableFormat::Jsonl {
            self.output.json(&ErrorLine::new(entry, error))
        } else {
            let told = told(error, ": ");
            let told = escape(&told);
            warn(&if names_file(error) { told.into_owned() } else { format!("{}: {told}", entry.shown()) });
            Ok(())
        }
    }

    /// Takes in the figures of an image. Those of one that was interrupted halfway do not count.
    pub(super) fn add(
        &mut self,
        design: &Design<'_>,
        entry: &Entry,
        stage: Option<&Stage>,
        figures: anyhow::Result<Vec<Figure>>,
    ) -> anyhow::Result<()> {
        let figures = match figures {
            Ok(figures) => figures,
            Err(error) => return self.error(entry, &error),
        };
        if figures.iter().any(|figure| matches!(figure.value, Err(ExplainError::Cancelled))) {
            return Ok(());
        }
        for Figure { explainer, measure, value } in figures {
            let name = design.explainers[explainer].name;
            match value {
                Ok(Some(value)) if value.is_finite() => {
                    self.tallies.entry(((measure, stage.cloned()), explainer)).or_default().add(value);
                }
                Ok(None) => {}
                Ok(Some(_)) => {
                    let what = design.measures[measure].name;
                    self.error(entry, &anyhow::anyhow!("the {what} of {name} is not finite"))?;
                }
                Err(error) => self.error(entry, &anyhow::Error::from(error).context(name))?,
            }
        }
        Ok(())
    }

    /// Prints the means.
    pub(super) fn print(&mut self, design: &Design<'_>) -> anyhow::Result<()> {
        let lines = match self.format {
            TableFormat::Table => self.table(design),
            TableFormat::Jsonl => {
                let lines: Result<_, _> = self.lines(design).iter().map(serde_json::to_string).collect();
                lines.context("could not write JSON")?
            }
            TableFormat::Csv => {
                let header = "method,baseline,measure,redrawn,mean,standard_error,unit,better,images";
                std::iter::once(header.to_owned()).chain(self.lines(design).iter().map(Line::csv)).collect()
            }
        };
        lines.iter().try_for_each(|line| self.output.line(line))
    }

    /// Every mean, by explainer, then by measure.
    fn lines<'a>(&'a self, design: &'a Design<'_>) -> Vec<Line<'a>> {
        let mut lines = vec![];
        for (explainer, who) in design.explainers.iter().enumerate() {
            for (((measure, stage), _), tally) in self.tallies.iter().filter(|((_, by), _)| *by == explainer) {
                let Some(mean) = tally.mean() else { continue };
                let measure = design.measures[*measure];
                lines.push(Line {
                    schema: SCHEMA,
                    model: &self.model,
                    model_id: self.model_id,
                    method: who.name,
                    baseline: who.is_baseline,
                    measure: measure.name,
                    stage: stage.as_ref(),
                    mean,
                    standard_error: tally.standard_error(),
                    unit: measure.unit,
                    better: better(measure),
                    images: tally.count(),
                });
            }
        }
        lines
    }

    /// The means in columns; those of networks with other weights in a table of their own.
    fn table(&self, design: &Design<'_>) -> Vec<String> {
        let columns: Vec<&Column> = {
            let mut columns: Vec<&Column> = self.tallies.keys().map(|(column, _)| column).collect();
            columns.dedup();
            columns
        };
        let is_redrawn = |column: &&&Column| design.measures[column.0].trial == Trial::Randomised;
        let plain: Vec<&Column> = columns.iter().filter(|column| !is_redrawn(column)).copied().collect();
        let redrawn: Vec<&Column> = columns.iter().filter(is_redrawn).copied().collect();
        let mut lines = vec![];
        if !plain.is_empty() {
            let head = |column: &Column| {
                let measure = design.measures[column.0];
                [measure.name.to_owned(), measure.unit.to_owned(), better(measure).to_owned()]
            };
            lines.extend(self.block(design, &plain, ["mean", "in", "better"], head));
            lines.push("* the best of the methods".into());
            let mut measures: Vec<&Measure> = plain.iter().map(|column| design.measures[column.0]).collect();
            measures.dedup_by_key(|measure| measure.name);
            let longest = measures.iter().map(|measure| measure.name.len()).max().unwrap_or(0);
            lines.extend(
                measures.iter().flat_map(|measure| wrapped(&format!("{:<longest$}  ", measure.name), measure.help)),
            );
        }
        if !redrawn.is_empty() {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            let what = "The same methods on the same network with random weights in some of its layers, from the top \
                        down: rank correlation with the map before. Near 0 is as it should be; a map that stays as it was \
                        does not depend on what the network has learned.";
            lines.extend(wrapped("", what));
            let head = |column: &Column| match &column.1 {
                Some(stage) => [format!("{} of {}", stage.redrawn, stage.of), shortened(&stage.down_to)],
                None => Default::default(),
            };
            lines.extend(self.block(design, &redrawn, ["random layers", "down to"], head));
        }
        lines
    }

    /// Columns under a few lines of head each, methods first, baselines apart.
    fn block<const N: usize>(
        &self,
        design: &Design<'_>,
        columns: &[&Column],
        title: [&str; N],
        head: impl Fn(&Column) -> [String; N],
    ) -> Vec<String> {
        let heads: Vec<[String; N]> = columns.iter().map(|column| head(column)).collect();
        let widths: Vec<usize> = heads
            .iter()
            .map(|head| head.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(6) + 2)
            .collect();
        let names = design.explainers.iter().map(|who| who.name).chain(title).chain([GIVE_OR_TAKE]);
        let first = names.map(|name| name.chars().count()).max().unwrap_or(0);
        let row = |name: &str, cells: Vec<String>| {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$} "));
            format!("{name:<first$}{}", cells.collect::<String>()).trim_end().to_owned()
        };
        let rule = |what: &str| {
            let width = first + widths.iter().map(|width| width + 1).sum::<usize>();
            format!("{:-<width$}", format!("--- {what} "))
        };
        let tally = |column: &Column, explainer: usize| self.tallies.get(&(column.clone(), explainer));
        let mean = |column: &Column, explainer: usize| tally(column, explainer).and_then(Tally::mean);
        let best: Vec<Option<usize>> =
            columns.iter().map(|column| best(design, column, |who| mean(column, who))).collect();
        let means = |explainer: usize| {
            let cell = |(column, best): (&&Column, &Option<usize>)| match mean(column, explainer) {
                Some(mean) => format!("{mean:.3}{}", if *best == Some(explainer) { "*" } else { " " }),
                None => "- ".into(),
            };
            row(design.explainers[explainer].name, columns.iter().zip(&best).map(cell).collect())
        };
        let over = |of: &dyn Fn(&Tally) -> Option<f64>| -> Vec<Option<f64>> {
            let all = |column: &&Column| {
                (0..design.explainers.len()).filter_map(|who| of(tally(column, who)?)).max_by(f64::total_cmp)
            };
            columns.iter().map(all).collect()
        };

        let mut lines: Vec<String> = (0..N)
            .map(|line| row(title[line], heads.iter().map(|head| format!("{} ", head[line])).collect()))
            .collect();
        lines.push(rule("methods"));
        lines.extend((0..design.explainers.len()).filter(|who| !design.explainers[*who].is_baseline).map(means));
        lines.push(rule("baselines, which know nothing of the network"));
        lines.extend((0..design.explainers.len()).filter(|who| design.explainers[*who].is_baseline).map(means));
        lines.push(rule("images measured, and the largest standard error of a mean"));
        lines.push(row(
            "images",
            over(&|tally| Some(tally.count() as f64))
                .iter()
                .map(|count| format!("{} ", count.unwrap_or(0.0)))
                .collect(),
        ));
        let errors = over(&Tally::standard_error);
        // Of a single image, nobody knows.
        let error = |error: &Option<f64>| error.map_or_else(|| "- ".to_owned(), |error| format!("±{error:.3} "));
        lines.push(row(GIVE_OR_TAKE, errors.iter().map(error).collect()));
        lines
    }
}

/// Whether an error says of which image it is.
fn names_file(error: &anyhow::Error) -> bool {
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(input), _) => InputError::names_file(input),
        (_, Some(mask)) => matches!(mask, MaskError::Size(_)),
        _ => false,
    }
}

/// Which method is the best in a column; none where there is nothing to compare, or where the network has other weights.
fn best(design: &Design<'_>, column: &Column, mean: impl Fn(usize) -> Option<f64>) -> Option<usize> {
    let measure = design.measures[column.0];
    let methods = (0..design.explainers.len()).filter(|who| !design.explainers[*who].is_baseline);
    let mut means: Vec<(usize, f64)> = methods.filter_map(|who| Some((who, mean(who)?))).collect();
    means.sort_by(|a, b| match measure.better {
        Better::Lower => a.1.total_cmp(&b.1),
        Better::Higher => b.1.total_cmp(&a.1),
    });
    (means.len() > 1 && measure.trial != Trial::Randomised).then(|| means[0].0)
}

fn better(measure: &Measure) -> &'static str {
    match measure.better {
        Better::Lower => "lower",
        Better::Higher => "higher",
    }
}

/// The end of a long name.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 14;
    let count = name.chars().count();
    if count <= LONGEST {
        return name.to_owned();
    }
    std::iter::once('\u{2026}').chain(name.chars().skip(count + 1 - LONGEST)).collect()
}
