//! `seewhy activations`: what layers hold for images, their files, and one JSON line per image and layer.

use super::args::{ActivationArgs, CommonArgs};
use super::batch::{Interrupt, in_order, progress};
use super::classify::ErrorLine;
use super::inputs;
use super::output::Output;
use super::{Ending, load_model};
use crate::gallery::Entry;
use crate::network::{Network, NetworkError, NodeValue};
use crate::session::export::unique_stems;
use crate::session::{ActivationRecord, Session, SheetFolder};

/// Every layer that has spatial extent.
const ALL: &str = "all";

pub(super) fn run(args: &ActivationArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let session = load_model(common, &common.model()?, &args.paths, common.run_options(None))?;
    let nodes = nodes(session.classifier().network(), &args.layer)?;
    let entries = inputs::find(&args.paths)?;
    let folder = args.out.folder()?;
    let paths: Vec<_> = entries.iter().map(|entry| entry.path.clone()).collect();
    let named: Vec<(&Entry, String)> = entries.iter().zip(unique_stems(&paths)).collect();
    // Of one image its layers are counted, and all threads work on it.
    let is_one = entries.len() == 1;
    let each = if is_one { common.threads() } else { 1 };
    let bar = progress(if is_one { nodes.len() } else { entries.len() }, "reading layers");
    let mut output = Output::new();
    let (mut failed, mut done) = (false, 0);
    in_order(
        &named,
        common.threads(),
        &|| interrupt.is_set(),
        |(entry, stem)| {
            let goes_on = || {
                bar.inc(u64::from(is_one));
                !interrupt.is_set()
            };
            (*entry, read(&session, (entry, stem), &nodes, folder.as_ref(), each, &goes_on))
        },
        |(entry, records)| {
            bar.inc(u64::from(!is_one));
            done += usize::from(!interrupt.is_set() || records.as_ref().is_ok_and(|it| it.len() == nodes.len()));
            bar.suspend(|| match records {
                Ok(records) => records.iter().try_for_each(|record| output.json(record)),
                Err(error) => {
                    failed = true;
                    output.json(&ErrorLine::new(entry, &error))
                }
            })
        },
    )?;
    bar.finish_and_clear();
    Ok(Ending::of_images(done < entries.len(), failed))
}

/// The layers of these names, each once.
///
/// # Errors
/// When a name means nothing, or the network has no layer with spatial extent.
fn nodes(network: &Network, names: &[String]) -> Result<Vec<NodeValue>, NetworkError> {
    let mut nodes: Vec<NodeValue> = vec![];
    for name in names {
        let found = match name.as_str() {
            ALL => (0..network.layers().len()).map(|layer| network.layer_node(layer)).collect(),
            "auto" => vec![network.layer_node(network.auto_layer().ok_or(NetworkError::NoLayers)?)],
            name => vec![network.find_node(name)?],
        };
        for node in found {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
    }
    if nodes.is_empty() { Err(NetworkError::NoLayers) } else { Ok(nodes) }
}

/// The lines of one image; of no more layers, once it does not go on after one.
fn read(
    session: &Session,
    (entry, stem): (&Entry, &str),
    nodes: &[NodeValue],
    folder: Option<&SheetFolder>,
    threads: usize,
    goes_on: &dyn Fn() -> bool,
) -> anyhow::Result<Vec<ActivationRecord>> {
    let readings = session.read_layers(&entry.path, nodes, threads).map_err(inputs::failed(entry))?;
    let mut records = vec![];
    for reading in &readings {
        records.push(session.record_layer(&entry.path, stem, reading, folder)?);
        if !goes_on() {
            break;
        }
    }
    Ok(records)
}
