//! What is to be measured, of which maps, and what of it the model and the images allow.

use anyhow::{Context as _, bail, ensure};
use rand::Rng as _;

use crate::cli::args::{CommonArgs, EvaluateArgs};
use crate::cli::{explain, truth, warn};
use crate::explain::{LayerChoice, obstacle, refusal};
use crate::gallery::{Entry, Kind, Truths, masks};
use crate::metrics::{self, BASELINES, Explainer, MEASURES, Mask, Measure, Trial};
use crate::model::{Classifier, Target};
use crate::random::random;
use crate::session::{InputError, Session};
use crate::text::Escaped;

/// The methods that are measured when none is named: those that go through the network and back once or twice. What asks
/// the model more often (the mean of 25 noisy gradients, of 50 on the way from a baseline) is measured when it is named.
pub(super) const QUICK: [&str; 7] =
    ["grad-cam", "layer-cam", "saliency", "input-x-gradient", "deep-lift", "lrp", "guided-backprop"];

/// An image, and what the network says of it.
pub(super) struct Image<'a> {
    pub(super) entry: &'a Entry,
    /// The best class: the one that is explained.
    pub(super) class: usize,
    /// Whether it is of that class.
    pub(super) right: bool,
    /// Of everything that is drawn for it.
    pub(super) seed: u64,
}

/// What is the same for every image.
pub(super) struct Design<'a> {
    pub(super) session: &'a Session,
    pub(super) explainers: Vec<Explainer>,
    pub(super) measures: Vec<&'static Measure>,
    /// The same model for mosaics, and how many images one has along a side.
    pub(super) mosaic: Option<(Session, usize)>,
    pub(super) threads: usize,
    pub(super) seed: u64,
    /// The classes of images.
    pub(super) truths: std::sync::Arc<Truths>,
    masks: Option<std::path::PathBuf>,
}

impl<'a> Design<'a> {
    /// What the arguments ask for, less what this model cannot do and nobody named.
    ///
    /// # Errors
    /// When something that was named cannot be done.
    pub(super) fn new(args: &EvaluateArgs, common: &CommonArgs, session: &'a Session) -> anyhow::Result<Self> {
        let classifier = session.classifier();
        let layer = explain::layers(classifier, &args.layer)?;
        let mut design = Design {
            session,
            explainers: explainers(args, classifier, &layer)?,
            measures: measures(&args.measure)?,
            mosaic: None,
            threads: common.threads(),
            seed: session.options().seed,
            truths: truth::truths(classifier, common.truth())?,
            masks: args.masks.clone(),
        };
        if design.measures.iter().any(|measure| measure.trial == Trial::Mosaic) {
            match session.enlarged(args.grid) {
                Ok(larger) => design.mosaic = Some((larger, args.grid as usize)),
                Err(error) => {
                    let reason = format!("the network takes no input of {} x {0} images: {}", args.grid, error.problem);
                    design.drop(Trial::Mosaic, args, &reason)?;
                }
            }
        }
        Ok(design)
    }

    /// Leaves out the measures of a trial that cannot be had.
    ///
    /// # Errors
    /// When one of them was named.
    fn drop(&mut self, trial: Trial, args: &EvaluateArgs, reason: &str) -> anyhow::Result<()> {
        let out = |measure: &&&Measure| measure.trial == trial;
        let names: Vec<&str> = self.measures.iter().filter(out).map(|measure| measure.name).collect();
        if names.is_empty() {
            return Ok(());
        }
        ensure!(args.measure.is_empty(), "cannot measure {}: {reason}", names.join(", "));
        warn(&format!("{} left out: {reason}", names.join(", ")));
        self.measures.retain(|measure| measure.trial != trial);
        Ok(())
    }

