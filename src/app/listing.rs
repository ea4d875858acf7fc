//! The list: which images are in it, in what order, and the ways through it to those that matter.

use std::cmp::Ordering;

use super::{Effect, ImageId, Notice, State};
use crate::triage::{Filter, Order};

/// Said where right and wrong are asked for and nobody knows.
const NO_TRUTH: &str = "no folder is named after a class of the model: right and wrong are not known";

/// Said where what a second model changes is asked for and there is none.
const ONE_MODEL: &str = "there is only one model: a second --model is held against the first";

impl State {
    /// Applies filter and order. While words of a name are typed, the cursor goes to the best match. Else it stays on its
    /// image or, while a filter is typed and where nothing matched, on the one where it was before.
    pub(super) fn refilter(&mut self) {
        self.understood = Filter::parse(&self.filter, self.labels());
        let is_typing = self.types_filter();
        let by_name = is_typing && self.understood.has_words();
        let from =
            if is_typing { self.before_filter.or(self.current()) } else { self.current().or(self.before_filter) };
        let scored = self.entries.iter().enumerate();
        let mut found: Vec<(i32, ImageId)> =
            scored.filter_map(|(image, entry)| Some((self.understood.score(entry)?, image))).collect();
        found.sort_by(|one, other| self.compare(*one, *other));
        let best = found.iter().map(|(score, _)| *score).max().filter(|_| by_name);
        let wanted = |(score, image): &(i32, ImageId)| best.map_or(from == Some(*image), |best| *score == best);
        self.cursor = found.iter().position(wanted).unwrap_or(0);
        self.visible = found.into_iter().map(|(_, image)| image).collect();
    }

    /// Puts an image where it belongs now that more is known of it. The cursor stays on its image, or on the row of one that
    /// leaves.
    pub(super) fn relist(&mut self, image: ImageId) {
        if !self.understood.has_conditions() && self.order == Order::Found {
            return;
        }
        let current = self.current();
        self.visible.retain(|other| *other != image);
        self.enlist(image);
        let row = current.and_then(|current| self.visible.iter().position(|other| *other == current));
        self.cursor = row.unwrap_or(self.cursor);
    }

    /// Puts an image that is not in the list where it belongs, if it does.
    pub(super) fn enlist(&mut self, image: ImageId) {
        let score = |image: ImageId| self.understood.score(self.entries.get(image)?);
        let Some(points) = score(image) else { return };
        let is_before = |other: &ImageId| {
            let other = (score(*other).unwrap_or(i32::MIN), *other);
            self.compare(other, (points, image)) == Ordering::Less
        };
        let place = self.visible.partition_point(is_before);
        self.cursor += usize::from(place <= self.cursor && !self.visible.is_empty());
        self.visible.insert(place, image);
    }

    /// Which of two images comes first, each with how well its name matches.
    fn compare(&self, one: (i32, ImageId), other: (i32, ImageId)) -> Ordering {
        let by_order = self.order.compare(&self.entries[one.1], &self.entries[other.1]);
        by_order.then(other.0.cmp(&one.0)).then(one.1.cmp(&other.1))
    }

    /// Whether rows show names rather than predictions: while a name is looked for.
    pub fn looks_for_names(&self) -> bool {
        self.understood.has_words() || (self.types_filter() && !self.understood.has_conditions())
    }

    /// Whether predictions are still to come.
    pub fn is_classifying(&self) -> bool {
        !self.complete || !self.pending.is_empty() || self.pair.as_ref().is_some_and(|pair| !pair.pending.is_empty())
    }

    /// Why the list is empty though there are images.
    pub fn why_none(&self) -> String {
        match self.understood.problem() {
            Some(problem) => problem.to_owned(),
            None if self.understood.asks_for_two_models() && self.pair.is_none() && !self.awaits_second => {
                ONE_MODEL.to_owned()
            }
            None if self.understood.has_conditions() && self.is_classifying() => "none so far".to_owned(),
            None if self.understood.asks_for_truth() && self.lacks_truth() => NO_TRUTH.to_owned(),
            None if self.understood.has_conditions() => "no image matches".to_owned(),
            None => "no name matches".to_owned(),
        }
    }

    /// Moves the cursor to a row, or the last one.
    pub(super) fn move_to(&mut self, row: usize) {
        let row = row.min(self.visible.len().saturating_sub(1));
        if row != self.cursor {
            self.hold();
            self.forward = row > self.cursor;
            self.cursor = row;
        }
        if self.types_filter() {
            // Where the user goes is where they come back to.
            self.before_filter = self.current();
        }
    }

    /// Drops the filter.
    pub(super) fn unfilter(&mut self) {
        self.filter.clear();
        self.refilter();
    }

    /// The next order, from its first image.
    pub(super) fn sort(&mut self) {
        let is_pair = self.pair.is_some();
        self.order = self.order.next(is_pair);
        let mut says = String::new();
        while self.order.needs_truth() && self.lacks_truth() {
            self.order = self.order.next(is_pair);
            says = format!("; {NO_TRUTH}");
        }
        self.refilter();
        // Back in the order of the files, the image is seen among its neighbours.
        if self.order != Order::Found {
            self.move_to(0);
        }
        let words = self.order.words().unwrap_or("in the order of their names");
        self.notice = Some(Notice::Done(format!("{words}{says}")));
    }

    /// Whether it is certain that no image's class is known.
    pub fn lacks_truth(&self) -> bool {
        self.model.is_some() && self.complete && self.entries.iter().all(|entry| entry.truth.is_none())
    }

    pub(super) fn miss_truth(&mut self) {
        self.notice = Some(Notice::Failed(NO_TRUTH.to_owned()));
    }

    /// Goes to the next image, or the one before, that the model gets wrong.
    pub(super) fn go_to_mistake(&mut self, forward: bool) {
        let is_mistake = |row: &usize| {
            let entry = self.visible.get(*row).and_then(|image| self.entries.get(*image));
            entry.and_then(|entry| self.is_front_right(entry)) == Some(false)
        };
        let found = if forward {
            (self.cursor + 1..self.visible.len()).find(is_mistake)
        } else {
            (0..self.cursor).rev().find(is_mistake)
        };
        match found {
            Some(row) => self.move_to(row),
            None if self.lacks_truth() => self.miss_truth(),
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
        let marked = !self.entries[image].is_marked;
        self.set_mark(image, marked);
        if self.current() != Some(image) {
            // Another image has taken its row: what was done is said, lest it be done twice.
            let verb = if marked { "marked" } else { "unmarked" };
            self.notice = Some(Notice::Done(format!("{verb} {}", self.entries[image].name)));
        }
        vec![Effect::Mark { image, path: self.entries[image].path.clone(), marked }]
    }

    /// An image is marked from now on, or is not.
    pub(super) fn set_mark(&mut self, image: ImageId, marked: bool) {
        if let Some(entry) = self.entries.get_mut(image).filter(|entry| entry.is_marked != marked) {
            entry.is_marked = marked;
            self.relist(image);
        }
    }
}
