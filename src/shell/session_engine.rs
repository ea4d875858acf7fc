//! The engine that is a session with a model: its answers as the interface keeps them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ndarray::Array3;

use super::engine::{Engine, EngineError, MakeFrame};
use super::written;
use crate::app::{
    ChannelsKey, DreamFrame, DreamKey, DreamStart, Dreamt, Export, HeadsKey, LayerRow, MapKey, MethodRow, ModelSummary,
    PlaceKey, Predicted, Priority, StageRow, WeightTable, WeightsKey, WhatIfKey, small_picture,
};
use crate::explain::{
    Attribution, DREAM_STEPS, DreamOptions, ExplainError, LayerChannels, LayerChoice, METHODS, Monitor, WhatIf, find,
    obstacle, value_of,
};
use crate::gallery::Truths;
use crate::model::{ChannelOrder, Labels};
use crate::network::{Activation, Layer, Network, NetworkError, ReceptiveFields, Stage, StageTimes, with_threads};
use crate::raster::Region;
use crate::session::{Kept, Looked, ModelId, Opened, Question, Session};
use crate::text::escape;

/// Predictions that the interface shows, at least.
const TOP: usize = 10;

/// A session at work for the interface.
pub struct SessionEngine {
    id: ModelId,
    session: Session,
    kept: Kept,
    truths: Arc<Truths>,
    threads: usize,
    /// The layer that somebody asked for by name, an index among the network's.
    layer: Option<usize>,
    /// What the values of a layer depend on: of the layer that was asked for last.
    fields: Mutex<Option<(usize, Arc<ReceptiveFields>)>>,
}

impl SessionEngine {
    /// Puts a session with a model to work; `truths` knows the classes of images, `threads` cores may be used for what the user waits for.
    pub fn new(id: ModelId, session: Session, truths: Arc<Truths>, threads: usize) -> Self {
        SessionEngine { id, session, kept: Kept::default(), truths, threads, layer: None, fields: Mutex::default() }
    }

    /// The same, where the layer of this name is among those to step through, if there is such a one.
    #[must_use]
    pub fn with_layer(mut self, name: Option<&str>) -> Self {
        self.layer = name.and_then(|name| self.session.classifier().network().find_layer(name).ok());
        self
    }

    fn fields(&self, layer: usize) -> Result<Arc<ReceptiveFields>, NetworkError> {
        let mut kept = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, fields)) = kept.as_ref().filter(|(of, _)| *of == layer) {
            return Ok(Arc::clone(fields));
        }
        let fields = Arc::new(self.session.classifier().network().receptive_fields(layer)?);
        *kept = Some((layer, Arc::clone(&fields)));
        Ok(fields)
    }
}

/// What is asked by a key.
pub(super) fn question(key: &MapKey) -> Result<Question, EngineError> {
    let method = find(key.method).ok_or(EngineError::NoMethod(key.method))?;
    Ok(Question { method, target: key.target, layer: key.layer.clone(), values: key.values.clone() })
}

/// How a dream is dreamt that does not begin with an image: as the command line does, for the first number.
pub(super) fn dream_options(session: &Session, key: &DreamKey) -> DreamOptions {
    let number = if let DreamStart::Noise(number) = key.start { number } else { 0 };
    DreamOptions { steps: DREAM_STEPS, seed: session.options().seed.wrapping_add(number), start: None }
}

/// What a look at an image says.
fn predicted(looked: Looked, opened: &Opened, begun: Instant) -> Predicted {
    let Looked { pass, seen, region } = looked;
    let seen = Arc::new(seen);
    Predicted {
        top: pass.logits.top(TOP),
        logits: pass.logits.clone(),
        probabilities: pass.logits.probabilities().into(),
        small: small_picture(&seen),
        seen,
        region,
        warnings: opened.warnings().to_vec(),
        elapsed: begun.elapsed(),
    }
}

/// A layer's name as users know it.
fn layer_name(layer: &Layer) -> String {
    escape(layer.path.as_deref().unwrap_or(&layer.name)).into_owned()
}

