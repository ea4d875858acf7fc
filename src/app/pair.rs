//! Two models side by side: what the second says beside what the first says, and which of them is in front.

use std::collections::HashMap;
use std::sync::Arc;

use super::leaps::Leaps;
use super::work::KEPT_PREDICTIONS;
use super::{Answer, Entry, ImageId, ImageKey, ModelId, ModelSummary, Notice, Order, State};
use crate::gallery::Truths;
use crate::model::{JointLabels, Target};
use crate::network::Scores;
use crate::text::escape;
use crate::triage::Change;

/// A second model, to be held against the first.
#[derive(Debug, Clone)]
pub struct Second {
    /// The model; no other that was there in this session has its number.
    pub model: Arc<ModelSummary>,
    /// The classes of both.
    pub joint: Arc<JointLabels>,
    /// Knows the true classes of images, in the classes of both.
    pub truths: Arc<Truths>,
}

/// Two models side by side.
#[derive(Debug)]
pub struct Pair {
    models: [Arc<ModelSummary>; 2],
    joint: Arc<JointLabels>,
    /// The names of the classes of both, safe to print.
    labels: Arc<[String]>,
    /// Which classes have no partner, a sentence each, safe to print.
    notices: Vec<String>,
    /// Which of the two keys act on, 0 or 1.
    front: usize,
    /// The images that the second has not been asked about.
    pub(super) pending: Leaps,
    /// Why the second has nothing to say of some images, safe to print.
    failed: HashMap<ImageId, String>,
}

/// What two models come to, over the images of which both have said something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Images whose class is known.
    pub known: usize,
    /// Those of them that the first and the second model get right.
    pub right: [usize; 2],
    /// What the second gets right and the first does not.
    pub fixed: usize,
    /// What the first gets right and the second does not.
    pub broken: usize,
    /// Images, whether their class is known or not, of which the models say different things.
    pub disputed: usize,
}

impl Pair {
    /// What the second model said of an image does not count any more.
    pub(super) fn ask_again(&mut self, image: ImageId) {
        self.failed.remove(&image);
        self.pending.insert(image);
    }

    /// The first and the second model.
    pub fn models(&self) -> &[Arc<ModelSummary>; 2] {
        &self.models
    }

    /// Which of the two keys act on: 0 or 1.
    pub fn front(&self) -> usize {
        self.front
    }

    /// Which classes have no partner, a sentence each, safe to print.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// A class of one of the models, as the other has it.
    fn partner(&self, class: usize, from: usize) -> Option<usize> {
        if from == 0 {
            self.joint.to_second(class)
        } else {
            Some(self.joint.of_second(class)).filter(|place| *place < self.models[0].labels.len())
        }
    }

    /// The same of what is explained.
    pub(super) fn partner_target(&self, target: Target, from: usize) -> Option<Target> {
        let partner = |class| self.partner(class, from);
        match target {
            Target::Top(rank) => Some(Target::Top(rank)),
            Target::Class(class) => partner(class).map(Target::Class),
            Target::Probability(class) => partner(class).map(Target::Probability),
            Target::Contrast(a, b) => partner(a).zip(partner(b)).map(|(a, b)| Target::Contrast(a, b)),
        }
    }

    /// The layer of the same name in the other model; networks of another kind have layers of their own.
    pub(super) fn partner_layer(&self, at: usize, from: usize) -> Option<usize> {
        let name = &self.models[from].layers.get(at)?.name;
        self.models[1 - from].layers.iter().position(|layer| layer.name == *name)
    }

    /// The place of a class of the model in front among those of both.
    fn place(&self, class: usize) -> usize {
        if self.front == 0 { class } else { self.joint.of_second(class) }
    }
}

impl State {
    /// The model whose answers the list is about: the first of two.
    pub(super) fn first_model(&self) -> ModelId {
        self.pair.as_ref().map_or_else(|| self.model_id(), |pair| pair.models[0].id)
    }

