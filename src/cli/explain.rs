//! `seewhy explain`: maps, their files, and one JSON line per image and method.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::ProgressBar;

use super::args::{CommonArgs, ExplainArgs, FileFormat};
use super::batch::{Interrupt, in_order, progress, progress_of_calls};
use super::classify::ErrorLine;
use super::inputs;
use super::output::Output;
use super::wanted::Wanted;
use super::{Ending, load_model, truth, warn};
use crate::explain::{self, ExplainError, LayerChoice, MethodInfo, Monitor, SampleCache, Values};
use crate::gallery::Entry;
use crate::model::{Classifier, TargetSpec};
use crate::network::with_threads;
use crate::raster::Colormap;
use crate::session::export::{self, Destination, unique_stems};
use crate::session::{Explanation, Question, Record, Seen, Session};
use crate::triage::Answer;

/// Bytes of an image's model calls that are kept for its other methods.
const SAMPLES: usize = 16 << 20;

/// What is the same for every image.
struct Job<'a> {
    session: &'a Session,
    methods: Vec<(&'static MethodInfo, Values)>,
    target: TargetSpec,
    layer: LayerChoice,
    wanted: Option<Wanted>,
    args: &'a ExplainArgs,
    threads: usize,
    interrupt: Interrupt,
    /// Counts the model calls of the method at work, where there is one image only.
    calls: ProgressBar,
}

/// What is the same for every method that explains an image.
struct Case<'a> {
    entry: &'a Entry,
    stem: &'a str,
    seen: Seen,
    /// Superpixels and model calls that methods have in common.
    samples: SampleCache,
    /// What decoding, preprocessing and the forward pass took.
    looked: Duration,
}

pub(super) fn run(args: &ExplainArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let methods = methods(&args.method, &args.param)?;
    let source = common.model()?;
    let session = load_model(common, &source, &args.paths, common.run_options(args.tolerance))?;
    let classifier = session.classifier();
    let truths = truth::truths(classifier, common.truth())?;
    let job = Job {
        methods,
        target: TargetSpec::parse(&args.target, classifier.labels())?,
        layer: layers(classifier, &args.layer)?,
        wanted: Wanted::new(args.wanted.as_deref(), classifier.labels(), &truths, 1)?,
        session: &session,
        args,
        threads: 1,
        interrupt: interrupt.clone(),
        calls: ProgressBar::hidden(),
    };
    job.check_methods()?;

    let entries = inputs::find(&args.paths)?;
    if job.wanted.as_ref().is_some_and(Wanted::asks_for_truth) {
        truth::announce(&truths, &entries, true);
    }
    if let Some(folder) = &args.out {
        export::prepare(folder).context("--out must be a folder that can be written, or made")?;
    }
    let paths: Vec<_> = entries.iter().map(|entry| entry.path.clone()).collect();
    let named: Vec<(&Entry, String)> = entries.iter().zip(unique_stems(&paths)).collect();
    let is_single = entries.len() == 1;
    let job = if is_single { Job { threads: common.threads(), calls: progress_of_calls(), ..job } } else { job };
    let bar = if is_single { job.calls.clone() } else { progress(entries.len(), "explaining") };
    let mut output = Output::new();
    let (mut failed, mut done, mut renamed) = (false, 0, 0);
    in_order(
        &named,
        common.threads(),
        &|| interrupt.is_set(),
        |(entry, stem)| (*entry, stem, job.explain(entry, stem)),
        |(entry, stem, results)| {
            if !is_single {
                bar.inc(1);
            }
            done += 1;
            bar.suspend(|| {
                for result in results {
                    match result {
                        Ok(record) => {
                            renamed += usize::from(record.is_called_otherwise(stem));
                            output.json(&record)?;
                        }
                        Err(error) if is_cancelled(&error) => {}
                        Err(error) => {
                            failed = true;
                            output.json(&ErrorLine::new(entry, &error))?;
                        }
                    }
                }
                Ok(())
            })
        },
    )?;
    bar.finish_and_clear();
    if renamed > 0 {
        warn(&format!(
            "{renamed} maps have longer names, since theirs are taken by others: see `files` in their lines"
        ));
    }
    Ok(match (done < entries.len() || interrupt.is_set(), failed) {
        (true, _) => Ending::Interrupted,
        (false, false) => Ending::Done,
        _ => Ending::SomeFailed,
    })
}

fn is_cancelled(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ExplainError::Cancelled))
}