/// The way from the input to the scores; empty where it cannot be read.
fn stages(network: &Network) -> Vec<StageRow> {
    let row = |stage: Stage| StageRow {
        name: escape(&stage.name).into_owned(),
        operators: escape(&stage.operators.join(", ")).into_owned(),
        layer: stage.layer.map(|index| (index, layer_name(&network.layers()[index]))),
        layers: stage.layers,
        weighted: stage.weighted,
        shape: stage.shape,
        weights: stage.weights,
        work: stage.work,
        from: stage.from,
        trunk: stage.trunk,
    };
    network.stages().unwrap_or_default().into_iter().map(row).collect()
}

impl Engine for SessionEngine {
    fn summary(&self) -> ModelSummary {
        let classifier = self.session.classifier();
        let network = classifier.network();
        let mut strip = network.strip();
        strip.extend(self.layer.filter(|layer| !strip.contains(layer)));
        strip.sort_unstable();
        let place = |layer: usize| strip.iter().position(|index| *index == layer);
        let row = |index: &usize| {
            let layer = &network.layers()[*index];
            let known_as = network.names_of_layer(*index).iter().map(|name| escape(name).into_owned()).collect();
            LayerRow { index: *index, name: layer_name(layer), known_as, shape: layer.shape }
        };
        let (height, width) = network.input_extent();
        let label = |class| escape(&classifier.labels().get(class)).into_owned();
        ModelSummary {
            id: self.id,
            name: escape(classifier.name()).into_owned(),
            input: (width, height),
            labels: (0..network.classes()).map(label).collect(),
            is_probable: network.scoring().is_probable(),
            truths: Arc::clone(&self.truths),
            auto: network.auto_layer().and_then(place),
            asked: self.layer.and_then(place),
            layers: strip.iter().map(row).collect(),
            attention: network
                .attention()
                .blocks
                .iter()
                .map(|block| escape(block.path.as_deref().unwrap_or(&block.name)).into_owned())
                .collect(),
            stages: stages(network),
            methods: METHODS
                .iter()
                .map(|method| MethodRow {
                    name: method.name,
                    family: method.family,
                    help: method.help,
                    caution: method.caution,
                    needs_layer: method.needs.layer,
                    params: method.params().copied().collect(),
                    obstacle: obstacle(method, network, &LayerChoice::Auto).map(|why| escape(&why).into_owned()),
                })
                .collect(),
            notices: classifier.notices().iter().map(|notice| escape(notice).into_owned()).collect(),
        }
    }

    fn labels(&self) -> &Labels {
        self.session.classifier().labels()
    }

    fn forget(&self, path: &Path) {
        self.kept.forget(path);
    }

    fn predict(&self, path: &Path, opened: &Opened, priority: Priority) -> Result<Predicted, EngineError> {
        let begun = Instant::now();
        let looked = match priority {
            Priority::Now => self.kept.look(&self.session, path, opened, self.threads)?,
            Priority::Ahead => self.kept.look(&self.session, path, opened, 1)?,
            // What is near the cursor must not be driven out by what nobody looks at.
            Priority::Background => self.session.look(opened, 1)?,
        };
        Ok(predicted(looked, opened, begun))
    }

    fn explain(&self, path: &Path, key: &MapKey, monitor: &Monitor<'_>) -> Result<Attribution, EngineError> {
        let question = question(key)?;
        let pass = self.kept.pass(&self.session, path, self.threads)?;
        Ok(self.session.explain(&question, &pass, self.kept.samples(), monitor)?)
    }

    fn channels(
        &self,
        path: &Path,
        key: &ChannelsKey,
        monitor: &Monitor<'_>,
        activated: &mut dyn FnMut(&Activation),
    ) -> Result<LayerChannels, EngineError> {
        let pass = self.kept.pass(&self.session, path, self.threads)?;
        activated(&self.session.layer_output(&pass, key.layer)?);
        Ok(self.session.channels(&pass, key.layer, key.target, monitor)?)
    }