    /// The models that are there, the first one first.
    pub fn models(&self) -> Vec<ModelId> {
        let one = || self.model.iter().map(|model| model.id).collect();
        self.pair.as_ref().map_or_else(one, |pair| pair.models.iter().map(|model| model.id).collect())
    }

    /// The names of the classes that truths and answers in the list are in.
    pub fn labels(&self) -> &[String] {
        let one = || self.model.as_deref().map_or(&[][..], |model| &model.labels);
        self.pair.as_ref().map_or_else(one, |pair| &pair.labels)
    }

    /// The name of one of them, the first where it has several.
    pub fn short_label(&self, class: usize) -> &str {
        self.labels().get(class).map_or("?", |label| label.split(',').next().unwrap_or("?").trim_end())
    }

    /// A second model has arrived, or another in its place.
    pub(super) fn second_ready(&mut self, second: Second) {
        let Second { model, joint, truths } = second;
        self.awaits_second = false;
        let first = match (&self.pair, &self.model) {
            (Some(pair), _) => Arc::clone(&pair.models[0]),
            (None, Some(first)) => Arc::clone(first),
            (None, None) => return,
        };
        if self.pair.as_ref().is_some_and(|pair| pair.front == 1) {
            self.bring_to_front(0);
        }
        self.truths = truths;
        for (image, entry) in self.entries.iter_mut().enumerate() {
            let truth = self.truths.of(&entry.path);
            if truth != entry.truth && entry.answer().is_some() {
                // How far off the first is, is asked again.
                self.pending.insert(image);
            }
            (entry.truth, entry.second, entry.second_loss) = (truth, None, None);
        }
        if self.order == Order::Found {
            self.order = Order::Broken;
        }
        let labels = (0..joint.labels().len()).map(|class| escape(&joint.labels().get(class)).into_owned());
        self.pair = Some(Pair {
            models: [first, model],
            labels: labels.collect(),
            notices: joint.notices().iter().map(|notice| escape(notice).into_owned()).collect(),
            joint,
            front: 0,
            pending: (0..self.entries.len()).collect(),
            failed: HashMap::new(),
        });
        self.ask_truths();
        self.refilter();
    }

    /// What the second model says of an image, where it was asked; whether it was.
    pub(super) fn second_said(&mut self, image: ImageKey, said: Result<&Scores, &str>) -> bool {
        let Some(pair) = self.pair.as_mut().filter(|pair| pair.models[1].id == image.model) else { return false };
        let Some(entry) = self.entries.get_mut(image.id) else { return true };
        pair.pending.remove(image.id);
        match said {
            Ok(scores) => {
                let answer = Answer::of(scores, KEPT_PREDICTIONS);
                entry.second = Some(answer.placed(|class| pair.joint.of_second(class)));
                entry.second_loss = entry.truth.as_ref().map(|truth| {
                    let own = truth.indices().iter().filter_map(|class| pair.joint.to_second(*class));
                    scores.loss(&own.collect::<Vec<_>>()).unwrap_or(f32::INFINITY)
                });
            }
            Err(reason) => {
                pair.failed.insert(image.id, escape(reason.trim_end()).into_owned());
            }
        }
        self.relist(image.id);
        true
    }

    /// Why the second model, where it is in front, has nothing to say of an image.
    pub fn front_failure(&self, image: ImageId) -> Option<&str> {
        let pair = self.pair.as_ref().filter(|pair| pair.front == 1)?;
        pair.failed.get(&image).map(String::as_str)
    }

    /// Why the model that is not in front has nothing to say of an image.
    pub(super) fn other_failure(&self, image: ImageId) -> Option<&str> {
        let pair = self.pair.as_ref().filter(|pair| pair.front == 0)?;
        pair.failed.get(&image).map(String::as_str)
    }

