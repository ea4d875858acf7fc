//! The list: which images are in it, in what order, and the ways through it to those that matter.

use std::cmp::Ordering;

use super::jobs::{Effect, ImageId};
use super::{Notice, Panel, State};
use crate::triage::{Confusion, Entry, Filter, Order, confusions};

/// Said where right and wrong are asked for and nobody knows.
const NO_TRUTH: &str = "no folder is named after a class of the model: right and wrong are not known";

impl State {
    /// Applies filter and order. While words of a name are typed, the cursor goes to the best match; else it stays on its
    /// image, and where nothing matched, it goes back to where it was before the filter.
    pub(super) fn refilter(&mut self, to_best: bool) {
        let current = self.current().or(self.before_filter);
        let labels = self.model.as_deref().map_or(&[][..], |model| &model.labels);
        self.understood = Filter::parse(&self.filter, labels);
        let scored = self.entries.iter().enumerate();
        let mut found: Vec<(i32, ImageId)> =
            scored.filter_map(|(image, entry)| Some((self.understood.score(entry)?, image))).collect();
        found.sort_by(|one, other| self.compare(*one, *other));
        self.visible = found.into_iter().map(|(_, image)| image).collect();
        let stays = current.and_then(|image| self.visible.iter().position(|visible| *visible == image));
        let best = to_best && self.understood.has_words();
        self.cursor = if best { 0 } else { stays.unwrap_or(0) };
    }

    /// Puts an image where it belongs now that more is known of it. The cursor stays on its image, or on the row of one that
    /// leaves.
    pub(super) fn relist(&mut self, image: ImageId) {
        if !self.understood.has_conditions() && self.order == Order::Found {
            return;
        }
        let current = self.current();
        self.visible.retain(|other| *other != image);
        if let Some(score) = self.score(image) {
            let before = |other: &ImageId| {
                let other = (self.score(*other).unwrap_or(i32::MIN), *other);
                self.compare(other, (score, image)) == Ordering::Less
            };
            let place = self.visible.partition_point(before);
            self.visible.insert(place, image);
        }
        let row = current.and_then(|current| self.visible.iter().position(|other| *other == current));
        self.cursor = row.unwrap_or(self.cursor);
    }

    fn score(&self, image: ImageId) -> Option<i32> {
        self.understood.score(self.entries.get(image)?)
    }

    /// Which of two images comes first, each with how well its name matches.
    fn compare(&self, one: (i32, ImageId), other: (i32, ImageId)) -> Ordering {
        let by_order = self.order.compare(&self.entries[one.1], &self.entries[other.1]);
        by_order.then(other.0.cmp(&one.0)).then(one.1.cmp(&other.1))
    }

    /// Whether rows show names rather than predictions: while a name is looked for.
    pub fn looks_for_names(&self) -> bool {
        self.understood.has_words() || (self.panel == Panel::Filter && !self.understood.has_conditions())
    }

    /// Whether predictions are still to come.
    pub fn is_classifying(&self) -> bool {
        !self.complete || !self.pending.is_empty()
    }

    /// Why the list is empty though there are images.
    pub fn why_none(&self) -> String {
        match self.understood.problem() {
            Some(problem) => problem.to_owned(),
            None if self.understood.has_conditions() && self.is_classifying() => "none so far".to_owned(),
            None if self.understood.has_conditions() => "no image is so".to_owned(),
            None => "no name matches".to_owned(),
        }
    }

    pub(super) fn open_filter(&mut self) {
        self.before_filter = self.current().or(self.before_filter);
        self.panel = Panel::Filter;
    }

    /// Drops the filter.
    pub(super) fn unfilter(&mut self) {
        self.filter.clear();
        self.refilter(false);
    }

    /// The next order, from its first image.
    pub(super) fn sort(&mut self) {
        self.order = self.order.next();
        if self.order == Order::HighestLoss && !self.knows_truth() {
            self.order = self.order.next();
        }
        self.refilter(false);
        // Back in the order of the files, the image is seen among its neighbours.
        if self.order != Order::Found {
            self.move_to(0);
        }
        let words = self.order.words().unwrap_or("in the order of their names");
        self.notice = Some(Notice::Done(words.to_owned()));
    }

    /// Whether the class of any image is known.
    fn knows_truth(&self) -> bool {
        self.entries.iter().any(|entry| entry.truth.is_some())
    }

    /// Goes to the next image, or the one before, that the model gets wrong.
    pub(super) fn go_to_mistake(&mut self, forward: bool) {
        let is_mistake = |row: &usize| {
            let entry = self.visible.get(*row).and_then(|image| self.entries.get(*image));
            entry.and_then(Entry::is_right) == Some(false)
        };
        let found = if forward {
            (self.cursor + 1..self.visible.len()).find(is_mistake)
        } else {
            (0..self.cursor).rev().find(is_mistake)
        };
        match found {
            Some(row) => self.move_to(row),
            None if !self.knows_truth() => self.notice = Some(Notice::Failed(NO_TRUTH.to_owned())),
            None => {
                let side = if forward { "after" } else { "before" };
                let so_far = if self.is_classifying() { " so far" } else { "" };
                self.notice = Some(Notice::Failed(format!("no mistake {side} this image{so_far}")));
            }
        }
    }

    /// Marks the image at the cursor, or takes its mark away.
    pub(super) fn toggle_mark(&mut self) -> Vec<Effect> {
        let Some(image) = self.current() else { return Vec::new() };
        let entry = &mut self.entries[image];
        entry.is_marked = !entry.is_marked;
        let effect = Effect::Mark { path: entry.path.clone(), marked: entry.is_marked };
        self.relist(image);
        vec![effect]
    }

    /// The classes that are taken for each other so far, the most frequent mistake first.
    pub fn confusions(&self) -> Vec<Confusion> {
        confusions(&self.entries)
    }

    pub(super) fn open_confusions(&mut self) {
        if self.model.is_some() && !self.knows_truth() {
            self.notice = Some(Notice::Failed(NO_TRUTH.to_owned()));
        } else {
            self.panel = Panel::Confusions { marked: 0 };
        }
    }

    /// Narrows the list to the images of a mistake.
    pub(super) fn show_confusion(&mut self, row: usize) {
        let Some((pair, model)) = self.confusions().get(row).copied().zip(self.model.as_deref()) else { return };
        self.before_filter = self.current().or(self.before_filter);
        self.filter = Filter::for_confusion(pair.truth, pair.said, &model.labels);
        self.refilter(false);
    }
}
