//! The engine that is a classifier: passes are kept, so that another target or layer of the same image costs no forward.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use image::{DynamicImage, RgbImage};
use ndarray::ArrayD;

use super::engine::{Engine, EngineError};
use crate::app::{Cache, ChannelsKey, Export, LayerRow, MapKey, MethodRow, ModelSummary, Predicted};
use crate::explain::{
    Attribution, BankCache, LayerChannels, LayerChoice, METHODS, Monitor, Request, Subject, find, layer_channels,
    obstacle,
};
use crate::gallery::{Truths, is_tensor};
use crate::model::{Classifier, CropGeometry, Prepared};
use crate::network::{Activation, NetworkError, Pass, with_threads};
use crate::raster::Region;
use crate::text::escape;

/// Memory for forward passes, in bytes. The passes of a large network take some 100 MB each.
const BUDGET: usize = 256 << 20;
/// Memory for what the network said to changed inputs, in bytes. RISE's 4000 with 1000 classes take 16 MB.
const BANKS: usize = 128 << 20;
/// Predictions that the interface shows, at least.
const TOP: usize = 10;

/// A classifier at work.
pub struct ClassifierEngine {
    classifier: Classifier,
    passes: Mutex<Cache<PathBuf, Arc<Pass>>>,
    banks: BankCache,
    truths: Arc<Truths>,
    settings: Settings,
    export: WriteExport,
}

/// What holds for all predictions and maps of a session.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Cores that a prediction may use for which the user waits.
    pub threads: usize,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Sampling methods stop at this relative standard error.
    pub tolerance: Option<f64>,
}

/// Writes the files of an explanation.
pub type WriteExport = Box<dyn Fn(&Classifier, &Export) -> Result<Vec<PathBuf>, String> + Send + Sync>;

impl ClassifierEngine {
    /// Puts a classifier to work; `truths` knows the classes of images, `export` writes files.
    pub fn new(classifier: Classifier, truths: Arc<Truths>, settings: Settings, export: WriteExport) -> Self {
        let (passes, banks) = (Mutex::new(Cache::new(BUDGET)), BankCache::new(BANKS));
        ClassifierEngine { classifier, passes, banks, truths, settings, export }
    }

    fn kept(&self, path: &Path) -> Option<Arc<Pass>> {
        let mut passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = path.to_path_buf();
        passes.touch(&key);
        passes.get(&key).cloned()
    }

    /// The forward pass of an image, which is kept.
    fn pass(&self, path: &Path, tensor: ArrayD<f32>, threads: usize) -> Result<Arc<Pass>, NetworkError> {
        let forward = || self.classifier.network().forward(Arc::new(tensor));
        let pass = Arc::new(with_threads(threads, forward)?);
        let bytes = pass.bytes();
        let mut passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        passes.insert(path.to_path_buf(), Arc::clone(&pass), bytes);
        Ok(pass)
    }

    /// The forward pass of an image that is looked at, which may have been forgotten since its prediction.
    fn kept_or_new(
        &self,
        path: &Path,
        decode: &dyn Fn() -> Result<DynamicImage, String>,
    ) -> Result<Arc<Pass>, EngineError> {
        if let Some(pass) = self.kept(path) {
            return Ok(pass);
        }
        let image = if is_tensor(path) { None } else { Some(decode().map_err(EngineError::Decode)?) };
        let prepared = self.prepare(path, image.as_ref()).map_err(EngineError::Decode)?;
        self.pass(path, prepared.tensor, self.settings.threads).map_err(|error| EngineError::Explain(error.into()))
    }

    fn prepare(&self, path: &Path, image: Option<&DynamicImage>) -> Result<Prepared, String> {
        match image {
            Some(image) => self.classifier.preprocess(image).map_err(|error| error.to_string()),
            None => self.classifier.read_npy(path).map_err(|error| error.to_string()),
        }
    }
}