    /// What the model in front says of an image, in its own classes.
    pub fn front_answer(&self, image: ImageId) -> Option<Answer> {
        let entry = self.entries.get(image)?;
        match self.pair.as_ref().filter(|pair| pair.front == 1) {
            None => entry.answer().cloned(),
            Some(pair) => {
                let answer = entry.second.clone()?;
                // Each place of its answers is that of one of its classes.
                Some(answer.placed(|place| pair.joint.to_second(place).unwrap_or(place)))
            }
        }
    }

    /// The classes of the model in front that an image is of, where they are known and it has them.
    pub fn front_truth(&self, image: ImageId) -> Vec<usize> {
        let truth = self.entries.get(image).and_then(|entry| entry.truth.as_ref());
        let classes = truth.map_or(&[][..], |truth| truth.indices()).iter().copied();
        match self.pair.as_ref().filter(|pair| pair.front == 1) {
            Some(pair) => classes.filter_map(|class| pair.joint.to_second(class)).collect(),
            None => {
                let known = self.model.as_deref().map_or(0, |model| model.labels.len());
                classes.filter(|class| *class < known).collect()
            }
        }
    }

    /// Whether the model in front is right about an image, where that is known.
    pub(super) fn is_front_right(&self, entry: &Entry) -> Option<bool> {
        if self.pair.as_ref().is_some_and(|pair| pair.front == 1) { entry.is_second_right() } else { entry.is_right() }
    }

    /// The probability of a class of the model in front, by the other; where that has the class and has been asked.
    pub fn other_probability(&self, image: ImageId, class: usize) -> Option<f32> {
        let pair = self.pair.as_ref()?;
        let place = pair.place(class);
        let entry = self.entries.get(image)?;
        let answer = if pair.front == 0 { entry.second.as_ref() } else { entry.answer() }?;
        let listed = answer.top.iter().find(|said| said.index == place).map(|said| said.probability);
        listed.or_else(|| {
            let key = ImageKey { model: pair.models[1 - pair.front].id, id: image };
            let partner = pair.partner(class, pair.front)?;
            self.predictions.get(&key)?.probabilities.get(partner).copied()
        })
    }

    /// Whether the model that is not in front has answered for an image.
    pub fn other_has_said(&self, image: ImageId) -> bool {
        let Some((pair, entry)) = self.pair.as_ref().zip(self.entries.get(image)) else { return false };
        if pair.front == 0 { entry.second.is_some() } else { entry.answer().is_some() }
    }

    /// The other of two models is in front from now on.
    pub(super) fn swap_models(&mut self) {
        let Some(pair) = &self.pair else {
            let text = "there is only one model; a second --model is held against it";
            self.notice = Some(Notice::Failed(text.to_owned()));
            return;
        };
        self.bring_to_front(1 - pair.front);
    }

    fn bring_to_front(&mut self, which: usize) {
        let Some(pair) = &mut self.pair else { return };
        let from = std::mem::replace(&mut pair.front, which);
        if from == which {
            return;
        }
        // A class that was pinned stays, in the words of the model that is asked now.
        self.selection.target = pair.partner_target(self.selection.target, from).unwrap_or(Target::Top(0));
        self.selection.layer = self.selection.layer.and_then(|at| pair.partner_layer(at, from));
        if let Some(pin) = &mut self.pin {
            pin.layer = pin.layer.and_then(|at| pair.partner_layer(at, from));
        }
        self.progress = None;
        self.model = Some(Arc::clone(&pair.models[which]));
    }

    /// What both models come to so far.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for entry in &self.entries {
            tally.disputed += usize::from(entry.is_disputed());
            let right = match entry.change() {
                Some(Change::BothRight) => [true, true],
                Some(Change::Broken) => [true, false],
                Some(Change::Fixed) => [false, true],
                Some(Change::BothWrong) => [false, false],
                Some(Change::Agree | Change::Disagree) | None => continue,
            };
            tally.known += 1;
            tally.right.iter_mut().zip(right).for_each(|(count, right)| *count += usize::from(right));
            tally.broken += usize::from(right == [true, false]);
            tally.fixed += usize::from(right == [false, true]);
        }
        tally
    }
}
