//! How far probabilities can be relied on: the images whose class is known by how sure the model is of them, and the part of
//! each bin that is right.

use super::{Behaviour, Open};
use crate::app::{Notice, State};
use crate::gallery::Truth;
use crate::triage::{Bin, Tally};

/// A reliability diagram of the open images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calibration {
    /// The marked bin, counted from the surest.
    pub marked: usize,
}

impl Open for Calibration {
    fn open(state: &mut State) -> Option<Self> {
        let model = state.model.as_deref()?;
        if !model.is_probable {
            let text = "this model gives no probabilities of which one class is right: there is nothing to calibrate";
            state.notice = Some(Notice::Failed(text.to_owned()));
            return None;
        }
        if state.lacks_truth() {
            state.miss_truth();
            return None;
        }
        Some(Calibration { marked: 0 })
    }
}

impl State {
    /// What is counted of the classified images whose class is known, by the model in front.
    pub fn reliability(&self) -> Option<Tally> {
        let model = self.model.as_deref()?;
        let mut tally = Tally::new(model.labels.len(), model.is_probable);
        for image in 0..self.entries.len() {
            let truth = Truth::new(self.front_truth(image));
            if let Some((truth, answer)) = truth.and_then(|truth| Some((truth, self.front_answer(image)?))) {
                tally.add(&answer, Some(&truth));
            }
        }
        Some(tally)
    }
}

impl Calibration {
    /// The filter that keeps the images of the marked bin.
    fn filter(&self) -> String {
        let (low, high) = Bin::range(Bin::COUNT - 1 - self.marked.min(Bin::COUNT - 1));
        let least = (low > 0.0).then(|| format!("p>{low:.4}"));
        let most = (high < 1.0).then(|| format!("p<{high:.4}"));
        least.into_iter().chain(most).collect::<Vec<_>>().join(" ")
    }
}

impl Behaviour for Calibration {
    fn rows(&self, _: &State) -> usize {
        Bin::COUNT
    }

    fn marked(&self, _: &State) -> Option<usize> {
        Some(self.marked)
    }

    fn mark(&mut self, row: usize, _: &State) {
        self.marked = row;
    }

    fn is_choice(&self) -> bool {
        true
    }

    /// Narrows the list to the images of the bin.
    fn accept(&self, state: &mut State) {
        state.before_filter = state.current().or(state.before_filter);
        state.filter = self.filter();
        state.refilter();
    }
}
