//! What comes in: images that were found, the model, and the results of work.

use std::path::Path;
use std::sync::Arc;

use crate::app::{
    Answer, Command, Decoded, Entry, Explained, ImageKey, MapKey, Mode, ModelSummary, Notice, Outcome, PanelKind,
    PlaceKey, Predicted, Report, State, Target,
};
use crate::text::escape;

/// Predictions kept of each image: as many as there are digits to pick one.
pub(in crate::app) const KEPT_PREDICTIONS: usize = 9;

impl State {
    pub(in crate::app) fn found(&mut self, paths: Vec<Arc<Path>>) {
        let first = self.entries.len();
        for path in paths {
            let name = display_name(&path, self.base.as_deref());
            let truth = self.truths.of(&path);
            let is_marked = self.marked_before.remove(&path);
            self.entries.push(Entry { truth, is_marked, ..Entry::new(path, name) });
        }
        self.pending.extend(first..self.entries.len());
        if let Some(pair) = &mut self.pair {
            pair.pending.extend(first..self.entries.len());
        }
        self.found_for_exemplars(first..self.entries.len());
        for image in first..self.entries.len() {
            self.enlist(image);
        }
    }

    pub(in crate::app) fn model_ready(&mut self, model: Arc<ModelSummary>) {
        if self.first_model() != model.id {
            self.pair = None;
            self.forget_what_was_said();
        }
        self.truths = Arc::clone(&model.truths);
        for entry in &mut self.entries {
            entry.truth = self.truths.of(&entry.path);
        }
        self.model = Some(model);
        self.select_wanted_layer();
        self.ask_truths();
        // Conditions name classes.
        self.refilter();
    }

    /// Selects the layer that was asked for by name before the model was there.
    fn select_wanted_layer(&mut self) {
        let Some((wanted, model)) = self.wanted_layer.take().zip(self.model.as_deref()) else { return };
        let layer = model.asked;
        if layer.is_none() {
            let key = self.keymap.key(Mode::Browse, Command::Open(PanelKind::Layers));
            let text = format!("{} has no layer {}; {key} lists those that it has", model.name, escape(&wanted));
            self.notice = Some(Notice::Failed(text));
        }
        self.selection.layer = layer.filter(|layer| Some(*layer) != model.auto);
    }

    /// Another model is asked: the list is about what it says, and the selection in its words.
    fn forget_what_was_said(&mut self) {
        for entry in &mut self.entries {
            (entry.outcome, entry.loss, entry.is_doubtful) = (Outcome::Pending, None, false);
            (entry.second, entry.second_loss) = (None, None);
        }
        self.pending.extend(0..self.entries.len());
        (self.selection.target, self.selection.layer) = (Target::Top(0), None);
        (self.shown_map, self.progress) = (None, None);
        if let Some(pin) = &mut self.pin {
            pin.layer = None;
        }
    }

    /// Hears where the classes of images come from, once all are found and the model is there.
    pub(in crate::app) fn ask_truths(&mut self) {
        if self.complete && self.model.is_some() {
            let notices = self.truths.notices();
            self.truth_notices = notices.iter().map(|notice| escape(notice).into_owned()).collect();
        }
    }

    pub(in crate::app) fn report(&mut self, report: Report) {
        match report {
            Report::Decoded(image, Ok(decoded)) => self.decoded(image, decoded),
            Report::Predicted(image, Ok(predicted)) => self.predicted(image, predicted),
            Report::Decoded(image, Err(reason)) | Report::Predicted(image, Err(reason)) => self.failed(image, &reason),
            Report::Partial(key, (done, total), map) => {
                if let Some(map) = map {
                    self.keep_map(&key, map);
                }
                // Maps that are made ahead are nobody's business yet.
                let keys = |image| [self.map_key(image), self.pinned_key(image)];
                if self.current().is_some_and(|image| keys(image).contains(&Some(key.clone()))) {
                    self.progress = Some((key, done, total));
                }
            }
            Report::Explained(key, result) => self.explained(key, result),
            Report::Activated(key, activated) => self.activated = Some((key, activated)),
            Report::Channels(key, result) => {
                self.activated = self.activated.take().filter(|(of, _)| *of != key);
                let bytes = result.as_ref().map_or(0, |channels| channels.bytes());
                self.channels.insert(key, result.map_err(|reason| escape(&reason).into_owned()), bytes);
            }
            Report::Attended(key, result) => {
                let bytes = result.as_ref().map_or(0, |heads| heads.bytes());
                self.heads.insert(key, result.map_err(|reason| escape(&reason).into_owned()), bytes);
            }
            Report::Surveyed(image, layer, peaks) => self.surveyed(image, layer, peaks),
            Report::WhatIf(key, answer) => {
                let bytes = answer.as_ref().map_or(0, |answer| answer.bytes());
                self.what_ifs.insert(key, answer.map_err(|reason| escape(&reason).into_owned()), bytes);
            }
            Report::Weights(key, table) => {
                let bytes = table.as_ref().map_or(0, |table| table.bytes());
                self.weights.insert(key, table.map_err(|reason| escape(&reason).into_owned()), bytes);
            }
            Report::Timed(model, times) => {
                self.times.insert(model, times.map_err(|reason| escape(&reason).into_owned()));
            }
            // Where there is no gradient there are no places, and the pictures are as good without.
            Report::Placed(key, place) => self.places.insert(key, place.unwrap_or_default(), size_of::<PlaceKey>()),
            Report::Dreaming(key, frame) => self.dreaming(key, frame),
            Report::Dreamt(key, result) => self.dreamt(key, result),
            Report::Exported(Ok(files)) => {
                self.notice = files.first().map(|first| {
                    let names = files.iter().map(|file| short_name(file, first)).collect::<Vec<_>>().join(", ");
                    let key = self.keymap.key(Mode::Browse, Command::CopyPath);
                    let then = format!("; {key} copies its path");
                    Notice::Files { done: "wrote", folder: folder_of(first), names, then }
                });
                self.written = self.current().zip(files.into_iter().next());
            }
            Report::Exported(Err(reason)) => self.notice = Some(Notice::Failed(escape(&reason).into_owned())),
        }
    }

