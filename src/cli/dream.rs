//! `seewhy dream`: pictures of what channels and classes want to see, one JSON line each.

use std::time::Instant;

use anyhow::{Context, bail};

use super::args::{CommonArgs, DreamArgs};
use super::batch::{Interrupt, progress};
use super::output::Output;
use super::{Ending, load_model};
use crate::explain::{Aim, DreamOptions, ExplainError, Monitor};
use crate::model::{ClassSpec, Classifier, TargetSpec};
use crate::network::with_threads;

pub(super) fn run(args: &DreamArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let session = load_model(common, &common.model()?, &[], common.run_options(None))?;
    let aims = aims(session.classifier(), args)?;
    let folder = args.out.folder()?;
    let start = args.start.as_deref().map(|path| session.seen(path)).transpose()?;
    let options = DreamOptions { steps: args.steps as usize, seed: session.options().seed, start };
    let bar = progress(aims.len() * options.steps, "dreaming");
    let monitor = Monitor::new(interrupt.cancel(), |_| {});
    let mut output = Output::new();
    for (number, aim) in aims.into_iter().enumerate() {
        let begun = Instant::now();
        let report = |step, _: &dyn Fn() -> _| bar.set_position((number * options.steps + step) as u64);
        let dreamt = with_threads(common.threads(), || session.dream(aim, &options, &monitor, report));
        let (dreamt, noise) = match dreamt {
            Err(ExplainError::Cancelled) => return Ok(Ending::Interrupted),
            dreamt => dreamt.context("could not dream")?,
        };
        let (how, what) = ((&options, args.start.as_deref()), (&dreamt, noise));
        let record = session.record_dream(aim, how, what, begun.elapsed(), folder.as_ref())?;
        bar.suspend(|| output.json(&record))?;
    }
    bar.finish_and_clear();
    Ok(Ending::Done)
}

/// What is to be excited, in the order in which it was asked for.
fn aims(classifier: &Classifier, args: &DreamArgs) -> anyhow::Result<Vec<Aim>> {
    let network = classifier.network();
    let layer = args.layer.as_deref().map(|name| match name {
        "auto" => network.auto_layer().context("no layer between input and logits has spatial extent"),
        name => Ok(network.find_layer(name)?),
    });
    let layer = layer.transpose()?;
    match (layer, &args.channel[..], &args.target[..]) {
        (Some(layer), channels @ [_, ..], []) => {
            Ok(channels.iter().map(|channel| Aim::Channel { layer, channel: *channel }).collect())
        }
        (None, [], targets @ [_, ..]) => {
            let class = |name: &String| match TargetSpec::parse(name, classifier.labels())? {
                TargetSpec::One(ClassSpec::Index(class)) => Ok(Aim::Class(class)),
                _ => bail!("a dream is of one class, by its name or index: {name:?} is none"),
            };
            targets.iter().map(class).collect()
        }
        _ => bail!("a dream is of --channel numbers of a --layer, or of a --target"),
    }
}
