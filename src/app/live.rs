//! Frames that come from elsewhere: each is an image of the list, the newest at the cursor, unless one is held.

use std::path::Path;
use std::sync::Arc;

use super::{ImageId, Notice, Outcome, State};
use crate::text::escape;

/// So many frames can be walked back through.
pub const FRAMES_KEPT: usize = 100;

/// What is known of a stream of frames.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// The frame at the cursor stays there.
    pub is_held: bool,
    /// No more frames will come.
    pub is_over: bool,
    /// Frames shown a second, over the last ones; none before the second.
    pub rate: Option<f32>,
    /// The frame that is shown next, once there is all that belongs to it, and its picture is with the terminal: list, bars,
    /// picture and map change at once.
    pub(super) next: Option<ImageId>,
}

impl State {
    /// The list will be of frames.
    pub fn go_live(&mut self) {
        self.live = Some(Live { is_held: false, is_over: false, rate: None, next: None });
    }

    /// A frame has come, or there will be no more: why. `rate` is what is shown a second.
    pub(super) fn frame(&mut self, frame: Result<Arc<Path>, String>, rate: Option<f32>) {
        let Some(live) = &mut self.live else { return };
        match frame {
            Ok(path) => {
                live.rate = rate;
                live.next = (!live.is_held).then_some(self.entries.len());
                self.found(vec![path]);
                self.forget_frames();
            }
            Err(why) => {
                (live.is_over, live.rate) = (true, None);
                self.complete = true;
                self.notice = Some(Notice::Done(escape(&why).into_owned()));
            }
        }
    }

    /// Goes to the first frame at once.
    pub(super) fn settle_live(&mut self) {
        let next = self.next_frame();
        if next.is_some() && self.visible.first().copied() == next {
            self.go_to_next_frame();
        }
    }

    /// The frame that is shown next.
    pub(super) fn next_frame(&self) -> Option<ImageId> {
        self.live.as_ref()?.next
    }

    /// Whether there is a next frame, with all that belongs to it.
    pub fn has_next_frame(&self) -> bool {
        self.next_frame().is_some_and(|next| self.is_settled(next))
    }

    /// Goes to the next frame.
    pub(super) fn go_to_next_frame(&mut self) {
        let Some(next) = self.next_frame() else { return };
        if let Some(row) = self.visible.iter().position(|image| *image == next) {
            self.cursor = row;
        }
        self.live.iter_mut().for_each(|live| live.next = None);
    }

    /// Leaves out the frames whose files are gone.
    fn forget_frames(&mut self) {
        let Some(oldest) = self.entries.len().checked_sub(FRAMES_KEPT) else { return };
        let current = self.current();
        self.visible.retain(|image| *image >= oldest);
        // One leaves for each that comes.
        if let Some(gone) = oldest.checked_sub(1) {
            self.pending.remove(gone);
        }
        let row = current.and_then(|current| self.visible.iter().position(|image| *image == current));
        self.cursor = row.unwrap_or(0);
    }

    /// Holds the frame at the cursor, or lets the newest come again. False where there are no frames.
    pub(super) fn toggle_hold(&mut self) -> bool {
        let Some(live) = &mut self.live else { return false };
        (live.is_held, live.next) = (!live.is_held && !live.is_over, None);
        if !live.is_held {
            self.cursor = self.visible.len().saturating_sub(1);
        }
        true
    }

    /// Holds the frame at the cursor while others are looked at.
    pub(super) fn hold(&mut self) {
        if let Some(live) = &mut self.live {
            (live.is_held, live.next) = (true, None);
        }
    }

    /// Whether another frame may come: all that belongs to the one before is on screen.
    pub fn wants_frame(&self) -> bool {
        self.live.as_ref().is_some_and(|live| !live.is_held && !live.is_over && live.next.is_none())
            && self.model.is_some()
            && self.current().is_none_or(|image| self.is_settled(image))
    }

    /// Whether picture and map of an image are there, or never will be.
    pub(super) fn is_settled(&self, image: ImageId) -> bool {
        if matches!(self.entries.get(image).map(|entry| &entry.outcome), Some(Outcome::Failed(_))) {
            return true;
        }
        let Some(key) = self.map_key(image) else { return false };
        self.pixels(image).is_some()
            && (self.maps.get(&key).is_some_and(|map| map.progress.is_none()) || self.refusals.contains_key(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Action, Command, Report, update};

    fn frame(number: usize) -> Action {
        Action::Frame { frame: Ok(Path::new(&format!("/frames/{number}")).into()), rate: Some(15.0) }
    }

    /// What a worker would say of a frame that it could not read: nothing more is to come.
    fn fail(state: &mut State, image: ImageId) {
        let key = state.key(image);
        update(state, Action::Report(Report::Decoded(key, Err("torn".to_owned()))));
        if state.has_next_frame() {
            update(state, Action::NextFrame);
        }
    }

    #[test]
    fn the_newest_frame_is_shown_once_it_is_ready_unless_one_is_held() {
        let mut state = State::new("live".to_owned(), None);
        state.go_live();
        update(&mut state, frame(0));
        fail(&mut state, 0);
        assert_eq!(state.current(), Some(0));
        update(&mut state, frame(1));
        assert_eq!(state.current(), Some(0), "the one before stays while the next is made ready");
        fail(&mut state, 1);
        assert_eq!(state.current(), Some(1));
        update(&mut state, Action::Command(Command::Hold));
        update(&mut state, frame(2));
        fail(&mut state, 2);
        assert_eq!(state.current(), Some(1), "held");
        assert!(!state.wants_frame());
        update(&mut state, Action::Command(Command::Hold));
        assert_eq!(state.current(), Some(2), "and let go");
        update(&mut state, Action::Command(Command::Previous));
        update(&mut state, frame(3));
        fail(&mut state, 3);
        assert_eq!(state.current(), Some(1), "who walks back is left alone");
    }

    #[test]
    fn frames_whose_files_are_gone_leave_the_list() {
        let mut state = State::new("live".to_owned(), None);
        state.go_live();
        for number in 0..FRAMES_KEPT + 20 {
            update(&mut state, frame(number));
            fail(&mut state, number);
        }
        assert_eq!(state.visible.len(), FRAMES_KEPT);
        assert_eq!(state.current(), Some(FRAMES_KEPT + 19));
        assert!(state.pending.iter().all(|image| state.visible.contains(&image)), "nobody asks for the others");
        update(&mut state, Action::Frame { frame: Err("the stream has ended".into()), rate: None });
        assert!(state.live.as_ref().unwrap().is_over && !state.wants_frame());
    }
}
