//! `seewhy weights`: what the model has learnt, as arrays and sheets, one JSON line per layer.

use super::args::{CommonArgs, WeightArgs};
use super::batch::{Interrupt, progress};
use super::output::Output;
use super::{Ending, load_model};
use crate::network::{Network, NetworkError};

pub(super) fn run(args: &WeightArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let session = load_model(common, &common.model()?, &[], common.run_options(None))?;
    let network = session.classifier().network();
    let mut names = if args.layer.is_empty() { network.weighted()? } else { named(network, &args.layer)? };
    // A node of the file may be several here, and a module may be named beside a layer of it.
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let folder = args.out.folder()?;
    let bar = progress(names.len(), "reading weights");
    let mut output = Output::new();
    for name in &names {
        if interrupt.is_set() {
            return Ok(Ending::Interrupted);
        }
        // One layer's at a time: those of a large model need not be held twice.
        let record = session.record_weights(&session.weights(name)?, folder.as_ref())?;
        bar.suspend(|| output.json(&record))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Ending::Done)
}

/// The nodes with weights that names mean.
fn named(network: &Network, names: &[String]) -> Result<Vec<String>, NetworkError> {
    let mut found = vec![];
    for name in names {
        found.extend(network.find_weights(name)?);
    }
    Ok(found)
}
