//! What work is wanted, given what is on screen and what is there already.

use std::time::Duration;

use crate::app::{ImageId, ImageKey, Job, MapKey, Outcome, Priority, State, Task};

/// Images that are made ready in the direction of travel, and behind.
const AHEAD: usize = 8;
const BEHIND: usize = 3;
/// Images that are asked to be classified at a time: enough to keep workers busy until the next agenda.
const BACKGROUND: usize = 32;
/// Methods slower than this are not run for images that nobody may ever look at.
pub(in crate::app) const QUICK: Duration = Duration::from_millis(300);

impl State {
    /// All work that is wanted now, best first.
    pub(in crate::app) fn wanted(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        if self.model.is_none() {
            return tasks;
        }
        tasks.extend(self.next_frame().and_then(|image| self.next_step(image, Priority::Now)));
        if let Some(image) = self.current() {
            tasks.extend(self.panel_task(image));
            tasks.extend(self.next_step(image, Priority::Now));
            tasks.extend(self.pinned_step(image, Priority::Now));
            tasks.extend(self.other_step(image).or_else(|| self.other_answer(image)));
            tasks.extend(self.missing_thumbnails());
            if let Some(task) = self.missing_times(image) {
                // Beside a clock, nothing runs that nobody waits for.
                tasks.push(task);
                return tasks;
            }
        }
        let ahead = |(_, image)| {
            let steps = [self.next_step(image, Priority::Ahead), self.pinned_step(image, Priority::Ahead)];
            steps.into_iter().flatten()
        };
        tasks.extend(self.neighbours().into_iter().flat_map(ahead));
        tasks.extend(self.missing_places());
        tasks.extend(self.survey());
        for image in self.unclassified() {
            let is_wanted = |task: &Task| match task.job {
                Job::Open(other) | Job::Classify(other) | Job::Survey(other, _) => other == image,
                Job::Explain(_)
                | Job::Channels(_)
                | Job::Attend(_)
                | Job::WhatIf(_)
                | Job::Weights(_)
                | Job::Time(_)
                | Job::Place(_)
                | Job::Dream(_) => false,
            };
            if !tasks.iter().any(is_wanted) {
                tasks.extend(self.task(image.id, Job::Classify(image), Priority::Background));
            }
        }
        tasks
    }

    /// How many of the images next in the direction of travel are ready, out of how many.
    pub fn ready_ahead(&self) -> (usize, usize) {
        let ahead = |position: usize| if self.forward { position > self.cursor } else { position < self.cursor };
        let images = self.neighbours();
        let images: Vec<ImageId> = images.into_iter().filter(|(at, _)| ahead(*at)).map(|(_, image)| image).collect();
        (images.iter().filter(|image| self.next_step(**image, Priority::Ahead).is_none()).count(), images.len())
    }

    /// Whether something that belongs on screen is still to come.
    pub fn is_working(&self) -> bool {
        let is_missing = |image| {
            let own = || self.next_step(image, Priority::Now);
            let pinned = || self.pinned_step(image, Priority::Now);
            self.panel_task(image).or_else(own).or_else(pinned).or_else(|| self.other_step(image)).is_some()
        };
        self.current().is_some_and(|image| self.model.is_none() || is_missing(image))
    }

    /// Why the selected map does not exist.
    pub fn refusal(&self) -> Option<&str> {
        self.refusals.get(&self.map_key(self.current()?)?).map(String::as_str)
    }

    /// The next thing to do until the image can be shown with its map; none when all is there.
    fn next_step(&self, image: ImageId, priority: Priority) -> Option<Task> {
        if matches!(self.entries.get(image)?.outcome, Outcome::Failed(_)) || self.front_failure(image).is_some() {
            return None;
        }
        if self.pixels(image).is_none() || self.prediction(image).is_none() {
            return self.task(image, Job::Open(self.key(image)), priority);
        }
        let key = self.map_key(image)?;
        if self.has_map(&key) || self.refusals.contains_key(&key) {
            return None;
        }
        // The first map of a method tells how long the others will take, and has all cores for itself.
        if priority == Priority::Now || self.is_quick(&key) {
            self.task(image, Job::Explain(key), priority)
        } else {
            None
        }
    }

    /// Whether maps of that method are known to take no time.
    pub(in crate::app) fn is_quick(&self, key: &MapKey) -> bool {
        self.pace.get(&(key.image.model, key.method)).is_some_and(|pace| *pace < QUICK)
    }

    /// What the open panel waits for.
    fn panel_task(&self, image: ImageId) -> Option<Task> {
        self.task(image, self.panel_wants(image)?, Priority::Now)
    }

    pub(in crate::app) fn task(&self, image: ImageId, job: Job, priority: Priority) -> Option<Task> {
        Some(Task { job, path: self.entries.get(image)?.path.clone(), priority })
    }

    /// Whether the map is there and finished.
    pub(in crate::app) fn has_map(&self, key: &MapKey) -> bool {
        self.maps.get(key).is_some_and(|explained| explained.progress.is_none())
    }

    /// The images around the cursor: mostly those in the direction of travel, nearest first. As many as the caches can hold
    /// at once, or making one ready would undo another. With their positions in the list.
    fn neighbours(&self) -> Vec<(usize, ImageId)> {
        let room = self.pictures.room().min(self.maps.room()).min(self.predictions.room()) / 2;
        let at = |steps: usize, ahead: bool| {
            let forward = ahead == self.forward;
            let position = if forward { self.cursor.checked_add(steps) } else { self.cursor.checked_sub(steps) };
            position.and_then(|position| Some((position, *self.visible.get(position)?)))
        };
        let behind = |step: usize| (step.is_multiple_of(2) && step / 2 <= BEHIND).then_some(step / 2);
        (1..=AHEAD)
            .flat_map(|step| [at(step, true), behind(step).and_then(|step| at(step, false))])
            .flatten()
            .take(room)
            .collect()
    }

    /// What the model that is not in front says of an image, where it is one of two and not known yet.
    fn other_answer(&self, image: ImageId) -> Option<Task> {
        let pair = self.pair.as_ref()?;
        let pending = if pair.front() == 0 { &pair.pending } else { &self.pending };
        let key = ImageKey { model: pair.models()[1 - pair.front()].id, id: image };
        if pending.contains(image) { self.task(image, Job::Classify(key), Priority::Now) } else { None }
    }

    /// Images without prediction: those on screen, then others in leaps, so that what is counted is soon true of all. Each is
    /// asked of both models, where there are two.
    fn unclassified(&self) -> Vec<ImageKey> {
        let on_screen = self.visible.iter().skip(self.offset).take(self.terminal.page).copied();
        let mut found = Vec::new();
        let pendings = [Some(&self.pending), self.pair.as_ref().map(|pair| &pair.pending)];
        let models = self.models();
        let asked = models.iter().zip(pendings.into_iter().flatten());
        let mut queues: Vec<_> = asked
            .map(|(model, pending)| {
                let first = on_screen.clone().filter(|image| pending.contains(*image));
                let images = first.chain(pending.iter()).filter(|image| !self.has_failed(*image));
                images.map(|id| ImageKey { model: *model, id })
            })
            .collect();
        while found.len() < BACKGROUND {
            let before = found.len();
            found.extend(queues.iter_mut().filter_map(Iterator::next));
            if found.len() == before {
                break;
            }
        }
        found
    }

    fn has_failed(&self, image: ImageId) -> bool {
        matches!(self.entries.get(image).map(|entry| &entry.outcome), Some(Outcome::Failed(_)))
    }
}