/// What a forward pass says about an image that the model saw like that.
fn predicted(seen: RgbImage, crop: &CropGeometry, pass: &Pass, begun: Instant) -> Predicted {
    Predicted {
        top: pass.logits.top(TOP),
        logits: pass.logits.clone(),
        probabilities: pass.logits.probabilities().into(),
        seen: Arc::new(seen),
        region: Region { x: crop.x as f32, y: crop.y as f32, width: crop.width as f32, height: crop.height as f32 },
        warnings: Vec::new(),
        elapsed: begun.elapsed(),
    }
}

impl Engine for ClassifierEngine {
    fn summary(&self) -> ModelSummary {
        let network = self.classifier.network();
        let strip = network.strip();
        let row = |index: &usize| {
            let layer = &network.layers()[*index];
            let name = layer.path.as_deref().unwrap_or(&layer.name);
            LayerRow { index: *index, name: escape(name).into_owned(), shape: layer.shape }
        };
        let (height, width) = network.input_extent();
        let label = |class| escape(&self.classifier.labels().get(class)).into_owned();
        ModelSummary {
            name: escape(self.classifier.name()).into_owned(),
            input: (width, height),
            labels: (0..network.classes()).map(label).collect(),
            truths: Arc::clone(&self.truths),
            auto: network.auto_layer().and_then(|auto| strip.iter().position(|index| *index == auto)),
            layers: strip.iter().map(row).collect(),
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
            notices: self.classifier.notices().iter().map(|notice| escape(notice).into_owned()).collect(),
        }
    }

    fn predict(&self, path: &Path, image: Option<&DynamicImage>, urgent: bool) -> Result<Predicted, String> {
        let begun = Instant::now();
        let Prepared { tensor, crop, seen } = self.prepare(path, image)?;
        let threads = if urgent { self.settings.threads } else { 1 };
        let pass = self.pass(path, tensor, threads).map_err(|error| error.to_string())?;
        Ok(predicted(seen, &crop, &pass, begun))
    }

    fn explain(
        &self,
        path: &Path,
        key: &MapKey,
        decode: &dyn Fn() -> Result<DynamicImage, String>,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, EngineError> {
        let method =
            find(key.method).ok_or_else(|| EngineError::Decode(format!("there is no method {}", key.method)))?;
        let pass = self.kept_or_new(path, decode)?;
        let request = Request {
            target: key.target,
            layer: key.layer.clone(),
            values: key.values.clone(),
            seed: self.settings.seed,
            tolerance: self.settings.tolerance,
        };
        let subject = Subject::of(&self.classifier, &pass).keeping(&self.banks);
        Ok(method.method.explain(subject, &request, monitor)?)
    }

    fn channels(
        &self,
        path: &Path,
        key: &ChannelsKey,
        decode: &dyn Fn() -> Result<DynamicImage, String>,
        monitor: &Monitor<'_>,
    ) -> Result<LayerChannels, EngineError> {
        let pass = self.kept_or_new(path, decode)?;
        Ok(layer_channels(Subject::of(&self.classifier, &pass), key.layer, key.target, monitor)?)
    }

    fn survey(
        &self,
        path: &Path,
        layer: usize,
        image: Option<&DynamicImage>,
    ) -> Result<(Predicted, Activation), String> {
        let begun = Instant::now();
        let Prepared { tensor, crop, seen } = self.prepare(path, image)?;
        let network = self.classifier.network();
        // What is near the cursor must not be driven out by what nobody looks at: this pass is not kept.
        let (pass, activation) = with_threads(1, || {
            let pass = network.forward(Arc::new(tensor))?;
            let activation = network.activation(&pass, layer)?;
            Ok((pass, activation))
        })
        .map_err(|error: NetworkError| error.to_string())?;
        Ok((predicted(seen, &crop, &pass, begun), activation))
    }

    fn export(&self, export: &Export) -> Result<Vec<PathBuf>, String> {
        (self.export)(&self.classifier, export)
    }
}