    fn heads(&self, path: &Path, key: &HeadsKey, monitor: &Monitor<'_>) -> Result<Array3<f32>, EngineError> {
        let pass = self.kept.pass(&self.session, path, self.threads)?;
        let blocks = self.kept.attention(&self.session, (path, &pass), self.threads, monitor)?;
        let maps = blocks.get(key.block).and_then(|block| block.maps(key.asking));
        let reason = "it cannot be told where its tokens are in the image";
        Ok(maps.ok_or_else(|| ExplainError::Unsuitable(reason.into()))?)
    }

    fn what_if(&self, path: &Path, key: &WhatIfKey, monitor: &Monitor<'_>) -> Result<WhatIf, EngineError> {
        let pass = self.kept.pass(&self.session, path, self.threads)?;
        let asked = (&key.values, key.hidden.as_slice());
        Ok(self.session.what_if(&pass, asked, self.kept.samples(), monitor, self.threads)?)
    }

    fn weights(&self, key: &WeightsKey) -> Result<WeightTable, EngineError> {
        let begun = Instant::now();
        let weights = self.session.weights(&key.node)?;
        let is_bgr = self.session.classifier().settings().channel_order.value == ChannelOrder::Bgr;
        let mut table = WeightTable::new(&weights, key.output, is_bgr).map_err(EngineError::Nothing)?;
        table.elapsed = begun.elapsed();
        Ok(table)
    }

    fn stage_times(&self, monitor: &Monitor<'_>) -> Result<StageTimes, EngineError> {
        let network = self.session.classifier().network();
        let times = with_threads(self.threads, || network.stage_times(|| monitor.check().is_err()))?;
        Ok(times.ok_or(ExplainError::Cancelled)?)
    }

    fn place(&self, opened: &Opened, key: &PlaceKey) -> Result<Option<Region>, EngineError> {
        let fields = self.fields(key.unit.0)?;
        Ok(self.session.unit_place(opened, key.unit, key.at, &fields, 1)?.share())
    }

    fn dream(
        &self,
        path: &Path,
        key: &DreamKey,
        monitor: &Monitor<'_>,
        report: &mut dyn FnMut(&MakeFrame<'_>),
    ) -> Result<Dreamt, EngineError> {
        let begun = Instant::now();
        let start = match key.start {
            DreamStart::Image(_) => Some(self.session.seen(path)?),
            DreamStart::Noise(_) => None,
        };
        let options = DreamOptions { start, ..dream_options(&self.session, key) };
        let (dream, noise) = with_threads(self.threads, || {
            self.session.dream(key.aim, &options, monitor, |step, picture| {
                report(&|| {
                    let picture = picture();
                    let value = value_of(self.session.classifier(), key.aim, &picture).ok()?;
                    Some(DreamFrame { picture: Arc::new(picture), value, step })
                });
            })
        })?;
        Ok(Dreamt::new(dream, noise, options.steps, begun.elapsed()))
    }

    fn survey(&self, opened: &Opened, layer: usize) -> Result<(Predicted, Activation), EngineError> {
        let begun = Instant::now();
        // As in the background: this pass is not kept.
        let (looked, activation) = self.session.survey(opened, layer)?;
        Ok((predicted(looked, opened, begun), activation))
    }

    fn export(&self, export: &Export) -> Result<Vec<PathBuf>, EngineError> {
        written::write(&self.session, export)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gallery::{DecodeOptions, demo, find};
    use crate::model::{Classifier, ModelSource, Overrides};
    use crate::session::{RunOptions, open};

    #[test]
    fn what_nobody_looks_at_takes_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = demo::unpack_into(folder.path()).unwrap();
        let path = find([pictures]).next().unwrap().unwrap().path;
        let classifier = Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap();
        let options = RunOptions { decoding: DecodeOptions::default(), seed: 0, tolerance: None, top: 5 };
        let engine =
            SessionEngine::new(ModelId::new(0), Session::new(classifier, options), Arc::new(Truths::default()), 1);
        let opened = open(&path, DecodeOptions::default()).unwrap();
        let ask = |priority| engine.predict(&path, &opened, priority).unwrap().logits.to_vec();
        let said = ask(Priority::Background);
        assert!(!engine.kept.has(&path));
        for priority in [Priority::Ahead, Priority::Now] {
            assert_eq!(ask(priority), said);
            assert!(engine.kept.has(&path), "its map comes next");
        }
    }
}
