//! The search for a class to explain, by its name or index: alone, or against another, as `a-b`.

use super::{Behaviour, Open, Panel};
use crate::app::{ImageId, Mode, Selection, State};
use crate::model::Target;
use crate::triage::{has_words, search};

/// What was typed, and which of the matches is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    /// What was typed.
    pub query: String,
    /// The marked match.
    pub marked: usize,
    /// Why this class and not the one that is looked for; none to explain the one that is looked for.
    pub subject: Option<usize>,
    /// The panel that it was opened from, and goes back to.
    pub(in crate::app) back: Box<Panel>,
}

/// The classes that match, best first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matches {
    /// The class that is explained against one of them; none where one of them is explained.
    pub subject: Option<usize>,
    /// The classes.
    pub classes: Vec<usize>,
}

impl Matches {
    /// What is explained when a row is taken.
    fn target(&self, row: usize) -> Option<Target> {
        let class = *self.classes.get(row)?;
        Some(self.subject.map_or(Target::Class(class), |subject| Target::Contrast(subject, class)))
    }
}

impl Open for Classes {
    fn open(state: &mut State) -> Option<Self> {
        // Those that are about a class stay.
        let is_about = matches!(state.panel, Panel::Channels(_) | Panel::Walk(_) | Panel::Weights(_));
        let back = if is_about { state.panel.clone() } else { Panel::None };
        let panel = Classes { query: String::new(), marked: 0, subject: None, back: Box::new(back) };
        state.model.is_some().then_some(panel)
    }
}

impl Classes {
    /// The classes whose name or index matches what was typed; after `a-`, those that a class may be held against.
    pub fn matches(&self, state: &State) -> Matches {
        if let Some(subject) = self.subject {
            return against(subject, &self.query, state);
        }
        let is_name = || state.model.iter().any(|model| model.labels.iter().any(|label| has_words(&self.query, label)));
        // A dash may belong to a name, as in T-shirt.
        let splits = || self.query.match_indices('-').filter(|(at, _)| *at > 0);
        if self.query.contains('-') && !is_name() {
            let contrast = splits().find_map(|(at, _)| {
                let subject = *named(&self.query[..at], state).first()?;
                Some(against(subject, &self.query[at + 1..], state)).filter(|found| !found.classes.is_empty())
            });
            if let Some(contrast) = contrast {
                return contrast;
            }
        }
        Matches { subject: None, classes: named(&self.query, state) }
    }
}

fn against(subject: usize, text: &str, state: &State) -> Matches {
    let mut classes = named(text, state);
    classes.retain(|class| *class != subject);
    Matches { subject: Some(subject), classes }
}

/// The classes that a text names: by a part of the name, the index, or the place in the ranking (`top`, `top:2`). Among those
/// that match alike the likelier comes first.
fn named(text: &str, state: &State) -> Vec<usize> {
    let Some(model) = &state.model else { return Vec::new() };
    let answer = state.current().and_then(|image| state.prediction(image));
    let probability = |class: usize| answer.and_then(|answer| answer.probabilities.get(class)).copied().unwrap_or(0.0);
    let mut found = search(text, model.labels.iter().map(String::as_str), probability);
    let text = text.trim();
    let rank = text.strip_prefix("top").map(|rank| rank.strip_prefix(':').unwrap_or("1").parse::<usize>().unwrap_or(0));
    let ranked = rank.and_then(|rank| Some(answer?.top.get(rank.checked_sub(1)?)?.index));
    let numbered = text.parse().ok().filter(|index| *index < model.labels.len());
    if let Some(class) = ranked.or(numbered) {
        found.retain(|other| *other != class);
        found.insert(0, class);
    }
    found
}

impl Behaviour for Classes {
    fn mode(&self) -> Mode {
        Mode::Type
    }

    fn rows(&self, state: &State) -> usize {
        self.matches(state).classes.len()
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

    fn accept(&self, state: &mut State) {
        if let Some(target) = self.matches(state).target(self.marked) {
            state.selection.target = target;
        }
        state.panel = *self.back.clone();
    }

    fn escape(&self, state: &mut State) {
        state.panel = *self.back.clone();
    }

    fn edit(&mut self, change: &mut dyn FnMut(&mut String), _: &mut State) {
        change(&mut self.query);
        self.marked = 0;
    }

    fn previews(&self) -> bool {
        self.subject.is_some()
    }

    fn preview(&self, state: &State) -> Option<Selection> {
        let target = self.matches(state).target(self.marked)?;
        Some(Selection { target, ..state.selection.clone() })
    }
}

impl State {
    /// Opens the search for a class that another is held against: on a mistake what is said, against what is true.
    pub(in crate::app) fn open_contrast(&mut self) {
        let Some((subject, other)) = self.current().and_then(|image| self.contrast(image)) else { return };
        let panel = Classes { query: String::new(), marked: 0, subject: Some(subject), back: Box::default() };
        let row = panel.matches(self).classes.iter().position(|class| *class == other);
        self.begin(Panel::Classes(Classes { marked: row.unwrap_or(0), ..panel }));
    }

    /// The two classes of an image that a contrast begins with: the class explained, and what it is most likely wanted
    /// against.
    fn contrast(&self, image: ImageId) -> Option<(usize, usize)> {
        let answer = self.front_answer(image)?;
        let best = answer.top.first()?.index;
        let truth = self.front_truth(image);
        let is_mistake = !truth.is_empty() && !truth.contains(&best);
        let subject = match self.selection.target {
            Target::Class(class) | Target::Probability(class) => class,
            Target::Top(rank) => answer.top.get(rank)?.index,
            Target::Contrast(..) if is_mistake => best,
            Target::Contrast(class, _) => class,
        };
        let before = match self.selection.target {
            Target::Contrast(_, other) if !is_mistake => Some(other),
            _ => None,
        };
        let said = answer.top.iter().map(|said| said.index);
        let truth = truth.into_iter().filter(|_| is_mistake);
        let other = before.into_iter().chain(truth).chain(said).find(|class| *class != subject)?;
        Some((subject, other))
    }
}