/// The methods of these names, each with the parameters that are its own. A parameter that none of them has is an error.
pub(super) fn methods(
    names: &[String],
    params: &[(String, String)],
) -> anyhow::Result<Vec<(&'static MethodInfo, Values)>> {
    let mut methods = vec![];
    for name in names {
        methods.push(explain::find(name).with_context(|| format!("no method is called {name:?}"))?);
    }
    for (name, _) in params {
        if methods.iter().all(|method| method.param(name).is_none()) {
            // The message of one method lists what it takes.
            methods[0].parse_values([(name.as_str(), "")])?;
        }
    }
    let with_values = |method: &'static MethodInfo| -> anyhow::Result<_> {
        let own = params.iter().filter(|(name, _)| method.param(name).is_some());
        Ok((method, method.parse_values(own.map(|(name, value)| (name.as_str(), value.as_str())))?))
    };
    methods.into_iter().map(with_values).collect()
}

/// The layers of these names; `auto` alone leaves the choice to the network.
pub(super) fn layers(classifier: &Classifier, names: &[String]) -> anyhow::Result<LayerChoice> {
    if names.iter().all(|name| name == "auto") {
        return Ok(LayerChoice::Auto);
    }
    let found: Result<Vec<usize>, _> = names.iter().map(|name| classifier.network().find_layer(name)).collect();
    Ok(LayerChoice::These(found?))
}

impl Job<'_> {
    /// Refuses early what no image can change: a method that this model's operators stop.
    fn check_methods(&self) -> anyhow::Result<()> {
        for (method, _) in &self.methods {
            if let Some(reason) = explain::obstacle(method, self.session.classifier().network(), &self.layer) {
                bail!("{} cannot explain this model: {reason}", method.name);
            }
        }
        Ok(())
    }

    fn is_wanted(&self, entry: &Entry, seen: &Seen) -> bool {
        let holds = |wanted: &Wanted| wanted.holds(entry, &Answer::of(&seen.pass.logits, 1), None);
        self.wanted.as_ref().is_none_or(holds)
    }

    /// The records of one image, one for each method, none where it does not meet the conditions; a failure of the image itself is a single error.
    fn explain(&self, entry: &Entry, stem: &str) -> Vec<anyhow::Result<Record>> {
        let start = Instant::now();
        match self.session.see(&entry.path, self.threads) {
            Ok(seen) if !self.is_wanted(entry, &seen) => vec![],
            Ok(seen) => {
                let looked = start.elapsed();
                let case = Case { entry, stem, seen, samples: SampleCache::new(SAMPLES), looked };
                self.methods.iter().map(|(method, values)| self.record(&case, method, values)).collect()
            }
            Err(error) => vec![Err(inputs::failed(entry)(error))],
        }
    }

    fn record(&self, case: &Case<'_>, method: &'static MethodInfo, values: &Values) -> anyhow::Result<Record> {
        let start = Instant::now();
        let Case { entry, seen, .. } = case;
        let destination = self.destination(case.stem);
        if let Some(destination) = destination.as_ref().filter(|to| !to.clobber) {
            export::refuse_existing(destination, method.name)?;
        }
        let scores = &seen.pass.logits;
        let (target, layer) = (self.target.resolve(scores)?, self.layer.clone());
        let question = Question { method, target, layer, values: values.clone() };
        self.calls.set_message(method.name);
        let monitor = Monitor::new(self.interrupt.cancel(), |partial| {
            self.calls.set_length(partial.total as u64);
            self.calls.set_position(partial.done as u64);
        });
        let explain = || self.session.explain(&question, &seen.pass, &case.samples, &monitor);
        let attribution = with_threads(self.threads, explain)?;
        let mut record = self.session.record(&Explanation {
            image: &entry.path,
            scores,
            question: &question,
            attribution: &attribution,
            warnings: &seen.warnings,
            elapsed: case.looked + start.elapsed(),
            raw: self.args.raw,
        });
        if let Some(destination) = destination {
            let overlay = seen.ground.overlay(&attribution);
            export::export(&destination, &attribution, &overlay, Colormap::default(), &mut record)?;
        }
        Ok(record)
    }

    fn destination(&self, stem: &str) -> Option<Destination> {
        let wants = |format| match &self.args.format[..] {
            [] => format != FileFormat::Json,
            formats => formats.contains(&format),
        };
        Some(Destination {
            folder: self.args.out.clone()?,
            stem: stem.into(),
            png: wants(FileFormat::Png),
            npy: wants(FileFormat::Npy),
            json: wants(FileFormat::Json),
            raw: self.args.raw,
            clobber: !self.args.no_clobber,
        })
    }
}