    fn failed(&mut self, image: ImageKey, reason: &str) {
        if self.second_said(image, Err(reason)) {
            return;
        }
        if let Some(entry) = self.entry_of(image) {
            entry.outcome = Outcome::Failed(escape(reason.trim_end()).into_owned());
            entry.loss = None;
            self.pending.remove(image.id);
            self.relist(image.id);
        }
    }

    /// The row of an image, where that model is the one that the list is about.
    fn entry_of(&mut self, image: ImageKey) -> Option<&mut Entry> {
        if image.model == self.first_model() { self.entries.get_mut(image.id) } else { None }
    }

    fn decoded(&mut self, image: ImageKey, decoded: Arc<Decoded>) {
        let bytes = decoded.picture.as_raw().len();
        self.pictures.insert(image, decoded, bytes);
    }

    fn predicted(&mut self, image: ImageKey, predicted: Arc<Predicted>) {
        if let Some(entry) = self.entry_of(image) {
            let scores = &predicted.logits;
            entry.outcome = Outcome::Classified(Answer::of(scores, KEPT_PREDICTIONS));
            entry.is_doubtful = !predicted.warnings.is_empty();
            entry.loss = entry.truth.as_ref().and_then(|truth| scores.loss(truth.indices()));
            self.pending.remove(image.id);
            self.relist(image.id);
        } else {
            self.second_said(image, Ok(&predicted.logits));
        }
        self.keep_if_shown(image, &predicted.small);
        let bytes = predicted.bytes();
        // What comes in from the background must not drive out what is near the cursor.
        if self.pictures.contains(&image) || self.predictions.fits(bytes) {
            self.predictions.insert(image, predicted, bytes);
        }
    }

    fn explained(&mut self, key: MapKey, result: Result<Arc<Explained>, String>) {
        if self.progress.as_ref().is_some_and(|(running, ..)| *running == key) {
            self.progress = None;
        }
        match result {
            Ok(explained) => {
                self.pace.insert((key.image.model, key.method), explained.elapsed);
                self.keep_map(&key, explained);
            }
            Err(reason) => {
                self.refusals.insert(key, escape(&reason).into_owned());
            }
        }
    }

    /// Stores a map, unless it is partial and the finished one is there.
    fn keep_map(&mut self, key: &MapKey, map: Arc<Explained>) {
        let is_done = self.maps.get(key).is_some_and(|old| old.progress.is_none());
        if map.progress.is_none() || !is_done {
            let bytes = map.bytes();
            self.maps.insert(key.clone(), map, bytes);
        }
    }
}

/// The folder of a file, safe to print.
pub(in crate::app) fn folder_of(file: &Path) -> String {
    escape(&file.parent().unwrap_or(Path::new("")).to_string_lossy()).into_owned()
}

/// The name of a file beside another, safe to print: the suffix alone where that is what differs.
fn short_name(file: &Path, first: &Path) -> String {
    let name = match file.extension() {
        Some(suffix) if file != first && file.file_stem() == first.file_stem() => {
            format!(".{}", suffix.to_string_lossy())
        }
        _ => file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    escape(&name).into_owned()
}

/// The file's path below `base`, safe to print.
fn display_name(path: &Path, base: Option<&Path>) -> String {
    let below = base.and_then(|base| path.strip_prefix(base).ok()).filter(|below| below.as_os_str() != "");
    escape(&below.unwrap_or(path).to_string_lossy()).into_owned()
}
