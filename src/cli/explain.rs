//! `seewhy explain`: maps, their files, and one JSON line per image and method.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
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
use crate::metrics;
use crate::model::{Classifier, JointLabels, ModelSource, Target, TargetSpec};
use crate::network::with_threads;
use crate::raster::{Colormap, Map};
use crate::session::export::{self, Destination, unique_stems};
use crate::session::{Explanation, Question, Record, Seen, Session};
use crate::triage::Answer;

/// Bytes of an image's model calls that are kept for its other methods.
const SAMPLES: usize = 16 << 20;

/// A model that explains.
struct Side {
    session: Session,
    layer: LayerChoice,
    /// What the names of its files say of it, where there is another.
    word: Option<String>,
}

/// What is the same for every image.
struct Job<'a> {
    /// One model, or two.
    sides: &'a [Side],
    /// The classes of both, where there are two.
    joint: Option<JointLabels>,
    methods: Vec<(&'static MethodInfo, Values)>,
    target: TargetSpec,
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
    side: &'a Side,
    /// What this model is to explain of this image.
    target: Result<Target, String>,
    seen: Seen,
    /// Superpixels and model calls that methods have in common.
    samples: SampleCache,
    /// What decoding, preprocessing and the forward pass took.
    looked: Duration,
}

pub(super) fn run(args: &ExplainArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let methods = methods(&args.method, &args.param)?;
    let sides = sides(args, common)?;
    let labels = sides[0].session.classifier().labels();
    let joint = sides.get(1).map(|second| JointLabels::new(labels, second.session.classifier().labels()));
    joint.iter().flat_map(JointLabels::notices).for_each(|notice| warn(&notice));
    let all = joint.as_ref().map_or(labels, JointLabels::labels);
    let truths = truth::of_classes(all, common.truth())?;
    let job = Job {
        methods,
        target: TargetSpec::parse(&args.target, labels)?,
        wanted: Wanted::new(args.wanted.as_deref(), all, &truths, sides.len())?,
        sides: &sides,
        joint: joint.clone(),
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
                            renamed += usize::from(job.is_called_otherwise(&record, stem));
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
    match renamed {
        0 => {}
        1 => warn("one map has a longer name, since its own is taken by another: see `files` in its line"),
        _ => warn(&format!(
            "{renamed} maps have longer names, since theirs are taken by others: see `files` in their lines"
        )),
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

/// The models that are asked for, with the layers that each explains.
fn sides(args: &ExplainArgs, common: &CommonArgs) -> anyhow::Result<Vec<Side>> {
    let (first, second) = common.one_or_two_models()?;
    let words = second.as_ref().map(|second| words(&first, second));
    let mut sides = vec![];
    for (number, source) in [first].into_iter().chain(second).enumerate() {
        let session = load_model(common, &source, &args.paths, common.run_options(args.tolerance))?;
        let layer = match &words {
            // Networks of two kinds have layers of their own names: each takes those that it has.
            Some(_) => layers(session.classifier(), &own(session.classifier(), &args.layer))?,
            None => layers(session.classifier(), &args.layer)?,
        };
        sides.push(Side { session, layer, word: words.as_ref().map(|words| words[number].clone()) });
    }
    Ok(sides)
}

/// The names of layers that a model has; all, where it has none of them.
fn own(classifier: &Classifier, names: &[String]) -> Vec<String> {
    let has = |name: &&String| *name == "auto" || classifier.network().find_layer(name).is_ok();
    let own: Vec<String> = names.iter().filter(has).cloned().collect();
    if own.is_empty() { names.to_vec() } else { own }
}

/// What files say of two models: their names, with their folders where those are the same, else a and b.
fn words(first: &ModelSource, second: &ModelSource) -> [String; 2] {
    let name = |source: &ModelSource| match source {
        ModelSource::Builtin => ["builtin".to_owned(), "builtin".to_owned()],
        ModelSource::Path(path) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
            [stem.clone(), format!("{folder}-{stem}")]
        }
    };
    let (first, second) = (name(first), name(second));
    let differ = (0..2).find(|length| first[*length] != second[*length]);
    differ.map_or(["a".into(), "b".into()], |length| [first[length].clone(), second[length].clone()])
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
        for side in self.sides {
            let network = side.session.classifier().network();
            for (method, _) in &self.methods {
                if let Some(reason) = explain::refusal(method, network, &side.layer) {
                    let model = side.word.as_deref().unwrap_or("this model");
                    bail!("{} cannot explain {model}: {reason}", method.name);
                }
            }
        }
        Ok(())
    }

    /// `seen` is what each model makes of the image.
    fn is_wanted(&self, entry: &Entry, seen: &[(Seen, Duration)]) -> bool {
        let Some(wanted) = &self.wanted else { return true };
        let answer = |number: usize| Some(Answer::of(&seen.get(number)?.0.pass.logits, 1));
        let place = |class| self.joint.as_ref().map_or(class, |joint| joint.of_second(class));
        let second = answer(1).map(|answer| answer.placed(place));
        answer(0).is_some_and(|first| wanted.holds(entry, &first, second.as_ref()))
    }

    fn is_called_otherwise(&self, record: &Record, stem: &str) -> bool {
        self.sides.iter().all(|side| {
            let begin = self.destination(stem, side).map_or_else(|| stem.to_owned(), |to| to.begin());
            record.is_called_otherwise(&begin)
        })
    }

    /// The records of one image, one for each method and model, none where it does not meet the conditions; a failure of the
    /// image itself is a single error.
    fn explain(&self, entry: &Entry, stem: &str) -> Vec<anyhow::Result<Record>> {
        let see = |side: &Side| {
            let start = Instant::now();
            side.session.see(&entry.path, self.threads).map(|seen| (seen, start.elapsed()))
        };
        let seen: Vec<(Seen, Duration)> = match self.sides.iter().map(see).collect() {
            Ok(seen) => seen,
            Err(error) => return vec![Err(inputs::failed(entry)(error))],
        };
        if !self.is_wanted(entry, &seen) {
            return vec![];
        }
        let first = match self.target.resolve(&seen[0].0.pass.logits) {
            Ok(target) => target,
            Err(error) => return vec![Err(error.into())],
        };
        let cases = self.sides.iter().zip(seen).enumerate();
        let cases: Vec<Case<'_>> = cases
            .map(|(number, (side, (seen, looked)))| {
                let target = if number == 0 { Ok(first) } else { self.of_second(first) };
                Case { entry, stem, side, target, seen, samples: SampleCache::new(SAMPLES), looked }
            })
            .collect();
        self.methods.iter().flat_map(|(method, values)| self.records(&cases, method, values)).collect()
    }

    /// The records of a method, one for each model; the second says how far it agrees with the first.
    fn records(&self, cases: &[Case<'_>], method: &'static MethodInfo, values: &Values) -> Vec<anyhow::Result<Record>> {
        let mut first: Option<Map> = None;
        let mut record = |case: &Case<'_>| {
            let (map, record) = self.record(case, method, values, first.as_ref())?;
            first.get_or_insert(map);
            Ok(record)
        };
        cases.iter().map(&mut record).collect()
    }

    /// The second model's target for the first one's: the same classes, by their names.
    fn of_second(&self, target: Target) -> Result<Target, String> {
        let Some(joint) = &self.joint else { return Ok(target) };
        let class = |class: usize| {
            let missing = || format!("the second model has no class {:?} to explain", joint.labels().get(class));
            joint.to_second(class).ok_or_else(missing)
        };
        Ok(match target {
            Target::Class(index) => Target::Class(class(index)?),
            Target::Probability(index) => Target::Probability(class(index)?),
            Target::Contrast(a, b) => Target::Contrast(class(a)?, class(b)?),
            Target::Top(rank) => Target::Top(rank),
        })
    }

    fn record(
        &self,
        case: &Case<'_>,
        method: &'static MethodInfo,
        values: &Values,
        first: Option<&Map>,
    ) -> anyhow::Result<(Map, Record)> {
        let start = Instant::now();
        let Case { entry, side, seen, .. } = case;
        let destination = self.destination(case.stem, side);
        if let Some(destination) = destination.as_ref().filter(|to| !to.clobber) {
            export::refuse_existing(destination, method.name)?;
        }
        let scores = &seen.pass.logits;
        let target = case.target.clone().map_err(|missing| anyhow!(missing))?;
        let question = Question { method, target, layer: side.layer.clone(), values: values.clone() };
        self.calls.set_message(method.name);
        let monitor = Monitor::new(self.interrupt.cancel(), |partial| {
            self.calls.set_length(partial.total as u64);
            self.calls.set_position(partial.done as u64);
        });
        let explain = || side.session.explain(&question, &seen.pass, &case.samples, &monitor);
        let attribution = with_threads(self.threads, explain)?;
        let mut record = side.session.record(&Explanation {
            image: &entry.path,
            scores,
            question: &question,
            attribution: &attribution,
            warnings: &seen.warnings,
            elapsed: case.looked + start.elapsed(),
            raw: self.args.raw,
        });
        record.agreement = first.map(|first| metrics::agreement(first, &attribution.map));
        if let Some(destination) = destination {
            let overlay = seen.ground.overlay(&attribution);
            export::export(&destination, &attribution, &overlay, Colormap::default(), &mut record)?;
        }
        Ok((attribution.map, record))
    }

    fn destination(&self, stem: &str, side: &Side) -> Option<Destination> {
        let wants = |format| match &self.args.format[..] {
            [] => format != FileFormat::Json,
            formats => formats.contains(&format),
        };
        Some(Destination {
            folder: self.args.out.clone()?,
            stem: stem.into(),
            model: side.word.clone(),
            png: wants(FileFormat::Png),
            npy: wants(FileFormat::Npy),
            json: wants(FileFormat::Json),
            raw: self.args.raw,
            clobber: !self.args.no_clobber,
        })
    }
}
