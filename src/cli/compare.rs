//! `seewhy compare`: what a second model says of the same images, what it fixes and what it breaks.

use std::io::{self, IsTerminal as _};
use std::time::Instant;

use anyhow::bail;
use serde::Serialize;

use super::args::{CommonArgs, CompareArgs, TableFormat};
use super::batch::{Interrupt, in_order, progress};
use super::classify::ErrorLine;
use super::inputs;
use super::printer::{self, Printer};
use super::wanted::Wanted;
use super::{Ending, load_model, truth, warn};
use crate::gallery::{Entry, Truth, Truths};
use crate::model::{Fingerprint, JointLabels, ModelSource};
use crate::session::{Both, Pair, SCHEMA, ScoredClass, Session};
use crate::text::{escape, percent, percent_to};
use crate::triage::{Answer, Change, Comparison};

/// What both models say of one image.
#[derive(Serialize)]
struct Line {
    schema: u32,
    image: String,
    models: [Said; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<True>,
    change: Change,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    elapsed_ms: f64,
}

/// What one of the models says, in its own classes.
#[derive(Serialize)]
struct Said {
    model: String,
    model_id: Fingerprint,
    top: Vec<ScoredClass>,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<Vec<ScoredClass>>,
}

#[derive(Serialize)]
struct True {
    /// The class of the first model; null where only the second has it.
    index: Option<usize>,
    /// Its name; several are joined by `+`.
    label: String,
}

/// What the lines come to.
#[derive(Serialize)]
struct Summary {
    schema: u32,
    models: [String; 2],
    model_ids: [Fingerprint; 2],
    images: usize,
    /// Images that could not be classified.
    failed: usize,
    /// Images whose class is known.
    known: usize,
    accuracy_a: Option<f64>,
    accuracy_b: Option<f64>,
    fixed: usize,
    broken: usize,
    /// The part of the images of which both say the same.
    agreement: Option<f64>,
    /// McNemar's exact test.
    p: Option<f64>,
    classes: Vec<ClassRow>,
    images_per_second: f64,
}

#[derive(Serialize)]
struct ClassRow {
    label: String,
    images: usize,
    right_a: usize,
    right_b: usize,
}

pub(super) fn run(args: &CompareArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let [first, second] = common.models.as_slice() else {
        bail!("`compare` takes two models, the old one first: --model old.onnx --model new.onnx");
    };
    let sources = [first, second].map(|path| ModelSource::from(path.as_path()));
    let load = |source| load_model(common, source, &args.paths, common.run_options(None));
    let pair = Pair::new(load(&sources[0])?, load(&sources[1])?);
    pair.joint().notices().iter().for_each(|notice| warn(notice));
    let truths = truth::of_classes(pair.joint().labels(), common.truth())?;
    let wanted = Wanted::new(args.wanted.as_deref(), pair.joint().labels(), &truths, 2)?;
    let entries = inputs::find(&args.paths)?;
    let asks = args.summary || args.fail_if_broken.is_some() || wanted.as_ref().is_some_and(Wanted::asks_for_truth);
    truth::announce(&truths, &entries, asks);
    if args.fail_if_broken.is_some() && !truths.knows_any() {
        bail!("--fail-if-broken needs images whose classes are known; {}", truths.why_none());
    }

    let threads = common.threads();
    let each = if entries.len() == 1 { threads } else { 1 };
    let bar = progress(entries.len(), "comparing");
    let model_ids = pair.sessions().each_ref().map(|session| session.classifier().fingerprint());
    let lines = Lines { pair: &pair, sources: &sources, model_ids, truths: &truths };
    let by_default = if io::stdout().is_terminal() { TableFormat::Table } else { TableFormat::Jsonl };
    let format = args.format.unwrap_or(by_default);
    let mut printer = Printer::new(format, args.summary, &header(common.top()))?;
    let mut comparison = Comparison::new(pair.joint().labels().len());
    let (mut failed, mut done, begun) = (0, 0, Instant::now());
    interrupt.be_patient();
    in_order(
        &entries,
        threads,
        &|| interrupt.is_set(),
        |entry| {
            let start = Instant::now();
            let line = pair.ask(&entry.path, each).map(|both| lines.line(entry, both, wanted.as_ref(), start));
            (entry, line.map_err(inputs::failed(entry)))
        },
        |(entry, result)| {
            bar.inc(1);
            done += 1;
            match result {
                Ok(None) => Ok(()),
                Ok(Some((line, [first, second]))) => {
                    comparison.add(&first, &second, truths.of(&entry.path).as_ref());
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
    if args.summary {
        let per_second = comparison.images() as f64 / begun.elapsed().as_secs_f64().max(1e-9);
        let summary = Summary::new(&sources, model_ids, pair.joint(), &comparison, failed, per_second);
        printer.summary(&summary, &summary.table(), false)?;
    }
    Ok(match (done < entries.len(), failed) {
        (true, _) => Ending::Interrupted,
        _ if args.fail_if_broken.is_some_and(|most| comparison.broken() > most) => Ending::Below,
        (false, 0) => Ending::Done,
        _ => Ending::SomeFailed,
    })
}

/// Makes the lines of one run.
struct Lines<'a> {
    pair: &'a Pair,
    sources: &'a [ModelSource; 2],
    model_ids: [Fingerprint; 2],
    truths: &'a Truths,
}

impl Lines<'_> {
    /// The line of an image, and both answers in the list of classes that the models have together; none where the image is
    /// not wanted.
    fn line(&self, entry: &Entry, both: Both, wanted: Option<&Wanted>, start: Instant) -> Option<(Line, [Answer; 2])> {
        let joint = self.pair.joint();
        let Both { scores: [first, second], warnings } = both;
        let answers = [Answer::of(&first, 1), Answer::of(&second, 1).placed(|class| joint.of_second(class))];
        if !wanted.is_none_or(|wanted| wanted.holds(entry, &answers[0], Some(&answers[1]))) {
            return None;
        }
        let [old, new] = self.pair.sessions();
        let said = |session: &Session, which: usize, scores| {
            let labels = session.classifier().labels();
            Said {
                model: self.sources[which].to_string(),
                model_id: self.model_ids[which],
                top: ScoredClass::top(scores, labels, session.options().top),
                said: ScoredClass::said(scores, labels),
            }
        };
        let truth = self.truths.of(&entry.path);
        let line = Line {
            schema: SCHEMA,
            image: entry.path.to_string_lossy().into_owned(),
            models: [said(old, 0, &first), said(new, 1, &second)],
            change: Change::of(&answers[0], &answers[1], truth.as_ref()),
            truth: truth.map(|truth| True::new(&truth, joint, old.classifier().labels().len())),
            warnings,
            elapsed_ms: start.elapsed().as_secs_f64() * 1e3,
        };
        Some((line, answers))
    }
}

impl True {
    /// `first` is how many classes the first model has.
    fn new(truth: &Truth, joint: &JointLabels, first: usize) -> True {
        let names: Vec<_> = truth.indices().iter().map(|class| joint.labels().get(*class)).collect();
        True { index: Some(truth.first()).filter(|index| *index < first), label: names.join("+") }
    }
}

impl Summary {
    fn new(
        sources: &[ModelSource; 2],
        model_ids: [Fingerprint; 2],
        joint: &JointLabels,
        comparison: &Comparison,
        failed: usize,
        images_per_second: f64,
    ) -> Summary {
        let accuracies = comparison.accuracies();
        let seen = comparison.classes().iter().enumerate().filter(|(_, class)| class.images > 0);
        let classes = seen.map(|(class, rights)| ClassRow {
            label: joint.labels().get(class).into_owned(),
            images: rights.images,
            right_a: rights.right[0],
            right_b: rights.right[1],
        });
        Summary {
            schema: SCHEMA,
            models: [sources[0].to_string(), sources[1].to_string()],
            model_ids,
            images: comparison.images(),
            failed,
            known: comparison.known(),
            accuracy_a: accuracies.map(|[first, _]| first),
            accuracy_b: accuracies.map(|[_, second]| second),
            fixed: comparison.fixed(),
            broken: comparison.broken(),
            agreement: comparison.agreement(),
            p: comparison.p(),
            classes: classes.collect(),
            images_per_second,
        }
    }

    fn table(&self) -> String {
        let share = |part: Option<f64>| part.map_or("unknown".to_owned(), |part| percent_to(part, 2));
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let mut lines = vec![
            format!("A           {}  {}", share(self.accuracy_a), escape(&self.models[0])),
            format!("B           {}  {}", share(self.accuracy_b), escape(&self.models[1])),
            format!("images      {}{failed}, {:.0} a second", self.images, self.images_per_second),
            format!("agreement   {}", share(self.agreement)),
        ];
        if let Some(p) = self.p {
            let doubt = if p < 0.05 { "more than chance explains" } else { "no more than chance explains" };
            lines.push(format!("fixed       {}", self.fixed));
            lines.push(format!("broken      {}", self.broken));
            lines.push(format!("p           {p:.3}  ({doubt}; McNemar's exact test)"));
            lines.push(String::new());
            lines.extend(self.class_table());
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// The classes, those first that lost most.
    fn class_table(&self) -> Vec<String> {
        let mut rows: Vec<&ClassRow> = self.classes.iter().collect();
        rows.sort_by_key(|row| row.right_b as i64 - row.right_a as i64);
        let all = rows.len();
        let heading =
            if all > FEW_CLASSES { format!("class (the first {FEW_CLASSES} of {all})") } else { "class".into() };
        rows.truncate(FEW_CLASSES);
        let width = rows.iter().map(|row| row.label.chars().count()).chain([heading.len()]).max().unwrap_or(0).min(40);
        let mut lines = vec![format!("{heading:<width$}  {:>7}  {:>8}  {:>8}  change", "images", "A right", "B right")];
        lines.extend(rows.into_iter().map(|row| {
            let label: String = escape(&row.label).chars().take(width).collect();
            let change = row.right_b as i64 - row.right_a as i64;
            format!("{label:<width$}  {:>7}  {:>8}  {:>8}  {change:>+6}", row.images, row.right_a, row.right_b)
        }));
        lines
    }
}

/// Rows of the table of classes.
const FEW_CLASSES: usize = 20;

fn header(top: usize) -> Vec<String> {
    let of = |model: &'static str| {
        let columns = ["index", "label", "logit", "probability"];
        (1..=top).flat_map(move |rank| columns.map(|column| format!("{column}_{model}_{rank}")))
    };
    ["image", "truth", "change"].map(String::from).into_iter().chain(of("a")).chain(of("b")).collect()
}

impl printer::Line for Line {
    fn image(&self) -> &str {
        &self.image
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn cells(&self) -> Vec<String> {
        let truth = self.truth.as_ref().map_or_else(String::new, |truth| truth.label.clone());
        let classes = self.models.iter().flat_map(|said| &said.top).flat_map(ScoredClass::cells);
        [self.image.clone(), truth, self.change.name().to_owned()].into_iter().chain(classes).collect()
    }

    fn text(&self) -> String {
        let class = |class: &ScoredClass| format!("{} {}", escape(&class.label), percent(class.probability));
        let [first, second] = self.models.each_ref().map(|said| said.top.first().map_or_else(String::new, class));
        let truth = self.truth.as_ref().map_or_else(String::new, |truth| format!("  ({})", escape(&truth.label)));
        format!("{:<10}  {:<40}  {first} -> {second}{truth}", self.change.name(), escape(&self.image))
    }
}