    /// Leaves out what these images cannot tell.
    ///
    /// # Errors
    /// When it was named.
    pub(super) fn drop_what_is_missing(&mut self, args: &EvaluateArgs, images: &[Image<'_>]) -> anyhow::Result<()> {
        if !images.iter().any(|image| self.mask_file(image).is_some()) {
            let reason = "no image has a mask of the class explained; --masks names their folder";
            if args.masks.is_some() || !args.measure.is_empty() {
                self.drop(Trial::Object, args, reason)?;
            }
            self.measures.retain(|measure| measure.trial != Trial::Object);
        }
        let mut classes: Vec<usize> = images.iter().filter(|image| image.right).map(|image| image.class).collect();
        classes.sort_unstable();
        classes.dedup();
        let cells = (args.grid * args.grid) as usize;
        if classes.len() < cells {
            let known = if self.truths.knows_any() { String::new() } else { format!(": {}", self.truths.why_none()) };
            let reason = format!(
                "a mosaic needs images of {cells} classes, in folders named after them and correctly classified; \
                 there are {}{known}",
                classes.len()
            );
            self.drop(Trial::Mosaic, args, &reason)?;
        }
        Ok(())
    }

    /// Whether any measure looks at an image by itself.
    pub(super) fn measures_images(&self) -> bool {
        self.measures.iter().any(|measure| matches!(measure.trial, Trial::Image | Trial::Object))
    }

    /// The best class of an image, and whether the image is of it.
    pub(super) fn look(&self, entry: &Entry) -> anyhow::Result<(usize, bool)> {
        let (logits, warnings) = self.session.scores(&entry.path, 1)?;
        warnings.iter().for_each(|warning| warn(&format!("{}: {warning}", entry.shown())));
        if !logits.are_finite() {
            return Err(InputError::NotFinite(Escaped::from(entry.path.as_path())).into());
        }
        let class = Target::Top(0).class(&logits)?;
        Ok((class, self.truths.of(&entry.path).is_some_and(|truth| truth.contains(class))))
    }

    /// The image of that number, with what [`Design::look`] said of it.
    pub(super) fn image<'e>(&self, entry: &'e Entry, (class, right): (usize, bool), number: usize) -> Image<'e> {
        Image { entry, class, right, seed: random(self.seed, number).next_u64() }
    }

    fn mask_file(&self, image: &Image<'_>) -> Option<std::path::PathBuf> {
        let class = self.session.classifier().labels().get(image.class);
        match &self.masks {
            _ if image.entry.kind == Kind::Tensor => None,
            Some(folder) => masks::mask_in(folder, &image.entry.path, &class),
            None => masks::mask_of(&image.entry.path, &class),
        }
    }

    /// Where the class explained is in an image, at the resolution of the network's input, if there is a mask that says so
    /// and the network sees anything of it.
    ///
    /// # Errors
    /// When the mask cannot be read, or has another size than the image.
    pub(super) fn mask(&self, image: &Image<'_>) -> anyhow::Result<Option<Mask>> {
        let Some(file) = self.mask_file(image) else { return Ok(None) };
        Ok(self.session.mask(&file, &image.entry.path)?)
    }
}

/// The methods, then the baselines.
fn explainers(args: &EvaluateArgs, classifier: &Classifier, layer: &LayerChoice) -> anyhow::Result<Vec<Explainer>> {
    let named = !args.method.is_empty();
    let names: Vec<String> = if named { args.method.clone() } else { QUICK.map(String::from).to_vec() };
    let mut explainers = vec![];
    for (method, values) in explain::methods(&names, &args.param)? {
        match obstacle(method, classifier.network(), layer) {
            None => explainers.push(Explainer::method(method, values, layer)),
            Some(reason) if named => {
                let reason = refusal(method, classifier.network(), layer).unwrap_or(reason);
                bail!("{} cannot explain this model: {reason}", method.name);
            }
            Some(reason) => warn(&format!("{} left out: {reason}", method.name)),
        }
    }
    explainers.extend(BASELINES.iter().cloned());
    Ok(explainers)
}

fn measures(names: &[String]) -> anyhow::Result<Vec<&'static Measure>> {
    if names.is_empty() {
        return Ok(MEASURES.to_vec());
    }
    let find = |name: &String| metrics::find(name).with_context(|| format!("no measure is called {name:?}"));
    names.iter().map(find).collect()
}
