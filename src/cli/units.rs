//! `seewhy units`: the images that excite each channel of a layer most, the place in each that does it, and a sheet of them.

use std::sync::OnceLock;

use anyhow::{Context as _, bail};

use super::args::{CommonArgs, UnitArgs};
use super::batch::{Interrupt, in_order, progress};
use super::classify::ErrorLine;
use super::inputs;
use super::output::Output;
use super::{Ending, load_model, warn};
use crate::gallery::Entry;
use crate::network::{Network, NetworkError, NodeValue, ReceptiveFields};
use crate::session::{
    ExemplarRecord, InputError, PlacedExemplar, Session, SheetFolder, Strongest, UnitRecord, UnitSheet,
};

/// Images of a channel where nobody says how many: a sheet of three by three.
const TOP: u32 = 9;

/// What is the same for every channel.
struct Job<'a> {
    session: &'a Session,
    node: NodeValue,
    /// Its index among the network's layers.
    layer: usize,
    fields: ReceptiveFields,
    entries: &'a [Entry],
    strongest: Strongest,
    asked: usize,
    folder: Option<SheetFolder>,
    /// Threads for each image.
    threads: usize,
    /// Why there are no boxes, once that is known.
    without_boxes: OnceLock<String>,
}

pub(super) fn run(args: &UnitArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let session = load_model(common, &common.model()?, &args.paths, common.run_options(None))?;
    let network = session.classifier().network();
    let layer = layer(network, &args.layer)?;
    let node = network.layer_node(layer);
    let [channels, ..] = network.layers()[layer].shape;
    if let Some(channel) = args.channel.iter().find(|channel| **channel >= channels) {
        bail!("--channel {channel}: {} has {channels} channels, numbered from 0", node.name);
    }
    let wanted: Vec<usize> = if args.channel.is_empty() { (0..channels).collect() } else { args.channel.clone() };
    let entries = inputs::find(&args.paths)?;
    let folder = args.out.folder()?;
    let threads = if entries.len() == 1 { common.threads() } else { 1 };
    let mut job = Job {
        fields: network.receptive_fields(layer)?,
        session: &session,
        node,
        layer,
        entries: &entries,
        strongest: Strongest::new(channels, common.top.unwrap_or(TOP) as usize),
        asked: 0,
        folder,
        threads,
        without_boxes: OnceLock::new(),
    };
    let mut output = Output::new();
    let failed = job.ask(common.threads(), &interrupt, &mut output)?;
    if interrupt.is_set() {
        warn(&format!("stopped after {} of {} images", job.asked + failed, entries.len()));
        return Ok(Ending::Interrupted);
    }

    let bar = progress(wanted.len(), "finding places");
    let (mut done, mut some_failed) = (0, failed > 0);
    in_order(
        &wanted,
        common.threads(),
        &|| interrupt.is_set(),
        |channel| job.unit(*channel),
        |unit| {
            done += 1;
            bar.inc(1);
            bar.suspend(|| match unit {
                Ok(record) => output.json(&record),
                Err(error) => {
                    some_failed = true;
                    warn(&super::told(&error, ": "));
                    Ok(())
                }
            })
        },
    )?;
    bar.finish_and_clear();
    if let Some(why) = job.without_boxes.get() {
        warn(&format!("the lines have no boxes: {why}"));
    }
    Ok(Ending::of_images(done < wanted.len(), some_failed))
}

/// The layer of this name, an index among the network's.
fn layer(network: &Network, name: &str) -> Result<usize, NetworkError> {
    match name {
        "auto" => network.auto_layer().ok_or(NetworkError::NoLayers),
        name => network.find_layer(name),
    }
}

impl Job<'_> {
    /// Asks every image how strongly it excites each channel; gives how many could not answer, which are told.
    fn ask(&mut self, threads: usize, interrupt: &Interrupt, output: &mut Output) -> anyhow::Result<usize> {
        let bar = progress(self.entries.len(), "asking");
        let (mut at, mut failed) = (0, 0);
        let Job { session, node, strongest, asked, entries, threads: each, .. } = self;
        in_order(
            entries,
            threads,
            &|| interrupt.is_set(),
            |entry| (entry, session.peaks(&entry.path, node, *each).map_err(inputs::failed(entry))),
            |(entry, peaks)| {
                bar.inc(1);
                match peaks {
                    Ok(peaks) => {
                        strongest.take(at, &peaks);
                        *asked += 1;
                    }
                    Err(error) => {
                        failed += 1;
                        bar.suspend(|| output.json(&ErrorLine::new(entry, &error)))?;
                    }
                }
                at += 1;
                Ok(())
            },
        )?;
        bar.finish_and_clear();
        Ok(failed)
    }

    /// The line of a channel, and its sheet.
    fn unit(&self, channel: usize) -> anyhow::Result<UnitRecord> {
        let mut placed = vec![];
        for exemplar in self.strongest.of(channel) {
            let entry = &self.entries[exemplar.image];
            let told = || format!("could not go back to {}", entry.shown());
            let opened = self.session.open(&entry.path).with_context(told)?;
            let unit = (self.layer, channel);
            let place = match self.without_boxes.get() {
                None => self.session.unit_place(&opened, unit, exemplar.peak.at, &self.fields, self.threads),
                Some(_) => self.session.unit_field(&opened, exemplar.peak.at, &self.fields),
            };
            let place = match place {
                Err(InputError::Network(NetworkError::Gradient(obstacle))) => {
                    let _ = self.without_boxes.set(obstacle.to_string());
                    self.session.unit_field(&opened, exemplar.peak.at, &self.fields)
                }
                place => place,
            };
            placed.push(PlacedExemplar { path: &entry.path, exemplar, place: place.with_context(told)? });
        }
        let mut record = UnitRecord::new(self.session, &self.node, channel, self.asked);
        record.images = placed.iter().map(ExemplarRecord::of).collect();
        if let Some(folder) = &self.folder {
            let sheet = UnitSheet { layer: &self.node.name, channel, images: &placed };
            record.files = self.session.write_units(&sheet, folder)?;
        }
        Ok(record)
    }
}
